/* The address is the state: every page, range and choice has a link of its own. */
import { computed, signal } from "@preact/signals";
import { base } from "../api/client";

const root = `${base}/ui`;

function read() {
  const path = location.pathname.startsWith(root) ? location.pathname.slice(root.length) : "/";
  return { path: path.replace(/\/+$/, "") || "/", query: new URLSearchParams(location.search) };
}

/* MLflow's client prints links to MLflow's own pages ("View run at: …/#/experiments/0/runs/ID");
 * they lead to the same thing here. */
const ofMlflow: [RegExp, string][] = [
  [/^#\/experiments\/[^/?]+\/runs\/([^/?]+)/, "/runs/$1"],
  [/^#\/compare-runs\?(?:.*&)?runs=([^&]+)/, "/compare?runs=$1"],
  [/^#\/experiments\/([^/?]+)/, "/experiments/$1"],
  [/^#\/experiments\b/, "/experiments"],
  [/^#\/models\/([^/?]+)\/versions\/([^/?]+)/, "/models/$1/$2"],
  [/^#\/(?:models|prompts)\/([^/?]+)/, "/models/$1"],
  [/^#\/(?:models|prompts)\b/, "/models"],
];

function follow(): void {
  const found = ofMlflow.find(([link]) => link.test(location.hash));
  if (!found) return;
  let to = location.hash.replace(new RegExp(`${found[0].source}.*$`), found[1]);
  if (to.startsWith("/compare")) to = to.replace(/%5B|%5D|%22|[[\]"]/gi, "").replace(/%2C/gi, ",");
  history.replaceState(null, "", root + to);
}

follow();
export const place = signal(read());
export const path = computed(() => place.value.path);

addEventListener("popstate", () => { follow(); place.value = read(); }); /* a changed hash, too */

export function href(to: string): string {
  return root + (to === "/" ? "/" : to);
}

export function go(to: string): void {
  history.pushState(null, "", href(to));
  place.value = read();
  scrollTo(0, 0);
}

/* Change parts of the query; absent or empty values are taken out. */
export function setQuery(changes: Record<string, string | undefined>, keep = true): void {
  const next = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === "") next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  const to = location.pathname + (text ? `?${text}` : "");
  if (keep) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  place.value = read();
}

export function param(name: string): string {
  return place.value.query.get(name) ?? "";
}

/* "/endpoints/churn" against "/endpoints/:name": what the colons stand for, or undefined. */
export function match(pattern: string, at: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const have = at.split("/");
  if (wanted.length !== have.length) return undefined;
  const found: Record<string, string> = {};
  for (let i = 0; i < wanted.length; i++) {
    const part = wanted[i]!;
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(have[i]!);
      } catch {
        return undefined;
      }
    } else if (part !== have[i]) return undefined;
  }
  return found;
}
