/* A picture's points by keys, by touch and in words: an arrow goes to the next one, the picture shows
 * where one is. */
export function Walk({ label, n, at, set, tell, act, word }: {
  label: string;
  n: number;
  at: number | undefined; /* undefined: nowhere yet */
  set: (at: number) => void;
  tell: (at: number) => string;
  act?: (at: number) => void;
  word?: string; /* on the button */
}) {
  if (n === 0) return null;
  const said = at === undefined ? "choose a point" : tell(at);
  return (
    <div class="walk">
      <input type="range" min="0" max={n - 1} step="1" value={at ?? 0} aria-label={`points of ${label}`} aria-valuetext={said}
        onInput={(e) => set(Number(e.currentTarget.value))} onFocus={() => at === undefined && set(0)} />
      <output class="faint">{said}</output>
      {act && <button type="button" disabled={at === undefined} onClick={() => at !== undefined && act(at)}>{word}</button>}
    </div>
  );
}
