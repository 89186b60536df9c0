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
export async function audited(page, rules) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const found = await page.evaluate(async (only) => {
    const result = await window.axe.run(document, { runOnly: only ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] });
    return result.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary?.split("\n").slice(1, 2).join(" ")}`).join("; ")}`);
  }, rules);
  check(found.length === 0, found.join("\n"));
}

/* Of axe's rules, those that colours decide: all that a theme changes. */
const coloured = ["color-contrast", "link-in-text-block"];

/* Charts and tables leave as what their buttons say, and none of the files is empty. Of many, which are
 * of one make, the first three, one in the middle and the last. */
async function saved(page) {
  const files = [];
  page.on("download", (file) => files.push(file));
  await page.keyboard.press("."); /* what is live would put others in their place */
  const asked = await page.evaluate(() => {
    const all = [...document.querySelectorAll(".save")].filter((one) => one.checkVisibility());
    const some = all.filter((_, i) => all.length < 6 || i < 3 || i === all.length >> 1 || i === all.length - 1);
    return some.flatMap((one) => [...one.querySelectorAll("button")].map((b, at) => ({ group: all.indexOf(one), at, kind: b.innerText.toLowerCase() })));
  });
  const press = (buttons) => page.evaluate((all) => all.forEach(({ group, at }) => [...document.querySelectorAll(".save")].filter((one) => one.checkVisibility())[group]?.querySelectorAll("button")[at]?.click()), buttons);
  await press(asked); /* by their places: the page may have been drawn anew */
  for (let i = 0; i < 200 && files.length < asked.length; i++) await wait(25);
  if (files.length < asked.length) files.length = 0;
  for (const [n, button] of asked.entries()) /* one of a kind may stand for another then: each by itself */
    for (let tries = 0; tries < 4 && files.length === n; tries++) {
      await press([button]);
      for (let i = 0; i < 100 && files.length === n; i++) await wait(50);
    }
  await page.keyboard.press(".");
  check(files.length === asked.length, `${files.length} of ${asked.length} files came`);
  for (const file of files) {
    const name = file.suggestedFilename(), bytes = readFileSync(await file.path()), kind = name.replace(/.*\./, "");
    check(/^[^/\\:*?"<>|]{3,}\.\w+$/.test(name), `${name} is no name for a file`);
    if (kind === "svg") check(/<title>[^<]{4,}/.test(bytes), `${name} has no title`);
    if (kind === "csv") check(/^[^,\r\n]+(,[^,\r\n]+)+\r\n/.test(bytes), `${name} names no columns`);
    check(kind === "png" ? bytes.subarray(1, 4).toString() === "PNG" && bytes.length > 200 : kind === "svg" ? bytes.includes("<svg") && bytes.includes("</svg>") : kind === "csv" && bytes.length > 2, `${name} has ${bytes.length} bytes`);
  }
  for (const kind of ["csv", "svg", "png"]) check(files.filter((f) => f.suggestedFilename().endsWith(kind)).length === asked.filter((a) => a.kind === kind).length, `not all as ${kind}`);
}

/* A picture of each way of looking; `then` prepares the page; saves: files of its charts are taken. */
export async function look(server, name, path, { expect = "", saves, then, errors = [] } = {}) {
  await test(`${name}: is shown, to everybody`, async () => {
    const page = await visit(server, path, { expect, errors });
    await then?.(page);
    await wait(150);
    const moved = await page.evaluate(() => (window.shifts ?? []).reduce((sum, one) => sum + (one.hadRecentInput ? 0 : one.value), 0));
    if (moved >= 0.1) console.log(await page.evaluate(() => window.shifts.map((s) => `${s.value.toFixed(3)} ${s.what}`).join("\n")));
    check(moved < 0.1, `the page moved under its reader: ${moved.toFixed(3)}`);
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    await audited(page);
    if (saves) await saved(page);
    await page.setViewportSize({ width: 320, height: 700 });
    await page.waitForFunction(() => document.documentElement.scrollWidth <= 320).catch(() => {}); /* charts follow a frame later */
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= 320, `${wide} pixels wide on a phone of 320`);
    await page.screenshot({ path: join(pictures, `${name}-phone.png`), fullPage: true });
    check(!(await page.evaluate(() => window.hacked)), "a script that somebody typed has run");
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.emulateMedia({ colorScheme: "dark" });
    await wait(150);
    await page.screenshot({ path: join(pictures, `${name}-dark.png`), fullPage: true });
    await audited(page, coloured);
    await page.done();
  });
}
