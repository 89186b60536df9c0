/* Script typed into every field that a client can set: what openapi.json describes of MLflow's calls is filled by
 * its schemas, so that a new field is tried by itself; what is left is written below. Then every page is opened,
 * every parameter of an address holds script, too, and every report is made. Nothing of it may become an element. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, root, run, serve, test, visit } from "./house.mjs";
import { traffic } from "./look.mjs";

const at = "/api/2.0/mlflow";
const evil = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
const flat = "<img src=x onerror=window.hacked=1>"; /* where no slash is taken */
const link = "javascript:window.hacked=1";

/* A model whose features are called so. */
function writeModel(folder) {
  const model = JSON.parse(readFileSync(join(root, "examples/models/credit.json"), "utf8"));
  model.learner.feature_names[5] = flat.replace("<", "‹").replace(">", "›"); /* what XGBoost forbids, the reader may, too */
  writeFileSync(join(folder, "plain.json"), JSON.stringify(model));
  model.learner.feature_names[5] = flat;
  writeFileSync(join(folder, "model.json"), JSON.stringify(model));
}

/* ---- by the schemas -------------------------------------------------------------------------------- */

/* What a body of this schema is with such texts; ids name what is there. */
function filled(schema, text, ids, name = "") {
  const types = [schema.type].flat();
  if (schema.enum) return schema.enum[0];
  if (schema.properties) return Object.fromEntries(Object.entries(schema.properties).map(([key, of]) => [key, filled(of, text, ids, key)]));
  if (types.includes("array")) return [filled(schema.items ?? {}, text, ids, name)];
  if (name in ids && !types.includes("integer")) return ids[name];
  if (types.includes("integer") || types.includes("number")) return 1;
  if (types.includes("boolean")) return false;
  return types.includes("string") ? text : { note: text }; /* of any shape */
}

/* What a trace and an assessment of it must be to be taken. */
const moment = "2027-01-31T12:00:00.250Z";
const traced = (text) => ({ trace_id: "tr-typed", trace_ids: "tr-typed", assessment_id: "a-typed", request_time: moment, create_time: moment, last_update_time: moment, execution_duration: "1s",
  source: { source_type: "HUMAN", source_id: text }, feedback: { value: text }, expectation: undefined, overrides: undefined, update_mask: "rationale" });

/* What texts of JSON, addresses and kinds must be to be taken. */
function needed(path, text) {
  if (/mlflow\/webhooks/.test(path))
    return { url: `https://127.0.0.1:9/${encodeURIComponent(text)}`, events: [{ entity: "MODEL_VERSION", action: "CREATED" }], secret: undefined, status: "DISABLED" };
  if (/mlflow\/datasets/.test(path))
    return { experiment_ids: ["0"], tags: JSON.stringify({ note: text }), records: JSON.stringify([{ inputs: { [text]: text }, expectations: { answer: text }, tags: { note: text }, source: { source_type: "HUMAN", source_data: { user_name: text } } }]) };
  return /mlflow\/scorers/.test(path) ? { name: text, serialized_scorer: JSON.stringify({ name: text, builtin_scorer_class: text, description: text }) } : {};
}

const reading = /search|get-latest|presigned|mpu|artifacts|download/;

/* What takes a script is what is wanted; what refuses one says so, and does not fail. */
async function fillBySchema(server, ids) {
  const { paths } = await server.get("/openapi.json");
  const never = [];
  for (const [path, methods] of Object.entries(paths).filter(([p]) => p.startsWith(at) && !reading.test(p) && !/delete|restore/.test(p)))
    for (const [method, operation] of Object.entries(methods).filter(([m]) => m === "post" || m === "patch")) {
      const schema = operation.requestBody?.content?.["application/json"]?.schema;
      if (!schema) continue;
      const known = { ...ids };
      if (/(registered-models|datasets)\/create/.test(path)) delete known.name;
      if (/rename|(model|assessment)_id\}$/.test(path)) continue; /* would take names away; its fields are those of create */
      let taken = 0, refused = "";
      for (const text of [link, flat, evil])
        for (const more of [{}, { key: "note" }, { key: "note", alias: "champion", stage: "Staging", run_link: link, source_run_id: ids.run_id, source: ids.source, artifact_location: undefined }]) {
          const answer = await fetch(server.url + path.replace(/\{(\w+)\}/g, (_, name) => ({ ...traced(text), ...ids })[name]), { method: method.toUpperCase(), headers: { "content-type": "application/json" }, body: JSON.stringify({ ...filled(schema, text, { ...known, ...more, ...(/\/traces/.test(path) ? traced(text) : {}) }), ...needed(path, text) }) });
          const said = await answer.text();
          check(answer.status < 500, `${path}: ${answer.status} ${said}`);
          taken += answer.ok;
          if (!answer.ok) refused = said.slice(0, 200);
        }
      if (!taken) never.push(`${path}: ${refused}`);
    }
  return never;
}

