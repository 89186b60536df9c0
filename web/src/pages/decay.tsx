/* Whether the model still answers as well as it did: by labels that came back, and estimated before
 * they come, over time. */
import { useMemo, useState } from "preact/hooks";
import { query } from "../api/client";
import { useData } from "../api/use";
import { server } from "../state/server";
import { shownRange } from "../state/range";
import { live } from "../state/settings";
import { Chart, type Mark } from "../parts/chart";
import { count, digits, lasting, percent } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Panel, Shown } from "../parts/panel";
import type { DecayMetric, DriftReport } from "./drift";

interface Line { metric: string; labels: Record<string, string>; values: (number | null)[] }
interface History { step: number; t: number[]; series: Line[] }

const asked = ["mw_performance", "mw_performance_low", "mw_performance_high", "mw_decay_estimated", "mw_decay_estimated_low", "mw_decay_estimated_high", "mw_label_delay_seconds", "mw_loss", "mw_loss_first", "mw_loss_risen"];

/* The newest version that has any of it; an older one is another model. */
function newest(lines: Line[]): string {
  return String(Math.max(0, ...lines.map((line) => Number(line.labels.version ?? 0))));
}

const last = (values: (number | null)[]) => [...values].reverse().find((v) => v != null) ?? null;

function Over({ name, history, report, marks }: { name: string; history: History; report: DriftReport | undefined; marks: Mark[] }) {
  const version = newest(history.series);
  const mine = history.series.filter((line) => line.labels.version === version && line.labels.metric);
  const names = [...new Set(mine.map((line) => line.labels.metric).filter((m): m is string => !!m))].sort();
  const estimated = report?.decay?.metrics ?? {};
  const usual = Object.keys(estimated).find((m) => names.includes(m)) ?? names.find((m) => ["roc_auc", "accuracy", "rmse", "mae"].includes(m)) ?? names[0] ?? "";
  const [chosen, choose] = useState("");
  const metric = names.includes(chosen) ? chosen : usual;
  const reference = estimated[metric]?.reference ?? null;
  const lines = useMemo(() => {
    const of = (which: string) => mine.find((line) => line.metric === which && line.labels.metric === metric)?.values;
    const found: { label: string; values: (number | null)[]; colour: number; dash?: number }[] = [];
    const add = (which: string, label: string, colour: number, dash?: number) => {
      const values = of(which);
      if (values) found.push({ label, values, colour, ...(dash === undefined ? {} : { dash }) });
    };
    add("mw_performance", "by labels", 0, 0);
    add("mw_performance_low", "95 % from", 0, 2);
    add("mw_performance_high", "to", 0, 2);
    add("mw_decay_estimated", "estimated without labels", 1, 1);
    add("mw_decay_estimated_low", "estimate from", 1, 2);
    add("mw_decay_estimated_high", "to ", 1, 2);
    if (reference != null) found.push({ label: "at first", values: history.t.map(() => reference), colour: 3, dash: 4 });
    return found;
  }, [history, metric, reference]);
  const points = lines[0]?.values.filter((v) => v != null).length ?? 0;
  return (
    <>
      {names.length > 1 && <label class="field-line">measure <select value={metric} onChange={(e) => choose(e.currentTarget.value)}>{names.map((m) => <option key={m}>{m}</option>)}</select></label>}
      <Chart name={`${name} ${metric} over time`} x={history.t} lines={lines} show={digits} marks={marks} {...shownRange()} {...(points < 40 ? { dots: true } : {})} tight height={220} />
    </>
  );
}

/* How long labels take: of the newest that came. */
function Delay({ history }: { history: History }) {
  const version = newest(history.series);
  const of = (q: string) => last(history.series.find((line) => line.metric === "mw_label_delay_seconds" && line.labels.quantile === q && line.labels.version === version)?.values ?? []);
  const [half, most, all] = [of("0.5"), of("0.9"), of("1")];
  if (half == null) return null;
  return (
    <dl class="facts">
      <div><dt>Labels take</dt><dd>{lasting(half)} for half of them, {lasting(most)} for nine of ten, {lasting(all)} at most</dd></div>
      <div><dt>So</dt><dd>what labels tell is about {lasting(half)} old; the estimate is of now</dd></div>
    </dl>
  );
}

