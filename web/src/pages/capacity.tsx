/* Capacity: what is nearest to its limit, how much more this server carries, and what the next day is
 * like, from pages of /metrics that are kept each minute. */
import { useMemo, useState } from "preact/hooks";
import { query } from "../api/client";
import { isKnown, useData } from "../api/use";
import { shownRange } from "../state/range";
import { limits, server } from "../state/server";
import { live } from "../state/settings";
import { Chart } from "../parts/chart";
import { Command, UseThis } from "../parts/copy";
import { ago, digits, lasting, moment, percent, rate } from "../parts/format";
import { StateWord } from "../parts/icons";
import { forecastOf, fullest, headroomOf, loadOf, metrics, most, newest, resourcesOf, riseOf, stateAt, type Forecast, type History, type Load, type Resource } from "../parts/load";
import { Empty, Loading, Page, Panel, Shown } from "../parts/panel";
import { A, RangePicker } from "../parts/shell";
import { Table } from "../parts/table";

const minute = 60, week = 604800;
const bench = "mw capacity bench --input rows.csv --objective 10ms";

/* Pages of a range that ends now, or stands still; asked for again each minute, when one is kept. */
function useKept(metric: string[], from: number, to: number) {
  const path = `/mw/v1/history${query({ metric: metric.join(), from: Math.floor(from / minute) * minute, to: (Math.floor(to / minute) + 1) * minute })}`;
  return useData<History>(server.value.alerting || (server.value.known && !server.value.reached) ? path : undefined, live.value === "on" ? 60000 : undefined);
}

const words = { firing: "at its limit", watch: "near its limit", ok: "has room", none: "not known" } as const;

/* ---- now ----------------------------------------------------------------------------------------- */

function Bar({ r }: { r: Resource }) {
  const x = (v: number) => Math.max(0, Math.min(1, v)) * 160;
  return (
    <svg class="bar" viewBox="0 0 160 12" width="160" height="12" aria-hidden="true">
      <rect class="bar-back" x="0" y="4" width="160" height="4" rx="2" />
      <rect class={r.now! >= r.limit ? "bar-over" : "bar-fill"} x="0" y="3" width={x(r.now ?? 0)} height="6" rx="2" />
      <path class="bar-limit" d={`M${x(r.limit)} 0v12`} />
      <circle class="iv-dot" cx={x(r.peak ?? 0)} cy="6" r="3" />
    </svg>
  );
}

function Now({ load, resources }: { load: Load; resources: Resource[] }) {
  const worst = fullest(resources);
  const room = headroomOf(resources);
  const peak = most(load.requests);
  if (!worst) return null;
  const state = stateAt(worst.peak, worst.limit);
  return (
    <>
      <p class="lead"><StateWord state={state} word={words[state]} /> The fullest is <b>{worst.title.toLowerCase()}</b>: {percent(worst.now)} now, {percent(worst.peak)} at the peak of this range; {percent(worst.limit)} is the limit{state === "ok" ? "." : `: ${worst.mend}.`}{" "}
        {room == null
          ? <>Threads are too idle to tell how much more it carries. <span class="faint">To measure it, where nobody uses it:</span></>
          : room < 1 ? <b>The peak is beyond what it carries well.</b>
          : <>It carries <b>about {room >= 10 ? "ten" : digits(room)} times</b> the peak{peak ? <>, which was {rate(peak)} requests a second</> : null}, if requests stay what they are.</>}</p>
      {(room == null || room >= 10) && <Command text={bench} />}
      <Table<Resource> name="resources" rows={resources} id={(r) => r.key} columns={[
        { key: "title", title: "Of", value: (r) => r.title, cell: (r) => r.title },
        { key: "state", title: "State", value: (r) => r.peak! / r.limit, cell: (r) => <StateWord state={stateAt(r.now, r.limit)} word={words[stateAt(r.now, r.limit)]} /> },
        { key: "now", title: "Now", right: true, value: (r) => r.now, cell: (r) => percent(r.now) },
        { key: "peak", title: "Peak", right: true, value: (r) => r.peak, cell: (r) => percent(r.peak) },
        { key: "bar", title: "now, its peak (dot) and limit", cell: (r) => <Bar r={r} />, narrow: true },
        { key: "mend", title: "When it is full", cell: (r) => <span title={r.mend}>{r.mend}</span>, narrow: true },
      ]} />
    </>
  );
}

