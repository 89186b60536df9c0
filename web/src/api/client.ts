/* Questions to the server, and what it says when it cannot answer. */
import { signal } from "@preact/signals";

/* "/prefix/ui/" -> "/prefix": where the server's own addresses begin. */
export const base = new URL(".", document.baseURI).pathname.replace(/\/ui\/$/, "");

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly what: string,
    readonly why = "",
    readonly fix = "",
    readonly code = "",
    readonly request = "",
    readonly where = "", /* in what was sent: "rule:3:12" */
  ) {
    super(what);
  }
}

/* True once the server has asked who is there: then the sign-in page is shown. */
export const mustSignIn = signal(false);

interface Problem {
  detail?: string;
  where?: string;
  why?: string;
  hint?: string;
  code?: string;
  request_id?: string;
  message?: string;
  error?: string;
  error_code?: string;
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const text = await answer.text();
  let said: Problem = {};
  try {
    said = JSON.parse(text) as Problem;
  } catch {
    said = { detail: text.slice(0, 300) };
  }
  const what = said.detail ?? said.message ?? said.error ?? `the server answered ${answer.status}`;
  return new Refusal(
    answer.status,
    said.where ? `${said.where}: ${what}` : what,
    said.why ?? "",
    said.hint ?? "",
    said.code ?? said.error_code ?? "",
    said.request_id ?? answer.headers.get("X-Request-ID") ?? "",
    said.where,
  );
}

/* Set by the sign-in: sent with everything that changes something. */
export const csrf = signal("");

/* A body that is a text is sent as it is: JSON whose lines the server's words are about. */
export async function ask<T>(path: string, body?: unknown, method?: string, stop?: AbortSignal): Promise<T> {
  let answer: Response;
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== undefined || body !== undefined) headers["X-MW-CSRF"] = csrf.value || "1";
  try {
    answer = await fetch(base + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal: stop ?? null,
      credentials: "same-origin",
    });
  } catch (failed) {
    if (stop?.aborted) throw failed;
    throw new Refusal(0, "the server cannot be reached", String(failed), "mw doctor, or mw status, on its machine");
  }
  if (answer.status === 401) mustSignIn.value = true;
  if (!answer.ok) throw await refusalOf(answer);
  if (answer.status === 204) return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export function query(parameters: Record<string, string | number | undefined>): string {
  const parts = Object.entries(parameters)
    .filter((pair): pair is [string, string | number] => pair[1] !== undefined && pair[1] !== "")
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return parts.length ? `?${parts.join("&")}` : "";
}
