/* The budgets of pages as work, which a busy machine does not change: elements that a scroll makes, draws that
 * an event costs, points that a chart is drawn of, what an hour of events leaves behind. Their times are
 * bench.mjs's. */
import { check, test, visit } from "./house.mjs";

const json = (body) => ({ status: 200, contentType: "application/json", body: JSON.stringify(body) });

/* ---- ten thousand rows ---------------------------------------------------------------------------- */

const all = 10000;
const piece = 2500;

/* The answers of a server with so many runs. */
export const manyRuns = () => {
  const runs = (from) => Array.from({ length: piece }, (_, k) => ({
    info: { run_id: `${from + k}`.padStart(32, "0"), run_name: `run ${from + k}`, experiment_id: "1", status: "FINISHED", start_time: 1764000000000 + from + k },
    data: { metrics: Array.from({ length: 6 }, (_, m) => ({ key: `metric ${m}`, value: ((from + k) * (m + 3)) % 97, timestamp: 0, step: 0 })), params: [{ key: "depth", value: String((from + k) % 9) }] },
  }));
  const search = (route) => {
    const from = Number(route.request().postDataJSON().page_token ?? 0);
    return route.fulfill(json({ runs: runs(from), ...(from + piece < all ? { next_page_token: String(from + piece) } : {}) }));
  };
  return { "**/runs/search": search, "**/experiments/get*": json({ experiment: { experiment_id: "1", name: "much", lifecycle_stage: "active" } }) };
};

export async function visitRuns(server) {
  const page = await visit(server, "/ui/experiments/1", { expect: "run 11", routes: manyRuns() });
  for (let n = piece; n < all; n += piece) {
    await page.evaluate(() => { const box = document.querySelector(".table-box"); box.scrollTop = box.scrollHeight; });
    await page.getByRole("region", { name: `: ${n + piece} rows` }).waitFor();
  }
  return page;
}

/* What a scroll of these pixels a frame changes in the table: rows that are made, other changes. */
const scrolled = (page, pixels, frames) => page.evaluate(async ([pixels, frames]) => {
  const box = document.querySelector(".table-box"), frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  box.scrollTop = 28 * 1000;
  await frame();
  const work = { rows: 0, kept: 0, others: 0 };
  const before = new Set(box.querySelectorAll("tbody tr"));
  const watch = new MutationObserver((list) => {
    for (const one of list)
      if (one.type === "childList") work.rows += [...one.addedNodes].filter((node) => node.nodeName === "TR").length;
      else if (one.target.data !== one.oldValue && !one.target.closest?.(".spacer")) work.others++;
  });
  watch.observe(box, { childList: true, subtree: true, attributes: true, characterData: true, characterDataOldValue: true });
  for (let i = 0; i < frames; i++) { box.scrollTop += pixels; await frame(); }
  work.kept = [...box.querySelectorAll("tbody tr")].filter((row) => before.has(row)).length;
  watch.disconnect();
  return work;
}, [pixels, frames]);

/* ---- an hour of events ------------------------------------------------------------------------------ */

/* In the page: a stream that tests speak on, and how much is drawn. */
export const heardByHand = () => {
  window.streams = [];
  window.EventSource = class {
    constructor(url) { Object.assign(this, { url, readyState: 1, of: {} }); window.streams.push(this); }
    addEventListener(name, hear) { (this.of[name] ??= []).push(hear); }
    close() { this.readyState = 2; }
  };
  window.EventSource.CLOSED = 2;
  window.say = (name, data) => {
    const open = window.streams.filter((one) => one.readyState === 1);
    for (const one of open) for (const hear of one.of[name] ?? []) hear({ data: JSON.stringify(data) });
    return open.length;
  };
  window.drawn = { draws: 0, points: 0 };
  const { clearRect } = CanvasRenderingContext2D.prototype, { lineTo } = Path2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...at) { window.drawn.draws++; return clearRect.apply(this, at); };
  Path2D.prototype.lineTo = function (...at) { window.drawn.points++; return lineTo.apply(this, at); };
};

/* n seconds of an endpoint, `each` of them to a frame; how much was drawn. */
export const live = (page, name, n, each) => page.evaluate(async ([name, n, each]) => {
  window.second ??= Math.floor(Date.now() / 1000);
  window.drawn = { draws: 0, points: 0 };
  const began = performance.now();
  for (let i = 0; i < n; i++) {
    const t = ++window.second, requests = (t * 7) % 50;
    const open = window.say("point", { endpoint: name, t, requests, ok: requests, client_errors: 0, server_errors: 0, rows: requests, p50: 0.001, p90: 0.002, p99: 0.003 + (t % 9) / 1000, latency: Array.from({ length: 24 }, (_, b) => (b === t % 24 ? requests : 0)), versions: { 1: { requests, errors: 0, p99: 0.003 } } });
    if (open !== 1) throw new Error(`${open} streams are open`);
    if (i % each === each - 1) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
  return { ...window.drawn, ms: performance.now() - began };
}, [name, n, each]);

/* What is held when all that can go has gone. */
export async function heap(page) {
  const session = await page.context().newCDPSession(page);
  for (let i = 0; i < 3; i++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
  await session.detach();
  return { bytes: usedSize, nodes, listeners: jsEventListeners };
}

/* A scroll makes the rows that come into sight, and changes no other. */
export async function scrolling(page) {
  const slow = await scrolled(page, 7, 40); /* ten rows */
  check(slow.rows >= 6 && slow.rows <= 18 && slow.kept >= 20, `ten rows further ${JSON.stringify(slow)}`);
  const fast = await scrolled(page, 112, 30); /* four rows a frame */
  check(fast.rows <= 4 * 30 + 12, `120 rows further ${JSON.stringify(fast)}`);
  check(slow.others === 0, `rows that stay are changed: ${JSON.stringify(slow)}`);
}

export async function budgets(server) {
  await test("an hour of events leaves nothing behind, and each is drawn once", async () => {
    const page = await visit(server, "/ui/endpoints/credit", { expect: "Latency heat", init: heardByHand });
    await page.locator(".chart-plot canvas").nth(2).waitFor();
    await page.waitForFunction(() => window.streams.some((one) => one.readyState === 1));
    await live(page, "credit", 1200, 40); /* the quarter of an hour that is shown is full */
    const before = await heap(page);
    const one = await live(page, "credit", 20, 1);
    const canvases = await page.locator("main canvas").count();
    check(one.draws >= 20 && one.draws <= 20 * canvases, `20 events: ${one.draws} draws of ${canvases} canvases`);
    check(one.points / one.draws <= 6 * 2 * 1280, `${Math.round(one.points / one.draws)} points a draw`);
    await page.evaluate(() => { window.second += 200000; }); /* the tab has slept: what it missed is not kept, either */
    await live(page, "credit", 3600, 40);
    const after = await heap(page);
    const grown = Object.fromEntries(Object.keys(before).map((key) => [key, after[key] - before[key]]));
    console.log(`        after an hour: ${JSON.stringify(grown)} of ${JSON.stringify(before)}`);
    check(grown.bytes < 1.5e6 && grown.nodes < 200 && grown.listeners < 50, `an hour left behind ${JSON.stringify(grown)}`);
    await page.done();
  });

  await test("a chart of a day has no more points than pixels can show", async () => {
    const to = Math.floor(Date.now() / 1000);
    for (const w of [300, 640]) {
      const { t } = await server.get(`/mw/v1/endpoints/credit/series?from=${to - 86400}&to=${to}&w=${w}`);
      check(t.length > 0 && t.length <= 2 * w, `${t.length} points for ${w} pixels`);
    }
  });
}
