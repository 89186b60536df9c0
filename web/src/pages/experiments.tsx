/* Experiments, and the runs of one: searched by the server in MLflow's grammar, drawn as far as they
 * are in sight. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask, base, type Refusal } from "../api/client";
import { metricOf, num, paths, valueOf, type Experiment, type Run } from "../api/mlflow";
import { useData } from "../api/use";
import { go, href, param, setQuery } from "../state/router";
import { Command, UseThis } from "../parts/copy";
import { ago, digits, moment } from "../parts/format";
import { Empty, Loading, Page, Panel } from "../parts/panel";
import { Recorded, Refused } from "../parts/record";
import { A } from "../parts/shell";
import { Table, type Column } from "../parts/table";

export function ExperimentsPage() {
  const asked = useData<{ experiments?: Experiment[] }>(paths.experiments, undefined, { max_results: 1000 });
  return (
    <Page title="Experiments" actions={<UseThis uses={[{ title: "All experiments", path: paths.experiments, body: { max_results: 1000 } }]} />}>
      <Panel title="All experiments" wide>
        <Recorded of={asked} height={240}>
          {(found) => !found.experiments?.length
            ? <Empty command={`export MLFLOW_TRACKING_URI=${location.origin}`}>No experiment yet. Point your training script at this server; nothing else in it changes:</Empty>
            : <Table<Experiment> name="experiments" rows={found.experiments} id={(e) => e.experiment_id} sort="-updated"
                open={(e) => go(`/experiments/${e.experiment_id}`)} columns={[
                  { key: "name", title: "Name", value: (e) => e.name, cell: (e) => <A to={`/experiments/${e.experiment_id}`}>{e.name}</A> },
                  { key: "id", title: "Id", value: (e) => Number(e.experiment_id), cell: (e) => e.experiment_id, narrow: true },
                  { key: "created", title: "Created", value: (e) => e.creation_time, cell: (e) => <span title={e.creation_time ? moment(e.creation_time) : ""}>{ago(e.creation_time)}</span>, narrow: true },
                  { key: "updated", title: "Changed", value: (e) => e.last_update_time, cell: (e) => <span title={e.last_update_time ? moment(e.last_update_time) : ""}>{ago(e.last_update_time)}</span> },
                ]} />}
        </Recorded>
      </Panel>
    </Page>
  );
}

/* ---- the runs of one -------------------------------------------------------------------------- */

const page = 250;

interface Found {
  runs: Run[];
  next: string | undefined;
  error: Refusal | undefined;
  busy: boolean;
}

/* Pages of a search, one behind the other as they are scrolled to. */
function useRuns(experiment: string, filter: string, order: string) {
  const [found, set] = useState<Found>({ runs: [], next: undefined, error: undefined, busy: true });
  const more = (token: string | undefined, before: Run[]) => {
    const stop = new AbortController();
    set((old) => ({ ...old, busy: true }));
    ask<{ runs?: Run[]; next_page_token?: string }>(paths.runs, {
      experiment_ids: [experiment], filter, max_results: page,
      ...(order ? { order_by: [order] } : {}), ...(token ? { page_token: token } : {}),
    }, "POST", stop.signal).then(
      (got) => set({ runs: [...before, ...(got.runs ?? [])], next: got.next_page_token, error: undefined, busy: false }),
      (error: Refusal) => stop.signal.aborted || set((old) => ({ ...old, error, busy: false })),
    );
    return () => stop.abort();
  };
  useEffect(() => more(undefined, []), [experiment, filter, order]);
  return { ...found, more: () => { if (found.next && !found.busy) more(found.next, found.runs); }, again: () => more(undefined, []) };
}

/* Names that stand in the first runs: what columns there may be. */
function namesOf(runs: Run[]) {
  const count = new Map<string, number>();
  for (const run of runs.slice(0, 200)) {
    for (const metric of run.data.metrics ?? []) count.set(`metrics.${metric.key}`, (count.get(`metrics.${metric.key}`) ?? 0) + 1);
    for (const one of run.data.params ?? []) count.set(`params.${one.key}`, (count.get(`params.${one.key}`) ?? 0) + 1);
    for (const tag of run.data.tags ?? []) if (!tag.key.startsWith("mlflow.")) count.set(`tags.${tag.key}`, (count.get(`tags.${tag.key}`) ?? 0) + 1);
  }
  return [...count.entries()].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
}

