/* What the model leans on: how much of what moves its predictions is each feature's, now and in the
 * reference. Of endpoints whose contributions are watched. */
import { count, digits, lasting, percent, psi } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Panel } from "../parts/panel";
import { Table } from "../parts/table";

interface Leaning {
  feature: string;
  drifted: boolean;
  share: number | null;
  share_reference: number | null;
  rank: number | null;
  rank_reference: number | null;
  mean: number | null;
  mean_absolute: number | null;
  mean_absolute_reference: number | null;
  psi: number | null;
  psi_since: number | null;
}

export interface Contributions {
  state: "learning" | "watching";
  reference: { rows: number; wanted: number };
  importance_rows: number;
  window_seconds: number | null;
  leans_more?: string[];
  leans_less?: string[];
  features: Leaning[];
}

const effect = (f: Leaning) => (f.drifted && f.psi_since != null ? f.psi_since : f.psi);
const stateOf = (f: Leaning) => (f.drifted ? "firing" : effect(f) == null ? "none" : effect(f)! >= 0.1 ? "watch" : "ok");
const gap = (f: Leaning) => (f.share == null || f.share_reference == null ? null : f.share - f.share_reference);

/* "more on late, less on income" */
function words(of: Contributions): string {
  const parts = [of.leans_more?.length && `more on ${of.leans_more.join(", ")}`, of.leans_less?.length && `less on ${of.leans_less.join(", ")}`];
  return parts.filter(Boolean).join("; ");
}

function Shares({ of }: { of: Leaning }) {
  const x = (share: number | null) => Math.min(1, share ?? 0) * 100;
  return (
    <svg class="bar" viewBox="0 0 100 12" width="100" height="12" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-back" x="0" y="4" width="100" height="4" rx="2" />
      <rect class={of.drifted ? "bar-over" : "bar-fill"} x="0" y="3" width={x(of.share)} height="6" rx="2" />
      <path class="bar-limit" d={`M${x(of.share_reference)} 0v12`} />
    </svg>
  );
}

export function LeansOn({ of }: { of: Contributions | undefined }) {
  if (!of) return null;
  if (of.state === "learning")
    return <Panel title="What the model leans on" wide><p class="box">Learning what moves predictions: {count(of.reference.rows)} of {count(of.reference.wanted)} rows are explained.</p></Panel>;
  const changed = words(of);
  return (
    <Panel title="What the model leans on" note={`${count(of.importance_rows)} explained rows of the last ${lasting(of.window_seconds)} against ${count(of.reference.rows)} of the reference`} wide>
      {changed && <p class="lead"><StateWord state="firing" word="drifted" /> <span>it leans {changed} than it did</span></p>}
      <Table<Leaning> name="leaning" rows={of.features} id={(f) => f.feature} height={420} columns={[
        { key: "feature", title: "Feature", value: (f) => f.feature, cell: (f) => f.feature },
        { key: "state", title: "State", value: (f) => ["firing", "watch", "ok", "none"].indexOf(stateOf(f)), cell: (f) => <StateWord state={stateOf(f)} {...(f.drifted ? { word: "drifted" } : {})} /> },
        { key: "share", title: "Share", right: true, value: (f) => f.share, cell: (f) => percent(f.share) },
        { key: "bar", title: "now, and at first", cell: (f) => <Shares of={f} /> },
        { key: "then", title: "At first", right: true, value: (f) => f.share_reference, cell: (f) => percent(f.share_reference) },
        { key: "change", title: "Rank, at first", right: true, value: gap, cell: (f) => `${f.rank ?? "–"}, ${f.rank_reference ?? "–"}`, narrow: true },
        { key: "size", title: "Mean size", right: true, value: (f) => f.mean_absolute, cell: (f) => digits(f.mean_absolute), narrow: true },
        { key: "psi", title: "PSI", right: true, value: effect, cell: (f) => psi(effect(f)), narrow: true },
      ]} />
    </Panel>
  );
}
