/* Reports are files: without a server they read as well, in the dark and on a phone. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, pictures, run, test, visit } from "./house.mjs";
import { audited } from "./look.mjs";

/* One way of looking each: what they share is the same code. */
const kinds = [["drift", "What changed", { dark: false, width: 1280 }], ["weekly", "What to look at", { dark: true, width: 320 }]];

/* Tables of checks, of files: as narrow as a phone, too. */
async function checks() {
  const scored = join(pictures, "scored.csv");
  writeFileSync(scored, ["sex,label,score", ...Array.from({ length: 240 }, (_, i) => `${["F", "M", "Other"][i % 3]},${i % 2},${((i * 37) % 240) / 240}`)].join("\n") + "\n");
  const kinds = { validate: ["model", "validate", "--predictions", "score", "--target", "label", "--slices", "sex"], fairness: ["fairness", "check", "--label", "label", "--score", "score", "--groups", "sex"] };
  for (const [kind, words] of Object.entries(kinds)) {
    const file = join(pictures, `check-${kind}.html`);
    run([...words, "--data", scored, "--format", "html", "-o", file], pictures, [0, 6]);
    const page = await visit({ url: "file://" }, file, { expect: kind === "validate" ? "Metrics" : "Between groups", width: 320 });
    await audited(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= 320, `${kind}: ${wide} pixels wide on a phone of 320`);
    await page.screenshot({ path: join(pictures, `check-${kind}-phone.png`), fullPage: true });
    await page.done();
  }
}

export async function reports(server) {
  await test("checks of files are read on a phone", checks);
  await test("reports read without a server, by everybody", async () => {
    for (const [kind, expect, look] of kinds) {
      const file = join(pictures, `report-${kind}.html`);
      run(["report", kind, "credit", "--server", server.url, "-o", file], pictures);
      check(statSync(file).size < 2e6, `${kind}: ${statSync(file).size} bytes`);
      const page = await visit({ url: "file://" }, file, { expect, ...look });
      check(!(await page.evaluate(() => document.scripts.length)), `${kind} has a script`);
      await audited(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      check(wide <= look.width, `${kind}: ${wide} pixels wide on a window of ${look.width}`);
      await page.screenshot({ path: join(pictures, `report-${kind}.png`), fullPage: true });
      const pdf = await page.pdf({ path: join(pictures, `report-${kind}.pdf`), preferCSSPageSize: true, tagged: true });
      const pages = (pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;
      check(pages >= 1 && pages <= 12, `${kind}: ${pages} pages of paper`);
      await page.done();
    }
  });
}
