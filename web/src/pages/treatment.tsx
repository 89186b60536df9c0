/* How groups are treated on live traffic: rates with intervals, limits and whether they hold, since when
 * one does not, and the gaps over time. */
import { useMemo } from "preact/hooks";
import { query } from "../api/client";
import { useData, type Asked } from "../api/use";
import { time, type Alert, type Listed } from "../api/watch";
import { fallback, useNews } from "../state/news";
import { shownRange } from "../state/range";
import { param, setQuery } from "../state/router";
import { server } from "../state/server";
import { live } from "../state/settings";
import { Chart, type Mark } from "../parts/chart";
import { count, digits, lasting, moment, percent } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Panel, Shown } from "../parts/panel";
import { number, rateColumns, type Group } from "../parts/rate";
import { A } from "../parts/shell";
import { Table } from "../parts/table";

interface Limit {
  measure: string; verdict: "broken" | "holds" | "undecided"; min?: number; max?: number;
  value: number | null; low: number | null; high: number | null; rows_needed: number | null;
  groups_too_small: number; highest?: string; lowest?: string;
}
interface Attribute {
  version: number; model: string; attribute: string; source: "logged" | "feedback"; active: boolean;
  window_seconds: number; threshold: number | null; unjudged?: string;
  label_coverage_gap: number | null; label_coverage_unequal: boolean;
  groups: Record<string, Group>; measures: Record<string, number | null>; limits: Limit[];
}
interface Report { endpoint: string; attributes: Attribute[]; verdict: string | null }

const words = (measure: string) => measure.replaceAll("_", " ");
const states = { broken: "firing", holds: "ok", undecided: "watch" } as const;
const bound = (l: Limit) => (l.min != null ? `${digits(l.min)} or more` : `${digits(l.max)} or less`);

/* "0.62 (0.55 to 0.71), must be 0.8 or more: F against M" */
function said(l: Limit): string {
  const between = l.lowest && l.highest ? `: ${l.lowest} against ${l.highest}` : "";
  return `${words(l.measure)} ${digits(l.value)} (${digits(l.low)} to ${digits(l.high)}), must be ${bound(l)}${between}`;
}

/* Alerts about it that fire: since when. */
function useBroken(name: string, configured: boolean): Asked<Listed<Alert>> {
  const path = `/mw/v1/alerts${query({ endpoint: name, rule: "UnequalTreatment", state: "firing", limit: 100 })}`;
  const asked = useData<Listed<Alert>>(configured && server.value.alerting ? path : undefined, fallback());
  useNews("alerts", asked.reload);
  return asked;
}

function Verdict({ of, alerts }: { of: Attribute; alerts: Alert[] }) {
  const broken = of.limits.filter((l) => l.verdict === "broken");
  const since = (l: Limit) => {
    const alert = alerts.find((a) => a.labels.attribute === of.attribute && a.labels.measure === l.measure && a.labels.version === String(of.version));
    const at = time(alert?.since);
    return alert && at ? <>; <span title={moment(at)}>broken for {lasting((Date.now() - at) / 1000)}</span>, <A to={`/alerts?alert=${alert.id}`}>the alert</A></> : null;
  };
  if (of.unjudged) return <p class="lead"><StateWord state="none" word="not judged" /> {of.unjudged}</p>;
  if (of.limits.length === 0) return <p class="lead faint">No limit is set: fairness_limits in its endpoint of millwright.yaml.</p>;
  if (broken.length > 0) return <ul class="reasons">{broken.map((l) => <li key={l.measure}><StateWord state="firing" word="broken" /> <span>{said(l)}{since(l)}</span></li>)}</ul>;
  const open = of.limits.filter((l) => l.verdict === "undecided").length;
  return <p class="lead">{open ? <><StateWord state="watch" word="undecided" /> {open} of {of.limits.length} limits cannot be decided yet</> : <><StateWord state="ok" word="holds" /> all {of.limits.length} limits hold, of so many rows</>}</p>;
}

