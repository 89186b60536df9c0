/* Models: the registry, the versions of one, and what differs between two. */
import { useMemo, useState } from "preact/hooks";
import { ask, Refusal } from "../api/client";
import { kin, lineagePath, type Lineage, type Side } from "../api/lineage";
import { num, paths, valueOf, type ModelVersion, type RegisteredModel, type Run } from "../api/mlflow";
import { isKnown, useData } from "../api/use";
import type { Rollout } from "../api/watch";
import { go, param, setQuery } from "../state/router";
import { Command, UseThis, say } from "../parts/copy";
import { ago, bytes, digits, moment } from "../parts/format";
import { Empty, ErrorBox, Loading, Page, Panel } from "../parts/panel";
import { Recorded, Tags } from "../parts/record";
import { StateWord } from "../parts/icons";
import { RolloutState } from "../parts/rollout";
import { A } from "../parts/shell";
import { Table } from "../parts/table";

export function ModelsPage() {
  const asked = useData<{ registered_models?: RegisteredModel[]; next_page_token?: string }>(paths.models(""));
  return (
    <Page title="Models" actions={<UseThis uses={[{ title: "All models", path: paths.models("") }]} />}>
      <Panel title="Registered models" wide>
        <Recorded of={asked} height={240}>
          {(found) => !found.registered_models?.length
            ? <Empty command={`python -c "import mlflow; mlflow.set_tracking_uri('${location.origin}'); mlflow.register_model('runs:/RUN/model', 'churn')"`}>No model is registered yet. Register one of a run:</Empty>
            : <Table<RegisteredModel> name="models" rows={found.registered_models} id={(m) => m.name} open={(m) => go(`/models/${encodeURIComponent(m.name)}`)} columns={[
                { key: "name", title: "Model", value: (m) => m.name, cell: (m) => <A to={`/models/${encodeURIComponent(m.name)}`}>{m.name}</A> },
                { key: "versions", title: "Newest", right: true, value: (m) => newest(m), cell: (m) => (newest(m) ? `v${newest(m)}` : "–") },
                { key: "aliases", title: "Aliases", value: (m) => (m.aliases ?? []).map((a) => a.alias).join(), cell: (m) => <>{(m.aliases ?? []).map((a) => <span class="tag" key={a.alias}>{a.alias} v{a.version}</span>)}</> },
                { key: "description", title: "Description", value: (m) => m.description, cell: (m) => <span title={m.description}>{m.description ?? ""}</span>, narrow: true },
                { key: "updated", title: "Changed", value: (m) => m.last_updated_timestamp, cell: (m) => <span title={m.last_updated_timestamp ? moment(m.last_updated_timestamp) : ""}>{ago(m.last_updated_timestamp)}</span> },
              ]} />}
        </Recorded>
      </Panel>
    </Page>
  );
}

function newest(model: RegisteredModel): number {
  return Math.max(0, ...(model.latest_versions ?? []).map((v) => Number(v.version)));
}

/* ---- one model -------------------------------------------------------------------------------- */

