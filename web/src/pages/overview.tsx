/* Overview: a row an endpoint, what is wrong first. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Endpoint, Overview } from "../api/types";
import { isKnown, useData } from "../api/use";
import type { Rollout } from "../api/watch";
import { listen, status } from "../state/live";
import { learn, server } from "../state/server";
import { live } from "../state/settings";
import { go } from "../state/router";
import { Spark } from "../parts/small";
import { UseThis } from "../parts/copy";
import { ago, count, digits, moment, percent, psi, rate, seconds } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Loading, Page, Panel, Shown } from "../parts/panel";
import { FiringAlerts, LiveRollouts, RecentRollouts, useFiring, useLiveRollouts, useRollouts } from "../parts/now";
import { A } from "../parts/shell";
import { Table, type Column } from "../parts/table";

const order: Record<string, number> = { firing: 0, watch: 1, ok: 2, none: 3 };

function drift(endpoint: Endpoint) {
  const d = endpoint.drift;
  if (d.state === "off") return <span class="faint">not watched</span>;
  if (d.state === "learning") return <span class="faint" title="the first rows become the reference">learning {d.learned} of {d.wanted}</span>;
  if (!d.worst) return <span class="faint">{d.rows ?? 0} of 200 rows</span>;
  return (
    <span title={`PSI of ${d.worst.feature}, the largest of ${d.n_columns} columns`}>
      <span class="clip">{d.worst.feature}</span> PSI {psi(d.worst.psi)}
      {d.n_drifted ? <span class="count-firing"> {d.n_drifted} drifted</span> : null}
    </span>
  );
}

/* How good it is, by labels: "0.871 (0.842–0.9) roc auc". */
function Good({ of: e }: { of: Endpoint }) {
  const q = e.quality;
  if (!q) return <span class="faint">no labels</span>;
  return <span title={`${q.metric} by the newest ${count(q.labels)} labels, 95 %: ${digits(q.low)} to ${digits(q.high)}`}>{digits(q.value)} <span class="faint">({digits(q.low)}–{digits(q.high)}) {q.metric.replaceAll("_", " ")}</span></span>;
}

interface Change { at: number; what: string; by?: string; to?: string }

/* What changed last: a rollout that came, went on or back, or a version that was loaded. A version that
 * the server began with is no change, where something else is known. */
function changeOf(e: Endpoint, started: number, r: Rollout | undefined): Change {
  const loaded: Change = { at: e.since, what: `v${e.version} loaded` };
  if (!r) return loaded;
  const turned: Change = { at: r.ended ?? r.entered, what: turnOf(r), by: r.started_by, to: `/rollouts/${r.id}` };
  return e.since > turned.at + 5000 && e.since > started + 60000 ? loaded : turned;
}

function turnOf(r: Rollout): string {
  if (r.state === "rolled_back" || r.state === "aborted") return `back to v${r.from_version}`;
  return r.state === "promoted" || r.state === "watching" ? `v${r.to_version} promoted` : `v${r.to_version} at ${percent(r.weight)}`;
}

function Changed({ of: c }: { of: Change }) {
  const words = <>{c.what}<span class="faint">, {ago(c.at)}{c.by && c.by !== "anonymous" ? `, ${c.by}` : ""}</span></>;
  return <span title={`${moment(c.at)}${c.by ? `, begun by ${c.by}` : ""}`}>{c.to ? <A to={c.to}>{words}</A> : words}</span>;
}

export function columnsOf(started: number, rollouts: Rollout[]): Column<Endpoint>[] {
  const newest = new Map<string, Rollout>();
  for (const r of rollouts) if ((newest.get(r.endpoint)?.started ?? 0) < r.started) newest.set(r.endpoint, r);
  const changed = (e: Endpoint) => changeOf(e, started, newest.get(e.name));
  return [...columns, { key: "changed", title: "Changed", value: (e) => changed(e).at, cell: (e) => <Changed of={changed(e)} />, narrow: true }];
}

