/* How full a server is, from what its /metrics said each minute (GET /mw/v1/history): shares of what it
 * has, how much more it would carry, and what a day is like. Pure. */

export interface Kept { metric: string; labels: Record<string, string>; values: (number | null)[] }
export interface History { step: number; t: number[]; series: Kept[] }

export const metrics = ["mw_loop_busy_seconds_total", "mw_pool_busy_seconds_total", "mw_pool_threads", "process_resident_memory_bytes", "mw_memory_limit_bytes",
  "process_open_fds", "process_max_fds", "mw_http_connections", "mw_http_requests_total", "mw_disk_free_share", "mw_cores"];

/* From which shares on something limits the server; it says so itself (GET /mw/v1/overview). */
export interface Limits { busy: number; full: number }

/* So near to its limit something is worth a look. */
const near = 0.85;
export const stateAt = (share: number | null, limit: number): "firing" | "watch" | "ok" | "none" => (share == null ? "none" : share >= limit ? "firing" : share >= near * limit ? "watch" : "ok");

export interface Load {
  t: number[];
  loops: (number | null)[]; /* shares 0..1: the mean of the loops, the busiest, threads for large bodies */
  busiest: (number | null)[];
  workers: (number | null)[];
  memory: (number | null)[];
  files: (number | null)[];
  disk: (number | null)[];
  requests: (number | null)[]; /* a second */
}

/* A counter's rise a second; null where a server began anew, or none ran. */
export function riseOf(t: number[], values: (number | null)[]): (number | null)[] {
  return values.map((v, i) => {
    const before = values[i - 1];
    return i === 0 || v == null || before == null || v < before ? null : (v - before) / (t[i]! - t[i - 1]!);
  });
}

const combine = (lists: (number | null)[][], how: (values: number[]) => number, n: number): (number | null)[] => Array.from({ length: n }, (_, i) => {
  const there = lists.map((l) => l[i]).filter((v): v is number => v != null);
  return there.length ? how(there) : null;
});
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
export const most = (values: (number | null)[]) => values.reduce<number | null>((a, v) => (v != null && (a == null || v > a) ? v : a), null);
export const newest = (values: (number | null)[]) => [...values].reverse().find((v) => v != null) ?? null;

export function loadOf(h: History): Load {
  const n = h.t.length;
  const of = (metric: string) => h.series.filter((s) => s.metric === metric).map((s) => s.values);
  const one = (metric: string) => of(metric)[0] ?? Array<null>(n).fill(null);
  const share = (a: string, b: string) => one(a).map((v, i) => { const all = one(b)[i]; return v == null || !all ? null : v / all; });
  const loops = of("mw_loop_busy_seconds_total").map((values) => riseOf(h.t, values));
  const pool = riseOf(h.t, one("mw_pool_busy_seconds_total"));
  const threads = one("mw_pool_threads");
  return {
    t: h.t,
    loops: combine(loops, mean, n),
    busiest: combine(loops, (values) => Math.max(...values), n),
    workers: pool.map((v, i) => (v == null || !threads[i] ? null : v / threads[i]!)),
    memory: share("process_resident_memory_bytes", "mw_memory_limit_bytes"),
    files: share("process_open_fds", "process_max_fds"),
    disk: one("mw_disk_free_share").map((v) => (v == null ? null : 1 - v)),
    requests: riseOf(h.t, one("mw_http_requests_total")),
  };
}

/* ---- what is fullest ----------------------------------------------------------------------------- */

export interface Resource { key: keyof Load; title: string; now: number | null; peak: number | null; limit: number; grows: boolean; mend: string }

/* `grows`: with the requests. */
export function resourcesOf(load: Load, { busy, full }: Limits): Resource[] {
  const of = (key: Exclude<keyof Load, "t">, title: string, limit: number, grows: boolean, mend: string): Resource =>
    ({ key, title, now: newest(load[key]), peak: most(load[key]), limit, grows, mend });
  return [
    of("loops", "Loops", busy, true, "raise --threads where there are cores, add a replica, or send more rows a request"),
    of("busiest", "The busiest loop", busy, true, "clients hold too few connections: open more"),
    of("workers", "Workers", busy, true, "raise --workers where there are cores, or send less at once"),
    of("memory", "Memory", full, false, "give it more, or serve fewer models"),
    of("files", "File descriptors", full, true, "raise ulimit -n"),
    of("disk", "Disk", full, false, "free some, or keep the prediction log for a shorter time"),
  ].filter((r) => r.peak != null);
}

/* The nearest to its limit, at its peak. */
export const fullest = (resources: Resource[]): Resource | undefined => [...resources].sort((a, b) => b.peak! / b.limit - a.peak! / a.limit)[0];

/* How many times the requests of the peak it carries; null: too idle to tell. */
export function headroomOf(resources: Resource[]): number | null {
  const growing = resources.filter((r) => r.grows && r.key !== "files" && r.peak! >= 0.02);
  return growing.length ? Math.min(...growing.map((r) => r.limit / r.peak!)) : null;
}

/* ---- what comes ---------------------------------------------------------------------------------- */

const day = 86400;

export interface Forecast { t: number[]; low: (number | null)[]; high: (number | null)[]; days: number; peakAt: number | null; peak: number | null; reaches: number | null }

/* The next day by the hours of the days that are kept: from the least to the most of each hour. A line
 * through the peaks of whole days says when they reach the limit; null: never, or too few days. */
export function forecastOf(t: number[], share: (number | null)[], now: number, limit: number): Forecast {
  const hours = new Map<number, number[]>();
  const peaks = new Map<number, number>();
  share.forEach((v, i) => {
    if (v == null) return;
    const hour = Math.floor((t[i]! % day) / 3600), date = Math.floor(t[i]! / day);
    hours.set(hour, [...(hours.get(hour) ?? []), v]);
    peaks.set(date, Math.max(peaks.get(date) ?? 0, v));
  });
  const begin = Math.ceil(now / 3600) * 3600;
  const next = Array.from({ length: 24 }, (_, i) => begin + 3600 * i);
  const seen = next.map((at) => hours.get(Math.floor((at % day) / 3600)));
  const high = seen.map((values) => (values ? Math.max(...values) : null));
  const peak = most(high);
  const dates = [...peaks].sort((a, b) => a[0] - b[0]).slice(0, -1); /* today is not over */
  return { t: next, low: seen.map((values) => (values ? Math.min(...values) : null)), high, days: peaks.size, peak, peakAt: peak == null ? null : next[high.indexOf(peak)]!, reaches: reachOf(dates, now, limit) };
}

/* When a line through (day, peak) is at the limit: seconds since 1970, of the next 90 days. */
function reachOf(dates: [number, number][], now: number, limit: number): number | null {
  if (dates.length < 3) return null;
  const [x, y] = [mean(dates.map((d) => d[0])), mean(dates.map((d) => d[1]))];
  const spread = dates.reduce((sum, d) => sum + (d[0] - x) ** 2, 0);
  const slope = dates.reduce((sum, d) => sum + (d[0] - x) * (d[1] - y), 0) / spread;
  const at = slope > 0 ? (x + (limit - y) / slope) * day : Infinity;
  return at < now + 90 * day ? Math.max(at, now) : null;
}
