/* A rollout: its steps, what the evidence says, and what a person can do. */
import { useMemo } from "preact/hooks";
import { ask } from "../api/client";
import { duration, isLive, type Finding, type Rollout, type Step } from "../api/watch";
import { Act } from "./act";
import { Command, say } from "./copy";
import { ago, count, digits, lasting, moment, percent, seconds } from "./format";
import { StateWord } from "./icons";
import { Panel } from "./panel";
import { A } from "./shell";

const states: Record<Rollout["state"], [string, string]> = {
  running: ["ok", "running"], paused: ["watch", "paused"], watching: ["ok", "promoted, watched"],
  promoted: ["ok", "promoted"], rolled_back: ["firing", "rolled back"], aborted: ["none", "aborted"],
};

export function RolloutState({ rollout }: { rollout: Rollout }) {
  const [mark, word] = states[rollout.state] ?? ["none", rollout.state];
  return <StateWord state={mark} word={word} />;
}

/* ---- words ------------------------------------------------------------------------------------ */

export function metricWords(metric: string): string {
  return ({ errors: "errors", latency: "latency", latency_p99: "slowest 1 %", score_shift: "score shift", outcome: "outcomes" } as Record<string, string>)[metric] ?? metric.replaceAll("_", " ");
}

const isLatency = (e: Finding) => e.metric.startsWith("latency");
const isShare = (e: Finding) => e.metric === "errors" || isLatency(e);
const sized = (e: Finding, value: number | null) => (value == null ? "–" : isShare(e) ? `${value > 0 ? "+" : value < 0 ? "−" : ""}${percent(Math.abs(value))}` : digits(value));
const plain = (e: Finding, value: number | null) => (value == null ? "–" : isLatency(e) ? seconds(value / 1e3) : e.metric === "errors" ? percent(value) : digits(value));

export function wordsOf(e: Finding, over = false): string {
  const between = e.low != null && e.high != null ? `, between ${sized(e, e.low)} and ${sized(e, e.high)}` : "";
  if (e.finding === "fine") return `fine: the harm is ${sized(e, e.harm)}${between}, below ${sized(e, e.tolerance)}`;
  if (e.finding === "regress") return `worse: the harm is ${sized(e, e.harm)}${between}, above ${sized(e, e.tolerance)}`;
  if (over) return `not known when it ended${between}`;
  return e.samples_needed > 0 ? `not known yet: about ${count(Math.ceil(e.samples_needed))} more requests` : `not known yet${between}`;
}

/* ---- the steps -------------------------------------------------------------------------------- */

const stepName = (step: Step) => (step.shadow ? `${percent(step.shadow)} shadow` : percent(step.weight ?? 0));

function stateOfStep(rollout: Rollout, i: number): "done" | "now" | "next" | "end" | "not" {
  const isOver = rollout.state === "rolled_back" || rollout.state === "aborted";
  if (rollout.state === "watching" || rollout.state === "promoted") return "done";
  if (i < rollout.step) return "done";
  return i > rollout.step ? (isOver ? "not" : "next") : isOver ? "end" : "now";
}

function Stepper({ rollout }: { rollout: Rollout }) {
  const steps = [...rollout.document.steps.map(stepName), "all of it"];
  const now = rollout.document.steps[rollout.step];
  const wait = Math.max(0, rollout.entered + duration(now?.for) - Date.now()) / 1000;
  return (
    <ol class="stepper" aria-label="steps">
      {steps.map((name, i) => {
        const state = i === steps.length - 1 && rollout.state !== "watching" && rollout.state !== "promoted" ? (stateOfStep(rollout, i) === "not" ? "not" : "next") : stateOfStep(rollout, i);
        return (
          <li key={i} class={`step step-${state}`} aria-current={state === "now" ? "step" : undefined}>
            <b>{name}</b>
            <span>{state === "done" ? "✓ done" : state === "now" ? (
              <>{rollout.state === "paused" ? "paused" : "now"}, {count(rollout.samples)}{now?.min_samples ? ` of ${count(now.min_samples)}` : ""} requests{wait > 0 ? `, ${lasting(wait)} to go` : ""}</>
            ) : state === "end" ? "ended here" : state === "not" ? "not reached" : "later"}</span>
          </li>
        );
      })}
    </ol>
  );
}

