/* A rule is made, changed or removed: by a form, or as JSON. What it would have done is shown before it
 * is set, and what the server says is wrong stands at the field. */
import { useState } from "preact/hooks";
import { ask, query, type Refusal } from "../api/client";
import { time, type Rule } from "../api/watch";
import { setQuery } from "../state/router";
import { Act } from "../parts/act";
import { say } from "../parts/copy";
import { count, digits, lasting, moment } from "../parts/format";
import { ErrorBox, Panel } from "../parts/panel";
import { Table } from "../parts/table";
import { Timeline, type Bar } from "../parts/timeline";

export const example = { name: "ManyErrors", when: "sum by (endpoint) (rate(mw_rows_total[1m])) > 1000", for: "2m", severity: "warning", summary: "{endpoint} gets {value} rows a second", what_to_do: "see who asks" };

/* ---- what it would have done --------------------------------------------------------------------- */

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

/* ---- the rule as texts --------------------------------------------------------------------------- */

type Draft = Record<string, unknown>;

interface Field { key: string; title: string; hint: string; kind?: "lines" | "long" | "choice" | "list" }

const fields: Field[] = [
  { key: "name", title: "Name", hint: "letters, digits and _" },
  { key: "severity", title: "Severity", hint: "", kind: "choice" },
  { key: "when", title: "When", hint: "a condition over samples of /metrics: rate(name{label=\"x\"}[5m]) > 1", kind: "long" },
  { key: "for", title: "For", hint: "it must hold so long: 30s, 5m; empty: at once" },
  { key: "keep_firing_for", title: "Keeps firing for", hint: "it must be over so long; empty: none" },
  { key: "resolve_when", title: "Ends when", hint: "empty: when it does not hold any more", kind: "long" },
  { key: "summary", title: "Summary", hint: "{endpoint} is a label, {value} its value, {percent} a hundred times that" },
  { key: "what_to_do", title: "What to do", hint: "for those who are told" },
  { key: "runbook", title: "Runbook", hint: "an address" },
  { key: "evidence", title: "Evidence", hint: "metrics to tell with it, with commas between; 8 at most", kind: "list" },
  { key: "labels", title: "Labels", hint: "a line each: team=risk", kind: "lines" },
];

const severities = ["info", "warning", "critical"];

/* What of a rule can be set. */
function draftOf(rule: Rule | undefined): Draft {
  if (!rule) return { ...example };
  const { origin: _origin, ...rest } = rule;
  return { ...rest };
}

function shownAs(kind: Field["kind"], value: unknown): string {
  if (kind === "list") return Array.isArray(value) ? value.join(", ") : String(value ?? "");
  if (kind === "lines") return Object.entries((value ?? {}) as Record<string, string>).map(([k, v]) => `${k}=${v}`).join("\n");
  return String(value ?? "");
}

function readAs(kind: Field["kind"], text: string): unknown {
  if (kind === "list") return text.split(",").map((one) => one.trim()).filter(Boolean);
  if (kind !== "lines") return text;
  return Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
  }));
}

/* A line a key, so that the server's "rule:4:12" names one. Nothing is sent of what is empty. */
const isEmpty = (value: unknown) => value === "" || value == null || (typeof value === "object" && Object.keys(value).length === 0);
const linesOf = (draft: Draft): [string, string][] => Object.entries(draft).filter(([, value]) => !isEmpty(value)).map(([key, value]) => [key, `${JSON.stringify(key)}: ${JSON.stringify(value)}`]);
const textOf = (draft: Draft) => `{\n${linesOf(draft).map(([, line]) => line).join(",\n")}\n}`;

/* Which field a refusal is about, and the character in it; "": none in particular. */
function placeOf(error: Refusal, draft: Draft): { key: string; at: number } {
  const [, line, column] = /^rule:(\d+):(\d+)$/.exec(error.where) ?? [];
  const [key, text] = linesOf(draft)[Number(line) - 2] ?? ["", ""];
  if (!key) return { key: /"(\w+)"/.exec(error.what)?.[1] ?? "", at: -1 };
  const begin = JSON.stringify(key).length + 3; /* behind the value's quote */
  try {
    return { key, at: (JSON.parse(`"${text.slice(begin, Number(column) - 1)}"`) as string).length };
  } catch {
    return { key, at: -1 };
  }
}

/* ---- the form ------------------------------------------------------------------------------------ */

function Fault({ id, error, at, value }: { id: string; error: Refusal; at: number; value: string }) {
  const words = error.what.replace(/^rule:\d+:\d+: /, "");
  const inside = at > 0 && at <= value.length;
  return <span id={id} class="fault" role="alert">{words}{inside ? `, at character ${at + 1}: …${value.slice(Math.max(0, at - 12), at)}⟨here⟩${value.slice(at, at + 12)}` : ""}. {error.fix}</span>;
}

function Input({ field, draft, set, error, at }: { field: Field; draft: Draft; set: (draft: Draft) => void; error: Refusal | undefined; at: number }) {
  const { key, title, hint, kind } = field;
  const parsed = shownAs(kind, draft[key]);
  const [typed, type] = useState(parsed); /* "team=" on its way to "team=risk" */
  const value = kind ? typed : parsed;
  const take = (text: string) => { type(text); set({ ...draft, [key]: readAs(kind, text) }); };
  const told = { id: `rule-${key}`, "aria-describedby": error ? `fault-${key}` : `hint-${key}`, ...(error ? { "aria-invalid": true } : {}) };
  return (
    <div class={kind === "long" || key === "summary" || key === "what_to_do" ? "field wide" : "field"}>
      <label for={told.id}>{title}</label>
      {kind === "choice" ? <select {...told} value={String(draft[key] ?? "warning")} onChange={(e) => set({ ...draft, [key]: e.currentTarget.value })}>{severities.map((s) => <option key={s}>{s}</option>)}</select>
        : kind === "long" || kind === "lines" ? <textarea {...told} class="code" rows={2} value={value} onInput={(e) => take(e.currentTarget.value)} />
        : <input {...told} value={value} onInput={(e) => take(e.currentTarget.value)} />}
      {error ? <Fault id={`fault-${key}`} error={error} at={at} value={value} /> : <span id={`hint-${key}`} class="faint">{hint}</span>}
    </div>
  );
}

