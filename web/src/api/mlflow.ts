/* The record, by MLflow's own addresses. */
import { ask, query } from "./client";

export interface Pair { key: string; value: string }
export interface Metric { key: string; value: number | string; timestamp: number; step: number; run_id?: string }

export interface Experiment {
  experiment_id: string;
  name: string;
  lifecycle_stage: string;
  creation_time?: number;
  last_update_time?: number;
  tags?: Pair[];
}

export interface Run {
  info: {
    run_id: string;
    run_name?: string;
    experiment_id: string;
    status: string;
    start_time?: number;
    end_time?: number;
    user_id?: string;
    lifecycle_stage?: string;
    artifact_uri?: string;
  };
  data: { metrics?: Metric[]; params?: Pair[]; tags?: Pair[] };
  inputs?: { dataset_inputs?: { dataset: { name: string; digest: string; source_type?: string }; tags?: Pair[] }[] };
}

export interface ModelVersion {
  name: string;
  version: string;
  creation_timestamp?: number;
  last_updated_timestamp?: number;
  current_stage?: string;
  description?: string;
  source?: string;
  run_id?: string;
  status?: string;
  tags?: Pair[];
  aliases?: string[];
  user_id?: string;
}

export interface RegisteredModel {
  name: string;
  creation_timestamp?: number;
  last_updated_timestamp?: number;
  description?: string;
  latest_versions?: ModelVersion[];
  tags?: Pair[];
  aliases?: { alias: string; version: string }[];
}

const at = "/api/2.0/mlflow";

export const paths = {
  experiments: `${at}/experiments/search`,
  runs: `${at}/runs/search`,
  run: (id: string) => `${at}/runs/get${query({ run_id: id })}`,
  models: (filter: string, token?: string) => `${at}/registered-models/search${query({ filter, max_results: 200, page_token: token })}`,
  model: (name: string) => `${at}/registered-models/get${query({ name })}`,
  versions: (name: string) => `${at}/model-versions/search${query({ filter: `name='${name.replaceAll("'", "''")}'`, max_results: 200 })}`,
  alias: `${at}/registered-models/alias`,
  artifacts: (run: string, path: string) => `${at}/artifacts/list${query({ run_id: run, path })}`,
  file: (run: string, path: string) => `/get-artifact${query({ run_id: run, path })}`,
};

/* NaN and infinities come as words. */
export function num(value: number | string | undefined): number | null {
  if (value === undefined) return null;
  const n = typeof value === "number" ? value : value === "Infinity" ? Infinity : value === "-Infinity" ? -Infinity : Number(value);
  return Number.isFinite(n) ? n : null;
}

export function valueOf(list: Pair[] | undefined, key: string): string | undefined {
  return list?.find((pair) => pair.key === key)?.value;
}

export function metricOf(run: Run, key: string): number | null {
  return num(run.data.metrics?.find((metric) => metric.key === key)?.value);
}

/* The curves of a metric in several runs, thinned out by the server. */
export async function curves(runs: string[], key: string, points: number): Promise<Record<string, Metric[]>> {
  const ids = runs.map((id) => `run_ids=${encodeURIComponent(id)}`).join("&");
  const found = await ask<{ metrics?: Metric[] }>(`${at}/metrics/get-history-bulk-interval?${ids}&metric_key=${encodeURIComponent(key)}&max_results=${points}`);
  const sorted: Record<string, Metric[]> = {};
  for (const metric of found.metrics ?? []) (sorted[metric.run_id ?? ""] ??= []).push(metric);
  return sorted;
}
