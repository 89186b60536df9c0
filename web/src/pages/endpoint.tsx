/* One endpoint: what it is asked, how fast it answers, and whether the world has moved. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { EndpointDetail, EndpointVersion, Point, Series } from "../api/types";
import { query } from "../api/client";
import { isKnown, useData, type Asked } from "../api/use";
import { held, listen } from "../state/live";
import { range, shownRange } from "../state/range";
import { fallback, useNews } from "../state/news";
import { live } from "../state/settings";
import { Chart, type Mark } from "../parts/chart";
import { UseThis, copy, curlOf } from "../parts/copy";
import { bytes, count, moment, percent, rate, seconds, ago } from "../parts/format";
import { Heat } from "../parts/heat";
import { Icon, StateWord } from "../parts/icons";
import { Empty, ErrorBox, Loading, Page, Panel, Shown } from "../parts/panel";
import { A, RangePicker } from "../parts/shell";
import { Table } from "../parts/table";
import { RolloutBox, RolloutState } from "../parts/rollout";
import { Timeline } from "../parts/timeline";
import { alertBars, deploysOf } from "../parts/happened";
import { isLive, type Alert, type Listed, type Rollout } from "../api/watch";
import { seesAll, server } from "../state/server";
import { frozenLink } from "../state/range";
import { Drift } from "./drift";
import { Performance } from "./performance";
import { Treatment } from "./treatment";

/* A second more, in place of the oldest. */
function append(series: Series, point: Point, keep: number): Series {
  const last = series.t[series.t.length - 1] ?? 0;
  if (series.step !== 1 || point.t <= last) return series;
  const fill = Math.min(point.t - last - 1, keep - 1); /* seconds that nobody told of: a tab that slept */
  const drop = Math.max(0, series.t.length + fill + 1 - keep);
  const grow = (old: (number | null)[], value: number | null) => [...old.slice(drop), ...Array<null>(fill).fill(null), value];
  const shown: Record<string, (number | null)[]> = {};
  for (const [name, values] of Object.entries(series.series))
    shown[name] = grow(values, (point as unknown as Record<string, number | null>)[name] ?? (name.startsWith("p") ? null : 0));
  const versions: Series["versions"] = {};
  const names = new Set([...Object.keys(series.versions), ...Object.keys(point.versions)]);
  for (const version of names) {
    const old = series.versions[version];
    const now = point.versions[version];
    const none = () => Array<null>(series.t.length).fill(null);
    versions[version] = {
      requests: grow(old?.requests ?? none(), now?.requests ?? 0),
      errors: grow(old?.errors ?? none(), now?.errors ?? 0),
      p99: grow(old?.p99 ?? none(), now?.p99 ?? null),
    };
  }
  const nothing = () => point.latency.map(() => 0);
  const heat = series.heat && {
    bounds: series.heat.bounds,
    counts: [...series.heat.counts.slice(drop), ...Array.from({ length: fill }, nothing), point.latency],
  };
  const t = [...series.t.slice(drop), ...Array.from({ length: fill }, (_, i) => point.t - fill + i), point.t];
  return { ...series, t, series: shown, versions, ...(heat ? { heat } : {}) };
}

function useSeries(name: string) {
  const now = range.value;
  const [tick, setTick] = useState(0);
  const moving = now.moves && live.value === "on";
  const width = Math.max(300, Math.min(1200, Math.round(innerWidth / 2)));
  const span = now.to - now.from;
  const path = useMemo(() => {
    const to = now.moves ? Math.floor(Date.now() / 1000) : now.to;
    return `/mw/v1/endpoints/${encodeURIComponent(name)}/series${query({ from: to - span, to, w: width, heat: 1 })}`;
  }, [name, now.moves, now.name, now.moves ? 0 : now.from, now.moves ? 0 : now.to, tick]);
  const asked = useData<Series>(path);
  const latest = useRef<Series | undefined>(undefined);
  latest.current = asked.data;
  useEffect(() => {
    if (!moving) return undefined;
    const stop = listen(`endpoint:${name}`, "point", (data) => {
      const point = data as Point;
      if (point.endpoint !== name || !latest.current || held.value) return;
      latest.current = append(latest.current, point, span);
      asked.set(latest.current);
    });
    const again = listen(`endpoint:${name}`, "resync", () => setTick((n) => n + 1));
    /* heat, and ranges whose step is longer than a second */
    const timer = setInterval(() => document.hidden || held.value || setTick((n) => n + 1), 15000);
    return () => {
      stop();
      again();
      clearInterval(timer);
    };
  }, [name, moving, span]);
  return asked;
}