function parse(text: string): Draft | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? (found as Draft) : undefined;
  } catch {
    return undefined;
  }
}

const replaces = (rule: Rule | undefined, name: string, taken: Rule[]) => {
  const old = taken.find((one) => one.name === name);
  if (!old) return "It is looked at from now on, also after a restart.";
  return rule?.name === name ? "It is looked at so from now on, also after a restart." : `There is a rule ${name} (${old.origin}): this one takes its place, also after a restart, until it is removed here.`;
};

export function RuleForm({ rule, taken, changed }: { rule: Rule | undefined; taken: Rule[]; changed: () => void }) {
  const [draft, set] = useState<Draft>(draftOf(rule));
  const [json, setJson] = useState<string>(); /* undefined: by the form */
  const [tried, setTried] = useState<{ text: string; found: Tried }>();
  const [error, fail] = useState<{ refusal: Refusal; draft: Draft }>();
  const [hours, setHours] = useState(24);
  const body = json === undefined ? draft : parse(json);
  const text = body ? textOf(body) : "";
  const name = String(body?.name ?? "");
  const place = error && json === undefined ? placeOf(error.refusal, error.draft) : { key: "", at: -1 };
  const atField = fields.some((f) => f.key === place.key);
  const refused = (refusal: Refusal) => fail({ refusal, draft: body ?? draft });
  const attempt = () => {
    fail(undefined);
    setTried(undefined);
    if (body) ask<Tried>(`/mw/v1/rules:test${query({ hours: hours || undefined })}`, text, "POST").then((found) => setTried({ text, found }), refused);
  };
  const cannot = !body ? "this is no JSON" : tried?.text !== text ? "try it first: what it would have done is shown before it is set" : "";
  const fired = tried?.found.past ? `It would have fired ${count(tried.found.past.fired)} times in what is kept. ` : "";
  return (
    <Panel title={rule ? rule.name : "A rule of your own"} wide note={rule ? `${rule.origin}; setting it here replaces it until it is removed here` : "kept by this server, beside those of millwright.yaml"}
      actions={<>
        <button type="button" aria-pressed={json !== undefined} disabled={json !== undefined && !body} onClick={() => { if (json === undefined) setJson(JSON.stringify(draft, null, 1)); else { set(body!); setJson(undefined); } }}>as JSON</button>
        {rule && <button type="button" class="quiet" onClick={() => setQuery({ rule: undefined })}>close</button>}
      </>}>
      {rule?.what_to_do && <p class="lead"><b>What to do:</b> {rule.what_to_do}</p>}
      {json !== undefined
        ? <textarea rows={rule ? 12 : 8} value={json} aria-label="rule as JSON" onInput={(e) => setJson(e.currentTarget.value)} />
        : (
          <form class="rule-form" onSubmit={(event) => { event.preventDefault(); attempt(); }}>
            {fields.map((f) => <Input key={f.key} field={f} draft={draft} set={set} error={place.key === f.key ? error!.refusal : undefined} at={place.at} />)}
            <label class="field-line"><input type="checkbox" checked={draft.enabled !== false} onChange={(e) => set({ ...draft, enabled: e.currentTarget.checked })} /> it is looked at</label>
          </form>
        )}
      {!body && <p class="fault" role="alert">this is no JSON</p>}
      {error && !atField && <ErrorBox error={error.refusal} />}
      <div class="tabs">
        <button type="button" disabled={!body} onClick={attempt}>Try it now</button>
        <label>over <select value={String(hours)} onChange={(e) => setHours(Number(e.currentTarget.value))}>{pasts.map(([word, n]) => <option key={n} value={String(n)}>{word}</option>)}</select></label>
        <Act label="Set the rule" kind="main" title={`Set ${name || "the rule"}`} cannot={cannot} says={`${fired}${replaces(rule, name, taken)}`}
          run={() => ask("/mw/v1/rules", text, "POST").then(() => { say(`${name} is set`); changed(); })} />
        {rule?.origin === "api" && (
          <Act label="Remove" kind="danger" title={`Remove ${rule.name}`} says="What it replaced, if anything, holds again."
            run={() => ask(`/mw/v1/rules/${encodeURIComponent(rule.name)}`, undefined, "DELETE").then(() => { say(`${rule.name} is removed`); setQuery({ rule: undefined }); changed(); })} />
        )}
        {cannot && body && <span class="faint">{cannot}</span>}
      </div>
      {tried && (
        <div class="box" role="status">
          <p>{tried.found.total === 0 ? "It would hold for nothing now." : `It would hold for ${count(tried.found.total)} now:`}{tried.text === text ? "" : " (as it was before the last change)"}</p>
          <ul class="plain">{tried.found.holds_for.slice(0, 10).map((one, i) => <li key={i}>{wordsOf(one.labels)}: {digits(one.value)}</li>)}</ul>
          {tried.found.past && <Retro past={tried.found.past} name={name || "the rule"} />}
        </div>
      )}
    </Panel>
  );
}
