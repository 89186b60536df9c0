/* Many rows explained: pasted, and from the prediction log. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { check, root, test, visit } from "./house.mjs";
import { look } from "./look.mjs";

const csv = readFileSync(join(root, "examples/credit.csv"), "utf8");

async function paste(page, text) {
  await page.getByLabel("rows as CSV or JSON").fill(text);
  await page.getByRole("button", { name: "Explain these rows" }).click();
  await page.getByRole("img", { name: /^beeswarm of / }).waitFor();
}

export async function studying(server) {
  await look(server, "explain-many", "/ui/explain?endpoint=credit&view=many&along=income", { expect: "Paste some", dark: true, then: (page) => paste(page, csv) });

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
