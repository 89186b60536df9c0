/* Data: the versions in the record, what one is made of, what its columns are, and what differs from
 * another. Bins come, never rows. */
import { useMemo } from "preact/hooks";
import { query } from "../api/client";
import { useData } from "../api/use";
import { go, param, setQuery } from "../state/router";
import { Command, UseThis } from "../parts/copy";
import { ago, bytes, count, digits, moment, percent } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Page, Panel, Shown } from "../parts/panel";
import { Recorded } from "../parts/record";
import { A } from "../parts/shell";
import { Table, type Column } from "../parts/table";

interface Version { name: string; version: number; root: string; digest: string; source?: string; user?: string; files: number; bytes: number; created: number; is_folder: boolean }
interface File { path: string; digest: string; bytes: number }
interface Detail extends Version { items: File[]; total: number }
interface ProfileColumn {
  name: string;
  kind: "number" | "category";
  count: number;
  missing: number;
  distinct: number;
  mean?: number | null;
  deviation?: number | null;
  median?: number | null;
  quantiles?: number[] | null;
  categories?: [string, number][];
  others?: number;
}
interface Profile { rows: number; columns: ProfileColumn[] }

const link = (v: { name: string; version: number | string }) => `/data/${encodeURIComponent(v.name)}/${v.version}`;
const address = (name: string, version: number | string) => `/mw/v1/data/${encodeURIComponent(name)}/${version}`;

export function DataPage() {
  const asked = useData<{ items: Version[]; total: number }>("/mw/v1/data");
  const rows = useMemo(() => [...(asked.data?.items ?? [])].sort((a, b) => b.created - a.created), [asked.data]);
  return (
    <Page title="Data" actions={<UseThis uses={[{ title: "Versions of data", path: "/mw/v1/data", cli: "mw data list --record ./record" }]} />}>
      <Panel title="Versions" wide note="the newest first">
        <Recorded of={asked} height={240}>
          {() => rows.length === 0 ? <Empty command="mw data add train.csv --record ./record">No data is kept so far. Keep a version of a file or a folder:</Empty> : (
            <Table<Version> name="data" rows={rows} id={(v) => `${v.name}@${v.version}`} open={(v) => go(link(v))} height={640} columns={[
              { key: "name", title: "Data", value: (v) => v.name, cell: (v) => <A to={link(v)}>{v.name}</A> },
              { key: "version", title: "Version", right: true, value: (v) => v.version, cell: (v) => v.version },
              { key: "created", title: "Kept", value: (v) => v.created, cell: (v) => <span title={moment(v.created)}>{ago(v.created)}{v.user ? ` by ${v.user}` : ""}</span> },
              { key: "files", title: "Files", right: true, value: (v) => v.files, cell: (v) => count(v.files) },
              { key: "bytes", title: "Size", right: true, value: (v) => v.bytes, cell: (v) => bytes(v.bytes) },
              { key: "digest", title: "SHA-256", value: (v) => v.digest, cell: (v) => <span class="path" title={v.digest}>{v.digest.slice(0, 12)}</span>, narrow: true },
              { key: "source", title: "From", value: (v) => v.source, cell: (v) => <span title={v.source}>{v.source}</span>, narrow: true },
            ]} />
          )}
        </Recorded>
      </Panel>
    </Page>
  );
}

