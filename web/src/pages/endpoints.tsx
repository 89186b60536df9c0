/* Endpoints: the same rows as the overview, for those who look for one. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Overview } from "../api/types";
import { useData } from "../api/use";
import { listen } from "../state/live";
import { go, param, setQuery } from "../state/router";
import { UseThis } from "../parts/copy";
import { Empty, Page, Panel, Shown } from "../parts/panel";
import { Table } from "../parts/table";
import { columnsOf } from "./overview";
import { useRollouts } from "../parts/now";

export function EndpointsPage() {
  const asked = useData<Overview>("/mw/v1/overview");
  const [words, set] = useState(param("q"));
  const rollouts = useRollouts();
  const columns = useMemo(() => columnsOf(asked.data?.started ?? 0, rollouts.data?.items ?? []), [asked.data?.started, rollouts.data]);
  useEffect(() => listen("overview", "overview", (data) => asked.set(data as Overview)), []);
  return (
    <Page title="Endpoints" actions={<UseThis uses={[{ title: "How all endpoints are", path: "/mw/v1/overview", cli: "mw status" }, { title: "Their names alone", path: "/v2/models" }]} />}>
      <Shown of={asked} height={300}>
        {(o) => {
          const rows = o.items.filter((e) => e.name.toLowerCase().includes(words.toLowerCase()));
          return (
            <Panel title="All endpoints" note={`${rows.length} of ${o.total}`} wide actions={
              <input type="search" value={words} placeholder="name" aria-label="filter by name"
                onInput={(event) => { set(event.currentTarget.value); setQuery({ q: event.currentTarget.value }); }} />
            }>
              {rows.length === 0 ? <Empty {...(o.total === 0 ? { command: "mw serve model.json" } : {})}>{o.total === 0 ? "Nothing is served yet. Serve a model:" : "No endpoint has such a name."}</Empty>
                : <Table name="endpoints" rows={rows} columns={columns} id={(e) => e.name} open={(e) => go(`/endpoints/${encodeURIComponent(e.name)}`)} height={760} />}
            </Panel>
          );
        }}
      </Shown>
    </Page>
  );
}
