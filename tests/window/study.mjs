/* Many rows explained: pasted, and from the prediction log. Fairness and data of a record. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, root, run, test, visit } from "./house.mjs";
import { look } from "./look.mjs";

const csv = readFileSync(join(root, "examples/credit.csv"), "utf8");

async function paste(page, text) {
  await page.getByLabel("rows as CSV or JSON").fill(text);
  await page.getByRole("button", { name: "Explain these rows" }).click();
  await page.getByRole("img", { name: /^beeswarm of / }).waitFor();
}

export async function studying(server) {
  await look(server, "explain-many", "/ui/explain?endpoint=credit&view=many&along=income", { expect: "Paste some", saves: true, then: (page) => paste(page, csv) });

  await test("many rows: importance is the mean size of what the server says", async () => {
    const page = await visit(server, "/ui/explain?endpoint=credit&view=many", { expect: "Paste some" });
    await paste(page, csv.split("\n").slice(0, 41).join("\n"));
    const head = csv.split("\n")[0].trim().split(",");
    const instances = csv.split("\n").slice(1, 41).map((line) => Object.fromEntries(line.trim().split(",").map((cell, i) => [head[i], cell === "" ? null : Number(cell)])));
    const { explanations } = await server.post("/v1/models/credit:explain", { instances });
    const [best] = Object.keys(explanations[0].contributions).map((name) => [name, explanations.reduce((sum, e) => sum + Math.abs(e.contributions[name]), 0) / 40]).sort((a, b) => b[1] - a[1]);
    const label = await page.getByRole("img", { name: /^importance: / }).getAttribute("aria-label");
    const [, name, value] = /^importance: (\S+) ([\d.]+)/.exec(label);
    check(name === best[0] && Math.abs(Number(value) - best[1]) < 0.006 * best[1] + 0.0006, `${label}, but ${best}`);
    await page.getByRole("combobox", { name: "along" }).selectOption("age");
    await page.getByText("Dependence on age").waitFor();
    await page.getByLabel("rows as CSV or JSON").fill("nobody,knows\n1,2");
    await page.getByRole("button", { name: "Explain these rows" }).click();
    await page.getByText("no column of the model is among nobody, knows").waitFor();
    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("group", { name: /importance/ }).getByRole("button", { name: "CSV" }).click()]);
    check(readFileSync(await saved.path(), "utf8").split("\r\n").length === 10, "not a line a feature");
    await page.done();
  });

  await test("the log's last rows are explained; a point leads to its row", async () => {
    const page = await visit(server, "/ui/explain?endpoint=credit&view=many", { expect: "Paste some" });
    await page.getByRole("button", { name: "The last 500 of the log" }).click();
    const swarm = page.getByRole("img", { name: /^beeswarm of 500 rows/ });
    await swarm.waitFor();
    const path = await swarm.locator("path.dots").first().getAttribute("d");
    const [, x, y] = /^M([\d.]+) ([\d.]+)/.exec(path);
    await swarm.click({ position: { x: Number(x), y: Number(y) } });
    await page.waitForURL("**row=**");
    await page.getByText("sum check").waitFor();
    await page.done();
  });
}

/* ---- fairness and data --------------------------------------------------------------------------- */

/* A report of decisions that are not alike, and two versions of a file, in FOLDER/record. */
export function keeping(folder) {
  const scored = ["sex,label,score"];
  for (let i = 0; i < 600; i++) {
    const sex = i % 9 === 0 ? "Other" : i % 3 === 1 ? "Female" : "Male";
    const score = (((i * 37) % 101) / 101) * (sex === "Female" ? 0.62 : 1);
    scored.push(`${sex},${Number(score > ((i * 53) % 97) / 97)},${score.toFixed(3)}`);
  }
  writeFileSync(join(folder, "scored.csv"), scored.join("\n") + "\n");
  writeFileSync(join(folder, "suite.yaml"), "limits: {demographic_parity_ratio: 0.8}\n");
  run(["fairness", "check", "--data", "scored.csv", "--label", "label", "--score", "score", "--groups", "sex", "--suite", "suite.yaml", "--format", "json", "-o", "fairness.json"], folder, [0, 6]);
  const rows = csv.trim().split("\n");
  writeFileSync(join(folder, "train.csv"), rows.join("\n") + "\n");
  run(["data", "add", "train.csv", "--record", "record"], folder);
  const late = rows.map((line, i) => `${line.trim()},${i ? (i % 3 ? "web" : "branch") : "channel"}`).map((line, i) => (i > 0 && i % 5 === 0 ? line.replace(/^[^,]*/, "") : line));
  writeFileSync(join(folder, "train.csv"), late.slice(0, 251).join("\n") + "\n");
  run(["data", "add", "train.csv", "--record", "record"], folder);
}

export async function judging(server, folder) {
  const report = JSON.parse(readFileSync(join(folder, "fairness.json"), "utf8"));
  const { groups, impact_ratio_to_highest_rate: impact } = report.attributes.sex;

  await test("a fairness report is opened, kept with a version, and shown from there", async () => {
    const page = await visit(server, "/ui/fairness?model=credit&version=2", { expect: "has no fairness report" });
    await page.locator("input[type=file]").setInputFiles(join(folder, "fairness.json"));
    await page.getByText("selected is a score of").waitFor();
    await page.getByRole("button", { name: "Keep with v2" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Keep with v2" }).click();
    await page.waitForFunction(() => document.querySelector(".page-head")?.textContent.includes("did not pass"));
    const kept = await server.get("/mw/v1/models/credit/versions/2/gates/fairness/report");
    check(JSON.stringify(kept) === JSON.stringify(report), "another report is kept");
    const row = page.getByRole("row", { name: /^Female/ });
    const words = await row.innerText();
    check(words.includes(`${(groups.Female.selection_rate * 100).toFixed(0)} %`) && words.includes(impact.Female.toFixed(2)), words);
    await page.done();
  });
  await look(server, "fairness", "/ui/fairness?model=credit&version=2", { expect: "under four fifths", saves: true });
  await look(server, "data-list", "/ui/data", { expect: "train.csv" });
  await look(server, "data", "/ui/data/train.csv/2?against=1", { expect: "new column", saves: true });

  await test("two versions of data are compared, column by column", async () => {
    const page = await visit(server, "/ui/data", { expect: "train.csv" });
    await page.getByRole("row", { name: /train.csv\s*2/ }).getByRole("link").click();
    await page.getByRole("combobox", { name: "compare with" }).selectOption("1");
    const limit = page.getByRole("row", { name: /^credit_limit/ });
    await limit.getByText(/missing \+/).waitFor();
    const { columns } = await server.get("/mw/v1/data/train.csv/2/profile");
    const of = columns.find((c) => c.name === "credit_limit");
    check((await limit.innerText()).includes(`${((of.missing / (of.missing + of.count)) * 100).toFixed(0)} %`), await limit.innerText());
    await page.getByText("changed").first().waitFor();
    await page.done();
  });
}
