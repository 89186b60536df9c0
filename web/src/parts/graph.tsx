/* What came of what, drawn in layers from left to right: arrow keys walk along it, Enter opens. The same
 * stands beneath as a list. */
import { useEffect, useRef } from "preact/hooks";
import { go } from "../state/router";
import { Save } from "./small";
import { saveCsv, saveElement } from "./save";

export interface GraphNode {
  id: string;
  layer: number;
  kind: string; /* "data", "run" */
  text: string;
  note?: string;
  to?: string; /* its page */
  own?: boolean; /* what the drawing is of */
}
export interface GraphEdge { from: string; to: string; what: string }

const [wide, high, column, row, edge] = [188, 40, 250, 54, 4];
const cut = (text: string, n: number) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

/* The node beside, above or below; undefined: there is none. */
function beside(nodes: GraphNode[], edges: GraphEdge[], at: GraphNode, key: string): GraphNode | undefined {
  const of = (id: string) => nodes.find((n) => n.id === id);
  const mine = nodes.filter((n) => n.layer === at.layer);
  const place = mine.indexOf(at);
  if (key === "ArrowUp") return mine[place - 1];
  if (key === "ArrowDown") return mine[place + 1];
  const right = key === "ArrowRight";
  const next = edges.filter((e) => (right ? e.from : e.to) === at.id).map((e) => of(right ? e.to : e.from)).find((n) => n && n.layer !== at.layer);
  return next ?? nodes.find((n) => (right ? n.layer > at.layer : n.layer < at.layer));
}

export function LayerGraph({ name, says, nodes, edges, at, choose }: { name: string; says: string; nodes: GraphNode[]; edges: GraphEdge[]; at: string; choose: (id: string) => void }) {
  const picture = useRef<SVGSVGElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const layers = [...new Set(nodes.map((n) => n.layer))].sort((a, b) => a - b);
  const most = Math.max(...layers.map((l) => nodes.filter((n) => n.layer === l).length));
  const [width, height] = [layers.length * column - (column - wide) + 2 * edge, most * row + 2 * edge];
  const places = new Map<string, { x: number; y: number }>();
  layers.forEach((layer, i) => {
    const mine = nodes.filter((n) => n.layer === layer);
    const top = ((most - mine.length) * row) / 2; /* short layers stand in the middle */
    mine.forEach((n, k) => places.set(n.id, { x: edge + i * column, y: edge + top + k * row }));
  });
  const chosen = nodes.find((n) => n.id === at) ?? nodes.find((n) => n.own) ?? nodes[0]!;
  useEffect(() => { /* on a phone the chosen one is what is seen */
    const view = box.current;
    const place = places.get(chosen.id);
    if (!view || !place) return;
    view.scrollLeft = place.x - (view.clientWidth - wide) / 2;
    view.scrollTop = place.y - (view.clientHeight - high) / 2;
  }, [chosen.id, width, height]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && chosen.to) go(chosen.to);
    else if (event.key.startsWith("Arrow")) {
      const next = beside(nodes, edges, chosen, event.key);
      if (next) {
        choose(next.id);
        picture.current?.querySelector<SVGGElement>(`[data-node="${nodes.indexOf(next)}"]`)?.focus();
      }
    } else return;
    event.preventDefault();
  };
  const line = (e: GraphEdge) => {
    const [a, b] = [places.get(e.from), places.get(e.to)];
    if (!a || !b) return "";
    if (a.x === b.x) return `M${a.x + wide} ${a.y + high / 2}C${a.x + wide + 34} ${a.y + high / 2} ${a.x + wide + 34} ${b.y + high / 2} ${b.x + wide + 3} ${b.y + high / 2}`;
    const [x1, y1, x2, y2] = [a.x + wide, a.y + high / 2, b.x - 3, b.y + high / 2];
    const bend = (x2 - x1) / 2;
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  };
  return (
    <>
      <div ref={box} class="scroll graph-box">
        <svg ref={picture} class="graph" width={width} height={height} role="group" aria-label={says} onKeyDown={onKey}>
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="graph-arrow" d="M0 0L8 4L0 8z" /></marker>
          </defs>
          {edges.map((e) => <path key={`${e.from} ${e.to} ${e.what}`} class={e.from === chosen.id || e.to === chosen.id ? "graph-line graph-near" : "graph-line"} d={line(e)} marker-end="url(#arrow)"><title>{e.what}</title></path>)}
          {nodes.map((n, i) => {
            const { x, y } = places.get(n.id)!;
            const full = `${n.text} ${n.kind}${n.note ? `, ${n.note}` : ""}`;
            const seen = [cut(n.text, 22), cut(n.note ? `${n.kind}, ${n.note}` : n.kind, 28)] as const;
            const label = seen.join(" ") === full ? full : `${seen.join(" ")}: ${full}`; /* what is read begins with what is seen */
            return (
              <g key={n.id} data-node={i} role="button" tabindex={n === chosen ? 0 : -1} aria-pressed={n === chosen} aria-label={label}
                class={`graph-node ${n.own ? "graph-own" : ""}`} onClick={() => choose(n.id)} onDblClick={() => n.to && go(n.to)}>
                <title>{full}</title>
                <rect x={x} y={y} width={wide} height={high} rx="6" />
                <text><tspan class="graph-text" x={x + 9} y={y + 17}>{seen[0]}</tspan>{" "}<tspan class="graph-note" x={x + 9} y={y + 32}>{seen[1]}</tspan></text>
              </g>
            );
          })}
        </svg>
      </div>
      <Save name={name} csv={() => saveCsv(name, ["From", "What", "To"], edges.map((e) => [e.from, e.what, e.to]))} svg={() => saveElement(name, picture.current!, "svg")} png={() => saveElement(name, picture.current!, "png")} />
    </>
  );
}
