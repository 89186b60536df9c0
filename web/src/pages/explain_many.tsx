/* Explain many rows: which features matter (importance), how (beeswarm), and along their values
 * (dependence). The rows are pasted, opened, or the last ones of the prediction log. */
import { useMemo, useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import type { Column } from "../api/types";
import { server } from "../state/server";
import { param, setQuery } from "../state/router";
import { Save } from "../parts/small";
import { Partial } from "./partial";
import { UseThis } from "../parts/copy";
import { count, digits } from "../parts/format";
import { Empty, ErrorBox, Panel } from "../parts/panel";
import { readRows, rowsMost, type Row, type Value } from "../parts/rows";
import { saveCsv, saveElement } from "../parts/save";
import { useWidth } from "../parts/timeline";
import { Walk } from "../parts/walk";

interface Explanation { class?: number | string; margin: number; bias: number; contributions: Record<string, number> }
interface Answer { explanations: (Explanation | Explanation[])[] }

/* What was explained, by endpoint: it stays while one looks at other pages. */
interface Batch { rows: Row[]; total: number; passed: string[]; found: Explanation[][]; from: string }
const kept = new Map<string, Batch>();

const piece = 200;
const shownMost = 12;

async function explain(name: string, rows: Row[], tell: (done: number) => void): Promise<Explanation[][]> {
  const found: Explanation[][] = [];
  for (let i = 0; i < rows.length; i += piece) {
    const answer = await ask<Answer>(`/v1/models/${encodeURIComponent(name)}:explain`, { instances: rows.slice(i, i + piece) });
    for (const one of answer.explanations) found.push(Array.isArray(one) ? one : [one]);
    tell(found.length);
  }
  return found;
}

interface Logged { items: { row: Row }[]; total: number }

export function Many({ name, columns }: { name: string; columns: Column[] }) {
  const [batch, set] = useState<Batch | undefined>(kept.get(name));
  const [text, setText] = useState("");
  const [fault, setFault] = useState("");
  const [error, fail] = useState<Refusal>();
  const [done, tell] = useState<number>();
  const run = (rows: Row[], total: number, passed: string[], from: string) => {
    fail(undefined);
    setFault("");
    tell(0);
    explain(name, rows, tell).then((found) => {
      const next = { rows, total, passed, found, from };
      kept.set(name, next);
      set(next);
    }, fail).finally(() => tell(undefined));
  };
  const take = (words: string, from: string) => {
    const read = readRows(words, columns);
    if (typeof read === "string") setFault(read);
    else run(read.rows, read.total, read.passed, from);
  };
  const logged = () => ask<Logged>(`/mw/v1/endpoints/${encodeURIComponent(name)}/rows?last=500`).then((got) => {
    if (got.items.length === 0) setFault("the log has no rows of this endpoint so far");
    else run(got.items.map((one) => Object.fromEntries(columns.map((c) => [c.name, one.row[c.name] ?? null]))), got.total, [], "the prediction log");
  }, fail);
  return (
    <>
      <Panel title="Rows" wide note={batch ? `${count(batch.rows.length)}${batch.total > batch.rows.length ? ` of ${count(batch.total)}` : ""} from ${batch.from}${batch.passed.length ? `; passed over: ${batch.passed.slice(0, 5).join(", ")}` : ""}` : `CSV with a head, or JSON; the first ${count(rowsMost)}`}
        actions={<UseThis uses={[
          { title: "Rows, explained", path: `/v1/models/${encodeURIComponent(name)}:explain`, body: { instances: (batch?.rows ?? []).slice(0, 2) }, cli: "mw explain model.json rows.csv" },
          { title: "Which features matter", path: "", cli: "mw importance model.json test.csv --label y" },
          { title: "How predictions move with one", path: "", cli: `mw dependence model.json test.csv --feature ${columns[0]?.name ?? "x"}` },
        ].filter((use) => use.path || use.cli)} />}>
        <textarea rows={batch ? 2 : 5} value={text} aria-label="rows as CSV or JSON" placeholder={columns.slice(0, 6).map((c) => c.name).join(",")} onInput={(e) => setText(e.currentTarget.value)} />
        {fault && <p class="fault" role="alert">{fault}</p>}
        {error && <ErrorBox error={error} />}
        <div class="tabs">
          <button type="button" class="main" disabled={!text.trim() || done !== undefined} onClick={() => take(text, "what was pasted")}>Explain these rows</button>
          <label class="button file">Open a file <input type="file" accept=".csv,.json,text/csv" onChange={(e) => { const file = e.currentTarget.files?.[0]; if (file) void file.slice(0, 20e6).text().then((words) => take(words, file.name)); }} /></label>
          <button type="button" disabled={!server.value.logging || done !== undefined} title={server.value.logging ? "" : "this server keeps no predictions: start it with --log on"} onClick={() => void logged()}>The last 500 of the log</button>
          {done !== undefined && <span class="faint" role="status">{count(done)} rows are explained</span>}
        </div>
      </Panel>
      {batch ? <Pictures key={batch.from + batch.rows.length} name={name} columns={columns} batch={batch} />
        : <Empty command={`head -500 rows.csv`}>Importance, beeswarm and dependence are made of many rows. Paste some:</Empty>}
    </>
  );
}

/* ---- what the rows say -------------------------------------------------------------------------- */

interface Feature { name: string; mean: number; values: number[]; cells: Value[]; place: number[] } /* place: of the cell among its column's, 0..1; -1 missing */

function placesOf(cells: Value[]): number[] {
  const texts = cells.some((cell) => typeof cell === "string");
  const keys = texts ? [...new Set(cells.map(String))].sort() : [];
  const numbers = cells.map((cell) => (cell == null ? NaN : texts ? keys.indexOf(String(cell)) : Number(cell)));
  const sorted = numbers.filter((n) => !Number.isNaN(n)).sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor(sorted.length * 0.05)] ?? 0, sorted[Math.floor((sorted.length - 1) * 0.95)] ?? 1];
  return numbers.map((n) => (Number.isNaN(n) ? -1 : high > low ? Math.max(0, Math.min(1, (n - low) / (high - low))) : 0.5));
}

