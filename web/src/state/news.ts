/* What is shown is asked for again when the server says that it has changed; where its stream is lost,
 * every ten seconds. */
import { useEffect } from "preact/hooks";
import { held, listen, status } from "./live";
import { live } from "./settings";

export type Topic = "alerts" | "rollouts" | `endpoint:${string}`;

const events = (topic: Topic) => (topic === "alerts" ? "alert" : topic === "rollouts" ? "rollout" : "drift");

export function useNews(topic: Topic | undefined, ...reloads: (() => void)[]) {
  useEffect(() => {
    if (!topic) return undefined;
    return listen(topic, events(topic), () => { if (!held.value || !topic.startsWith("endpoint:")) for (const reload of reloads) reload(); });
  }, [topic]);
}

/* How often to ask, where nobody tells. */
export const fallback = (): number | undefined => (live.value === "on" && status.value === "lost" ? 10000 : undefined);
