/* The nearest change of a row that the model answers otherwise: searched by the server, exactly. */
import { useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import type { Column } from "../api/types";
import { param, setQuery } from "../state/router";
import { UseThis } from "../parts/copy";
import { digits } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, ErrorBox, Panel } from "../parts/panel";
import type { Row, Value } from "../parts/rows";
import { Table } from "../parts/table";

interface Answer { prediction: number | number[]; proven: boolean; cost: number; bound: number; changes: Record<string, { from: Value; to: Value }> }
interface Found { status: "already" | "found" | "impossible" | "unknown"; predictions: (number | number[])[]; answers: Answer[] }

type May = "either" | "up" | "down" | "fixed";
const mays: [May, string][] = [["either", "may change"], ["up", "only more"], ["down", "only less"], ["fixed", "must stay"]];

const told: Record<Found["status"], [string, string]> = {
  already: ["ok", "The row is answered so already."],
  found: ["ok", ""],
  impossible: ["firing", "No allowed change reaches it: that is proven. Let more features change, or want less."],
  unknown: ["watch", "Nothing was found within the time that a server takes for it; mw counterfactual takes longer."],
};

const shown = (value: Value) => (value == null ? "missing" : typeof value === "number" ? String(Number(value.toPrecision(6))) : value);
const predicted = (p: number | number[]) => (Array.isArray(p) ? p.map(digits).join(", ") : digits(p));

export function Nearest({ name, columns, row, use }: { name: string; columns: Column[]; row: Row; use: (row: Row) => void }) {
  const [may, set] = useState<Record<string, May>>({});
  const [found, setFound] = useState<{ of: string; found: Found }>();
  const [error, fail] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const [isOpen, unfold] = useState(false); /* 500 features are drawn when they are seen */
  const want = param("want");
  const list = (kind: May) => columns.map((c) => c.name).filter((c) => may[c] === kind);
  const parameters = Object.fromEntries(Object.entries({ want, fixed: list("fixed"), up: list("up"), down: list("down") }).filter(([, v]) => v.length > 0));
  const path = `/v1/models/${encodeURIComponent(name)}:counterfactual`;
  const body = { instances: [row], ...(Object.keys(parameters).length ? { parameters } : {}) };
  const words = JSON.stringify(body);
  const run = () => {
    fail(undefined);
    setBusy(true);
    ask<Found>(path, body).then((got) => setFound({ of: words, found: got }), (refused: Refusal) => { setFound(undefined); fail(refused); }).finally(() => setBusy(false));
  };
  const [state, says] = found ? told[found.found.status] : ["none", ""];
  return (
    <Panel title="The nearest change" wide note="that the model answers otherwise" actions={<UseThis uses={[{ title: "The nearest changes", path, body, cli: `mw counterfactual model.json --input rows.csv --want '${want || ">=0.5"}'` }]} />}>
      <form class="filter" onSubmit={(event) => { event.preventDefault(); run(); }}>
        <label>wanted <input value={want} placeholder="the other of two classes" aria-describedby="want-hint" onInput={(e) => setQuery({ want: e.currentTarget.value, endpoint: name })} /></label>
        <button type="submit" class="main" disabled={busy}>{busy ? "it is searched" : "Find it"}</button>
        <span class="faint" id="want-hint">&gt;=0.5, &lt;0.3, 10..20, or a class</span>
      </form>
      <details onToggle={(e) => unfold(e.currentTarget.open)}>
        <summary>what may change{Object.values(may).some((m) => m !== "either") ? `: ${columns.filter((c) => may[c.name] && may[c.name] !== "either").length} features are bound` : ""}</summary>
        <div class="binds">
          {isOpen && columns.map((c) => (
            <div key={c.name}>
              <span>{c.name}</span>
              <select aria-label={`whether ${c.name} may change`} value={may[c.name] ?? "either"} onChange={(e) => set({ ...may, [c.name]: e.currentTarget.value as May })}>
                {mays.filter(([m]) => !c.categories || m === "either" || m === "fixed").map(([m, word]) => <option key={m} value={m}>{word}</option>)}
              </select>
            </div>
          ))}
        </div>
      </details>
      {error && <ErrorBox error={error} />}
      {!found && !error && <Empty>What would have to be otherwise for another answer? Say what is wanted, and what may not change (an age, say): the nearest such row is searched for, of at most three changes.</Empty>}
      {found && (
        <div role="status">
          {found.of !== words && <p class="stale">of the row and the wish as they were; find it again</p>}
          {says && <p class="lead"><StateWord state={state} word={found.found.status} /> {says}</p>}
          {found.found.answers.length > 0 && (
            <Table<Answer> name={`${name} nearest changes`} rows={found.found.answers} id={(a) => JSON.stringify(a.changes)} columns={[
              { key: "changes", title: "Change", value: (a) => Object.entries(a.changes).map(([c, v]) => `${c} ${shown(v.from)} -> ${shown(v.to)}`).join("; "),
                cell: (a) => <span class="changes">{Object.entries(a.changes).map(([c, v]) => <span key={c}>{c} {shown(v.from)} → <b>{shown(v.to)}</b></span>)}</span> },
              { key: "prediction", title: "Predicted then", right: true, value: (a) => (Array.isArray(a.prediction) ? a.prediction[0] : a.prediction), cell: (a) => predicted(a.prediction) },
              { key: "cost", title: "How far", right: true, value: (a) => a.cost, cell: (a) => <span title={a.proven ? "nothing allowed is nearer: proven" : `nothing is nearer than ${digits(a.bound)}`}>{digits(a.cost)}{a.proven ? "" : " at most"}</span>, narrow: true },
              { key: "use", title: "", cell: (a) => <button type="button" onClick={() => use({ ...row, ...Object.fromEntries(Object.entries(a.changes).map(([c, v]) => [c, v.to])) })}>What if</button> },
            ]} />
          )}
          {found.found.answers.length > 0 && <p class="faint">A change costs its size in spreads of the feature, and a little for each feature; the first is the nearest of all, each further one changes other features. What a model would answer is not what causes it.</p>}
        </div>
      )}
    </Panel>
  );
}
