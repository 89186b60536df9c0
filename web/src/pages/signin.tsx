/* Signing in, where the server asks who is there: a token, or a name and a password. The browser keeps
 * a cookie that no script can read; nothing else is kept. */
import { useState } from "preact/hooks";
import { Refusal, base, mustSignIn } from "../api/client";
import { Command } from "../parts/copy";
import { ErrorBox, Page, Panel } from "../parts/panel";

const utf8 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));

async function signIn(header: string): Promise<void> {
  const answer = await fetch(`${base}/mw/v1/session`, { method: "POST", headers: { Authorization: header, "X-MW-CSRF": "1" } });
  if (answer.ok) return;
  const said = (await answer.json().catch(() => ({}))) as { detail?: string; hint?: string; code?: string; message?: string };
  throw new Refusal(answer.status, said.detail ?? said.message ?? `the server answered ${answer.status}`, "", said.hint ?? "", said.code ?? "");
}

export async function signOut(): Promise<void> {
  await fetch(`${base}/mw/v1/session`, { method: "DELETE", headers: { "X-MW-CSRF": "1" } });
  location.reload();
}

export function SignInPage() {
  const [token, setToken] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, fail] = useState<Refusal>();
  const enter = (header: string) => {
    fail(undefined);
    signIn(header).then(() => { mustSignIn.value = false; location.reload(); }, fail);
  };
  return (
    <Page title="Sign in">
      {error && <ErrorBox error={error} />}
      <div class="grid">
        <Panel title="With a token">
          <form class="sign" onSubmit={(event) => { event.preventDefault(); enter(`Bearer ${token.trim()}`); }}>
            <label>Token <input type="password" autocomplete="off" value={token} onInput={(e) => setToken(e.currentTarget.value)} /></label>
            <button type="submit" class="main" disabled={!token.trim()}>Sign in</button>
          </form>
          <p class="faint">An admin makes one:</p>
          <Command text="mw token create NAME --role viewer --record ./record" />
        </Panel>
        <Panel title="With a name and a password">
          <form class="sign" onSubmit={(event) => { event.preventDefault(); enter(`Basic ${btoa(utf8(`${name}:${password}`))}`); }}>
            <label>Name <input autocomplete="username" value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
            <label>Password <input type="password" autocomplete="current-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} /></label>
            <button type="submit" class="main" disabled={!name || !password}>Sign in</button>
          </form>
        </Panel>
      </div>
    </Page>
  );
}
