/* The pages, in a real browser against the real server.
 *
 *     MW_CHROMIUM=/usr/bin/chromium node tests/window/run.mjs [PART OF A NAME]
 *
 * Pictures of every page, light and dark and as wide as a phone, are left in build/test-logs/window. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { check, close, loaded, open, pictures, root, serve, tabTo, test, total, visit } from "./house.mjs";
import { look, traffic, wait } from "./look.mjs";
import { budgets } from "./budget.mjs";
import { large } from "./large.mjs";
import { capacity } from "./load.mjs";
import { reports } from "./reports.mjs";
import { same } from "./same.mjs";
import { people } from "./people.mjs";
import { typing } from "./typed.mjs";
import { watching } from "./watch.mjs";

const evil = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
const models = join(root, "examples/models");

/* ---- what the pages show ----------------------------------------------------------------------- */

async function fill(server) {
  const at = "/api/2.0/mlflow";
  const { experiment_id } = await server.post(`${at}/experiments/create`, { name: `search ${evil}` });
  const runs = [];
  for (let i = 0; i < 12; i++) {
    const { run } = await server.post(`${at}/runs/create`, {
      experiment_id, run_name: i ? `run ${i}` : evil, start_time: 1764000000000 + i * 60000, tags: [{ key: "note", value: evil }],
    });
    const run_id = run.info.run_id;
    runs.push(run_id);
    await server.post(`${at}/runs/log-batch`, {
      run_id, params: [{ key: "depth", value: String(2 + (i % 3)) }, { key: "eta", value: String(0.1 * (1 + (i % 4))) }, { key: "text", value: evil }],
      metrics: Array.from({ length: 20 }, (_, k) => ({ key: "auc", value: 0.6 + i / 100 + k / 200, timestamp: 1764000000000 + k * 1000, step: k })),
    });
  }
  await server.post(`${at}/runs/log-inputs`, { run_id: runs[0], datasets: [{ dataset: { name: evil, digest: "d1", source_type: evil, source: evil }, tags: [{ key: "mlflow.data.context", value: evil }] }] });
  const artifact = (name, body) => fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${runs[0]}/artifacts/${encodeURIComponent(name)}`, { method: "PUT", body });
  for (const name of ["page.html", "<img src=x onerror=window.hacked=1>.txt", "drawing.svg"])
    await artifact(name, `<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1"><script>window.hacked=1;parent.hacked=1</script></svg>${evil}`);
  await server.post("/mw/v1/rules", { name: "Said", when: "sum by (endpoint) (mw_rows_total) > 0", summary: evil, what_to_do: evil, severity: "info" });
  await server.post("/mw/v1/silences", { match: 'alertname="Said"', seconds: 3600, why: evil });
  await server.post(`${at}/registered-models/create`, { name: "churn", description: evil, tags: [{ key: "kind", value: evil }] });
  for (const run_id of runs.slice(0, 2))
    await server.post(`${at}/model-versions/create`, { name: "churn", source: `runs:/${run_id}/model`, run_id, description: evil });
  await server.post(`${at}/registered-models/alias`, { name: "churn", alias: "champion", version: "1" });
  return { experiment_id, runs };
}

/* ---- the tests --------------------------------------------------------------------------------- */

setTimeout(() => { console.log("FAILED  it takes too long"); process.exit(1); }, 420000).unref();
const server = await serve(`credit=${models}/credit.json`, `plan=${models}/plan.ubj`, "--record", "FOLDER/record");
await open(process.env.MW_CHROMIUM ?? "/usr/bin/chromium");
const watched = watching().then(people).then(typing); /* beside the others: a browser mostly waits */
const { experiment_id, runs } = await fill(server);
await traffic(server, ["credit", "plan"], 9);
await wait(2500);
await traffic(server, ["credit"], 6, 80);