interface Line { name: string; group: Group }

function Groups({ name, of }: { name: string; of: Attribute }) {
  const lines: Line[] = Object.entries(of.groups).map(([group, values]) => ({ name: group, group: values }));
  return (
    <Table<Line> name={`${name} live by ${of.attribute}`} rows={lines} id={(l) => l.name} height={420} columns={[
      { key: "group", title: "Group", value: (l) => l.name, cell: (l) => <>{l.name}{l.group.few_rows ? <span class="tag" title="too few rows to judge">few rows</span> : null}</> },
      { key: "rows", title: "Rows", right: true, value: (l) => number(l.group.rows), cell: (l) => count(number(l.group.rows)) },
      { key: "labels", title: "Labelled", right: true, value: (l) => number(l.group.labels), cell: (l) => <span title={`${percent(number(l.group.label_coverage))} of its rows`}>{count(number(l.group.labels))}</span> },
      ...rateColumns<Line>(),
    ]} />
  );
}

function Limits({ name, of }: { name: string; of: Attribute }) {
  if (of.limits.length === 0) return null;
  return (
    <Table<Limit> name={`${name} limits by ${of.attribute}`} rows={of.limits} id={(l) => l.measure} columns={[
      { key: "verdict", title: "Verdict", value: (l) => l.verdict, cell: (l) => <StateWord state={states[l.verdict]} word={l.verdict} /> },
      { key: "measure", title: "Limit", value: (l) => l.measure, cell: (l) => words(l.measure) },
      { key: "value", title: "Value", right: true, value: (l) => l.value, cell: (l) => digits(l.value) },
      { key: "interval", title: "At all times within", cell: (l) => `${digits(l.low)} to ${digits(l.high)}` },
      { key: "bound", title: "Must be", cell: bound },
      { key: "between", title: "Between", narrow: true, value: (l) => l.lowest, cell: (l) => (l.lowest && l.highest ? `${l.lowest} and ${l.highest}` : "–") },
      { key: "needed", title: "Still open", narrow: true, cell: (l) => [l.groups_too_small && `${l.groups_too_small} groups of too few rows`, l.rows_needed && `about ${count(l.rows_needed)} more rows would tell`].filter(Boolean).join(", ") },
    ]} />
  );
}

/* ---- over time ----------------------------------------------------------------------------------- */

interface Kept { metric: string; labels: Record<string, string>; values: (number | null)[] }
interface History { step: number; t: number[]; series: Kept[] }