function featuresOf(columns: Column[], batch: Batch, k: number): Feature[] {
  return columns.map((column) => {
    const values = batch.found.map((one) => one[k]?.contributions[column.name] ?? 0);
    const cells = batch.rows.map((row) => row[column.name] ?? null);
    const mean = values.reduce((sum, v) => sum + Math.abs(v), 0) / Math.max(1, values.length);
    return { name: column.name, mean, values, cells, place: [] };
  }).sort((a, b) => b.mean - a.mean);
}

function Pictures({ name, columns, batch }: { name: string; columns: Column[]; batch: Batch }) {
  const classes = batch.found[0] ?? [];
  const k = Math.min(classes.length - 1, Number(param("class")) || 0);
  const features = useMemo(() => featuresOf(columns, batch, k), [batch, k]);
  const top = useMemo(() => features.slice(0, shownMost).map((f) => ({ ...f, place: placesOf(f.cells) })), [features]);
  const chosen = features.find((f) => f.name === param("along")) ?? features[0];
  const open = (i: number) => setQuery({ view: undefined, row: JSON.stringify(batch.rows[i]) }, false);
  const pictures = useMemo(() => ( /* the same element: not drawn anew when another feature is chosen */
    <div class="grid">
      <Importance name={name} features={features} />
      <Beeswarm name={name} top={top} total={features.length} open={open} />
    </div>
  ), [features, top]);
  return (
    <>
      {classes.length > 1 && (
        <p class="lead"><label>of class <select value={String(k)} onChange={(e) => setQuery({ class: e.currentTarget.value })}>{classes.map((c, i) => <option key={i} value={String(i)}>{c.class ?? i}</option>)}</select></label></p>
      )}
      {pictures}
      {chosen && <Dependence key={chosen.name} name={name} feature={chosen} all={features} open={open} />}
      {chosen && <Partial key={`${chosen.name} ${k}`} name={name} column={columns.find((c) => c.name === chosen.name)!} rows={batch.rows} k={k} />}
    </>
  );
}

const along = (feature: string) => setQuery({ along: feature });