const ms = (value: number | null) => seconds(value);

/* The rollouts of the endpoint, the newest first; where one sees this endpoint only, the newest. */
function useRollouts(name: string) {
  const path = seesAll.value ? `/mw/v1/rollouts${query({ endpoint: name, max_results: 200 })}` : `/mw/v1/endpoints/${encodeURIComponent(name)}/rollout`;
  const asked = useData<{ items: Rollout[] } | Rollout>(server.value.record ? path : undefined, fallback());
  useNews("rollouts", asked.reload);
  const items = useMemo(() => (asked.data ? ("items" in asked.data ? asked.data.items : [asked.data]) : none), [asked.data]);
  return { items, reload: asked.reload, known: isKnown(asked) };
}

/* Where versions began and rollouts turned, on every chart. */
function marksOf(series: Series, rollouts: Rollout[]) {
  const found = rollouts.flatMap((r) => deploysOf(r, false)).map((event) => ({ t: event.at / 1000, text: event.text }));
  for (const [version, of] of Object.entries(series.versions)) {
    const first = of.requests?.findIndex((v) => v != null) ?? -1;
    const t = series.t[first];
    if (version !== "0" && first > 0 && t !== undefined && !found.some((mark) => mark.text === `v${version}` && Math.abs(mark.t - t) < 5 * series.step + 5)) found.push({ t, text: `v${version}` });
  }
  return found.filter((mark) => mark.t >= series.from && mark.t <= series.to + 60);
}

function Traffic({ name, series, marks }: { name: string; series: Series; marks: Mark[] }) {
  const versions = Object.keys(series.versions).sort((a, b) => Number(a) - Number(b)).slice(-6);
  const span = { sync: `endpoint-${name}`, marks };
  const lines = useMemo(() => ({
    requests: versions.map((version) => ({ label: version === "0" ? "earlier" : `v${version}`, values: series.versions[version]?.requests ?? [], ...(version === "0" ? { colour: 3 } : {}) })),
    latency: [
      { label: "p50", values: series.series.p50 ?? [], colour: 0 },
      { label: "p90", values: series.series.p90 ?? [], colour: 4 },
      { label: "p99", values: series.series.p99 ?? [], colour: 1 },
    ],
    errors: [
      { label: "4xx", values: series.series.client_errors ?? [], colour: 4 },
      { label: "5xx", values: series.series.server_errors ?? [], colour: 1 },
    ],
    rows: [{ label: "rows", values: series.series.rows ?? [], colour: 2 }],
  }), [series]);
  return (
    <>
      <Panel title="Requests a second, by version">
        <Chart name={`${name} requests per second`} x={series.t} lines={lines.requests} show={rate} unit="per second" area {...span} />
      </Panel>
      <Panel title="Latency" note="within the server">
        <Chart name={`${name} latency`} x={series.t} lines={lines.latency} show={ms} unit="seconds" {...span} />
      </Panel>
      <Panel title="Errors a second">
        <Chart name={`${name} errors per second`} x={series.t} lines={lines.errors} show={rate} unit="per second" {...span} />
      </Panel>
      <Panel title="Latency heat" note="share of the requests by time and latency">
        <Heat name={`${name} latency heat`} series={series} marks={marks} />
      </Panel>
    </>
  );
}

/* How much of the traffic a version gets. */
function shareOf(version: number, detail: EndpointDetail, rollout: Rollout | undefined): number {
  if (!rollout || !isLive(rollout)) return version === detail.endpoint.version ? 1 : 0;
  return version === rollout.to_version ? rollout.weight : version === rollout.from_version ? 1 - rollout.weight : 0;
}

