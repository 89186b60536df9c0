"""Who may do what: users, tokens and roles with the real program and the real MLflow client, and
the audit log that says who did it."""
import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import requests
from conftest import BINARY, ROOT, Server, check_end

API = "/api/2.0/mlflow/"
PASSWORD = "correct horse battery"


def mw(*words, code=0, stdin=None, **environment):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=60,
                          input=stdin, check=False, env={**os.environ, **environment})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


class House:
    """A record with users and tokens, and a server on it that asks who is there."""

    def __init__(self, folder, *arguments, address=None, **more):
        self.record = folder / "record"
        self.user("ada", "--role", "admin")
        if address:
            mw("server", "migrate", address, "--record", self.record)
        self.server = Server(folder, "--record", self.record, "--auth", "on", *arguments, **more)
        self.url = self.server.url

    def user(self, name, *words):
        mw("user", "add", name, *words, "--record", self.record, "--password-stdin",
           stdin=PASSWORD + "\n")

    def token(self, name, *words):
        return mw("token", "create", name, "--record", self.record, *words).strip()

    def call(self, path, body=None, auth=None, method=None):
        headers = {"Authorization": auth} if auth else {}
        method = method or ("GET" if body is None else "POST")
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=20)


def bearer(token):
    return "Bearer " + token


def basic(name, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    check_end(made.server)


@pytest.fixture(scope="module")
def admin(house):
    return bearer(house.token("root", "--role", "admin"))


# ---- who is there ------------------------------------------------------------------------------


def test_nobody_is_refused(house):
    for path in ("experiments/search?max_results=1", "runs/get?run_id=x", "nothing/of/the/kind"):
        answer = house.call(API + path)
        assert answer.status_code == 401, path
        assert answer.json()["error_code"] == "UNAUTHENTICATED"
        assert "MLFLOW_TRACKING_TOKEN" in answer.json()["message"]
        assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert house.call("/mw/v1/audit").status_code == 401
    assert house.call("/v2/repository/models/x/load", {}).status_code == 401


def test_health_and_metrics_are_open(house):
    assert house.call("/version").status_code == 200
    assert house.call("/v2/health/live").status_code == 200
    assert house.call("/metrics").status_code == 200


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer ", "Bearer x", "Basic", "Basic !!!", "Digest x", "Bearer " + "a" * 3000,
    "Basic " + base64.b64encode(b"x").decode(), basic("nobody"), basic("ada", "wrong password"),
    basic("' OR 1=1 --", "' OR 1=1 --"), basic("x" * 2000), basic("ada", "")])
def test_wrong_credentials(house, header):
    answer = house.call(API + "experiments/search?max_results=1", auth=header)
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] == "MW4202"


def test_password_and_token(house, admin):
    for auth in (admin, basic("ada")):
        assert house.call(API + "experiments/search?max_results=1", auth=auth).status_code == 200
    who = house.call("/mw/v1/whoami", auth=basic("ada")).json()
    assert who == {"name": "ada", "asked": True, "grants": [{"role": "admin", "on": "everything"}]}


def test_bodies_survive_the_way_to_the_pool(house):
    """A first request with new credentials waits for them, with its body; pipelined ones behind."""
    token = house.token("first", "--role", "editor")
    big = {"name": "big", "tags": [{"key": f"k{i}", "value": "v" * 5000} for i in range(100)]}
    answer = house.call(API + "experiments/create", big, bearer(token))
    assert answer.status_code == 200, answer.text
    fresh = house.token("second", "--role", "viewer")
    head = (f"GET /mw/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {fresh}\r\n\r\n")
    with house.server.connect() as client:
        client.sendall((head * 5).encode())
        seen = b""
        while seen.count(b"token:second") < 5:
            got = client.recv(65536)
            assert got, seen
            seen += got
    assert seen.count(b"HTTP/1.1 200") == 5


def test_client_that_goes_away_while_it_is_verified(house):
    for _ in range(10):
        with house.server.connect() as client:
            client.sendall(f"GET /mw/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: "
                           f"{basic('ada', 'wrong but slow')}\r\n\r\n".encode())
    assert house.call("/version").status_code == 200


def test_revoked_within_a_second(house):
    auth = bearer(house.token("short", "--role", "viewer"))
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 200
    mw("token", "revoke", "short", "--record", house.record)
    time.sleep(1)
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 401
    mw("token", "revoke", "short", "--record", house.record, code=3)


def test_expired(house):
    auth = bearer(house.token("brief", "--role", "viewer", "--expires", "2s"))
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 200
    time.sleep(2.1)
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 401


def test_removed_user(house):
    house.user("gone", "--role", "viewer")
    assert house.call("/mw/v1/whoami", auth=basic("gone")).status_code == 200
    mw("user", "remove", "gone", "--record", house.record)
    time.sleep(1)
    assert house.call("/mw/v1/whoami", auth=basic("gone")).status_code == 401


