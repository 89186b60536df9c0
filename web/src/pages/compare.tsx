/* Runs beside each other: what differs, parallel coordinates, scatter, curves. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import { curves, num, paths, type Metric, type Run } from "../api/mlflow";
import { go, param, setQuery } from "../state/router";
import { Chart, colour } from "../parts/chart";
import { Save } from "../parts/small";
import { UseThis } from "../parts/copy";
import { digits } from "../parts/format";
import { Empty, ErrorBox, Loading, Page, Panel } from "../parts/panel";
import { Refused } from "../parts/record";
import { saveCsv, saveElement } from "../parts/save";
import { A } from "../parts/shell";
import { Table } from "../parts/table";
import { useWidth } from "../parts/timeline";
import { Walk } from "../parts/walk";
import { cellOf } from "./experiments";

const most = 60;
const drawn = 6; /* curves with a colour of their own */

const nameOf = (run: Run) => run.info.run_name || run.info.run_id.slice(0, 8);

export function ComparePage() {
  const ids = useMemo(() => [...new Set(param("runs").split(",").filter(Boolean))], [param("runs")]);
  const [runs, set] = useState<Run[]>();
  const [error, fail] = useState<Refusal>();
  const [turn, again] = useState(0);
  useEffect(() => {
    set(undefined);
    fail(undefined);
    Promise.all(ids.slice(0, most).map((id) => ask<{ run: Run }>(paths.run(id)))).then((got) => set(got.map((g) => g.run)), fail);
  }, [ids, turn]);
  return (
    <Page title="Compare runs" state={runs?.length ? <span class="faint">{runs.length} of {ids.length} runs</span> : undefined} actions={
      ids.length > 0 && <UseThis uses={ids.slice(0, 3).map((id) => ({ title: `Run ${id.slice(0, 8)}`, path: paths.run(id) }))} />
    }>
      {ids.length === 0 && <Empty>Choose runs of an <A to="/experiments">experiment</A> (x), then Compare.</Empty>}
      {error && <Refused error={error} retry={() => again(turn + 1)} />}
      {!error && !runs && ids.length > 0 && <Loading height={400} />}
      {runs && runs.length > 0 && <Compared runs={runs} />}
    </Page>
  );
}

interface Row { name: string; values: (string | number | null)[]; differs: boolean }

function rowsOf(runs: Run[]): Row[] {
  const names = new Set<string>();
  for (const run of runs) {
    for (const metric of run.data.metrics ?? []) names.add(`metrics.${metric.key}`);
    for (const one of run.data.params ?? []) names.add(`params.${one.key}`);
    for (const tag of run.data.tags ?? []) if (!tag.key.startsWith("mlflow.")) names.add(`tags.${tag.key}`);
  }
  return [...names].sort().map((name) => {
    const values = runs.map((run) => cellOf(run, name));
    return { name, values, differs: new Set(values.map(String)).size > 1 };
  });
}

function Compared({ runs }: { runs: Run[] }) {
  const rows = useMemo(() => rowsOf(runs), [runs]);
  const [all, setAll] = useState(false);
  const shown = rows.filter((row) => all || row.differs);
  return (
    <>
      <Parallel runs={runs} rows={rows} />
      <div class="grid">
        <Curves runs={runs} />
        <Scatter runs={runs} rows={rows} />
      </div>
      <Panel title="What differs" note={`${rows.filter((row) => row.differs).length} of ${rows.length} rows`} wide actions={
        <button type="button" aria-pressed={all} onClick={() => setAll(!all)}>all rows</button>
      }>
        {shown.length === 0 ? <Empty>Nothing differs between these runs.</Empty> : (
          <Table<Row> name="differences" rows={shown} id={(row) => row.name} columns={[
            { key: "name", title: "Name", value: (row) => row.name, cell: (row) => row.name },
            ...runs.map((run, i) => ({
              key: run.info.run_id, title: nameOf(run), right: true,
              value: (row: Row) => row.values[i],
              cell: (row: Row) => typeof row.values[i] === "number" ? (row.name.startsWith("metrics.") ? digits(row.values[i]) : row.values[i]) : (row.values[i] ?? <span class="faint">–</span>),
            })),
          ]} />
        )}
      </Panel>
    </>
  );
}

/* ---- parallel coordinates --------------------------------------------------------------------- */

