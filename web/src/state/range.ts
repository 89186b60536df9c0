/* Which time is looked at: ?range=1h goes with the clock, ?from=..&to=.. stands still. */
import { computed } from "@preact/signals";
import { param, setQuery } from "./router";

export const ranges: Record<string, number> = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };

export interface Range {
  from: number; /* seconds since 1970; of a moving range: back from now */
  to: number;
  moves: boolean;
  name: string;
}

export const range = computed<Range>(() => {
  const from = Number(param("from"));
  const to = Number(param("to"));
  if (from > 0 && to > from) return { from, to, moves: false, name: "" };
  const name = param("range") in ranges ? param("range") : "15m";
  const now = Math.floor(Date.now() / 1000);
  return { from: now - ranges[name]!, to: now, moves: true, name };
});

/* From when to when now: a moving range goes with the clock, each time something is drawn. */
export function shownRange(): { from: number; to: number } {
  const { from, to, moves } = range.value;
  const now = Math.floor(Date.now() / 1000);
  return moves ? { from: now - (to - from), to: now } : { from, to };
}

export function setRange(name: string) {
  setQuery({ range: name === "15m" ? undefined : name, from: undefined, to: undefined }, false);
}

export function zoom(from: number, to: number) {
  setQuery({ range: undefined, from: String(Math.floor(from)), to: String(Math.ceil(to)) }, false);
}

/* A link that shows the same tomorrow. */
export function frozenLink(): string {
  const url = new URL(location.href);
  if (range.value.moves) {
    const now = Math.floor(Date.now() / 1000);
    url.searchParams.delete("range");
    url.searchParams.set("from", String(now - (range.value.to - range.value.from)));
    url.searchParams.set("to", String(now));
  }
  return url.href;
}