function Versions({ detail, rollout }: { detail: EndpointDetail; rollout: Rollout | undefined }) {
  return (
    <Table<EndpointVersion> name="versions" rows={detail.versions} id={(v) => String(v.version)} sort="-version" columns={[
      { key: "version", title: "Version", value: (v) => v.version, cell: (v) => <>v{v.version}{v.version === detail.endpoint.version ? <span class="tag">serving</span> : null}</> },
      { key: "share", title: "Share", right: true, value: (v) => shareOf(v.version, detail, rollout), cell: (v) => percent(shareOf(v.version, detail, rollout)) },
      { key: "since", title: "Since", value: (v) => v.since, cell: (v) => <span title={moment(v.since)}>{ago(v.since)}</span> },
      { key: "requests", title: "Requests", right: true, value: (v) => v.requests, cell: (v) => count(v.requests) },
      { key: "rps", title: "req/s", right: true, value: (v) => v.rps, cell: (v) => rate(v.rps) },
      { key: "errors", title: "Errors", right: true, value: (v) => v.error_share, cell: (v) => percent(v.error_share) },
      { key: "p99", title: "p99", right: true, value: (v) => v.p99, cell: (v) => seconds(v.p99) },
    ]} />
  );
}

function About({ detail }: { detail: EndpointDetail }) {
  const e = detail.endpoint;
  return (
    <dl class="facts">
      <div><dt>Model</dt><dd>{e.format ?? "not loaded"}{e.objective ? `, ${e.objective}` : ""}{e.trees ? `, ${count(e.trees)} trees` : ""}</dd></div>
      <div><dt>Features</dt><dd>{count(e.features)}</dd></div>
      <div><dt>File</dt><dd class="path">{detail.path}</dd></div>
      <div><dt>Memory</dt><dd>{bytes(detail.memory_bytes)}</dd></div>
      <div><dt>Latency budget</dt><dd>{seconds(detail.latency_budget)}</dd></div>
      <div><dt>Refused</dt><dd>{Object.entries(detail.shed).filter(([, n]) => n > 0).map(([why, n]) => `${count(n)} ${why}`).join(", ") || "none"}</dd></div>
      <div><dt>Loads</dt><dd>{detail.loads}{detail.loads_failed ? `, ${detail.loads_failed} failed: ${detail.reason}` : ""}</dd></div>
    </dl>
  );
}

function example(detail: EndpointDetail) {
  const row: Record<string, unknown> = {};
  for (const column of detail.columns ?? [])
    row[column.name] = column.categories ? (column.categories[0] ?? null) : 0;
  return { dataframe_records: [row] };
}

const none: Rollout[] = [];

/* The share of odd rows among those that were judged. */
function Anomalies({ name, series, marks }: { name: string; series: Asked<Series>; marks: Mark[] }) {
  const s = series.data;
  const share = useMemo(() => {
    const [scored, odd] = [s?.series.scored ?? [], s?.series.odd ?? []];
    return scored.map((n, i) => (n ? (odd[i] ?? 0) / n : null));
  }, [s]);
  const lines = useMemo(() => [{ label: "odd rows", values: share, colour: 1 }], [share]);
  if (!s || !share.some((v) => v != null)) return null;
  const [all, odd] = ["scored", "odd"].map((key) => (s.series[key] ?? []).reduce((n: number, v) => n + (v ?? 0) * s.step, 0));
  return (
    <Panel title="Anomalies" wide note={`rows unlike any of the reference: ${count(Math.round(odd!))} of ${count(Math.round(all!))} that were judged`}>
      <Chart name={`${name} anomalies`} x={s.t} lines={lines} show={percent} unit="share of the rows" sync={`endpoint-${name}`} marks={marks} dots height={140} />
    </Panel>
  );
}

function Alerts({ name, rollouts }: { name: string; rollouts: Rollout[] }) {
  const now = shownRange();
  const asked = useData<Listed<Alert>>(server.value.alerting ? `/mw/v1/alerts${query({ endpoint: name, limit: 500 })}` : undefined, fallback());
  useNews("alerts", asked.reload);
  const items = asked.data?.items ?? [];
  if (!server.value.alerting) return null;
  return (
    <Panel title="Alerts over time" wide note={<>deploys are marked. <A to={`/alerts?endpoint=${encodeURIComponent(name)}`}>{items.filter((a) => a.state === "firing").length} fire now</A></>}>
      <Shown of={asked} height={120}>
        {() => items.length === 0 ? <Empty command="mw alert rules list">Nothing fired for this endpoint. These rules watch:</Empty>
          : <Timeline name={`${name} alerts`} bars={alertBars(items, false)} events={rollouts.flatMap((r) => deploysOf(r, false))} from={now.from * 1000} to={now.to * 1000} />}
      </Shown>
    </Panel>
  );
}

