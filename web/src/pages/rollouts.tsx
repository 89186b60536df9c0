/* Rollouts: the new version's way to all of the traffic; what is known, what was decided, by whom. */
import { query } from "../api/client";
import { useData } from "../api/use";
import { isLive, type Rollout, type RolloutEvent } from "../api/watch";
import { fallback, useNews } from "../state/news";
import { go, param, setQuery } from "../state/router";
import { UseThis } from "../parts/copy";
import { ago, digits, lasting, moment, percent } from "../parts/format";
import { Empty, Page, Panel } from "../parts/panel";
import { Recorded } from "../parts/record";
import { RolloutBox, RolloutState, metricWords, wordsOf } from "../parts/rollout";
import { A } from "../parts/shell";
import { Table } from "../parts/table";

interface Found { items: Rollout[]; total: number }

export function RolloutsPage() {
  const endpoint = param("endpoint");
  const asked = useData<Found>(`/mw/v1/rollouts${query({ endpoint, max_results: 1000 })}`, fallback());
  useNews("rollouts", asked.reload);
  return (
    <Page title="Rollouts" actions={<>
      {endpoint && <button type="button" onClick={() => setQuery({ endpoint: undefined })}>of {endpoint} ×</button>}
      <UseThis uses={[{ title: "All rollouts", path: "/mw/v1/rollouts", cli: "mw rollout list --record ./record" }, { title: "Those that are on their way", path: "/mw/v1/rollouts?live=true" }]} />
    </>}>
      <Panel title="Rollouts" wide note="the newest first">
        <Recorded of={asked} height={240}>
          {(found) => found.items.length === 0
            ? <Empty command="mw rollout start ENDPOINT --model NAME/2 --steps 1,5,25,100 --record ./record">No version was rolled out yet. Bring one to an endpoint, step by step:</Empty>
            : <Table<Rollout> name="rollouts" rows={found.items} id={(r) => String(r.id)} open={(r) => go(`/rollouts/${r.id}`)} height={640} columns={[
                { key: "id", title: "#", right: true, value: (r) => r.id, cell: (r) => <A to={`/rollouts/${r.id}`}>{r.id}</A>, width: "50px" },
                { key: "state", title: "State", value: (r) => r.state, cell: (r) => <RolloutState rollout={r} /> },
                { key: "endpoint", title: "Endpoint", value: (r) => r.endpoint, cell: (r) => <A to={`/endpoints/${encodeURIComponent(r.endpoint)}`}>{r.endpoint}</A> },
                { key: "version", title: "Version", value: (r) => r.to_version, cell: (r) => `v${r.from_version} → v${r.to_version}` },
                { key: "share", title: "Share", right: true, value: (r) => r.weight, cell: (r) => percent(r.weight), narrow: true },
                { key: "strategy", title: "How", value: (r) => r.strategy, cell: (r) => r.strategy, narrow: true },
                { key: "started", title: "Started", value: (r) => r.started, cell: (r) => <span title={moment(r.started)}>{ago(r.started)}</span> },
                { key: "took", title: "Took", right: true, value: (r) => (r.ended ?? Date.now()) - r.started, cell: (r) => lasting(((r.ended ?? Date.now()) - r.started) / 1000), narrow: true },
                { key: "by", title: "By", value: (r) => r.started_by, cell: (r) => r.started_by, narrow: true },
                { key: "why", title: "Why", value: (r) => r.why, cell: (r) => <span title={r.reason || r.why}>{r.reason || r.why}</span>, narrow: true },
              ]} />}
        </Recorded>
      </Panel>
    </Page>
  );
}

export function RolloutPage({ id }: { id: string }) {
  const asked = useData<Rollout>(`/mw/v1/rollouts/${encodeURIComponent(id)}`, fallback());
  useNews("rollouts", asked.reload);
  const r = asked.data;
  const newest = useData<Rollout>(r && `/mw/v1/endpoints/${encodeURIComponent(r.endpoint)}/rollout`);
  return (
    <Page title={r ? `${r.endpoint}: v${r.from_version} → v${r.to_version}` : `Rollout ${id}`} state={r && <RolloutState rollout={r} />} actions={r && <>
      <A to={`/endpoints/${encodeURIComponent(r.endpoint)}`} class="button">The endpoint</A>
      <UseThis uses={[
        { title: "This rollout", path: `/mw/v1/rollouts/${r.id}`, cli: `mw rollout status ${r.endpoint} --record ./record` },
        { title: "Its history", path: `/mw/v1/rollouts/${r.id}/history`, cli: `mw rollout history ${r.endpoint} --record ./record` },
      ]} />
    </>}>
      <Recorded of={asked} height={300}>
        {(rollout) => <>
          <RolloutBox rollout={rollout} changed={asked.reload} newest={newest.data?.id === rollout.id} />
          <History rollout={rollout} />
        </>}
      </Recorded>
    </Page>
  );
}

/* The decision's record in plain words: "v2 went to 50 %: errors fine (harm -0.1 % to 0.3 %)". */
function evidenceWords(event: RolloutEvent): string {
  return (event.evidence?.evidence ?? []).map((e) => `${metricWords(e.metric)} ${wordsOf(e)}`).join("; ");
}

const kinds: Record<string, string> = {
  start: "started", advance: "next step", promote: "promoted", rollback: "rolled back", roll_back: "rolled back", pause: "paused", resume: "resumed",
  abort: "aborted", approve: "approved", finish: "finished", hold: "held",
};

function History({ rollout }: { rollout: Rollout }) {
  const asked = useData<{ items: RolloutEvent[] }>(`/mw/v1/rollouts/${rollout.id}/history`, isLive(rollout) ? fallback() : undefined);
  useNews(isLive(rollout) ? "rollouts" : undefined, asked.reload);
  return (
    <Panel title="History" wide note="what was decided, by whom, and on which evidence">
      <Recorded of={asked}>
        {(found) => (
          <ol class="history">
            {[...found.items].reverse().map((event) => (
              <li key={event.seq}>
                <span class="when" title={moment(event.time)}>{ago(event.time)}</span>
                <b>{kinds[event.kind] ?? event.kind}</b> <span>by {event.by || "the server"}, in step {event.step + 1}</span>
                {event.reason && <p>{event.reason}</p>}
                {event.evidence?.evidence && <p class="faint">{evidenceWords(event)}{event.evidence.samples != null ? `; ${digits(event.evidence.samples)} requests of the new version` : ""}</p>}
              </li>
            ))}
          </ol>
        )}
      </Recorded>
    </Panel>
  );
}
