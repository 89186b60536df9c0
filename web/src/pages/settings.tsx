/* Settings: who may come in. Tokens are shown once, when they are made. */
import { useState } from "preact/hooks";
import { ask, type Refusal } from "../api/client";
import { useData } from "../api/use";
import { Command, UseThis, say } from "../parts/copy";
import { ago, moment } from "../parts/format";
import { Empty, ErrorBox, Page, Panel } from "../parts/panel";
import { Recorded } from "../parts/record";
import { Table } from "../parts/table";

interface Grant { role: string; on: string; object?: string }
interface User { name: string; created: number; grants?: Grant[] }
interface Token { name: string; grant: Grant; created: number; created_by?: string; expires?: number; revoked?: number; last_used?: number }
interface Who { name: string; asked: boolean; grants?: Grant[] }

const words = (grant: Grant) => `${grant.role} on ${grant.on}${grant.object ? ` ${grant.object}` : ""}`;
const roles = ["viewer", "editor", "deployer", "admin"];

export function SettingsPage() {
  const who = useData<Who>("/mw/v1/whoami");
  return (
    <Page title="Settings" actions={<UseThis uses={[{ title: "Who am I?", path: "/mw/v1/whoami" }, { title: "Tokens", path: "/mw/v1/tokens", cli: "mw token list --record ./record" }, { title: "Users", path: "/mw/v1/users", cli: "mw user list --record ./record" }]} />}>
      <Panel title="You" wide>
        <Recorded of={who}>
          {(w) => w.asked
            ? <p>{w.name}: {(w.grants ?? []).map(words).join(", ")}</p>
            : <Empty command="mw serve --record ./record --auth on">Nobody is asked who he is: whoever reaches this server may do anything. Ask:</Empty>}
        </Recorded>
      </Panel>
      {who.data && <><Tokens asked={who.data.asked} /><Users /></>}
    </Page>
  );
}

function Tokens({ asked }: { asked: boolean }) {
  const tokens = useData<{ tokens?: Token[] }>("/mw/v1/tokens");
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [made, setMade] = useState("");
  const [error, fail] = useState<Refusal>();
  const create = () => {
    fail(undefined);
    ask<{ secret?: string; token?: string }>("/mw/v1/tokens", { name, role }, "POST").then((got) => { setMade(got.secret ?? got.token ?? ""); tokens.reload(); }, fail);
  };
  const revoke = (token: string) => ask(`/mw/v1/tokens/${encodeURIComponent(token)}`, undefined, "DELETE").then(() => { say(`${token} is revoked`); tokens.reload(); }, fail);
  return (
    <Panel title="Tokens" wide>
      {error && <ErrorBox error={error} />}
      {made && <div class="box"><p>The new token. It is not shown again:</p><Command text={made} label="the new token" /></div>}
      <form class="filter" onSubmit={(event) => { event.preventDefault(); create(); }}>
        <label>name <input value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
        <label>role <select value={role} onChange={(e) => setRole(e.currentTarget.value)}>{roles.map((r) => <option key={r}>{r}</option>)}</select></label>
        <button type="submit" disabled={!asked || !name} title={asked ? "" : "first start the server with --auth on"}>New token</button>
        {!asked && <span class="faint">can be made here once the server asks who is there</span>}
      </form>
      <Recorded of={tokens}>
        {(found) => !found.tokens?.length ? <Empty command="mw token create ci --role editor --record ./record">No token yet.</Empty> : (
          <Table<Token> name="tokens" rows={found.tokens} id={(t) => t.name} columns={[
            { key: "name", title: "Token", value: (t) => t.name, cell: (t) => t.name },
            { key: "grant", title: "May", value: (t) => words(t.grant), cell: (t) => words(t.grant) },
            { key: "created", title: "Made", value: (t) => t.created, cell: (t) => <span title={moment(t.created)}>{ago(t.created)}{t.created_by ? ` by ${t.created_by}` : ""}</span>, narrow: true },
            { key: "expires", title: "Expires", value: (t) => t.expires, cell: (t) => (t.expires ? moment(t.expires) : "never"), narrow: true },
            { key: "used", title: "Last used", value: (t) => t.last_used, cell: (t) => ago(t.last_used) },
            { key: "revoked", title: "", cell: (t) => t.revoked ? <span class="faint">revoked</span> : <button type="button" class="danger" disabled={!asked} onClick={() => void revoke(t.name)}>Revoke</button> },
          ]} />
        )}
      </Recorded>
    </Panel>
  );
}

function Users() {
  const users = useData<{ users?: User[] }>("/mw/v1/users");
  return (
    <Panel title="Users" wide>
      <Recorded of={users}>
        {(found) => !found.users?.length ? <Empty command="mw user add NAME --role admin --record ./record">No user yet.</Empty> : (
          <Table<User> name="users" rows={found.users} id={(u) => u.name} columns={[
            { key: "name", title: "User", value: (u) => u.name, cell: (u) => u.name },
            { key: "grants", title: "May", value: (u) => (u.grants ?? []).map(words).join(), cell: (u) => (u.grants ?? []).map(words).join(", ") },
            { key: "created", title: "Since", value: (u) => u.created, cell: (u) => <span title={moment(u.created)}>{ago(u.created)}</span> },
          ]} />
        )}
      </Recorded>
    </Panel>
  );
}
