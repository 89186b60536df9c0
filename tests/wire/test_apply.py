"""mw apply: a file, a record and its running server are made the same; the second time there is
nothing to change."""
import http.server
import json
import os
import shutil
import threading
import time

import numpy
import pytest
import requests
import xgboost
from conftest import Server, check_end, until

mlflow = pytest.importorskip("mlflow")

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
COLUMNS = ["age", "income"]
ROW = {"dataframe_split": {"columns": COLUMNS, "data": [[1, 2]]}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A record with two versions of one model, and no alias."""
    folder = tmp_path_factory.mktemp("made")
    server = Server(folder, "--record", folder / "record")
    mlflow.set_tracking_uri(server.url)
    mlflow.set_experiment("apply")
    rows = numpy.random.default_rng(1).normal(size=(100, 2))
    for rounds in (2, 4):
        booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic", "nthread": 1},
                                xgboost.DMatrix(rows, rows[:, 0] > 0, feature_names=COLUMNS),
                                rounds)
        with mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="model", registered_model_name="credit",
                                     pip_requirements=["xgboost"], input_example=None)
    check_end(server)
    return folder / "record"


@pytest.fixture
def record(made, tmp_path):
    return shutil.copytree(made, tmp_path / "record")


@pytest.fixture
def house(record, serve, run, tmp_path):
    server = serve("--record", record)

    def apply(document, *more):
        path = tmp_path / "millwright.yaml"
        path.write_text(document)
        return run("apply", "-f", path, *more, "--server", f"127.0.0.1:{server.port}")
    return server, apply


def asked(server):
    return server.post("/endpoints/credit/invocations", json=ROW).status_code


DOCUMENT = """
server: {drain_seconds: 5}
models:
  - name: credit
    description: probability of default
endpoints:
  - {name: credit, model: models:/credit@champion, client_rate: 1000000}
rollouts:
  - {endpoint: credit, model: credit/1}
alerts:
  rules:
    - {name: Slow, when: mw_uptime_seconds < 0, for: 1m, severity: info}
"""


def test_a_file_becomes_the_record_and_the_server(house):
    server, apply = house
    dry = apply(DOCUMENT, "--dry-run")
    assert dry.returncode == 6 and "4 to change" in dry.stdout, dry.stdout + dry.stderr
    assert asked(server) == 404
    done = apply(DOCUMENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "~ model credit  description: none -> probability of default",
        "+ endpoint credit: models:/credit@champion; client_rate 1000000",
        "+ rollout credit  credit/1: @champion leads there at once: nothing was served",
        "+ rule Slow: mw_uptime_seconds < 0", "4 changed"]
    until(lambda: asked(server) == 200)
    again = apply(DOCUMENT)
    assert (again.returncode, again.stdout) == (0, "nothing to change\n")
    # it is there after a restart, without a word on the command line
    rules = {rule["name"]: rule for rule in server.get("/mw/v1/rules").json()["items"]}
    assert rules["Slow"]["for"] == "60s"


def test_a_new_version_comes_by_a_rollout(house):
    server, apply = house
    assert apply(DOCUMENT).returncode == 0
    until(lambda: asked(server) == 200)
    time.sleep(0.7)  # what is served is noted at the next look
    to_2 = DOCUMENT.replace("credit/1}", "credit/2, strategy: canary, steps: [20, 100]}")
    dry = apply(to_2, "--dry-run")
    assert dry.returncode == 6 and "> rollout credit  credit/2: canary 20 %" in dry.stdout
    assert server.get("/mw/v1/endpoints/credit/rollout").status_code == 404
    assert "1 changed" in apply(to_2).stdout
    rollout = server.get("/mw/v1/endpoints/credit/rollout").json()
    assert (rollout["state"], rollout["to_version"]) == ("running", 2)
    again = apply(to_2)
    assert again.returncode == 0 and "nothing to change" in again.stdout
    assert "rollout 1 is running" in again.stdout
    server.post("/mw/v1/endpoints/credit/rollout:rollback", json={"reason": "no"})
    after = apply(to_2, "--json")
    assert after.returncode == 6  # what is asked for is not so, and is not made so
    assert json.loads(after.stdout)["changes"][0]["action"] == "refused"


def test_settings_hold_on_the_running_server(record, serve, run, tmp_path):
    """Limits from the next request on; a monitor and a reference without a restart."""
    server = serve("--record", record, "--log", "on")
    path = tmp_path / "a.yaml"

    def apply(text):
        path.write_text(text)
        done = run("apply", "-f", path, "--server", f"127.0.0.1:{server.port}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    apply(DOCUMENT)
    until(lambda: asked(server) == 200)
    less = DOCUMENT.replace("client_rate: 1000000", "client_rate: 1, client_burst: 1")
    assert "client_rate 1" in apply(less)
    until(lambda: 429 in {asked(server) for _ in range(5)})
    apply(DOCUMENT)
    until(lambda: {asked(server) for _ in range(20)} == {200})
    rows = numpy.random.default_rng(2).normal(size=(300, 2))
    reference = tmp_path / "reference.csv"
    reference.write_text("age,income\n" + "\n".join(f"{a},{b}" for a, b in rows))
    more = f"""
references: {{credit: {reference}}}
monitors:
  - endpoint: credit
    fairness: {{groups: ["age(0)"], limits: [demographic_parity_difference <= 0.2], window: 1h}}
"""
    fairness = "/mw/v1/endpoints/credit/fairness"
    assert server.get(fairness).status_code == 404
    assert "fairness_groups age(0)" in apply(more) and apply(more) == "nothing to change\n"
    until(lambda: server.get(fairness).status_code == 200)
    server.post("/endpoints/credit/invocations", json={"dataframe_split": {
        "columns": COLUMNS, "data": [list(map(float, r)) for r in rows]}})

    def groups():
        found = server.get(fairness).json()["attributes"]
        return found and found[0]["groups"].get("below 0", {}).get("rows", 0) >= (
            rows[:, 0] < 0).sum()
    until(groups)
    drift = server.get("/mw/v1/endpoints/credit/drift").json()
    assert "reference.csv" in json.dumps(drift)  # the model was loaded again with it
    assert asked(server) == 200
    # what stands under endpoints is all of it: the monitor goes with the next document
    apply(DOCUMENT)
    until(lambda: server.get(fairness).status_code == 404)


def test_receivers_come_and_go(house):
    server, apply = house
    heard = []

    class Ear(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass
    ear = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=ear.serve_forever, daemon=True).start()
    document = """
alerts:
  receivers:
    - {name: ops, kind: webhook, url: "http://127.0.0.1:%d/%s"}
"""
    first = document % (ear.server_port, "a")
    dry = apply(first, "--dry-run")
    assert dry.returncode == 6 and "+ receiver ops" in dry.stdout
    assert server.get("/mw/v1/receivers").json()["items"] == []
    assert apply(first).returncode == 0 and apply(first).stdout == "nothing to change\n"
    assert server.post("/mw/v1/alerts:test", json={}).status_code == 200
    until(lambda: [path for path, _ in heard] == ["/a"])
    second = document % (ear.server_port, "b")
    assert "~ receiver ops  settings" in apply(second).stdout
    server.post("/mw/v1/alerts:test", json={})
    until(lambda: [path for path, _ in heard] == ["/a", "/b"])
    told, = server.get("/mw/v1/receivers").json()["items"]
    assert told["origin"] == "api" and str(ear.server_port) not in json.dumps(told)
    # what reaches into the machine is nobody's whom the server does not know
    inside = apply(second + "    - {name: page, kind: exec, command: [/bin/true]}\n"
                   "    - {name: mail, kind: slack, url_env: HOME}\n")
    assert inside.returncode == 6 and inside.stdout.count("! receiver") == 2
    refused = server.post("/mw/v1/receivers", json={"name": "x", "kind": "exec", "command": ["a"]})
    assert refused.status_code == 400 and refused.json()["code"] == "MW8602"
    assert refused.headers["Content-Type"] == "application/problem+json"
    gone = apply("alerts: {receivers: []}\n", "--prune")
    assert "- receiver ops" in gone.stdout
    assert server.get("/mw/v1/receivers").json()["items"] == []
    assert server.post("/mw/v1/alerts:test", json={}).status_code == 404
    ear.shutdown()


def test_what_is_not_written_is_removed_only_when_pruned(house):
    server, apply = house
    assert apply(DOCUMENT).returncode == 0
    until(lambda: asked(server) == 200)
    less = "endpoints: []\nalerts: {rules: []}\n"
    kept = apply(less)
    assert kept.returncode == 0 and kept.stdout.count("--prune removes it") == 2
    pruned = apply(less, "--prune")
    assert pruned.returncode == 0 and "2 changed" in pruned.stdout
    until(lambda: asked(server) != 200)
    assert apply(less, "--prune").stdout == "nothing to change\n"
    # and it comes back under the same name
    assert apply(DOCUMENT).returncode == 0
    until(lambda: asked(server) == 200)


def test_straight_into_the_record_beside_the_server(record, serve, run, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(DOCUMENT)
    done = run("apply", "-f", path, "--record", record)
    assert done.returncode == 0 and "3 changed" in done.stdout, done.stderr
    assert "alert rules are a server's" in done.stderr
    server = serve("--record", record)  # started after: the record says what it serves
    assert asked(server) == 200
    assert run("apply", "-f", path, "--record", record).stdout == "nothing to change\n"
    from_pipe = run("apply", "-f", "-", "--record", record, input=DOCUMENT)
    assert from_pipe.stdout == "nothing to change\n", from_pipe.stderr
    assert server.stop() == 0
    # a server that was started with the name has its own, and says so, once
    server = serve("credit=models:/credit/2", "--record", record)
    server.wait_said("'credit' of the record is left alone")
    time.sleep(1)
    assert server.said().count("is left alone") == 1
    # so does the plan of whoever applies to it; the record is made so all the same
    here = ("--server", f"127.0.0.1:{server.port}")
    for more in (["--dry-run"], []):
        told = run("apply", "-f", path, *more, *here).stdout
        assert ("  endpoint credit: this server leaves the record's model and settings alone: it "
                "was started with credit=models:/credit/2, ") in told, told
    changed = run("apply", "-f", "-", *here, input=DOCUMENT.replace("1000000", "2000000"))
    assert "~ endpoint credit  settings" in changed.stdout and "leaves" in changed.stdout
    own = "endpoints: [{name: credit, model: models:/credit/2}]\n"  # as it was started: no word
    assert "leaves" not in run("apply", "-f", "-", *here, input=own).stdout


@pytest.mark.parametrize("text, where", [
    ("models:\n  - name: a\n    gates: {requires: [x]}\n", ":3:13"),
    ("rollouts:\n  - {endpoint: a, model: a/2, strategy: blue}\n", ":2:"),
    ("endpoints: [{model: 'models:/a@x', max_queue: many}]\n", ":1:"),
    ("alerts: {rules: [{name: X}]}\n", ":1:"),
])
def test_a_fault_is_told_with_its_place(record, run, tmp_path, text, where):
    (tmp_path / "a.yaml").write_text(text)
    done = run("apply", "-f", tmp_path / "a.yaml", "--record", record)
    assert done.returncode == 2
    assert f"a.yaml{where}" in done.stderr


def test_policies_need_an_admin(record, serve, run, tmp_path):
    def token(name, role):
        made = run("token", "create", name, "--role", role, "--record", record)
        assert made.returncode == 0, made.stderr
        return made.stdout.split()[-1]
    admin, deployer = token("boss", "admin"), token("ci", "deployer")
    server = serve("--record", record, "--auth", "on")
    path = tmp_path / "a.yaml"
    path.write_text("models: [{name: credit, gates: {require: [validation]}}]\n")

    def apply(token):
        return run("apply", "-f", path, "--server", f"127.0.0.1:{server.port}", "--header",
                   f"Authorization: Bearer {token}")
    denied = apply(deployer)
    assert denied.returncode != 0 and "403" in denied.stderr and "admin" in denied.stderr
    assert apply("wrong").returncode != 0
    assert "1 changed" in apply(admin).stdout
    assert apply(deployer).stdout == "nothing to change\n"  # which changes no policy
    path.write_text("endpoints: [{model: 'models:/credit@champion'}]\n")
    assert "1 changed" in apply(deployer).stdout
    assert requests.post(f"{server.url}/mw/v1/apply", data="{}", timeout=10).status_code == 401


def test_gates_are_opened_by_an_admin(record, run):
    def override(token=None):
        return run("gate", "override", "credit/1", "--reason", "hotfix", "--record", record,
                   env={"MW_TOKEN": token} if token else {})
    run("gate", "require", "credit", "--gates", "validation", "--record", record)
    assert override().returncode == 0  # nobody is asked who he is
    tokens = {role: run("token", "create", role, "--role", role, "--record", record).stdout.strip()
              for role in ("admin", "deployer")}
    assert "no admin" in override().stderr
    assert "MW8914" in override(tokens["deployer"]).stderr
    assert override("mw_wrong").returncode != 0
    done = override(tokens["admin"])
    assert done.returncode == 0, done.stderr


def test_an_address_of_closed_gates_is_refused(record, run, tmp_path):
    run("gate", "require", "credit", "--gates", "validation", "--record", record)
    path = tmp_path / "a.yaml"

    def apply(model, *more):
        path.write_text(f"endpoints: [{{name: loans, model: 'models:/{model}'}}]\n")
        return run("apply", "-f", path, "--record", record, *more)
    for more in ([], ["--dry-run"]):
        closed = apply("credit/1", *more)
        assert closed.returncode == 5 and "MW8908" in closed.stderr, closed.stderr
        assert "gate 'validation' has no result" in closed.stderr
    assert "1 changed" in apply("credit@nowhere").stdout  # it leads nowhere yet
    assert run("gate", "override", "credit/1", "--reason", "hotfix", "--record",
               record).returncode == 0
    assert "1 changed" in apply("credit/1").stdout
