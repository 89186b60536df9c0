/* Settings: who may come in. Tokens are shown once, when they are made. */
import { useState } from "preact/hooks";
import { ask } from "../api/client";
import { useData } from "../api/use";
import { lacks, meKnown, type Grant } from "../state/server";
import { Act } from "../parts/act";
import { Command, UseThis, say } from "../parts/copy";
import { ago, moment } from "../parts/format";
import { Empty, Page, Panel } from "../parts/panel";
import { Recorded } from "../parts/record";
import { Table } from "../parts/table";

interface User { name: string; created: number; grants?: Grant[] }
interface Token { name: string; grant: Grant; created: number; created_by?: string; expires?: number; revoked?: number; last_used?: number }
interface Who { name: string; asked: boolean; grants?: Grant[] }

const words = (grant: Grant) => `${grant.role} on ${grant.on}${grant.object ? ` ${grant.object}` : ""}`;
const roles = ["viewer", "editor", "deployer", "admin"];
const scopes = ["everything", "experiment", "model", "endpoint"];
const unasked = "can be done here once the server asks who is there: mw serve --auth on";

/* ---- fields of the dialogs ----------------------------------------------------------------------- */

const plain = { name: "", password: "", current: "", role: "viewer", on: "everything", object: "", expires: "" };
type Wish = typeof plain;
type Set = (wish: Wish) => void;

const grantOf = (wish: Wish) => (wish.on === "everything" ? { role: wish.role } : { role: wish.role, on: wish.on, object: wish.object });

function Text({ title, of, wish, set }: { title: string; of: keyof Wish; wish: Wish; set: Set }) {
  const told = { value: wish[of], required: true, onInput: (e: { currentTarget: { value: string } }) => set({ ...wish, [of]: e.currentTarget.value }) };
  const secret = of === "password" || of === "current";
  return <label class="field">{title} {secret ? <input type="password" autocomplete="new-password" {...told} /> : <input type="text" autocomplete="off" {...told} />}</label>;
}

/* A role, on everything or on one thing. */
function Role({ wish, set, none }: { wish: Wish; set: Set; none?: boolean }) {
  return (
    <>
      <label class="field">Role <select value={wish.role} onChange={(e) => set({ ...wish, role: e.currentTarget.value })}>{[...roles, ...(none ? ["none"] : [])].map((r) => <option key={r}>{r}</option>)}</select></label>
      <label class="field">On <select value={wish.on} onChange={(e) => set({ ...wish, on: e.currentTarget.value })}>{scopes.map((r) => <option key={r}>{r}</option>)}</select></label>
      {wish.on !== "everything" && <Text title={`Which ${wish.on}`} of="object" wish={wish} set={set} />}
    </>
  );
}

/* ---- the page ------------------------------------------------------------------------------------ */

export function SettingsPage() {
  const who = useData<Who>("/mw/v1/whoami");
  const asked = who.data?.asked ?? false;
  return (
    <Page title="Settings" actions={<UseThis uses={[
      { title: "Who am I?", path: "/mw/v1/whoami" },
      { title: "Tokens", path: "/mw/v1/tokens", cli: "mw token list --record ./record" },
      { title: "A new token", path: "/mw/v1/tokens", body: { name: "ci", role: "editor" }, cli: "mw token create ci --role editor --expires 30d --record ./record" },
      { title: "Users", path: "/mw/v1/users", cli: "mw user list --record ./record" },
    ]} />}>
      <Panel title="You" wide actions={who.data?.asked && !who.data.name.startsWith("token:") && <Password name={who.data.name} />}>
        <Recorded of={who}>
          {(w) => w.asked
            ? <p>{w.name}: {(w.grants ?? []).map(words).join(", ")}</p>
            : <Empty command="mw serve --record ./record --auth on">Nobody is asked who he is: whoever reaches this server may do anything. Ask:</Empty>}
        </Recorded>
      </Panel>
      {who.data && meKnown.value && (lacks("admin")
        ? <Panel title="Tokens and users" wide><p class="faint">{lacks("admin")} to see and change them</p></Panel>
        : <><Tokens asked={asked} /><Users asked={asked} /></>)}
    </Page>
  );
}

function Password({ name }: { name: string }) {
  const [wish, set] = useState<Wish>(plain);
  return (
    <Act label="Change password" title="Change your password" needs="viewer" kind="main" says="Browsers in which you are signed in with the old one are signed out; tokens stay."
      more={<><Text title="The current one" of="current" wish={wish} set={set} /><Text title="The new one" of="password" wish={wish} set={set} /></>}
      run={() => ask(`/mw/v1/users/${encodeURIComponent(name)}/password`, { password: wish.password, current: wish.current }, "PUT").then(() => { say("it is changed"); set(plain); })} />
  );
}