export function EndpointPage({ name }: { name: string }) {
  const detail = useData<EndpointDetail>(`/mw/v1/endpoints/${encodeURIComponent(name)}`, fallback());
  useNews(`endpoint:${name}`, detail.reload);
  const series = useSeries(name);
  const rollouts = useRollouts(name);
  const all = rollouts.items;
  const newest = all[0];
  const marks = useMemo(() => (series.data ? marksOf(series.data, all) : []), [series.data, all]);
  const e = detail.data?.endpoint;
  const link = `/endpoints/${encodeURIComponent(name)}`;
  return (
    <Page title={name} state={e && <><StateWord state={e.state} /> <span class="faint">v{e.version}</span></>} actions={
      <>
        <RangePicker />
        {detail.data?.columns && <A to={`/explain?endpoint=${encodeURIComponent(name)}`} class="button">Explain a row</A>}
        {detail.data && (
          <UseThis uses={[
            { title: "Predict", path: `${link}/invocations`, body: example(detail.data), cli: `mw predict ${detail.data.path} --input rows.csv` },
            { title: "How it is", path: `/mw/v1${link}`, cli: "mw status" },
            { title: "What it did over time", path: `/mw/v1${link}/series` },
            { title: "Its drift", path: `/mw/v1${link}/drift`, cli: `mw report drift ${name} --server ${location.host} -o drift.html` },
            { title: "How good it was", path: `${link}/performance?window=7d` },
            ...(detail.data.compares_groups ? [{ title: "How it treats groups", path: `/mw/v1${link}/fairness`, cli: "mw fairness check --data scored.csv --label y --score p --groups sex" }] : []),
            { title: "Decay over time", path: `/mw/v1/history?metric=mw_performance,mw_decay_estimated&endpoint=${encodeURIComponent(name)}` },
            { title: "As it happens", path: `/mw/v1/events?topics=endpoint:${encodeURIComponent(name)}` },
          ]} />
        )}
        <button type="button" class="quiet" title="copy a link that shows the same tomorrow (y)" aria-label="copy link" onClick={() => void copy(frozenLink(), "link copied")}><Icon name="copy" /></button>
      </>
    }>
      {!(isKnown(detail, series) && server.value.known && rollouts.known) ? <Loading height={900} /> : detail.error && !detail.data ? <><ErrorBox error={detail.error} retry={detail.reload} /><A to="/endpoints">All endpoints</A></> : <>
      {e && e.reasons.length > 0 && (
        <ul class="reasons page-reasons">
          {e.reasons.map((reason) => <li key={reason.text}><StateWord state={reason.level} /> <span>{reason.text}</span></li>)}
        </ul>
      )}
      {newest && isLive(newest) && <RolloutBox rollout={newest} changed={rollouts.reload} short newest />}
      <Shown of={series} height={500}>
        {(s) => <>
          {e && e.requests === 0 && (
            <Empty command={detail.data ? curlOf({ title: "", path: `${link}/invocations`, body: example(detail.data) }) : "mw demo"}>
              No request yet. Send one:
            </Empty>
          )}
          <div class="grid"><Traffic name={name} series={s} marks={marks} /></div>
        </>}
      </Shown>
      <Drift name={name} marks={marks} />
      <Anomalies name={name} series={series} marks={marks} />
      {server.value.logging && <Performance name={name} />}
      <Treatment name={name} configured={!!detail.data?.compares_groups} marks={marks} />
      <Alerts name={name} rollouts={all} />
      <div class="grid">
        <Panel title="Versions"><Shown of={detail}>{(d) => <Versions detail={d} rollout={newest} />}</Shown>
          {newest && !isLive(newest) && <p class="lead"><RolloutState rollout={newest} /> <A to={`/rollouts/${newest.id}`}>v{newest.from_version} → v{newest.to_version}</A>, {ago(newest.ended ?? newest.entered)}: {newest.why}. <A to={`/rollouts?endpoint=${encodeURIComponent(name)}`}>All rollouts</A></p>}
        </Panel>
        <Panel title="About"><Shown of={detail}>{(d) => <About detail={d} />}</Shown></Panel>
      </div>
      </>}
    </Page>
  );
}
