/* The same answers at the same time are drawn the same, light and dark: pages are drawn twice, in a browser's
 * window of their own each, and at most a thousandth of the pixels may differ.
 *
 *     MW_BASELINE=DIR node tests/window/run.mjs "drawn the same"
 *
 * compares with pictures of an earlier commit: the first run leaves DIR/PAGE.json (what the server answered, and
 * when) and pictures of it, which a person looks at; later runs draw from the same answers. They are not in the
 * repository: letters are drawn otherwise with each machine's fonts, so that they would be baselines of one
 * machine, and a change of a page would bring hundreds of kilobytes along. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blank, check, pictures, test, visit } from "./house.mjs";

const folder = process.env.MW_BASELINE;
const most = 0.001;
const data = /\/(mw\/v1|api\/2\.0|v1|endpoints)\//;
const keyOf = (request) => `${request.method()} ${request.url().replace(/^https?:\/\/[^/]+/, "")} ${request.postData() ?? ""}`;

/* What the server answers is kept, or what was kept is answered. */
const answering = (kept, isNew) => async (route) => {
  const request = route.request(), key = keyOf(request);
  if (!data.test(request.url()) || request.resourceType() === "document") return route.fallback();
  if (request.url().includes("/events?")) return route.fulfill({ status: 204, body: "" });
  if (isNew && !kept.answers[key]) {
    const answer = await route.fetch();
    kept.answers[key] = { status: answer.status(), contentType: answer.headers()["content-type"], body: await answer.text() };
  }
  return route.fulfill(kept.answers[key] ?? { status: 503, contentType: "application/json", body: `{"detail": "nobody asked for this before: ${request.method()}"}` });
};

async function drawn(server, path, expect, kept, isNew) {
  const page = await visit(server, path, { expect, errors: ["404", "503"], clock: kept.at, routes: { "**/*": answering(kept, isNew) } });
  await page.waitForFunction(() => !document.querySelector("main [aria-busy]"));
  const found = {};
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    found[theme] = await page.screenshot({ fullPage: true });
  }
  await page.done();
  return found;
}

/* The share of pixels that differ by more than a shade. */
async function differs(page, a, b) {
  if (a.equals(b)) return 0;
  return page.evaluate(async (pair) => {
    const [x, y] = await Promise.all(pair.map(async (text) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]));
      const canvas = new OffscreenCanvas(image.width, image.height), paint = canvas.getContext("2d");
      paint.drawImage(image, 0, 0);
      return paint.getImageData(0, 0, image.width, image.height);
    }));
    if (x.width !== y.width || x.height !== y.height) return 1;
    let n = 0;
    for (let i = 0; i < x.data.length; i += 4) n += Math.max(Math.abs(x.data[i] - y.data[i]), Math.abs(x.data[i + 1] - y.data[i + 1]), Math.abs(x.data[i + 2] - y.data[i + 2])) > 8;
    return n / (x.data.length / 4);
  }, [a.toString("base64"), b.toString("base64")]);
}

export async function same(server, { experiment_id, runs }) {
  const some = [["endpoint", "/ui/endpoints/credit", "Latency heat"], ["compare", `/ui/compare?runs=${runs.join()}`, "What differs"]]; /* canvas, SVG */
  const others = [["overview", "/ui/", "requests/s"], ["explain", "/ui/explain?endpoint=credit", "sum check"], ["runs", `/ui/experiments/${experiment_id}`, "run 11"], ["run", `/ui/runs/${runs[1]}`, "auc"],
    ["models", "/ui/models", "churn"], ["model", "/ui/models/churn", "v2"], ["version", "/ui/models/churn/1", "Point it here"], ["lineage", "/ui/lineage?id=churn/1", "was made by"], ["alerts", "/ui/alerts", "Because of"],
    ["rules", "/ui/rules", "each is looked at"], ["capacity", "/ui/capacity", "The next day"], ["reports", "/ui/reports", "A new report"], ["audit", "/ui/audit", "run.create"], ["settings", "/ui/settings", "Nobody is asked"]];
  if (folder) mkdirSync(folder, { recursive: true });
  await test("the same answers are drawn the same, light and dark", async () => {
    const scratch = await blank();
    const faults = [];
    for (const [name, usual, expect] of folder ? [...some, ...others] : some) {
      const file = folder && join(folder, `${name}.json`), isNew = !file || !existsSync(file);
      const kept = isNew ? { path: usual, at: Date.now(), answers: {} } : JSON.parse(readFileSync(file, "utf8"));
      const first = isNew ? await drawn(server, kept.path, expect, kept, true) : Object.fromEntries(["light", "dark"].map((theme) => [theme, readFileSync(join(folder, `${name}-${theme}.png`))]));
      const second = await drawn(server, kept.path, expect, kept, false);
      if (isNew && folder) {
        writeFileSync(file, JSON.stringify(kept));
        for (const theme of ["light", "dark"]) writeFileSync(join(folder, `${name}-${theme}.png`), first[theme]);
      }
      for (const theme of ["light", "dark"]) {
        const share = await differs(scratch, first[theme], second[theme]);
        if (share <= most) continue;
        faults.push(`${name}, ${theme}: ${(100 * share).toFixed(2)} % of the pixels differ`);
        writeFileSync(join(pictures, `${name}-${theme}-differs.png`), second[theme]);
      }
    }
    await scratch.context().close();
    check(faults.length === 0, faults.join("\n"));
  });
}