/* ---- by hand --------------------------------------------------------------------------------------- */

const mlmodel = `flavors:\n  xgboost:\n    data: model.json\n    model_format: json\n    xgb_version: '${flat}'\n  '${flat}': {x: '${flat}'}\nmetadata: {'${flat}': '${flat}'}\n`;
const signature = `signature:\n  inputs: '[{"name": "${flat}", "type": "double"}]'\n  outputs: '[{"name": "${flat}", "type": "double"}]'\n`;

async function base(server) {
  const { experiment_id } = await server.post(`${at}/experiments/create`, { name: flat, tags: [{ key: "note", value: evil }] });
  const { run: made } = await server.post(`${at}/runs/create`, { experiment_id, run_name: evil, user_id: evil, tags: ["mlflow.user", "mlflow.source.name", "mlflow.source.git.commit", "mlflow.source.git.repoURL", "mlflow.note.content"].map((key) => ({ key, value: evil })) });
  const { run: other } = await server.post(`${at}/runs/create`, { experiment_id, run_name: flat });
  const run_id = made.info.run_id;
  const put = async (name, body) => check((await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run_id}/artifacts/${name}`, { method: "PUT", body })).ok, name);
  await put("model/MLmodel", mlmodel + signature);
  await put("model/model.json", readFileSync(join(root, "examples/models/credit.json")));
  await put("model/requirements.txt", `${flat}==1\n`);
  await put(`${encodeURIComponent(flat)}/${encodeURIComponent(flat)}.txt`, evil);
  const source = `${made.info.artifact_uri}/model`;
  await server.post(`${at}/registered-models/create`, { name: "typed", description: evil, tags: ["intended_use", "users", "limits", "ethics", "contact", "license"].map((key) => ({ key: `card.${key}`, value: `${evil}\n\n[a](${link}) ![b](${link})\n\n<${link}>` })) });
  for (let i = 0; i < 2; i++) await server.post(`${at}/model-versions/create`, { name: "typed", source, run_id, description: evil, run_link: link, tags: [{ key: "note", value: evil }] });
  const { model } = await server.post(`${at}/logged-models`, { experiment_id, name: "logged", source_run_id: run_id, model_type: evil, params: [{ key: "note", value: evil }], tags: [{ key: "note", value: evil }] });
  const { webhook } = await server.post(`${at}/webhooks`, { name: "typed", ...needed(`${at}/webhooks`, flat) });
  const { dataset } = await server.post(`${at}/datasets/create`, { name: flat, ...needed(`${at}/datasets`, evil), experiment_ids: [experiment_id] });
  return { experiment_id, run_id, webhook_id: webhook.webhook_id, dataset_id: dataset.dataset_id, other: other.info.run_id, source, model_id: model.info.model_id, name: "typed", version: "1",
    model_json: JSON.stringify({ artifact_path: flat, run_id, utc_time_created: evil, flavors: { [flat]: { [flat]: evil } }, signature: { inputs: flat } }) };
}

/* Those whose schemas are not told; each is taken as it stands. */
async function fillByHand(server, folder) {
  const rule = { name: "Typed", when: "sum by (endpoint) (mw_rows_total) > 0", severity: "info", summary: evil, what_to_do: evil, labels: { team: evil, note: flat } };
  await server.post("/mw/v1/rules", rule);
  for (const runbook of [link, `${evil}`]) {
    const answer = await fetch(`${server.url}/mw/v1/rules`, { method: "POST", body: JSON.stringify({ ...rule, name: "Linked", runbook }), headers: { "content-type": "application/json" } });
    check(answer.status < 500, `a runbook: ${answer.status}`);
  }
  await server.post("/mw/v1/silences", { match: `alertname="Typed",note="${flat}"`, seconds: 3600, why: evil });
  await server.post("/mw/v1/receivers", { name: "typed", kind: "webhook", url: `http://127.0.0.1:9/${encodeURIComponent(flat)}`, match: `team="${flat}"` });
  await server.post(`/mw/v1/models/typed/versions/1/gates/approval`, { reason: evil });
  await server.post(`/mw/v1/models/typed/versions/1/gates`, JSON.parse(readFileSync(join(folder, "fairness.json"), "utf8")));
  const firing = async () => (await server.get("/mw/v1/alerts?rule=Typed&state=firing")).items[0];
  for (let i = 0; i < 600 && !(await firing()); i++) await new Promise((done) => setTimeout(done, 50));
  const { id } = await firing();
  await server.post(`/mw/v1/alerts/${id}:ack`, { why: evil });
  const answer = await fetch(`${server.url}/endpoints/credit/feedback`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify([{ id: evil, row: 0, label: 1, groups: { [flat]: evil, sex: evil } }]) });
  check(answer.status < 500, `feedback: ${answer.status}`);
  return id;
}

