/* Drift of an endpoint: a row a column, the largest first. */
import { useState } from "preact/hooks";
import { useData } from "../api/use";
import { live } from "../state/settings";
import { count, lasting, percent, psi } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Panel, Shown } from "../parts/panel";
import { Table } from "../parts/table";

export interface DriftColumn {
  feature: string;
  kind: "input" | "output";
  drifted: boolean;
  psi: number | null;
  psi_since: number | null;
  log_e_value: number | null;
  since_rows: number;
  since_seconds: number | null;
  missing_share: number | null;
  missing_share_reference: number | null;
  outside_share: number | null;
}

export interface DriftReport {
  state: "off" | "learning" | "watching";
  reference?: { kind: string; rows: number; wanted: number };
  rows?: number;
  window_rows?: number;
  window_seconds?: number;
  features: DriftColumn[];
}

const effect = (c: DriftColumn) => (c.drifted && c.psi_since != null && (c.psi == null || c.psi_since > c.psi) ? c.psi_since : c.psi);
const stateOf = (c: DriftColumn) => (c.drifted ? "firing" : effect(c) == null ? "none" : effect(c)! >= 0.1 ? "watch" : "ok");

function Columns({ report }: { report: DriftReport }) {
  const [all, setAll] = useState(false);
  const sorted = [...report.features].sort((a, b) => Number(b.drifted) - Number(a.drifted) || (effect(b) ?? -1) - (effect(a) ?? -1));
  const shown = all ? sorted : sorted.slice(0, 10);
  return (
    <>
      <Table<DriftColumn> name="drift" rows={shown} id={(c) => `${c.kind} ${c.feature}`} columns={[
        { key: "feature", title: "Column", value: (c) => c.feature, cell: (c) => <>{c.feature}{c.kind === "output" && <span class="tag">prediction</span>}</> },
        { key: "state", title: "State", value: (c) => ["firing", "watch", "ok", "none"].indexOf(stateOf(c)), cell: (c) => <StateWord state={stateOf(c)} {...(c.drifted ? { word: "drifted" } : {})} /> },
        { key: "psi", title: "PSI", right: true, value: effect, cell: (c) => psi(effect(c)) },
        { key: "bar", title: "0 to 0.5, limit 0.2", cell: (c) => <Bar value={effect(c)} /> },
        { key: "missing", title: "Missing", right: true, value: (c) => c.missing_share, cell: (c) => <span title={`in the reference ${percent(c.missing_share_reference)}`}>{percent(c.missing_share)}</span>, narrow: true },
        { key: "outside", title: "Outside", right: true, value: (c) => c.outside_share, cell: (c) => percent(c.outside_share), narrow: true },
        { key: "evidence", title: "Evidence (ln e)", right: true, value: (c) => c.log_e_value, cell: (c) => c.log_e_value == null ? "–" : c.log_e_value.toFixed(1), narrow: true },
      ]} />
      {sorted.length > 10 && <button type="button" onClick={() => setAll(!all)}>{all ? "the ten largest" : `all ${sorted.length}`}</button>}
    </>
  );
}

function Bar({ value }: { value: number | null }) {
  const share = Math.min(1, (value ?? 0) / 0.5);
  return (
    <svg class="bar" viewBox="0 0 100 12" width="100" height="12" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-back" x="0" y="4" width="100" height="4" rx="2" />
      <rect class={value != null && value >= 0.2 ? "bar-over" : "bar-fill"} x="0" y="3" width={share * 100} height="6" rx="2" />
      <path class="bar-limit" d="M40 0v12" />
    </svg>
  );
}

export function Drift({ name }: { name: string }) {
  const asked = useData<DriftReport>(`/mw/v1/endpoints/${encodeURIComponent(name)}/drift`, live.value === "on" ? 5000 : undefined);
  const r = asked.data;
  const note = r?.state === "watching" ? `${count(r.window_rows)} rows of the last ${lasting(r.window_seconds)} against ${count(r.reference?.rows)} of the reference` : "";
  return (
    <Panel title="Drift by column" note={note} wide>
      <Shown of={asked} height={200}>
        {(report) =>
          report.state === "off" ? <Empty command="mw serve model.json --watch on">This server does not watch its traffic.</Empty>
          : report.state === "learning" ? <Learning report={report} />
          : <Columns report={report} />}
      </Shown>
    </Panel>
  );
}

function Learning({ report }: { report: DriftReport }) {
  const have = report.reference?.rows ?? 0;
  const wanted = report.reference?.wanted ?? 1;
  return (
    <div class="box">
      <p>Learning what is usual: {count(have)} of {count(wanted)} rows. From then on each column is compared with them.</p>
      <progress value={have} max={wanted} aria-label="rows of the reference" />
    </div>
  );
}