interface Axis {
  name: string;
  at: (value: string | number | null) => number; /* 0 bottom .. 1 top; -1 missing */
  ticks: [number, string][];
  tell: (share: number) => string;
}

function axisOf(row: Row, log: boolean): Axis {
  const numbers = row.values.filter((v): v is number => typeof v === "number");
  const texts = [...new Set(row.values.filter((v) => v != null).map(String))].sort();
  if (numbers.length === row.values.filter((v) => v != null).length && numbers.length > 0) {
    const useLog = log && Math.min(...numbers) > 0;
    const f = (v: number) => (useLog ? Math.log10(v) : v);
    const [low, high] = [f(Math.min(...numbers)), f(Math.max(...numbers))];
    const at = (v: string | number | null) => (typeof v === "number" ? (high > low ? (f(v) - low) / (high - low) : 0.5) : -1);
    const back = (share: number) => (useLog ? 10 ** (low + share * (high - low)) : low + share * (high - low));
    return { name: row.name, at, tell: (s) => digits(back(s)), ticks: high > low ? [0, 0.5, 1].map((s) => [s, digits(back(s))]) : [[0.5, digits(back(0))]] };
  }
  const place = (v: string | number | null) => (v == null ? -1 : texts.length > 1 ? texts.indexOf(String(v)) / (texts.length - 1) : 0.5);
  const step = Math.ceil(texts.length / 12);
  return { name: row.name, at: place, tell: (s) => texts[Math.round(s * (texts.length - 1))] ?? "", ticks: texts.filter((_, i) => i % step === 0).map((t) => [place(t), t]) };
}

/* The same filter as dragging along an axis, by keys. */
function KeepBetween({ axes, brush, set }: { axes: Axis[]; brush: Brush | undefined; set: (brush: Brush) => void }) {
  const axis = axes.find((a) => a.name === brush?.axis) ?? axes[axes.length - 1]!;
  const [from, to] = [Math.max(0, brush?.from ?? 0), Math.min(1, brush?.to ?? 1)];
  const move = (low: number, high: number) => set({ axis: axis.name, from: Math.min(low, high) - 0.001, to: Math.max(low, high) + 0.001 });
  const end = (label: string, value: number, change: (v: number) => void) => (
    <label>{label} {axis.tell(value)} <input type="range" min="0" max="1" step="0.01" value={value} aria-valuetext={axis.tell(value)} onInput={(e) => change(Number(e.currentTarget.value))} /></label>
  );
  return (
    <div class="walk">
      <label>keep runs of <select value={axis.name} onChange={(e) => set({ axis: e.currentTarget.value, from: -0.001, to: 1.001 })}>{axes.map((a) => <option key={a.name}>{a.name}</option>)}</select></label>
      {end("from", from, (v) => move(v, to))}
      {end("to", to, (v) => move(from, v))}
    </div>
  );
}

interface Brush { axis: string; from: number; to: number }

