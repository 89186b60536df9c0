/* Numbers and times as people read them. */
import { zone } from "../state/settings";

const none = "–";

export function rate(value: number | null | undefined): string {
  if (value == null) return none;
  if (value === 0) return "0";
  if (value >= 1e6) return `${digits(value / 1e6)}M`;
  if (value >= 1e4) return `${digits(value / 1e3)}k`;
  return digits(value);
}

/* Three digits that matter; of a whole number, none behind the point. */
function sized(size: number): string {
  if (size >= 100) return size.toLocaleString("en", { maximumFractionDigits: 0 });
  if (Number.isInteger(size)) return String(size);
  if (size >= 10) return size.toFixed(1);
  if (size >= 1) return size.toFixed(2);
  if (size >= 0.001) return String(Number(size.toPrecision(3)));
  return size.toExponential(1).replace("e-", "e−");
}

export function digits(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return none;
  return value < 0 ? `−${sized(-value)}` : sized(value);
}

/* What stands beside an axis: no noughts at the end of a fraction. */
export function tick(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

export function count(value: number | null | undefined): string {
  return value == null ? none : value.toLocaleString("en");
}

export function seconds(value: number | null | undefined): string {
  if (value == null) return none;
  if (value === 0) return "0 s";
  if (value < 1e-3) return `${digits(value * 1e6)} µs`;
  if (value < 1) return `${digits(value * 1e3)} ms`;
  return `${digits(value)} s`;
}

export function percent(share: number | null | undefined): string {
  if (share == null) return none;
  if (share === 0) return "0 %";
  return share < 0.0005 ? "<0.1 %" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function psi(value: number | null | undefined): string {
  return value == null ? none : value.toFixed(2);
}

/* "40 s", "15 min", "3 h", "7 d" */
export function lasting(s: number | null | undefined): string {
  if (s == null) return none;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return none;
  if (value >= 1 << 30) return `${digits(value / (1 << 30))} GiB`;
  if (value >= 1 << 20) return `${digits(value / (1 << 20))} MiB`;
  if (value >= 1024) return `${digits(value / 1024)} KiB`;
  return `${value} B`;
}

export function zoneName(): string {
  if (zone.value === "utc") return "UTC";
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

function parts(ms: number) {
  const d = new Date(ms);
  const utc = zone.value === "utc";
  const two = (n: number) => String(n).padStart(2, "0");
  return {
    date: utc
      ? `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`
      : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`,
    time: utc
      ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
      : `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`,
  };
}

export function clock(ms: number): string {
  return parts(ms).time;
}

export function moment(ms: number): string {
  const p = parts(ms);
  return `${p.date} ${p.time} ${zoneName()}`;
}

export function ago(ms: number | null | undefined, now = Date.now()): string {
  if (!ms) return none;
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 5) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}