# ---- roles -------------------------------------------------------------------------------------


def test_roles(house, admin):
    viewer = bearer(house.token("looks", "--role", "viewer"))
    editor = bearer(house.token("edits", "--role", "editor"))
    deployer = bearer(house.token("deploys", "--role", "deployer"))
    assert house.call(API + "registered-models/create", {"name": "m"}, editor).status_code == 200
    version = {"name": "m", "source": "s3://elsewhere/x"}
    assert house.call(API + "model-versions/create", version, editor).status_code == 200
    alias = {"name": "m", "alias": "champion", "version": "1"}
    for auth, code in ((viewer, 403), (editor, 403), (deployer, 200)):
        answer = house.call(API + "registered-models/alias", alias, auth)
        assert answer.status_code == code, answer.text
    refused = house.call(API + "registered-models/alias", alias, viewer).json()
    assert refused["error_code"] == "PERMISSION_DENIED"
    assert "deployer on model 'm'" in refused["message"] and "viewer" in refused["message"]
    assert "mw token create" in refused["message"]
    assert house.call("/mw/v1/audit", auth=deployer).status_code == 403
    assert house.call("/mw/v1/audit", auth=admin).status_code == 200
    assert house.call("/v2/logging", {"log_verbose_level": 0}, viewer).status_code == 403
    assert house.call("/v2/logging", {"log_verbose_level": 0}, deployer).status_code == 200
    assert house.call("/v2/repository/models/x/load", {}, editor).status_code == 403
    assert house.call("/v2/repository/models/x/load", {}, deployer).status_code == 404


def test_alerts_of_single_endpoints(house, admin):
    """Silences, rules, receivers and what a rule would find: of the endpoints that a role names."""
    mine = bearer(house.token("churn-only", "--role", "viewer", "--endpoint", "churn"))
    viewer = bearer(house.token("sees-all", "--role", "viewer"))
    for match in ('endpoint="churn"', 'endpoint="credit"', 'alertname="HighLatency"'):
        silence = {"match": match, "seconds": 60}
        assert house.call("/mw/v1/silences", silence, admin).status_code == 200
    for name in ("churn", "credit"):
        rule = {"name": f"Busy{name}", "when": f'mw_rows_total{{endpoint="{name}"}} > 7'}
        assert house.call("/mw/v1/rules", rule, admin).status_code == 200
        receiver = {"name": name, "kind": "webhook", "url": "http://127.0.0.1:9/",
                    "match": f'endpoint="{name}"'}
        assert house.call("/mw/v1/receivers", receiver, admin).status_code == 200

    def seen(what, auth):
        return [one.get("match", one.get("name")) for one in
                house.call(f"/mw/v1/{what}", auth=auth).json()["items"]]
    assert seen("silences", mine) == ['alertname="HighLatency"', 'endpoint="churn"']
    assert len(seen("silences", viewer)) == 3
    assert {"Busychurn", "Busycredit"} <= set(seen("rules", viewer))
    assert "Busychurn" in seen("rules", mine) and "Busycredit" not in seen("rules", mine)
    assert seen("receivers", mine) == ["churn"] and len(seen("receivers", viewer)) == 2
    up = {"name": "T", "when": "mw_alert_looks_total > 0"}  # of no endpoint: who sees all
    assert house.call("/mw/v1/rules:test", up, mine).json()["total"] == 0
    assert house.call("/mw/v1/rules:test", up, viewer).json()["total"] == 1
    for name in ("churn", "credit"):
        for what in (f"rules/Busy{name}", f"receivers/{name}"):
            assert house.call(f"/mw/v1/{what}", auth=admin, method="DELETE").status_code == 200


