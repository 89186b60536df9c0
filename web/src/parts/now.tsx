/* What is going on now: alerts that fire, rollouts on their way. */
import { useData, type Asked } from "../api/use";
import { time, type Alert, type Listed, type Rollout } from "../api/watch";
import { seesAll, server } from "../state/server";
import { fallback, useNews } from "../state/news";
import { ago, moment, percent } from "./format";
import { Icon, StateWord } from "./icons";
import { Panel } from "./panel";
import { RolloutState } from "./rollout";
import { A } from "./shell";

/* In the header of every page. */
export function AlertCount() {
  const asked = useData<Listed<Alert>>(server.value.alerting ? "/mw/v1/alerts?state=firing&limit=1" : undefined, fallback());
  useNews("alerts", asked.reload);
  const n = asked.data?.total ?? 0;
  return n > 0 ? <A to="/alerts?state=firing" class="button firing-count" label={`${n} firing alerts`}><Icon name="alert" /> {n}<span class="wide-only"> firing</span></A> : null;
}

export function useFiring(): Asked<Listed<Alert>> {
  const asked = useData<Listed<Alert>>(server.value.alerting ? "/mw/v1/alerts?state=firing&limit=10" : undefined, fallback());
  useNews("alerts", asked.reload);
  return asked;
}

export function useLiveRollouts(): Asked<{ items: Rollout[] }> {
  const asked = useData<{ items: Rollout[] }>(server.value.record && seesAll.value ? "/mw/v1/rollouts?live=true" : undefined, fallback());
  useNews("rollouts", asked.reload);
  return asked;
}

export function FiringAlerts({ of: asked }: { of: Asked<Listed<Alert>> }) {
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

export function LiveRollouts({ of: asked }: { of: Asked<{ items: Rollout[] }> }) {
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

/* The newest ones, the newest first. */
export function useRollouts(): Asked<{ items: Rollout[] }> {
  const asked = useData<{ items: Rollout[] }>(server.value.record && seesAll.value ? "/mw/v1/rollouts?max_results=200" : undefined, fallback());
  useNews("rollouts", asked.reload);
  return asked;
}

/* What became of the last ones: promoted, taken back, by whom and why. */
export function RecentRollouts({ items }: { items: Rollout[] }) {
  const over = items.filter((r) => r.ended).sort((a, b) => b.ended! - a.ended!).slice(0, 5);
  if (over.length === 0) return null;
  return (
    <Panel title="Recently" note={<A to="/rollouts">all rollouts</A>} wide>
      <ul class="reasons">
        {over.map((r) => (
          <li key={r.id}>
            <RolloutState rollout={r} />
            <A to={`/rollouts/${r.id}`}>{r.endpoint} v{r.from_version} → v{r.to_version}</A>
            <span>{r.why}{r.reason && r.reason !== r.why ? ` — ${r.reason}` : ""}</span>
            <span class="faint" title={moment(r.ended!)}>{ago(r.ended)}, begun by {r.started_by}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