function Tokens({ asked }: { asked: boolean }) {
  const tokens = useData<{ tokens?: Token[] }>("/mw/v1/tokens");
  const [wish, set] = useState<Wish>(plain);
  const [made, setMade] = useState<{ name: string; token: string }>();
  const cannot = asked ? "" : unasked;
  const create = () => ask<{ name: string; token: string }>("/mw/v1/tokens", {
    name: wish.name, ...grantOf(wish), ...(wish.expires ? { expires: Date.parse(`${wish.expires}T23:59:59`) } : {}),
  }, "POST").then((got) => { setMade(got); set(plain); tokens.reload(); });
  const revoke = (token: string) => ask(`/mw/v1/tokens/${encodeURIComponent(token)}`, undefined, "DELETE").then(() => { say(`${token} is revoked`); tokens.reload(); });
  return (
    <Panel title="Tokens" wide note={asked ? "for programs" : unasked} actions={
      <Act label="New token" title="A new token" kind="main" needs="admin" cannot={cannot} says="It is shown once, here; the record keeps a digest." run={create}
        more={<><Text title="Name" of="name" wish={wish} set={set} /><Role wish={wish} set={set} />
          <label class="field">Until the end of (empty: for ever) <input type="date" value={wish.expires} onInput={(e) => set({ ...wish, expires: e.currentTarget.value })} /></label></>} />
    }>
      {made && <div class="box" role="status"><p>The token {made.name}. It is not shown again:</p><Command text={made.token} label="the new token" /> <button type="button" class="quiet" onClick={() => setMade(undefined)}>I have it</button></div>}
      <Recorded of={tokens}>
        {(found) => !found.tokens?.length ? <Empty command="mw token create ci --role editor --record ./record">No token yet.</Empty> : (
          <Table<Token> name="tokens" rows={found.tokens} id={(t) => t.name} columns={[
            { key: "name", title: "Token", value: (t) => t.name, cell: (t) => t.name },
            { key: "grant", title: "May", value: (t) => words(t.grant), cell: (t) => words(t.grant) },
            { key: "created", title: "Made", value: (t) => t.created, cell: (t) => <span title={moment(t.created)}>{ago(t.created)}{t.created_by ? ` by ${t.created_by}` : ""}</span>, narrow: true },
            { key: "expires", title: "Expires", value: (t) => t.expires, cell: (t) => (t.expires ? moment(t.expires) : "never"), narrow: true },
            { key: "used", title: "Last used", value: (t) => t.last_used, cell: (t) => ago(t.last_used) },
            { key: "revoked", title: "", cell: (t) => t.revoked ? <span class="faint" title={moment(t.revoked)}>revoked</span>
              : <Act label="Revoke" kind="danger" needs="admin" cannot={cannot} name={`revoke ${t.name}`} title={`Revoke ${t.name}`} says="Servers refuse it within a second; what uses it stops. It cannot be taken back." run={() => revoke(t.name)} /> },
          ]} />
        )}
      </Recorded>
    </Panel>
  );
}

function Users({ asked }: { asked: boolean }) {
  const users = useData<{ users?: User[] }>("/mw/v1/users");
  const [wish, set] = useState<Wish>(plain);
  const cannot = asked ? "" : unasked;
  const at = (name: string) => `/mw/v1/users/${encodeURIComponent(name)}`;
  const after = (text: string) => () => { say(text); set(plain); users.reload(); };
  return (
    <Panel title="Users" wide note="people, with a name and a password" actions={
      <Act label="New user" title="A new user" kind="main" needs="admin" cannot={cannot} says="He signs in with this name and password." more={<>
        <Text title="Name" of="name" wish={wish} set={set} /><Text title="Password" of="password" wish={wish} set={set} /><Role wish={wish} set={set} /></>}
        run={() => ask("/mw/v1/users", { name: wish.name, password: wish.password, ...grantOf(wish) }, "POST").then(after(`${wish.name} may come in`))} />
    }>
      <Recorded of={users}>
        {(found) => !found.users?.length ? <Empty command="mw user add NAME --role admin --record ./record">No user yet.</Empty> : (
          <Table<User> name="users" rows={found.users} id={(u) => u.name} columns={[
            { key: "name", title: "User", value: (u) => u.name, cell: (u) => u.name },
            { key: "grants", title: "May", value: (u) => (u.grants ?? []).map(words).join(), cell: (u) => (u.grants ?? []).map(words).join(", ") || "nothing" },
            { key: "created", title: "Since", value: (u) => u.created, cell: (u) => <span title={moment(u.created)}>{ago(u.created)}</span>, narrow: true },
            { key: "acts", title: "", cell: (u) => <span class="cell-acts">
              <Act label="Role" needs="admin" cannot={cannot} name={`role of ${u.name}`} title={`What ${u.name} may`} says="A role on everything, or on one thing; none takes away what he has there." more={<Role wish={wish} set={set} none />}
                run={() => ask(`${at(u.name)}/grants`, grantOf(wish), "POST").then(after(`the role of ${u.name} is another one now`))} />
              <Act label="Password" needs="admin" cannot={cannot} name={`a new password for ${u.name}`} title={`A new password for ${u.name}`} says="The old one ends at once." more={<Text title="Password" of="password" wish={wish} set={set} />}
                run={() => ask(`${at(u.name)}/password`, { password: wish.password }, "PUT").then(after(`${u.name} has another password`))} />
              <Act label="Remove" kind="danger" needs="admin" cannot={cannot} name={`remove ${u.name}`} title={`Remove ${u.name}`} says="He is signed out everywhere; what he did stays in the audit log."
                run={() => ask(at(u.name), undefined, "DELETE").then(after(`${u.name} is removed`))} />
            </span> },
          ]} />
        )}
      </Recorded>
    </Panel>
  );
}