def test_scopes(house, admin):
    def make(name):
        answer = house.call(API + "experiments/create", {"name": name}, admin)
        return answer.json()["experiment_id"]
    mine, other = make("mine"), make("other")
    auth = bearer(house.token("mine", "--role", "editor", "--experiment", "mine"))

    def code(path, body=None, method=None):
        return house.call(path, body, auth, method).status_code

    def run_of(experiment, who):
        answer = house.call(API + "runs/create", {"experiment_id": experiment}, who)
        return answer.json()["run"]["info"]["run_id"]
    run, foreign = run_of(mine, auth), run_of(other, admin)
    assert code(API + "runs/create", {"experiment_id": other}) == 403
    assert code(API + "runs/create", {}) == 403  # the default one
    metric = {"key": "k", "value": 1, "timestamp": 1}
    assert code(API + "runs/log-metric", {"run_id": run, **metric}) == 200
    assert code(API + "runs/log-metric", {"run_uuid": run, "run_id": run, **metric}) == 200
    assert code(API + "runs/log-metric", {"run_id": foreign, **metric}) == 403
    assert code(API + "runs/log-metric", {"run_uuid": foreign, **metric}) == 403
    assert code(API + "runs/log-metric", {"runId": foreign, **metric}) == 403
    assert code(API + "runs/get?run_id=" + foreign) == 403
    assert code(API + "runs/get?run_id=nothing") == 403  # what is there is not told
    assert code(API + "runs/search", {"experiment_ids": [mine]}) == 200
    assert code(API + "runs/search", {"experiment_ids": [mine, other]}) == 403
    assert code(API + "experiments/get-by-name?experiment_name=mine") == 200
    assert code(API + "experiments/get-by-name?experiment_name=other") == 403
    assert code(API + "experiments/create", {"name": "new"}) == 403
    found = house.call(API + "experiments/search?max_results=100", auth=auth).json()
    assert [e["name"] for e in found["experiments"]] == ["mine"]
    # artifacts: by the experiment whose place they are in
    files = "/api/2.0/mlflow-artifacts/artifacts"
    assert code(f"{files}/{mine}/{run}/artifacts/a.txt", {}, "PUT") == 200
    assert code(f"{files}/{other}/{foreign}/artifacts/a.txt", {}, "PUT") == 403
    assert code(f"{files}/{mine}/../{other}/a.txt", {}, "PUT") in (400, 403, 404)
    assert code(f"{files}/{mine}%2f..%2f{other}/a.txt", {}, "PUT") in (400, 403)
    assert code(f"{files}/stray/a.txt", {}, "PUT") == 403
    assert code(f"{files}?path={other}") == 403
    proxy, body = "/api/2.0/mlflow-artifacts", {"path": f"{mine}/{run}/artifacts/a", "num_parts": 1}
    assert code(f"{proxy}/mpu/create/{mine}/{run}/artifacts", body) == 501  # no bucket
    assert code(f"{proxy}/mpu/create/{other}/{foreign}/artifacts", body) == 403
    assert code(f"{proxy}/presigned/{other}/{foreign}/artifacts/a.txt") == 403
    assert code(f"{files}?path=") == 403
    assert code("/get-artifact?path=a.txt&run_id=" + run) == 200
    assert code("/get-artifact?path=a.txt&run_id=" + foreign) == 403
    # traces: by their experiment, which stands three deep in a new one
    def trace(name, place, who):
        info = {"trace_id": name, "request_time": "2026-11-28T12:00:00Z",
                "trace_location": {"mlflow_experiment": {"experiment_id": place}}}
        return house.call(API + "traces", {"trace": {"trace_info": info}}, who).status_code
    assert trace("tr-o", other, admin) == 200 and trace("tr-m", mine, auth) == 200
    assert trace("tr-x", other, auth) == 403
    assert trace("tr-o", mine, auth) == 400  # it is another's
    assert code(API + "traces/tr-m") == 200 and code(API + "traces/tr-o") == 403
    assert code(API + "traces/tr-o/tags", {"key": "a"}, "PATCH") == 403
    assert code(API + "traces/batchGetInfos?trace_ids=tr-m&trace_ids=tr-o") == 403
    assert code(API + "traces/link-to-run", {"trace_ids": ["tr-o"], "run_id": run}) == 403
    gone = {"experiment_id": other, "request_ids": "tr-o"}
    assert code(API + "traces/delete-traces", gone) == 403
    places = [{"mlflow_experiment": {"experiment_id": e}} for e in (mine, other)]

    # spans: by the experiment of the header, and where their trace is already
    def spans(digits, place, who):
        span = {"traceId": digits * 32, "spanId": "1" * 16, "name": "s"}
        return requests.post(house.url + "/v1/traces", json={"resourceSpans": [
            {"scopeSpans": [{"spans": [span]}]}]}, timeout=20, headers={
                "Authorization": who, "x-mlflow-experiment-id": place}).status_code
    assert spans("a", other, admin) == 200 and spans("a", mine, auth) == 403
    assert spans("b", other, auth) == 403 and spans("b", mine, auth) == 200
    assert code(API + "traces/get?trace_id=tr-" + "a" * 32) == 403
    assert code(API + "traces/get?trace_id=tr-" + "b" * 32) == 200
    assert code(API + "traces/batchGet?trace_ids=tr-m&trace_ids=tr-o") == 403
    assert trace("tr-" + "a" * 32, mine, auth) == 403  # it would be moved from the other
    gone = {"experiment_id": mine, "request_ids": ["tr-" + "b" * 32]}
    assert code(API + "traces/delete-traces", gone) == 200
    found = house.call(API + "traces/search", {"locations": places}, auth).json()
    assert [t["trace_id"] for t in found["traces"]] == ["tr-m"]
    # an own model is no way into another's files
    model = bearer(house.token("model", "--role", "deployer", "--model", "leak"))
    assert house.call(API + "registered-models/create", {"name": "leak"}, model).status_code == 200
    assert house.call(API + "registered-models/create", {"name": "x"}, model).status_code == 403
    for source in (f"mlflow-artifacts:/{other}/{foreign}/artifacts", f"runs:/{foreign}/a",
                   "models:/m/1", "models:/m@champion"):
        answer = house.call(API + "model-versions/create",
                            {"name": "leak", "source": source, "run_id": foreign}, model)
        assert answer.status_code == 403, source
        answer = house.call(API + "model-versions/create", {"name": "leak", "source": source},
                            model)
        assert answer.status_code == 403, source
    assert house.call(API + "registered-models/rename", {"name": "leak", "new_name": "m2"},
                      model).status_code == 403
    found = house.call(API + "registered-models/search", auth=model).json()
    assert [m["name"] for m in found["registered_models"]] == ["leak"]