export function DataVersionPage({ name, version }: { name: string; version: string }) {
  const asked = useData<Detail>(address(name, version));
  const all = useData<{ items: Version[] }>("/mw/v1/data");
  const others = (all.data?.items ?? []).filter((v) => v.name === name && String(v.version) !== version).sort((a, b) => b.version - a.version);
  const asks = param("against");
  /* as the address says until the list is there: its panel has its place from the first */
  const against = others.find((v) => String(v.version) === asks) ?? (asks && !all.data ? { version: asks } : undefined);
  const files = asked.data?.items ?? [];
  const file = files.find((f) => f.path === param("file")) ?? files.find((f) => /\.csv$/i.test(f.path)) ?? files[0];
  return (
    <Page title={`${name}@${version}`} actions={<>
      <A to="/data" class="button">All data</A>
      {others.length > 0 && (
        <select aria-label="compare with" value={against ? String(against.version) : ""} onChange={(e) => setQuery({ against: e.currentTarget.value })}>
          <option value="">compare with …</option>
          {others.map((v) => <option key={v.version} value={String(v.version)}>{v.name}@{v.version}</option>)}
        </select>
      )}
      <UseThis uses={[
        { title: "This version", path: address(name, version), cli: `mw data get ${name}@${version} -o ${name} --record ./record` },
        { title: "Its profile", path: `${address(name, version)}/profile`, cli: `mw data profile ${name}` },
        { title: "What differs", path: "", cli: `mw data diff ${name}@${against?.version ?? 1} ${name}@${version} --record ./record` },
      ].filter((use) => use.path || use.cli)} />
    </>}>
      <Recorded of={asked} height={300}>
        {(d) => <>
          <div class="grid">
            <Panel title="About">
              <dl class="facts">
                <div><dt>Kept</dt><dd>{moment(d.created)}{d.user ? ` by ${d.user}` : ""}</dd></div>
                <div><dt>Size</dt><dd>{count(d.files)} file{d.files === 1 ? "" : "s"}, {bytes(d.bytes)}</dd></div>
                <div><dt>From</dt><dd class="path">{d.source || "–"}</dd></div>
                <div><dt>SHA-256</dt><dd class="path">{d.digest}</dd></div>
                <div><dt>DVC's MD5</dt><dd class="path">{d.root}</dd></div>
              </dl>
              <Command text={`mw data get ${name}@${version} -o ${name} --record ./record`} />
            </Panel>
            <Panel title="Files" note={d.total > d.items.length ? `the first ${count(d.items.length)} of ${count(d.total)}` : ""}>
              <Table<File> name="files" rows={d.items} id={(f) => f.path} height={260} open={(f) => setQuery({ file: f.path })} columns={[
                { key: "path", title: "Path", value: (f) => f.path, cell: (f) => <button type="button" class="link" onClick={() => setQuery({ file: f.path })}>{f.path}</button> },
                { key: "bytes", title: "Size", right: true, value: (f) => f.bytes, cell: (f) => bytes(f.bytes) },
                { key: "digest", title: "SHA-256", cell: (f) => <span class="path" title={f.digest}>{f.digest.slice(0, 12)}</span>, narrow: true },
              ]} />
            </Panel>
          </div>
          {against && <Differences now={d} name={name} version={String(against.version)} />}
          {file && /\.(csv|txt)$/i.test(file.path) ? <Columns now={address(name, version)} before={against && address(name, against.version)} then={against ? `${name}@${against.version}` : ""} path={file.path} />
            : <Panel title="Columns" wide><Empty>A profile is made of CSV files.</Empty></Panel>}
        </>}
      </Recorded>
    </Page>
  );
}

/* ---- what differs -------------------------------------------------------------------------------- */

function Differences({ now, name, version }: { now: Detail; name: string; version: string }) {
  const asked = useData<Detail>(address(name, version));
  return (
    <Panel title={`Since ${name}@${version}`} wide note="files">
      <Shown of={asked}>
        {(before) => {
          const then = new Map(before.items.map((f) => [f.path, f]));
          const paths = new Set(now.items.map((f) => f.path));
          const changes = [
            ...now.items.filter((f) => !then.has(f.path)).map((f) => ({ what: "added", path: f.path, from: null as number | null, to: f.bytes as number | null })),
            ...now.items.filter((f) => then.has(f.path) && then.get(f.path)!.digest !== f.digest).map((f) => ({ what: "changed", path: f.path, from: then.get(f.path)!.bytes, to: f.bytes })),
            ...before.items.filter((f) => !paths.has(f.path)).map((f) => ({ what: "removed", path: f.path, from: f.bytes, to: null })),
          ];
          return changes.length === 0 ? <Empty>The files are the same.</Empty> : (
            <Table name="file differences" rows={changes} id={(c) => c.path} height={260} columns={[
              { key: "what", title: "What", value: (c) => c.what, cell: (c) => c.what },
              { key: "path", title: "Path", value: (c) => c.path, cell: (c) => c.path },
              { key: "from", title: "Was", right: true, value: (c) => c.from, cell: (c) => bytes(c.from) },
              { key: "to", title: "Is", right: true, value: (c) => c.to, cell: (c) => bytes(c.to) },
            ]} />
          );
        }}
      </Shown>
    </Panel>
  );
}

/* ---- columns ------------------------------------------------------------------------------------- */

interface Line { name: string; now?: ProfileColumn; then?: ProfileColumn }

/* Density by the distance of the quantiles; of categories the commonest. */
function Shape({ column }: { column: ProfileColumn }) {
  const q = column.quantiles;
  let bars: number[] = [];
  if (q && q.length > 1) {
    const [low, high] = [q[2]!, q[q.length - 3]!];
    bars = Array.from({ length: 20 }, () => 0);
    for (const v of q) if (high > low && v >= low && v <= high) bars[Math.min(19, Math.floor(((v - low) / (high - low)) * 20))]! += 1;
  } else bars = (column.categories ?? []).slice(0, 20).map(([, n]) => n);
  const most = Math.max(1, ...bars);
  const said = column.categories ? column.categories.slice(0, 3).map(([text, n]) => `${text} ${percent(n / Math.max(1, column.count))}`).join(", ") : q ? `from ${digits(q[0])} to ${digits(q[q.length - 1])}` : "";
  return (
    <svg class="spark" viewBox="0 0 100 18" width="100" height="18" role="img" aria-label={said}>
      <title>{said}</title>
      {bars.map((n, i) => <rect key={i} class="bar-fill" x={(i * 100) / bars.length} width={Math.max(1, 100 / bars.length - 1)} y={18 - (n / most) * 17} height={(n / most) * 17} />)}
    </svg>
  );
}