const pages = [
  ["overview", "/ui/", "requests/s", "saves"],
  ["endpoints", "/ui/endpoints", "2 of 2"],
  ["endpoint", "/ui/endpoints/credit", "Nobody has said which groups", "saves"],
  ["models", "/ui/models", "churn"],
  ["model", "/ui/models/churn?diff=1..2", "differences"],
  ["version", "/ui/models/churn/1", "Point it here"],
  ["lineage", "/ui/lineage?id=churn/1", "was made by the run"],
  ["experiments", "/ui/experiments", "search"],
  ["runs", `/ui/experiments/${experiment_id}`, "run 11", "saves"],
  ["run", `/ui/runs/${runs[1]}`, "auc"],
  ["compare", `/ui/compare?runs=${runs.join(",")}`, "What differs", "saves"],
  ["explain", "/ui/explain?endpoint=credit", "sum check", "saves"],
  ["reports", "/ui/reports", "None was made here"],
  ["settings", "/ui/settings", "Nobody is asked"],
  ["audit", "/ui/audit", "run.create"],
  ["nowhere", "/ui/nowhere/at/all", "no page"],
];

for (const [name, path, expect, saves] of pages) await look(server, name, path, { expect, saves });

await test("files and rows of people are shown, and run nothing", async () => { /* all else that is typed: typed.mjs */
  /* files are shown as text, or as pictures that run nothing */
  const page = await visit(server, `/ui/runs/${runs[0]}`, { expect: "page.html", errors: ["Content Security Policy"] });
  for (const name of ["page.html", "drawing.svg", "<img src=x"]) {
    await page.getByText(name).first().click();
    await wait(300);
    check(!(await page.evaluate(() => window.hacked)), `${name} has run`);
  }
  await page.done();
  /* rows that somebody pastes */
  const pasted = await visit(server, `/ui/explain?endpoint=credit&view=many&along=${encodeURIComponent(evil)}`, { expect: "Paste some" });
  await pasted.getByLabel("rows as CSV or JSON").fill(`"${evil.replaceAll('"', '""')}",age\n1,2`);
  await pasted.getByRole("button", { name: "Explain these rows" }).click();
  await wait(500);
  check(!(await pasted.evaluate(() => window.hacked || document.querySelector("main img"))), "a pasted head has run");
  await pasted.done();
});

await test("the overview is live, and stands still when paused", async () => {
  const page = await visit(server, "/ui/", { expect: "requests/s" });
  const cell = page.locator("tr", { hasText: "plan" }).locator("td").nth(3);
  const before = await cell.innerText();
  await traffic(server, ["plan"], 30);
  await page.waitForFunction(([was]) => [...document.querySelectorAll("tr")].some((row) => row.textContent.includes("plan") && row.children[3]?.textContent !== was), [before]);
  await page.keyboard.press(".");
  await page.getByRole("button", { name: "Paused" }).waitFor();
  const paused = await cell.innerText();
  await traffic(server, ["plan"], 10);
  await wait(1500);
  check((await cell.innerText()) === paused, "it moved while it was paused");
  await page.done();
});

await test("a chart takes the newest second by itself", async () => {
  const page = await visit(server, "/ui/endpoints/plan", { expect: "Latency" });
  const label = () => page.locator(".chart-plot").first().getAttribute("aria-label");
  await page.locator(".chart-plot canvas").first().waitFor();
  const before = await label();
  for (let i = 0; i < 5; i++) await traffic(server, ["plan"], 3 + 2 * i);
  await page.waitForFunction((was) => document.querySelector(".chart-plot").getAttribute("aria-label") !== was, before);
  await page.done();
});

await test("links that MLflow's client prints lead to the same here", async () => {
  const page = await visit(server, `/#/experiments/${experiment_id}/runs/${runs[1]}`, { expect: "auc" });
  await page.waitForURL(`**/ui/runs/${runs[1]}`);
  const links = [
    [`#/experiments/${experiment_id}`, `/ui/experiments/${experiment_id}`], ["#/models/churn/versions/2", "/ui/models/churn/2"],
    ["#/models/churn", "/ui/models/churn"], ["#/experiments", "/ui/experiments"], [`#/experiments/${experiment_id}/traces?x=1`, `/ui/experiments/${experiment_id}`],
    [`#/compare-runs?runs=${encodeURIComponent(JSON.stringify(runs.slice(0, 2)))}&experiments=%5B%220%22%5D`, `/ui/compare?runs=${runs[0]},${runs[1]}`],
  ];
  for (const [link, to] of links) {
    await page.evaluate((hash) => { location.hash = hash; }, link);
    await page.waitForURL((at) => at.pathname + at.search + at.hash === to);
  }
  await page.getByText("What differs").first().waitFor();
  await page.done();
});

