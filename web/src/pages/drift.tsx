/* Drift of an endpoint: over time, a row a column (the largest first), and each one's distribution beside
 * the reference's. */
import { useMemo, useState } from "preact/hooks";
import { query } from "../api/client";
import { useData } from "../api/use";
import { range, shownRange } from "../state/range";
import { param, setQuery } from "../state/router";
import { fallback, useNews } from "../state/news";
import { live } from "../state/settings";
import { Chart, type Mark } from "../parts/chart";
import { Histogram, type Bin } from "../parts/histogram";
import { count, digits, lasting, percent, psi } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Panel, Shown } from "../parts/panel";
import { Table } from "../parts/table";
import { Decay } from "./decay";
import { LeansOn, type Contributions } from "./leaning";

interface Category { category: string | number | null; share: number; reference_share: number | null; new: boolean }

/* Of rows that were sampled in the last minutes. */
interface Values {
  rows: number;
  seconds: number | null;
  distinct: number | null;
  mean?: number | null;
  deviation?: number | null;
  least?: number | null;
  most?: number | null;
  quantiles?: Record<string, number | null>;
  categories?: Category[];
  new_categories?: Category[];
}

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
  values?: Values;
  stuck?: boolean;
  stuck_value?: string | number | null;
  stuck_rows?: number;
  stuck_seconds?: number | null;
}

interface Odd { found: boolean; seconds?: number | null; usual_seconds?: number | null; requests_per_minute?: number | null; usual_requests_per_minute?: number | null; share?: number | null; usual_share?: number | null; since_seconds?: number | null }
interface Stream { silence: Odd; burst: Odd; duplicates: Odd; stuck_features: number }

export interface DecayMetric { decayed: boolean; estimated: number | null; low: number | null; high: number | null; reference: number | null; realized: number | null }
export interface DecayReport { decayed: boolean; rows: number; seconds: number | null; labels: number; reference_labels: number; metrics: Record<string, DecayMetric>; causes?: { feature: string; accuracy_lost?: number; mae_added?: number }[] }

export interface DriftReport {
  decay?: DecayReport;
  state: "off" | "learning" | "watching";
  reference?: { kind: string; rows: number; wanted: number };
  rows?: number;
  window_rows?: number;
  window_seconds?: number;
  servers?: number;
  features: DriftColumn[];
  stream?: Stream;
  contributions?: Contributions;
}

const effect = (c: DriftColumn) => (c.drifted && c.psi_since != null && (c.psi == null || c.psi_since > c.psi) ? c.psi_since : c.psi);
const stateOf = (c: DriftColumn) => (c.drifted || c.stuck ? "firing" : effect(c) == null ? "none" : effect(c)! >= 0.1 ? "watch" : "ok");

