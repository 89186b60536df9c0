/* Audit: who changed what, when; and whether the log is as it was written. */
import { useEffect, useState } from "preact/hooks";
import { ask, query, type Refusal } from "../api/client";
import { useData } from "../api/use";
import { param, setQuery } from "../state/router";
import { UseThis } from "../parts/copy";
import { ago, count, moment } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Page, Panel } from "../parts/panel";
import { Recorded } from "../parts/record";
import { Table } from "../parts/table";

interface Entry {
  seq: number;
  time: number;
  actor?: string;
  action?: string;
  object?: string;
  from?: string;
  before?: string;
  after?: string;
  request?: string;
  hash?: string;
}

interface Verdict { whole: boolean; entries: number; head: string; broken_at?: number; fault?: string }

const pageSize = 200;

export function AuditPage() {
  const who = param("who");
  const what = param("what");
  const [older, setOlder] = useState<Entry[]>([]);
  const [cursor, setCursor] = useState<number>();
  const [, fail] = useState<Refusal>();
  const path = `/mw/v1/audit${query({ who, what, max_results: pageSize })}`;
  const asked = useData<{ entries?: Entry[]; cursor?: number }>(path);
  const verdict = useData<Verdict>("/mw/v1/audit/verdict");
  useEffect(() => { setOlder([]); setCursor(asked.data?.cursor); }, [asked.data]);
  const more = () => {
    if (!cursor) return;
    const from = cursor;
    setCursor(undefined);
    ask<{ entries?: Entry[]; cursor?: number }>(`${path}&cursor=${from}`).then((got) => { setOlder((old) => [...old, ...(got.entries ?? [])]); setCursor(got.cursor); }, fail);
  };
  const v = verdict.data;
  return (
    <Page title="Audit" state={v && <StateWord state={v.whole ? "ok" : "firing"} word={v.whole ? `whole, ${count(v.entries)} entries` : `broken at ${v.broken_at}: ${v.fault ?? ""}`} />}
      actions={<UseThis uses={[{ title: "The log", path, cli: "mw audit list --record ./record" }, { title: "Is it whole?", path: "/mw/v1/audit/verdict", cli: "mw audit verify --record ./record" }]} />}>
      <Panel title="Changes of the record" wide note="the newest first" actions={
        <>
          <input type="search" value={who} placeholder="who" aria-label="by whom" onChange={(e) => setQuery({ who: e.currentTarget.value })} />
          <input type="search" value={what} placeholder="what" aria-label="what was done" onChange={(e) => setQuery({ what: e.currentTarget.value })} />
        </>
      }>
        <Recorded of={asked} height={300}>
          {(found) => {
            const rows = [...(found.entries ?? []), ...older];
            return rows.length === 0 ? <Empty>Nothing was changed {who || what ? "that is like this" : "yet"}.</Empty> : (
              <Table<Entry> name="audit" rows={rows} id={(e) => String(e.seq)} height={Math.max(400, innerHeight - 260)} onEnd={more} columns={[
                { key: "seq", title: "#", right: true, value: (e) => e.seq, cell: (e) => e.seq, width: "60px" },
                { key: "at", title: "When", value: (e) => e.time, cell: (e) => <span title={moment(e.time)}>{ago(e.time)}</span> },
                { key: "who", title: "Who", value: (e) => e.actor, cell: (e) => <span title={e.from ? `from ${e.from}` : ""}>{e.actor}</span> },
                { key: "what", title: "What", value: (e) => e.action, cell: (e) => e.action },
                { key: "object", title: "On", value: (e) => e.object, cell: (e) => <span title={e.object}>{e.object}</span> },
                { key: "change", title: "Change", value: changeOf, cell: (e) => <span title={changeOf(e)}>{changeOf(e)}</span>, narrow: true },
                { key: "hash", title: "Hash", value: (e) => e.hash, cell: (e) => <span class="path">{e.hash?.slice(0, 12)}</span>, narrow: true },
              ]} />
            );
          }}
        </Recorded>
      </Panel>
    </Page>
  );
}

function changeOf(entry: Entry): string {
  return [entry.before && `was ${entry.before}`, entry.after && `is ${entry.after}`].filter(Boolean).join(", ");
}