function Importance({ name, features }: { name: string; features: Feature[] }) {
  const [all, setAll] = useState(false);
  const { place, width } = useWidth<HTMLDivElement>(480);
  const picture = useRef<SVGSVGElement>(null);
  const shown = all ? features : features.slice(0, 20);
  const most = Math.max(features[0]?.mean ?? 0, 1e-12);
  const left = Math.min(190, width * 0.4);
  const row = 22;
  const fit = Math.floor((left - 8) / 7.8);
  return (
    <Panel title="Importance" note="mean size of the contributions, margin units">
      <div ref={place} class="bees">
        <svg ref={picture} width={width} height={shown.length * row + 4} role="img" aria-label={`importance: ${features.slice(0, 5).map((f) => `${f.name} ${digits(f.mean)}`).join(", ")}`}>
          {shown.map((f, i) => (
            <g key={f.name} class="pick" onClick={() => along(f.name)}>
              <title>{f.name}: {digits(f.mean)}</title>
              <text class="wf-name" x={left - 8} y={i * row + 15} text-anchor="end">{f.name.length > fit ? `${f.name.slice(0, fit - 1)}…` : f.name}</text>
              <rect class="bar-fill" x={left} y={i * row + 4} width={Math.max(1, (f.mean / most) * (width - left - 62))} height={14} />
              <text class="wf-value" x={left + Math.max(1, (f.mean / most) * (width - left - 62)) + 5} y={i * row + 15}>{digits(f.mean)}</text>
            </g>
          ))}
        </svg>
      </div>
      {features.length > 20 && <button type="button" onClick={() => setAll(!all)}>{all ? "the first 20" : `all ${features.length}`}</button>}
      <Save name={`${name} importance`} csv={() => saveCsv(`${name} importance`, ["feature", "mean absolute contribution (margin)"], features.map((f) => [f.name, f.mean]))}
        svg={() => saveElement(`${name} importance`, picture.current!, "svg")} png={() => saveElement(`${name} importance`, picture.current!, "png")} />
    </Panel>
  );
}

/* ---- points -------------------------------------------------------------------------------------- */

const shades = 5;
const shadeOf = (place: number) => (place < 0 ? shades : Math.min(shades - 1, Math.floor(place * shades)));
const dot = (x: number, y: number) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`;

/* One path a shade: 20,000 points stay light. */
function Points({ points }: { points: { x: number; y: number; shade: number }[] }) {
  const paths = useMemo(() => {
    const found = Array.from({ length: shades + 1 }, () => [] as string[]);
    for (const p of points) found[p.shade]!.push(dot(p.x, p.y));
    return found.map((path) => path.join(""));
  }, [points]);
  return <>{paths.map((path, i) => path && <path key={i} class={`dots shade-${i}`} d={path} />)}</>;
}

function nearest(points: { x: number; y: number; i: number }[], event: MouseEvent): number | undefined {
  const box = (event.currentTarget as SVGElement).getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  let best: { d: number; i: number } | undefined;
  for (const p of points) {
    const d = (p.x - x) ** 2 + (p.y - y) ** 2;
    if (d < 100 && (!best || d < best.d)) best = { d, i: p.i };
  }
  return best?.i;
}

/* Points of one row of the swarm: those of the same place are laid above and below each other. */
function laidOut(values: number[], x: (v: number) => number, middle: number, reach: number) {
  const taken = new Map<number, number>();
  return values.map((v) => {
    const at = Math.round(x(v) / 3);
    const n = taken.get(at) ?? 0;
    taken.set(at, n + 1);
    const offset = Math.ceil(n / 2) * (n % 2 ? 1 : -1) * 2.2;
    return { x: x(v), y: middle + Math.max(-reach, Math.min(reach, offset)) };
  });
}

const signed = (v: number) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${digits(Math.abs(v))}`;

function Shades({ words }: { words: string }) {
  return (
    <p class="keys-line faint">{words}: low {Array.from({ length: shades }, (_, i) => <span key={i} class={`key shade-key-${i}`} />)} high, <span class={`key shade-key-${shades}`} /> missing</p>
  );
}