function Columns({ report }: { report: DriftReport }) {
  const [all, setAll] = useState(false);
  const sorted = [...report.features].sort((a, b) => Number(b.drifted || !!b.stuck) - Number(a.drifted || !!a.stuck) || (effect(b) ?? -1) - (effect(a) ?? -1));
  const shown = all ? sorted : sorted.slice(0, 10);
  return (
    <>
      <Table<DriftColumn> name="drift" rows={shown} id={(c) => `${c.kind} ${c.feature}`} open={(c) => setQuery({ feature: c.feature }, false)} height={520} columns={[
        { key: "feature", title: "Column", value: (c) => c.feature, cell: (c) => <><button type="button" class="link" onClick={() => setQuery({ feature: c.feature }, false)}>{c.feature}</button>{c.kind === "output" && <span class="tag">prediction</span>}</> },
        { key: "state", title: "State", value: (c) => ["firing", "watch", "ok", "none"].indexOf(stateOf(c)), cell: (c) => <StateWord state={stateOf(c)} {...(c.stuck ? { word: "stuck" } : c.drifted ? { word: "drifted" } : {})} /> },
        { key: "psi", title: "PSI", right: true, value: effect, cell: (c) => psi(effect(c)) },
        { key: "bar", title: "0 to 0.5, limit 0.2", cell: (c) => <Bar value={effect(c)} /> },
        { key: "missing", title: "Missing", right: true, value: (c) => c.missing_share, cell: (c) => <span title={`in the reference ${percent(c.missing_share_reference)}`}>{percent(c.missing_share)}</span>, narrow: true },
        { key: "outside", title: "Outside", right: true, value: (c) => c.outside_share, cell: (c) => percent(c.outside_share), narrow: true },
        { key: "evidence", title: "Evidence (ln e)", right: true, value: (c) => c.log_e_value, cell: (c) => digits(c.log_e_value), narrow: true },
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

const measures = { psi: "PSI", missing: "missing share", outside: "outside the reference" };

interface DriftSeries { version: number; step: number; t: number[]; rows: number[]; series: Record<string, (number | null)[]> }
interface Bins { version: number; features: Record<string, Bin[]> }

/* A range that moves is told by its length, one that stands still by its ends. */
function windowOf(): { window?: string; from?: string; to?: string } {
  const { from, to, moves, name } = range.value;
  return moves ? { window: name } : { from: String(Math.floor(from)), to: String(Math.ceil(to)) };
}

const every = () => (live.value === "on" ? 15000 : undefined);
const of = (name: string) => `/mw/v1/endpoints/${encodeURIComponent(name)}/drift`;
const last = (values: (number | null)[]) => [...values].reverse().find((v) => v != null) ?? -1;

/* Lines of the columns that moved most; chosen ones stay. */
function Over({ name, marks, only }: { name: string; marks: Mark[]; only?: string }) {
  const measure = (param("measure") || "psi") as keyof typeof measures;
  const asked = useData<DriftSeries>(`${of(name)}/series${query({ ...windowOf(), measure, feature: only })}`, every());
  const lines = useMemo(() => Object.entries(asked.data?.series ?? {}).sort((a, b) => last(b[1]) - last(a[1])).slice(0, 6)
    .map(([label, values]) => ({ label, values })), [asked.data]);
  const n = Object.keys(asked.data?.series ?? {}).length;
  return (
    <>
      {!only && (
        <span class="ranges" role="group" aria-label="measure">
          {Object.entries(measures).map(([key, word]) => <button type="button" key={key} aria-pressed={measure === key} onClick={() => setQuery({ measure: key === "psi" ? undefined : key })}>{word}</button>)}
        </span>
      )}
      <Shown of={asked} height={210}>
        {(s) => s.t.length === 0 ? <Empty>No whole minute of rows since the reference is known.</Empty>
          : <Chart name={`${name} ${only ?? "drift"}, ${measures[measure]}`} x={s.t} lines={lines} show={measure === "psi" ? psi : percent} unit={measure === "psi" ? "PSI" : "share of the rows"} marks={marks} {...shownRange()} {...(s.t.length < 30 ? { dots: true } : {})} />}
      </Shown>
      {n > 6 && !only && <p class="faint">the largest 6 of {n}, a point each {lasting(asked.data?.step)}</p>}
    </>
  );
}

function Shape({ name, column }: { name: string; column: string }) {
  const asked = useData<Bins>(`${of(name)}/bins${query({ feature: column, ...windowOf() })}`, every());
  return (
    <Shown of={asked} height={220}>
      {(b) => b.features[column]?.length ? <Histogram name={`${name} ${column}`} bins={b.features[column]} />
        : /^output \d+$/.test(column) ? <Empty>What is compared with are training data, in which no predictions stand: how they are spread is told where the first rows are the reference (mw serve without --reference).</Empty>
        : <Empty>There is no reference of this column yet.</Empty>}
    </Shown>
  );
}

function ValuesOf({ of }: { of: Values }) {
  const news = of.new_categories ?? [];
  return (
    <>
      <dl class="facts">
        <div><dt>Sampled</dt><dd>{count(of.rows)} rows of {lasting(of.seconds)}</dd></div>
        <div><dt>Different values</dt><dd>about {count(Math.round(of.distinct ?? 0))}</dd></div>
        {of.mean !== undefined && <div><dt>Mean and deviation</dt><dd>{digits(of.mean)}, {digits(of.deviation)}</dd></div>}
        {of.least !== undefined && <div><dt>From and to</dt><dd>{digits(of.least)} to {digits(of.most)}</dd></div>}
        {of.quantiles && <div><dt>Quantiles</dt><dd>{Object.entries(of.quantiles).map(([share, value]) => <span class="tag" key={share}>{share}: {digits(value)}</span>)}</dd></div>}
        {news.length > 0 && <div><dt>New values</dt><dd>{news.map((one, i) => <span class="tag" key={i}>{String(one.category ?? "forgotten")}: {percent(one.share)}</span>)}</dd></div>}
      </dl>
      {!!of.categories?.length && (
        <Table<Category> name="values" rows={of.categories} id={(one) => String(one.category)} height={260} columns={[
          { key: "value", title: "Value", value: (one) => one.category, cell: (one) => <>{String(one.category ?? "forgotten")}{one.new && <span class="tag">new</span>}</> },
          { key: "share", title: "Share", right: true, value: (one) => one.share, cell: (one) => percent(one.share) },
          { key: "then", title: "In the reference", right: true, value: (one) => one.reference_share, cell: (one) => percent(one.reference_share) },
        ]} />
      )}
    </>
  );
}

/* What is odd about the requests themselves, in sentences. */
function oddities(stream: Stream | undefined): string[] {
  if (!stream) return [];
  const { silence, burst, duplicates } = stream;
  return [
    silence.found && `nobody has asked for ${lasting(silence.seconds)}; usual is ${lasting(silence.usual_seconds)} at most`,
    burst.found && `${count(burst.requests_per_minute)} requests a minute; the busiest usual minute has ${count(burst.usual_requests_per_minute)}`,
    duplicates.found && `${percent(duplicates.share)} of the rows are one and the same; usual is ${percent(duplicates.usual_share)} at most`,
    stream.stuck_features > 0 && `${stream.stuck_features} feature${stream.stuck_features > 1 ? "s have" : " has"} stood still`,
  ].filter((one): one is string => !!one);
}

function One({ name, column, marks }: { name: string; column: DriftColumn; marks: Mark[] }) {
  return (
    <Panel title={column.feature} wide note={column.drifted ? `drifted: ${count(column.since_rows)} rows in ${lasting(column.since_seconds)} since it began` : "now beside the reference"}
      actions={<button type="button" class="quiet" onClick={() => setQuery({ feature: undefined })}>close</button>}>
      <div class="grid">
        <div><Shape name={name} column={column.feature} /></div>
        <div><Over name={name} marks={marks} only={column.feature} /></div>
      </div>
      {column.stuck && <p class="lead"><StateWord state="firing" word="stuck" /> at {String(column.stuck_value ?? "missing")} for {count(column.stuck_rows)} rows, {lasting(column.stuck_seconds)}</p>}
      {column.values && <ValuesOf of={column.values} />}
    </Panel>
  );
}

export function Drift({ name, marks }: { name: string; marks: Mark[] }) {
  const asked = useData<DriftReport>(of(name), fallback());
  useNews(`endpoint:${name}`, asked.reload);
  const r = asked.data;
  const watched = r?.state === "watching";
  const note = watched ? `${count(r.window_rows)} rows of the last ${lasting(r.window_seconds)} against ${count(r.reference?.rows)} of the reference${(r.servers ?? 1) > 1 ? `, of ${r.servers} servers` : ""}` : "";
  const outputs = (r?.features ?? []).filter((c) => c.kind === "output");
  const output = outputs.find((c) => c.feature === param("output")) ?? outputs[0];
  const chosen = r?.features.find((c) => c.feature === param("feature"));
  const odd = oddities(r?.stream);
  return (
    <>
      {odd.length > 0 && <ul class="reasons page-reasons" aria-label="odd about the requests">{odd.map((words) => <li key={words}><StateWord state="firing" word="odd" /> <span>{words}</span></li>)}</ul>}
      {watched && (
        <div class="grid">
          <Panel title="Drift over time"><Over name={name} marks={marks} /></Panel>
          <Panel title="Predictions" note="beside the reference" actions={outputs.length > 1 && (
            <select aria-label="output" value={output?.feature} onChange={(e) => setQuery({ output: e.currentTarget.value })}>{outputs.map((c) => <option key={c.feature}>{c.feature}</option>)}</select>
          )}>
            {output ? <Shape name={name} column={output.feature} /> : <Empty>No prediction is watched.</Empty>}
          </Panel>
        </div>
      )}
      <Decay name={name} report={r} marks={marks} />
      {chosen && watched && <One key={chosen.feature} name={name} column={chosen} marks={marks} />}
      <Panel title="Drift by column" note={note} wide>
        <Shown of={asked} height={200}>
          {(report) =>
            report.state === "off" ? <Empty command="mw serve model.json --watch on">This server does not watch its traffic.</Empty>
            : report.state === "learning" ? <Learning report={report} />
            : <Columns report={report} />}
        </Shown>
      </Panel>
      <LeansOn of={r?.contributions} />
    </>
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
