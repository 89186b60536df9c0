/* What the server answers below /mw/v1: docs/reference/window.md. */

export type State = "ok" | "watch" | "firing" | "none";

export interface Reason {
  level: "firing" | "watch";
  text: string;
}

export interface DriftSummary {
  state: "off" | "learning" | "watching";
  learned?: number;
  wanted?: number;
  rows?: number;
  n_columns?: number;
  n_drifted?: number;
  worst?: { feature: string; psi: number | null; drifted: boolean };
}

/* By the newest labels that came back. */
export interface Quality {
  metric: string;
  value: number;
  low: number | null;
  high: number | null;
  labels: number;
}

export interface Endpoint {
  name: string;
  state: State;
  reasons: Reason[];
  version: number;
  ready: boolean;
  format?: string;
  objective?: string;
  features?: number;
  trees?: number;
  rps: number | null;
  error_share: number | null;
  p50: number | null;
  p99: number | null;
  requests: number;
  last?: number;
  drift: DriftSummary;
  since: number; /* when its version was first seen here */
  quality?: Quality;
  spark?: number[];
}

export interface Overview {
  now: number;
  started: number;
  server_version: string;
  record: boolean;
  watching: boolean;
  alerting: boolean;
  logging: boolean;
  asks: boolean;
  draining: boolean;
  limits: { busy: number; full: number };
  items: Endpoint[];
  total: number;
}

export interface Column {
  name: string;
  type: string;
  categories?: string[];
}

export interface EndpointVersion {
  version: number;
  requests: number;
  since: number;
  rps: number | null;
  error_share: number | null;
  p50: number | null;
  p99: number | null;
}

export interface EndpointDetail {
  endpoint: Endpoint;
  path: string;
  reason: string;
  memory_bytes: number;
  loads: number;
  loads_failed: number;
  queue: number;
  latency_budget: number;
  shed: Record<string, number>;
  columns?: Column[];
  versions: EndpointVersion[];
  compares_groups: boolean; /* GET /fairness has an answer */
}

export type Numbers = (number | null)[];

export interface Series {
  from: number;
  to: number;
  step: number;
  since?: number;
  t: number[];
  series: Record<string, Numbers>;
  versions: Record<string, Record<string, Numbers>>;
  heat?: { bounds: number[]; counts: number[][] };
}

export interface Point {
  endpoint: string;
  t: number;
  requests: number;
  ok: number;
  client_errors: number;
  server_errors: number;
  rows: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  latency: number[];
  versions: Record<string, { requests: number; errors: number; p99: number | null }>;
}
