/* The pages: an address, a page. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import type { Overview } from "./api/types";
import { ask } from "./api/client";
import { Empty, Page } from "./parts/panel";
import { A, Shell, goals, type Entry } from "./parts/shell";
import { match, path } from "./state/router";
import { EndpointPage } from "./pages/endpoint";
import { EndpointsPage } from "./pages/endpoints";
import { OverviewPage } from "./pages/overview";

const entries: Entry[] = [
  { to: "/", title: "Overview", icon: "overview", group: "Watch" },
  { to: "/endpoints", title: "Endpoints", icon: "endpoint", group: "Watch" },
];

type Found = Record<string, string>;
const pages: [string, (found: Found) => preact.JSX.Element][] = [
  ["/", () => <OverviewPage />],
  ["/endpoints", () => <EndpointsPage />],
  ["/endpoints/:name", (f) => <EndpointPage key={f.name} name={f.name!} />],
];

function Nowhere() {
  return (
    <Page title="Nothing here">
      <Empty>There is no page at this address. <A to="/">Go to the overview</A>.</Empty>
    </Page>
  );
}

function findPage() {
  for (const [pattern, page] of pages) {
    const found = match(pattern, path.value);
    if (found) return page(found);
  }
  return <Nowhere />;
}

function App() {
  useEffect(() => {
    ask<Overview>("/mw/v1/overview").then(
      (o) => (goals.value = o.items.map((e) => ({ title: e.name, to: `/endpoints/${encodeURIComponent(e.name)}`, kind: "endpoint" }))),
      () => undefined,
    );
  }, []);
  return <Shell entries={entries} user={null} alerts={null}>{findPage()}</Shell>;
}

render(<App />, document.getElementById("app")!);
