/* Alerts: what fires, since when, because of what, what to do; and what did. A dense table; one of
 * them opens beneath it. */
import { useMemo, useState } from "preact/hooks";
import { ask, query } from "../api/client";
import { isKnown, useData } from "../api/use";
import { time, type Alert, type Evidence, type Listed, type Receiver, type Rollout, type Silence } from "../api/watch";
import { fallback, useNews } from "../state/news";
import { shownRange } from "../state/range";
import { seesAll, server } from "../state/server";
import { param, setQuery } from "../state/router";
import { Act } from "../parts/act";
import { Command, UseThis, say } from "../parts/copy";
import { ago, count, digits, lasting, moment } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Loading, Page, Panel } from "../parts/panel";
import { Alerted } from "../parts/record";
import { A, RangePicker } from "../parts/shell";
import { Table, type Column } from "../parts/table";
import { Timeline } from "../parts/timeline";
import { alertBars, deploysOf, featuresOf, markOf } from "../parts/happened";

/* Names of samples, as people say it. */
const words: Record<string, string> = {
  mw_drift_psi_since: "PSI since it began", mw_drift_psi: "PSI", mw_drift_log_e_value: "evidence (ln e)", mw_drift_since_rows: "rows since it began",
  mw_drift_since_seconds: "seconds since it began", mw_drift_missing_share: "missing", mw_drift_outside_share: "outside the reference",
};
const named = (metric: string) => words[metric] ?? metric.replace(/^mw_/, "").replaceAll("_", " ");

const about = (alert: Alert) => alert.summary ?? alert.condition ?? alert.rule;
const lasted = (alert: Alert) => {
  const from = time(alert.since) ?? time(alert.fired);
  return from ? ((time(alert.resolved) ?? Date.now()) - from) / 1000 : null;
};

const shownMost = 300;
const states = ["firing", "pending", "resolved"];

const shown: Column<Alert>[] = [
  { key: "state", title: "State", value: (a) => states.indexOf(a.state), cell: (a) => <StateWord state={markOf(a)} word={a.state} /> },
  { key: "severity", title: "Severity", value: (a) => ["critical", "warning", "info"].indexOf(a.severity), cell: (a) => a.severity, narrow: true },
  { key: "rule", title: "Rule", value: (a) => a.rule, cell: (a) => <button type="button" class="link" onClick={() => choose(a)}>{a.rule}</button> },
  { key: "endpoint", title: "Endpoint", value: (a) => a.endpoint, cell: (a) => a.endpoint ? <A to={`/endpoints/${encodeURIComponent(a.endpoint)}`}>{a.endpoint}</A> : <span class="faint">–</span> },
  { key: "features", title: "Because of", value: (a) => featuresOf(a).join(" "), narrow: true, cell: (a) => {
    const features = featuresOf(a);
    const more = (a.evidence_total ?? 0) - 2;
    return features.length ? <span title={features.join(", ")}>{features.slice(0, 2).join(", ")}{more > 0 ? ` +${more}` : ""}</span> : <span title={about(a)}>{about(a)}</span>;
  } },
  { key: "since", title: "Since", right: true, value: (a) => time(a.since), cell: (a) => <span title={a.since ? moment(time(a.since)!) : ""}>{lasting(lasted(a))}{a.state === "resolved" ? "" : " so far"}</span> },
  { key: "seen", title: "Seen by", narrow: true, value: (a) => a.acknowledged?.by, cell: (a) => a.silenced ? <span class="tag">silenced</span> : a.acknowledged ? <span title={`${a.acknowledged.why} ${moment(time(a.acknowledged.at)!)}`}>{a.acknowledged.by}</span> : a.state === "firing" ? <span class="faint">nobody</span> : null },
];

const keyOf = (a: Alert) => (a.id ? String(a.id) : a.fingerprint);
const choose = (a: Alert) => setQuery({ alert: keyOf(a) }, false);

