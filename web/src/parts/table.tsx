/* Tables: rows of 28 px of which only those in sight are drawn, sorted by a click on a head, walked
 * by j, k and Enter. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Save } from "./small";
import { saveCsv } from "./save";

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

export function Table<R>(props: TableProps<R>) {
  const { name, rows, columns, id, open, selected, select, height = 560, csv = true } = props;
  const [own, setOwn] = useState(props.sort ?? "");
  const sort = props.onSort ? (props.sort ?? "") : own;
  const [top, setTop] = useState(0);
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
  const first = many ? Math.max(0, Math.floor(top / rowHeight) - spare) : 0;
  const last = many ? Math.min(sorted.length, Math.ceil((top + height) / rowHeight) + spare) : sorted.length;

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
        onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={onKey}>
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
            {sorted.slice(first, last).map((row, i) => (
              <tr key={id(row)} class={`${first + i === at ? "at" : ""} ${open ? "opens" : ""}`}
                onClick={(event) => {
                  setAt(first + i);
                  if (open && !(event.target as HTMLElement).closest("a,button,input")) open(row);
                }}>
                {select && (
                  <td class="pick">
                    <input type="checkbox" checked={selected?.has(id(row)) ?? false} aria-label={`choose ${id(row)}`} onChange={() => select(id(row))} />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.key} class={`${column.right ? "right" : ""} ${column.narrow ? "narrow" : ""}`}>{column.cell(row)}</td>
                ))}
              </tr>
            ))}
            {last < sorted.length && <tr class="spacer" aria-hidden="true"><td colSpan={columns.length + 1} style={{ height: `${(sorted.length - last) * rowHeight}px` }} /></tr>}
          </tbody>
        </table>
      </div>
      {csv && (
        <Save name={name} csv={() => saveCsv(name, columns.map((c) => c.title), sorted.map((row) => columns.map((c) => c.value?.(row))))} />
      )}
    </div>
  );
}
