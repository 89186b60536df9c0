/* What a version is made of, and what hangs on it: docs/how-to/trace-a-model.md. */

export interface Side {
  name: string;
  type?: string;
  required?: boolean;
  low?: number;
  high?: number;
  missing?: number;
}
export interface RunBrief { run_id: string; name?: string; status: string; started?: string }

export interface Lineage {
  name: string;
  version: number;
  registered: string;
  user?: string;
  source?: string;
  aliases: string[];
  recorded: boolean;
  digest?: string;
  files: number;
  bytes: number;
  fault?: string;
  run?: RunBrief;
  experiment?: string;
  parent_run?: RunBrief;
  child_runs: RunBrief[];
  read_by: RunBrief[];
  code: { commit?: string; branch?: string; repository?: string; entry?: string; dirty?: boolean; patch?: string };
  data: { name?: string; digest?: string; source_type?: string; source?: string; context?: string }[];
  environment: { python?: string; mlflow?: string; flavors?: string; libraries: Record<string, string> };
  inputs: Side[];
  outputs: Side[];
  related: { name: string; version: number; kinship: string; through?: string }[];
  served_by: { endpoint: string; address: string; since: string }[];
  cut: boolean;
}

export const lineagePath = (name: string, version: string | number) => `/mw/v1/lineage?id=${encodeURIComponent(`${name}/${version}`)}`;

export const kin: Record<string, string> = {
  same_files: "the same files", same_data: "made from the same data", same_code: "made by the same code",
  made_from_it: "its run has read this version", it_is_made_from: "this version's run has read it",
};
