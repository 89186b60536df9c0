/* The budgets of pages as times, on this machine: what budget.mjs tests as work. Nothing else should run.
 *
 *     MW_CHROMIUM=/usr/bin/chromium node tests/window/bench.mjs */
import { join } from "node:path";
import { close, open, root, serve, visit } from "./house.mjs";
import { heap, heardByHand, live, visitRuns } from "./budget.mjs";

const say = (what, value, budget) => console.log(`${what.padEnd(52)} ${value.padStart(12)}   ${budget}`);
const json = (body) => ({ status: 200, contentType: "application/json", body: JSON.stringify(body) });

/* Frames a second while a table of 10,000 rows is scrolled by so many pixels a frame. */
async function rows(server) {
  const page = await visitRuns(server);
  for (const pixels of [30, 120, 600]) {
    const { frames, slow } = await page.evaluate(async (by) => {
      const box = document.querySelector(".table-box"), took = [];
      box.scrollTop = 0;
      await new Promise((done) => setTimeout(done, 300));
      const began = performance.now();
      for (let last = began; last - began < 3000;) {
        box.scrollTop += by;
        await new Promise((done) => requestAnimationFrame(done));
        const now = performance.now();
        took.push(now - last);
        last = now;
      }
      took.sort((a, b) => a - b);
      return { frames: took.length / 3, slow: took[Math.floor(took.length * 0.95)] };
    }, pixels);
    say(`10,000 rows scrolled, ${pixels} pixels a frame`, `${frames.toFixed(0)} fps`, `>= 50 fps; nineteen of twenty frames under ${slow.toFixed(0)} ms`);
  }
  await page.done();
}

/* An event on the page of an endpoint: all charts are drawn anew. */
async function events(server) {
  const page = await visit(server, "/ui/endpoints/credit", { expect: "Latency heat", init: heardByHand });
  await page.locator(".chart-plot canvas").nth(2).waitFor();
  await page.waitForFunction(() => window.streams.some((one) => one.readyState === 1));
  await live(page, "credit", 1200, 40);
  const before = await heap(page);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const busy = async () => (await session.send("Performance.getMetrics")).metrics.filter((m) => ["ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].includes(m.name)).reduce((sum, m) => sum + m.value, 0);
  const began = await busy();
  const { draws } = await live(page, "credit", 3600, 1);
  say("an event drawn: 4 charts and the heat, script and layout", `${(((await busy()) - began) / 3600 * 1000).toFixed(1)} ms`, `a chart < 16 ms; ${(draws / 3600).toFixed(1)} draws an event`);
  const after = await heap(page);
  say("held after an hour of events, each drawn", `${((after.bytes - before.bytes) / 1024).toFixed(0)} KiB`, `flat; ${after.nodes - before.nodes} elements, ${after.listeners - before.listeners} listeners more`);
  await page.done();
}

/* A day at ten seconds a point, more than the server would send, on one chart. */
async function day(server) {
  const to = Math.floor(Date.now() / 10000) * 10, t = Array.from({ length: 8640 }, (_, i) => to - 10 * (8640 - i));
  const wave = (k) => t.map((_, i) => 0.001 * (2 + Math.sin(i / (40 + 9 * k)) + ((i * 7919) % 97) / 97));
  const series = { from: t[0], to, step: 10, t, series: { p50: wave(1), p90: wave(2), p99: wave(3), ok: wave(4), client_errors: wave(5), server_errors: wave(6) }, versions: { 1: { requests: wave(7), errors: wave(8), p99: wave(9) } } };
  const page = await visit(server, "/ui/endpoints/credit?range=24h", { expect: "Latency heat", init: heardByHand, routes: { "**/series?*": json(series) } });
  await page.locator(".chart-plot canvas").nth(2).waitFor();
  const took = await page.evaluate(async () => {
    const box = document.querySelectorAll(".chart-plot")[1], times = [];
    await new Promise((done) => setTimeout(done, 500));
    for (let i = 0; i < 15; i++) { /* a width of another pixel draws the chart anew */
      window.drawn.draws = 0;
      box.style.width = `${400 + 4 * i}px`;
      await new Promise((done) => requestAnimationFrame(() => { const began = performance.now(); setTimeout(() => { if (window.drawn.draws) times.push(performance.now() - began); done(); }); }));
    }
    return times.sort((a, b) => a - b)[times.length >> 1];
  });
  say("a chart of 24 h at 10 s drawn anew, 3 lines of 8,640", `${took.toFixed(1)} ms`, "< 16 ms, with its layout and paint");
  await page.done();
}

const server = await serve(`credit=${join(root, "examples/models/credit.json")}`, "--record", "FOLDER/record");
await open(process.env.MW_CHROMIUM ?? "/usr/bin/chromium");
await rows(server);
await events(server);
await day(server);
await close();
await server.stop();
