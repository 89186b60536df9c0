/* Fairness: groups beside each other, with intervals, from the report that a version's gate keeps, or
 * from one that is opened here: `mw fairness check --format json`. */
import { useState } from "preact/hooks";
import { ask } from "../api/client";
import { paths, type ModelVersion, type RegisteredModel } from "../api/mlflow";
import { useData } from "../api/use";
import { param, setQuery } from "../state/router";
import { Act } from "../parts/act";
import { UseThis, say } from "../parts/copy";
import { ago, count, digits, moment, percent } from "../parts/format";
import { StateWord } from "../parts/icons";
import { Empty, Page, Panel, Shown } from "../parts/panel";
import { number, pair, rateColumns, type Group, type Pair } from "../parts/rate";
import { Recorded } from "../parts/record";
import { A } from "../parts/shell";
import { Table, type Column } from "../parts/table";

interface Check { name?: string; measure?: string; value: number | null; interval95?: Pair; min?: number | null; max?: number | null; verdict: string; why?: string; more_rows?: number | null }
interface Test { reference: string; difference: number | null; difference_newcombe95?: Pair; p_fisher_holm?: number | null }
interface Attribute {
  groups: Record<string, Group>;
  overall: Group;
  aggregates: Record<string, number | null | Record<string, number | null>>;
  impact_ratio_to_highest_rate: Record<string, number | null>;
  selection_tests?: { pairs?: Record<string, Test> };
  checks?: Check[];
}
interface Report { kind: string; passed?: boolean; verdict: string | null; data?: string; rows?: number; label?: string; score?: string; threshold?: number; attributes: Record<string, Attribute> }
interface Gates { results: { gate: string; passed: boolean; stale: boolean; time: number; by: string; summary: string; report: string }[] }

/* ---- which report -------------------------------------------------------------------------------- */

export function FairnessPage() {
  const models = useData<{ registered_models?: RegisteredModel[] }>(paths.models(""));
  const model = param("model") || models.data?.registered_models?.[0]?.name || "";
  const versions = useData<{ model_versions?: ModelVersion[] }>(model ? paths.versions(model) : undefined);
  const numbers = (versions.data?.model_versions ?? []).map((v) => v.version).sort((a, b) => Number(b) - Number(a));
  const version = numbers.includes(param("version")) ? param("version") : (numbers[0] ?? "");
  const link = `/mw/v1/models/${encodeURIComponent(model)}/versions/${version}/gates`;
  const gates = useData<Gates>(version ? link : undefined);
  const kept = gates.data?.results.find((r) => r.gate === "fairness");
  const [opened, open] = useState<{ name: string; report: Report }>();
  const [fault, setFault] = useState("");
  const take = (name: string, text: string) => {
    try {
      const report = JSON.parse(text) as Report;
      if (report.kind !== "fairness" || !report.attributes) throw new Error("it is not a report of mw fairness check");
      setFault("");
      open({ name, report });
    } catch (wrong) {
      setFault(`${name}: ${(wrong as Error).message}`);
    }
  };
  return (
    <Page title="Fairness" state={kept && <StateWord state={kept.passed ? "ok" : "firing"} word={kept.passed ? "passed" : "did not pass"} />} actions={<>
      {model && (
        <select aria-label="model" value={model} onChange={(e) => setQuery({ model: e.currentTarget.value, version: undefined }, false)}>
          {(models.data?.registered_models ?? []).map((m) => <option key={m.name}>{m.name}</option>)}
        </select>
      )}
      {version && <select aria-label="version" value={version} onChange={(e) => setQuery({ model, version: e.currentTarget.value }, false)}>{numbers.map((v) => <option key={v} value={v}>v{v}</option>)}</select>}
      <UseThis uses={[
        { title: "Check a model's decisions", path: `${link}/fairness/report`, cli: "mw fairness check --data scored.csv --label y --score p --groups sex --format json -o fairness.json" },
        { title: "Keep the report with a version", path: link, cli: `mw gate add ${model || "NAME"}/${version || "1"} fairness.json --record ./record` },
      ]} />
    </>}>
      <Panel title="Report" wide note={opened ? opened.name : kept ? <span title={moment(kept.time)}>of {model} v{version}, {ago(kept.time)} by {kept.by}{kept.stale ? ", of other files than the version has now" : ""}</span> : ""} actions={<>
        <label class="button file">Open a report <input type="file" accept=".json,application/json" onChange={(e) => { const file = e.currentTarget.files?.[0]; if (file) void file.text().then((text) => take(file.name, text)); }} /></label>
        {opened && version && (
          <Act label={`Keep with v${version}`} kind="main" needs="editor" title={`Keep the report with ${model} v${version}`} says={`It becomes the version's newest result of the gate 'fairness': ${opened.report.passed ? "passed" : "not passed"}.`}
            cannot={opened.report.verdict === null ? "it judges nothing: it was made without a suite of limits" : ""}
            run={() => ask(link, opened.report, "POST").then(() => { say("kept"); open(undefined); gates.reload(); })} />
        )}
        {opened && <button type="button" class="quiet" onClick={() => open(undefined)}>close</button>}
      </>}>
        {fault && <p class="fault" role="alert">{fault}</p>}
        <Recorded of={models}>
          {() => opened ? <About report={opened.report} />
            : kept ? <p class="lead">{kept.summary || "kept"} <A to={`/models/${encodeURIComponent(model)}/${version}`}>the version</A></p>
            : <Empty command={`mw gate add ${model || "NAME"}/${version || "1"} fairness.json --record ./record`}>{model ? `${model} v${version} has no fairness report.` : "No model is registered."} Open one here, or keep one with a version:</Empty>}
        </Recorded>
      </Panel>
      {opened ? <Attributes report={opened.report} /> : kept ? <Kept key={kept.report} path={`${link}/fairness/report`} /> : null}
    </Page>
  );
}

