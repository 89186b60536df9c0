/* Lineage: what a version was made of, and what came of it, in both directions: as a graph to walk
 * along, and as a list. */
import { useMemo } from "preact/hooks";
import { kin, lineagePath, type Lineage } from "../api/lineage";
import { paths, type ModelVersion, type RegisteredModel } from "../api/mlflow";
import { useData } from "../api/use";
import { isLive, type Rollout } from "../api/watch";
import { useNews } from "../state/news";
import { href, param, setQuery } from "../state/router";
import { UseThis, copy } from "../parts/copy";
import { percent } from "../parts/format";
import { LayerGraph, type GraphEdge, type GraphNode } from "../parts/graph";
import { Icon } from "../parts/icons";
import { useRollouts } from "../parts/now";
import { Empty, Page, Panel } from "../parts/panel";
import { Recorded } from "../parts/record";
import { A } from "../parts/shell";
import { Table } from "../parts/table";

interface Kept { name: string; version: number; digest: string }

const drawnMost = 60; /* of a layer; the list has all */

/* ---- the graph ----------------------------------------------------------------------------------- */

interface Graph { nodes: GraphNode[]; edges: GraphEdge[]; left: number }

const versionId = (name: string, version: number) => `${name} v${version}`;
const versionLink = (name: string, version: number) => `/lineage?id=${encodeURIComponent(`${name}/${version}`)}`;

/* Nodes by id, edges between them; what hangs on a version that is not drawn is left out. */
class Drawing {
  nodes = new Map<string, GraphNode>();
  edges: GraphEdge[] = [];
  add(node: GraphNode): string {
    if (!this.nodes.has(node.id)) this.nodes.set(node.id, node);
    return node.id;
  }
  tie(from: string, to: string, what: string) {
    if (!this.edges.some((e) => e.from === from && e.to === to && e.what === what)) this.edges.push({ from, to, what });
  }
}

const runNode = (run: { run_id: string; name?: string; status: string }, layer: number): GraphNode => ({
  id: `run ${run.run_id}`, layer, kind: "run", text: run.name || run.run_id.slice(0, 8), note: run.status.toLowerCase(), to: `/runs/${run.run_id}`,
});

function sources(d: Drawing, l: Lineage, kept: Kept[], maker: string) {
  for (const data of l.data) {
    const known = kept.find((k) => data.digest && k.digest.startsWith(data.digest));
    const id = d.add({ id: `data ${data.name ?? ""}`, layer: 0, kind: "data", text: data.name ?? "data", note: [data.context, data.digest?.slice(0, 12)].filter(Boolean).join(", "), ...(known ? { to: `/data/${encodeURIComponent(known.name)}/${known.version}` } : {}) });
    d.tie(id, maker, data.context ? `read for ${data.context}` : "read by");
  }
  if (l.code.commit || l.code.entry) {
    const id = d.add({ id: `code ${l.code.commit ?? ""}`, layer: 0, kind: "code", text: l.code.entry ?? "code", note: [l.code.commit?.slice(0, 10), l.code.branch, l.code.dirty ? "changed, not committed" : ""].filter(Boolean).join(", ") });
    d.tie(id, maker, "run by");
  }
  if (l.parent_run) d.tie(d.add(runNode(l.parent_run, 0)), maker, "its parent");
}

/* Other versions: before it, beside it, behind it. */
function relatives(d: Drawing, l: Lineage, own: string, maker: string) {
  for (const r of l.related) {
    const before = r.kinship === "it_is_made_from";
    const id = d.add({ id: versionId(r.name, r.version), layer: before ? 0 : r.kinship === "made_from_it" ? 3 : 2, kind: "version", text: versionId(r.name, r.version), note: kin[r.kinship] ?? r.kinship, to: versionLink(r.name, r.version) });
    const through = r.kinship === "same_data" ? `data ${r.through ?? ""}` : r.kinship === "same_code" ? `code ${r.through ?? ""}` : own;
    if (before) d.tie(id, maker, "read by");
    else d.tie(d.nodes.has(through) ? through : own, id, kin[r.kinship] ?? r.kinship);
  }
}

