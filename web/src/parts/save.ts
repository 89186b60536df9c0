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

export interface Line {
  label: string;
  colour: string;
  dash?: number[] | undefined;
  values: (number | null)[];
}

/* A drawing of lines over time, with axes: sharp at any size. */
export function svgOfLines(title: string, t: number[], lines: Line[], unit: string): string {
  const [w, h, left, top, bottom] = [900, 320, 60, 30, 50];
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
    (line, i) => `<text x="${left + i * 130}" y="${h - 8}" fill="${line.colour}">${escaped(line.label)}</text>`,
  );
  const times = t.length
    ? [0, t.length - 1].map(
        (i, n) => `<text x="${x(i)}" y="${h - bottom + 16}" text-anchor="${n ? "end" : "start"}">${new Date(t[i]! * 1000).toISOString().slice(0, 19)}Z</text>`,
      )
    : [];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" font-family="system-ui,sans-serif" font-size="12" fill="#555">` +
    `<title>${escaped(title)}</title><text x="${left}" y="18" font-size="14">${escaped(title)}${unit ? `, ${escaped(unit)}` : ""}</text>` +
    [...ticks, ...paths, ...legend, ...times].join("") +
    "</svg>"
  );
}

export function saveSvg(name: string, text: string) {
  saveBytes(`${name}.svg`, new Blob([text], { type: "image/svg+xml" }));
}

/* An <svg> of the page, its colours and all. */
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
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(box.width));
  copy.setAttribute("height", String(box.height));
  const text = new XMLSerializer().serializeToString(copy);
  if (kind === "svg") {
    saveSvg(name, text);
    return;
  }
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = box.width * 2;
    canvas.height = box.height * 2;
    const paint = canvas.getContext("2d")!;
    paint.fillStyle = getComputedStyle(document.body).backgroundColor;
    paint.fillRect(0, 0, canvas.width, canvas.height);
    paint.drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && saveBytes(`${name}.png`, blob));
  };
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}
