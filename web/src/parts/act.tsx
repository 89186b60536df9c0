/* A button that changes something: what will happen is said first, and a reason may be given. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Refusal } from "../api/client";
import { lacks } from "../state/server";
import { ErrorBox } from "./panel";
import { Icon } from "./icons";

export function Act({ label, title, says, kind = "", reason, cannot, more, name, needs = "deployer", run }: {
  label: string;
  title: string;
  says: ComponentChildren; /* what will happen */
  kind?: "" | "main" | "danger";
  reason?: boolean; /* asked for */
  cannot?: string; /* why the button is off */
  needs?: string; /* a role */
  more?: ComponentChildren; /* further fields */
  name?: string; /* for those who do not see what is beside it */
  run: (why: string) => Promise<unknown>;
}) {
  const off = cannot || lacks(needs);
  const [open, set] = useState(false);
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, fail] = useState<Refusal>();
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!open) {
      box.current?.close();
      return;
    }
    fail(undefined);
    setWhy("");
    box.current?.showModal();
  }, [open]);
  const send = () => {
    setBusy(true);
    run(why).then(() => { setBusy(false); set(false); }, (refused: Refusal) => { setBusy(false); fail(refused); });
  };
  return (
    <>
      <button type="button" class={kind} disabled={!!off} title={off} aria-label={name} onClick={() => set(true)}>{label}</button>
      <dialog ref={box} class="act" onClose={() => set(false)} aria-label={title}>
        {open && (
          <form onSubmit={(event) => { event.preventDefault(); send(); }}>
            <div class="dialog-head"><h2>{title}</h2>
              <button type="button" class="quiet" aria-label="close" onClick={() => set(false)}><Icon name="close" /></button>
            </div>
            <p class="says">{says}</p>
            {more}
            {reason && <label class="field">Why <input value={why} maxLength={300} onInput={(e) => setWhy(e.currentTarget.value)} /></label>}
            {error && <ErrorBox error={error} />}
            <div class="act-buttons">
              <button type="button" onClick={() => set(false)}>Cancel</button>
              <button type="submit" class={kind || "main"} disabled={busy} autofocus>{label}</button>
            </div>
          </form>
        )}
      </dialog>
    </>
  );
}
