/* Lines over time or steps: uPlot, with a shared cursor, a zoom by dragging, gaps where nothing is
 * known, marks of what happened, and a way out (CSV, SVG, PNG). */
import uPlot from "uplot";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { zoom } from "../state/range";
import { held } from "../state/live";
import { dark, zone } from "../state/settings";
import { digits, tick } from "./format";
import { Save } from "./small";
import { saveCsv, savePicture, saveSvg, svgOfLines } from "./save";

const colours = {
  light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B87F00", "#2A87BF"],
  dark: ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"],
};
const dashes = [undefined, [6, 4], [2, 3], [8, 3, 2, 3], [1, 4], [12, 4]];

export function colour(i: number): string {
  const set = dark.value ? colours.dark : colours.light;
  return set[i % set.length]!;
}

export interface Mark {
  t: number;
  text: string;
}

export interface ChartProps {
  name: string; /* of saved files, and for those who do not see it */
  x: number[];
  lines: { label: string; values: (number | null)[]; colour?: number; dash?: number }[];
  unit?: string; /* of the values as they are saved: "seconds" */
  show?: (value: number | null) => string;
  height?: number;
  time?: boolean; /* x: seconds since 1970; else steps */
  log?: boolean;
  marks?: Mark[];
  sync?: string;
  from?: number;
  to?: number;
  area?: boolean;
  tight?: boolean; /* the axis begins at the least value, not at nothing */
  dots?: boolean; /* few points: a line alone would not be seen */
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawMarks(marks: Mark[]) {
  return (u: uPlot) => {
    const paint = u.ctx;
    paint.save();
    paint.strokeStyle = paint.fillStyle = css("--faint");
    paint.setLineDash([4, 4]);
    const taken: number[] = []; /* where the texts of each line end: those that meet stand below each other */
    for (const mark of marks) {
      const x = Math.round(u.valToPos(mark.t, "x", true));
      if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
      paint.beginPath();
      paint.moveTo(x, u.bbox.top);
      paint.lineTo(x, u.bbox.top + u.bbox.height);
      paint.stroke();
      const size = paint.measureText(mark.text).width + 4;
      const begin = x + size < u.bbox.left + u.bbox.width ? x + 4 : x - size;
      const free = taken.findIndex((end) => end < begin);
      const line = free < 0 ? taken.length : free;
      taken[line] = begin + size;
      paint.textAlign = "left";
      if (line < 4) paint.fillText(mark.text, begin, u.bbox.top + 12 * devicePixelRatio * (line + 1));
    }
    paint.restore();
  };
}

export function Chart(props: ChartProps) {
  const { x, lines, show = digits, height = 180, time = true, log = false, marks = [], sync, from, to, unit = "" } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const shape = lines.map((line) => line.label).join("\n");
  const isDark = dark.value;
  const isUtc = zone.value === "utc";
  const data = useMemo(() => [x, ...lines.map((line) => line.values)] as uPlot.AlignedData, [x, lines]);

  useEffect(() => {
    const box = place.current!;
    const ink = css("--faint");
    const grid = { stroke: css("--grid"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui, sans-serif" };
    const made = new uPlot(
      {
        width: box.clientWidth || 300,
        height,
        padding: [10, 8, 0, 0],
        cursor: { drag: { x: time, y: false, setScale: !time }, ...(sync ? { sync: { key: sync } } : {}), points: { size: 6 } },
        legend: { live: true },
        scales: {
          x: { time, ...(from && to ? { range: () => [latest.current.from!, latest.current.to!] as [number, number] } : {}) },
          y: log ? { distr: 3 } : props.tight ? {} : { range: (_u, low, high) => [Math.min(0, low ?? 0), high == null || high === 0 ? 1 : high * 1.08] },
        },
        ...(isUtc ? { tzDate: (s: number) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC") } : {}),
        axes: [
          { ...axis, size: 28, space: 64, ...(time ? { values: timeTicks } : {}) },
          { ...axis, size: 58, values: (_u: uPlot, at: number[]) => at.map((v) => (v == null ? "" : tick(show(v)))) },
        ],
        series: [
          time ? { value: (_u, v) => (v == null ? "" : clockOf(v)) } : { label: "step", value: (_u, v) => (v == null ? "" : String(v)) },
          ...lines.map((line, i) => ({
            label: line.label,
            stroke: colour(line.colour ?? i),
            width: 1.6,
            spanGaps: false,
            points: props.dots ? { show: true, size: 5 } : { show: false },
            dash: dashes[(line.dash ?? line.colour ?? i) % dashes.length],
            ...(props.area && lines.length === 1 ? { fill: `${colour(line.colour ?? i)}22` } : {}),
            value: (_u: uPlot, v: number | null) => show(v),
          })),
        ] as uPlot.Series[],
        hooks: {
          draw: [(u) => drawMarks(latest.current.marks ?? [])(u)],
          setLegend: [(u) => u.root.classList.toggle("idle", u.cursor.idx == null)],
          setSelect: [
            (u) => {
              if (!time || u.select.width < 4) return;
              const begin = u.posToVal(u.select.left, "x");
              const end = u.posToVal(u.select.left + u.select.width, "x");
              if (end - begin >= 2) zoom(begin, end);
              u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
        },
      },
      data,
      box,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => {
      if (box.clientWidth && Math.abs(box.clientWidth - made.width) > 1) made.setSize({ width: box.clientWidth, height });
    });
    watch.observe(box);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, isDark, isUtc, height, log, time, !!from, props.dots]);

  useEffect(() => plot.current?.setData(data), [data, from, to, marks.length]);

  const rows = () => x.map((at, i) => [time ? new Date(at * 1000).toISOString() : at, ...lines.map((line) => line.values[i])]);
  const drawn = lines.map((line, i) => ({ label: line.label, values: line.values, colour: colour(line.colour ?? i), dash: dashes[(line.dash ?? line.colour ?? i) % dashes.length] }));
  const png = () => savePicture(props.name, plot.current!.ctx.canvas, unit, drawn);
  const svg = () => saveSvg(props.name, svgOfLines(props.name, x, drawn, unit));
  const head = [time ? "time" : "step", ...lines.map((l) => (unit ? `${l.label} (${unit})` : l.label))];
  /* By keys: the cursor goes from point to point, and the legend tells the values. */
  const walk = (event: KeyboardEvent) => {
    const u = plot.current;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -x.length, End: x.length };
    const step = steps[event.key];
    if (!u || step === undefined || x.length === 0) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(x.length - 1, (u.cursor.idx ?? x.length - 1) + step));
    u.setCursor({ left: u.valToPos(x[next]!, "x"), top: height / 2 });
  };
  const last = lines.map((line) => `${line.label} ${show(line.values[line.values.length - 1] ?? null)}`).join(", ");
  return (
    <div class="chart">
      <div ref={place} class="chart-plot" role="img" aria-label={`${props.name}, lines over ${time ? "time" : "steps"}, arrow keys go along them; last: ${last}`}
        style={{ minHeight: `${height + 28}px` }}
        tabIndex={0} onKeyDown={walk} onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
        onMouseEnter={() => (held.value = true)} onMouseLeave={() => (held.value = false)} />
      <Save name={props.name} csv={() => saveCsv(props.name, head, rows())} svg={svg} png={png} />
    </div>
  );
}

/* 14:05, with seconds where ticks are closer than a minute, with the day where they are far apart. */
function timeTicks(_u: uPlot, at: number[], _axis: number, _space: number, step: number): string[] {
  return at.map((s) => {
    const d = new Date(s * 1000);
    const zoned = zone.value === "utc" ? { timeZone: "UTC" } : {};
    if (step >= 86400) return d.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...zoned });
    return d.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}), ...zoned });
  });
}

function clockOf(s: number): string {
  return new Date(s * 1000).toLocaleTimeString("en-GB", zone.value === "utc" ? { timeZone: "UTC" } : {});
}
