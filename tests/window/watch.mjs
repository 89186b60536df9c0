/* Alerts that fire and rollouts that are taken back, seen and done in the browser. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, root, serve, tabTo, test, visit } from "./house.mjs";
import { look, traffic, wait } from "./look.mjs";
import { judging, keeping, studying } from "./study.mjs";

const at = "/api/2.0/mlflow";
const mlmodel = "flavors:\n  xgboost:\n    data: model.json\n    model_format: json\n    xgb_version: 3.0.0\n";
const fairness_threshold = 0.15; /* about the middle of what `labels` sends */
const judge = { metrics: [{ errors: { tolerance: "5%" } }, { latency: { tolerance: "400%" } }, { score_shift: { psi: 0.5 } }] };

/* A record with two versions of the example's model; the first is the champion. */
async function record(folder) {
  const server = await serve("--record", folder);
  const { experiment_id } = await server.post(`${at}/experiments/create`, { name: "rollouts" });
  await server.post(`${at}/registered-models/create`, { name: "credit" });
  for (let version = 1; version <= 3; version++) {
    const { run } = await server.post(`${at}/runs/create`, { experiment_id, run_name: `training ${version}` });
    const put = (name, body) => fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run.info.run_id}/artifacts/model/${name}`, { method: "PUT", body });
    await put("MLmodel", mlmodel);
    await put("model.json", readFileSync(join(root, "examples/models/credit.json")));
    await server.post(`${at}/model-versions/create`, { name: "credit", source: `${run.info.artifact_uri}/model`, run_id: run.info.run_id });
  }
  await server.post(`${at}/registered-models/alias`, { name: "credit", alias: "champion", version: "1" });
  await server.stop();
}

async function until(check, words, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not happen: ${words}`);
    await wait(100);
  }
}

async function served(server) {
  const { columns, endpoint } = await server.get("/mw/v1/endpoints/credit");
  const row = Object.fromEntries(columns.map((c) => [c.name, c.categories ? c.categories[0] : 1]));
  const seen = new Set();
  for (let i = 0; i < 12; i++) {
    const answer = await fetch(`${server.url}/endpoints/credit/invocations`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ dataframe_records: [row] }) });
    check(answer.ok, `an answer was ${answer.status}`);
    seen.add(answer.headers.get("x-millwright-version") ?? String(endpoint.version)); /* said while there are two */
  }
  return [...seen].sort().join();
}

export async function watching() {
  const folder = mkdtempSync(join(tmpdir(), "window-watch-"));
  const told = [];
  const hook = createServer((request, answer) => {
    let text = "";
    request.on("data", (piece) => (text += piece));
    request.on("end", () => { told.push(JSON.parse(text)); answer.end(); });
  });
  await new Promise((done) => hook.listen(0, "127.0.0.1", done));
  const config = join(folder, "alerts.yaml");
  writeFileSync(config, JSON.stringify({
    endpoints: [{ name: "credit", model: "models:/credit@champion", fairness_groups: "age(50), sex", fairness_limits: "demographic_parity_ratio >= 0.8, equal_opportunity_difference <= 0.1", fairness_threshold }],
    alerts: {
      group_interval: "1s",
      receivers: [{ name: "chat", kind: "webhook", url: `http://127.0.0.1:${hook.address().port}/` }, { name: "away", kind: "webhook", url: "http://127.0.0.1:9/" }],
      rules: [
        { name: "Busy", when: "sum by (endpoint) (mw_rows_total) > 2", severity: "critical", summary: "{endpoint} had {value} rows", what_to_do: "see who asks", evidence: ["mw_rows_total"] },
        { name: "Slowly", when: "sum by (endpoint) (mw_rows_total) > 3", for: "1h" },
        { name: "Burst", when: "sum by (endpoint) (increase(mw_rows_total[2s])) > 1000" },
      ],
    },
  }));
  await record(join(folder, "record"));
  keeping(folder);
  const server = await serve("--record", join(folder, "record"), "--config", config, "--log", "on");
  await traffic(server, ["credit"], 9);
  await wait(1500);
  await traffic(server, ["credit"], 8, 80);
  await labels(server);
  await alerts(server, told);
  await drift(server);
  await studying(server);
  await judging(server, folder);
  await lineage(server);
  await rollouts(server);
  await test("the watched server stopped as it should", async () => check((await server.stop()) === 0, "it did not"));
  hook.close();
  rmSync(folder, { recursive: true, force: true });
}

