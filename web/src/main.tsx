/* The pages: an address, a page. */
import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import type { Overview } from "./api/types";
import { Refusal, ask, mustSignIn } from "./api/client";
import { Empty, ErrorBox, Loading, Page } from "./parts/panel";
import { EndpointsPage } from "./pages/endpoints";
import { AlertCount } from "./parts/now";
import { A, Shell, goals, type Entry } from "./parts/shell";
import { learn, me, meKnown, server, type Grant } from "./state/server";
import { match, path } from "./state/router";
import { SignInPage, signOut } from "./pages/signin";
import { OverviewPage } from "./pages/overview";

const entries: Entry[] = [
  { to: "/", title: "Overview", icon: "overview", group: "Watch" },
  { to: "/endpoints", title: "Endpoints", icon: "endpoint", group: "Watch" },
  { to: "/alerts", title: "Alerts", icon: "alert", group: "Watch" },
  { to: "/rollouts", title: "Rollouts", icon: "rollout", group: "Watch" },
  { to: "/models", title: "Models", icon: "model", group: "Build" },
  { to: "/experiments", title: "Experiments", icon: "experiment", group: "Build" },
  { to: "/explain", title: "Explain", icon: "explain", group: "Build" },
  { to: "/fairness", title: "Fairness", icon: "fairness", group: "Build" },
  { to: "/data", title: "Data", icon: "data", group: "Build" },
  { to: "/lineage", title: "Lineage", icon: "lineage", group: "Build" },
  { to: "/rules", title: "Rules", icon: "alert", group: "Run" },
  { to: "/capacity", title: "Capacity", icon: "capacity", group: "Run" },
  { to: "/reports", title: "Reports", icon: "report", group: "Run" },
  { to: "/audit", title: "Audit", icon: "audit", group: "Run" },
  { to: "/settings", title: "Settings", icon: "settings", group: "Run" },
];

type Found = Record<string, string>;
type Drawn = (found: Found) => JSX.Element;

/* Pages beside the first are fetched when they are gone to. */
function later<M>(fetch: () => Promise<M>, draw: (module: M, found: Found) => JSX.Element): Drawn {
  let module: M | undefined;
  function Waiting({ found }: { found: Found }) {
    const [, set] = useState(0);
    const [failed, fail] = useState<Error>();
    useEffect(() => {
      if (!module) fetch().then((got) => { module = got; set(1); }, fail);
    }, []);
    if (failed) return <Page title="Not loaded"><ErrorBox error={new Refusal(0, "this part of the pages cannot be loaded", failed.message, "load the page again: the server may be of another version now")} /></Page>;
    return module ? draw(module, found) : <main id="main" tabIndex={-1}><Loading height={300} /></main>;
  }
  return (found) => <Waiting key={Object.values(found).join("/")} found={found} />;
}

const endpoint = () => import("./pages/endpoint");
const models = () => import("./pages/models");
const experiments = () => import("./pages/experiments");
const data = () => import("./pages/data");
const reports = () => import("./pages/reports");
const rollouts = () => import("./pages/rollouts");

const pages: [string, Drawn][] = [
  ["/", () => <OverviewPage />],
  ["/endpoints", () => <EndpointsPage />],
  ["/endpoints/:name", later(endpoint, (m, f) => <m.EndpointPage name={f.name!} />)],
  ["/models", later(models, (m) => <m.ModelsPage />)],
  ["/models/:name", later(models, (m, f) => <m.ModelPage name={f.name!} />)],
  ["/models/:name/:version", later(models, (m, f) => <m.VersionPage name={f.name!} version={f.version!} />)],
  ["/experiments", later(experiments, (m) => <m.ExperimentsPage />)],
  ["/experiments/:id", later(experiments, (m, f) => <m.RunsPage id={f.id!} />)],
  ["/runs/:id", later(experiments, (m, f) => <m.RunPage id={f.id!} />)],
  ["/compare", later(() => import("./pages/compare"), (m) => <m.ComparePage />)],
  ["/explain", later(() => import("./pages/explain"), (m) => <m.ExplainPage />)],
  ["/alerts", later(() => import("./pages/alerts"), (m) => <m.AlertsPage />)],
  ["/rules", later(() => import("./pages/rules"), (m) => <m.RulesPage />)],
  ["/rollouts", later(rollouts, (m) => <m.RolloutsPage />)],
  ["/rollouts/:id", later(rollouts, (m, f) => <m.RolloutPage id={f.id!} />)],
  ["/fairness", later(() => import("./pages/fairness"), (m) => <m.FairnessPage />)],
  ["/lineage", later(() => import("./pages/lineage"), (m) => <m.LineagePage />)],
  ["/data", later(data, (m) => <m.DataPage />)],
  ["/data/:name/:version", later(data, (m, f) => <m.DataVersionPage name={f.name!} version={f.version!} />)],
  ["/capacity", later(() => import("./pages/capacity"), (m) => <m.CapacityPage />)],
  ["/reports", later(reports, (m) => <m.ReportsPage />)],
  ["/reports/:id", later(reports, (m, f) => <m.ReportPage id={f.id!} />)],
  ["/settings", later(() => import("./pages/settings"), (m) => <m.SettingsPage />)],
  ["/audit", later(() => import("./pages/audit"), (m) => <m.AuditPage />)],
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
  const [who, know] = useState("");
  useEffect(() => {
    const look = () => ask<Overview>("/mw/v1/overview").then(
      (o) => {
        learn(o);
        if (o.asks) ask<{ name: string; asked: boolean; grants?: Grant[] }>("/mw/v1/whoami").then((w) => {
          me.value = { asked: w.asked, grants: w.grants ?? [] };
          if (w.asked) know(w.name);
          meKnown.value = true;
        }, () => undefined);
        else meKnown.value = true;
        goals.value = o.items.map((e) => ({ title: e.name, to: `/endpoints/${encodeURIComponent(e.name)}`, kind: "endpoint" }));
      },
      () => { server.value = { ...server.value, known: true }; setTimeout(look, 5000); }, /* pages say what is wrong themselves */
    );
    void look();
  }, []);
  const user = who && <button type="button" class="quiet" title="sign out" onClick={() => void signOut()}>{who}</button>;
  return <Shell entries={entries} user={user} alerts={<AlertCount />}>{mustSignIn.value ? <SignInPage /> : findPage()}</Shell>;
}

render(<App />, document.getElementById("app")!);
