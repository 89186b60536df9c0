/* Our own few icons. A state is told by form, colour and word. */
import type { State } from "../api/types";

const words: Record<string, string> = {
  ok: "ok", watch: "watch", firing: "firing", none: "no data", pending: "pending", lost: "lost",
};
const forms: Record<string, string> = {
  ok: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11z",
  watch: "M8 1.5 14.5 8 8 14.5 1.5 8z",
  pending: "M8 1.5 14.5 8 8 14.5 1.5 8z",
  firing: "M8 1.8 15 14H1z",
  none: "M8 2a6 6 0 1 0 0 12a6 6 0 0 0 0-12zm0 2.2a3.8 3.8 0 1 1 0 7.6a3.8 3.8 0 0 1 0-7.6z",
};

export function Mark({ state }: { state: string }) {
  const known = state in forms ? state : "none";
  return (
    <svg class={`mark mark-${known}`} viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
      <path d={forms[known]} />
    </svg>
  );
}

export function StateWord({ state, word }: { state: State | string; word?: string }) {
  return (
    <span class={`state state-${state}`}>
      <Mark state={state} /> {word ?? words[state] ?? state}
    </span>
  );
}

const drawings: Record<string, string> = {
  overview: "M2 3h5v5H2zM9 3h5v5H9zM2 10h5v3H2zM9 10h5v3H9z",
  endpoint: "M2 8h3l2-5 3 10 2-5h2",
  alert: "M8 2a4 4 0 0 1 4 4v3l1.5 2.5h-11L4 9V6a4 4 0 0 1 4-4zM6.5 13.5h3",
  model: "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3 6-3M8 8v6",
  experiment: "M6 2h4M7 2v4L3 13h10L9 6V2",
  explain: "M3 3h7M3 6.5h10M3 10h5M3 13.5h8",
  fairness: "M8 2v12M4 14h8M3 5h10M3 5l-2 5h4zM13 5l-2 5h4z",
  data: "M8 2c3.3 0 5 .9 5 2s-1.7 2-5 2-5-.9-5-2 1.7-2 5-2zM3 4v8c0 1.1 1.7 2 5 2s5-.9 5-2V4M3 8c0 1.1 1.7 2 5 2s5-.9 5-2",
  lineage: "M2 3h4v3H2zM2 10h4v3H2zM10 6.5h4v3h-4zM6 4.5h1.5l2 2.5H10M6 11.5h1.5l2-2.5H10",
  rollout: "M2 12l4-4 3 3 5-6M10 5h4v4",
  capacity: "M2 13a6 6 0 0 1 12 0M8 13l3-5M2 13h12",
  report: "M4 2h6l3 3v9H4zM10 2v3h3M6 8h5M6 11h5",
  audit: "M4 2h8v12H4zM6 5h4M6 8h4M6 11h2",
  settings: "M8 5.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M3.4 12.6l1.4-1.4M11.2 4.8l1.4-1.4",
  menu: "M2 4h12M2 8h12M2 12h12",
  copy: "M5 5h8v9H5zM3 11V2h8",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9zM10.5 10.5 14 14",
  more: "M4 8h.01M8 8h.01M12 8h.01",
  close: "M3 3l10 10M13 3 3 13",
  down: "M4 6l4 4 4-4",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={drawings[name] ?? ""} />
    </svg>
  );
}