def test_guarded_endpoints(tmp_path):
    path = next((ROOT / "examples").rglob("*.json"))
    made = House(tmp_path, f"open={path}", f"shut={path}", "--guarded", "shut",
                 "--metrics-auth", "token")
    try:
        auth = bearer(made.token("uses", "--role", "viewer", "--endpoint", "shut"))
        wrong = bearer(made.token("else", "--role", "viewer", "--endpoint", "open"))
        assert made.call("/v2/models/open").status_code == 200
        assert made.call("/v2/models/shut").status_code == 401
        assert made.call("/v2/models/shut", auth=wrong).status_code == 403
        assert made.call("/v2/models/shut", auth=auth).status_code == 200
        assert made.call("/endpoints/shut/invocations", {}).status_code == 401
        assert made.call("/endpoints/shut/invocations", {}, auth).status_code == 400  # no rows
        assert made.call("/endpoints/open/invocations", {}).status_code == 400
        assert made.call("/v1/models/shut:predict", {"instances": []}).status_code == 401
        assert made.call("/metrics").status_code == 401
        assert made.call("/metrics", auth=auth).status_code == 200
    finally:
        check_end(made.server)


def test_lists_hold_what_roles_reach(tmp_path):
    """Metrics, drift, performance and lists of models: of the endpoints that a role names."""
    path = next((ROOT / "examples").rglob("*.json"))
    made = House(tmp_path, f"mine={path}", f"other={path}", "--guarded", "all", "--metrics-auth",
                 "token", "--log", "on")
    try:
        one = bearer(made.token("one", "--role", "viewer", "--endpoint", "mine"))
        every = bearer(made.token("every", "--role", "viewer"))
        none = bearer(made.token("none", "--role", "viewer", "--model", "mine"))
        for auth, names in ((one, {"mine"}), (every, {"mine", "other"}), (none, set())):
            page = made.call("/metrics", auth=auth).text
            assert set(re.findall(r'endpoint="(\w+)"', page)) == names
            assert "\nprocess_cpu_seconds_total " in page and page.endswith("\n")
            assert ("mw_alert_firing{" in page) == (auth == every)
            for path in ("/v2/models", "/v1/models"):
                assert set(made.call(path, auth=auth).json()["models"]) == names
            stats = made.call("/v2/models/stats", auth=auth).json()["model_stats"]
            index = made.call("/v2/repository/index", {}, auth).json()
            drift = made.call("/drift", auth=auth).json()["endpoints"]
            assert {m["name"] for m in stats} == names
            assert {m["name"] for m in index} == names
            assert {m["endpoint"] for m in drift} == names
            paths = "".join(made.call("/openapi.json", auth=auth).json()["paths"])
            page = made.call("/", auth=auth).text
            for name in ("mine", "other"):
                assert (f"/endpoints/{name}/" in paths) == (name in names)
                assert (f"/{name}/" in page) == (name in names)
            assert made.call("/performance", auth=auth).status_code == 200
        for path in ("/performance?endpoint=other", "/endpoints/other/performance"):
            refused = made.call(path, auth=one)
            assert refused.status_code == 403
            assert "--role viewer --endpoint 'other'" in refused.text
            assert made.call(path, auth=every).status_code == 200
        # the path's endpoint, whatever the query names
        path = "/endpoints/mine/performance?endpoint=other"
        assert made.call(path, auth=one).json()["performance"] == []
    finally:
        check_end(made.server)


