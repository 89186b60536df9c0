/* Reports for people who do not log in: made here, kept by the server, read and printed from here. */
import { useState } from "preact/hooks";
import { ask, base, type Refusal } from "../api/client";
import type { Overview } from "../api/types";
import type { Listed, Receiver } from "../api/watch";
import { time } from "../api/watch";
import { useData } from "../api/use";
import { server } from "../state/server";
import { go } from "../state/router";
import { Act } from "../parts/act";
import { UseThis, say } from "../parts/copy";
import { ago, bytes, moment } from "../parts/format";
import { Empty, ErrorBox, Page, Panel, Shown } from "../parts/panel";
import { StateWord } from "../parts/icons";
import { A } from "../parts/shell";
import { Table } from "../parts/table";

interface Report { id: string; kind: string; of: string; verdict: string; made: number; bytes: number }
interface Sheet { kind: string; of: string; on: string; time_zone: string; to: string[]; done: boolean; last: string | null; next: string | null; last_error: string }
interface Found { items: Report[]; total: number; timetable: Sheet[] }

const kinds: Record<string, { word: string; of: string; says: string }> = {
  weekly: { word: "The week", of: "endpoint", says: "the last seven days beside the seven before: for those who answer for it" },
  drift: { word: "Drift", of: "endpoint", says: "what changed, how sure, since when, so what" },
  incident: { word: "Incident", of: "number of the alert", says: "what happened around an alert, in its order, with boxes for what only people know" },
  card: { word: "Model card", of: "version, as NAME/3", says: "what it is for, made of, how good, for whom not" },
};

const wordOf = (report: Report) => kinds[report.kind]?.word ?? report.kind;
export const pathOf = (id: string) => `/mw/v1/reports/${encodeURIComponent(id)}`;

/* Names of the receivers that take files, asked for once a page. */
function useReceivers(): string[] {
  const receivers = useData<Listed<Receiver>>("/mw/v1/receivers");
  return (receivers.data?.items ?? []).filter((r) => r.kind !== "alertmanager").map((r) => r.name);
}

/* To a receiver of alerts: mail has the file attached, a webhook carries it. */
function Send({ id, name, able }: { id: string; name: string; able: string[] }) {
  const [chosen, choose] = useState("");
  const to = chosen || (able[0] ?? "");
  return <Act label="Send" name={`send ${name}`} title={`Send ${name}`} kind="main" cannot={able.length ? "" : "no receiver takes reports: name one under 'alerts: receivers:' in millwright.yaml"}
    says="The receiver gets this very file: attached to a mail, or in a webhook's JSON; Slack gets its first sentence and the link. It waits in the outbox until it is taken."
    more={<label class="field">To <select value={to} onChange={(e) => choose(e.currentTarget.value)}>{able.map((r) => <option key={r}>{r}</option>)}</select></label>}
    run={() => ask(`/mw/v1/receivers/${to}:send`, { report: id }, "POST").then(() => say(`it is in the outbox for ${to}`))} />;
}

/* Those of the file: the server makes and sends them. */
function Timetable({ sheets }: { sheets: Sheet[] }) {
  return (
    <Panel title="By the clock" wide note="made and sent by the server">
      {sheets.length === 0
        ? <Empty command={"alerts: {reports: [{kind: weekly, of: ENDPOINT, to: [RECEIVER], on: monday 07:00, time_zone: local}]}"} label="lines of millwright.yaml">Nothing is sent by itself. For each Monday, to a mailbox or webhook of alerts, in millwright.yaml:</Empty>
        : <Table<Sheet> name="timetable" rows={sheets} id={(s) => JSON.stringify([s.kind, s.of, s.on, s.to])} columns={[
            { key: "kind", title: "Report", value: (s) => s.kind, cell: (s) => kinds[s.kind]?.word ?? s.kind },
            { key: "of", title: "Of", value: (s) => s.of, cell: (s) => s.of },
            { key: "on", title: "When", value: (s) => s.on, cell: (s) => `${s.on} ${s.time_zone}` },
            { key: "to", title: "To", value: (s) => s.to.join(", "), cell: (s) => s.to.join(", ") },
            { key: "next", title: "Next", value: (s) => time(s.next), cell: (s) => (s.next ? moment(time(s.next)!) : "–"), narrow: true },
            { key: "state", title: "The last one", value: (s) => s.last_error, cell: (s) => s.last_error
              ? <span title={s.last_error}><StateWord state="watch" word="tried again" /> {s.last_error}</span>
              : <StateWord state={s.done ? "ok" : "none"} word={s.done ? "nothing is due" : "it is being made"} /> },
          ]} />}
    </Panel>
  );
}