function usual(runs: Run[], names: string[]): string[] {
  const metrics = names.filter((name) => name.startsWith("metrics.")).slice(0, 4);
  const differing = names.filter((name) => name.startsWith("params.") && new Set(runs.slice(0, 200).map((run) => valueOf(run.data.params, name.slice(7)))).size > 1).slice(0, 4);
  return [...metrics, ...differing];
}

export function cellOf(run: Run, name: string): string | number | null {
  const [kind, key] = [name.slice(0, name.indexOf(".")), name.slice(name.indexOf(".") + 1)];
  if (kind === "metrics") return metricOf(run, key);
  const text = valueOf(kind === "params" ? run.data.params : run.data.tags, key);
  const n = text === undefined || text === "" ? NaN : Number(text);
  return text === undefined ? null : Number.isFinite(n) ? n : text;
}

const quoted = (name: string) => {
  const dot = name.indexOf(".");
  return `${name.slice(0, dot)}.\`${name.slice(dot + 1)}\``;
};
const orders: Record<string, string> = { name: "attributes.run_name", started: "attributes.start_time", status: "attributes.status" };

function orderOf(sort: string): string {
  if (!sort) return "";
  const key = sort.replace(/^-/, "");
  return `${orders[key] ?? quoted(key)} ${sort.startsWith("-") ? "DESC" : "ASC"}`;
}

function Chooser({ names, chosen, set }: { names: string[]; chosen: string[]; set: (names: string[]) => void }) {
  const [words, setWords] = useState("");
  const shown = names.filter((name) => name.toLowerCase().includes(words.toLowerCase())).slice(0, 200);
  return (
    <details class="chooser">
      <summary class="button">Columns ({chosen.length})</summary>
      <div class="chooser-box">
        <input type="search" value={words} placeholder="find a column" aria-label="find a column" onInput={(e) => setWords(e.currentTarget.value)} />
        <ul>
          {shown.map((name) => (
            <li key={name}>
              <label><input type="checkbox" checked={chosen.includes(name)}
                onChange={() => set(chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name])} /> {name}</label>
            </li>
          ))}
        </ul>
      </div>
    </details>
  );
}

const none = new Set<string>();

