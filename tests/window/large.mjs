/* Much of everything: 10,000 runs, 500 features, 200 rows of them. What a person does is answered
 * within 200 ms, on a machine that has nothing else to do; here three times that is let pass. */
import { scrolling, visitRuns } from "./budget.mjs";
import { check, test, visit } from "./house.mjs";

const limit = Number(process.env.MW_SLOW ?? 3) * 200;
const json = (body) => ({ status: 200, contentType: "application/json", body: JSON.stringify(body) });

/* From an act until the second frame behind it: then it is painted. The best of three. */
async function painted(page, words, act) {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const took = await page.evaluate(`(async () => {
      const began = performance.now();
      (${act})(${i});
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return performance.now() - began;
    })()`);
    best = Math.min(best, took);
  }
  console.log(`        ${words}: ${best.toFixed(0)} ms`);
  check(best <= limit, `${words} took ${best.toFixed(0)} ms`);
}

export async function large(server) {
  await test("ten thousand runs are scrolled through", async () => {
    const page = await visitRuns(server);
    await painted(page, "a jump in 10,000 runs", (i) => { document.querySelector(".table-box").scrollTop = 28 * (2000 + 1500 * i); });
    const drawn = await page.locator("tbody tr").count();
    check(drawn > 10 && drawn < 100, `${drawn} rows are drawn`);
    await scrolling(page);
    await painted(page, "a run is chosen", () => document.querySelector("tbody input").click());
    await page.done();
  });

  await test("five hundred features: drift, what if, many rows", async () => {
    const detail = await server.get("/mw/v1/endpoints/credit");
    const names = Array.from({ length: 500 }, (_, i) => `a feature of a long name ${i}`);
    const wide = { ...detail, columns: names.map((name) => ({ name, type: "float64" })) };
    const drift = { ...(await server.get("/mw/v1/endpoints/credit/drift")), state: "watching", window_rows: 5000, window_seconds: 900,
      features: names.map((feature, i) => ({ feature, kind: "input", drifted: i % 50 === 0, psi: (i * 37 % 500) / 1000, psi_since: (i * 37 % 500) / 1000, log_e_value: i, since_rows: 100, since_seconds: 10, missing_share: 0, missing_share_reference: 0, outside_share: 0 })) };
    const t = Array.from({ length: 60 }, (_, i) => Math.floor(Date.now() / 1000) - 60 * (60 - i));
    const series = { version: 1, measure: "psi", step: 60, t, rows: t.map(() => 500), series: Object.fromEntries(names.map((name, i) => [name, t.map((_, k) => ((i + k) % 40) / 100)])) };
    const told = (route) => {
      const { instances } = route.request().postDataJSON();
      return route.fulfill(json({ predictions: instances.map(() => 0.5), explanations: instances.map((_, r) => ({ margin: 0, bias: 0, contributions: Object.fromEntries(names.map((name, i) => [name, Math.sin(r * 7 + i * 3) / (1 + i)])) })) }));
    };
    const routes = { "**/mw/v1/endpoints/credit": json(wide), "**/credit/drift": json(drift), "**/drift/series*": json(series), "**/models/credit:explain": told, "**/mw/v1/events*": { status: 204, body: "" } };
    const page = await visit(server, "/ui/endpoints/credit", { expect: "the largest 6 of 500", routes });
    await page.getByRole("button", { name: "all 500" }).click();
    const table = page.getByRole("region", { name: "drift: 500 rows" });
    await table.waitFor();
    check((await table.locator("tbody tr").count()) < 80, "all rows are drawn");
    await painted(page, "500 columns are sorted", () => [...document.querySelectorAll("th button")].find((b) => b.textContent.startsWith("PSI")).click());
    await page.goto(`${server.url}/ui/explain?endpoint=credit`);
    await page.getByText("sum check").waitFor();
    await painted(page, "one of 500 values is slid", (i) => {
      const input = document.querySelectorAll(".inputs input[type=range]")[300];
      input.value = String(0.1 + i / 10);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await page.goto(`${server.url}/ui/explain?endpoint=credit&view=many`);
    const rows = [names.join(","), ...Array.from({ length: 200 }, (_, r) => names.map((_, i) => (r * 13 + i * 7) % 101).join(","))].join("\n");
    await page.getByLabel("rows as CSV or JSON").fill(rows);
    await page.getByRole("button", { name: "Explain these rows" }).click();
    await page.getByRole("img", { name: /^beeswarm of 200 rows/ }).waitFor();
    await painted(page, "dependence on another of 500 features", (i) => {
      const select = [...document.querySelectorAll("select")].find((one) => one.parentElement.textContent.startsWith("along"));
      select.selectedIndex = 10 + i;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    });
    await page.done();
  });
}
