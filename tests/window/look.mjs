/* A page as everybody sees it: light, dark, on a phone; by axe's rules; and traffic for it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { check, pictures, test, visit } from "./house.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export async function traffic(server, names, n, shift = 0) {
  for (const name of names) {
    const { columns } = await server.get(`/mw/v1/endpoints/${name}`);
    for (let i = 0; i < n; i++) {
      const rows = Array.from({ length: 250 }, (_, k) => Object.fromEntries(columns.map((c, j) =>
        [c.name, c.categories ? c.categories[(i + k) % c.categories.length] : ((i * 31 + k * 17 + j * 7) % 100) + (j ? 0 : shift)])));
      await server.post(`/endpoints/${name}/invocations`, { dataframe_records: rows });
    }
  }
}

/* axe itself must get in past the page's policy: by the browser's own door, not the page's. */
export async function audited(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary?.split("\n").slice(1, 2).join(" ")}`).join("; ")}`);
  });
  check(found.length === 0, found.join("\n"));
}

/* A picture of each way of looking; `then` prepares the page. */
export async function look(server, name, path, { expect = "", dark, then, errors = [] } = {}) {
  await test(`${name}: is shown, to everybody`, async () => {
    const page = await visit(server, path, { expect, errors });
    await then?.(page);
    await wait(150);
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    await audited(page);
    await page.setViewportSize({ width: 320, height: 700 });
    await wait(100);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= 320, `${wide} pixels wide on a phone of 320`);
    await page.screenshot({ path: join(pictures, `${name}-phone.png`), fullPage: true });
    check(!(await page.evaluate(() => window.hacked)), "a script that somebody typed has run");
    if (dark) {
      await page.setViewportSize({ width: 1280, height: 860 });
      await page.emulateMedia({ colorScheme: "dark" });
      await wait(150);
      await page.screenshot({ path: join(pictures, `${name}-dark.png`), fullPage: true });
      await audited(page);
    }
    await page.done();
  });
}
