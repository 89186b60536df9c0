"""A record in PostgreSQL: MLflow's client, two servers on one record, and a PostgreSQL that is
killed under load. Where none is installed (apt install postgresql), the file is skipped."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import mlflow
import pytest
import requests
from mlflow import MlflowClient

from conftest import BINARY, ROOT, Server
from engine import MISSING, PROGRAMS, Postgres
from test_alerts import Receiver

pytestmark = pytest.mark.skipif(not PROGRAMS, reason=MISSING)


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.end()


def model_file(path, value):
    """A forest of one leaf, in XGBoost's JSON: it answers `value`."""
    leaf = {"base_weights": [value], "categories": [], "categories_nodes": [],
            "categories_segments": [], "categories_sizes": [], "default_left": [0], "id": 0,
            "left_children": [-1], "loss_changes": [0.0], "parents": [2147483647],
            "right_children": [-1], "split_conditions": [value], "split_indices": [0],
            "split_type": [0], "sum_hessian": [1.0],
            "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "1",
                           "size_leaf_vector": "1"}}
    path.write_text(json.dumps({"version": [2, 0, 0], "learner": {
        "attributes": {}, "feature_names": ["a", "b"], "feature_types": ["float", "float"],
        "gradient_booster": {"name": "gbtree", "model": {
            "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"},
            "iteration_indptr": [0, 1], "tree_info": [0], "trees": [leaf]}},
        "learner_model_param": {"base_score": "0E0", "boost_from_average": "1", "num_class": "0",
                                "num_feature": "2", "num_target": "1"},
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}}}),
        encoding="utf-8")
    return path


def put_versions(url, folder, name="credit", values=(1.0, 2.0)):
    client = MlflowClient(url, url)
    client.create_registered_model(name)
    for value in values:
        run = client.create_run("0")
        (folder / "MLmodel").write_text("flavors:\n  xgboost:\n    data: model.json\n"
                                        "    model_format: json\n", encoding="utf-8")
        for path in (model_file(folder / "model.json", value), folder / "MLmodel"):
            client.log_artifact(run.info.run_id, str(path), "m")
        client.create_model_version(name, f"{run.info.artifact_uri}/m", run.info.run_id)
    client.set_registered_model_alias(name, "champion", "1")
    return client


def log_both(url, session, run, step):
    """A batch of two metrics."""
    return session.post(f"{url}/api/2.0/mlflow/runs/log-batch", timeout=30, json={
        "run_id": run, "metrics": [{"key": key, "value": 1.0, "step": step, "timestamp": step}
                                   for key in ("m", "n")]})


def answer(url, name="credit"):
    body = {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}
    reply = requests.post(f"{url}/endpoints/{name}/invocations", json=body, timeout=10)
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"][0]