/* Files of people, before a server has the record: columns, categories, groups and names of data. */
function writeFiles(folder) {
  const quoted = `"${evil.replaceAll('"', '""')}"`, rows = Array.from({ length: 90 }, (_, i) => `${i % 7},${i % 3 ? quoted : flat},${i % 2},${(i * 37 % 90) / 90}`);
  writeFileSync(join(folder, `${flat}.csv`), [`${quoted},${flat},label,score`, ...rows].join("\n") + "\n");
  writeFileSync(join(folder, "suite.yaml"), "limits: {demographic_parity_ratio: 0.8}\n");
  writeFileSync(join(folder, "card.md"), `# ${evil}\n\n${evil}\n\n- ${flat}\n\n[a](${link}) ![b](${link}) <${link}> <a href="${link}">c</a>\n\n\`\`\`\n${evil}\n\`\`\`\n\n**${flat}** *${flat}* \`${flat}\`\n`);
  run(["fairness", "check", "--data", `${flat}.csv`, "--label", "label", "--score", "score", "--groups", flat, "--suite", "suite.yaml", "--format", "json", "-o", "fairness.json"], folder, [0, 6]);
  run(["data", "add", `${flat}.csv`, "--record", "record"], folder, [0, 1, 2]);
}

/* ---- what became of it ------------------------------------------------------------------------------- */

/* In the page: what no text may become. */
const harm = () => {
  const found = window.hacked ? ["a script has run"] : [];
  for (const element of document.querySelectorAll("*")) {
    const bad = [...element.attributes].some((a) => /^on/i.test(a.name) || (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && /^\s*(javascript|vbscript|data:text)/i.test(a.value)));
    if (bad || element.matches("main script, main img[src='x'], main object, main embed, main form[action]")) found.push(element.outerHTML.slice(0, 160));
  }
  return found;
};

/* The names of all parameters that pages read of their addresses. */
function parameters() {
  const found = new Set();
  const look = (folder) => readdirSync(folder, { withFileTypes: true }).forEach((entry) => {
    if (entry.isDirectory()) look(join(folder, entry.name));
    else for (const [, name] of readFileSync(join(folder, entry.name), "utf8").matchAll(/\bparam\("(\w+)"\)/g)) found.add(name);
  });
  look(join(root, "web/src"));
  check(found.size > 30, `${found.size} parameters`);
  return [...found];
}