/* How many of the newest predictions err, once the truth came, beside those of the first labels: what
 * MeasuredDecay fires on. A number errs where it is far off. */
function Lost({ name, history, marks }: { name: string; history: History; marks: Mark[] }) {
  const lost = history.series.filter((line) => line.metric.startsWith("mw_loss"));
  const version = newest(lost);
  const of = (metric: string) => lost.find((line) => line.metric === metric && line.labels.version === version);
  const now = of("mw_loss"), first = of("mw_loss_first");
  if (!now || last(now.values) == null) return null;
  const risen = last(of("mw_loss_risen")?.values ?? []) === 1;
  const err = now.labels.loss === "far_off" ? "are far off" : "err";
  const lines = [{ label: "now", values: now.values, colour: 0, dash: 0 }, ...(first ? [{ label: "at first", values: first.values, colour: 3, dash: 4 }] : [])];
  return (
    <>
      <p class="lead"><StateWord state={risen ? "firing" : "ok"} word={risen ? "measured decay" : "no measured decay"} />{" "}
        by labels, {percent(last(now.values))} of predictions {err}{first ? `, at first ${percent(last(first.values))}` : ""};
        <span class="faint"> {risen ? "more than chance explains" : "no more than chance explains"}</span></p>
      <Chart name={`${name} measured errors over time`} x={history.t} lines={lines} show={percent} marks={marks} {...shownRange()} {...(now.values.filter((v) => v != null).length < 40 ? { dots: true } : {})} tight height={140} />
    </>
  );
}

/* What decayed; else what is looked at first. */
function told(metrics: Record<string, DecayMetric>): [string, DecayMetric][] {
  const all = Object.entries(metrics).filter(([, m]) => m.estimated != null);
  const lost = all.filter(([, m]) => m.decayed);
  return lost.length ? lost : all.filter(([key]) => ["roc_auc", "accuracy", "mae", "rmse"].includes(key));
}

export function Decay({ name, report, marks }: { name: string; report: DriftReport | undefined; marks: Mark[] }) {
  const range = shownRange();
  const bucket = Math.floor(range.to / 60) * 60; /* a page a minute: not asked for each second */
  const path = `/mw/v1/history${query({ metric: asked.join(), endpoint: name, from: bucket - (range.to - range.from), to: bucket + 60 })}`;
  const history = useData<History>(server.value.alerting ? path : undefined, live.value === "on" ? 60000 : undefined);
  const decay = report?.decay;
  const some = (history.data?.series ?? []).some((line) => line.labels.metric || line.metric === "mw_loss");
  if (!server.value.alerting) return null;
  return (
    <Panel title="Decay over time" wide note="performance by labels that came back, and estimated before they come">
      {decay && decay.rows > 0 && (
        <p class="lead"><StateWord state={decay.decayed ? "firing" : "ok"} word={decay.decayed ? "decayed" : "holds"} />{" "}
          {told(decay.metrics).map(([key, m]) => `${key} ${digits(m.estimated)} (${digits(m.low)} to ${digits(m.high)}), ${digits(m.reference)} at first`).join("; ")}
          {decay.causes?.length ? `. Most of it goes with ${decay.causes.slice(0, 3).map((c) => c.feature).join(", ")}` : ""}
          <span class="faint"> {count(decay.rows)} rows of the last {lasting(decay.seconds)}</span></p>
      )}
      <Shown of={history} height={250}>
        {(found) => !some
          ? <Empty command={`mw feedback send ${name} --input labels.csv`}>Not known yet: it takes labels of some predictions (with mw serve --log on). Each minute is kept for a week from then on. Send labels:</Empty>
          : <>{found.series.some((line) => line.labels.metric) && <Over name={name} history={found} report={report} marks={marks} />}<Lost name={name} history={found} marks={marks} /><Delay history={found} /></>}
      </Shown>
    </Panel>
  );
}