/* ---- where the time goes --------------------------------------------------------------------------- */

interface Work { endpoint: string; total: number; stages: Record<string, number> }
const stages = ["decode", "predict", "explain", "encode"];
const advice: Record<string, string> = { decode: "send binary tensors instead of JSON", predict: "a smaller model, or more rows a request", explain: "ask for contributions only where they are read", encode: "ask for binary outputs instead of JSON" };

function workOf(h: History): Work[] {
  const found = new Map<string, Work>();
  for (const s of h.series) {
    const { endpoint = "", stage = "" } = s.labels;
    if (!stages.includes(stage)) continue;
    const w = found.get(endpoint) ?? { endpoint, total: 0, stages: {} };
    const spent = riseOf(h.t, s.values).reduce<number>((sum, v, i) => sum + (v ?? 0) * (i ? h.t[i]! - h.t[i - 1]! : 0), 0);
    w.stages[stage] = (w.stages[stage] ?? 0) + spent;
    w.total += spent;
    found.set(endpoint, w);
  }
  return [...found.values()].filter((w) => w.total > 0).sort((a, b) => b.total - a.total);
}

function Where({ from, to }: { from: number; to: number }) {
  const asked = useKept(["mw_stage_seconds_sum"], from, to);
  const work = useMemo(() => (asked.data ? workOf(asked.data) : []), [asked.data]);
  const all = work.reduce((sum, w) => sum + w.total, 0);
  const dearest = (w: Work) => stages.reduce((a, s) => ((w.stages[s] ?? 0) > (w.stages[a] ?? 0) ? s : a), "decode");
  return (
    <Panel title="Where the time goes" wide note="of threads that work on requests, by endpoint">
      <Shown of={asked} height={120}>
        {(h) => work.length === 0 ? <Empty command="mw status">No endpoint worked in this range. What goes on this second:</Empty> : <>
          <Table<Work> name="where the time goes" rows={work} id={(w) => w.endpoint} height={420} columns={[
            { key: "endpoint", title: "Endpoint", value: (w) => w.endpoint, cell: (w) => <A to={`/endpoints/${encodeURIComponent(w.endpoint)}`}>{w.endpoint}</A> },
            { key: "share", title: "Of the work", right: true, value: (w) => w.total / all, cell: (w) => percent(w.total / all) },
            ...stages.map((s) => ({ key: s, title: s, right: true, narrow: true, value: (w: Work) => (w.stages[s] ?? 0) / w.total, cell: (w: Work) => percent((w.stages[s] ?? 0) / w.total) })),
            { key: "less", title: "To make it less", cell: (w) => `${dearest(w)}: ${advice[dearest(w)]}` },
          ]} />
          {h.series.length >= 200 && <p class="faint">of the first endpoints; more are served than are told at once</p>}
        </>}
      </Shown>
    </Panel>
  );
}

/* ---- what comes ------------------------------------------------------------------------------------ */

function Comes({ f, share }: { f: Forecast; share: Load }) {
  const [growth, grow] = useState(1);
  const [replicas, setReplicas] = useState(1);
  const times = growth / replicas;
  const limit = limits.value.busy;
  const lines = useMemo(() => {
    const past = share.t.map((_, i) => share.loops[i] ?? null);
    const [none, later] = [Array<null>(f.t.length).fill(null), (values: (number | null)[]) => values.map((v) => (v == null ? null : v * times))];
    return [
      { label: "loops busy", values: [...past, ...none], colour: 0, dash: 0 },
      { label: "expected, from", values: [...past.map(() => null), ...later(f.low)], colour: 2, dash: 2 },
      { label: "to", values: [...past.map(() => null), ...later(f.high)], colour: 2, dash: 1 },
      { label: "limit", values: [...past, ...none].map(() => limit), colour: 1, dash: 4 },
    ];
  }, [f, share, times, limit]);
  const expected = f.peak == null ? null : f.peak * times;
  const state = stateAt(expected, limit);
  if (f.days < 2) return <Empty command={bench}>What a day is like is known when two days are kept: each minute is kept for a week. How much it carries can be measured now:</Empty>;
  return (
    <>
      <p class="lead"><StateWord state={state} word={words[state]} /> The next peak is expected at {moment(f.peakAt! * 1000)}: loops {percent(expected)} busy, by the busiest of {f.days} days at that hour.{" "}
        {times !== 1 ? "" : f.reaches == null ? <span class="faint">The peaks of the days do not grow to the limit within 90 days.</span> : <b>If peaks grow on as they did, they reach {percent(limit)} on {moment(f.reaches * 1000).slice(0, 10)}.</b>}</p>
      <div class="filter">
        <label>requests <select value={String(growth)} onChange={(e) => grow(Number(e.currentTarget.value))}>{[0.5, 1, 1.5, 2, 3, 5, 10].map((n) => <option key={n} value={String(n)}>{n === 1 ? "as they are" : `${n} times as many`}</option>)}</select></label>
        <label>servers <select value={String(replicas)} onChange={(e) => setReplicas(Number(e.currentTarget.value))}>{[1, 2, 3, 4, 6, 8].map((n) => <option key={n} value={String(n)}>{n === 1 ? "this one" : `${n} that share them`}</option>)}</select></label>
        {state === "firing" && expected != null && <span class="fault">it takes {Math.ceil((f.peak! * growth) / limit)} such servers, and one more lets one of them die</span>}
      </div>
      <Chart name="loops busy, and expected" x={[...share.t, ...f.t]} lines={lines} show={percent} unit="share of the time" {...(share.t.length < 60 ? { dots: true } : {})} height={220} />
    </>
  );
}

