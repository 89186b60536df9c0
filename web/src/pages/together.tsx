/* What features of a row moved together, beyond what each moved by itself: the pairs that moved most. */
import { useRef, useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import { param } from "../state/router";
import { UseThis } from "../parts/copy";
import { digits } from "../parts/format";
import { Empty, ErrorBox, Panel } from "../parts/panel";
import type { Row } from "../parts/rows";
import { Table } from "../parts/table";

interface Pair { features: string[]; value: number }
interface Margin { class?: number | string; margin: number; bias: number; pairs: Pair[]; others: number }
interface Answer { interactions: Margin[] }

const signed = (value: number) => `${value >= 0 ? "+" : "−"}${digits(Math.abs(value))}`;
const title = (p: Pair) => p.features.join(" × ");

/* Up or down from the middle, told by its arrow, too. */
function Moved({ value, most }: { value: number; most: number }) {
  const wide = Math.max(2, (Math.abs(value) / Math.max(most, 1e-12)) * 70);
  return (
    <svg class="moved" viewBox="0 0 160 14" width="160" height="14" aria-hidden="true">
      <path class="zero" d="M80 0v14" />
      <path class={value >= 0 ? "wf-up" : "wf-down"} d={value >= 0 ? `M80 2h${wide - 2}l4 5l-4 5h-${wide - 2}z` : `M80 2h-${wide - 2}l-4 5l4 5h${wide - 2}z`} />
    </svg>
  );
}

export function Together({ name, row }: { name: string; row: Row }) {
  const [found, set] = useState<{ of: string; answer: Answer }>();
  const [error, fail] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const [alone, setAlone] = useState(false);
  const newest = useRef("");
  const path = `/v1/models/${encodeURIComponent(name)}:interactions`;
  const body = { instances: [row], parameters: { top: 60 } };
  const words = JSON.stringify(row);
  const run = () => {
    newest.current = words;
    fail(undefined);
    setBusy(true);
    ask<Answer>(path, body).then((answer) => newest.current === words && set({ of: words, answer }), (refused: Refusal) => { set(undefined); fail(refused); }).finally(() => setBusy(false));
  };
  const margins = found?.answer.interactions ?? [];
  const one = margins[Math.min(margins.length - 1, Number(param("class")) || 0)];
  const pairs = (one?.pairs ?? []).filter((p) => alone || p.features.length > 1);
  const most = Math.max(...pairs.map((p) => Math.abs(p.value)), 0);
  return (
    <Panel title="Together" wide note={one?.class !== undefined ? `class ${one.class}` : "what two features moved beyond what each moved by itself"} actions={<>
      <label class="field-line"><input type="checkbox" checked={alone} onChange={(e) => setAlone(e.currentTarget.checked)} /> each by itself, too</label>
      <button type="button" disabled={busy} onClick={run}>{busy ? "it is asked" : found ? "Ask again" : "Ask the model"}</button>
      <UseThis uses={[{ title: "What pairs of features moved", path, body, cli: "mw explain model.json rows.csv --interactions --top 20" }]} />
    </>}>
      {error && <ErrorBox error={error} />}
      {!found && !error && <Empty>A contribution is what a feature moved by itself and half of what it moved with each other one. Ask the model which pairs these are.</Empty>}
      {found && found.of !== words && <p class="stale">of the row as it was; ask again</p>}
      {one && (pairs.length === 0 ? <Empty>No two features moved anything together: each counts by itself alone.</Empty> : <>
        <p class="lead">{title(pairs[0]!)} moved the margin most{alone ? "" : " together"}: {signed(pairs[0]!.value)} of {digits(one.margin)}, which begins at {digits(one.bias)}.</p>
        <Table<Pair> name={`${name} pairs`} rows={pairs} id={title} height={420} columns={[
          { key: "pair", title: "Features", value: title, cell: title },
          { key: "moved", title: "Moved", cell: (p) => <Moved value={p.value} most={most} />, narrow: true },
          { key: "value", title: "By", right: true, value: (p) => p.value, cell: (p) => signed(p.value) },
        ]} />
        <p class="faint">By the model's own counts of its training rows (path-dependent), the {one.pairs.length} largest; what is left is {signed(one.others)}. Bias and all of it add up to the margin.</p>
      </>)}
    </Panel>
  );
}
