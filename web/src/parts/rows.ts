/* Rows that somebody pastes or opens: CSV with a head, or JSON as /invocations takes it. */
import type { Column } from "../api/types";

export type Value = number | string | null;
export type Row = Record<string, Value>;

export const rowsMost = 2000;

export interface Read { rows: Row[]; total: number; passed: string[] } /* passed: columns that the model has not */

/* RFC 4180: quotes, doubled quotes, line ends within them. */
export function cellsOf(text: string, most: number): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  let cell = "";
  let quoted = false;
  const end = () => { line.push(cell); cell = ""; };
  for (let i = 0; i < text.length && lines.length <= most; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') { cell += '"'; i++; }
      else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === ",") end();
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i++;
      end();
      if (line.length > 1 || line[0] !== "") lines.push(line);
      line = [];
    } else cell += c;
  }
  if (cell !== "" || line.length > 0) { end(); lines.push(line); }
  return lines.slice(0, most + 1);
}

const missing = new Set(["", "na", "nan", "null", "none", "?"]);

function valueOf(text: string, column: Column): Value {
  if (missing.has(text.trim().toLowerCase())) return null;
  if (column.categories) return text.trim();
  const n = Number(text);
  if (Number.isFinite(n)) return n;
  return /^(true|false)$/i.test(text.trim()) ? Number(/^true$/i.test(text.trim())) : text.trim();
}

/* A sentence where it cannot be read. */
export function readRows(text: string, columns: Column[]): Read | string {
  const known = new Map(columns.map((c) => [c.name, c]));
  if (/^\s*[[{]/.test(text)) return readJson(text, columns, known);
  const lines = cellsOf(text.trim(), 1e6);
  const head = (lines[0] ?? []).map((name) => name.trim());
  if (lines.length < 2) return "paste a line of column names and at least one row";
  const have = head.filter((name) => known.has(name));
  if (have.length === 0) return `no column of the model is among ${head.slice(0, 5).join(", ")}; it takes ${columns.slice(0, 5).map((c) => c.name).join(", ")}`;
  const rows = lines.slice(1, rowsMost + 1).map((cells) => {
    const row: Row = {};
    for (const column of columns) row[column.name] = null;
    head.forEach((name, i) => { const column = known.get(name); if (column) row[name] = valueOf(cells[i] ?? "", column); });
    return row;
  });
  return { rows, total: lines.length - 1, passed: head.filter((name) => name && !known.has(name)) };
}

function readJson(text: string, columns: Column[], known: Map<string, Column>): Read | string {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (wrong) {
    return `this is no JSON: ${(wrong as Error).message}`;
  }
  const of = said as Record<string, unknown>;
  const list = Array.isArray(said) ? said : (of.dataframe_records ?? of.instances ?? [said]);
  if (!Array.isArray(list) || list.length === 0) return "there is no row in it";
  const passed = new Set<string>();
  const rows = list.slice(0, rowsMost).map((one: unknown) => {
    const row: Row = {};
    columns.forEach((c, i) => (row[c.name] = (Array.isArray(one) ? (one as Value[])[i] : (one as Row)[c.name]) ?? null));
    if (one && !Array.isArray(one)) for (const name of Object.keys(one as Row)) if (!known.has(name)) passed.add(name);
    return row;
  });
  return { rows, total: list.length, passed: [...passed] };
}