await test("keys lead everywhere", async () => {
  const page = await visit(server, "/ui/", { expect: "requests/s" });
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("cred");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/ui/endpoints/credit");
  await page.waitForFunction(() => !document.querySelector("dialog[open]"));
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.waitForURL("**/ui/models");
  await page.getByRole("region", { name: /models: 1 rows/ }).focus();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/ui/models/churn");
  await page.goBack();
  await page.waitForURL("**/ui/models");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.activeElement !== document.body), "Tab leads nowhere");
  await page.done();
});

await test("runs are searched, sorted and chosen; the address says so", async () => {
  const page = await visit(server, `/ui/experiments/${experiment_id}`, { expect: "run 11", errors: ["400"] });
  await page.getByRole("searchbox", { name: "filter in MLflow's grammar" }).fill("params.depth = '3' and metrics.auc > 0.7");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 4);
  check(page.url().includes("filter="), page.url());
  await page.getByRole("button", { name: "auc" }).click();
  await page.waitForFunction(() => document.querySelector("tbody tr a")?.textContent === "run 10");
  await page.reload();
  await page.waitForFunction(() => document.querySelector("tbody tr a")?.textContent === "run 10");
  await page.locator("tbody input").nth(0).check();
  await page.locator("tbody input").nth(1).check();
  await page.getByRole("button", { name: "Compare 2" }).click();
  await page.getByText("2 of 2 runs", { exact: true }).waitFor();
  await page.goBack();
  await page.getByRole("searchbox", { name: "filter in MLflow's grammar" }).fill("depth is three");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await page.done();
});

await test("what if: a changed value is predicted again, and the server agrees", async () => {
  const page = await visit(server, "/ui/explain?endpoint=credit", { expect: "sum check" });
  await tabTo(page, page.getByLabel("age", { exact: true })); /* by keys alone */
  await page.keyboard.press("Control+A");
  await page.keyboard.type("61");
  await page.keyboard.press("Enter");
  await page.waitForURL("**row=**");
  const row = JSON.parse(new URL(page.url()).searchParams.get("row"));
  check(row.age === 61, JSON.stringify(row));
  const { predictions } = await server.post("/endpoints/credit/invocations", { dataframe_records: [row] });
  await page.waitForFunction((p) => Math.abs(Number(document.querySelectorAll(".outcome")[1].querySelector("b")?.textContent) - p) < 0.001, predictions[0]);
  await page.getByLabel("row as JSON").fill("{\"nobody\": 1}");
  await page.getByRole("button", { name: "Explain this row" }).click();
  await page.getByText("no column 'nobody'").waitFor();
  await page.done();
});

await test("pairs of features are told, and add up", async () => {
  const page = await visit(server, "/ui/explain?endpoint=credit", { expect: "sum check" });
  const panel = page.getByRole("region", { name: "Together" });
  await panel.getByRole("button", { name: "Ask the model" }).click();
  await panel.getByText("moved the margin most together").waitFor();
  const row = JSON.parse(await page.getByLabel("row as JSON").inputValue());
  const { interactions: [one] } = await server.post("/v1/models/credit:interactions", { instances: [row], parameters: { top: 60 } });
  const first = one.pairs.find((p) => p.features.length === 2);
  check((await panel.getByRole("row").nth(1).innerText()).startsWith(first.features.join(" × ")), await panel.getByRole("row").nth(1).innerText());
  const { explanations: [whole] } = await server.post("/v1/models/credit:explain", { instances: [row] });
  const sum = one.pairs.reduce((all, p) => all + p.value, one.bias + one.others);
  check(Math.abs(sum - whole.margin) < 1e-5 * Math.abs(whole.margin), `${sum}, but the margin is ${whole.margin}`);
  await panel.getByLabel("each by itself, too").check();
  await page.getByLabel("age", { exact: true }).fill("61");
  await panel.getByText("of the row as it was").waitFor();
  await page.done();
});