const share = (c: ProfileColumn | undefined) => (c ? c.missing / Math.max(1, c.count + c.missing) : null);
const middle = (c: ProfileColumn | undefined) => (!c ? "" : c.kind === "number" ? digits(c.mean) : (c.categories?.[0]?.[0] ?? ""));

/* Whether it moved by more than a person would pass over, and how. */
function movedOf(line: Line): { state: string; word: string } {
  const { now, then } = line;
  if (!now || !then) return { state: "watch", word: now ? "new column" : "gone" };
  if (now.kind !== then.kind) return { state: "firing", word: `${then.kind} → ${now.kind}` };
  const holes = (share(now) ?? 0) - (share(then) ?? 0);
  if (Math.abs(holes) > 0.01) return { state: "watch", word: `missing ${holes > 0 ? "+" : "−"}${percent(Math.abs(holes))}` };
  if (now.kind === "number") {
    const shift = ((now.mean ?? 0) - (then.mean ?? 0)) / Math.max(1e-12, then.deviation ?? 0);
    return Math.abs(shift) > 0.1 ? { state: "watch", word: `mean ${shift > 0 ? "+" : "−"}${digits(Math.abs(shift))} deviations` } : { state: "ok", word: "alike" };
  }
  const known = new Map(then.categories ?? []);
  const news = (now.categories ?? []).filter(([text]) => !known.has(text)).length;
  if (news > 0) return { state: "watch", word: `${news} new categories` };
  const distance = (now.categories ?? []).reduce((sum, [text, n]) => sum + Math.abs(n / Math.max(1, now.count) - (known.get(text) ?? 0) / Math.max(1, then.count)), 0) / 2;
  return distance > 0.05 ? { state: "watch", word: `${percent(distance)} went to other categories` } : { state: "ok", word: "alike" };
}

function Columns({ now, before, then, path }: { now: string; before: string | undefined; then: string; path: string }) {
  const asked = useData<Profile>(`${now}/profile${query({ path })}`);
  const old = useData<Profile>(before ? `${before}/profile${query({ path })}` : undefined);
  const lines = useMemo(() => {
    const known = new Map((before ? (old.data?.columns ?? []) : []).map((c) => [c.name, c]));
    const found: Line[] = (asked.data?.columns ?? []).map((c) => ({ name: c.name, now: c, ...(known.has(c.name) ? { then: known.get(c.name)! } : {}) }));
    const names = new Set(found.map((l) => l.name));
    for (const c of known.values()) if (!names.has(c.name)) found.push({ name: c.name, then: c });
    return found;
  }, [asked.data, old.data, before]);
  const compared = !!before && !!old.data;
  const columns: Column<Line>[] = [
    { key: "name", title: "Column", value: (l) => l.name, cell: (l) => l.name },
    ...(compared ? [{ key: "moved", title: "Against it", value: (l: Line) => movedOf(l).word, cell: (l: Line) => <StateWord {...movedOf(l)} /> }] : []),
    { key: "kind", title: "Kind", value: (l) => (l.now ?? l.then)!.kind, cell: (l) => (l.now ?? l.then)!.kind, narrow: true },
    { key: "shape", title: "Shape", cell: (l) => (l.now ? <Shape column={l.now} /> : "–") },
    { key: "missing", title: "Missing", right: true, value: (l) => share(l.now), cell: (l) => <>{percent(share(l.now))}{compared && l.then ? <span class="faint"> was {percent(share(l.then))}</span> : null}</> },
    { key: "distinct", title: "Different", right: true, value: (l) => l.now?.distinct, cell: (l) => count(l.now?.distinct), narrow: true },
    { key: "mean", title: "Mean, or commonest", right: true, value: (l) => l.now?.mean ?? l.now?.categories?.[0]?.[0], cell: (l) => <>{middle(l.now)}{compared && l.then ? <span class="faint"> was {middle(l.then)}</span> : null}</> },
    { key: "deviation", title: "Deviation", right: true, value: (l) => l.now?.deviation, cell: (l) => digits(l.now?.deviation), narrow: true },
    { key: "median", title: "Median", right: true, value: (l) => l.now?.median, cell: (l) => digits(l.now?.median), narrow: true },
    { key: "low", title: "Lowest", right: true, value: (l) => l.now?.quantiles?.[0], cell: (l) => digits(l.now?.quantiles?.[0]), narrow: true },
    { key: "high", title: "Highest", right: true, value: (l) => l.now?.quantiles?.[100], cell: (l) => digits(l.now?.quantiles?.[100]), narrow: true },
  ];
  return (
    <Panel title="Columns" wide note={asked.data ? `${path}: ${count(asked.data.rows)} rows, ${asked.data.columns.length} columns${compared ? `, against ${then}: ${count(old.data!.rows)} rows` : ""}` : path}>
      <Shown of={asked} height={300}>
        {() => <Table<Line> name={`columns of ${path}`} rows={lines} id={(l) => l.name} columns={columns} height={560} />}
      </Shown>
      {before && old.error && <p class="fault" role="alert">{old.error.what}</p>}
    </Panel>
  );
}