export function AlertsPage() {
  const every = fallback();
  const state = param("state");
  const endpoint = param("endpoint");
  const now = shownRange();
  const alerts = useData<Listed<Alert>>(`/mw/v1/alerts${query({ endpoint, limit: shownMost })}`, every);
  const receivers = useData<Listed<Receiver>>("/mw/v1/receivers", every);
  const rollouts = useData<{ items: Rollout[] }>(server.value.record && seesAll.value ? "/mw/v1/rollouts" : undefined);
  useNews("alerts", alerts.reload, receivers.reload);
  useNews("rollouts", rollouts.reload);
  const all = alerts.data?.items ?? [];
  const number = (of: string) => all.filter((a) => a.state === of).length;
  const rows = state ? all.filter((a) => a.state === state) : all;
  const chosen = all.find((a) => keyOf(a) === param("alert") || a.fingerprint === param("alert"));
  const deploys = useMemo(() => (rollouts.data?.items ?? []).flatMap((r) => deploysOf(r, true)), [rollouts.data]);
  const stuck = (receivers.data?.items ?? []).filter((r) => r.waiting > 0 && r.last_error);
  return (
    <Page title="Alerts" state={alerts.data && <StateWord state={number("firing") ? "firing" : number("pending") ? "pending" : "ok"} word={`${number("firing")} firing, ${number("pending")} pending`} />}
      actions={<>
        <RangePicker />
        <A to="/rules" class="button">Rules and receivers</A>
        <UseThis uses={[
          { title: "What fires now", path: "/mw/v1/alerts?state=firing", cli: "mw alert list --state firing" },
          { title: "All of them", path: "/mw/v1/alerts", cli: "mw alert list" },
          { title: "Rules", path: "/mw/v1/rules", cli: "mw alert rules list" },
        ]} />
      </>}>
      {!isKnown(alerts, receivers) ? <Loading height={900} /> : <>
      {stuck.length > 0 && (
        <ul class="reasons page-reasons">
          {stuck.map((r) => <li key={r.name}><StateWord state="watch" word="not told" /><span>{r.waiting} notifications wait for receiver {r.name}: {r.last_error}</span></li>)}
        </ul>
      )}
      <Panel title="Alerts" wide note={alerts.data && alerts.data.total > all.length ? `firing and pending first; the newest ${count(all.length)} of ${count(alerts.data.total)}` : "firing and pending first"} actions={
        <span class="ranges" role="group" aria-label="which state">
          {["", ...states].map((s) => <button type="button" key={s} aria-pressed={state === s} onClick={() => setQuery({ state: s })}>{s || "all"}{s ? ` ${number(s)}` : ""}</button>)}
        </span>
      }>
        <Alerted of={alerts}>
          {() => rows.length === 0
            ? <Empty command="mw alert rules list">{all.length ? "None in this state." : "Nothing fires, and nothing has. These rules watch:"}</Empty>
            : <Table<Alert> name="alerts" rows={rows} columns={shown} id={keyOf} open={choose} sort="state" height={420} />}
        </Alerted>
      </Panel>
      {chosen && <Detail key={keyOf(chosen)} alert={chosen} changed={alerts.reload} />}
      <Panel title="Over time" wide note="what held when; deploys are marked">
        <Alerted of={alerts}>
          {() => <Timeline name="alerts over time" bars={alertBars(all, true)} events={deploys} from={now.from * 1000} to={now.to * 1000} />}
        </Alerted>
      </Panel>
      <Silences changed={alerts.reload} />
      </>}
    </Page>
  );
}

const later: [string, number][] = [["1 hour", 3600], ["4 hours", 14400], ["1 day", 86400], ["7 days", 604800]];

const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
const matchOf = (a: Alert) => `alertname=${quoted(a.rule)}${a.endpoint ? `,endpoint=${quoted(a.endpoint)}` : ""}`;

function Duration({ set }: { set: (s: number) => void }) {
  return (
    <label class="field">For <select onChange={(e) => set(Number(e.currentTarget.value))}>
      {later.map(([word, s]) => <option key={s} value={String(s)}>{word}</option>)}
    </select></label>
  );
}

function Detail({ alert: a, changed }: { alert: Alert; changed: () => void }) {
  const [seconds, setSeconds] = useState(3600);
  const match = matchOf(a);
  const title = `${a.rule}${a.endpoint ? ` on ${a.endpoint}` : ""}`;
  return (
    <Panel title={title} wide note={a.state} actions={<>
      {a.state === "firing" && (
        <Act label="Acknowledge" title={`Acknowledge ${a.rule}`} kind="main" reason cannot={a.acknowledged ? `${a.acknowledged.by} has` : ""}
          says="Everybody sees that you have seen it, and it is not told again while it holds. It stays firing."
          run={(why) => ask(`/mw/v1/alerts/${a.fingerprint}:ack`, { why }, "POST").then(() => { say("acknowledged"); changed(); })} />
      )}
      {a.state !== "resolved" && (
        <Act label="Silence" title={`Silence ${a.rule}`} reason cannot={a.silenced ? "it is silenced" : ""}
          says={<>No receiver is told of alerts with <code>{match}</code> for that long. They are still listed here.</>}
          more={<Duration set={setSeconds} />}
          run={(why) => ask("/mw/v1/silences", { match, seconds, why }, "POST").then(() => { say("silenced"); changed(); })} />
      )}
      <button type="button" class="quiet" aria-label="close the alert" onClick={() => setQuery({ alert: undefined })}>close</button>
    </>}>
      <p class="lead">{about(a)}{a.state === "pending" && a.fires_in_seconds !== undefined ? `. It fires in ${lasting(a.fires_in_seconds)}, if it holds on.` : ""}</p>
      {a.what_to_do && <p class="lead"><b>What to do:</b> {a.what_to_do}</p>}
      <dl class="facts">
        <div><dt>Since</dt><dd>{a.since ? `${moment(time(a.since)!)} (${ago(time(a.since))})` : "–"}</dd></div>
        <div><dt>Fired</dt><dd>{a.fired ? moment(time(a.fired)!) : "not yet"}</dd></div>
        {a.resolved && <div><dt>Resolved</dt><dd>{moment(time(a.resolved)!)}{a.ended ? `, ${a.ended}` : ""}</dd></div>}
        <div><dt>Value</dt><dd>{digits(a.value)}</dd></div>
        {a.how_sure && <div><dt>How sure</dt><dd>{a.how_sure.text}</dd></div>}
        <div><dt>Condition</dt><dd class="path">{a.condition}</dd></div>
        <div><dt>Labels</dt><dd>{Object.entries(a.labels).map(([k, v]) => <span class="tag" key={k}>{k}: {v}</span>)}</dd></div>
        {a.acknowledged && <div><dt>Seen by</dt><dd>{a.acknowledged.by}, {ago(time(a.acknowledged.at))}{a.acknowledged.why ? `: ${a.acknowledged.why}` : ""}</dd></div>}
      </dl>
      {!!a.evidence?.length && <Why alert={a} evidence={a.evidence} />}
      <div class="commands">
        <Command text={`mw alert ack ${a.fingerprint} --why seen`} />
        <Command text={`mw alert silence '${match.replaceAll("'", "'\\''")}' --for 2h --why ''`} />
        {a.runbook && /^https?:/.test(a.runbook) && <a href={a.runbook}>runbook</a>}
      </div>
    </Panel>
  );
}

