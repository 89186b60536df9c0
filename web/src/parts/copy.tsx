/* What can be copied: commands, links, and "Use this": the same by curl and Python. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { base } from "../api/client";
import { Icon } from "./icons";

export const toast = signal("");
let timer = 0;

export function say(words: string) {
  toast.value = words;
  clearTimeout(timer);
  timer = window.setTimeout(() => (toast.value = ""), 2500);
}

export async function copy(text: string, words = "copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); /* plain HTTP has no clipboard */
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(words);
}

export function Command({ text, label }: { text: string; label?: string }) {
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" class="quiet" onClick={() => void copy(text)} title="copy" aria-label={`copy: ${label ?? text}`}>
        <Icon name="copy" />
      </button>
    </span>
  );
}

const server = () => location.origin + base;

export interface Use {
  title: string;
  path: string;
  body?: unknown;
  method?: string;
  cli?: string;
}

/* One quoting for the shell: 'it'\''s'. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlOf(use: Use): string {
  const url = quoted(server() + use.path);
  if (use.body === undefined) return `curl -s ${use.method ? `-X ${use.method} ` : ""}${url}`;
  const body = quoted(JSON.stringify(use.body));
  return `curl -s ${url} -H 'content-type: application/json' -d ${body}`;
}

export function pythonOf(use: Use): string {
  const url = JSON.stringify(server() + use.path);
  const call = use.body === undefined ? `requests.get(${url})` : `requests.post(${url}, json=${py(use.body)})`;
  return `import requests\n\nanswer = ${call}\nanswer.raise_for_status()\nprint(answer.json())`;
}

function py(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(py).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${py(v)}`).join(", ")}}`;
  return JSON.stringify(value);
}

export function UseThis({ uses }: { uses: Use[] }) {
  const [open, set] = useState(false);
  const [kind, setKind] = useState<"curl" | "Python" | "command">("curl");
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) box.current?.showModal();
    else box.current?.close();
  }, [open]);
  const text = (use: Use) => (kind === "curl" ? curlOf(use) : kind === "Python" ? pythonOf(use) : (use.cli ?? ""));
  return (
    <>
      <button type="button" onClick={() => set(true)}>Use this</button>
      <dialog ref={box} onClose={() => set(false)} aria-label="Use this from elsewhere">
        <div class="dialog-head">
          <h2>Use this</h2>
          <button type="button" class="quiet" onClick={() => set(false)} aria-label="close"><Icon name="close" /></button>
        </div>
        <div class="tabs" role="group" aria-label="language">
          {(["curl", "Python", "command"] as const).map((k) => (
            <button type="button" key={k} aria-pressed={k === kind} onClick={() => setKind(k)}>{k}</button>
          ))}
        </div>
        {uses.filter((use) => kind !== "command" || use.cli).map((use) => (
          <section key={use.title} class="use">
            <div class="use-head">
              <h3>{use.title}</h3>
              <button type="button" class="quiet" onClick={() => void copy(text(use))} aria-label={`copy: ${use.title}`}>
                <Icon name="copy" />
              </button>
            </div>
            <pre tabIndex={0}>{text(use)}</pre>
          </section>
        ))}
      </dialog>
    </>
  );
}
