/* What the model would answer if one feature alone were another: for some rows (thin lines, ICE) and for
 * all of these together (the thick one, partial dependence). Asked of the server as predictions. */
import { useMemo, useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import type { Column } from "../api/types";
import { Save } from "../parts/small";
import { digits } from "../parts/format";
import { ErrorBox, Panel } from "../parts/panel";
import type { Row, Value } from "../parts/rows";
import { saveCsv, saveElement } from "../parts/save";
import { useWidth } from "../parts/timeline";

const rowsMost = 60;
const steps = 15;

interface Found { at: Value[]; curves: number[][] } /* curves: a row each, at every value */

/* Values to try: of numbers the quantiles, so that they are where rows are; of categories the commonest. */
function valuesOf(cells: Value[], column: Column): Value[] {
  const there = cells.filter((c): c is number | string => c != null);
  if (column.categories || there.some((c) => typeof c === "string")) {
    const counts = new Map<Value, number>();
    for (const c of there) counts.set(c, (counts.get(c) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, steps).map(([c]) => c);
  }
  const sorted = (there as number[]).sort((a, b) => a - b);
  return [...new Set(Array.from({ length: steps }, (_, i) => sorted[Math.round((i / (steps - 1)) * (sorted.length - 1))]!))];
}

const numberOf = (answer: unknown, k: number): number => (Array.isArray(answer) ? Number(answer[k]) : Number(answer));

async function predict(name: string, rows: Row[], column: Column, k: number): Promise<Found> {
  const some = rows.filter((_, i) => i % Math.max(1, Math.floor(rows.length / rowsMost)) === 0).slice(0, rowsMost);
  const at = valuesOf(rows.map((row) => row[column.name] ?? null), column);
  const instances = some.flatMap((row) => at.map((value) => ({ ...row, [column.name]: value })));
  const { predictions } = await ask<{ predictions: unknown[] }>(`/v1/models/${encodeURIComponent(name)}:predict`, { instances });
  return { at, curves: some.map((_, r) => at.map((__, i) => numberOf(predictions[r * at.length + i], k))) };
}

export function Partial({ name, column, rows, k }: { name: string; column: Column; rows: Row[]; k: number }) {
  const [found, set] = useState<Found>();
  const [error, fail] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const { place, width } = useWidth<HTMLDivElement>(900);
  const picture = useRef<SVGSVGElement>(null);
  const run = () => {
    fail(undefined);
    setBusy(true);
    predict(name, rows, column, k).then(set, fail).finally(() => setBusy(false));
  };
  const mean = useMemo(() => found?.at.map((_, i) => found.curves.reduce((sum, c) => sum + c[i]!, 0) / Math.max(1, found.curves.length)) ?? [], [found]);
  const texts = found?.at.some((v) => typeof v === "string") ?? false;
  const [h, left, bottom] = [260, 56, 28];
  const all = found?.curves.flat() ?? [];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const xs = (found?.at ?? []).map((v, i) => (texts ? i : Number(v)));
  const x = (v: number) => left + 8 + ((v - (xs[0] ?? 0)) / Math.max(1e-12, (xs[xs.length - 1] ?? 1) - (xs[0] ?? 0))) * (width - left - 24);
  const y = (v: number) => 8 + (1 - (v - low) / Math.max(1e-12, high - low)) * (h - bottom - 16);
  const line = (values: number[]) => values.map((v, i) => `${i ? "L" : "M"}${x(xs[i]!).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return (
    <Panel title={`If ${column.name} alone were another`} wide note="thin: rows (ICE), thick: their mean (partial dependence). Where features go together, some of these rows cannot be"
      actions={<button type="button" disabled={busy} onClick={run}>{busy ? "it is asked" : found ? "Ask again" : "Ask the model"}</button>}>
      {error && <ErrorBox error={error} />}
      <div ref={place} class="bees">
        {found && (
          <svg ref={picture} width={width} height={h} role="img" aria-label={`mean prediction along ${column.name}: ${found.at.map((v, i) => `${v} ${digits(mean[i])}`).join(", ")}`}>
            {[low, (low + high) / 2, high].map((v, i) => <g key={i}><path class="tl-grid" d={`M${left} ${y(v)}H${width}`} /><text class="tl-tick" x={left - 6} y={y(v) + 4} text-anchor="end">{digits(v)}</text></g>)}
            {found.curves.map((curve, i) => <path key={i} class="ice" d={line(curve)} />)}
            <path class="pdp" d={line(mean)} />
            {(texts ? xs : [0, 0.25, 0.5, 0.75, 1].map((s) => (xs[0] ?? 0) + s * ((xs[xs.length - 1] ?? 0) - (xs[0] ?? 0)))).map((v, i, of) => <text key={i} class="tl-tick" x={x(v)} y={h - 8} text-anchor={i === 0 ? "start" : i === of.length - 1 ? "end" : "middle"}>{texts ? String(found.at[i]).slice(0, 14) : digits(v)}</text>)}
          </svg>
        )}
      </div>
      {found && <Save name={`${name} partial dependence on ${column.name}`} csv={() => saveCsv(`${name} partial dependence on ${column.name}`, [column.name, "mean", ...found.curves.map((_, i) => `row ${i + 1}`)], found.at.map((v, i) => [v, mean[i], ...found.curves.map((c) => c[i])]))}
        svg={() => saveElement(`${name} partial dependence on ${column.name}`, picture.current!, "svg")} png={() => saveElement(`${name} partial dependence on ${column.name}`, picture.current!, "png")} />}
    </Panel>
  );
}