def test_http2_and_grpc(tmp_path):
    """First requests with new credentials wait for them on every protocol."""
    grpc = pytest.importorskip("tritonclient.grpc")
    from tritonclient.utils import InferenceServerException
    path = next((ROOT / "examples").rglob("*.json"))
    made = House(tmp_path, f"m={path}", "--guarded", "all")
    client = grpc.InferenceServerClient(f"127.0.0.1:{made.server.port}")
    try:
        uses = {"authorization": bearer(made.token("uses", "--role", "viewer", "--endpoint", "m"))}
        loads = {"authorization": bearer(made.token("loads", "--role", "deployer"))}
        assert client.is_server_live()
        for call, status in ((lambda: client.get_model_metadata("m"), "UNAUTHENTICATED"),
                             (lambda: client.get_model_metadata("n", headers=uses), "PERMISSION"),
                             (lambda: client.load_model("m", headers=uses), "PERMISSION")):
            with pytest.raises(InferenceServerException) as refused:
                call()
            assert status in str(refused.value)
        assert client.get_model_metadata("m", headers=uses).name == "m"
        client.load_model("m", headers=loads)
        if shutil.which("curl"):
            fresh = made.token("fresh", "--role", "viewer")
            said = subprocess.run(
                ["curl", "-s", "--http2-prior-knowledge", "-H", "Authorization: " + bearer(fresh),
                 "-w", " %{http_version}", made.url + "/mw/v1/whoami"], capture_output=True,
                text=True, timeout=20, check=True).stdout
            assert "token:fresh" in said and said.endswith(" 2")
    finally:
        client.close()
        check_end(made.server)


# ---- failed logins -----------------------------------------------------------------------------


def test_limits(tmp_path):
    made = House(tmp_path, "--workers", 1, listen="127.0.0.1:0,proxy")

    def ask(peer, auth):
        with made.server.connect() as client:
            client.sendall(f"PROXY TCP4 {peer} 127.0.0.1 1000 80\r\nGET /mw/v1/whoami HTTP/1.1\r\n"
                           f"Host: x\r\nConnection: close\r\nAuthorization: {auth}\r\n\r\n"
                           .encode())
            answer = b""
            while got := client.recv(65536):
                answer += got
        return int(answer.split()[1]), answer.decode()
    try:
        assert ask("10.0.0.5", basic("ada"))[0] == 200
        codes = [ask("10.0.0.1", "Bearer guess%d" % i)[0] for i in range(12)]
        assert codes == [401] * 10 + [429] * 2
        code, answer = ask("10.0.0.1", "Bearer guess")
        assert code == 429 and 1 <= int(re.search(r"Retry-After: (\d+)", answer)[1]) <= 61
        assert ask("10.0.0.2", "Bearer guess")[0] == 401
        for i in range(10):  # one user from many addresses
            ask(f"10.0.1.{i}", basic("ada", f"guess {i}"))
        assert ask("10.0.2.1", basic("ada", "guess"))[0] == 429
        assert ask("10.0.0.5", basic("ada"))[0] == 200  # at work already: not held up
        assert ask("10.0.0.1", basic("ada"))[0] == 200
    finally:
        check_end(made.server)
    assert PASSWORD not in made.server.said()


def test_a_flood_of_passwords_is_bounded(tmp_path):
    """32 wait, one is checked at a time; others are told to come again; the server lives on."""
    made = House(tmp_path, "--workers", 1)
    codes = []

    def ask(i):
        codes.append(made.call("/mw/v1/whoami", auth=basic(f"u{i}", "guess")).status_code)
    try:
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(45)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        assert made.call("/version").status_code == 200
        assert time.monotonic() - began < 2
        for thread in threads:
            thread.join()
        assert set(codes) <= {401, 429, 503}
    finally:
        check_end(made.server)


# ---- starting ----------------------------------------------------------------------------------


def test_public_record_must_say(tmp_path):
    record = tmp_path / "record"

    def start(*words):
        done = subprocess.run([BINARY, "serve", "--record", record, "--data", tmp_path / "data",
                               "--listen", "0.0.0.0:0", *words], capture_output=True, text=True,
                              timeout=20, check=False)
        return done.returncode, done.stderr
    for words in ((), ("--allow-public",)):
        code, said = start(*words)
        assert code == 2 and "MW1105" in said and "--auth on" in said and "mw user add" in said
    code, said = start("--auth", "off")
    assert code == 2 and "MW1102" in said  # said aloud, and the address is still public
    server = Server(tmp_path, "--record", record, "--auth", "on", listen="0.0.0.0:0")
    server.wait_said("no users yet")
    assert "unencrypted" in server.said()
    check_end(server)
    server = Server(tmp_path, "--record", record, "--auth", "off", "--allow-public",
                    listen="0.0.0.0:0")
    check_end(server)
    done = subprocess.run([BINARY, "serve", "--auth", "on", "m.json"], capture_output=True,
                          text=True, timeout=20, check=False, cwd=tmp_path)
    assert "MW1106" in done.stderr or "m.json" in done.stderr


def test_off_on_loopback(tmp_path):
    server = Server(tmp_path, "--record", tmp_path / "record")
    who = server.get("/mw/v1/whoami").json()
    assert who["name"] == "anonymous" and who["asked"] is False
    check_end(server)


# ---- the command line --------------------------------------------------------------------------