function Beeswarm({ name, top, total, open }: { name: string; top: Feature[]; total: number; open: (row: number) => void }) {
  const { place, width } = useWidth<HTMLDivElement>(520);
  const picture = useRef<SVGSVGElement>(null);
  const row = 30;
  const left = Math.min(170, width * 0.34);
  const ends = top.flatMap((f) => [Math.min(...f.values), Math.max(...f.values)]);
  const reach = Math.max(1e-12, ...ends.map(Math.abs));
  const x = (v: number) => left + 6 + ((v + reach) / (2 * reach)) * (width - left - 16);
  const points = useMemo(() => top.flatMap((f, at) => laidOut(f.values, x, at * row + row / 2 + 4, row / 2 - 3).map((p, i) => ({ ...p, i, shade: shadeOf(f.place[i]!) }))), [top, width]);
  const fit = Math.floor((left - 8) / 7.8);
  const [at, setAt] = useState<number>();
  const rows = top[0]?.values.length ?? 0;
  const tell = (i: number) => `row ${i + 1} of ${rows}: ${top.slice(0, 3).map((f) => `${f.name} ${f.cells[i] ?? "missing"} gives ${signed(f.values[i]!)}`).join(", ")}`;
  return (
    <Panel title="Beeswarm" note="a point a row; click one to explain it">
      <Shades words="the feature's value" />
      <div ref={place} class="bees">
        <svg ref={picture} width={width} height={top.length * row + 28} role="img" class="pick"
          aria-label={`beeswarm of ${top[0]?.values.length ?? 0} rows: ${top.slice(0, 4).map((f) => `${f.name} from ${digits(Math.min(...f.values))} to ${digits(Math.max(...f.values))}`).join("; ")}`}
          onClick={(event) => { const i = nearest(points, event); if (i !== undefined) open(i); }}>
          <path class="zero" d={`M${x(0)} 0V${top.length * row + 8}`} />
          {top.map((f, i) => (
            <g key={f.name}>
              <text class="wf-name" x={left - 6} y={i * row + row / 2 + 8} text-anchor="end">{f.name.length > fit ? `${f.name.slice(0, fit - 1)}…` : f.name}<title>{f.name}</title></text>
              <path class="tl-grid" d={`M${left} ${i * row + row / 2 + 4}H${width}`} />
            </g>
          ))}
          <Points points={points} />
          {points.filter((p) => p.i === at).map((p, i) => <circle key={i} class="here" cx={p.x} cy={p.y} r="5" />)}
          {[-reach, 0, reach].map((v, i) => <text key={i} class="tl-tick" x={x(v)} y={top.length * row + 22} text-anchor={i === 0 ? "start" : i === 2 ? "end" : "middle"}>{v > 0 ? "+" : v < 0 ? "−" : ""}{digits(Math.abs(v))}</text>)}
        </svg>
      </div>
      <Walk label="the beeswarm" n={rows} at={at} set={setAt} tell={tell} act={open} word="Explain this row" />
      {total > top.length && <p class="faint">the first {top.length} of {total} features</p>}
      <Save name={`${name} beeswarm`} csv={() => saveCsv(`${name} contributions`, top.map((f) => f.name), (top[0]?.values ?? []).map((_, i) => top.map((f) => f.values[i])))}
        svg={() => saveElement(`${name} beeswarm`, picture.current!, "svg")} png={() => saveElement(`${name} beeswarm`, picture.current!, "png")} />
    </Panel>
  );
}

/* ---- dependence ---------------------------------------------------------------------------------- */