await test("the nearest change is found, and tried as a what-if", async () => {
  const page = await visit(server, "/ui/explain?endpoint=credit", { expect: "sum check", errors: ["400"] });
  const panel = page.getByRole("region", { name: "The nearest change" });
  await panel.getByRole("button", { name: "Find it" }).click();
  const button = panel.getByRole("button", { name: "What if" }).first();
  await button.waitFor();
  await panel.getByText("what may change").click();
  const [first] = (await panel.getByRole("row").nth(1).innerText()).split(" ");
  await panel.getByLabel(`whether ${first} may change`, { exact: true }).selectOption("fixed");
  await panel.getByText("as they were").waitFor();
  await panel.getByRole("button", { name: "Find it" }).click();
  await page.waitForFunction(() => !document.querySelector("main").innerText.includes("as they were"));
  check(!(await panel.getByRole("table").innerText()).includes(`${first} `), `${first} has changed all the same`);
  await button.click();
  await page.waitForURL("**row=**");
  const row = JSON.parse(new URL(page.url()).searchParams.get("row"));
  const { predictions } = await server.post("/endpoints/credit/invocations", { dataframe_records: [row] });
  check(predictions[0] > 0.5, `it is ${predictions[0]} still`); /* of the row of nothing it is less */
  await panel.getByLabel("wanted").fill("much");
  await panel.getByRole("button", { name: "Find it" }).click();
  await panel.getByText("is nothing that can be wanted").waitFor();
  await page.done();
});

await test("an alias is moved by a button", async () => {
  const page = await visit(server, "/ui/models/churn/2", { expect: "Point it here" });
  await page.getByRole("button", { name: "Point it here" }).click();
  await page.getByText("champion is v2 now").waitFor();
  const { model_version } = await server.get("/api/2.0/mlflow/registered-models/alias?name=churn&alias=champion");
  check(model_version.version === "2", model_version.version);
  await page.done();
});

await test("errors say what, how to mend, and can be tried again", async () => {
  const problem = { status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: "too busy", hint: "wait a little", code: "MW7129", request_id: "r-1" }) };
  const page = await visit(server, "/ui/", { expect: "too busy", routes: { "**/mw/v1/overview": problem, "**/mw/v1/events*": { status: 503, body: "" } }, errors: ["503"] });
  for (const words of ["wait a little", "MW7129", "r-1"]) await page.getByText(words).first().waitFor();
  await page.unroute("**/mw/v1/overview");
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByText("requests/s").first().waitFor();
  await page.done();
});

await test("a thousand endpoints are drawn as far as they are seen", async () => {
  const overview = await server.get("/mw/v1/overview");
  const items = Array.from({ length: 1000 }, (_, i) => ({ ...overview.items[0], name: `endpoint-${i}`, rps: i }));
  const json = { status: 200, contentType: "application/json", body: JSON.stringify({ ...overview, items, total: 1000 }) };
  const page = await visit(server, "/ui/endpoints", { expect: "1000 of 1000", routes: { "**/mw/v1/overview": json, "**/mw/v1/events*": { status: 204, body: "" } } });
  const drawn = await page.locator("tbody tr").count();
  check(drawn < 80, `${drawn} rows are drawn`);
  const took = await page.evaluate(async () => {
    const began = performance.now();
    [...document.querySelectorAll("th button")].find((b) => b.textContent.startsWith("req/s")).click();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - began;
  });
  check((await page.locator("tbody tr td").first().innerText()) === "endpoint-999", "it is not sorted");
  console.log(`        sorted and drawn in ${took.toFixed(0)} ms`);
  await page.done();
});

await large(server);
await budgets(server);
await capacity(server);

