/* What happened, as bars and marks of charts: alerts that held, rollouts that began and ended. */
import { time, type Alert, type Rollout } from "../api/watch";
import type { Bar, Event } from "./timeline";

/* The features that an alert is about, the worst first. */
export function featuresOf(alert: Alert): string[] {
  return (alert.evidence ?? []).map((one) => one.labels.feature).filter((feature): feature is string => !!feature);
}

export function markOf(alert: Alert): string {
  return alert.state === "resolved" ? "ok" : alert.state === "pending" ? "pending" : alert.severity === "info" ? "watch" : "firing";
}

export function alertBars(alerts: Alert[], byEndpoint: boolean): Bar[] {
  return alerts.filter((a) => a.since ?? a.fired).map((a) => ({
    row: byEndpoint && a.endpoint ? `${a.rule} · ${a.endpoint}` : a.rule, from: time(a.since) ?? time(a.fired)!, to: time(a.resolved),
    kind: a.state === "pending" ? "pending" : a.severity, text: `${a.rule} ${a.state}`,
  }));
}

/* When a rollout began, was promoted or taken back. */
export function deploysOf(r: Rollout, withName: boolean): Event[] {
  const name = withName ? `${r.endpoint} ` : "";
  const events = [{ at: r.started, text: `${name}v${r.to_version}` }];
  if (r.state === "rolled_back" || r.state === "aborted") events.push({ at: r.ended ?? r.entered, text: `${name}back to v${r.from_version}` });
  if (r.state === "watching") events.push({ at: r.entered, text: `${name}v${r.to_version} promoted` });
  return events;
}