function Dependence({ name, feature, all, open }: { name: string; feature: Feature; all: Feature[]; open: (row: number) => void }) {
  const { place, width } = useWidth<HTMLDivElement>(900);
  const picture = useRef<SVGSVGElement>(null);
  const by = all.find((f) => f.name === param("by")) ?? all.find((f) => f.name !== feature.name);
  const shade = useMemo(() => (by ? placesOf(by.cells) : []), [by?.name]);
  const height = 300;
  const [left, bottom] = [56, 30];
  const texts = feature.cells.some((cell) => typeof cell === "string");
  const keys = texts ? [...new Set(feature.cells.map((cell) => (cell == null ? "missing" : String(cell))))].sort() : [];
  const numbers = feature.cells.map((cell) => (texts ? keys.indexOf(cell == null ? "missing" : String(cell)) : cell == null ? NaN : Number(cell)));
  const present = numbers.filter((n) => !Number.isNaN(n));
  const gone = numbers.length - present.length;
  const [lowX, highX] = texts ? [-0.5, keys.length - 0.5] : [Math.min(...present, Infinity), Math.max(...present, -Infinity)].map((v) => (Number.isFinite(v) ? v : 0)) as [number, number];
  const [lowY, highY] = [Math.min(0, ...feature.values), Math.max(0, ...feature.values)];
  const x = (v: number) => left + 8 + ((v - lowX) / Math.max(1e-12, highX - lowX)) * (width - left - 20);
  const y = (v: number) => 8 + (1 - (v - lowY) / Math.max(1e-12, highY - lowY)) * (height - bottom - 16);
  const spread = (i: number) => (texts ? (((i * 7919) % 101) / 101 - 0.5) * 0.6 : 0);
  const points = useMemo(() => numbers.flatMap((n, i) => (Number.isNaN(n) ? [] : [{ x: x(n + spread(i)), y: y(feature.values[i]!), i, shade: shadeOf(shade[i] ?? 0.5) }])), [feature, shade, width]);
  const sorted = useMemo(() => [...points].sort((p, q) => p.x - q.x), [points]);
  const [at, setAt] = useState<number>();
  const here = at === undefined ? undefined : sorted[at];
  const ticks = texts ? keys.slice(0, 20).map((_, i) => i) : (width < 500 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((s) => lowX + (highX - lowX) * s);
  const chooser = (label: string, value: string, set: (v: string) => void) => (
    <label>{label} <select value={value} onChange={(e) => set(e.currentTarget.value)}>{all.map((f) => <option key={f.name}>{f.name}</option>)}</select></label>
  );
  return (
    <Panel title={`Dependence on ${feature.name}`} wide note={`what it contributed, along its values${gone ? `; ${count(gone)} rows lack it` : ""}`}
      actions={<>{chooser("along", feature.name, (v) => along(v))}{by && chooser("shaded by", by.name, (v) => setQuery({ by: v }))}</>}>
      {by && <Shades words={by.name} />}
      <div ref={place} class="bees">
        <svg ref={picture} width={width} height={height} role="img" class="pick" aria-label={`contribution of ${feature.name}, from ${digits(lowY)} to ${digits(highY)}, along its values from ${texts ? keys[0] : digits(lowX)} to ${texts ? keys[keys.length - 1] : digits(highX)}`}
          onClick={(event) => { const i = nearest(points, event); if (i !== undefined) open(i); }}>
          {[lowY, 0, highY].map((v, i) => (
            <g key={i}><path class={v === 0 ? "zero" : "tl-grid"} d={`M${left} ${y(v)}H${width}`} /><text class="tl-tick" x={left - 6} y={y(v) + 4} text-anchor="end">{digits(v)}</text></g>
          ))}
          {ticks.map((v, i) => <text key={i} class="tl-tick" x={x(v)} y={height - 10} text-anchor={texts ? "middle" : i === 0 ? "start" : i === ticks.length - 1 ? "end" : "middle"}>{texts ? keys[v]!.slice(0, 14) : digits(v)}</text>)}
          <Points points={points} />
          {here && <circle class="here" cx={here.x} cy={here.y} r="6" />}
        </svg>
      </div>
      <Walk label={`dependence on ${feature.name}`} n={sorted.length} at={at} set={setAt} act={(k) => sorted[k] && open(sorted[k]!.i)} word="Explain this row"
        tell={(k) => { const i = sorted[k]?.i ?? 0; return `${feature.name} ${feature.cells[i] ?? "missing"} gives ${signed(feature.values[i] ?? 0)}${by ? `, ${by.name} ${by.cells[i] ?? "missing"}` : ""}`; }} />
      <Save name={`${name} dependence on ${feature.name}`} csv={() => saveCsv(`${name} dependence on ${feature.name}`, [feature.name, "contribution (margin)", ...(by ? [by.name] : [])], feature.values.map((v, i) => [feature.cells[i], v, ...(by ? [by.cells[i]] : [])]))}
        svg={() => saveElement(`${name} dependence on ${feature.name}`, picture.current!, "svg")} png={() => saveElement(`${name} dependence on ${feature.name}`, picture.current!, "png")} />
    </Panel>
  );
}