export function ModelPage({ name }: { name: string }) {
  const model = useData<{ registered_model: RegisteredModel }>(paths.model(name));
  const versions = useData<{ model_versions?: ModelVersion[] }>(paths.versions(name));
  const [chosen, set] = useState(new Set<string>());
  const toggle = (version: string) => {
    const next = new Set(chosen);
    if (!next.delete(version)) next.add(version);
    set(new Set([...next].slice(-2)));
  };
  const [a, b] = param("diff").split("..");
  const aliases = (v: ModelVersion) => (model.data?.registered_model.aliases ?? []).filter((one) => one.version === v.version).map((one) => one.alias);
  return (
    <Page title={name} actions={<UseThis uses={[
      { title: "The model", path: paths.model(name) }, { title: "Its versions", path: paths.versions(name), cli: `mw lineage show ${name}/latest --record ./record` },
    ]} />}>
      {!isKnown(model, versions) ? <Loading height={500} /> : <>
      {model.data?.registered_model.description && <p class="lead">{model.data.registered_model.description}</p>}
      {!!model.data?.registered_model.tags?.length && <p class="lead"><Tags tags={model.data.registered_model.tags} /></p>}
      {model.error && !model.data && versions.data ? <ErrorBox error={model.error} retry={model.reload} /> : <Panel title="Versions" wide note="choose two to see what differs" actions={
        <button type="button" class="main" disabled={chosen.size !== 2} onClick={() => { const [x, y] = [...chosen].sort((p, q) => Number(p) - Number(q)); setQuery({ diff: `${x}..${y}` }, false); }}>Diff</button>
      }>
        <Recorded of={versions} height={200}>
          {(found) => !found.model_versions?.length ? <Empty>This model has no version yet.</Empty> : (
            <Table<ModelVersion> name={`versions of ${name}`} rows={found.model_versions} id={(v) => v.version} sort="-version" selected={chosen} select={toggle}
              open={(v) => go(`/models/${encodeURIComponent(name)}/${v.version}`)} columns={[
                { key: "version", title: "Version", value: (v) => Number(v.version), cell: (v) => <A to={`/models/${encodeURIComponent(name)}/${v.version}`}>v{v.version}</A> },
                { key: "aliases", title: "Aliases", value: (v) => aliases(v).join(), cell: (v) => <>{aliases(v).map((one) => <span class="tag" key={one}>{one}</span>)}</> },
                { key: "stage", title: "Stage", value: (v) => v.current_stage, cell: (v) => (v.current_stage === "None" ? "" : v.current_stage), narrow: true },
                { key: "created", title: "Registered", value: (v) => v.creation_timestamp, cell: (v) => <span title={v.creation_timestamp ? moment(v.creation_timestamp) : ""}>{ago(v.creation_timestamp)}</span> },
                { key: "run", title: "Run", value: (v) => v.run_id, cell: (v) => v.run_id ? <A to={`/runs/${v.run_id}`}>{v.run_id.slice(0, 8)}</A> : "", narrow: true },
                { key: "notes", title: "Notes", value: (v) => v.description, cell: (v) => <><Breaks version={v} />{v.description ?? ""}</> },
              ]} />
          )}
        </Recorded>
      </Panel>}
      {a && b && <Diff name={name} a={a} b={b} />}
      </>}
    </Page>
  );
}

function Breaks({ version }: { version: ModelVersion }) {
  const found = valueOf(version.tags, "millwright.contract");
  return found ? <span class="state state-watch" title={found}>would break clients </span> : null;
}

/* ---- lineage ---------------------------------------------------------------------------------- */

interface Node { text: string; note?: string; to?: string }

