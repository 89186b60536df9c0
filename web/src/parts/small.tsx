/* Small pieces that need no chart library. */

export function Save({ name, csv, svg, png }: { name: string; csv?: () => void; svg?: () => void; png?: () => void }) {
  return (
    <span class="save" role="group" aria-label={`save ${name}`}>
      {csv && <button type="button" class="quiet" onClick={csv}>CSV</button>}
      {svg && <button type="button" class="quiet" onClick={svg}>SVG</button>}
      {png && <button type="button" class="quiet" onClick={png}>PNG</button>}
    </span>
  );
}

/* A line without axes, for a table's cell. */
export function Spark({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((v, i) => `${((i / Math.max(1, values.length - 1)) * 80).toFixed(1)},${(17 - (v / most) * 15).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 80 18" width="80" height="18" role="img" aria-label={label}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}