/* ---- the page -------------------------------------------------------------------------------------- */

export function CapacityPage() {
  const range = shownRange();
  const now = Math.floor(Date.now() / 1000);
  const asked = useKept(metrics, range.from, range.to);
  const lately = useKept(metrics.slice(0, 1), now - week, now);
  const load = useMemo(() => (asked.data ? loadOf(asked.data) : undefined), [asked.data]);
  const past = useMemo(() => (lately.data ? loadOf(lately.data) : undefined), [lately.data]);
  const comes = useMemo(() => (past ? forecastOf(past.t, past.loops, now, limits.value.busy) : undefined), [past, limits.value]);
  const lines = useMemo(() => (load ? [
    { label: "loops", values: load.loops, colour: 0 }, { label: "the busiest loop", values: load.busiest, colour: 5, dash: 2 }, { label: "workers", values: load.workers, colour: 2 },
    { label: "memory", values: load.memory, colour: 3 }, { label: "limit", values: load.t.map(() => limits.value.busy), colour: 1, dash: 4 },
  ] : []), [load, limits.value]);
  const known = !!load && newest(load.loops) != null;
  const last = load ? load.t[load.loops.map((v) => v != null).lastIndexOf(true)] : undefined;
  const uses = [
    { title: "What is kept of it", path: `/mw/v1/history?metric=${metrics.slice(0, 3).join()}`, cli: "mw status" },
    { title: "This second", path: "/metrics", cli: "mw status --interval 5s" }, { title: "How much it carries", path: "/metrics", cli: bench },
  ];
  return (
    <Page title="Capacity" actions={<><RangePicker /><UseThis uses={uses} /></>}>
      {server.value.reached && !server.value.alerting ? <Panel title="What is nearest to its limit" wide><Empty command="mw serve model.json --alerts on">Pages of /metrics are kept by alerts, which this server has not. Start it with them; or look at it now with mw status:</Empty></Panel>
        : !(server.value.known && isKnown(asked, lately)) ? <Loading height={900} /> : <>
        <Panel title="What is nearest to its limit" wide note={last ? <>a look each minute, the last {ago(last * 1000)}; {load ? `${rate(newest(load.requests))} requests a second` : ""}</> : ""}>
          <Shown of={asked} height={260}>
            {() => known ? <Now load={load!} resources={resourcesOf(load!, limits.value)} /> : <Empty command="mw status">It is known from two kept minutes on, {lasting(2 * minute)} behind the start. At once:</Empty>}
          </Shown>
        </Panel>
        {known && <Panel title="Over time" wide note="shares of what there is"><Chart name="capacity over time" x={load!.t} lines={lines} show={percent} unit="share of what there is" {...range} {...(load!.t.length < 40 ? { dots: true } : {})} height={200} /></Panel>}
        {known && <Where from={range.from} to={range.to} />}
        <Panel title="The next day" wide note="by the hours of the days that are kept, times in UTC days"><Shown of={lately} height={220}>{() => (comes && past ? <Comes f={comes} share={past} /> : null)}</Shown></Panel>
      </>}
    </Page>
  );
}
