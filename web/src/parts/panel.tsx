/* A panel with its states: loading, error, empty, stale. The others on the page live on. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Refusal } from "../api/client";
import type { Asked } from "../api/use";
import { Command } from "./copy";
import { clock } from "./format";

export function ErrorBox({ error, retry }: { error: Refusal; retry?: (() => void) | undefined }) {
  return (
    <div class="box box-error" role="alert">
      <p><strong>{error.what}</strong></p>
      {error.why && <p>why: {error.why}</p>}
      {error.fix && <p>fix: {error.fix}</p>}
      <p class="faint">
        {error.code}{error.request && ` · request ${error.request}`}
        {retry && <button type="button" onClick={retry}>Retry</button>}
      </p>
    </div>
  );
}

export function Empty({ children, command, label }: { children: ComponentChildren; command?: string; label?: string }) {
  return (
    <div class="box box-empty">
      <p>{children}</p>
      {command && <Command text={command} {...(label ? { label } : {})} />}
    </div>
  );
}

/* Nothing for a moment, then a grey block of the final height. */
export function Loading({ height = 120 }: { height?: number }) {
  const [late, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return <div class={late ? "loading late" : "loading"} style={{ height: `${height}px` }} aria-busy="true" aria-label="loading" />;
}

export function Shown<T>({ of, height, children }: { of: Asked<T>; height?: number; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined)
    return (
      <>
        {of.error && <p class="stale" role="status">not up to date: {of.error.what}; data from {clock(of.at)}</p>}
        {children(of.data)}
      </>
    );
  if (of.error) return <ErrorBox error={of.error} retry={of.reload} />;
  return <Loading {...(height ? { height } : {})} />;
}

export function Panel({ title, note, actions, children, wide, id }: {
  title: string;
  note?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
  id?: string;
}) {
  return (
    <section class={wide ? "panel wide" : "panel"} id={id} aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {note && <span class="faint">{note}</span>}
        {actions && <span class="panel-actions">{actions}</span>}
      </div>
      {children}
    </section>
  );
}

export function Page({ title, state, actions, children }: {
  title: string;
  state?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Millwright`;
  }, [title]);
  return (
    <main id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>{title}</h1>
        {state}
        <span class="page-actions">{actions}</span>
      </div>
      {children}
    </main>
  );
}
