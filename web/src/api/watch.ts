/* Alerts and rollouts, as docs/reference/alerts.md and rollouts.md have them. */

export interface Listed<T> { items: T[]; next_cursor: string | null; total: number }

export interface Evidence { labels: Record<string, string>; values: Record<string, number | null> }

export interface Alert {
  id?: number; /* none while it is pending */
  fingerprint: string;
  rule: string;
  state: "pending" | "firing" | "resolved";
  severity: string;
  endpoint: string;
  since: string | null;
  fired: string | null;
  resolved: string | null;
  value: number | null;
  silenced: boolean;
  acknowledged: { by: string; why: string; at: string } | null;
  labels: Record<string, string>;
  condition?: string;
  fires_in_seconds?: number;
  summary?: string;
  ended?: string;
  how_sure?: { text: string; log_e_value?: number; p_value?: number; rows?: number; held_seconds?: number };
  evidence?: Evidence[];
  evidence_total?: number;
  what_to_do?: string;
  runbook?: string;
}

export interface Silence { id: number; active: boolean; match: string; from: string; until: string; by: string; why: string }

export interface Rule {
  name: string;
  when: string;
  for: string;
  keep_firing_for?: string;
  resolve_when?: string;
  severity: string;
  labels?: Record<string, string>;
  summary?: string;
  what_to_do?: string;
  runbook?: string;
  evidence?: string[];
  enabled: boolean;
  origin: string;
}

export interface Receiver {
  name: string;
  kind: string;
  delivered: number;
  failed: number;
  waiting: number;
  last_delivered: string | null;
  last_error: string;
}

export interface Finding {
  metric: string;
  finding: "unknown" | "fine" | "regress";
  critical: boolean;
  tolerance: number;
  stable: number | null;
  canary: number | null;
  harm: number | null;
  low: number | null;
  high: number | null;
  log_e: number | null;
  samples_needed: number;
}

export interface Verdict {
  verdict: "promote" | "rollback" | "wait";
  action: string;
  why: string;
  evidence: Finding[];
  samples_needed: number;
  samples: number;
  split_log_e?: number | null;
}

export interface Step { weight?: number; shadow?: number; min_samples?: number; for?: string; approve?: string }

export interface Rollout extends Verdict {
  id: number;
  endpoint: string;
  model: string;
  alias: string;
  from_version: number;
  to_version: number;
  strategy: string;
  state: "running" | "paused" | "watching" | "promoted" | "rolled_back" | "aborted";
  step: number;
  steps: number;
  weight: number;
  shadow: number;
  started: number;
  entered: number;
  ended?: number;
  started_by: string;
  reason: string;
  approved: boolean;
  document: { steps: Step[]; judge?: { alpha: number }; deadline?: string; watch_after?: string; on_unknown?: string };
}

export interface RolloutEvent {
  seq: number;
  time: number;
  step: number;
  kind: string;
  state: string;
  by: string;
  reason: string;
  evidence?: Partial<Verdict>;
}

export const isLive = (r: Rollout) => r.state === "running" || r.state === "paused" || r.state === "watching";

export const time = (text: string | null | undefined): number | null => (text ? Date.parse(text) : null);

/* "600000ms", "10m": in ms. */
export function duration(text: string | undefined): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(text ?? "");
  const unit: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
  return found ? Number(found[1]) * unit[found[2] ?? "ms"]! : 0;
}
