/* Rules: what is watched for, and who is told. A rule is tried before it is set. */
import { useState } from "preact/hooks";
import { ask, query, type Refusal } from "../api/client";
import { useData } from "../api/use";
import { time, type Listed, type Receiver, type Rule } from "../api/watch";
import { fallback, useNews } from "../state/news";
import { param, setQuery } from "../state/router";
import { Act } from "../parts/act";
import { UseThis, say } from "../parts/copy";
import { ago, count, digits, lasting, moment } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, ErrorBox, Page, Panel } from "../parts/panel";
import { Alerted } from "../parts/record";
import { A } from "../parts/shell";
import { Table } from "../parts/table";
import { Timeline, type Bar } from "../parts/timeline";

const example = { name: "ManyErrors", when: "sum by (endpoint) (rate(mw_rows_total[1m])) > 1000", for: "2m", severity: "warning", summary: "{endpoint} gets {value} rows a second", what_to_do: "see who asks" };

export function RulesPage() {
  const rules = useData<Listed<Rule>>("/mw/v1/rules");
  const chosen = rules.data?.items.find((rule) => rule.name === param("rule"));
  return (
    <Page title="Rules" actions={<>
      <A to="/alerts" class="button">Alerts</A>
      <UseThis uses={[
        { title: "The rules", path: "/mw/v1/rules", cli: "mw alert rules list" },
        { title: "Set a rule", path: "/mw/v1/rules", body: example, cli: "mw alert rules check millwright.yaml" },
        { title: "Receivers", path: "/mw/v1/receivers" },
      ]} />
    </>}>
      <Receivers />
      <Panel title="Rules" wide note={rules.data ? `${rules.data.total}; each is looked at twice a second` : ""}>
        <Alerted of={rules}>
          {(found) => found.items.length === 0
            ? <Empty command="mw config show">No rule holds: the file says 'defaults: false' and has none.</Empty>
            : <Table<Rule> name="rules" rows={found.items} id={(r) => r.name} open={(r) => setQuery({ rule: r.name }, false)} height={460} columns={[
                { key: "name", title: "Rule", value: (r) => r.name, cell: (r) => <button type="button" class="link" onClick={() => setQuery({ rule: r.name }, false)}>{r.name}</button> },
                { key: "on", title: "State", value: (r) => (r.enabled ? 0 : 1), cell: (r) => <StateWord state={r.enabled ? "ok" : "none"} word={r.enabled ? "on" : "off"} /> },
                { key: "severity", title: "Severity", value: (r) => r.severity, cell: (r) => r.severity, narrow: true },
                { key: "when", title: "When", value: (r) => r.when, cell: (r) => <span class="path" title={r.when}>{r.when}</span> },
                { key: "for", title: "For", right: true, value: (r) => r.for, cell: (r) => r.for, narrow: true },
                { key: "origin", title: "From", value: (r) => r.origin, cell: (r) => r.origin, narrow: true },
              ]} />}
        </Alerted>
      </Panel>
      {rules.data && <Editor key={chosen?.name ?? ""} rule={chosen} changed={rules.reload} />}
    </Page>
  );
}

type Labels = Record<string, string>;
interface Firing { labels: Labels; since: string | null; fired: string; resolved: string | null; value: number | null }
interface Past { fired: number; pages: number; from: string | null; to: string | null; firings: Firing[] }
interface Tried { holds_for: { labels: Labels; value: number | null }[]; total: number; past?: Past }

const pasts: [string, number][] = [["now alone", 0], ["the last hour", 1], ["the last 6 hours", 6], ["the last day", 24], ["the last 7 days", 168]];
const wordsOf = (labels: Labels) => Object.entries(labels).map(([k, v]) => `${k} ${v}`).join(", ") || "the server";

/* What it would have said, from pages of /metrics that are kept each minute. */
function Retro({ past, name }: { past: Past; name: string }) {
  if (past.pages === 0) return <p>Nothing of that time is kept: pages are kept from this server's start on, one a minute.</p>;
  const [from, to] = [time(past.from)!, time(past.to)!];
  const bars: Bar[] = past.firings.map((f) => ({ row: wordsOf(f.labels), from: time(f.since) ?? time(f.fired)!, to: time(f.resolved), kind: "warning", text: name }));
  return (
    <>
      <p><b>It would have fired {past.fired === 1 ? "once" : past.fired === 0 ? "not at all" : `${count(past.fired)} times`}</b> in {lasting((to - from) / 1000)}, from {moment(from)} on. <span class="faint">{count(past.pages)} looks, one a minute</span></p>
      {past.fired > 0 && <Timeline name={`${name}, back-test`} bars={bars} events={[]} from={from} to={to} />}
      {past.fired > 0 && (
        <Table<Firing> name={`firings of ${name}`} rows={past.firings} id={(f) => `${f.fired} ${wordsOf(f.labels)}`} height={260} columns={[
          { key: "of", title: "Of", value: (f) => wordsOf(f.labels), cell: (f) => wordsOf(f.labels) },
          { key: "fired", title: "Fired", value: (f) => f.fired, cell: (f) => moment(time(f.fired)!) },
          { key: "took", title: "Held", right: true, value: (f) => (time(f.resolved) ?? to) - time(f.fired)!, cell: (f) => `${lasting(((time(f.resolved) ?? to) - time(f.fired)!) / 1000)}${f.resolved ? "" : " so far"}` },
          { key: "value", title: "Value", right: true, value: (f) => f.value, cell: (f) => digits(f.value) },
        ]} />
      )}
      {past.firings.length < past.fired && <p class="faint">the last {past.firings.length} of {count(past.fired)}</p>}
    </>
  );
}