/* Layers from left to right: data, code -> run -> version -> what came of it. */
function Graph({ lineage: l }: { lineage: Lineage }) {
  const layers: { title: string; nodes: Node[] }[] = [
    { title: "data and code", nodes: [
      ...l.data.map((d) => ({ text: d.name ?? "data", note: d.digest?.slice(0, 12) ?? "" })),
      ...(l.code.commit ? [{ text: l.code.commit.slice(0, 10), note: `commit${l.code.dirty ? ", with changes that were not committed" : ""}` }] : []),
    ] },
    { title: "run", nodes: l.run ? [{ text: l.run.name ?? l.run.run_id.slice(0, 8), note: l.experiment ?? "", to: `/runs/${l.run.run_id}` }] : [] },
    { title: "version", nodes: [{ text: `${l.name} v${l.version}`, note: l.aliases.join(", ") }] },
    { title: "served by", nodes: l.served_by.map((e) => ({ text: e.endpoint, note: e.address, to: `/endpoints/${encodeURIComponent(e.endpoint)}` })) },
    { title: "related", nodes: l.related.slice(0, 40).map((r) => ({ text: `${r.name} v${r.version}`, note: kin[r.kinship] ?? r.kinship, to: `/models/${encodeURIComponent(r.name)}/${r.version}` })) },
  ].filter((layer) => layer.nodes.length > 0);
  return (
    <div class="layers">
      {layers.map((layer, i) => (
        <div class="layer" key={layer.title}>
          <h3>{i > 0 && <span aria-hidden="true">→ </span>}{layer.title}</h3>
          <ul>
            {layer.nodes.map((node) => (
              <li key={node.text + node.note}>{node.to ? <A to={node.to}>{node.text}</A> : node.text}{node.note && <span class="faint">{node.note}</span>}</li>
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

function Signature({ sides, empty }: { sides: Side[]; empty: string }) {
  if (sides.length === 0) return <Empty>{empty}</Empty>;
  return (
    <Table<Side> name="signature" rows={sides} id={(s) => s.name} columns={[
      { key: "name", title: "Column", value: (s) => s.name, cell: (s) => s.name },
      { key: "type", title: "Type", value: (s) => s.type, cell: (s) => s.type ?? "" },
      { key: "low", title: "Example from", right: true, value: (s) => s.low, cell: (s) => digits(s.low) },
      { key: "high", title: "to", right: true, value: (s) => s.high, cell: (s) => digits(s.high) },
      { key: "required", title: "", value: (s) => (s.required ? "required" : "optional"), cell: (s) => (s.required ? "" : "optional"), narrow: true },
    ]} />
  );
}

interface Standing {
  required: boolean; open: boolean; missing: string; gates: string[]; approvals_required: number;
  results: { gate: string; passed: boolean; stale: boolean; by: string; time: number; summary: string }[];
  approvals: { by: string; time: number; note: string }[];
  overridden_by?: string; override_reason?: string;
}

/* Whether the version may be served, by what it has passed and who approved it. */
function Gates({ name, version }: { name: string; version: string }) {
  const asked = useData<Standing>(`/mw/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}/gates`);
  return (
    <Panel title="Gates" note="what it must pass before it may be served">
      <Recorded of={asked}>
        {(g) => <>
          <p class="lead"><StateWord state={g.open ? "ok" : "firing"} word={g.open ? "open" : "closed"} /> {g.required ? g.missing : "the model has no policy: every version may be served"}
            {g.overridden_by ? ` overridden by ${g.overridden_by}: ${g.override_reason ?? ""}` : ""}</p>
          {g.results.length > 0 && (
            <Table<Standing["results"][number]> name={`gates of ${name} ${version}`} rows={g.results} id={(r) => r.gate} columns={[
              { key: "gate", title: "Gate", value: (r) => r.gate, cell: (r) => r.gate === "fairness" ? <A to={`/fairness?model=${encodeURIComponent(name)}&version=${version}`}>{r.gate}</A> : r.gate },
              { key: "passed", title: "Result", value: (r) => (r.passed ? 0 : 1), cell: (r) => <StateWord state={r.passed ? "ok" : "firing"} word={`${r.passed ? "passed" : "failed"}${r.stale ? ", of other files" : ""}`} /> },
              { key: "says", title: "Says", value: (r) => r.summary, cell: (r) => <span title={r.summary}>{r.summary}</span>, narrow: true },
              { key: "by", title: "By", value: (r) => r.by, cell: (r) => <span title={moment(r.time)}>{r.by}, {ago(r.time)}</span> },
            ]} />
          )}
          {g.approvals_required > 0 && <p>{g.approvals.length} of {g.approvals_required} approvals{g.approvals.length ? `: ${g.approvals.map((a) => a.by).join(", ")}` : ""}</p>}
          {g.results.length === 0 && <Empty command={`mw gate add ${name}/${version} report.json --record ./record`}>No gate has a result yet.</Empty>}
        </>}
      </Recorded>
    </Panel>
  );
}

/* When it was brought to an endpoint, by whom, and what became of it. */
function Served({ name, version }: { name: string; version: string }) {
  const asked = useData<{ items: Rollout[] }>("/mw/v1/rollouts?max_results=1000");
  const mine = (asked.data?.items ?? []).filter((r) => r.model === name && (String(r.to_version) === version || String(r.from_version) === version));
  return (
    <Panel title="Where it was served" note="rollouts that brought it, or took its place">
      <Recorded of={asked}>
        {() => mine.length === 0 ? <Empty command={`mw rollout start ENDPOINT --model ${name}/${version} --steps 1,5,25,100 --record ./record`}>No rollout brought it to an endpoint:</Empty> : (
          <Table<Rollout> name={`rollouts of ${name} ${version}`} rows={mine} id={(r) => String(r.id)} columns={[
            { key: "endpoint", title: "Endpoint", value: (r) => r.endpoint, cell: (r) => <A to={`/rollouts/${r.id}`}>{r.endpoint}</A> },
            { key: "what", title: "What", value: (r) => (String(r.to_version) === version ? "came" : "was followed"), cell: (r) => String(r.to_version) === version ? `after v${r.from_version}` : `followed by v${r.to_version}` },
            { key: "state", title: "Became", value: (r) => r.state, cell: (r) => <RolloutState rollout={r} /> },
            { key: "started", title: "From", value: (r) => r.started, cell: (r) => <span title={moment(r.started)}>{ago(r.started)}</span> },
            { key: "ended", title: "To", value: (r) => r.ended, cell: (r) => r.ended ? <span title={moment(r.ended)}>{ago(r.ended)}</span> : "now", narrow: true },
            { key: "by", title: "By", value: (r) => r.started_by, cell: (r) => <span title={r.reason || r.why}>{r.started_by}</span>, narrow: true },
          ]} />
        )}
      </Recorded>
    </Panel>
  );
}

export function VersionPage({ name, version }: { name: string; version: string }) {
  const asked = useData<Lineage>(lineagePath(name, version));
  const [alias, setAlias] = useState("champion");
  const [error, fail] = useState<Refusal>();
  const move = () => {
    fail(undefined);
    ask(paths.alias, { name, alias, version }, "POST").then(() => { say(`${alias} is v${version} now`); asked.reload(); }, fail);
  };
  return (
    <Page title={`${name} v${version}`} state={asked.data && <>{asked.data.aliases.map((one) => <span class="tag" key={one}>{one}</span>)}</>} actions={
      <>
        <A to={`/models/${encodeURIComponent(name)}`} class="button">All versions</A>
        <UseThis uses={[{ title: "What it is made of", path: lineagePath(name, version), cli: `mw lineage show ${name}/${version} --record ./record` }]} />
      </>
    }>
      <Recorded of={asked} height={400}>
        {(l) => (
          <>
            <Panel title="Lineage" wide note={l.cut ? "more relatives than are shown" : ""} actions={<A to={`/lineage?id=${encodeURIComponent(`${name}/${version}`)}`} class="button">As a graph</A>}><Graph lineage={l} /></Panel>
            <div class="grid">
              <Panel title="About">
                <dl class="facts">
                  <div><dt>Registered</dt><dd title={ago(Date.parse(l.registered))}>{moment(Date.parse(l.registered))}{l.user ? `, by ${l.user}` : ""}</dd></div>
                  <div><dt>Files</dt><dd>{l.files}, {bytes(l.bytes)}</dd></div>
                  <div><dt>Digest</dt><dd class="path">{l.digest ?? "no files"}</dd></div>
                  <div><dt>Python</dt><dd>{l.environment.python ?? "–"}</dd></div>
                  <div><dt>Flavors</dt><dd>{l.environment.flavors ?? "–"}</dd></div>
                  {l.fault && <div><dt>Not read</dt><dd>{l.fault}</dd></div>}
                </dl>
                <Command text={`mw serve models:/${name}/${version} --record ./record`} label="serve it" />
                <form class="filter" onSubmit={(event) => { event.preventDefault(); move(); }}>
                  <label>alias <input value={alias} onInput={(e) => setAlias(e.currentTarget.value)} /></label>
                  <button type="submit">Point it here</button>
                </form>
                {error && <ErrorBox error={error} />}
                <p class="faint">An endpoint that is served by the alias follows it within a second.</p>
              </Panel>
              <Panel title="Libraries">
                {Object.keys(l.environment.libraries).length === 0 ? <Empty>Its files name no libraries.</Empty> : (
                  <Table<[string, string]> name="libraries" rows={Object.entries(l.environment.libraries)} id={(r) => r[0]} columns={[
                    { key: "name", title: "Library", value: (r) => r[0], cell: (r) => r[0] },
                    { key: "version", title: "Version", value: (r) => r[1], cell: (r) => r[1] },
                  ]} height={320} />
                )}
              </Panel>
              <Gates name={name} version={version} />
              <Served name={name} version={version} />
              <Panel title="Inputs"><Signature sides={l.inputs} empty="Its files have no signature." /></Panel>
              <Panel title="Outputs"><Signature sides={l.outputs} empty="Its files name no outputs." /></Panel>
            </div>
          </>
        )}
      </Recorded>
    </Page>
  );
}

/* ---- two versions ----------------------------------------------------------------------------- */

interface Line { section: string; what: string; before: string; after: string; breaks: boolean }

function lines(section: string, a: Record<string, string | undefined>, b: Record<string, string | undefined>, breaks = false): Line[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().flatMap((what) =>
    a[what] === b[what] ? [] : [{ section, what, before: a[what] ?? "", after: b[what] ?? "", breaks: breaks && b[what] !== undefined ? a[what] !== undefined || !b[what]!.includes("optional") : breaks }]);
}

const columnsOf = (sides: Side[]) => Object.fromEntries(sides.map((s) => [s.name, `${s.type ?? "?"}${s.required === false ? ", optional" : ""}`]));
const paramsOf = (run: Run | undefined) => Object.fromEntries((run?.data.params ?? []).map((p) => [p.key, p.value]));
const metricsOf = (run: Run | undefined) => Object.fromEntries((run?.data.metrics ?? []).map((m) => [m.key, String(num(m.value) === null ? m.value : Number(num(m.value)!.toPrecision(6)))]));

function difference(a: Lineage, b: Lineage, runA: Run | undefined, runB: Run | undefined): Line[] {
  const data = (l: Lineage) => Object.fromEntries(l.data.map((d) => [d.name ?? "data", d.digest ?? ""]));
  const code = (l: Lineage) => ({ commit: l.code.commit, branch: l.code.branch, entry: l.code.entry, dirty: l.code.dirty === undefined ? undefined : String(l.code.dirty) });
  return [
    ...lines("inputs", columnsOf(a.inputs), columnsOf(b.inputs), true),
    ...lines("outputs", columnsOf(a.outputs), columnsOf(b.outputs), true),
    ...lines("metrics", metricsOf(runA), metricsOf(runB)),
    ...lines("parameters", paramsOf(runA), paramsOf(runB)),
    ...lines("data", data(a), data(b)),
    ...lines("code", code(a), code(b)),
    ...lines("libraries", { python: a.environment.python, ...a.environment.libraries }, { python: b.environment.python, ...b.environment.libraries }),
    ...lines("files", { digest: a.digest, count: String(a.files), bytes: String(a.bytes) }, { digest: b.digest, count: String(b.files), bytes: String(b.bytes) }),
  ];
}

function change(line: Line): string {
  const [a, b] = [Number(line.before), Number(line.after)];
  if (line.section !== "metrics" || !line.before || !line.after || !Number.isFinite(a) || !Number.isFinite(b)) return "";
  return `${b > a ? "+" : ""}${digits(b - a)}`;
}

function Diff({ name, a, b }: { name: string; a: string; b: string }) {
  const before = useData<Lineage>(lineagePath(name, a));
  const after = useData<Lineage>(lineagePath(name, b));
  const runA = useData<{ run: Run }>(before.data?.run ? paths.run(before.data.run.run_id) : undefined);
  const runB = useData<{ run: Run }>(after.data?.run ? paths.run(after.data.run.run_id) : undefined);
  const found = useMemo(() => before.data && after.data ? difference(before.data, after.data, runA.data?.run, runB.data?.run) : undefined,
    [before.data, after.data, runA.data, runB.data]);
  return (
    <Panel title={`v${a} and v${b}`} wide note={found ? `${found.length} differences` : ""} actions={
      <button type="button" onClick={() => setQuery({ diff: undefined })}>Close</button>
    }>
      <Recorded of={before.error ? before : after} height={200}>
        {() => !found ? null : found.length === 0 ? <Empty>Nothing that is recorded differs.</Empty> : (
          <Table<Line> name={`difference of ${name} ${a} and ${b}`} rows={found} id={(line) => `${line.section} ${line.what}`} columns={[
            { key: "section", title: "Section", value: (l) => l.section, cell: (l) => <>{l.section}{l.breaks && <span class="count-firing"> breaks clients</span>}</> },
            { key: "what", title: "What", value: (l) => l.what, cell: (l) => l.what },
            { key: "before", title: `v${a}`, value: (l) => l.before, cell: (l) => <span title={l.before}>{l.before || "–"}</span> },
            { key: "after", title: `v${b}`, value: (l) => l.after, cell: (l) => <span title={l.after}>{l.after || "–"}</span> },
            { key: "change", title: "Change", right: true, value: change, cell: change },
          ]} />
        )}
      </Recorded>
      <Command text={`mw model diff ${name}/${a} ${name}/${b} --record ./record`} label="the same by command" />
    </Panel>
  );
}