async function tour(server, ids, alert) {
  const typed = (v) => encodeURIComponent(v);
  const addresses = ["/", "/endpoints", "/endpoints/credit", "/alerts", `/alerts?alert=${alert}`, "/rules?rule=Typed", "/rules?rule=Linked", "/rollouts", "/models", "/models/typed", "/models/typed?diff=1..2", "/models/typed/1", "/experiments", `/experiments/${ids.experiment_id}`,
    `/runs/${ids.run_id}`, `/runs/${ids.run_id}?folder=${typed(flat)}`, `/compare?runs=${ids.run_id},${ids.other}`, "/explain?endpoint=credit", "/fairness?model=typed&version=1", "/data", `/data/${typed(`${flat}.csv`)}/1`, "/lineage?id=typed/1", "/capacity", "/reports", "/audit", "/settings"];
  /* what must be seen there, or the tour shows nothing */
  const shows = new Set(["/", "/alerts", `/alerts?alert=${alert}`, "/rules?rule=Typed", "/models/typed", "/models/typed/1", "/experiments", `/experiments/${ids.experiment_id}`, `/runs/${ids.run_id}`, `/runs/${ids.run_id}?folder=${typed(flat)}`, `/compare?runs=${ids.run_id},${ids.other}`, "/explain?endpoint=credit", "/fairness?model=typed&version=1", "/lineage?id=typed/1", "/audit"]);
  const all = parameters();
  const paths = [...new Set(addresses.map((a) => a.split("?")[0]))];
  const wrong = [evil, link].flatMap((text) => [...paths.map((path) => `${path}?${all.map((name) => `${name}=${typed(text)}`).join("&")}`),
    ...["/", "/endpoints/", "/models/", "/models/typed/", "/experiments/", "/runs/", "/data/x/", "/rollouts/", "/reports/1~weekly~"].map((path) => path + typed(text))]);
  const page = await visit(server, "/ui/", { errors: [""] });
  for (const address of [...addresses, ...wrong]) {
    await page.evaluate((to) => { history.pushState(null, "", to); dispatchEvent(new PopStateEvent("popstate")); }, `/ui${address}`);
    await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("main [aria-busy]"));
    if (shows.has(address)) await page.waitForFunction(() => document.querySelector("main").innerText.includes("onerror=")).catch(() => check(false, `${address} does not show what was typed`));
    const found = await page.evaluate(harm);
    check(found.length === 0, `${address}: ${found.join("\n")}`);
  }
  await page.done();
}

async function reports(server, folder, alert) {
  run(["report", "card", "typed/1", "--record", "record", "--text", "card.md", "--results", "fairness.json", "-o", "card.html"], folder, [0, 6]);
  const kinds = { card: ["card", "typed/1", "--record", "record"], weekly: ["weekly", "credit", "--server", server.url], drift: ["drift", "credit", "--server", server.url], incident: ["incident", alert, "--server", server.url],
    data: ["data", `${flat}.csv`], fairness: ["fairness", "fairness.json"] };
  for (const [kind, words] of Object.entries(kinds)) {
    for (const form of ["html", "md"]) run(["report", ...words, "-o", `${kind}.${form}`], folder, [0, 6]);
    const page = await visit({ url: "file://" }, join(folder, `${kind}.html`), { errors: [""] });
    const found = await page.evaluate(harm);
    check(found.length === 0, `${kind}: ${found.join("\n")}`);
    check((await page.evaluate(() => document.body.innerText)).includes("onerror="), `${kind} does not show what was typed`);
    check(!/(^|[^\\`])<(img|script|a|javascript)\b/im.test(readFileSync(join(folder, `${kind}.md`), "utf8").replace(/```[\s\S]*?```/g, "")), `${kind} as Markdown holds an element`);
    await page.done();
  }
}

export async function typing() {
  const folder = mkdtempSync(join(tmpdir(), "window-typed-"));
  writeModel(folder);
  writeFiles(folder);
  const server = await serve(`credit=${folder}/model.json`, "--record", join(folder, "record"), "--log", "on", "--alerts", "on", "--webhooks", "any");
  let ids, alert;
  await test("script is typed into every field that a client can set", async () => {
    ids = await base(server);
    const never = await fillBySchema(server, ids);
    check(never.length === 0, `so that a script is tried there, say above what these need:\n${never.join("\n")}`);
    await traffic(server, ["credit"], 9);
    await traffic(server, ["credit"], 2, 80);
    alert = await fillByHand(server, folder);
  });
  await test("what was typed is text, on every page and with every parameter", async () => tour(server, ids, alert));
  await test("what was typed is text, in every report", async () => reports(server, folder, alert));
  await test("the server that was typed at stopped as it should", async () => check((await server.stop()) === 0, "it did not"));
  rmSync(folder, { recursive: true, force: true });
}