/* What of a rule can be set. */
function textOf(rule: Rule | undefined): string {
  if (!rule) return JSON.stringify(example, null, 1);
  const { origin: _origin, ...rest } = rule;
  return JSON.stringify(rest, null, 1);
}

function Editor({ rule, changed }: { rule: Rule | undefined; changed: () => void }) {
  const [text, set] = useState(textOf(rule));
  const [tried, setTried] = useState<Tried>();
  const [error, fail] = useState<Refusal>();
  const [hours, setHours] = useState(24);
  const parsed = () => {
    try {
      return JSON.parse(text) as Rule;
    } catch {
      return undefined;
    }
  };
  const body = parsed();
  const attempt = () => {
    fail(undefined);
    setTried(undefined);
    if (body) ask<Tried>(`/mw/v1/rules:test${query({ hours: hours || undefined })}`, body, "POST").then(setTried, fail);
  };
  return (
    <Panel title={rule ? rule.name : "A rule of your own"} wide note={rule ? `${rule.origin}; setting it here replaces it until it is removed here` : "JSON; the keys are those of millwright.yaml"}
      actions={rule && <button type="button" class="quiet" onClick={() => setQuery({ rule: undefined })}>close</button>}>
      {rule?.summary && <p class="lead">{rule.summary}</p>}
      {rule?.what_to_do && <p class="lead"><b>What to do:</b> {rule.what_to_do}</p>}
      <textarea rows={rule ? 12 : 8} value={text} aria-label="rule as JSON" onInput={(e) => set(e.currentTarget.value)} />
      {!body && <p class="fault" role="alert">this is no JSON</p>}
      {error && <ErrorBox error={error} />}
      <div class="tabs">
        <button type="button" disabled={!body} onClick={attempt}>Try it now</button>
        <label>over <select value={String(hours)} onChange={(e) => setHours(Number(e.currentTarget.value))}>{pasts.map(([word, n]) => <option key={n} value={String(n)}>{word}</option>)}</select></label>
        <Act label="Set the rule" kind="main" title={`Set ${body?.name ?? "the rule"}`} cannot={body ? "" : "this is no JSON"}
          says="It is looked at from now on, also after a restart. A rule of the same name is replaced."
          run={() => ask("/mw/v1/rules", body, "POST").then(() => { say(`${body!.name} is set`); changed(); })} />
        {rule?.origin === "api" && (
          <Act label="Remove" kind="danger" title={`Remove ${rule.name}`} says="What it replaced, if anything, holds again."
            run={() => ask(`/mw/v1/rules/${encodeURIComponent(rule.name)}`, undefined, "DELETE").then(() => { say(`${rule.name} is removed`); setQuery({ rule: undefined }); changed(); })} />
        )}
      </div>
      {tried && (
        <div class="box" role="status">
          <p>{tried.total === 0 ? "It would hold for nothing now." : `It would hold for ${count(tried.total)} now:`}</p>
          <ul class="plain">{tried.holds_for.slice(0, 10).map((one, i) => <li key={i}>{wordsOf(one.labels)}: {digits(one.value)}</li>)}</ul>
          {tried.past && <Retro past={tried.past} name={body?.name ?? "the rule"} />}
        </div>
      )}
    </Panel>
  );
}

function Receivers() {
  const receivers = useData<Listed<Receiver>>("/mw/v1/receivers", fallback());
  useNews("alerts", receivers.reload);
  const test = (name: string) => ask("/mw/v1/alerts:test", { receiver: name }, "POST").then(() => { say(`a test for ${name} is in the outbox`); receivers.reload(); });
  return (
    <Panel title="Receivers" wide note="what is due waits in the outbox until it is taken">
      <Alerted of={receivers}>
        {(found) => found.items.length === 0
          ? <Empty command={"alerts: {receivers: [{name: chat, kind: slack, url_env: SLACK_URL}]}"} label="lines of millwright.yaml">Nobody is told. In millwright.yaml:</Empty>
          : <Table<Receiver> name="receivers" rows={found.items} id={(r) => r.name} columns={[
              { key: "name", title: "Receiver", value: (r) => r.name, cell: (r) => r.name },
              { key: "state", title: "State", value: (r) => r.waiting, cell: (r) => r.last_error && r.waiting ? <StateWord state="firing" word="fails" /> : <StateWord state={r.delivered ? "ok" : "none"} word={r.delivered ? "ok" : "not used yet"} /> },
              { key: "kind", title: "Kind", value: (r) => r.kind, cell: (r) => r.kind, narrow: true },
              { key: "waiting", title: "Waiting", right: true, value: (r) => r.waiting, cell: (r) => count(r.waiting) },
              { key: "delivered", title: "Delivered", right: true, value: (r) => r.delivered, cell: (r) => count(r.delivered), narrow: true },
              { key: "failed", title: "Tries that failed", right: true, value: (r) => r.failed, cell: (r) => count(r.failed), narrow: true },
              { key: "last", title: "Last delivered", value: (r) => time(r.last_delivered), cell: (r) => r.last_delivered ? <span title={moment(time(r.last_delivered)!)}>{ago(time(r.last_delivered))}</span> : "–", narrow: true },
              { key: "error", title: "Last error", value: (r) => r.last_error, cell: (r) => <span title={r.last_error}>{r.last_error || "–"}</span>, narrow: true },
              { key: "test", title: "", cell: (r) => <Act label="Send a test" name={`send a test to ${r.name}`} title={`Send a test to ${r.name}`} says="A notification that says that it is a test goes through the outbox, as an alert does." run={() => test(r.name)} /> },
            ]} />}
      </Alerted>
    </Panel>
  );
}