await test("a report is made, read, printed and removed in the browser", async () => {
  const page = await visit(server, "/ui/reports", { expect: "A new report" });
  await page.getByRole("combobox", { name: "of" }).selectOption("credit");
  await page.getByRole("button", { name: "Make it" }).click();
  await page.waitForURL("**/ui/reports/*~weekly~credit");
  const report = page.frameLocator("#report");
  await report.getByText("What to look at").waitFor();
  await page.screenshot({ path: join(pictures, "report-page.png") });
  const { items } = await server.get("/mw/v1/reports");
  const answer = await fetch(`${server.url}/mw/v1/reports/${items[0].id}`);
  check(items[0].kind === "weekly" && answer.headers.get("content-security-policy").startsWith("default-src 'none'"), "the page may load things");
  const text = await answer.text();
  check(text.includes("requests in this week") && !text.includes("<script"), "it is another report");
  await server.post("/mw/v1/receivers", { name: "board", kind: "webhook", url: "http://127.0.0.1:9", match: 'alertname="none"' });
  await page.reload();
  await page.getByRole("button", { name: "send The week of credit" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await page.getByText("it is in the outbox for board").waitFor();
  for (let tries = 0, at = {}; !at.failed; tries++) { /* nobody listens there: it is tried, and stays */
    [at] = (await server.get("/mw/v1/receivers")).items;
    check(tries < 200, JSON.stringify(at));
    await wait(50);
  }
  await fetch(`${server.url}/mw/v1/receivers/board`, { method: "DELETE" });
  await page.getByRole("link", { name: "All reports" }).click();
  await page.getByRole("button", { name: "remove The week of credit" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("None was made here").waitFor();
  check((await server.get("/mw/v1/reports")).total === 0, "it is still there");
  check((await fetch(`${server.url}/mw/v1/reports/..%2f..%2fetc`)).status === 404, "a path is taken for a report");
  await page.done();
});

await test("how many predictions err now is told beside how many did at first", async () => {
  const told = (risen) => (route) => {
    const t = Array.from({ length: 30 }, (_, i) => Math.floor(Date.now() / 60000) * 60 - 60 * (30 - i));
    const of = (metric, values) => ({ metric, labels: { endpoint: "credit", version: "1", loss: "zero_one" }, values });
    const series = [of("mw_loss", t.map((_, i) => 0.4 + i / 100)), of("mw_loss_first", t.map(() => 0.4)), of("mw_loss_risen", t.map(() => risen))];
    return route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify({ step: 60, t, series }) });
  };
  for (const [risen, expect] of [[1, "measured decay"], [0, "no measured decay"]]) {
    const page = await visit(server, "/ui/endpoints/credit", { expect, routes: { "**/mw/v1/history*": told(risen) } });
    const panel = page.getByRole("region", { name: "Decay over time" });
    check(/69 % of predictions err, at first 40 %/.test(await panel.innerText()), await panel.innerText());
    check((await panel.locator(".state").first().innerText()).includes(expect), expect);
    check(/measured errors over time/.test(await panel.innerHTML()), "no chart");
    if (risen) await panel.screenshot({ path: join(pictures, "endpoint-loss.png") });
    await page.done();
  }
});

await test("a range by date: no mouse, and far back", async () => {
  const page = await visit(server, "/ui/endpoints/credit", { expect: "Latency heat" });
  await page.getByRole("button", { name: "from and to, by date" }).click();
  await page.getByLabel("From", { exact: true }).fill("2020-01-01T00:00");
  await page.keyboard.press("Enter");
  await page.waitForURL("**from=1577836800**");
  await page.getByRole("button", { name: "7d" }).click();
  await page.waitForURL("**range=7d");
  await page.emulateMedia({ forcedColors: "active" }); /* a system's own colours: what is chosen is seen all the same */
  const ground = (pressed) => page.locator(`button[aria-pressed=${pressed}]`).first().evaluate((one) => getComputedStyle(one).backgroundColor);
  check((await ground(true)) !== (await ground(false)), "what is chosen looks like what is not");
  const plot = page.locator(".chart-plot").first();
  await plot.locator("canvas").first().waitFor();
  await plot.focus();
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => /\d/.test(document.querySelector(".u-legend .u-series .u-value")?.textContent ?? ""));
  await page.done();
});

await test("a drawing is walked through by keys", async () => {
  const page = await visit(server, `/ui/compare?runs=${runs.join(",")}`, { expect: "What differs" });
  const points = page.getByRole("slider", { name: "points of the scatter" });
  await points.focus();
  await page.keyboard.press("ArrowRight");
  await page.locator("circle.here").waitFor();
  await page.getByRole("slider", { name: /^from / }).focus();
  for (let i = 0; i < 60; i++) await page.keyboard.press("ArrowRight");
  await page.getByText(/filter: \d+ of 12 runs/).waitFor();
  await page.getByRole("button", { name: "Open this run" }).click();
  await page.waitForURL("**/ui/runs/**");
  await page.done();
});

await test("behind a proxy's prefix, everything works as it does without", async () => {
  const prefixed = await serve(`credit=${models}/credit.json`, "--base-path", "/models/ours");
  const server = { ...prefixed, url: `${prefixed.url}/models/ours` };
  const page = await visit(server, "/ui/", { expect: "requests/s" });
  await page.getByRole("link", { name: "credit" }).first().click();
  await page.waitForURL("**/models/ours/ui/endpoints/credit");
  await page.getByText("Latency heat").waitFor();
  await prefixed.post("/endpoints/credit/invocations", { dataframe_records: [{}] }).catch(() => undefined);
  await page.waitForFunction(() => /last: v1 0\.\d|last: v1 [1-9]/.test(document.querySelector(".chart-plot")?.getAttribute("aria-label") ?? "") || document.querySelector("main").innerText.includes("Errors"), undefined, { timeout: 8000 });
  await page.getByRole("button", { name: "Use this" }).click();
  check((await page.getByRole("dialog", { name: "Use this" }).innerText()).includes("/models/ours/endpoints/credit/invocations"), "the command forgets the prefix");
  await page.done();
  check((await prefixed.stop()) === 0, "it did not stop");
});

await test("few bytes, and soon there", async () => {
  const slow = Number(process.env.MW_SLOW ?? 3); /* of a machine that has other things to do */
  let painted = Infinity;
  for (let tries = 0; tries < 10 && !(painted <= 300); tries++) { /* the least of several: others take time, and never give some */
    const page = await visit(server, "/ui/", { expect: "requests/s" });
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length);
    painted = Math.min(painted, await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    const { js, css } = page.bytes;
    if (!tries) console.log(`        first load ${js} B of script, ${css} B of style`);
    check(js > 0 && js <= 60000, `${js} bytes of script`);
    check(css > 0 && css <= 12000, `${css} bytes of style`);
    await page.done();
  }
  console.log(`        painted after ${painted.toFixed(0)} ms`);
  check(painted > 0 && painted <= 300 * slow, `painted after ${painted} ms`);
});

await test("a table is saved as CSV", async () => {
  const page = await visit(server, `/ui/experiments/${experiment_id}`, { expect: "run 11" });
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).first().click()]);
  const text = readFileSync(await saved.path(), "utf8").split("\r\n");
  check(text[0].startsWith("Run,Started,Status,auc") && text.length === 14, text.slice(0, 2).join("\n"));
  await page.done();
});