def test_mlflow_client(postgres, tmp_path, monkeypatch):
    server = Server(tmp_path, "--record", "r", "--store", postgres.make("flows"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    client = MlflowClient(server.url, server.url)
    mlflow.set_tracking_uri(server.url)
    experiment = mlflow.set_experiment("Ünïcode 'quoted' % _").experiment_id
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"depth": 3, "name": "a_b%c"})
        for step, value in enumerate([0.5, float("nan"), float("inf"), float("-inf"), 0.1]):
            mlflow.log_metric("m", value, step=step)
        mlflow.log_text("hello", "a/b.txt")
        mlflow.log_input(mlflow.data.from_numpy(__import__("numpy").zeros((2, 2)), name="d"))
        with mlflow.start_run(nested=True):
            mlflow.log_metric("m", 9.0)
    assert [m.step for m in client.get_metric_history(run.info.run_id, "m")] == [0, 1, 2, 3, 4]
    found = mlflow.search_runs([experiment], order_by=["metrics.m DESC"])
    assert list(found["metrics.m"]) == [9.0, 0.1]
    for text, n in (("params.name LIKE 'a_b%'", 1), ("params.name ILIKE 'A\\_B%'", 0),
                    ("params.name ILIKE 'A_B%C'", 1), ("metrics.m > 1", 1),
                    ("attributes.run_name = 'first' AND tags.`mlflow.user` != ''", 1),
                    ("datasets.name = 'd'", 1), ("params.depth IS NULL", 1),
                    ("attributes.user_id != 'nobody' and status = 'FINISHED'", 2)):
        assert len(mlflow.search_runs([experiment], filter_string=text)) == n, text
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/a/b.txt") == "hello"
    assert [a.path for a in client.list_artifacts(run.info.run_id)] == ["a"]
    put_versions(server.url, tmp_path)
    assert client.get_model_version_by_alias("credit", "champion").version == "1"
    versions = client.search_model_versions("name = 'credit'", order_by=["version_number ASC"])
    assert [v.version for v in versions] == ["1", "2"]
    client.set_model_version_tag("credit", "2", "k", "v")
    client.transition_model_version_stage("credit", "2", "Production")
    assert client.get_latest_versions("credit", ["Production"])[0].version == "2"
    with pytest.raises(mlflow.MlflowException, match="already exists"):
        client.create_registered_model("credit")
    reply = requests.post(f"{server.url}/api/2.0/mlflow/runs/set-tag", timeout=10,
                          json={"run_id": run.info.run_id, "key": "k", "value": "a\0b"})
    assert reply.status_code == 400 and "NUL" in reply.text
    client.delete_experiment(experiment)
    assert server.stop() == 0
    again = Server(tmp_path, "--record", "r")  # store.json knows where
    assert MlflowClient(again.url).get_run(run.info.run_id).data.params["depth"] == "3"
    assert again.stop() == 0
    assert "secret" not in (tmp_path / "r/store.json").read_text()


def test_commands(postgres, tmp_path):
    def command(*arguments):
        return subprocess.run([BINARY, *arguments], cwd=tmp_path, capture_output=True, text=True,
                              timeout=20)
    address = postgres.make("commands")
    server = Server(tmp_path, "--record", "r", "--store", address)
    put_versions(server.url, tmp_path)
    assert command("user", "add", "ada", "--role", "admin", "--record", "r",
                   "--password-stdin").returncode != 0  # no password came
    assert "champion" in command("lineage", "show", "credit/1", "--record", "r").stdout
    assert command("audit", "verify", "--record", "r").returncode == 0
    for arguments, words in ((("serve", "--record", "r", "--store", address + "x"),
                              "leave out --store"),
                             (("serve", "--record", "other", "--store", address), "--artifacts"),
                             (("serve", "--store", "mysql://x"), "postgresql://"),
                             (("serve", "--record", "o2", "--store",
                               "postgresql://u:secret@127.0.0.1:1/x"), "cannot be reached")):
        done = command(*arguments)
        assert done.returncode != 0 and words in done.stderr, done.stderr
        assert "secret" not in done.stderr
    back_up_beside_writes(server, tmp_path, command)
    restore_into_a_database(postgres, tmp_path, command)
    moved = command("server", "migrate", postgres.make("restored"), "--record", "back")
    assert moved.returncode == 0, moved.stderr
    assert "champion" in command("lineage", "show", "credit/1", "--record", "back").stdout
    assert server.stop() == 0


def restore_into_a_database(postgres, folder, command):
    """All rows, from the folder's address on; nothing where they do not fit."""
    address = postgres.make("straight")
    words = ("server", "restore", "b.tar", "--record")
    done = command(*words, "straight", "--store", address)
    assert done.returncode == 0, done.stderr
    left = {p.name for p in (folder / "straight").iterdir()}
    assert "store.json" in left and not [n for n in left if n.startswith("record.db")], left
    with sqlite3.connect(folder / "back/record.db") as rows:
        n = rows.execute("SELECT count(*) FROM metrics").fetchone()[0]
    assert postgres.sql("straight", "SELECT count(*) FROM millwright.metrics") == str(n)
    assert "champion" in command("lineage", "show", "credit/1", "--record", "straight").stdout
    assert command("audit", "verify", "--record", "straight").returncode == 0
    for target, says in ((address, "there"), ("mysql://x", "postgresql://"),
                         (address.replace("straight", "nowhere"), "nowhere")):
        done = command(*words, "no", "--store", target)
        assert done.returncode != 0 and says in done.stderr, done.stderr
        assert not [p for p in folder.iterdir() if p.name.startswith("no")]


