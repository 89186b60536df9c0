/* A column's values of now over those of the reference: shares of the rows in each bin. */
import { useRef } from "preact/hooks";
import { count, digits, percent } from "./format";
import { Save } from "./small";
import { saveCsv, saveElement } from "./save";
import { useWidth } from "./timeline";

export interface Bin { kind: "range" | "category" | "others" | "new" | "missing"; low?: number | null; high?: number | null; category?: string; reference: number; current: number }

/* The smallest number below nothing is the edge of "nothing or less". */
const edge = (value: number | null | undefined) => (value == null ? null : Math.abs(value) < 1e-300 ? 0 : value);

function nameOf(bin: Bin): string {
  if (bin.kind === "category") return bin.category ?? "";
  if (bin.kind !== "range") return bin.kind === "others" ? "rarer ones" : bin.kind === "new" ? "new" : "missing";
  const [low, high] = [edge(bin.low), edge(bin.high)];
  if (low == null) return high == null ? "all" : `≤ ${digits(high)}`;
  return high == null ? `> ${digits(low)}` : `${digits(low)} to ${digits(high)}`;
}

const shortOf = (bin: Bin) => (bin.kind === "range" ? (edge(bin.high) == null ? `>${digits(edge(bin.low))}` : digits(edge(bin.high))) : nameOf(bin));

export function Histogram({ name, bins, height = 170 }: { name: string; bins: Bin[]; height?: number }) {
  const { place, width } = useWidth<HTMLDivElement>(480);
  const picture = useRef<SVGSVGElement>(null);
  const totals = { reference: bins.reduce((n, b) => n + b.reference, 0), current: bins.reduce((n, b) => n + b.current, 0) };
  const shown = bins.filter((b) => b.reference > 0 || b.current > 0);
  const share = (b: Bin, which: "reference" | "current") => (totals[which] > 0 ? b[which] / totals[which] : 0);
  const most = Math.max(1e-9, ...shown.flatMap((b) => [share(b, "reference"), share(b, "current")]));
  const [left, bottom, top] = [44, 34, 8];
  const step = (width - left - 6) / Math.max(1, shown.length);
  const y = (s: number) => top + (1 - s / most) * (height - top - bottom);
  const turned = step < 46;
  const worst = [...shown].sort((a, b) => Math.abs(share(b, "current") - share(b, "reference")) - Math.abs(share(a, "current") - share(a, "reference"))).slice(0, 2);
  const told = worst.map((b) => `${nameOf(b)}: ${percent(share(b, "reference"))} then, ${percent(share(b, "current"))} now`).join("; ");
  return (
    <div class="histogram" ref={place}>
      <p class="keys-line faint"><span class="key key-then" /> reference, {count(totals.reference)} rows <span class="key key-now" /> now, {count(totals.current)}</p>
      <svg ref={picture} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${name}: ${told}`}>
        {[0, 0.5, 1].map((s) => (
          <g key={s}>
            <path class="tl-grid" d={`M${left} ${y(most * s)}H${width}`} />
            <text class="tl-tick" x={left - 6} y={y(most * s) + 4} text-anchor="end">{percent(most * s)}</text>
          </g>
        ))}
        {shown.map((b, i) => {
          const x = left + i * step;
          const text = `${nameOf(b)}: reference ${percent(share(b, "reference"))} (${count(b.reference)}), now ${percent(share(b, "current"))} (${count(b.current)})`;
          const short = shortOf(b);
          const fit = turned ? 7 : Math.max(4, Math.floor(step / 6.5));
          return (
            <g key={i}>
              <title>{text}</title>
              <rect class="hi-now" x={x + step * 0.14} width={Math.max(1, step * 0.72)} y={y(share(b, "current"))} height={Math.max(0, y(0) - y(share(b, "current")))} />
              <path class="hi-then" d={`M${x + step * 0.06} ${y(share(b, "reference"))}h${Math.max(1, step * 0.88)}`} />
              <rect class="hi-then-bar" x={x + step * 0.06} width={Math.max(1, step * 0.88)} y={y(share(b, "reference"))} height={Math.max(0, y(0) - y(share(b, "reference")))} />
              {(!turned || i % Math.ceil(46 / step) === 0) && <text class="tl-tick" x={b.kind === "range" ? x + step : x + step / 2} y={height - bottom + 14} text-anchor={b.kind === "range" && i < shown.length - 1 ? "middle" : b.kind === "range" ? "end" : "middle"}>{short.length > fit ? `${short.slice(0, fit - 1)}…` : short}</text>}
            </g>
          );
        })}
        {shown.length === 0 && <text class="tl-tick" x={left + 8} y={height / 2}>no rows so far</text>}
      </svg>
      <Save name={name} csv={() => saveCsv(name, ["bin", "reference (rows)", "now (rows)"], shown.map((b) => [nameOf(b), b.reference, b.current]))}
        svg={() => saveElement(name, picture.current!, "svg")} png={() => saveElement(name, picture.current!, "png")} />
    </div>
  );
}