await same(server, { experiment_id, runs });
await reports(server);
const bare = await serve(`plan=${models}/plan.ubj`);
await test("without a record, pages say how to get one", async () => {
  const pages = await visit(bare, "/ui/models", { errors: ["404"] });
  for (const path of ["/ui/models", "/ui/experiments", "/ui/lineage", "/ui/audit"]) {
    if (!pages.url().endsWith(path)) await pages.goto(bare.url + path);
    await pages.getByText("mw serve --record").first().waitFor();
  }
  await pages.done();
  const page = await visit(bare, "/ui/endpoints/nobody", { expect: "there is no endpoint 'nobody'", errors: ["404"] });
  await page.done();
});
await test("a server that stops is told of, and its data stay", async () => {
  const page = await visit(bare, "/ui/", { expect: "requests/s", errors: ["ERR_", "Failed"] });
  await bare.stop();
  await wait(500);
  check(await page.getByText("requests/s").first().isVisible(), "the data are gone");
  await page.done();
});

await watched;
await test("all pages together are few bytes", async () => { /* of every visit above */
  const all = [...loaded.values()].reduce((sum, size) => sum + size, 0);
  console.log(`        ${loaded.size} files, ${all} B in all`);
  check(loaded.size > 5 && all <= 200000, `${all} bytes in all`);
});
await close();
const code = await server.stop();
await test("the server stopped as it should", async () => check(code === 0, `exit ${code}`));
process.exit(total());