function graphOf(l: Lineage, kept: Kept[], rollouts: Rollout[]): Graph {
  const d = new Drawing();
  const own = versionId(l.name, l.version);
  const maker = l.run ? `run ${l.run.run_id}` : own;
  if (l.run) d.add({ ...runNode(l.run, 1), note: l.experiment ? `of ${l.experiment}` : "" });
  d.add({ id: own, layer: 2, kind: "version", text: own, note: l.aliases.join(", "), to: `/models/${encodeURIComponent(l.name)}/${l.version}`, own: true });
  if (l.run) d.tie(maker, own, "made");
  sources(d, l, kept, maker);
  for (const child of l.child_runs) d.tie(maker, d.add(runNode(child, 2)), "its child");
  for (const e of l.served_by) d.tie(own, d.add({ id: `endpoint ${e.endpoint}`, layer: 3, kind: "endpoint", text: e.endpoint, note: e.address, to: `/endpoints/${encodeURIComponent(e.endpoint)}` }), "served by");
  for (const r of rollouts) {
    if (!isLive(r) || r.model !== l.name || r.to_version !== l.version) continue;
    d.tie(own, d.add({ id: `endpoint ${r.endpoint}`, layer: 3, kind: "endpoint", text: r.endpoint, note: `rollout, ${percent(r.weight)}`, to: `/endpoints/${encodeURIComponent(r.endpoint)}` }), "rolled out to");
  }
  for (const run of l.read_by) d.tie(own, d.add(runNode(run, 3)), "read by");
  relatives(d, l, own, maker);
  const all = [...d.nodes.values()];
  const nodes = [0, 1, 2, 3].flatMap((layer) => all.filter((n) => n.layer === layer).slice(0, drawnMost));
  return { nodes, edges: d.edges, left: all.length - nodes.length };
}

const many = (n: number, one: string) => `${n} ${one}${n === 1 ? "" : "s"}`;

/* The same in a sentence. */
function says(l: Lineage): string {
  const from = [l.data.length && `${many(l.data.length, "data set")}: ${l.data.map((d) => d.name).join(", ")}`, l.code.commit && `commit ${l.code.commit.slice(0, 10)}`].filter(Boolean).join(" and ");
  const beside = new Set(l.related.filter((r) => r.kinship.startsWith("same")).map((r) => versionId(r.name, r.version))).size;
  const made = l.related.filter((r) => r.kinship === "made_from_it").length;
  return [
    l.run ? `${l.name} v${l.version} was made by the run ${l.run.name || l.run.run_id}${from ? ` of ${from}` : ""}` : `${l.name} v${l.version}${from ? ` is of ${from}` : " names no run"}`,
    l.served_by.length ? `it is served by ${l.served_by.map((e) => e.endpoint).join(", ")}` : "no endpoint serves it",
    l.read_by.length && `${many(l.read_by.length, "run")} read it`, made && `${many(made, "version")} came of it`, beside && `${many(beside, "other version")} share its data, code or files`,
  ].filter(Boolean).join("; ");
}

/* ---- the page ------------------------------------------------------------------------------------ */

function Chosen({ node, edges, nodes }: { node: GraphNode; edges: GraphEdge[]; nodes: Map<string, GraphNode> }) {
  const words = (e: GraphEdge) => (e.from === node.id ? `${e.what} ${nodes.get(e.to)?.text ?? e.to}` : `${nodes.get(e.from)?.text ?? e.from}: ${e.what}`);
  const mine = edges.filter((e) => e.from === node.id || e.to === node.id);
  return (
    <p class="lead" role="status">
      <b>{node.kind} {node.text}</b>{node.note ? `, ${node.note}` : ""}. {node.to && <A to={node.to}>{node.own ? "Its page" : node.kind === "version" ? "Its lineage" : "Open it"}</A>}
      <span class="faint"> {mine.slice(0, 6).map(words).join("; ")}{mine.length > 6 ? ` and ${mine.length - 6} more` : ""}</span>
    </p>
  );
}

