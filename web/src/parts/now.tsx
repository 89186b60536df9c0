/* What is going on now: alerts that fire, rollouts on their way. */
import { useData } from "../api/use";
import { time, type Alert, type Listed, type Rollout } from "../api/watch";
import { seesAll, server } from "../state/server";
import { live } from "../state/settings";
import { ago, moment, percent } from "./format";
import { Icon, StateWord } from "./icons";
import { Panel } from "./panel";
import { A } from "./shell";

const every = (ms: number) => (live.value === "on" ? ms : undefined);

/* In the header of every page. */
export function AlertCount() {
  const asked = useData<Listed<Alert>>(server.value.alerting ? "/mw/v1/alerts?state=firing&limit=1" : undefined, every(5000));
  const n = asked.data?.total ?? 0;
  return n > 0 ? <A to="/alerts?state=firing" class="button firing-count" label={`${n} firing alerts`}><Icon name="alert" /> {n}<span class="wide-only"> firing</span></A> : null;
}

export function FiringAlerts() {
  const asked = useData<Listed<Alert>>(server.value.alerting ? "/mw/v1/alerts?state=firing&limit=10" : undefined, every(3000));
  const found = asked.data;
  if (!found || found.items.length === 0) return null;
  return (
    <Panel title="Firing alerts" note={<A to="/alerts">{found.total > 10 ? `all ${found.total}` : "all alerts"}</A>} wide>
      <ul class="reasons">
        {found.items.map((a) => (
          <li key={a.fingerprint}>
            <StateWord state={a.severity === "info" ? "watch" : "firing"} word={a.severity} />
            <A to={`/alerts?alert=${a.id}`}>{a.rule}</A>
            <span>{a.summary ?? a.condition}</span>
            <span class="faint" title={a.since ? moment(time(a.since)!) : ""}>{ago(time(a.since))}{a.acknowledged ? `, seen by ${a.acknowledged.by}` : ""}{a.silenced ? ", silenced" : ""}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function LiveRollouts() {
  const asked = useData<{ items: Rollout[] }>(server.value.record && seesAll.value ? "/mw/v1/rollouts?live=true" : undefined, every(3000));
  const items = asked.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel title="Rollouts on their way" note={<A to="/rollouts">all rollouts</A>} wide>
      <ul class="reasons">
        {items.slice(0, 10).map((r) => (
          <li key={r.id}>
            <StateWord state={r.state === "paused" || r.verdict === "rollback" ? "watch" : "ok"} word={r.state} />
            <A to={`/endpoints/${encodeURIComponent(r.endpoint)}`}>{r.endpoint}</A>
            <span>v{r.from_version} → v{r.to_version}, {r.state === "watching" ? "all of the traffic" : `${percent(r.weight)}, step ${r.step + 1} of ${r.steps + 1}`}: {r.why}</span>
            <span class="faint" title={moment(r.started)}>{ago(r.started)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