/* ---- the evidence ------------------------------------------------------------------------------ */

/* The interval of the harm on a line, with the tolerance marked: left of it is fine. */
function Interval({ e }: { e: Finding }) {
  const { low, high, harm, tolerance } = e;
  if (low == null || high == null) return <svg class="interval" viewBox="0 0 160 16" width="160" height="16" aria-hidden="true"><path class="iv-zero" d="M80 2v12" /></svg>;
  const reach = Math.max(Math.abs(tolerance) * 2, Math.min(Math.max(Math.abs(low), Math.abs(high)), Math.abs(tolerance) * 6)) || 1;
  const x = (v: number) => 80 + (Math.max(-reach, Math.min(reach, v)) / reach) * 76;
  return (
    <svg class="interval" viewBox="0 0 160 16" width="160" height="16" role="img" aria-label={`between ${sized(e, low)} and ${sized(e, high)}, tolerated ${sized(e, tolerance)}`}>
      <path class="iv-zero" d="M80 2v12" />
      <path class="iv-limit" d={`M${x(tolerance)} 0v16`} />
      <path class={`iv-line iv-${e.finding}`} d={`M${x(low)} 8H${Math.max(x(high), x(low) + 2)}`} />
      {harm != null && <circle class={`iv-dot iv-${e.finding}`} cx={x(harm)} cy="8" r="3.5" />}
    </svg>
  );
}