function Why({ alert, evidence }: { alert: Alert; evidence: Evidence[] }) {
  const metrics = [...new Set(evidence.flatMap((one) => Object.keys(one.values)))];
  const of = (one: Evidence) => Object.entries(one.labels).map(([k, v]) => (k === "feature" ? v : `${k} ${v}`)).join(", ") || "all";
  return (
    <>
      <Table<Evidence> name={`evidence of ${alert.rule}`} rows={evidence} id={of} columns={[
        { key: "of", title: evidence.some((one) => one.labels.feature) ? "Feature" : "Of", value: of, cell: of },
        ...metrics.map((metric): Column<Evidence> => ({
          key: metric, title: named(metric), right: true, value: (one) => one.values[metric], cell: (one) => digits(one.values[metric]),
        })),
      ]} />
      {(alert.evidence_total ?? 0) > evidence.length && <p class="faint">the first {evidence.length} of {count(alert.evidence_total)}</p>}
    </>
  );
}

function Silences({ changed }: { changed: () => void }) {
  const silences = useData<Listed<Silence>>("/mw/v1/silences", fallback());
  useNews("alerts", silences.reload);
  const [match, setMatch] = useState("");
  const [seconds, setSeconds] = useState(3600);
  const again = () => { silences.reload(); changed(); };
  return (
    <Panel title="Silences" wide actions={
      <Act label="New silence" title="A new silence" reason says="No receiver is told of alerts with these labels for that long."
        more={<>
          <label class="field">Of <input value={match} placeholder={'endpoint="churn", alertname=~"Input.*"'} onInput={(e) => setMatch(e.currentTarget.value)} required /></label>
          <Duration set={setSeconds} />
        </>}
        run={(why) => ask("/mw/v1/silences", { match, seconds, why }, "POST").then(() => { say("silenced"); again(); })} />
    }>
      <Alerted of={silences}>
        {(found) => found.items.length === 0
          ? <Empty command={`mw alert silence 'endpoint="churn"' --for 2h --why loading`}>Nothing is silenced.</Empty>
          : <Table<Silence> name="silences" rows={found.items} id={(s) => String(s.id)} columns={[
              { key: "active", title: "State", value: (s) => (s.active ? 0 : 1), cell: (s) => <StateWord state={s.active ? "watch" : "none"} word={s.active ? "holds" : "over"} /> },
              { key: "match", title: "Of", value: (s) => s.match, cell: (s) => <span class="path" title={s.match}>{s.match}</span> },
              { key: "until", title: "Until", value: (s) => time(s.until), cell: (s) => moment(time(s.until)!) },
              { key: "by", title: "By", value: (s) => s.by, cell: (s) => s.by, narrow: true },
              { key: "why", title: "Why", value: (s) => s.why, cell: (s) => <span title={s.why}>{s.why}</span>, narrow: true },
              { key: "end", title: "", cell: (s) => s.active && (
                <Act label="End" name={`end silence ${s.id}`} title="End the silence" says={<>Alerts with <code>{s.match}</code> are told again from now on.</>}
                  run={() => ask(`/mw/v1/silences/${s.id}`, undefined, "DELETE").then(() => { say("it is over"); again(); })} />
              ) },
            ]} />}
      </Alerted>
    </Panel>
  );
}
