/* Rates of groups with their intervals: of reports, and of live traffic. */
import { percent } from "./format";
import type { Column } from "./table";

export type Pair = [number | null, number | null];
export type Group = Record<string, number | null | boolean | Pair | Record<string, string>>;

export const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
export const pair = (value: unknown): Pair => (Array.isArray(value) ? (value as Pair) : [null, null]);

/* A rate from 0 to 1 with its interval. */
function Rate({ value, interval, line }: { value: number | null; interval: Pair; line?: number | null }) {
  const x = (v: number) => 4 + Math.max(0, Math.min(1, v)) * 76;
  const [low, high] = interval;
  return (
    <span class="rate">
      <svg class="interval" viewBox="0 0 84 14" width="84" height="14" aria-hidden="true">
        <path class="iv-zero" d="M4 7H80" />
        {line != null && <path class="iv-limit" d={`M${x(line)} 0v14`} />}
        {low != null && high != null && <path class="iv-line" d={`M${x(low)} 7H${Math.max(x(high), x(low) + 1)}`} />}
        {value != null && <circle class="iv-dot" cx={x(value)} cy="7" r="3.5" />}
      </svg>
      <span title={low != null ? `95 %: ${percent(low)} to ${percent(high)}` : "no interval"}>{value == null ? "–" : percent(value)}</span>
    </span>
  );
}

export const rates: [string, string][] = [
  ["selection_rate", "Selected"], ["tpr", "Found of the positive (TPR)"], ["fpr", "Wrongly selected (FPR)"], ["ppv", "Right of the selected (PPV)"], ["accuracy", "Right of all"],
];

/* A column a rate; a dash marks what it is of all rows. */
export const rateColumns = <L extends { group: Group }>(overall?: Group): Column<L>[] => rates.map(([key, title]) => ({
  key, title, value: (l) => number(l.group[key]),
  cell: (l) => <Rate value={number(l.group[key])} interval={pair(l.group[`${key}_wilson95`])} line={number(overall?.[key])} />,
}));
