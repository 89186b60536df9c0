/* Where the server asks who is there: signing in, what a viewer may not, what a deployer may. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, pictures, root, run, serve, test, visit } from "./house.mjs";
import { audited, wait } from "./look.mjs";

export async function people() {
  const folder = mkdtempSync(join(tmpdir(), "window-people-"));
  const record = join(folder, "record");
  const token = (role) => run(["token", "create", role, "--role", role, "--record", record], folder).trim();
  const tokens = { viewer: token("viewer"), deployer: token("deployer") };
  const config = join(folder, "alerts.yaml");
  writeFileSync(config, JSON.stringify({ alerts: { rules: [{ name: "Busy", when: "sum by (endpoint) (mw_rows_total) > 2", severity: "critical" }] } }));
  const server = await serve(`credit=${root}/examples/models/credit.json`, "--record", record, "--config", config, "--auth", "on");
  const lines = readFileSync(join(root, "examples/credit.csv"), "utf8").trim().split("\n").slice(0, 9).map((line) => line.trim().split(","));
  const data = lines.slice(1).map((cells) => cells.map((cell) => (cell === "" ? null : Number(cell))));
  await server.post("/endpoints/credit/invocations", { dataframe_split: { columns: lines[0], data } });
  const ask = async (role, path) => (await fetch(server.url + path, { headers: { Authorization: `Bearer ${tokens[role]}` } })).json();
  const enter = async (page, role) => {
    await page.getByRole("textbox", { name: "Token" }).fill(tokens[role]);
    await page.getByRole("button", { name: "Sign in" }).first().click();
    await page.getByTitle("sign out").waitFor();
  };

  await test("one signs in: a viewer looks, a deployer acts", async () => {
    for (let i = 0; i < 100 && !(await ask("viewer", "/mw/v1/alerts?state=firing")).total; i++) await wait(100);
    const page = await visit(server, "/ui/alerts", { expect: "With a token", errors: ["401"] });
    await page.screenshot({ path: join(pictures, "sign-in.png"), fullPage: true });
    await audited(page);
    await enter(page, "viewer");
    await page.getByRole("button", { name: "Busy" }).first().click();
    const button = page.getByRole("button", { name: "Acknowledge" });
    await button.waitFor();
    check(await button.isDisabled(), "a viewer may press it");
    check((await button.getAttribute("title")) === "it needs the role deployer", "it does not say why");
    const rules = () => page.goto(`${server.url}/ui/rules?rule=Busy`);
    await rules();
    await page.getByText("it needs the role deployer to change it").waitFor();
    check((await page.getByRole("button", { name: /Set the rule|Try it now/ }).count()) === 0, "a viewer sees the form");
    await page.getByTitle("sign out").click();
    await page.getByText("With a token").waitFor();
    await enter(page, "deployer");
    await page.getByRole("button", { name: "Try it now" }).waitFor();
    await page.goto(`${server.url}/ui/alerts`);
    await page.getByRole("button", { name: "Busy" }).first().click();
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    const [alert] = (await ask("viewer", "/mw/v1/alerts?state=firing")).items;
    check(alert.acknowledged.by === "token:deployer" || alert.acknowledged.by === "deployer", JSON.stringify(alert.acknowledged));
    await page.done();
  });
  await test("the server that asks stopped as it should", async () => check((await server.stop()) === 0, "it did not"));
  rmSync(folder, { recursive: true, force: true });
}
