/* Rules: what is watched for, and who is told. A rule is tried before it is set. */
import { ask } from "../api/client";
import { useData } from "../api/use";
import { time, type Listed, type Receiver, type Rule } from "../api/watch";
import { lacks, meKnown } from "../state/server";
import { fallback, useNews } from "../state/news";
import { param, setQuery } from "../state/router";
import { Act } from "../parts/act";
import { UseThis, say } from "../parts/copy";
import { ago, count, moment } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Page, Panel } from "../parts/panel";
import { Alerted } from "../parts/record";
import { A } from "../parts/shell";
import { Table } from "../parts/table";
import { RuleForm, example } from "./rule_form";

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
      {rules.data && meKnown.value && (lacks("deployer") ? chosen && <Shown rule={chosen} /> : <RuleForm key={chosen?.name ?? ""} rule={chosen} taken={rules.data.items} changed={rules.reload} />)}
    </Page>
  );
}

/* For those who may look and not change. */
function Shown({ rule }: { rule: Rule }) {
  const facts: [string, string | undefined][] = [
    ["When", rule.when], ["Ends when", rule.resolve_when], ["For", rule.for], ["Keeps firing for", rule.keep_firing_for], ["Severity", rule.severity],
    ["Labels", Object.entries(rule.labels ?? {}).map(([k, v]) => `${k}=${v}`).join(", ")], ["Evidence", rule.evidence?.join(", ")], ["Runbook", rule.runbook],
  ];
  return (
    <Panel title={rule.name} wide note={`${rule.origin}; ${lacks("deployer")} to change it`} actions={<button type="button" class="quiet" onClick={() => setQuery({ rule: undefined })}>close</button>}>
      {rule.summary && <p class="lead">{rule.summary}</p>}
      {rule.what_to_do && <p class="lead"><b>What to do:</b> {rule.what_to_do}</p>}
      <dl class="facts">{facts.filter(([, text]) => text).map(([name, text]) => <div key={name}><dt>{name}</dt><dd class={name.includes("hen") ? "path" : ""}>{text}</dd></div>)}</dl>
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
