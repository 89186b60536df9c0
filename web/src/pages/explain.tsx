/* Explain: one row, why it is answered so, and what if it were another; or many (explain_many.tsx). */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import type { Column, EndpointDetail, Overview } from "../api/types";
import { useData } from "../api/use";
import { param, setQuery } from "../state/router";
import { Save } from "../parts/small";
import { UseThis } from "../parts/copy";
import { digits } from "../parts/format";
import { Empty, ErrorBox, Loading, Page, Panel, Shown } from "../parts/panel";
import { saveCsv, saveElement } from "../parts/save";
import { useWidth } from "../parts/timeline";
import type { Row, Value } from "../parts/rows";
import { Many } from "./explain_many";
import { Nearest } from "./nearest";
import { Together } from "./together";

interface Explanation {
  class?: number | string;
  margin: number;
  bias: number;
  contributions: Record<string, number>;
}
interface Answer {
  predictions: (number | number[])[];
  explanations: (Explanation | Explanation[])[];
}

export function ExplainPage() {
  const overview = useData<Overview>("/mw/v1/overview");
  const name = param("endpoint") || overview.data?.items[0]?.name || "";
  return (
    <Page title="Explain" actions={
      <>
        <span class="ranges" role="group" aria-label="how many rows">
          {([["", "One row"], ["many", "Many rows"]] as const).map(([view, word]) => <button type="button" key={view} aria-pressed={param("view") === view} onClick={() => setQuery({ view })}>{word}</button>)}
        </span>
      {!!overview.data?.items.length && <select aria-label="endpoint" value={name} onChange={(e) => setQuery({ endpoint: e.currentTarget.value, row: undefined, class: undefined }, false)}>
        {(overview.data?.items ?? []).map((e) => <option key={e.name} value={e.name}>{e.name}</option>)}
      </select>}
      </>
    }>
      <Shown of={overview} height={400}>
        {(o) => o.items.length === 0
          ? <Empty command="mw serve model.json">Nothing is served yet. Serve a model:</Empty>
          : <Explained key={name} name={name} />}
      </Shown>
    </Page>
  );
}

function first(columns: Column[]): Row {
  return Object.fromEntries(columns.map((c) => [c.name, c.categories ? (c.categories[0] ?? null) : c.type === "bool" ? 0 : 0]));
}

function readRow(text: string, columns: Column[]): Row | string {
  try {
    let said: unknown = JSON.parse(text);
    if (said && typeof said === "object" && "dataframe_records" in said) said = (said as { dataframe_records: unknown[] }).dataframe_records[0];
    if (said && typeof said === "object" && "instances" in said) said = (said as { instances: unknown[] }).instances[0];
    if (Array.isArray(said)) said = Object.fromEntries(columns.map((c, i) => [c.name, (said as Value[])[i] ?? null]));
    if (!said || typeof said !== "object") return "a row is an object: {\"column\": value, ...}";
    const row = said as Row;
    const unknown = Object.keys(row).filter((key) => !columns.some((c) => c.name === key));
    return unknown.length > 0 ? `the model has no column '${unknown[0]}'` : { ...Object.fromEntries(columns.map((c) => [c.name, null])), ...row };
  } catch (wrong) {
    return `this is no JSON: ${(wrong as Error).message}`;
  }
}

/* Asks when the row has stood still for a moment; an answer that came late is dropped. */
function useAnswer(name: string, row: Row | undefined) {
  const [state, set] = useState<{ answer?: Answer; error?: Refusal; of?: string }>({});
  const words = row && JSON.stringify(row);
  useEffect(() => {
    if (!words) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask<Answer>(`/v1/models/${encodeURIComponent(name)}:explain`, { instances: [JSON.parse(words)] }, "POST", stop.signal).then(
        (answer) => set({ answer, of: words }),
        (error: Refusal) => stop.signal.aborted || set((old) => ({ ...old, error })),
      );
    }, 60);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [name, words]);
  return state;
}

function Explained({ name }: { name: string }) {
  const detail = useData<EndpointDetail>(`/mw/v1/endpoints/${encodeURIComponent(name)}`);
  return (
    <Shown of={detail} height={400}>
      {(d) => d.columns && param("view") === "many" ? <Many name={name} columns={d.columns} /> : d.columns ? <One name={name} columns={d.columns} /> : <Empty command={`mw serve ${name}=model.json`}>The model is not loaded.</Empty>}
    </Shown>
  );
}

const outcome = (answer: Answer | undefined, k: number): number | undefined => {
  const p = answer?.predictions[0];
  return Array.isArray(p) ? p[k] : p;
};