function Parallel({ runs, rows }: { runs: Run[]; rows: Row[] }) {
  const { place, width } = useWidth<HTMLDivElement>(1000);
  const picture = useRef<SVGSVGElement>(null);
  const [over, setOver] = useState<string>();
  const [brush, setBrush] = useState<Brush>();
  const [start, setStart] = useState<{ axis: string; at: number }>();
  const log = param("log") === "1";
  const candidates = rows.filter((row) => row.differs && !row.name.startsWith("tags."));
  const metrics = candidates.filter((row) => row.name.startsWith("metrics."));
  const chosen = param("axes") ? param("axes").split(",").map(decodeURIComponent) : [
    ...candidates.filter((row) => row.name.startsWith("params.")).slice(0, 7), ...metrics.slice(0, 1)].map((row) => row.name);
  const axes = chosen.flatMap((name) => { const row = rows.find((r) => r.name === name); return row ? [axisOf(row, log)] : []; });
  const add = rows.filter((row) => !chosen.includes(row.name) && !row.name.startsWith("tags."));
  if (axes.length < 2)
    return <Panel title="Parallel coordinates" wide><Empty>Fewer than two parameters or metrics differ.</Empty></Panel>;
  const [w, h, top, bottom] = [Math.max(width, 110 * axes.length), 300, 34, 34];
  const x = (i: number) => 50 + (i * (w - 120)) / (axes.length - 1);
  const y = (share: number) => (share < 0 ? h - 8 : top + (1 - share) * (h - top - bottom));
  const value = (run: number, axis: Axis) => axis.at(rows.find((r) => r.name === axis.name)!.values[run] ?? null);
  const isIn = (run: number) => {
    if (!brush) return true;
    const axis = axes.find((a) => a.name === brush.axis);
    const at = axis ? value(run, axis) : 0;
    return !axis || (at >= brush.from && at <= brush.to);
  };
  const last = axes[axes.length - 1]!;
  const share = (event: MouseEvent) => {
    const box = picture.current!.getBoundingClientRect();
    return Math.max(0, Math.min(1, 1 - ((event.clientY - box.top) * (h / box.height) - top) / (h - top - bottom)));
  };
  const set = (names: string[]) => setQuery({ axes: names.map(encodeURIComponent).join(",") });
  return (
    <Panel title="Parallel coordinates" wide note={`drag along an axis to filter${brush ? `: ${runs.filter((_, i) => isIn(i)).length} of ${runs.length} runs` : ""}`} actions={
      <>
        <select aria-label="add an axis" value="" onChange={(e) => e.currentTarget.value && set([...chosen, e.currentTarget.value])}>
          <option value="">+ axis</option>
          {add.map((row) => <option key={row.name} value={row.name}>{row.name}</option>)}
        </select>
        <button type="button" aria-pressed={log} onClick={() => setQuery({ log: log ? undefined : "1" })}>log</button>
        {brush && <button type="button" onClick={() => setBrush(undefined)}>all runs</button>}
      </>
    }>
      <div ref={place} class="scroll" tabIndex={0} role="region" aria-label="parallel coordinates">
        <svg ref={picture} class="parallel" width={w} height={h} viewBox={`0 0 ${w} ${h}`} role="img" aria-label={`${runs.length} runs over ${axes.map((a) => a.name).join(", ")}`}
          onMouseUp={(event) => { if (start) { const at = share(event); setBrush(Math.abs(at - start.at) > 0.02 ? { axis: start.axis, from: Math.min(at, start.at) - 0.001, to: Math.max(at, start.at) + 0.001 } : undefined); setStart(undefined); } }}>
          {runs.map((run, i) => {
            const at = value(i, last);
            const d = axes.map((axis, a) => `${a ? "L" : "M"}${x(a).toFixed(1)} ${y(value(i, axis)).toFixed(1)}`).join("");
            return (
              <path key={run.info.run_id} d={d} class={`run-line ${isIn(i) ? "" : "out"} ${over === run.info.run_id ? "over" : ""}`}
                stroke={colour(0)} opacity={isIn(i) ? 0.25 + 0.75 * Math.max(0, at) : 0.06}
                onMouseEnter={() => setOver(run.info.run_id)} onMouseLeave={() => setOver(undefined)}><title>{nameOf(run)}</title></path>
            );
          })}
          {axes.map((axis, a) => (
            <g key={axis.name}>
              <path d={`M${x(a)} ${top}V${h - bottom}`} class="axis" />
              <rect x={x(a) - 14} y={top} width="28" height={h - top - bottom} fill="transparent" class="brushable" onMouseDown={(event) => setStart({ axis: axis.name, at: share(event) })} />
              {brush?.axis === axis.name && <rect class="brush" x={x(a) - 6} width="12" y={y(brush.to)} height={Math.max(2, y(brush.from) - y(brush.to))} />}
              <text x={x(a)} y={18} text-anchor="middle" class="axis-name">{axis.name.slice(axis.name.indexOf(".") + 1)}<title>{axis.name}</title></text>
              {axis.ticks.map(([s, text]) => <text key={text} x={x(a) + 6} y={y(s) + 4} class="axis-tick">{text}</text>)}
              {runs.some((_, i) => value(i, axis) < 0) && <text x={x(a) + 6} y={h - 4} class="axis-tick">missing</text>}
            </g>
          ))}
        </svg>
      </div>
      <p class="tip faint" aria-live="off">{over ? nameOf(runs.find((r) => r.info.run_id === over)!) : " "}</p>
      <div class="axes-list">{axes.map((axis) => <button type="button" class="quiet" key={axis.name} disabled={axes.length <= 2} onClick={() => set(chosen.filter((c) => c !== axis.name))} aria-label={`take out ${axis.name}`}>{axis.name} ×</button>)}</div>
      <KeepBetween axes={axes} brush={brush} set={setBrush} />
      <Save name="parallel coordinates" csv={() => saveCsv("parallel coordinates of runs", ["run", ...axes.map((a) => a.name)], runs.map((run, i) => [nameOf(run), ...axes.map((a) => rows.find((r) => r.name === a.name)!.values[i])]))}
        svg={() => saveElement("parallel coordinates of runs", picture.current!, "svg")} png={() => saveElement("parallel coordinates of runs", picture.current!, "png")} />
    </Panel>
  );
}