def back_up_beside_writes(server, folder, command):
    """Rows of one moment: each batch is in it whole or not at all, and the audit log holds."""
    run, ending, n = MlflowClient(server.url).create_run("0").info.run_id, threading.Event(), []

    def log():
        while not ending.is_set():
            n.append(log_both(server.url, requests, run, len(n)).status_code)
    thread = threading.Thread(target=log, daemon=True)
    thread.start()
    wait_for(lambda: len(n) > 20, 60)
    done = command("server", "backup", "--record", "r", "-o", "b.tar")
    ending.set()
    thread.join()
    assert done.returncode == 0, done.stderr
    assert not [p for p in folder.iterdir() if "rows-" in p.name]
    assert command("server", "restore", "b.tar", "--record", "back").returncode == 0
    head = done.stdout.split("audit head ")[1].strip()
    assert command("audit", "verify", "--record", "back", "--head", head).returncode == 0
    assert "champion" in command("lineage", "show", "credit/1", "--record", "back").stdout
    with sqlite3.connect(folder / "back/record.db") as rows:
        kept = dict(rows.execute("SELECT key, count(*) FROM metrics GROUP BY key"))
    assert kept["m"] == kept["n"] and 20 < kept["m"] <= len(n) and set(n) == {200}


def test_two_servers(postgres, tmp_path):
    """An alias that moves at one swaps the model at the other, without a lost request; what is true
    finds its prediction at either."""
    shared = ["models:/credit@champion", "--record", "r"]
    first = Server(tmp_path, "--record", "r", "--store", postgres.make("two"))
    client = put_versions(first.url, tmp_path)
    first.stop()
    servers = [Server(tmp_path, *shared, "--log", tmp_path / f"log{i}") for i in range(2)]
    assert [answer(s.url) for s in servers] == [1.0, 1.0]
    lost, ending = [], threading.Event()

    def load(url):
        while not ending.is_set():
            try:
                if answer(url) not in (1.0, 2.0):
                    lost.append("another answer")
            except Exception as error:  # pylint: disable=broad-exception-caught
                lost.append(error)
    threads = [threading.Thread(target=load, args=(s.url,), daemon=True) for s in servers]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    MlflowClient(servers[0].url, servers[0].url).set_registered_model_alias("credit", "champion",
                                                                           "2")
    while answer(servers[1].url) != 2.0:
        assert time.monotonic() - began < 2, "not within two seconds"
        time.sleep(0.02)
    ending.set()
    for thread in threads:
        thread.join()
    assert not lost
    # what one writes is read by the other at once; a name is taken once
    run = MlflowClient(servers[0].url).create_run("0").info.run_id
    MlflowClient(servers[1].url).log_metric(run, "m", 1.5)
    assert MlflowClient(servers[0].url).get_run(run).data.metrics == {"m": 1.5}
    replies = []

    def create(url):
        replies.append(requests.post(f"{url}/api/2.0/mlflow/experiments/create", timeout=20,
                                     json={"name": "same"}).status_code)
    threads = [threading.Thread(target=create, args=(s.url,), daemon=True) for s in servers * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [200] + [400] * 5
    assert client is not None
    # a label goes to the one that has not predicted
    wait_for(lambda: answer(servers[0].url) == 2.0, 30)  # the same model at both
    row = {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}
    said = servers[0].post("/endpoints/credit/invocations", json=row,
                           headers={"X-Request-ID": "order-17"}).json()["predictions"][0]
    told = servers[1].post("/endpoints/credit/feedback", json=[
        {"id": "order-17", "label": 3}, {"id": "nobody's", "label": 3}]).json()
    assert told["joined"] == 0 and told["waiting"] == 2
    wait_for(lambda: servers[0].samples()['mw_labels_total{result="joined"}'] == 1, 30)
    [part] = servers[0].get("/performance").json()["performance"]
    assert part["labels"] == 1 and part["metrics"]["mae"]["value"] == 3 - said
    assert servers[1].get("/performance").json()["labels_passed_on"] == 2
    performance_of_both(servers, row, said)
    for server in servers:
        assert server.stop() == 0


def performance_of_both(servers, row, said):
    """Whoever is asked speaks of all predictions, also of those of one that was killed; a label
    whose prediction another server had is not unknown where it came."""
    def told(server, query=""):
        answer_ = server.get(f"/performance{query}").json()
        return answer_, next(iter(answer_["performance"]), {})
    wait_for(lambda: told(servers[1])[1].get("labels") == 1, 30)
    counts, part = told(servers[1])
    assert part["metrics"]["mae"]["value"] == 3 - said and not told(servers[1], "?scope=server")[1]
    assert counts["labels_elsewhere"] == 1 and counts["labels_waiting"] == 1  # nobody's
    assert servers[1].get("/performance?scope=mine").status_code == 400
    for i in range(3):
        servers[1].post("/endpoints/credit/invocations", json=row,
                        headers={"X-Request-ID": f"other-{i}"})
    servers[1].post("/endpoints/credit/feedback", json=[
        {"id": f"other-{i}", "label": said + 1} for i in range(3)])
    wait_for(lambda: told(servers[0])[1].get("labels") == 4, 30)
    part = told(servers[0])[1]
    assert part["servers"] == 2 and abs(part["metrics"]["mae"]["value"] - (6 - said) / 4) < 1e-12
    assert told(servers[0], "?scope=server")[1]["labels"] == 1
    wait_for(lambda: any(key.startswith("mw_performance{") and 'metric="mae"' in key and
                         abs(value - (6 - said) / 4) < 1e-12
                         for key, value in servers[0].samples().items()), 30)
    servers[1].process.kill()
    assert told(servers[0])[1]["labels"] == 4
    servers.pop().process.wait()


def wait_for(what, seconds=8):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)