function Over({ name, of, marks }: { name: string; of: Attribute; marks: Mark[] }) {
  const measures = of.limits.map((l) => l.measure);
  const worst = of.limits.find((l) => l.verdict === "broken")?.measure ?? measures[0] ?? "";
  const measure = measures.includes(param("gap")) ? param("gap") : worst;
  const range = shownRange();
  const bucket = Math.floor(range.to / 60) * 60; /* a page a minute is kept */
  const path = `/mw/v1/history${query({ metric: "mw_fairness_gap,mw_fairness_gap_low,mw_fairness_gap_high", endpoint: name, from: bucket - (range.to - range.from), to: bucket + 60 })}`;
  const history = useData<History>(measure ? path : undefined, live.value === "on" ? 60000 : undefined);
  const limit = of.limits.find((l) => l.measure === measure);
  const line = limit?.min ?? limit?.max ?? null;
  const lines = useMemo(() => {
    const found = history.data;
    if (!found) return [];
    const values = (metric: string) => found.series.find((s) => s.metric === metric && s.labels.attribute === of.attribute && s.labels.measure === measure && s.labels.model === of.model)?.values ?? [];
    return [
      { label: words(measure), values: values("mw_fairness_gap"), colour: 0, dash: 0 },
      { label: "from", values: values("mw_fairness_gap_low"), colour: 0, dash: 2 },
      { label: "to", values: values("mw_fairness_gap_high"), colour: 0, dash: 2 },
      { label: "limit", values: found.t.map(() => line), colour: 1, dash: 1 },
    ];
  }, [history.data, measure, of.attribute, of.model, line]);
  if (!measure) return null;
  return (
    <>
      {measures.length > 1 && <label class="field-line">over time <select value={measure} onChange={(e) => setQuery({ gap: e.currentTarget.value })}>{measures.map((m) => <option key={m} value={m}>{words(m)}</option>)}</select></label>}
      <Shown of={history} height={210}>
        {(h) => lines[0]?.values.some((v) => v != null)
          ? <Chart name={`${name} ${measure} by ${of.attribute}`} x={h.t} lines={lines} show={digits} marks={marks} {...range} {...(h.t.length < 40 ? { dots: true } : {})} height={200} />
          : <Empty>Not kept yet: it is kept each minute, from this server's start on.</Empty>}
      </Shown>
    </>
  );
}

/* ---- the panel ----------------------------------------------------------------------------------- */

function Nothing({ name, said: configured }: { name: string; said: boolean }) {
  if (!configured)
    return (
      <Empty command={`endpoints: [{name: ${name}, fairness_groups: "sex, age(25,60)", fairness_limits: demographic_parity_ratio >= 0.8}]`} label="lines of millwright.yaml">
        Nobody has said which groups are compared: columns of the model, or names that come with labels. In millwright.yaml, beside its model, and with prediction_log on:
      </Empty>
    );
  return <Empty command={`mw feedback send ${name} --input labels.csv`}>No row of a group yet: each prediction from now on is counted by its groups. Groups that are no column come with labels (groups.sex in a CSV):</Empty>;
}

export function Treatment({ name, configured, marks }: { name: string; configured: boolean; marks: Mark[] }) {
  const asked = useData<Report>(configured ? `/mw/v1/endpoints/${encodeURIComponent(name)}/fairness` : undefined, fallback());
  const alerts = useBroken(name, configured);
  useNews(configured ? `endpoint:${name}` : undefined, asked.reload);
  const all = asked.data?.attributes ?? [];
  const versions = [...new Set(all.map((a) => a.version))].sort((a, b) => b - a);
  const version = versions.find((v) => String(v) === param("treated")) ?? all.find((a) => a.active)?.version ?? versions[0];
  const mine = all.filter((a) => a.version === version);
  const of = mine.find((a) => a.attribute === param("attribute")) ?? mine.find((a) => a.limits.some((l) => l.verdict === "broken")) ?? mine[0];
  const note = of && `the last ${lasting(of.window_seconds)}, v${of.version}${of.active ? "" : ", which has no traffic now"}; selected is a score of ${digits(of.threshold)} or more; bars are 95 % intervals`;
  return (
    <Panel title="How groups are treated" wide note={note ?? ""} actions={of && <>
      {mine.length > 1 && <select aria-label="groups by" value={of.attribute} onChange={(e) => setQuery({ attribute: e.currentTarget.value })}>{mine.map((a) => <option key={a.attribute}>{a.attribute}</option>)}</select>}
      {versions.length > 1 && <select aria-label="version that treats" value={String(version)} onChange={(e) => setQuery({ treated: e.currentTarget.value })}>{versions.map((v) => <option key={v} value={String(v)}>v{v}</option>)}</select>}
    </>}>
      {!configured ? <Nothing name={name} said={false} /> : (
        <Shown of={asked} height={200}>
          {() => !of ? <Nothing name={name} said /> : (
            <>
              <Verdict of={of} alerts={alerts.data?.items ?? []} />
              {of.label_coverage_unequal && <p class="lead"><StateWord state="watch" word="unequal labels" /> labels come {percent(of.label_coverage_gap)} more often for one group than for another: rates of labelled rows mislead</p>}
              <Groups name={name} of={of} />
              <Limits name={name} of={of} />
              {server.value.alerting && <Over key={`${of.attribute} ${of.model}`} name={name} of={of} marks={marks} />}
            </>
          )}
        </Shown>
      )}
    </Panel>
  );
}