export function RunsPage({ id }: { id: string }) {
  const filter = param("filter");
  const sort = param("sort") || "-started";
  const [words, setWords] = useState(filter);
  const [chosen, setChosen] = useState(none);
  const asked = useData<{ experiment: Experiment }>(`/api/2.0/mlflow/experiments/get?experiment_id=${encodeURIComponent(id)}`);
  const found = useRuns(id, filter, orderOf(sort));
  const names = useMemo(() => namesOf(found.runs), [found.runs]);
  const columns = param("columns") ? param("columns").split(",").map(decodeURIComponent) : usual(found.runs, names);
  const shown: Column<Run>[] = [
    { key: "name", title: "Run", value: (r) => r.info.run_name, cell: (r) => <A to={`/runs/${r.info.run_id}`}>{r.info.run_name || r.info.run_id.slice(0, 8)}</A> },
    { key: "started", title: "Started", value: (r) => r.info.start_time, cell: (r) => <span title={r.info.start_time ? moment(r.info.start_time) : ""}>{ago(r.info.start_time)}</span> },
    { key: "status", title: "Status", value: (r) => r.info.status, cell: (r) => r.info.status.toLowerCase(), narrow: true },
    ...columns.map((name): Column<Run> => {
      const key = name.slice(name.indexOf(".") + 1);
      return {
        key: name, title: key, right: !name.startsWith("tags."), value: (r) => cellOf(r, name),
        cell: (r) => {
          const value = cellOf(r, name);
          if (typeof value !== "number") return value ?? <span class="faint">–</span>;
          if (name.startsWith("metrics.")) return digits(value);
          const short = Number(value.toPrecision(9)); /* 0.30000000000000004 was meant as 0.3 */
          return short === value ? value : <span title={String(value)}>{short}</span>;
        },
      };
    }),
  ];
  const toggle = (run: string) => {
    const next = new Set(chosen);
    if (!next.delete(run)) next.add(run);
    setChosen(next);
  };
  const name = asked.data?.experiment.name ?? `Experiment ${id}`;
  return (
    <Page title={name} actions={<UseThis uses={[{ title: "These runs", path: paths.runs, body: { experiment_ids: [id], filter, max_results: page, order_by: [orderOf(sort)] } }]} />}>
      <Panel title="Runs" note={`${found.runs.length}${found.next ? " and more" : ""}${filter ? ", filtered" : ""}`} wide actions={
        <>
          <Chooser names={names} chosen={columns} set={(next) => setQuery({ columns: next.map(encodeURIComponent).join(",") })} />
          <button type="button" class="main" disabled={chosen.size < 2} title={chosen.size < 2 ? "choose two runs or more (x)" : ""}
            onClick={() => go(`/compare?runs=${[...chosen].join(",")}`)}>Compare {chosen.size > 0 ? chosen.size : ""}</button>
        </>
      }>
        <form class="filter" onSubmit={(event) => { event.preventDefault(); setQuery({ filter: words }, false); }}>
          <input type="search" value={words} aria-label="filter in MLflow's grammar" placeholder="metrics.auc > 0.8 and params.depth = '6'" onInput={(e) => setWords(e.currentTarget.value)} />
          <button type="submit">Search</button>
        </form>
        {found.error && <Refused error={found.error} retry={found.again} />}
        {!found.error && found.busy && found.runs.length === 0 && <Loading height={300} />}
        {!found.error && !found.busy && found.runs.length === 0 && (filter
          ? <Empty>No run is like that. <a href={href(`/experiments/${id}`)} onClick={(e) => { e.preventDefault(); setWords(""); setQuery({ filter: undefined }, false); }}>Show all</a>.</Empty>
          : <Empty command={`MLFLOW_TRACKING_URI=${location.origin} MLFLOW_EXPERIMENT_ID=${id} python train.py`}>No run yet. Start one:</Empty>)}
        {found.runs.length > 0 && (
          <Table<Run> name={`runs of ${name}`} rows={found.runs} columns={shown} id={(r) => r.info.run_id} sort={sort} onSort={(next) => setQuery({ sort: next })}
            open={(r) => go(`/runs/${r.info.run_id}`)} selected={chosen} select={toggle} height={Math.max(400, innerHeight - 300)} onEnd={found.more} />
        )}
        {found.busy && found.runs.length > 0 && <p class="faint" role="status">more runs are on their way</p>}
      </Panel>
    </Page>
  );
}

/* ---- one run ---------------------------------------------------------------------------------- */

interface Listed { path: string; is_dir: boolean; file_size?: number | string }

function Artifacts({ run }: { run: string }) {
  const folder = param("folder");
  const file = param("file");
  const asked = useData<{ files?: Listed[] }>(paths.artifacts(run, folder));
  return (
    <Panel title="Artifacts" note={folder || "/"}>
      <Recorded of={asked}>
        {(found) => (
          <>
            {folder && <button type="button" onClick={() => setQuery({ folder: folder.includes("/") ? folder.slice(0, folder.lastIndexOf("/")) : undefined, file: undefined })}>up</button>}
            {!found.files?.length ? <Empty>No files here.</Empty> : (
              <ul class="files">
                {found.files.map((f) => (
                  <li key={f.path}>
                    <button type="button" class="quiet" onClick={() => setQuery(f.is_dir ? { folder: f.path, file: undefined } : { file: f.path })}>
                      {f.path.slice(f.path.lastIndexOf("/") + 1)}{f.is_dir ? "/" : ""}
                    </button>
                    {!f.is_dir && <span class="faint">{f.file_size ?? ""} B</span>}
                  </li>
                ))}
              </ul>
            )}
            {file && <Preview run={run} path={file} />}
          </>
        )}
      </Recorded>
    </Panel>
  );
}