/* ---- alerts ------------------------------------------------------------------------------------ */

async function alerts(server, told) {
  const firing = async () => (await server.get("/mw/v1/alerts?state=firing")).items;
  await until(async () => (await firing()).some((a) => a.rule === "InputDrift"), "InputDrift fires");
  await until(async () => (await server.get("/mw/v1/alerts?state=resolved")).items.length > 0, "Burst is over");
  const drift = (await firing()).find((a) => a.rule === "InputDrift");
  await look(server, "alerts", `/ui/alerts?alert=${drift.id}`, { expect: "Because of", saves: true, then: (page) => page.getByText("PSI since it began").waitFor() });
  await look(server, "rules", "/ui/rules?rule=InputDrift", { expect: "each is looked at", saves: true, then: (page) => page.getByText("What to do:").waitFor() });
  await look(server, "overview-firing", "/ui/", { expect: "Firing alerts" });

  await test("an alert is acknowledged, by keys alone", async () => {
    const page = await visit(server, "/ui/", { expect: "Firing alerts" });
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL("**/ui/alerts");
    await page.getByRole("region", { name: /^alerts: / }).focus();
    await page.getByRole("button", { name: "Busy" }).first().focus();
    await page.keyboard.press("Enter");
    await page.getByText("see who asks").waitFor();
    await page.getByRole("button", { name: "Acknowledge" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Why" }).focus();
    await page.keyboard.type("I know");
    await page.keyboard.press("Enter");
    await until(async () => (await firing()).find((a) => a.rule === "Busy")?.acknowledged?.why === "I know", "it is acknowledged");
    await page.getByText("anonymous").first().waitFor();
    await page.done();
  });

  await test("an alert is silenced, and told again when that ends", async () => {
    const page = await visit(server, "/ui/alerts?state=firing", { expect: "Because of" });
    await page.getByRole("button", { name: "InputDrift" }).first().click();
    await page.getByRole("button", { name: "Silence", exact: true }).click();
    await page.getByRole("textbox", { name: "Why" }).fill("loading");
    await page.getByRole("dialog").getByRole("button", { name: "Silence" }).click();
    await until(async () => (await firing()).find((a) => a.rule === "InputDrift")?.silenced, "it is silenced");
    await page.getByText("silenced").first().waitFor();
    await page.getByRole("button", { name: /end silence/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "End" }).click();
    await until(async () => !(await firing()).find((a) => a.rule === "InputDrift")?.silenced, "it is told again");
    await page.getByRole("button", { name: "New silence" }).click();
    await page.getByLabel("Of", { exact: true }).fill("nonsense");
    page.faults.length = 0;
    await page.getByRole("dialog").getByRole("button", { name: "New silence" }).click();
    await page.getByRole("alert").waitFor();
    page.faults.length = 0; /* the refusal is what is wanted */
    await page.keyboard.press("Escape");
    await page.done();
  });

  await test("a rule is tried, set and removed; a receiver that fails is told of", async () => {
    const page = await visit(server, "/ui/rules", { expect: "A rule of your own", errors: ["400"] });
    await page.getByRole("row", { name: /away/ }).getByText("fails").waitFor();
    const condition = page.getByRole("textbox", { name: "When", exact: true });
    const setIt = page.getByRole("button", { name: "Set the rule" });
    await page.getByRole("textbox", { name: "Name" }).fill("Mine");
    await condition.fill("sum by (endpoint) (mw_rows_total > 1");
    check(await setIt.isDisabled(), "it may be set without a look at what it would have done");
    await page.getByRole("button", { name: "Try it now" }).click();
    await page.locator("#fault-when").getByText("is missing here, at character 37").waitFor(); /* the server's words, at the field */
    check((await condition.getAttribute("aria-invalid")) === "true", "the field is not marked");
    await condition.fill("sum by (endpoint) (mw_rows_total) > 1");
    await page.getByRole("textbox", { name: "Labels" }).fill("team=a=b");
    await page.getByRole("textbox", { name: "Evidence" }).fill("mw_rows_total, ");
    await page.getByRole("button", { name: "Try it now" }).click();
    await page.getByText("It would hold for 1 now").waitFor();
    await page.getByText("It would have fired").waitFor(); /* pages are kept from the start on, one a minute */
    await setIt.click();
    await page.getByRole("dialog").getByRole("button", { name: "Set the rule" }).click();
    await page.getByRole("button", { name: "Mine" }).click();
    const mine = async () => (await server.get("/mw/v1/rules")).items.find((r) => r.name === "Mine");
    check((await mine()).labels.team === "a=b" && (await mine()).evidence.join() === "mw_rows_total", JSON.stringify(await mine()));
    await page.getByLabel("Severity").selectOption("critical"); /* it is changed */
    check(await setIt.isDisabled(), "a change may be set untried");
    await page.getByRole("button", { name: "as JSON" }).click();
    const json = page.getByLabel("rule as JSON");
    check(JSON.parse(await json.inputValue()).severity === "critical", "the form and its JSON differ");
    await json.fill(JSON.stringify({ ...JSON.parse(await json.inputValue()), for: "1s" }));
    await page.getByRole("button", { name: "Try it now" }).click();
    await page.getByText("It would have fired").waitFor();
    await setIt.click();
    await page.getByText("It is looked at so from now on").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Set the rule" }).click();
    await until(async () => (await mine())?.severity === "critical" && (await mine()).for === "1s", "it is changed");
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await until(async () => !(await mine()), "it is removed");
    const before = told.length;
    await page.getByRole("button", { name: "send a test to chat" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Send a test" }).click();
    await until(() => told.slice(before).some((notice) => notice.status === "test"), "the test arrived");
    await page.done();
  });
}

/* ---- drift ------------------------------------------------------------------------------------- */

/* A batch of predictions, and what was true of them: mostly what was predicted. High scores are mostly
 * those of one group. */
async function labels(server) {
  const { columns } = await server.get("/mw/v1/endpoints/credit");
  const rows = Array.from({ length: 200 }, (_, k) => Object.fromEntries(columns.map((c, j) => [c.name, (k * 17 + j * 7) % 100])));
  const answer = await fetch(`${server.url}/endpoints/credit/invocations`, { method: "POST", headers: { "content-type": "application/json", "X-Request-ID": "batch-1" }, body: JSON.stringify({ dataframe_records: rows }) });
  const { predictions } = await answer.json();
  const middle = [...predictions].sort()[100];
  const taken = await server.post("/endpoints/credit/feedback", predictions.map((p, k) => ({ id: "batch-1", row: k, label: Number(p > middle) ^ Number(k % 10 === 0), groups: { sex: p > middle !== (k % 20 === 0) ? "<b>M</b>" : "F" } })));
  check(taken.received === 200, JSON.stringify(taken));
}

async function drift(server) {
  const link = "/mw/v1/endpoints/credit";
  await until(async () => (await server.get("/endpoints/credit/performance")).performance.length > 0, "labels are joined");
  await look(server, "drift", "/ui/endpoints/credit?feature=credit_limit", {
    expect: "Drift over time", saves: true,
    then: async (page) => { for (const words of ["since it began", "How good the predictions were", "Anomalies", "Found of the positive"]) await page.getByText(words).first().waitFor({ state: "attached" }).catch(() => { throw new Error(words); }); },
  });

  await test("a column opens: what it is now, beside what it was", async () => {
    const page = await visit(server, "/ui/endpoints/credit", { expect: "Drift by column" });
    await page.getByRole("button", { name: "credit_limit" }).click();
    await page.waitForURL("**feature=credit_limit");
    const picture = page.getByRole("img", { name: /^credit credit_limit: / });
    await picture.waitFor();
    const bins = (await server.get(`${link}/drift/bins?feature=credit_limit&window=15m`)).features.credit_limit;
    const drawn = await picture.locator("rect.hi-now").count();
    check(drawn === bins.filter((b) => b.reference > 0 || b.current > 0).length, `${drawn} bins are drawn`);
    const words = await picture.locator("title").allTextContents();
    check(words.some((text) => text.startsWith("> ") && /reference 0 %/.test(text)), `what is outside is not told: ${words}`);
    await page.getByRole("button", { name: "missing share" }).click();
    await page.waitForURL("**measure=missing");
    await page.done();
  });

  await test("odd streams and new values are told", async () => {
    const told = await server.get(`${link}/drift`);
    const values = { rows: 4200, seconds: 1320, distinct: 4, categories: [{ category: "Ulm", share: 0.9, reference_share: 1, new: false }, { category: "<b>Atlantis</b>", share: 0.1, reference_share: 0, new: true }], new_categories: [{ category: "<b>Atlantis</b>", share: 0.1, reference_share: 0, new: true }] };
    const leaning = (feature, drifted, share, before, rank, was) => ({ feature, drifted, share, share_reference: before, rank, rank_reference: was, mean: 0, mean_absolute: share, mean_absolute_reference: before, psi: share, psi_since: share });
    const contributions = { state: "watching", reference: { rows: 2000, wanted: 2000 }, importance_rows: 900, window_seconds: 600, leans_more: ["<b>late</b>"], leans_less: ["age"], features: [leaning("<b>late</b>", true, 0.6, 0.2, 1, 2), leaning("age", true, 0.4, 0.8, 2, 1)] };
    const body = JSON.stringify({ ...told, contributions, stream: { silence: { found: true, seconds: 700, usual_seconds: 60 }, burst: { found: false }, duplicates: { found: true, share: 0.4, usual_share: 0.02 }, stuck_features: 1 },
      features: told.features.map((c) => (c.feature === "age" ? { ...c, values } : c.feature === "income" ? { ...c, stuck: true, stuck_value: 7, stuck_rows: 500, stuck_seconds: 90 } : c)) });
    const page = await visit(server, "/ui/endpoints/credit?feature=age", { expect: "nobody has asked for 12 min", routes: { "**/credit/drift": { status: 200, contentType: "application/json", body } } });
    await page.getByText("40 % of the rows are one and the same").waitFor();
    await page.getByText("it leans more on <b>late</b>; less on age than it did").waitFor();
    await page.getByRole("row", { name: /^<b>late/ }).getByText("60 %").waitFor();
    await page.getByRole("row", { name: /^<b>Atlantis/ }).getByText("10 %").waitFor();
    await page.getByRole("row", { name: /^income/ }).getByText("stuck").waitFor();
    await page.done();
  });

  await test("groups are compared live: rates, a limit that is broken, and since when", async () => {
    const broken = (r) => r.attributes.find((a) => a.attribute === "sex")?.limits.some((l) => l.verdict === "broken");
    const report = await until(async () => { const r = await server.get(`${link}/fairness`); return broken(r) && r; }, "a limit is broken");
    await until(async () => (await server.get("/mw/v1/alerts?rule=UnequalTreatment&state=firing")).items.some((a) => a.labels.attribute === "sex"), "UnequalTreatment fires");
    const sex = report.attributes.find((a) => a.attribute === "sex");
    const page = await visit(server, "/ui/endpoints/credit?attribute=sex", { expect: "How groups are treated" });
    const panel = page.getByRole("region", { name: "How groups are treated" });
    const words = await panel.getByRole("row", { name: /^<b>M/ }).innerText();
    const rate = (k) => `${(sex.groups["<b>M</b>"][k] * 100).toFixed(0)} %`;
    check(words.includes(rate("selection_rate")) && words.includes(rate("tpr")), `${words}, but ${rate("selection_rate")}`);
    await panel.getByText("F against <b>M</b>").first().waitFor();
    await panel.getByRole("link", { name: "the alert" }).first().waitFor();
    await panel.getByLabel("groups by").selectOption("age");
    await panel.getByRole("row", { name: /^below 50/ }).waitFor();
    await page.done();
  });

  await test("how good predictions were is told by window", async () => {
    const page = await visit(server, "/ui/endpoints/credit", { expect: "How good the predictions were" });
    const { performance } = await server.get("/endpoints/credit/performance");
    await page.getByLabel("metric").selectOption("accuracy");
    const row = page.getByRole("row", { name: /all that is kept/ });
    await row.waitFor();
    check((await row.innerText()).includes(performance[0].metrics.accuracy.value.toPrecision(3).replace(/0+$/, "")), await row.innerText());
    await page.goto(`${server.url}/ui/`); /* the same in short */
    const auc = performance[0].metrics.roc_auc;
    await page.getByRole("row", { name: /^credit/ }).getByText(new RegExp(`^${Number(auc.value.toPrecision(3))} \\(.*roc auc$`)).waitFor();
    await page.getByRole("row", { name: /^credit/ }).getByText("v1 loaded").waitFor();
    await page.done();
  });
}

/* ---- lineage ----------------------------------------------------------------------------------- */

async function lineage(server) {
  await test("a version's lineage is walked along by keys, to where it is served", async () => {
    const { served_by, run } = await server.get("/mw/v1/lineage?id=credit@champion");
    check(served_by.length === 1 && served_by[0].endpoint === "credit" && served_by[0].address === "models:/credit@champion", JSON.stringify(served_by));
    const page = await visit(server, "/ui/lineage?id=credit@champion", { expect: "it is served by credit" });
    await page.getByRole("button", { name: "credit v1 version, champion" }).focus();
    await page.keyboard.press("ArrowLeft");
    await page.getByRole("button", { name: `${run.name} run` }).and(page.locator("[aria-pressed=true]")).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.waitForURL("**at=endpoint**");
    check(await page.evaluate(() => document.activeElement.getAttribute("aria-label").startsWith("credit endpoint")), "the focus stayed behind");
    await page.reload(); /* the address is the state */
    await page.getByRole("status").filter({ hasText: "credit v1: served by" }).waitFor();
    await page.getByLabel("version", { exact: true }).selectOption("2"); /* of the same files, and not served */
    await page.getByText("no endpoint serves it").first().waitFor();
    await page.goBack();
    await page.getByRole("button", { name: /^credit endpoint/ }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/ui/endpoints/credit");
    await page.done();
  });
}

/* ---- rollouts ---------------------------------------------------------------------------------- */

async function rollouts(server) {
  const start = (model) => server.post("/mw/v1/rollouts", { endpoint: "credit", model, strategy: "canary", steps: ["20%", "50%", "100%"], deadline: "1h", watch_after: "1h", judge });
  const newest = () => server.get("/mw/v1/endpoints/credit/rollout");
  const press = async (page, name) => {
    await page.getByRole("button", { name, exact: true }).first().click();
    await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  };
  await start("credit/2");
  await until(async () => (await server.get("/mw/v1/endpoints/credit")).versions.length > 1, "the new version is warm");
  for (let i = 0; i < 15; i++) await Promise.all([served(server), served(server), served(server), served(server)]);
  await wait(1200);

  await look(server, "rollout", "/ui/endpoints/credit", { expect: "Rollout of v2", saves: true });
  await look(server, "overview-rollout", "/ui/", { expect: "Rollouts on their way" });
  await look(server, "rollouts", "/ui/rollouts", { expect: "canary" });

  await test("a rollout is paused, resumed, promoted and rolled back from the page", async () => {
    const page = await visit(server, "/ui/endpoints/credit", { expect: "Rollout of v2" });
    await press(page, "Pause");
    await until(async () => (await newest()).state === "paused", "it pauses");
    await press(page, "Resume");
    await until(async () => (await newest()).state === "running", "it goes on");
    await press(page, "Promote");
    await until(async () => (await served(server)) === "2", "the new version answers all");
    await page.getByText("promoted, watched").first().waitFor();
    await page.getByRole("button", { name: "Roll back to v1" }).click();
    await page.getByText("No request is lost").waitFor();
    await page.keyboard.press("Escape");
    check((await newest()).state === "watching", "it was rolled back without a yes");
    await page.locator("h1").first().click(); /* from here by keys alone */
    await tabTo(page, page.getByRole("button", { name: "Roll back to v1" }));
    await page.keyboard.press("Enter");
    const why = page.getByRole("textbox", { name: "Why" });
    await why.waitFor();
    if (!(await why.evaluate((field) => field === document.activeElement))) await tabTo(page, why, 5);
    await page.keyboard.type("worse in the field");
    await page.keyboard.press("Enter");
    await until(async () => (await served(server)) === "1", "the old version answers all");
    await page.getByText("rolled back").first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".tl-mark").length >= 2); /* it came, and went back */
    const { model_version } = await server.get(`${at}/registered-models/alias?name=credit&alias=champion`);
    check(model_version.version === "1", `the alias is at ${model_version.version}`);
    await page.done();
  });

  await look(server, "rollout-history", "/ui/rollouts/1", { expect: "worse in the field", saves: true });

  await test("a new rollout appears by itself, and is aborted", async () => {
    const page = await visit(server, "/ui/endpoints/credit", { expect: "rolled back" });
    await start("credit/3");
    await page.getByText("Rollout of v3").first().waitFor();
    await press(page, "Abort");
    await until(async () => (await newest()).state === "aborted", "it is aborted");
    await page.done();
  });
}
