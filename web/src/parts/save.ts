/* Every chart and table leaves as CSV; charts as PNG and SVG, too. */

export function saveBytes(name: string, content: Blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

type Cell = string | number | null | undefined;

/* Quotes where they are needed; a text that a spreadsheet would take for a formula gets a quote mark
 * before it. */
export function csvOf(head: string[], rows: Cell[][]): string {
  const cell = (value: Cell) => {
    if (value == null) return "";
    if (typeof value === "number") return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function saveCsv(name: string, head: string[], rows: Cell[][]) {
  saveBytes(`${name}.csv`, new Blob([csvOf(head, rows)], { type: "text/csv" }));
}

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const head = 28; /* above a picture, for its title */
const side = 8; /* beside it: letters may stand out a little */
const titleOf = (name: string, unit: string) => (unit && !name.includes(unit) ? `${name}, ${unit}` : name);

export interface Line {
  label: string;
  colour: string;
  dash?: number[] | undefined;
  values: (number | null)[];
}

/* A drawing of lines over time, with axes: sharp at any size. */
export function svgOfLines(title: string, t: number[], lines: Line[], unit: string): string {
  const perRow = 6;
  const rows = Math.ceil(lines.length / perRow);
  const [w, h, left, top, bottom] = [900, 300 + 20 * rows, 60, 30, 30 + 20 * rows];
  const values = lines.flatMap((line) => line.values.filter((v): v is number => v != null));
  const most = Math.max(1e-12, ...values);
  const x = (i: number) => left + ((t[i]! - t[0]!) / Math.max(1, t[t.length - 1]! - t[0]!)) * (w - left - 10);
  const y = (v: number) => h - bottom - (v / most) * (h - top - bottom);
  const paths = lines.map((line) => {
    let d = "";
    let gap = true;
    line.values.forEach((v, i) => {
      if (v == null) gap = true;
      else {
        d += `${gap ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
        gap = false;
      }
    });
    const dash = line.dash ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
    return `<path d="${d}" fill="none" stroke="${line.colour}" stroke-width="1.5"${dash}/>`;
  });
  const ticks = [0, 0.5, 1].map(
    (share) =>
      `<text x="${left - 6}" y="${y(most * share) + 4}" text-anchor="end">${Number((most * share).toPrecision(3))}</text>` +
      `<path d="M${left} ${y(most * share)}H${w - 10}" stroke="#8886"/>`,
  );
  const legend = lines.map(
    (line, i) => `<text x="${left + (i % perRow) * 138}" y="${h - 8 - 20 * (rows - 1 - Math.floor(i / perRow))}" fill="${line.colour}">${escaped(line.label.length > 20 ? `${line.label.slice(0, 19)}…` : line.label)}</text>`,
  );
  const times = t.length
    ? [0, t.length - 1].map(
        (i, n) => `<text x="${x(i)}" y="${h - bottom + 16}" text-anchor="${n ? "end" : "start"}">${new Date(t[i]! * 1000).toISOString().slice(0, 19)}Z</text>`,
      )
    : [];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" font-family="system-ui,sans-serif" font-size="12" fill="#555">` +
    `<title>${escaped(title)}</title><text x="${left}" y="18" font-size="14">${escaped(titleOf(title, unit))}</text>` +
    [...ticks, ...paths, ...legend, ...times].join("") +
    "</svg>"
  );
}

export function saveSvg(name: string, text: string) {
  saveBytes(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

/* A canvas of the page as PNG: its title above it, what its lines are below. */
export function savePicture(name: string, source: HTMLCanvasElement, unit: string, legend: { label: string; colour: string }[] = []) {
  const ratio = devicePixelRatio || 1;
  const width = source.width / ratio;
  const each = 150;
  const perRow = Math.max(1, Math.floor((width - 16) / each));
  const canvas = document.createElement("canvas");
  canvas.width = source.width;
  canvas.height = source.height + (head + Math.ceil(legend.length / perRow) * 20 + 6) * ratio;
  const paint = canvas.getContext("2d")!;
  paint.fillStyle = css("--panel");
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(source, 0, head * ratio);
  paint.scale(ratio, ratio);
  paint.fillStyle = css("--ink");
  paint.font = "14px system-ui, sans-serif";
  paint.fillText(titleOf(name, unit), side, 19, width - 2 * side);
  paint.font = "12px system-ui, sans-serif";
  legend.forEach(({ label, colour }, i) => {
    const x = 8 + (i % perRow) * each;
    const y = head + source.height / ratio + 14 + Math.floor(i / perRow) * 20;
    paint.fillStyle = colour;
    paint.fillRect(x, y - 9, 10, 10);
    paint.fillStyle = css("--ink");
    paint.fillText(label, x + 15, y, each - 22);
  });
  canvas.toBlob((blob) => blob && saveBytes(`${name}.png`, blob));
}

/* An <svg> of the page, its colours and all, below its title. */
export function saveElement(name: string, element: SVGSVGElement, kind: "svg" | "png") {
  const copy = element.cloneNode(true) as SVGSVGElement;
  const from = [element, ...element.querySelectorAll<SVGElement>("*")];
  const to = [copy, ...copy.querySelectorAll<SVGElement>("*")];
  from.forEach((one, i) => {
    const style = getComputedStyle(one);
    /* as attributes: the policy of the page takes no styles that stand in elements */
    for (const key of ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "font-family", "font-size", "font-weight", "opacity", "text-anchor"])
      to[i]!.setAttribute(key, style.getPropertyValue(key));
    to[i]!.removeAttribute("class");
  });
  const box = element.getBoundingClientRect();
  const [width, height] = [box.width + 2 * side, box.height + head];
  copy.setAttribute("width", String(box.width));
  copy.setAttribute("height", String(box.height));
  copy.setAttribute("x", String(side));
  copy.setAttribute("y", String(head));
  copy.setAttribute("overflow", "visible");
  const text =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${escaped(name)}</title>` +
    `<rect width="${width}" height="${height}" fill="${css("--panel")}"/><text x="${side}" y="19" font-family="system-ui,sans-serif" font-size="14" fill="${css("--ink")}">${escaped(name)}</text>` +
    `${new XMLSerializer().serializeToString(copy)}</svg>`;
  if (kind === "svg") {
    saveSvg(name, text);
    return;
  }
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = width * 2;
    canvas.height = height * 2;
    canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && saveBytes(`${name}.png`, blob));
  };
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}