def test_commands(tmp_path):
    record = tmp_path / "record"
    mw("user", "list", "--record", record, code=3)
    mw("user", "list", code=2)
    mw("user", "add", "ada", "--record", record, "--password-stdin", stdin="short\n", code=2)
    mw("user", "add", "ada", "--record", record, "--password-stdin", stdin="", code=2)
    mw("user", "add", "ada", "--record", record, "--password-stdin", stdin=PASSWORD)
    mw("user", "add", "ada", "--record", record, "--password-stdin", stdin=PASSWORD, code=5)
    mw("user", "grant", "ada", "--record", record, code=2)
    mw("user", "grant", "ada", "--role", "admin", "--model", "m", "--record", record, code=2)
    mw("user", "grant", "ada", "--role", "editor", "--experiment", "none", "--record", record,
       code=3)
    mw("user", "grant", "ada", "--role", "editor", "--experiment", "Default", "--record", record)
    mw("user", "grant", "ada", "--role", "viewer", "--record", record)
    assert "viewer of everything, editor of experiment 0" in mw("user", "list", "--record", record)
    mw("user", "revoke", "ada", "--record", record)
    mw("user", "passwd", "ada", "--record", record, "--password-stdin", stdin="another word\n")
    listed = json.loads(mw("user", "list", "--json", "--record", record))
    assert listed["grants"] == [{"role": "editor", "on": "experiment", "object": "0"}]
    token = mw("token", "create", "ci", "--role", "editor", "--model", "m", "--record", record,
               "--expires", "never").strip()
    assert re.fullmatch("mw_[a-z2-7]{52}", token)
    for bad in ("yesterday", "2001-01-01", "0d", "-1d", "99999999999d"):
        mw("token", "create", "x", "--role", "viewer", "--expires", bad, "--record", record, code=2)
    mw("token", "create", "y", "--record", record, code=2)
    one = json.loads(mw("token", "list", "--json", "--record", record))
    assert one["state"] == "in force" and one["expires"] is None and one["last_used"] is None
    assert token not in mw("token", "list", "--record", record)
    raw = (record / "record.db").read_bytes()
    for secret in (token, token[3:], PASSWORD, "another word"):
        assert secret.encode() not in raw
    mw("token", "revoke", "ci", "--record", record)
    entries = [json.loads(line) for line in
               mw("audit", "list", "--format", "json", "--record", record).splitlines()]
    assert [e["action"] for e in entries] == [
        "token.revoke", "token.create", "user.passwd", "user.revoke", "user.grant", "user.grant",
        "user.add"]
    assert all(e["actor"].startswith("local:") and e["from"] == "cli" for e in entries)
    assert mw("audit", "list", "--what", "token", "--record", record).count("\n") == 2
    assert mw("audit", "list", "--who", "nobody", "--record", record) == ""
    assert mw("audit", "list", "--since", "1h", "--limit", 3, "--record", record).count("\n") == 3
    assert mw("audit", "list", "--format", "csv", "--record", record).count("\n") == 8


# ---- users and tokens over HTTP ----------------------------------------------------------------


def ask(house, method, path, body=None, auth=None):
    return requests.request(method, house.url + "/mw/v1/" + path, json=body, timeout=20,
                            headers={"Authorization": auth} if auth else {})


def test_people_over_http(house, admin):
    made = {"name": "web", "password": PASSWORD, "role": "editor", "on": "model", "object": "m"}
    assert ask(house, "POST", "users", made, admin).status_code == 200
    assert ask(house, "POST", "users", made, admin).status_code == 409
    me = basic("web", PASSWORD)
    assert house.call("/mw/v1/whoami", auth=me).json()["grants"] == [
        {"role": "editor", "on": "model", "object": "m"}]
    granted = {"role": "viewer", "on": "experiment", "object": "Default"}
    assert ask(house, "POST", "users/web/grants", granted, admin).status_code == 200
    listed = {user["name"]: user for user in ask(house, "GET", "users", auth=admin).json()["users"]}
    assert {"role": "viewer", "on": "experiment", "object": "0"} in listed["web"]["grants"]
    # one's own password, with the current one; an admin needs none
    other = {"password": "another word"}
    assert ask(house, "PUT", "users/web/password", other, me).status_code == 403
    assert ask(house, "PUT", "users/ada/password", other, me).status_code == 403
    assert ask(house, "PUT", "users/web/password", {**other, "current": PASSWORD},
               me).status_code == 200
    assert ask(house, "PUT", "users/web/password", {"password": "short"}, admin).status_code == 400
    time.sleep(1)
    assert house.call("/mw/v1/whoami", auth=me).status_code == 401
    me = basic("web", "another word")
    for method, path, body in (("POST", "users", made), ("DELETE", "users/ada", None),
                               ("POST", "tokens", {"name": "t", "role": "admin"}),
                               ("POST", "users/web/grants", {"role": "admin"})):
        assert ask(house, method, path, body, me).status_code == 403, path
    assert ask(house, "DELETE", "users/web", auth=admin).status_code == 200
    assert ask(house, "DELETE", "users/web", auth=admin).status_code == 404
    newest = ask(house, "GET", "audit?max_results=1", auth=admin).json()["entries"][0]
    assert (newest["actor"], newest["action"]) == ("token:root", "user.remove")


