/* How good the predictions were, where labels came back: by version, over windows that end now. */
import { useState } from "preact/hooks";
import { query } from "../api/client";
import { useData, type Asked } from "../api/use";
import { live } from "../state/settings";
import { curlOf } from "../parts/copy";
import { count, digits, lasting, moment } from "../parts/format";
import { Empty, Panel, Shown } from "../parts/panel";
import { Table } from "../parts/table";

interface Estimate { value: number; low: number | null; high: number | null }
interface Part { version: number; task: string; labels: number; first_ms: number; last_ms: number; delay_seconds_p50: number | null; metrics: Record<string, Estimate> }
interface Answer { labels_waiting: number; labels_unknown: number; performance: Part[] }

const windows: [string, string][] = [["last hour", "1h"], ["last day", "24h"], ["last 7 days", "7d"], ["last 30 days", "30d"], ["all that is kept", ""]];
/* What is looked at first. */
const first = ["auc", "roc_auc", "accuracy", "rmse", "mae", "ndcg"];

interface Line { key: string; window: string; version: number; labels: number; estimate: Estimate; part: Part }

function Interval({ e, low, high }: { e: Estimate; low: number; high: number }) {
  const x = (v: number) => 4 + ((v - low) / Math.max(1e-12, high - low)) * 152;
  const [a, b] = [e.low ?? e.value, e.high ?? e.value];
  return (
    <svg class="interval" viewBox="0 0 160 16" width="160" height="16" role="img" aria-label={`${digits(e.value)}, between ${digits(a)} and ${digits(b)}`}>
      <path class="iv-line" d={`M${x(a)} 8H${Math.max(x(b), x(a) + 2)}`} />
      <circle class="iv-dot" cx={x(e.value)} cy="8" r="3.5" />
    </svg>
  );
}

export function Performance({ name }: { name: string }) {
  const every = live.value === "on" ? 30000 : undefined;
  const path = (window: string) => `/endpoints/${encodeURIComponent(name)}/performance${query({ window })}`;
  const asked: Asked<Answer>[] = windows.map(([, window]) => useData<Answer>(path(window), every)); /* always as many */
  const whole = asked[asked.length - 1]!;
  const names = [...new Set((whole.data?.performance ?? []).flatMap((p) => Object.keys(p.metrics)))];
  const usual = first.find((metric) => names.includes(metric)) ?? names[0] ?? "";
  const [chosen, choose] = useState("");
  const metric = names.includes(chosen) ? chosen : usual;
  const lines: Line[] = asked.flatMap((one, i) => (one.data?.performance ?? []).filter((p) => p.metrics[metric]).map((p) => ({
    key: `${i} ${p.version}`, window: windows[i]![0], version: p.version, labels: p.labels, estimate: p.metrics[metric]!, part: p,
  })));
  const ends = lines.flatMap((l) => [l.estimate.low ?? l.estimate.value, l.estimate.high ?? l.estimate.value]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return (
    <Panel title="How good the predictions were" wide note="by labels that came back, with 95 % intervals" actions={names.length > 0 && (
      <select aria-label="metric" value={metric} onChange={(e) => choose(e.currentTarget.value)}>{names.map((m) => <option key={m}>{m}</option>)}</select>
    )}>
      <Shown of={whole} height={120}>
        {(all) => lines.length === 0
          ? <Empty command={curlOf({ title: "", path: `/endpoints/${encodeURIComponent(name)}/feedback`, body: { id: "order-17", label: 1 } })}>
              No label has come back{all.labels_waiting ? ` (${count(all.labels_waiting)} wait for their predictions)` : ""}. Say what was true of a prediction, by its X-Request-ID:
            </Empty>
          : <Table<Line> name={`${name} ${metric}`} rows={lines} id={(l) => l.key} columns={[
              { key: "window", title: "Over", value: (l) => windows.findIndex(([w]) => w === l.window), cell: (l) => l.window },
              { key: "version", title: "Version", value: (l) => l.version, cell: (l) => `v${l.version}` },
              { key: "value", title: metric, right: true, value: (l) => l.estimate.value, cell: (l) => digits(l.estimate.value) },
              { key: "interval", title: `${digits(low)} to ${digits(high)}`, cell: (l) => <Interval e={l.estimate} low={low} high={high} /> },
              { key: "labels", title: "Labels", right: true, value: (l) => l.labels, cell: (l) => count(l.labels) },
              { key: "delay", title: "Labels take", right: true, narrow: true, value: (l) => l.part.delay_seconds_p50, cell: (l) => lasting(l.part.delay_seconds_p50) },
              { key: "last", title: "The newest", narrow: true, value: (l) => l.part.last_ms, cell: (l) => moment(l.part.last_ms) },
            ]} />}
      </Shown>
    </Panel>
  );
}
