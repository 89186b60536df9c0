/* Tables: rows of 28 px of which only those in sight are drawn, sorted by a click on a head, walked
 * by j, k and Enter. A scroll draws some rows at a time, and only those that came into sight. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Save } from "./small";
import { saveCsv } from "./save";
import { zone } from "../state/settings";

export interface Column<R> {
  key: string;
  title: string;
  cell: (row: R) => ComponentChildren;
  value?: (row: R) => string | number | null | undefined; /* to sort and to save */
  right?: boolean;
  width?: string;
  narrow?: boolean; /* left out on a phone */
}

const rowHeight = 28;
const spare = 12;
const stride = 6; /* rows: a scroll of fewer draws nothing */

export interface TableProps<R> {
  name: string;
  rows: R[];
  columns: Column<R>[];
  id: (row: R) => string;
  open?: (row: R) => void;
  sort?: string; /* "-psi": by psi, largest first */
  onSort?: (sort: string) => void; /* sorted elsewhere */
  selected?: Set<string>;
  select?: (id: string) => void;
  height?: number; /* of the window over the rows */
  onEnd?: () => void; /* the last row is in sight */
  csv?: boolean;
  total?: number;
}

function compare(a: string | number | null | undefined, b: string | number | null | undefined): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

/* Rows as they were drawn: the same element is not compared again. They hold while nothing has changed
 * that a row is drawn of. */
function useDrawn(of: unknown[]): Map<string, VNode> {
  const kept = useRef<{ of: unknown[]; drawn: Map<string, VNode> }>({ of: [], drawn: new Map() });
  if (of.some((one, i) => one !== kept.current.of[i])) kept.current = { of, drawn: new Map() };
  if (kept.current.drawn.size > 2000) kept.current.drawn.clear();
  return kept.current.drawn;
}

export function Table<R>(props: TableProps<R>) {
  const { name, rows, columns, id, open, selected, select, height = 560, csv = true } = props;
  const [own, setOwn] = useState(props.sort ?? "");
  const sort = props.onSort ? (props.sort ?? "") : own;
  const [top, setTop] = useState(0); /* the first row in sight, or one just above it */
  const [at, setAt] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const key = sort.replace(/^-/, "");
  const sorted = useMemo(() => {
    const column = props.onSort ? undefined : columns.find((c) => c.key === key);
    const value = column?.value;
    if (!value) return rows;
    const sign = sort.startsWith("-") ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return x == null || y == null ? compare(x, y) : sign * compare(x, y);
    });
  }, [rows, sort, columns]);
  const many = sorted.length * rowHeight > height;
  const first = many ? Math.max(0, top - spare) : 0;
  const last = many ? Math.min(sorted.length, top + stride + Math.ceil(height / rowHeight) + spare) : sorted.length;
  const told = columns.filter((column) => column.value); /* the others are buttons */
  const drawn = useDrawn([sorted, columns, selected, select, open, at, zone.value]);

  useEffect(() => {
    if (props.onEnd && last >= sorted.length) props.onEnd();
  }, [last, sorted.length]);

  const turn = (column: Column<R>) => {
    if (!column.value) return;
    const next = sort === `-${column.key}` ? column.key : sort === column.key ? "" : `-${column.key}`;
    if (props.onSort) props.onSort(next);
    else setOwn(next);
  };
  const move = (to: number) => {
    const next = Math.max(0, Math.min(sorted.length - 1, to));
    setAt(next);
    const view = box.current;
    if (!view || !many) return;
    if (next * rowHeight < view.scrollTop) view.scrollTop = next * rowHeight;
    if ((next + 2) * rowHeight > view.scrollTop + view.clientHeight) view.scrollTop = (next + 2) * rowHeight - view.clientHeight;
  };
  const onKey = (event: KeyboardEvent) => {
    if ((event.target as HTMLElement).tagName === "INPUT") return;
    const row = sorted[at];
    if (event.key === "j" || event.key === "ArrowDown") move(at + 1);
    else if (event.key === "k" || event.key === "ArrowUp") move(at - 1);
    else if (event.key === "x" && row !== undefined && select) select(id(row));
    else if (event.key === "Enter" && row !== undefined && open && event.target === box.current) open(row);
    else return;
    event.preventDefault();
  };
  return (
    <div class="table-frame">
      <div ref={box} class="table-box" tabIndex={0} role="region" aria-label={`${name}: ${sorted.length} rows`}
        style={many ? { maxHeight: `${height}px` } : {}}
        onScroll={(event) => setTop(Math.floor(event.currentTarget.scrollTop / rowHeight / stride) * stride)} onKeyDown={onKey}>
        <table>
          <thead>
            <tr>
              {select && <th class="pick"><span class="hidden">chosen</span></th>}
              {columns.map((column) => (
                <th key={column.key} class={`${column.right ? "right" : ""} ${column.narrow ? "narrow" : ""}`} scope="col"
                  style={column.width ? { width: column.width } : {}}
                  aria-sort={key === column.key ? (sort.startsWith("-") ? "descending" : "ascending") : undefined}>
                  {column.value ? (
                    <button type="button" onClick={() => turn(column)}>
                      {column.title}{key === column.key ? (sort.startsWith("-") ? " ↓" : " ↑") : ""}
                    </button>
                  ) : column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr class="spacer" aria-hidden="true"><td colSpan={columns.length + 1} style={{ height: `${first * rowHeight}px` }} /></tr>}
            {sorted.slice(first, last).map((row, i) => {
              const key = id(row);
              const before = drawn.get(key);
              if (before) return before;
              const made = (
              <tr key={key} class={`${first + i === at ? "at" : ""} ${open ? "opens" : ""}`}
                onClick={(event) => {
                  setAt(first + i);
                  if (open && !(event.target as HTMLElement).closest("a,button,input")) open(row);
                }}>
                {select && (
                  <td class="pick">
                    <input type="checkbox" checked={selected?.has(key) ?? false} aria-label={`choose ${key}`} onChange={() => select(key)} />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.key} class={`${column.right ? "right" : ""} ${column.narrow ? "narrow" : ""}`}>{column.cell(row)}</td>
                ))}
              </tr>
              );
              drawn.set(key, made);
              return made;
            })}
            {last < sorted.length && <tr class="spacer" aria-hidden="true"><td colSpan={columns.length + 1} style={{ height: `${(sorted.length - last) * rowHeight}px` }} /></tr>}
          </tbody>
        </table>
      </div>
      {csv && (
        <Save name={name} csv={() => saveCsv(name, told.map((c) => c.title), sorted.map((row) => told.map((c) => c.value!(row))))} />
      )}
    </div>
  );
}
