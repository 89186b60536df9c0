/* One stream of events a tab. It is closed while the tab is hidden or paused; where it fails, whoever
 * listens asks again every ten seconds (`falling` is true). */
import { effect, signal } from "@preact/signals";
import { base } from "../api/client";
import { live } from "./settings";

type Listener = (data: unknown) => void;

const listeners = new Map<string, Set<{ topic: string; hear: Listener }>>();
const topics = signal<string[]>([]);
/* Something is looked at closely (a pointer over a chart): nothing moves. */
export const held = signal(false);
export const heard = signal(0); /* when the last event came */
export const status = signal<"on" | "paused" | "lost">("on");
const hidden = signal(document.hidden);

document.addEventListener("visibilitychange", () => (hidden.value = document.hidden));

let stream: EventSource | undefined;
let watchdog = 0;

function close() {
  stream?.close();
  stream = undefined;
  clearInterval(watchdog);
}

function open(of: string[]) {
  const query = of.map(encodeURIComponent).join(",");
  stream = new EventSource(`${base}/mw/v1/events?topics=${query}`);
  heard.value = Date.now();
  for (const name of ["overview", "point", "resync", "alert", "rollout", "drift"])
    stream.addEventListener(name, (event) => {
      heard.value = Date.now();
      status.value = "on";
      const data: unknown = JSON.parse((event as MessageEvent<string>).data);
      for (const one of listeners.get(name) ?? []) one.hear(data);
    });
  watchdog = window.setInterval(() => {
    if (Date.now() - heard.value < 20000) return;
    status.value = "lost";
    if (stream?.readyState === EventSource.CLOSED) {
      close();
      open(of);
    }
  }, 5000);
}

effect(() => {
  const of = topics.value;
  const paused = live.value === "off";
  close();
  status.value = paused ? "paused" : "on";
  if (of.length > 0 && !paused && !hidden.value) open(of);
});

/* Hear events of this name while the topic is asked for; returns how to stop. */
export function listen(topic: string, name: string, hear: Listener): () => void {
  const one = { topic, hear };
  const set = listeners.get(name) ?? new Set();
  listeners.set(name, set.add(one));
  const update = () => {
    const all = new Set<string>();
    for (const of of listeners.values()) for (const each of of) all.add(each.topic);
    const next = [...all].sort();
    if (next.join() !== topics.value.join()) topics.value = next;
  };
  queueMicrotask(update);
  return () => {
    set.delete(one);
    queueMicrotask(update);
  };
}
