/* Bars over time, a row a thing: what held from when to when, and what was done in between. */
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, lasting, moment } from "./format";
import { Save } from "./small";
import { saveCsv, saveElement } from "./save";

export interface Bar { row: string; from: number; to: number | null; kind: string; text: string } /* ms; null: still */
export interface Event { at: number; text: string } /* ms */

/* The width of an element, as it changes. */
export function useWidth<E extends HTMLElement>(usual: number) {
  const place = useRef<E>(null);
  const [width, set] = useState(usual);
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const watch = new ResizeObserver(() => box.clientWidth && set(box.clientWidth));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);
  return { place, width };
}

const rowHeight = 22;
const most = 14;

export function Timeline({ name, bars, events, from, to }: { name: string; bars: Bar[]; events: Event[]; from: number; to: number }) {
  const { place, width } = useWidth<HTMLDivElement>(700);
  const picture = useRef<SVGSVGElement>(null);
  const seen = bars.filter((bar) => bar.from < to && (bar.to ?? to) > from);
  const rows = [...new Set(seen.map((bar) => bar.row))];
  const left = Math.min(230, Math.round(width * 0.36));
  const x = (t: number) => left + ((Math.max(from, Math.min(to, t)) - from) / Math.max(1, to - from)) * (width - left - 8);
  const shown = rows.slice(0, most);
  const height = Math.max(1, shown.length) * rowHeight + 34;
  const n = width < 500 ? 3 : 6;
  const ticks = Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
  const marks = events.filter((event) => event.at >= from && event.at <= to);
  const fit = (text: string) => (text.length > left / 6.6 ? `${text.slice(0, Math.floor(left / 6.6) - 1)}…` : text);
  const label = `${name}: ${seen.length} of ${rows.length} kinds${marks.length ? `, ${marks.length} deploys marked` : ""}`;
  return (
    <div class="timeline" ref={place}>
      <svg ref={picture} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
        {ticks.map((t, i) => (
          <g key={i}>
            <path class="tl-grid" d={`M${x(t)} 0V${height - 18}`} />
            <text class="tl-tick" x={x(t)} y={height - 4} text-anchor={i === 0 ? "start" : i === ticks.length - 1 ? "end" : "middle"}>{to - from > 172800000 ? moment(t).slice(5, 10) : clock(t).slice(0, 5)}</text>
          </g>
        ))}
        {shown.map((row, i) => (
          <text key={row} class="tl-name" x={0} y={i * rowHeight + 29}>{fit(row)}<title>{row}</title></text>
        ))}
        {seen.map((bar, i) => {
          const at = shown.indexOf(bar.row);
          if (at < 0) return null;
          const [a, b] = [x(bar.from), x(bar.to ?? to)];
          return (
            <path key={i} class={`tl-bar tl-${bar.kind}`} d={`M${a} ${at * rowHeight + 18}h${Math.max(3, b - a)}v14h${-Math.max(3, b - a)}z`}>
              <title>{`${bar.text}: ${moment(bar.from)}, ${lasting(((bar.to ?? Date.now()) - bar.from) / 1000)}${bar.to ? "" : " so far"}`}</title>
            </path>
          );
        })}
        {marks.map((mark, i) => (
          <g key={i}>
            <path class="tl-mark" d={`M${x(mark.at)} 0V${height - 18}`}><title>{`${mark.text}: ${moment(mark.at)}`}</title></path>
            <text class="tl-event" x={x(mark.at) + (x(mark.at) > width - 90 ? -3 : 3)} y={10} text-anchor={x(mark.at) > width - 90 ? "end" : "start"}>{mark.text}</text>
          </g>
        ))}
      </svg>
      {rows.length === 0 && <p class="faint">Nothing in this range.</p>}
      {rows.length > most && <p class="faint">the first {most} of {rows.length}</p>}
      <Save name={name} csv={() => saveCsv(name, ["what", "from", "to", "kind", "text"], seen.map((b) => [b.row, new Date(b.from).toISOString(), b.to ? new Date(b.to).toISOString() : "", b.kind, b.text]))}
        svg={() => saveElement(name, picture.current!, "svg")} png={() => saveElement(name, picture.current!, "png")} />
    </div>
  );
}