/* What one may ask a report of, by kind. */
function Make({ changed }: { changed: () => void }) {
  const overview = useData<Overview>("/mw/v1/overview");
  const names = overview.data?.items.map((e) => e.name) ?? [];
  const [kind, setKind] = useState("weekly");
  const [of, setOf] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, fail] = useState<Refusal>();
  const isOfEndpoint = kinds[kind]!.of === "endpoint";
  const wanted = of || (isOfEndpoint ? (names[0] ?? "") : "");
  const make = () => {
    fail(undefined);
    setBusy(true);
    ask<Report>("/mw/v1/reports", { kind, of: wanted }, "POST")
      .then((made) => { say("it is made"); changed(); go(`/reports/${encodeURIComponent(made.id)}`); }, fail)
      .finally(() => setBusy(false));
  };
  return (
    <Panel title="A new report" wide note={kinds[kind]!.says}>
      <form class="filter" onSubmit={(event) => { event.preventDefault(); make(); }}>
        <label>kind <select value={kind} onChange={(e) => { setKind(e.currentTarget.value); setOf(""); }}>{Object.entries(kinds).filter(([k]) => k !== "card" || server.value.record).map(([k, { word }]) => <option key={k} value={k}>{word}</option>)}</select></label>
        <label>of {isOfEndpoint && names.length === 0 ? <span class="faint">nothing is served yet</span> : isOfEndpoint
          ? <select value={wanted} onChange={(e) => setOf(e.currentTarget.value)}>{names.map((n) => <option key={n}>{n}</option>)}</select>
          : <input value={of} placeholder={kinds[kind]!.of} onInput={(e) => setOf(e.currentTarget.value)} />}</label>
        <button type="submit" class="main" disabled={busy || !wanted}>{busy ? "it is being made" : "Make it"}</button>
      </form>
      {error && <ErrorBox error={error} />}
    </Panel>
  );
}

export function ReportsPage() {
  const asked = useData<Found>("/mw/v1/reports");
  const able = useReceivers();
  return (
    <Page title="Reports" actions={<UseThis uses={[
      { title: "Make one", path: "/mw/v1/reports", body: { kind: "weekly", of: "ENDPOINT" }, cli: `mw report weekly ENDPOINT --server ${location.host} -o week.html` },
      { title: "Those that are kept", path: "/mw/v1/reports" },
    ]} />}>
      <Make changed={asked.reload} />
      <Panel title="Reports" wide note="one file each, without scripts: to mail, to keep, to print">
        <Shown of={asked} height={240}>
          {(found) => found.items.length === 0
            ? <Empty command={`mw report weekly ENDPOINT --server ${location.host} -o week.html`}>None was made here so far. Make one above, or by command:</Empty>
            : <Table<Report> name="reports" rows={found.items} id={(r) => r.id} open={(r) => go(`/reports/${encodeURIComponent(r.id)}`)} height={600} columns={[
                { key: "kind", title: "Report", value: wordOf, cell: (r) => <A to={`/reports/${encodeURIComponent(r.id)}`}>{wordOf(r)}</A> },
                { key: "of", title: "Of", value: (r) => r.of, cell: (r) => r.of },
                { key: "verdict", title: "It says", value: (r) => r.verdict, cell: (r) => <span title={r.verdict}>{r.verdict}</span>, narrow: true },
                { key: "made", title: "Made", value: (r) => r.made, cell: (r) => <span title={moment(r.made)}>{ago(r.made)}</span> },
                { key: "bytes", title: "Size", right: true, value: (r) => r.bytes, cell: (r) => bytes(r.bytes), narrow: true },
                { key: "send", title: "", cell: (r) => <Send id={r.id} name={`${wordOf(r)} of ${r.of}`} able={able} /> },
                { key: "drop", title: "", cell: (r) => <Act label="Remove" needs="editor" name={`remove ${wordOf(r)} of ${r.of}`} title="Remove the report" kind="danger" says="The file is gone from the server. Copies that were sent stay."
                  run={() => ask(pathOf(r.id), undefined, "DELETE").then(() => { say("it is removed"); asked.reload(); })} /> },
              ]} />}
        </Shown>
      </Panel>
      {asked.data?.timetable && <Timetable sheets={asked.data.timetable} />}
    </Page>
  );
}

/* A frame would show what the server says of it as it came: it is asked of the list, which knows. */
export function ReportPage({ id }: { id: string }) {
  const all = useData<Found>("/mw/v1/reports");
  const [, ...parts] = id.split("~"); /* names in an id are letters only: the list has them as they are */
  const kept = all.data?.items.find((r) => r.id === id);
  const kind = kept?.kind ?? parts[0], of = kept?.of ?? parts.slice(1).join("~");
  const url = base + pathOf(id);
  const able = useReceivers();
  const word = kinds[kind ?? ""]?.word ?? "Report";
  const print = () => (document.getElementById("report") as HTMLIFrameElement | null)?.contentWindow?.print();
  return (
    <Page title={`${word}: ${of}`} actions={<>
      <A to="/reports" class="button">All reports</A>
      {kept && <Send id={id} name={`${word} of ${of}`} able={able} />}
      {kept && <button type="button" onClick={print}>Print, or save as PDF</button>}
      {kept && <a href={url} class="button" download={`${parts.join("-")}.html`}>Save the file</a>}
      {kept && <a href={url} class="button" target="_blank" rel="noopener">Open alone</a>}
      <UseThis uses={[{ title: "This report", path: pathOf(id) }, { title: "Send it to a receiver", path: "/mw/v1/receivers/RECEIVER:send", body: { report: id }, cli: `mw report ${kind} ${of} --server ${location.host} --send RECEIVER` }]} />
    </>}>
      <Shown of={all} height={480}>{() => !kept
        ? <Empty>This report is not kept here any more, or never was. <A to="/reports">Those that are</A>, or make it anew.</Empty>
        : <iframe id="report" class="report" src={url} title={`${word} of ${of}`} />}</Shown>
    </Page>
  );
}