/* ---- curves ----------------------------------------------------------------------------------- */

function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  let held: number | null = null;
  return values.map((v) => {
    if (v == null) return null;
    held = held == null ? v : held * weight + v * (1 - weight);
    return held;
  });
}

function Curves({ runs }: { runs: Run[] }) {
  const keys = [...new Set(runs.flatMap((run) => (run.data.metrics ?? []).map((m) => m.key)))].sort();
  const key = keys.includes(param("metric")) ? param("metric") : (keys[0] ?? "");
  const by = param("x") === "time" ? "time" : "step";
  const weight = Math.min(0.99, Math.max(0, Number(param("smooth")) || 0));
  const log = param("ylog") === "1";
  const [found, set] = useState<Record<string, Metric[]>>();
  const [error, fail] = useState<Refusal>();
  useEffect(() => {
    set(undefined);
    fail(undefined);
    if (key) curves(runs.map((r) => r.info.run_id), key, 400).then(set, fail);
  }, [runs, key]);
  const drawing = useMemo(() => {
    if (!found) return undefined;
    const at = (m: Metric, first: number) => (by === "time" ? Math.round((m.timestamp - first) / 100) / 10 : Number(m.step ?? 0));
    const maps = runs.map((run) => {
      const points = found[run.info.run_id] ?? [];
      const first = points[0]?.timestamp ?? 0;
      return new Map(points.map((m) => [at(m, first), num(m.value)]));
    });
    const x = [...new Set(maps.flatMap((m) => [...m.keys()]))].sort((a, b) => a - b);
    const lines = runs.map((run, i) => {
      /* a step that a run has not is no gap of its curve: what was thinned out is bridged */
      const values = x.map((s) => maps[i]!.get(s));
      let last = -1;
      const whole = [...values] as (number | null | undefined)[];
      values.forEach((v, k) => {
        if (v === undefined || v === null) return;
        if (last >= 0) for (let j = last + 1; j < k; j++) whole[j] = (values[last] as number) + ((v - (values[last] as number)) * (x[j]! - x[last]!)) / (x[k]! - x[last]!);
        last = k;
      });
      const clean = whole.map((v) => v ?? null);
      return { label: nameOf(run), values: smoothed(log ? clean.map((v) => (v != null && v > 0 ? v : null)) : clean, weight), colour: i % drawn, dash: Math.floor(i / drawn) };
    });
    return { x, lines: lines.slice(0, 20) };
  }, [found, by, weight, log]);
  return (
    <Panel title="Curves" note={runs.length > 20 ? `the first 20 of ${runs.length} runs` : ""} actions={
      <>
        <select aria-label="metric" value={key} onChange={(e) => setQuery({ metric: e.currentTarget.value })}>{keys.map((k) => <option key={k}>{k}</option>)}</select>
        <select aria-label="over" value={by} onChange={(e) => setQuery({ x: e.currentTarget.value === "time" ? "time" : undefined })}><option value="step">by step</option><option value="time">by seconds</option></select>
        <label>smooth <input type="range" min="0" max="0.98" step="0.02" value={weight} aria-label="smooth" onInput={(e) => setQuery({ smooth: e.currentTarget.value === "0" ? undefined : e.currentTarget.value })} /></label>
        <button type="button" aria-pressed={log} onClick={() => setQuery({ ylog: log ? undefined : "1" })}>log</button>
      </>
    }>
      {error && <ErrorBox error={error} />}
      {!key && <Empty>No metric was logged in these runs.</Empty>}
      {key && !error && (drawing ? <Chart name={`${key} of runs`} x={drawing.x} lines={drawing.lines} time={false} log={log} height={240} /> : <Loading height={260} />)}
    </Panel>
  );
}

/* ---- scatter ---------------------------------------------------------------------------------- */