def test_rollout(postgres, tmp_path):
    """Both servers give the shares that the record says, one leads, both promote."""
    address = postgres.make("rollout")
    first = Server(tmp_path, "--record", "r", "--store", address)
    put_versions(first.url, tmp_path)
    first.stop()
    servers = [Server(tmp_path, "models:/credit@champion", "--record", "r") for _ in range(2)]

    def command(*arguments):
        subprocess.run([BINARY, "rollout", *arguments, "--record", "r"], cwd=tmp_path, check=True,
                       capture_output=True, timeout=20)
    command("start", "credit", "--model", "credit/2", "--steps", "50,100")
    wait_for(lambda: all({answer(s.url) for _ in range(10)} == {1.0, 2.0} for s in servers))
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 19800"
    wait_for(lambda: postgres.sql("rollout", locks) == "1")
    command("promote", "credit", "--reason", "because")
    wait_for(lambda: all({answer(s.url) for _ in range(10)} == {2.0} for s in servers), 2)
    client = MlflowClient(servers[0].url, servers[0].url)
    assert client.get_model_version_by_alias("credit", "champion").version == "2"
    for server in servers:
        assert server.stop() == 0


def test_rollout_by_the_sum(postgres, tmp_path):
    """Neither server sees the samples that the step asks for; both together do."""
    address = postgres.make("together")
    first = Server(tmp_path, "--record", "r", "--store", address)
    put_versions(first.url, tmp_path)
    first.stop()
    servers = [Server(tmp_path, "models:/credit@champion", "--record", "r") for _ in range(2)]
    document = {"endpoint": "credit", "model": "credit/2", "strategy": "canary", "key": "X-None",
                "steps": [{"weight": 0.5, "min_samples": 300}, {"weight": 1}],
                "judge": {"metrics": [{"errors": {"tolerance": "20%"}}]}}
    wait_for(lambda: requests.post(f"{servers[0].url}/mw/v1/rollouts", json=document,
                                   timeout=20).status_code in (201, 409))
    wait_for(lambda: all({answer(s.url) for _ in range(10)} == {1.0, 2.0} for s in servers))
    for _ in range(400):  # half of each server's go to the canary: some 200 each
        for server in servers:
            answer(server.url)

    def rollout():
        return requests.get(f"{servers[1].url}/mw/v1/endpoints/credit/rollout", timeout=20).json()
    seen = "SELECT count(DISTINCT server) FROM millwright.rollout_arms"
    wait_for(lambda: postgres.sql("together", seen) == "2", 5)
    wait_for(lambda: rollout()["state"] == "watching", 15)
    servers[0].process.kill()
    servers[0].process.wait()
    servers[0].process.stdout.close()
    wait_for(lambda: {answer(servers[1].url) for _ in range(5)} == {2.0})
    assert servers[1].stop() == 0