/* The beginning of a text; pictures as they are; all else only by name. */
function Preview({ run, path }: { run: string; path: string }) {
  const [text, set] = useState<string>();
  const isPicture = /\.(png|jpe?g|gif|webp)$/i.test(path);
  const isText = /\.(txt|md|json|ya?ml|csv|log|py|toml|html?|xml|svg)$/i.test(path) || !path.includes(".");
  const url = paths.file(run, path);
  useEffect(() => {
    set(undefined);
    if (!isText) return;
    fetch(baseOf(url), { headers: { Range: "bytes=0-65535" } }).then((answer) => answer.text()).then(set, () => set("it cannot be read"));
  }, [url]);
  return (
    <div class="preview">
      <h3>{path} <a href={baseOf(url)} download>save</a></h3>
      {isPicture ? <img src={baseOf(url)} alt={path} /> : isText ? <pre tabIndex={0}>{text ?? ""}</pre> : <p class="faint">no preview of this kind</p>}
    </div>
  );
}
const baseOf = (path: string) => base + path;

export function RunPage({ id }: { id: string }) {
  const asked = useData<{ run: Run }>(paths.run(id));
  const run = asked.data?.run;
  const title = run?.info.run_name || id.slice(0, 12);
  return (
    <Page title={title} actions={run && <>
      <A to={`/experiments/${run.info.experiment_id}`} class="button">All runs</A>
      <A to={`/compare?runs=${id}`} class="button">Curves</A>
      <UseThis uses={[{ title: "This run", path: paths.run(id) }]} />
    </>}>
      <Recorded of={asked} height={300}>
        {({ run: r }) => (
          <div class="grid">
            <Panel title="Run">
              <dl class="facts">
                <div><dt>Status</dt><dd>{r.info.status.toLowerCase()}</dd></div>
                <div><dt>Started</dt><dd>{r.info.start_time ? moment(r.info.start_time) : "–"}</dd></div>
                <div><dt>Took</dt><dd>{r.info.end_time && r.info.start_time ? `${digits((r.info.end_time - r.info.start_time) / 1000)} s` : "–"}</dd></div>
                <div><dt>By</dt><dd>{valueOf(r.data.tags, "mlflow.user") ?? r.info.user_id ?? "–"}</dd></div>
                <div><dt>Code</dt><dd class="path">{valueOf(r.data.tags, "mlflow.source.git.commit") ?? valueOf(r.data.tags, "mlflow.source.name") ?? "–"}</dd></div>
                {(r.inputs?.dataset_inputs ?? []).map((d) => <div key={d.dataset.digest}><dt>Data</dt><dd>{d.dataset.name} <span class="path">{d.dataset.digest}</span></dd></div>)}
              </dl>
              <Command text={r.info.run_id} label="the run's id" />
            </Panel>
            <Panel title="Metrics" note="the last values">
              {!r.data.metrics?.length ? <Empty>No metric was logged.</Empty> : (
                <Table name={`metrics of ${title}`} rows={r.data.metrics} id={(m) => m.key} columns={[
                  { key: "key", title: "Metric", value: (m) => m.key, cell: (m) => m.key },
                  { key: "value", title: "Value", right: true, value: (m) => num(m.value), cell: (m) => digits(num(m.value)) },
                  { key: "step", title: "Step", right: true, value: (m) => Number(m.step), cell: (m) => String(m.step ?? 0) },
                ]} />
              )}
            </Panel>
            <Panel title="Parameters">
              {!r.data.params?.length ? <Empty>No parameter was logged.</Empty> : (
                <Table name={`parameters of ${title}`} rows={r.data.params} id={(p) => p.key} columns={[
                  { key: "key", title: "Parameter", value: (p) => p.key, cell: (p) => p.key },
                  { key: "value", title: "Value", value: (p) => p.value, cell: (p) => <span title={p.value}>{p.value}</span> },
                ]} />
              )}
            </Panel>
            <Panel title="Tags">
              {!r.data.tags?.length ? <Empty>No tag was set.</Empty> : (
                <Table name={`tags of ${title}`} rows={r.data.tags} id={(p) => p.key} columns={[
                  { key: "key", title: "Tag", value: (p) => p.key, cell: (p) => p.key },
                  { key: "value", title: "Value", value: (p) => p.value, cell: (p) => <span title={p.value}>{p.value}</span> },
                ]} />
              )}
            </Panel>
            <Artifacts run={id} />
          </div>
        )}
      </Recorded>
    </Page>
  );
}
