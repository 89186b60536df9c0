/* A server of its own, a browser, and how tests are counted. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const root = new URL("../..", import.meta.url).pathname;
export const binary = process.env.MW_BINARY ?? join(root, "build/millwright");
export const pictures = process.env.MW_PICTURES ?? join(root, "build/test-logs/window");
mkdirSync(pictures, { recursive: true });

/* ---- the server -------------------------------------------------------------------------------- */

export async function serve(...more) {
  const folder = mkdtempSync(join(tmpdir(), "window-"));
  const process_ = spawn(binary, ["serve", ...more.map((word) => word.replace("FOLDER", folder)), "--json", "--listen",
    "127.0.0.1:0", "--data", join(folder, "data")], { stdio: ["ignore", "pipe", "inherit"], cwd: folder });
  process.on("exit", () => process_.kill("SIGKILL")); /* whatever happens, none is left behind */
  const line = await new Promise((done, fail) => {
    let text = "";
    process_.stdout.on("data", (piece) => { text += piece; if (text.includes("\n")) done(text.split("\n")[0]); });
    process_.on("exit", (code) => fail(new Error(`the server ended with ${code}`)));
  });
  const url = JSON.parse(line).url;
  const post = async (path, body) => {
    const answer = await fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  const get = async (path) => (await fetch(url + path)).json();
  const stop = () => new Promise((done) => {
    process_.removeAllListeners("exit");
    process_.on("exit", (code) => { rmSync(folder, { recursive: true, force: true }); done(code); });
    process_.kill("SIGTERM");
  });
  return { url, post, get, stop, folder };
}

/* A command; its exit code must be among these. */
export function run(words, cwd, codes = [0]) {
  const done = spawnSync(binary, words, { cwd, encoding: "utf8", timeout: 60000 });
  if (!codes.includes(done.status)) throw new Error(`mw ${words.join(" ")}: ${done.status} ${done.stderr}`);
  return done.stdout;
}

/* ---- the browser ------------------------------------------------------------------------------- */

let browser;
export const open = async (program) => (browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-gpu"], handleSIGTERM: false, handleSIGINT: false }));
export const close = () => browser?.close();

/* A page without an address, to reckon in. */
export const blank = async () => (await browser.newContext()).newPage();

/* Files of the pages, and how large each is on its way: of all visits. */
export const loaded = new Map();

/* Tab until this has the focus, which must be seen: by keys alone. */
export async function tabTo(page, target, most = 150) {
  const handle = await target.elementHandle();
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    const seen = await handle.evaluate((one) => {
      if (document.activeElement !== one) return "";
      const style = getComputedStyle(one), box = one.getBoundingClientRect();
      const shown = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
      return shown && box.top < innerHeight && box.bottom > 0 ? "seen" : "not to be seen";
    });
    if (seen) return check(seen === "seen", `the focus is ${seen}`);
  }
  throw new Error(`${most} tabs do not lead there`);
}

/* A page that fails the test by an error on its console, a script's exception, or a request to
 * another server. */
export async function visit(server, path, { dark = false, width = 1280, expect = "", routes = {}, errors = [], init, clock } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 860 }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce", timezoneId: "UTC",
  });
  context.setDefaultTimeout(60000); /* a busy machine is no fault */
  const page = await context.newPage();
  await page.addInitScript(() => { /* how far things moved by themselves */
    window.shifts = [];
    new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifts.push({ value: one.value, hadRecentInput: one.hadRecentInput, what: (one.sources ?? []).map((s) => `${s.node?.parentElement?.className ?? ""}/${s.node?.className?.baseVal ?? s.node?.className ?? ""}:${Math.round(s.previousRect.y)}>${Math.round(s.currentRect.y)}`).join(" ") }); }).observe({ type: "layout-shift", buffered: true });
  });
  if (init) await page.addInitScript(init);
  if (clock) await page.clock.setFixedTime(clock);
  page.faults = [];
  const seen = new Set();
  page.bytes = { js: 0, css: 0 };
  page.on("console", (message) => {
    if (message.type() === "error" && !errors.some((word) => message.text().includes(word))) page.faults.push(message.text());
  });
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) page.faults.push(`asked ${request.url()}`);
  });
  page.on("response", async (response) => {
    const size = Number(response.headers()["content-length"] ?? 0);
    if (!new URL(response.url()).pathname.includes("/ui") || seen.has(response.url())) return;
    seen.add(response.url());
    if (response.request().resourceType() === "document") loaded.set("the page itself", size);
    if (/\.(js|css|svg)$/.test(response.url())) loaded.set(response.url().replace(/.*\//, ""), size);
    if (response.url().endsWith(".js")) page.bytes.js += size;
    if (response.url().endsWith(".css")) page.bytes.css += size;
  });
  for (const [pattern, answer] of Object.entries(routes)) await page.route(pattern, (route) => (typeof answer === "function" ? answer(route) : route.fulfill(answer)));
  await page.goto(server.url + path);
  await page.waitForSelector("main h1");
  if (expect) await page.getByText(expect).first().waitFor();
  page.done = async () => {
    const faults = page.faults;
    await context.close();
    if (faults.length) throw new Error(faults.slice(0, 3).join("\n"));
  };
  return page;
}

/* ---- counting ---------------------------------------------------------------------------------- */

const counts = { passed: 0, failed: 0 };
const only = process.argv[2];

export async function test(name, run) {
  if (only && !name.includes(only)) return;
  const began = Date.now();
  try {
    await run();
    counts.passed++;
    console.log(`ok      ${name}   ${Date.now() - began} ms`);
  } catch (fault) {
    counts.failed++;
    console.log(`FAILED  ${name}\n${fault.stack ?? fault}`);
  }
}

export function total() {
  console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`);
  return counts.failed || !counts.passed ? 1 : 0;
}

export function check(holds, words) {
  if (!holds) throw new Error(words);
}