def ask_many(server, n, shift, seed):
    rows = [[value + shift, (value * 7) % 1] for value in random_values(n, seed)]
    reply = requests.post(f"{server.url}/endpoints/credit/invocations", timeout=20,
                          json={"dataframe_split": {"columns": ["a", "b"], "data": rows}})
    assert reply.status_code == 200, reply.text


def random_values(n, seed):
    values = []
    for _ in range(n):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((seed >> 11) / 2**53)
    return values


def test_two_servers_watch_together(postgres, tmp_path):
    """Half of the rows each: both tell what one would that saw all of them, also when the other is
    killed, begins again, or learned another reference."""
    first = Server(tmp_path, "--record", "r", "--store", postgres.make("watch"))
    put_versions(first.url, tmp_path)
    first.stop()
    folders = [tmp_path / "one", tmp_path / "two"]

    def begin(folder):
        folder.mkdir(exist_ok=True)
        return Server(folder, "credit=models:/credit@champion", "--record", tmp_path / "r",
                      "--watch-contributions", "1")

    def drift(server, query=""):
        return server.get(f"/mw/v1/endpoints/credit/drift{query}").json()

    def together(n_rows):
        return lambda: all(drift(s).get("servers") == 2 and drift(s)["rows"] == n_rows
                           for s in servers)
    servers = [begin(folder) for folder in folders]
    for i in range(11):  # each learns its own reference; one of the two is taken by both
        ask_many(servers[0], 200, 0, i)
        ask_many(servers[1], 200, 0, 100 + i)
    same = "SELECT count(DISTINCT reference) = 1 AND count(DISTINCT server) = 2 FROM"
    watched = f"{same} millwright.watch_slots"
    begun = [drift(s)["rows"] for s in servers]
    assert all(rows <= 200 for rows in begun)
    end = time.monotonic() + 60
    while postgres.sql("watch", watched) != "t":
        assert time.monotonic() < end, [s.said() for s in servers]
        for i, server in enumerate(servers):
            ask_many(server, 10, 0, int(time.monotonic() * 1000) + i)
        time.sleep(0.2)
    wait_for(lambda: drift(servers[0])["rows"] == drift(servers[1])["rows"] > 0, 30)
    for i in range(10):
        ask_many(servers[i % 2], 200, 0.7 if i % 2 else 0, 200 + i)
    wait_for(lambda: drift(servers[0])["rows"] == drift(servers[1])["rows"] >= 2000, 30)
    rows = drift(servers[0])["rows"]
    told = [drift(s, "?window=1h") for s in servers]
    assert told[0]["window_rows"] == told[1]["window_rows"] >= 2000
    for mine, theirs in zip(told[0]["features"], told[1]["features"]):
        assert mine["psi"] == theirs["psi"] and mine["missing_share"] == theirs["missing_share"]
    assert told[0]["features"][0]["psi"] > 0.2  # the first server saw none of it
    wait_for(lambda: all(drift(s)["features"][0]["values"].get("servers") == 2 for s in servers),
             30)  # quantiles and the like, too: of all, and with scope=server of the one
    wait_for(lambda: drift(servers[0])["features"][0]["values"]["rows"] ==
             drift(servers[1])["features"][0]["values"]["rows"], 30)
    values = [drift(s)["features"][0]["values"] for s in servers]
    apart = [drift(s, "?scope=server")["features"][0]["values"] for s in servers]
    assert values[0]["rows"] == apart[0]["rows"] + apart[1]["rows"] and "servers" not in apart[0]
    assert values[0]["distinct"] == values[1]["distinct"] > max(a["distinct"] for a in apart)
    assert apart[0]["quantiles"]["0.99"] < 1.1 < apart[1]["quantiles"]["0.99"]
    assert values[0]["quantiles"]["0.99"] > 1.1 and values[0]["most"] == apart[1]["most"]
    alone = [drift(s, "?window=1h&scope=server") for s in servers]
    assert sum(a["rows"] for a in alone) == rows == told[0]["rows"]
    assert sum(a["window_rows"] for a in alone) == told[0]["window_rows"]
    assert alone[0]["features"][0]["psi"] < 0.1 and alone[1]["features"][0]["psi"] > 0.2
    assert not alone[0]["drifted"] and alone[0]["scope"] == "server" and told[0]["scope"] == "all"
    for here, there in zip(told, reversed(alone)):  # what each heard is what the other one told
        [other] = here["others"]
        assert other["rows"] == there["rows"] and len(other["server"]) == 32
        assert abs(other["as_of"] - time.time()) < 600 and other["lately"] and not other["apart"]
    assert servers[0].get("/drift?scope=mine").status_code == 400
    wait_for(lambda: all(drift(s)["drifted"] for s in servers), 30)
    # one is killed as soon as the other has heard it: what it told stays; it begins again, tells no
    # less, and nothing is counted twice; each counts its own rows for Prometheus
    ask_many(servers[1], 150, 0.7, 998)
    wait_for(lambda: drift(servers[0])["rows"] == rows + 150, 30)
    rows += 150
    servers[1].process.kill()
    servers[1].process.wait()
    servers[1].process.stdout.close()
    assert drift(servers[0])["rows"] == rows
    servers[1] = begin(folders[1])
    wait_for(lambda: drift(servers[1])["rows"] == rows, 30)
    ask_many(servers[1], 100, 0.7, 999)
    wait_for(together(rows + 100), 30)
    counted = [s.samples()['mw_watched_rows_total{endpoint="credit",version="1"}'] for s in servers]
    assert sum(counted) == rows + 100 + 2 * 2000
    contributions_of_both(servers, drift)
    assert [s.stop() for s in servers] == [0, 0]