def test_tokens_over_http(house, admin):
    later = int((time.time() + 3600) * 1000)
    made = ask(house, "POST", "tokens", {"name": "web-ci", "role": "editor", "on": "model",
                                         "object": "m", "expires": later}, admin).json()
    assert re.fullmatch("mw_[a-z2-7]{52}", made["token"]) and made["expires"] == later
    auth = bearer(made["token"])
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 200
    listed = ask(house, "GET", "tokens", auth=admin)
    assert "web-ci" in listed.text and made["token"] not in listed.text
    assert ask(house, "DELETE", "tokens/web-ci", auth=admin).status_code == 200
    time.sleep(1)
    assert house.call("/mw/v1/whoami", auth=auth).status_code == 401


@pytest.mark.parametrize("body", [
    {"role": "king"}, {"role": "none"}, {"role": "viewer", "on": "moon"},
    {"role": "viewer", "on": "model"}, {"role": "viewer", "object": "m"},
    {"role": "admin", "on": "model", "object": "m"}, {"role": "viewer", "expires": 1000}, {}])
def test_tokens_that_cannot_be(house, admin, body):
    answer = ask(house, "POST", "tokens", {"name": "bad", **body}, admin)
    assert answer.status_code == 400, answer.text
    assert "bad" not in ask(house, "GET", "tokens", auth=admin).text


def test_nobody_takes_himself_away(house):
    house.user("eva", "--role", "admin")
    mine = basic("eva")
    assert ask(house, "DELETE", "users/eva", auth=mine).status_code == 403
    assert ask(house, "POST", "users/eva/grants", {"role": "none"}, mine).status_code == 403
    assert ask(house, "GET", "users", auth=mine).status_code == 200


def test_no_changes_where_nobody_is_asked(serve, tmp_path):
    server = serve("--record", tmp_path / "record")
    for method, path, body in (
            ("POST", "users", {"name": "eve", "password": PASSWORD, "role": "admin"}),
            ("POST", "tokens", {"name": "eve", "role": "admin"}), ("DELETE", "users/ada", None)):
        answer = ask(server, method, path, body)
        assert answer.status_code == 403 and "--auth" in answer.text, path


# ---- the audit log -----------------------------------------------------------------------------


def canonical(entry):
    """RFC 8785, in the words of another program."""
    return json.dumps({k: v for k, v in entry.items() if k != "hash"}, sort_keys=True,
                      separators=(",", ":"), ensure_ascii=False)


def test_audit_over_http(house, admin):
    auth = bearer(house.token("audited", "--role", "editor"))
    requests.post(house.url + API + "registered-models/create", json={"name": "ä \"q\" \n"},
                  headers={"Authorization": auth, "X-Request-ID": "my-request"}, timeout=20)
    found = house.call("/mw/v1/audit?max_results=10000", auth=admin).json()["entries"]
    newest = found[0]
    assert newest["actor"] == "token:audited" and newest["action"] == "model.create"
    assert newest["request"] == "my-request" and newest["from"].startswith("127.0.0.1:")
    prev = "0" * 64
    for entry in reversed(found):
        assert entry["prev"] == prev
        assert hashlib.sha256(canonical(entry).encode()).hexdigest() == entry["hash"]
        prev = entry["hash"]
    verdict = house.call("/mw/v1/audit/verdict?head=" + found[-1]["hash"], auth=admin).json()
    assert verdict == {"whole": True, "entries": len(found), "head": prev}
    page = house.call("/mw/v1/audit?max_results=2", auth=admin).json()
    assert len(page["entries"]) == 2
    rest = house.call(f"/mw/v1/audit?max_results=1&cursor={page['cursor']}", auth=admin).json()
    assert rest["entries"][0]["seq"] == page["cursor"] - 1
    only = house.call("/mw/v1/audit?what=token.create&who=local%3Anobody", auth=admin).json()
    assert "entries" not in only


def test_history_is_of_endpoints(tmp_path, models):
    house = House(tmp_path, f"credit={models.paths['plain']}")
    path = "/mw/v1/history?metric=mw_requests_total"
    for role, codes in ((("viewer",), (200, 200, 200)),
                        (("viewer", "--endpoint", "credit"), (403, 200, 403)),
                        (("editor", "--experiment", "Default"), (403, 403, 403))):
        auth = bearer(house.token(f"of-{len(role)}-{role[0]}", "--role", *role))
        asked = ("", "&endpoint=credit", "&endpoint=other")
        assert tuple(house.call(path + more, auth=auth).status_code for more in asked) == codes
    check_end(house.server)