const columns: Column<Endpoint>[] = [
  { key: "name", title: "Endpoint", value: (e) => e.name, cell: (e) => <A to={`/endpoints/${encodeURIComponent(e.name)}`}>{e.name}</A> },
  { key: "state", title: "State", value: (e) => order[e.state], cell: (e) => <StateWord state={e.state} /> },
  { key: "version", title: "Version", value: (e) => e.version, cell: (e) => `v${e.version}`, narrow: true },
  { key: "rps", title: "req/s", right: true, value: (e) => e.rps, cell: (e) => <span title={e.last ? `the last request: ${moment(e.last)}` : "no request yet"}>{rate(e.rps)}</span> },
  { key: "spark", title: "5 min", cell: (e) => e.spark ? <Spark values={e.spark} label={`requests a second of the last five minutes, now ${rate(e.rps)}`} /> : null, narrow: true },
  { key: "p99", title: "p99", right: true, value: (e) => e.p99, cell: (e) => seconds(e.p99) },
  { key: "errors", title: "Errors", right: true, value: (e) => e.error_share, cell: (e) => percent(e.error_share), narrow: true },
  { key: "drift", title: "Largest drift", value: (e) => e.drift.worst?.psi, cell: drift },
  { key: "quality", title: "Quality", value: (e) => e.quality?.value, cell: (e) => <Good of={e} />, narrow: true },
];

export function OverviewPage() {
  const asked = useData<Overview>("/mw/v1/overview", live.value === "on" && status.value === "lost" ? 10000 : undefined);
  useEffect(() => listen("overview", "overview", (data) => asked.set(data as Overview)), []);
  useEffect(() => { if (asked.data) learn(asked.data); }, [asked.data]);
  const [firing, rollouts, all] = [useFiring(), useLiveRollouts(), useRollouts()];
  const waits = !asked.error && !(server.value.known && isKnown(firing, rollouts, all));
  return (
    <Page title="Overview" actions={<UseThis uses={[
      { title: "How all endpoints are", path: "/mw/v1/overview", cli: "mw status" },
      { title: "As it happens", path: "/mw/v1/events?topics=overview" },
    ]} />}>
      {waits ? <Loading height={600} /> : (
        <Shown of={asked} height={600}>
          {(o) => <Body overview={o} rollouts={all.data?.items ?? none} firing={<><FiringAlerts of={firing} /><LiveRollouts of={rollouts} /></>} />}
        </Shown>
      )}
    </Page>
  );
}

const none: Rollout[] = [];

function Body({ overview, rollouts, firing }: { overview: Overview; rollouts: Rollout[]; firing: ComponentChildren }) {
  const columns = useMemo(() => columnsOf(overview.started, rollouts), [overview.started, rollouts]);
  const wrong = overview.items.filter((e) => e.state === "firing" || e.state === "watch").sort((a, b) => order[a.state]! - order[b.state]!);
  const total = (state: string) => overview.items.filter((e) => e.state === state).length;
  const sum = overview.items.reduce((n, e) => n + (e.rps ?? 0), 0);
  if (overview.items.length === 0)
    return (
      <Panel title="Endpoints">
        <Empty command="mw serve model.json" label="serve a model">No endpoint yet. Serve a model, or see it all at once with mw demo:</Empty>
        <Empty command="mw demo">The demonstration needs no model and no network.</Empty>
      </Panel>
    );
  return (
    <>
      <ul class="tiles" aria-label="in short">
        <li><b>{overview.total}</b> endpoint{overview.total === 1 ? "" : "s"}</li>
        <li><b>{rate(sum)}</b> requests/s</li>
        {(["firing", "watch", "ok", "none"] as const).filter((s) => total(s) > 0).map((s) => (
          <li key={s}><b>{total(s)}</b> of them <StateWord state={s} /></li>
        ))}
        <li class="faint" title={ago(overview.started)}>up since {moment(overview.started)}, version {overview.server_version}</li>
      </ul>
      {firing}
      {wrong.length > 0 && (
        <Panel title="What to look at" note={`${wrong.length} of ${overview.total}`}>
          <ul class="reasons">
            {wrong.slice(0, 20).map((e) => (
              <li key={e.name}>
                <StateWord state={e.state} />
                <A to={`/endpoints/${encodeURIComponent(e.name)}`}>{e.name}</A>
                <span>{e.reasons.map((reason) => reason.text).join("; ")}</span>
              </li>
            ))}
            {wrong.length > 20 && <li class="faint">and {wrong.length - 20} more below</li>}
          </ul>
        </Panel>
      )}
      <Panel title="Endpoints" note="rates and latencies are of the last minute" wide>
        <Table name="endpoints" rows={overview.items} columns={columns} id={(e) => e.name} sort="state"
          open={(e) => go(`/endpoints/${encodeURIComponent(e.name)}`)} height={700} />
      </Panel>
      <RecentRollouts items={rollouts} />
    </>
  );
}
