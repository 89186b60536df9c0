/* Latency heat: time across, latency up (a row a bucket), one hue by the share of the requests. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Series } from "../api/types";
import { dark } from "../state/settings";
import type { Mark } from "./chart";
import { Save } from "./small";
import { clock, count, moment, seconds } from "./format";
import { saveCsv, savePicture } from "./save";

const height = 180;
const left = 58;
const bottom = 22;

/* Buckets that hold something, and one more on either side. */
function shownBuckets(counts: number[][], n: number): [number, number] {
  let low = n;
  let high = 0;
  for (const row of counts) row.forEach((c, b) => { if (c > 0) { low = Math.min(low, b); high = Math.max(high, b); } });
  return low > high ? [0, n - 1] : [Math.max(0, low - 1), Math.min(n - 1, high + 1)];
}

export function Heat({ name, series, marks = [] }: { name: string; series: Series; marks?: Mark[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [tip, setTip] = useState("");
  const heat = series.heat;
  const isDark = dark.value;
  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (!box) return undefined;
    const watch = new ResizeObserver(() => setWidth(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  /* as many columns as there are pixels for */
  const n = heat?.counts.length ?? 0;
  const per = Math.max(1, Math.ceil(n / Math.max(1, (width - left) / 4)));
  const columns = heat
    ? Array.from({ length: Math.ceil(n / per) }, (_, i) => {
        const rows = heat.counts.slice(i * per, (i + 1) * per);
        return (rows[0] ?? []).map((_, b) => rows.reduce((sum, row) => sum + (row[b] ?? 0), 0));
      })
    : [];
  const [low, high] = heat ? shownBuckets(columns, heat.bounds.length + 1) : [0, 0];
  const rows = high - low + 1;
  useEffect(() => {
    const c = canvas.current;
    if (!c || !heat || width === 0) return;
    const ratio = devicePixelRatio || 1;
    c.width = width * ratio;
    c.height = height * ratio;
    const paint = c.getContext("2d")!;
    paint.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    paint.clearRect(0, 0, width, height);
    const w = (width - left) / columns.length;
    const h = (height - bottom) / rows;
    const most = Math.max(1, ...columns.map((column) => Math.max(...column)));
    columns.forEach((column, i) => {
      for (let b = low; b <= high; b++) {
        const share = (column[b] ?? 0) / most;
        if (share === 0) continue;
        const strength = 0.12 + 0.88 * Math.sqrt(share);
        paint.fillStyle = isDark ? `rgba(86,180,233,${strength})` : `rgba(0,90,160,${strength})`;
        paint.fillRect(left + i * w, height - bottom - (b - low + 1) * h, Math.ceil(w), Math.ceil(h) - 1);
      }
    });
    paint.fillStyle = style.getPropertyValue("--faint");
    paint.font = "11px system-ui, sans-serif";
    paint.textAlign = "right";
    const every = Math.ceil(rows / 7);
    for (let b = low; b < high; b += every) {
      const bound = heat.bounds[b];
      if (bound !== undefined) paint.fillText(seconds(bound), left - 6, height - bottom - (b - low + 1) * h + 4);
    }
    for (const mark of marks) {
      const x = left + ((mark.t - (series.t[0] ?? 0)) / Math.max(1, n * series.step)) * (width - left);
      if (x < left || x > width) continue;
      paint.strokeStyle = style.getPropertyValue("--ink");
      paint.setLineDash([4, 4]);
      paint.beginPath();
      paint.moveTo(x, 0);
      paint.lineTo(x, height - bottom);
      paint.stroke();
      paint.textAlign = x > width - 60 ? "right" : "left";
      paint.fillText(mark.text, x + (x > width - 60 ? -4 : 4), 11);
    }
    paint.setLineDash([]);
    paint.textAlign = "left";
    const far = (series.t[series.t.length - 1] ?? 0) - (series.t[0] ?? 0) > 172800;
    const at = (s: number) => (far ? moment(s * 1000).slice(5, 16) : clock(s * 1000));
    paint.fillText(at(series.t[0] ?? 0), left, height - 6);
    paint.textAlign = "right";
    paint.fillText(at(series.t[series.t.length - 1] ?? 0), width, height - 6);
  }, [heat, width, isDark, low, high, marks]);
  const point = (event: MouseEvent) => {
    if (!heat) return;
    const box = canvas.current!.getBoundingClientRect();
    const i = Math.floor(((event.clientX - box.left - left) / (box.width - left)) * columns.length);
    const b = low + Math.floor(((height - bottom - (event.clientY - box.top)) / (height - bottom)) * rows);
    const c = columns[i]?.[b];
    const begin = series.t[i * per];
    if (c === undefined || begin === undefined) setTip("");
    else setTip(`${moment(begin * 1000)}: ${count(c)} request${c === 1 ? "" : "s"} ${b < heat.bounds.length ? `up to ${seconds(heat.bounds[b])}` : `over ${seconds(heat.bounds[heat.bounds.length - 1])}`}`);
  };
  const head = heat ? ["time", ...heat.bounds.map((bound) => `<= ${bound} s`), "more"] : [];
  return (
    <div class="chart">
      <div class="heat">
        <canvas ref={canvas} role="img" aria-label={`${name}: how many requests took how long, over time`} style={{ width: "100%", height: `${height}px` }} onMouseMove={point} onMouseLeave={() => setTip("")} />
      </div>
      <p class="tip faint" aria-live="off">{tip || " "}</p>
      <Save name={name}
        csv={() => saveCsv(name, head, (heat?.counts ?? []).map((row, i) => [new Date((series.t[i] ?? 0) * 1000).toISOString(), ...row]))}
        png={() => canvas.current && savePicture(name, canvas.current, "share of the requests by time and latency")} />
    </div>
  );
}