def contributions_of_both(servers, drift):
    """Rows that either explained, against the reference of the first that had one."""
    def told(query=""):
        return [drift(s, query).get("contributions", {}) for s in servers]
    end = time.monotonic() + 60
    while any(t.get("state") != "watching" or t.get("servers") != 2 for t in told()):
        assert time.monotonic() < end, told()
        for i, server in enumerate(servers):
            ask_many(server, 64, 0, int(time.monotonic() * 1000) + i)
        time.sleep(0.05)

    def agree():
        both, alone = told(), told("?scope=server")
        rows, of_each = [t["importance_rows"] for t in both], [t["importance_rows"] for t in alone]
        return (both[0]["rows"] == both[1]["rows"] == sum(t["rows"] for t in alone) and
                rows[0] == rows[1] == sum(of_each) and min(of_each) > 0)
    wait_for(agree, 30)


def test_two_servers_tell_an_alert_once(postgres, tmp_path):
    """Both measure it, one tells it; what is said at one holds at both; and when the one that has
    it on its way is killed, the other tells it."""
    hook = Receiver()
    servers = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        rule = {"name": "Up", "when": "mw_record_up == 1"}
        told = {"name": "hook", "kind": "webhook", "url": f"{hook.url}/{name}", "timeout": "300ms"}
        (folder / "mw.json").write_text(json.dumps({"alerts": {
            "defaults": False, "receivers": [told], "rules": [rule], "group_interval": "1s"}}))
        arguments = () if servers else ("--store", postgres.make("alerts"))
        servers.append(Server(folder, "--record", tmp_path / "r", "--config", folder / "mw.json",
                              *arguments))

    def count(table):
        return int(postgres.sql("alerts", f"SELECT count(*) FROM millwright.{table}"))

    def told(status):
        notice = json.loads(hook.take(30)[3])
        assert notice["status"] == status and len(notice["alerts"]) == 1
        wait_for(lambda: count("outbox") == 0, 30)
        assert hook.calls.empty()
    wait_for(lambda: count("holders") == 2, 30)
    told("firing")
    # a rule of one server: both say that it does not hold any more, and that is told once, too
    never = {"name": "Up", "when": "mw_record_up == 7"}
    assert servers[0].post("/mw/v1/rules", json=never).status_code == 200
    wait_for(lambda: count("holders") == 0, 30)
    told("resolved")
    silence = servers[0].post("/mw/v1/silences", json={"match": 'alertname="x"', "seconds": 60})
    assert silence.json() in servers[1].get("/mw/v1/silences").json()["items"]
    assert count("alerts") == 1
    while not hook.arrivals.empty():
        hook.arrivals.get()
    hook.answers[:] = [2000, 200]  # longer than whoever tells it waits, if it lives
    assert servers[1].session.delete(f"{servers[1].url}/mw/v1/rules/Up").status_code == 200
    teller = ("/one", "/two").index(hook.arrivals.get(timeout=30))
    servers[teller].process.kill()
    servers[teller].process.wait()
    servers[teller].process.stdout.close()
    other = servers[1 - teller]
    while (call := hook.take(30))[1] != ("/one", "/two")[1 - teller]:
        pass  # what the one that was killed had sent
    assert json.loads(call[3])["status"] == "firing"
    wait_for(lambda: count("outbox") == 0, 30)
    assert "\nmw_alert_alone 0\n" in other.get("/metrics").text
    assert other.stop() == 0
    hook.close()