function Evidence({ rollout }: { rollout: Rollout }) {
  return (
    <div class="scroll">
      <table class="evidence">
        <caption class="hidden">what is known of the new version against the old one</caption>
        <thead><tr><th scope="col">What</th><th scope="col">Says</th><th scope="col" class="right narrow">v{rollout.from_version}</th><th scope="col" class="right narrow">v{rollout.to_version}</th><th scope="col">Harm, and what is tolerated</th></tr></thead>
        <tbody>
          {rollout.evidence.map((e) => (
            <tr key={e.metric}>
              <th scope="row">{metricWords(e.metric)}{e.critical ? "" : <span class="tag">holds only</span>}</th>
              <td><StateWord state={e.finding === "fine" ? "ok" : e.finding === "regress" ? "firing" : "none"} word={e.finding === "fine" ? "fine" : e.finding === "regress" ? "worse" : "not known yet"} /></td>
              <td class="right narrow">{plain(e, e.stable)}</td>
              <td class="right narrow">{plain(e, e.canary)}</td>
              <td><Interval e={e} /><span class="iv-words">{wordsOf(e, !isLive(rollout))}</span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/* ---- what can be done -------------------------------------------------------------------------- */

function Buttons({ rollout, changed }: { rollout: Rollout; changed: () => void }) {
  const { endpoint, state, from_version: from, to_version: to } = rollout;
  const atWork = state === "running" || state === "paused";
  const next = rollout.document.steps[rollout.step + 1];
  const send = (word: string) => (reason: string) =>
    ask(`/mw/v1/endpoints/${encodeURIComponent(endpoint)}/rollout:${word}`, { ...(reason ? { reason } : {}), ...(atWork ? { expect_step: rollout.step } : {}) }, "POST")
      .then(() => { say(`${word}: the server follows within a second`); changed(); });
  const waits = rollout.document.steps[rollout.step]?.approve;
  return (
    <div class="act-row">
      {waits && atWork && (
        <Act label="Approve" title="Approve this step" says={`You say that v${to} may leave this step. ${waits} was asked for.`} cannot={rollout.approved ? "it is approved" : ""} run={send("approve")} />
      )}
      {state === "running" && next && (
        <Act label={`Go to ${stepName(next)}`} reason title={`Go to ${stepName(next)}`} says={`v${to} gets ${stepName(next)} of the requests of ${endpoint} now, whatever this step waits for.`} run={send("advance")} />
      )}
      {atWork && (
        <Act label="Promote" kind="main" reason title={`Promote v${to}`}
          says={`v${to} gets all of the traffic of ${endpoint}, and the alias '${rollout.alias}' moves to it, whatever the evidence says. v${from} stays warm, so that it can be taken back.`} run={send("promote")} />
      )}
      {state === "running" && <Act label="Pause" reason title="Pause the rollout" says={`The share stays at ${percent(rollout.weight)}. Harm still rolls back.`} run={send("pause")} />}
      {state === "paused" && <Act label="Resume" reason title="Resume the rollout" says="It goes on by its evidence." run={send("resume")} />}
      {(atWork || state === "watching" || state === "promoted") && (
        <Act label={`Roll back to v${from}`} kind="danger" reason title={`Roll back to v${from}`}
          says={`From the next second on v${from} answers all requests of ${endpoint}${state === "watching" || state === "promoted" ? `, and the alias '${rollout.alias}' moves back` : ""}. No request is lost.`} run={send("rollback")} />
      )}
      {atWork && <Act label="Abort" reason title="Abort the rollout" says={`v${from} has all traffic again, and the rollout is told as aborted, not as a fault of v${to}.`} run={send("abort")} />}
    </div>
  );
}

const verdicts: Record<string, string> = { promote: "ready to go on", rollback: "should be rolled back", wait: "waits" };

export function RolloutBox({ rollout, changed, short, newest }: {
  rollout: Rollout;
  changed: () => void;
  short?: boolean;
  newest: boolean; /* commands go to an endpoint, and so to its newest rollout */
}) {
  const over = !isLive(rollout);
  const commands = useMemo(() => (rollout.state === "watching" ? ["rollback"] : ["status", "rollback"]), [rollout.state]);
  return (
    <Panel title={`Rollout of v${rollout.to_version}`} wide note={<>started {ago(rollout.started)} by {rollout.started_by}{over && rollout.ended ? `, ended ${ago(rollout.ended)}` : ""}</>}
      actions={<><RolloutState rollout={rollout} />{short && <A to={`/rollouts/${rollout.id}`}>history</A>}</>}>
      <Stepper rollout={rollout} />
      <p class="lead"><b>{over ? states[rollout.state]?.[1] : `${rollout.strategy} ${verdicts[rollout.verdict] ?? rollout.verdict}`}</b>: {rollout.why}{rollout.reason && rollout.reason !== rollout.why ? <span class="faint"> — {rollout.reason}</span> : ""}</p>
      <Evidence rollout={rollout} />
      {newest && <Buttons rollout={rollout} changed={changed} />}
      <dl class="facts">
        <div><dt>Share</dt><dd>v{rollout.to_version} {percent(rollout.weight)}, v{rollout.from_version} {percent(1 - rollout.weight)}{rollout.shadow > 0 ? `, shadow ${percent(rollout.shadow)}` : ""}</dd></div>
        <div><dt>Model</dt><dd><A to={`/models/${encodeURIComponent(rollout.model)}/${rollout.to_version}`}>{rollout.model} v{rollout.to_version}</A>, alias {rollout.alias}</dd></div>
        <div><dt>Started</dt><dd>{moment(rollout.started)}</dd></div>
        <div><dt>False alarms</dt><dd>{percent(rollout.document.judge?.alpha ?? 0.01)} at most, over all that is looked at</dd></div>
      </dl>
      {!over && <div class="commands">{commands.map((word) => <Command key={word} text={word === "rollback" ? `mw rollback ${rollout.endpoint} --record ./record` : `mw rollout ${word} ${rollout.endpoint} --record ./record`} />)}</div>}
    </Panel>
  );
}