function One({ name, columns }: { name: string; columns: Column[] }) {
  const start = useMemo(() => {
    const said = param("row") ? readRow(param("row"), columns) : first(columns);
    return typeof said === "string" ? first(columns) : said;
  }, [name]);
  const [base, setBase] = useState<Row>(start);
  const [row, setRow] = useState<Row>(start);
  const [pasted, setPasted] = useState(JSON.stringify(start));
  const [fault, setFault] = useState("");
  const before = useAnswer(name, base);
  const now = useAnswer(name, row);
  const found = now.answer?.explanations[0];
  const classes = Array.isArray(found) ? found.length : 1;
  const k = Math.min(classes - 1, Number(param("class")) || 0);
  const one = Array.isArray(found) ? found[k] : found;
  const p = outcome(now.answer, k);
  const was = outcome(before.answer, k);
  const change = (column: string, value: Value) => {
    const next = { ...row, [column]: value };
    setRow(next);
    setQuery({ row: JSON.stringify(next), endpoint: name });
  };
  const take = () => {
    const said = readRow(pasted, columns);
    if (typeof said === "string") {
      setFault(said);
      return;
    }
    setFault("");
    setBase(said);
    setRow(said);
    setQuery({ row: JSON.stringify(said), endpoint: name });
  };
  const changed = columns.filter((c) => base[c.name] !== row[c.name]);
  return (
    <>
      <div class="grid explain">
        <Panel title="Why" note={classes > 1 ? "" : "contributions to the margin"} actions={
          <>
            {classes > 1 && (
              <select aria-label="class" value={String(k)} onChange={(e) => setQuery({ class: e.currentTarget.value })}>
                {(found as Explanation[]).map((c, i) => <option key={i} value={String(i)}>class {c.class ?? i}</option>)}
              </select>
            )}
            <UseThis uses={[
              { title: "This row, explained", path: `/v1/models/${encodeURIComponent(name)}:explain`, body: { instances: [row] }, cli: `mw explain model.json --input rows.csv` },
              { title: "Its prediction", path: `/endpoints/${encodeURIComponent(name)}/invocations`, body: { dataframe_records: [row] } },
            ]} />
          </>
        }>
          {now.error && !one && <ErrorBox error={now.error} />}
          {!now.error && !one && <Loading height={320} />}
          {one && <Waterfall one={one} row={row} prediction={p} name={name} />}
        </Panel>
        <Panel title="What if" note={changed.length > 0 ? `${changed.length} changed` : "change a value: it is predicted again"} actions={
          <button type="button" disabled={changed.length === 0} onClick={() => { setRow(base); setQuery({ row: JSON.stringify(base) }); }}>Reset</button>
        }>
          <p class="outcome" aria-live="polite">
            {digits(was)}{changed.length > 0 && <> → <b>{digits(p)}</b> <span class={p !== undefined && was !== undefined && p > was ? "up" : "down"}>{p !== undefined && was !== undefined ? `${p > was ? "▲ +" : p < was ? "▼ " : ""}${digits(p - was)}` : ""}</span></>}
          </p>
          {now.error && one && <ErrorBox error={now.error} />}
          <div class="inputs">
            {columns.map((c) => <Input key={c.name} column={c} value={row[c.name] ?? null} was={base[c.name] ?? null} set={(v) => change(c.name, v)} />)}
          </div>
        </Panel>
      </div>
      <Together name={name} row={row} />
      <Nearest name={name} columns={columns} row={row} use={(next) => { setRow(next); setQuery({ row: JSON.stringify(next), endpoint: name }); scrollTo(0, 0); }} />
      <Panel title="Another row" wide note="JSON of a row, of an /invocations or a KServe request">
        <textarea rows={3} value={pasted} aria-label="row as JSON" onInput={(e) => setPasted(e.currentTarget.value)} />
        {fault && <p class="fault" role="alert">{fault}</p>}
        <button type="button" onClick={take}>Explain this row</button>
      </Panel>
    </>
  );
}

function Input({ column, value, was, set }: { column: Column; value: Value; was: Value; set: (value: Value) => void }) {
  const id = `in-${column.name}`;
  const reach = Math.max(1, Math.abs(Number(was) || 0) * 2);
  const isNumber = !column.categories && typeof was !== "string";
  return (
    <div class={value === was ? "input" : "input changed"}>
      <label for={id} title={column.type}>{column.name}</label>
      {column.categories ? (
        <select id={id} value={value == null ? "" : String(value)} onChange={(e) => set(e.currentTarget.value === "" ? null : e.currentTarget.value)}>
          <option value="">missing</option>
          {column.categories.map((c) => <option key={c} value={c}>{c}</option>)}
        </select>
      ) : (
        <input id={id} inputMode="decimal" value={value == null ? "" : String(value)} placeholder="missing"
          onInput={(e) => { const text = e.currentTarget.value.trim(); const n = Number(text); set(text === "" ? null : Number.isFinite(n) ? n : text); }} />
      )}
      {isNumber ? (
        <input type="range" aria-label={`${column.name}, by sliding`} min={Number(was) < 0 ? -reach : 0} max={reach} step={reach / 200} value={Number(value) || 0}
          onInput={(e) => set(Number(Number(e.currentTarget.value).toPrecision(6)))} />
      ) : <span />}
    </div>
  );
}