function Scatter({ runs, rows }: { runs: Run[]; rows: Row[] }) {
  const { place, width: w } = useWidth<HTMLDivElement>(480);
  const picture = useRef<SVGSVGElement>(null);
  const numeric = rows.filter((row) => row.values.some((v) => typeof v === "number"));
  const pick = (name: string, fallback: Row | undefined) => numeric.find((row) => row.name === param(name)) ?? fallback;
  const a = pick("sx", numeric.find((row) => row.differs && row.name.startsWith("params.")) ?? numeric[0]);
  const b = pick("sy", numeric.find((row) => row.differs && row.name.startsWith("metrics.")) ?? numeric[1] ?? numeric[0]);
  const [over, setOver] = useState("");
  const [at, setAt] = useState<number>();
  if (!a || !b) return <Panel title="Scatter"><Empty>No number was logged in these runs.</Empty></Panel>;
  const title = `${b.name} along ${a.name}`;
  const points = runs.flatMap((run, i) => {
    const [x, y] = [a.values[i], b.values[i]];
    return typeof x === "number" && typeof y === "number" ? [{ run, x, y }] : [];
  });
  const [h, left, bottom] = [260, 60, 34];
  const span = (values: number[]): [number, number] => { const [low, high] = [Math.min(...values), Math.max(...values)]; return high > low ? [low, high] : [low - 1, high + 1]; };
  const [xl, xh] = span(points.map((p) => p.x));
  const [yl, yh] = span(points.map((p) => p.y));
  const X = (v: number) => left + ((v - xl) / (xh - xl)) * (w - left - 20);
  const Y = (v: number) => h - bottom - ((v - yl) / (yh - yl)) * (h - bottom - 16);
  const sorted = [...points].sort((p, q) => p.x - q.x);
  const here = at === undefined ? undefined : sorted[at];
  const tell = (p: (typeof points)[number]) => `${nameOf(p.run)}: ${digits(p.x)}, ${digits(p.y)}`;
  const select = (name: string, row: Row) => (
    <select aria-label={name === "sx" ? "across" : "up"} value={row.name} onChange={(e) => setQuery({ [name]: e.currentTarget.value })}>
      {numeric.map((r) => <option key={r.name} value={r.name}>{r.name}</option>)}
    </select>
  );
  return (
    <Panel title="Scatter" note={`${points.length} of ${runs.length} runs have both`} actions={<>{select("sx", a)}{select("sy", b)}</>}>
      <div ref={place} class="bees">
      <svg ref={picture} class="scatter" width={w} height={h} viewBox={`0 0 ${w} ${h}`} role="img" aria-label={`${b.name} against ${a.name}, ${points.length} runs`}>
        <path class="axis" d={`M${left} 10V${h - bottom}H${w - 14}`} />
        {[0, 0.5, 1].map((s) => <text key={`x${s}`} class="axis-tick" x={left + s * (w - left - 20)} y={h - 16} text-anchor="middle">{digits(xl + s * (xh - xl))}</text>)}
        {[0, 0.5, 1].map((s) => <text key={`y${s}`} class="axis-tick" x={left - 6} y={h - bottom - s * (h - bottom - 16) + 4} text-anchor="end">{digits(yl + s * (yh - yl))}</text>)}
        {points.map((p) => <circle key={p.run.info.run_id} class="dot" cx={X(p.x)} cy={Y(p.y)} r="5" onMouseEnter={() => setOver(tell(p))} onMouseLeave={() => setOver("")}><title>{nameOf(p.run)}</title></circle>)}
        {here && <circle class="here" cx={X(here.x)} cy={Y(here.y)} r="7" />}
      </svg>
      </div>
      <p class="tip faint" aria-live="off">{over || " "}</p>
      <Walk label="the scatter" n={sorted.length} at={at} set={setAt} tell={(k) => (sorted[k] ? tell(sorted[k]!) : "")} act={(k) => sorted[k] && go(`/runs/${sorted[k]!.run.info.run_id}`)} word="Open this run" />
      <Save name="scatter" csv={() => saveCsv(title, ["run", a.name, b.name], points.map((p) => [nameOf(p.run), p.x, p.y]))} svg={() => saveElement(title, picture.current!, "svg")} png={() => saveElement(title, picture.current!, "png")} />
    </Panel>
  );
}

