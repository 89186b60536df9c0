/* The page Capacity: a week that nobody has waited for, of which the answer is known. */
import { check, test, visit } from "./house.mjs";
import { look } from "./look.mjs";

const day = 86400;

/* Loop 0 is busy for 20 % by night and, each day a twentieth more of the time, for 40 % and up at noon; loop
 * 1 half as much. */
function busyOf(t, now) {
  const age = (now - t) / day;
  return t % day >= 12 * 3600 && t % day < 13 * 3600 ? 0.4 + 0.05 * (7 - age) : 0.2;
}

function history(url, now, { empty = false } = {}) {
  const asked = url.searchParams;
  const [from, to] = [Number(asked.get("from")), Math.min(now, Number(asked.get("to")))];
  const step = Math.max(60, Math.ceil((to - from) / 400 / 60) * 60);
  const t = Array.from({ length: Math.floor((to - from) / step) }, (_, i) => from + step * (i + 1));
  const sum = (share) => { let all = 0; return t.map((at) => (all += step * share(at))); };
  const line = (metric, values, labels = {}) => ({ metric, labels, values });
  const all = [
    line("mw_loop_busy_seconds_total", sum((at) => busyOf(at, now)), { loop: "0" }), line("mw_loop_busy_seconds_total", sum((at) => busyOf(at, now) / 2), { loop: "1" }),
    line("mw_pool_busy_seconds_total", sum(() => 0.1)), line("mw_pool_threads", t.map(() => 2)), line("process_resident_memory_bytes", t.map(() => 6e9)),
    line("mw_memory_limit_bytes", t.map(() => 1e10)), line("process_open_fds", t.map(() => 50)), line("process_max_fds", t.map(() => 1000)),
    line("mw_http_requests_total", sum(() => 120)), line("mw_disk_free_share", t.map(() => 0.5)),
    ...["decode", "predict", "encode"].map((stage, i) => line("mw_stage_seconds_sum", sum(() => [0.06, 0.03, 0.01][i]), { endpoint: "credit", stage })),
  ];
  const wanted = asked.get("metric").split(",");
  return { step, t, series: empty ? [] : all.filter((s) => wanted.includes(s.metric)) };
}

const answered = (options) => (route) => route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify(history(new URL(route.request().url()), Math.floor(Date.now() / 1000), options)) });

export async function capacity(server) {
  const canned = (options) => async (page) => {
    await page.route("**/mw/v1/history*", answered(options));
    await page.reload();
    await page.getByText(options?.empty ? "two kept minutes" : "The next peak is expected").waitFor();
  };
  await look(server, "capacity", "/ui/capacity?range=24h", { expect: "The next day", then: canned() });

  await test("capacity: what is fullest, what it carries, and when peaks reach the limit", async () => {
    const page = await visit(server, "/ui/capacity?range=24h", { expect: "The next peak is expected", routes: { "**/mw/v1/history*": answered() } });
    const main = page.locator("main");
    for (const words of ["The busiest loop", "12:", "send binary tensors instead of JSON"]) check((await main.innerText()).includes(words), `${words} is not told`);
    const [, busiest] = /The busiest loop\s+[^\d]*(\d+) %\s+(\d+) %/.exec((await page.getByRole("row", { name: /^The busiest loop/ }).innerText()).replaceAll("\t", " ")) ?? [];
    check(Number(busiest) >= 20, `the busiest loop is ${busiest} % busy now`);
    check(/reach 85 % on \d{4}-\d\d-\d\d/.test(await main.innerText()), "it is not told when peaks reach the limit");
    await page.getByLabel("requests").selectOption("5");
    await page.getByText("it takes 4 such servers").waitFor(); /* 0.75 * 0.75 of two loops, five times: 2.8, and more than 3 * 0.85 */
    await page.getByLabel("servers").selectOption("4");
    await page.getByText("it takes 4 such servers").waitFor({ state: "detached" });
    await page.done();
  });

  await test("capacity: a server that has just begun says when it is known", async () => {
    const page = await visit(server, "/ui/capacity", { expect: "two kept minutes", routes: { "**/mw/v1/history*": answered({ empty: true }) } });
    await page.getByText("known when two days are kept").waitFor();
    await page.done();
  });
}