function Kept({ path }: { path: string }) {
  const asked = useData<Report>(path);
  return <Shown of={asked} height={300}>{(report) => <Attributes report={report} />}</Shown>;
}

function About({ report }: { report: Report }) {
  return (
    <p class="lead"><StateWord state={report.verdict === "pass" ? "ok" : report.verdict === "fail" ? "firing" : "none"} word={report.verdict ?? "no limits"} /> {count(report.rows)} rows of {report.data}, label {report.label}; selected is a score of {digits(report.threshold)} or more</p>
  );
}

/* ---- what it says -------------------------------------------------------------------------------- */

function Attributes({ report }: { report: Report }) {
  return <>{Object.entries(report.attributes).map(([name, attribute]) => <One key={name} name={name} of={attribute} />)}</>;
}

/* "Female are selected in 37 %, Male in 51 %: 0.72 of it." */
function sentence(name: string, of: Attribute): string {
  const ratios = Object.entries(of.impact_ratio_to_highest_rate).filter((one): one is [string, number] => one[1] != null).sort((a, b) => a[1] - b[1]);
  const [least, most] = [ratios[0], ratios[ratios.length - 1]];
  if (!least || !most || ratios.length < 2) return `By ${name} there are too few groups to compare.`;
  const rate = (group: string) => percent(number(of.groups[group]?.selection_rate));
  const test = of.selection_tests?.pairs?.[least[0]];
  const [low, high] = pair(test?.difference_newcombe95);
  const sure = test?.p_fisher_holm != null ? ` The difference is ${signed(test.difference)} (${signed(low)} to ${signed(high)}); chance alone shows as much ${test.p_fisher_holm < 0.001 ? "less than once in 1,000 times" : `in ${percent(test.p_fisher_holm)} of the times`}.` : "";
  return `${least[0]} is selected in ${rate(least[0])} of the rows, ${most[0]} in ${rate(most[0])}: ${digits(least[1])} of it${least[1] < 0.8 ? ", under four fifths" : ", four fifths or more"}.${sure}`;
}

const signed = (value: number | null) => (value == null ? "–" : `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`);

interface Line { name: string; group: Group }

function One({ name, of }: { name: string; of: Attribute }) {
  const lines: Line[] = [...Object.entries(of.groups).map(([group, values]) => ({ name: group, group: values })), { name: "all", group: of.overall }];
  const columns: Column<Line>[] = [
    { key: "group", title: "Group", value: (l) => l.name, cell: (l) => <>{l.name}{l.group.few_rows ? <span class="tag" title="too few rows to judge">few rows</span> : null}</> },
    { key: "n", title: "Rows", right: true, value: (l) => number(l.group.n), cell: (l) => count(number(l.group.n)) },
    ...rateColumns<Line>(of.overall),
    { key: "impact", title: "To the highest", right: true, value: (l) => of.impact_ratio_to_highest_rate[l.name], cell: (l) => {
      const ratio = of.impact_ratio_to_highest_rate[l.name];
      return ratio == null ? "–" : <span class={ratio < 0.8 ? "count-firing" : ""} title="selection rate over the highest one; four fifths is the usual line">{ratio.toFixed(2)}{ratio < 0.8 ? " ▼" : ""}</span>;
    } },
    { key: "calibration", title: "Score − outcome", right: true, value: (l) => number(l.group.calibration_gap), cell: (l) => digits(number(l.group.calibration_gap)) },
  ];
  const measures = Object.entries(of.aggregates).filter((one): one is [string, number] => typeof one[1] === "number");
  return (
    <Panel title={name} wide note={`${Object.keys(of.groups).length} groups; dashes mark all rows, bars 95 % intervals`}>
      <p class="lead">{sentence(name, of)}</p>
      <Table<Line> name={`fairness by ${name}`} rows={lines} id={(l) => l.name} columns={columns} />
      {!!of.checks?.length && (
        <Table<Check> name={`limits by ${name}`} rows={of.checks} id={(c) => c.measure ?? c.name ?? ""} columns={[
          { key: "verdict", title: "Verdict", value: (c) => c.verdict, cell: (c) => <StateWord state={c.verdict === "pass" ? "ok" : c.verdict === "fail" ? "firing" : "watch"} word={c.verdict} /> },
          { key: "measure", title: "Limit", value: (c) => c.measure, cell: (c) => (c.measure ?? c.name ?? "").replaceAll("_", " ") },
          { key: "value", title: "Value", right: true, value: (c) => c.value, cell: (c) => digits(c.value) },
          { key: "interval", title: "95 %", cell: (c) => (c.interval95 ? `${digits(c.interval95[0])} to ${digits(c.interval95[1])}` : "–") },
          { key: "line", title: "Must be", cell: (c) => [c.min != null && `${digits(c.min)} or more`, c.max != null && `${digits(c.max)} or less`].filter(Boolean).join(", ") },
          { key: "why", title: "Why", cell: (c) => <span title={c.why}>{c.why ?? ""}{c.more_rows ? `; about ${count(c.more_rows)} more rows would tell` : ""}</span>, narrow: true },
        ]} />
      )}
      <details>
        <summary>between groups: {measures.length} measures</summary>
        <Table<[string, number]> name={`measures by ${name}`} rows={measures} id={(m) => m[0]} height={300} columns={[
          { key: "measure", title: "Measure", value: (m) => m[0], cell: (m) => m[0].replaceAll("_", " ") },
          { key: "value", title: "Value", right: true, value: (m) => m[1], cell: (m) => digits(m[1]) },
        ]} />
      </details>
    </Panel>
  );
}