function Both({ lineage: l, rollouts, kept }: { lineage: Lineage; rollouts: Rollout[]; kept: Kept[] }) {
  const graph = useMemo(() => graphOf(l, kept, rollouts), [l, kept, rollouts]);
  const nodes = useMemo(() => new Map(graph.nodes.map((n) => [n.id, n])), [graph]);
  const drawn = useMemo(() => graph.edges.filter((e) => nodes.has(e.from) && nodes.has(e.to)), [graph, nodes]);
  const node = nodes.get(param("at")) ?? graph.nodes.find((n) => n.own)!;
  const name = `lineage of ${l.name} v${l.version}`;
  const link = (id: string) => { const n = nodes.get(id); return n?.to ? <A to={n.to}>{n.text}</A> : (n?.text ?? id); };
  return (
    <>
      <Panel title="Graph" wide note={graph.left > 0 ? `${graph.left} more in the list` : "arrow keys walk, Enter opens"}>
        <p class="lead">{says(l)}.</p>
        <LayerGraph name={name} says={says(l)} nodes={graph.nodes} edges={drawn} at={node.id} choose={(id) => setQuery({ at: id })} />
        <Chosen node={node} edges={graph.edges} nodes={nodes} />
      </Panel>
      <Panel title="As a list" wide note={`${graph.edges.length} relations${l.cut ? ", of the first 200 of a kind" : ""}`}>
        {graph.edges.length === 0 ? <Empty command={'mlflow.log_input(mlflow.data.from_pandas(rows, name="train"), context="training")'}>Nothing is told of what it was made of. In the run that trains it:</Empty> : (
          <Table<GraphEdge> name={`${name}, list`} rows={graph.edges} id={(e) => `${e.from} ${e.what} ${e.to}`} height={420} columns={[
            { key: "from", title: "From", value: (e) => e.from, cell: (e) => link(e.from) },
            { key: "what", title: "What", value: (e) => e.what, cell: (e) => e.what },
            { key: "to", title: "To", value: (e) => e.to, cell: (e) => link(e.to) },
          ]} />
        )}
      </Panel>
    </>
  );
}

const nothing: Kept[] = [];
const noRollouts: Rollout[] = [];

export function LineagePage() {
  const models = useData<{ registered_models?: RegisteredModel[] }>(paths.models(""));
  const known = models.data?.registered_models ?? [];
  const [, name = known[0]?.name ?? "", which = ""] = /^(.+?)[/@]([^/@]+)$/.exec(param("id")) ?? [];
  const versions = useData<{ model_versions?: ModelVersion[] }>(name ? paths.versions(name) : undefined);
  const numbers = (versions.data?.model_versions ?? []).map((v) => v.version).sort((a, b) => Number(b) - Number(a));
  const id = param("id") || (numbers[0] ? `${name}/${numbers[0]}` : "");
  const path = id.includes("@") ? `/mw/v1/lineage?id=${encodeURIComponent(id)}` : lineagePath(name, which || (numbers[0] ?? ""));
  const asked = useData<Lineage>(id ? path : undefined);
  const kept = useData<{ items: Kept[] }>(asked.data?.data.length ? "/mw/v1/data" : undefined);
  const rollouts = useRollouts();
  useNews(id ? "rollouts" : undefined, asked.reload);
  const l = asked.data;
  const open = (to: string) => setQuery({ id: to, at: undefined }, false);
  return (
    <Page title={l ? `Lineage of ${l.name} v${l.version}` : "Lineage"} state={l && <>{l.aliases.map((one) => <span class="tag" key={one}>{one}</span>)}</>} actions={<>
      {known.length > 0 && <select aria-label="model" value={name} onChange={(e) => open(`${e.currentTarget.value}/latest`)}>{known.map((m) => <option key={m.name}>{m.name}</option>)}</select>}
      {numbers.length > 0 && <select aria-label="version" value={String(l?.version ?? which)} onChange={(e) => open(`${name}/${e.currentTarget.value}`)}>{numbers.map((v) => <option key={v} value={v}>v{v}</option>)}</select>}
      <UseThis uses={[
        { title: "The graph around a version", path: `/mw/v1/lineage?id=${encodeURIComponent(id || "NAME/VERSION")}`, cli: `mw lineage show ${id || "NAME/VERSION"} --record ./record` },
        { title: "For OpenLineage", path: `/mw/v1/lineage?id=${encodeURIComponent(id || "NAME/VERSION")}`, cli: `mw lineage show ${id || "NAME/VERSION"} --record ./record --format openlineage` },
      ]} />
      {l && <button type="button" class="quiet" title="copy a link to this very version" aria-label="copy link" onClick={() => void copy(`${location.origin}${href(versionLink(l.name, l.version))}`, "link copied")}><Icon name="copy" /></button>}
    </>}>
      <Recorded of={models} height={500}>
        {() => !id
          ? <Panel title="Graph" wide><Empty command={`mw model register NAME MODEL --record ./record`}>No model is registered, so there is nothing to trace. Register one:</Empty></Panel>
          : <Recorded of={asked} height={500}>{(found) => <Both lineage={found} rollouts={rollouts.data?.items ?? noRollouts} kept={kept.data?.items ?? nothing} />}</Recorded>}
      </Recorded>
    </Page>
  );
}