/* Bars from the bias to the margin: the largest first, what is left together at the end. */
function Waterfall({ one, row, prediction, name }: { one: Explanation; row: Row; prediction: number | undefined; name: string }) {
  const { place, width: w } = useWidth<HTMLDivElement>(480);
  const picture = useRef<SVGSVGElement>(null);
  const sorted = Object.entries(one.contributions).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const shown = sorted.slice(0, 12);
  const rest = sorted.slice(12);
  const bars: { label: string; value: number }[] = shown.map(([column, value]) => ({ label: `${column} = ${show(row[column])}`, value }));
  if (rest.length > 0) bars.push({ label: `${rest.length} others`, value: rest.reduce((sum, [, v]) => sum + v, 0) });
  let at = one.bias;
  const steps = bars.map((bar) => {
    const from = at;
    at += bar.value;
    return { ...bar, from, to: at };
  });
  const all = [one.bias, one.margin, ...steps.flatMap((s) => [s.from, s.to])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const [rowHeight, left] = [26, Math.min(210, Math.round(w * 0.42))];
  const fit = Math.floor((left - 8) / 7.8);
  const h = steps.length * rowHeight + 32;
  const x = (v: number) => left + ((v - low) / Math.max(1e-12, high - low)) * (w - left - 70);
  const off = one.bias + Object.values(one.contributions).reduce((sum, v) => sum + v, 0) - one.margin;
  return (
    <>
      <p class="outcome">base {digits(one.bias)} → margin <b>{digits(one.margin)}</b>{prediction !== undefined && <>, predicted <b>{digits(prediction)}</b></>}</p>
      <div ref={place} class="bees">
      <svg ref={picture} class="waterfall" width={w} height={h} viewBox={`0 0 ${w} ${h}`} role="img" aria-label={`from ${digits(one.bias)} to ${digits(one.margin)}: ${bars.slice(0, 5).map((b) => `${b.label} ${b.value > 0 ? "+" : ""}${digits(b.value)}`).join(", ")}`}>
        <path class="zero" d={`M${x(one.bias)} 0V${h - 20}`} />
        {steps.map((s, i) => {
          const y = i * rowHeight + 6;
          const up = s.value >= 0;
          const [a, b] = [x(Math.min(s.from, s.to)), x(Math.max(s.from, s.to))];
          const width = Math.max(1.5, b - a);
          const tip = Math.min(6, width);
          const d = up ? `M${a} ${y}h${width - tip}l${tip} 8l${-tip} 8h${-(width - tip)}z` : `M${b} ${y}h${-(width - tip)}l${-tip} 8l${tip} 8h${width - tip}z`;
          return (
            <g key={s.label}>
              <text class="wf-name" x={left - 8} y={y + 12} text-anchor="end">{s.label.length > fit ? `${s.label.slice(0, fit - 1)}…` : s.label}<title>{s.label}</title></text>
              <path class={up ? "wf-up" : "wf-down"} d={d} />
              <text class="wf-value" x={b + 6} y={y + 12}>{up ? "+" : "−"}{digits(Math.abs(s.value))}</text>
              {i + 1 < steps.length && <path class="wf-join" d={`M${x(s.to)} ${y}V${y + rowHeight + 16}`} />}
            </g>
          );
        })}
        <text class="wf-name" x={left - 8} y={steps.length * rowHeight + 20} text-anchor="end">margin</text>
        <circle class="wf-end" cx={x(one.margin)} cy={steps.length * rowHeight + 16} r="4" />
        <text class="wf-value" x={x(one.margin) + 9} y={steps.length * rowHeight + 20}>{digits(one.margin)}</text>
      </svg>
      </div>
      <p class="faint">sum check: bias and contributions differ from the margin by {Math.abs(off) < 1e-12 ? "0" : off.toExponential(0)}</p>
      <Save name={`${name} contributions`} csv={() => saveCsv(`${name} contributions`, ["column", "value", "contribution (margin)"], sorted.map(([c, v]) => [c, row[c] ?? "", v]))}
        svg={() => saveElement(`${name} contributions to the margin`, picture.current!, "svg")} png={() => saveElement(`${name} contributions to the margin`, picture.current!, "png")} />
    </>
  );
}

function show(value: Value | undefined): string {
  return value == null ? "missing" : typeof value === "number" ? String(Number(value.toPrecision(5))) : value;
}