def test_loads_are_audited(tmp_path, models):
    house = House(tmp_path, f"credit={models.paths['plain']}")
    auth = bearer(house.token("ops", "--role", "deployer"))
    for change in ("unload", "load", "load"):
        answer = house.call(f"/v2/repository/models/credit/{change}", {}, auth)
        assert answer.status_code == 200, answer.text
    assert house.call("/v2/repository/models/nothing/load", {}, auth).status_code in (403, 404)
    found = house.call("/mw/v1/audit", auth=basic("ada")).json()["entries"]
    changes = [(e["action"], e["actor"], e["object"]) for e in found if "endpoint" in e["object"]]
    assert changes == [("endpoint.load", "token:ops", "endpoint credit")] * 2 + [
        ("endpoint.unload", "token:ops", "endpoint credit")]
    check_end(house.server)


def test_tampering_is_found(tmp_path):
    record = tmp_path / "record"
    for name in ("a", "b", "c"):
        mw("token", "create", name, "--role", "viewer", "--record", record)
    said = mw("audit", "verify", "--record", record)
    head = said.split()[-1]
    assert said.startswith("whole\t3 entries") and len(head) == 64
    mw("token", "create", "d", "--role", "viewer", "--record", record)
    mw("audit", "verify", "--head", head, "--record", record)
    mw("audit", "verify", "--head", "0" * 64, "--record", record, code=6)
    with sqlite3.connect(record / "record.db") as db:
        with pytest.raises(sqlite3.DatabaseError):
            db.execute("UPDATE audit SET actor = 'x' WHERE seq = 2")
        db.execute("DROP TRIGGER audit_stays")
        db.execute("UPDATE audit SET actor = 'x' WHERE seq = 2")
    db.close()
    assert "broken at entry 2" in mw("audit", "verify", "--record", record, code=6)
    assert '"whole":false' in mw("audit", "verify", "--json", "--record", record, code=6)


# ---- in PostgreSQL -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory, databases):
    made = House(tmp_path_factory.mktemp("shared"), address=databases("access"))
    yield made, bearer(made.token("root", "--role", "admin"))
    check_end(made.server)


@pytest.mark.parametrize("test", [test_roles, test_scopes, test_audit_over_http],
                         ids=lambda test: test.__name__)
def test_in_a_database(test, shared_house):
    """What asks SQL most, with the record's rows there."""
    test(*shared_house)


# ---- the real client ---------------------------------------------------------------------------

CLIENT = """
import json, os, sys
import mlflow
from mlflow.exceptions import MlflowException
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

def train(experiment, **who):
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        os.environ.pop("MLFLOW_TRACKING_" + name, None)
    os.environ.update({"MLFLOW_TRACKING_" + name: value for name, value in who.items()})
    try:
        mlflow.set_experiment(experiment)
        with mlflow.start_run():
            mlflow.log_metric("auc", 0.9)
            mlflow.log_params({"a": 1})
            mlflow.log_text("hello", "note.txt")
        return len(mlflow.search_runs())
    except MlflowException as error:
        return f"{error.error_code}: {error.message}"

token, password = sys.argv[1:]
print(json.dumps([train("trained", TOKEN=token),
                  train("trained", USERNAME="carl", PASSWORD=password),
                  train("elsewhere", TOKEN=token), train("trained")]))
"""


def test_mlflow_client(house, admin):
    pytest.importorskip("mlflow")
    house.call(API + "experiments/create", {"name": "trained"}, admin)
    token = house.token("train", "--role", "editor", "--experiment", "trained")
    house.user("carl", "--role", "editor", "--experiment", "trained")
    done = subprocess.run([sys.executable, "-c", CLIENT, token, PASSWORD], capture_output=True,
                          text=True, timeout=120, check=False,
                          env={**os.environ, "MLFLOW_TRACKING_URI": house.url})
    assert done.returncode == 0, done.stderr
    by_token, by_password, elsewhere, stranger = json.loads(done.stdout.splitlines()[-1])
    assert (by_token, by_password) == (1, 2)
    assert elsewhere.startswith("PERMISSION_DENIED") and "editor on everything" in elsewhere
    assert stranger.startswith("UNAUTHENTICATED") and "MLFLOW_TRACKING_TOKEN" in stranger


def test_last_used(house, admin):
    """Who lists them sees what was used just now; the command sees what the server has written."""
    def used(name):
        lines = mw("token", "list", "--json", "--record", house.record).splitlines()
        return next(t for t in map(json.loads, lines) if t["name"] == name)["last_used"]
    token = house.token("seldom", "--role", "viewer")
    assert used("seldom") is None
    house.call("/mw/v1/whoami", auth=bearer(token))
    listed = {t["name"]: t for t in house.call("/mw/v1/tokens", auth=admin).json()["tokens"]}
    for name in ("seldom", "root"):  # root asks right now
        assert listed[name]["last_used"] >= listed[name]["created"], listed[name]
    assert used("seldom") is not None


def test_nothing_secret_was_said(house):
    said = house.server.said()
    assert PASSWORD not in said and "mw_" not in said