def test_killed_under_load(postgres, tmp_path):
    """Whatever was acknowledged is there, predictions go on, and all comes back by itself."""
    first = Server(tmp_path, "--record", "r", "--store", postgres.make("killed"))
    put_versions(first.url, tmp_path)
    first.stop()
    server = Server(tmp_path, "models:/credit@champion", "--record", "r")
    run = MlflowClient(server.url).create_run("0").info.run_id
    acknowledged, refused, other, ending = [], set(), [], threading.Event()

    def log(number):
        session = requests.Session()
        step = number
        while not ending.is_set():
            reply = log_both(server.url, session, run, step)
            if reply.status_code == 200:
                acknowledged.append(step)
            else:
                refused.add((reply.status_code, reply.json()["code"]))
            step += 4

    def predict():
        while not ending.is_set():
            began = time.monotonic()
            try:
                answer(server.url)
            except Exception as error:  # pylint: disable=broad-exception-caught
                other.append(error)
            if time.monotonic() - began > 2:
                other.append("a prediction waited")
            time.sleep(0.01)
    threads = [threading.Thread(target=log, args=(n,), daemon=True) for n in range(4)]
    threads.append(threading.Thread(target=predict))
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(0.4)
        postgres.kill()
        time.sleep(0.2)
        postgres.start()
    before = len(acknowledged)
    until = time.monotonic() + 8
    while len(acknowledged) < before + 20 and time.monotonic() < until:
        time.sleep(0.02)
    ending.set()
    for thread in threads:
        thread.join()
    assert len(acknowledged) >= before + 20, server.said()[-2000:]
    assert not other and {status for status, _ in refused} <= {500, 503}
    assert {code for status, code in refused if status == 503} <= {"MW4015", "MW4022"}, refused
    there, also = ({m.step for m in MlflowClient(server.url).get_metric_history(run, key)}
                   for key in ("m", "n"))
    assert set(acknowledged) <= there and there == also  # a batch is kept whole
    assert "\nmw_record_up 1\n" in server.get("/metrics").text
    assert server.stop() == 0


def test_registry_units(postgres):
    """The registry's own unit tests, on PostgreSQL, side by side; those that are of a file skip."""
    started = {}
    for name in ("access", "audit", "data", "models", "passport", "rollouts", "runs"):
        program = BINARY.parent / f"tests/test_registry_{name}"
        if program.exists():
            started[name] = subprocess.Popen(
                [program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, "MW_TEST_STORE": postgres.make("units_" + name),
                     "MW_TEST_ROOT": str(ROOT)})
    if not started:
        pytest.skip("the unit tests are not built")
    for name, program in started.items():
        said, _ = program.communicate(timeout=120)
        assert program.returncode == 0, f"{name}: {said}"
