"""A record's rows into PostgreSQL and back: all of them, or none."""
import json
import sqlite3
import subprocess

import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from conftest import BINARY, Server
from test_postgres import PROGRAMS, postgres, put_versions  # pylint: disable=unused-import

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="no PostgreSQL: apt install postgresql")


def fill(url, folder):
    """Some of everything, with what is awkward in it."""
    client = put_versions(url, folder)
    experiment = client.create_experiment("Ünïcode 'quoted' \\ %")
    for number in range(3):
        run = client.create_run(experiment, run_name=f"run {number}").info.run_id
        metrics = [Metric("loss", value, 1000 + step, step) for step, value in enumerate(
            [0.1, 1 / 3, -0.0, 1e-320, 1.7976931348623157e308, float("nan"), float("-inf")])]
        metrics += [Metric(f"m{i % 9}", i * 0.7, i, i) for i in range(990)]  # pages, and a rest
        client.log_batch(run, metrics, [Param("empty", ""), Param("p", "日本\n\t\"")],
                         [RunTag("t", "x" * 7000)])
    for first in range(0, 1200, 100):
        client.log_batch(run, tags=[RunTag(f"tag.{i}", str(i)) for i in range(first, first + 100)])
    client.set_model_version_tag("credit", "2", "k", "v")
    client.delete_run(run)
    with pytest.raises(Exception):
        client.create_registered_model("credit")
    requests.post(f"{url}/mw/v1/models/credit/versions/1/gates", timeout=10,
                  data='{"gate": "fit", "passed": true}').raise_for_status()
    return client


def everything(url):
    """What clients see of it."""
    client = MlflowClient(url, url)
    seen = {"experiments": [e.name for e in client.search_experiments(view_type=3)], "runs": {},
            "versions": [(v.version, v.aliases, v.tags, v.source)
                         for v in client.search_model_versions("name = 'credit'")]}
    for experiment in client.search_experiments(view_type=3):
        for run in client.search_runs([experiment.experiment_id], run_view_type=3,
                                      order_by=["metrics.loss ASC"]):
            history = [(m.step, m.timestamp, repr(m.value)) for key in ("loss", "m0", "m8")
                       for m in client.get_metric_history(run.info.run_id, key)]
            seen["runs"][run.info.run_id] = (run.info.run_name, run.info.lifecycle_stage,
                                             run.data.params, run.data.tags,
                                             repr(sorted(run.data.metrics.items())), history)
    return seen


def test_there_and_back(postgres, tmp_path):
    def command(*arguments):
        return subprocess.run([BINARY, *arguments, "--record", "r"], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
    server = Server(tmp_path, "--record", "r")
    fill(server.url, tmp_path)
    subprocess.run([BINARY, "user", "add", "ada", "--role", "admin", "--record", "r",
                    "--password-stdin"], input="a long password\n", cwd=tmp_path, text=True,
                   check=True, capture_output=True, timeout=20)
    before = everything(server.url)
    address = postgres.make("moved")
    refused = command("server", "migrate", address)  # it is open
    assert refused.returncode != 0 and "MW4002" in refused.stderr, refused.stderr
    assert server.stop() == 0
    head = json.loads(command("audit", "verify", "--json").stdout)

    done = command("server", "migrate", address, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["audit_entries"] == head["entries"] and told["rows"] > 3500
    assert (tmp_path / "r/record.db.moved").exists() and not (tmp_path / "r/record.db").exists()
    assert command("audit", "verify").returncode == 0
    again = command("server", "migrate", address)
    assert again.returncode != 0 and "there already" in again.stderr
    server = Server(tmp_path, "--record", "r")
    assert everything(server.url) == before
    client = MlflowClient(server.url, server.url)  # and it goes on: numbers behind the old ones
    assert client.create_experiment("new") == str(len(before["experiments"]))
    client.create_registered_model("second")
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 7.5)
    here = everything(server.url)
    refused = command("server", "migrate", "file")  # open, by a server
    assert refused.returncode != 0 and "other servers" in refused.stderr, refused.stderr
    assert server.stop() == 0

    other = subprocess.run([BINARY, "server", "migrate", address, "--record", "r2"], cwd=tmp_path,
                           capture_output=True, text=True, timeout=20)
    assert other.returncode != 0 and "no record" in other.stderr
    Server(tmp_path, "--record", "r2").stop()
    other = subprocess.run([BINARY, "server", "migrate", address, "--record", "r2"], cwd=tmp_path,
                           capture_output=True, text=True, timeout=20)
    assert other.returncode != 0 and "kept there already" in other.stderr  # not over another's
    assert (tmp_path / "r2/record.db").exists()

    back = command("server", "migrate", "file", "--json")
    assert back.returncode == 0, back.stderr
    assert command("audit", "verify").returncode == 0
    server = Server(tmp_path, "--record", "r")
    assert everything(server.url) == here
    assert MlflowClient(server.url, server.url).create_experiment("newest") == \
        str(len(here["experiments"]))
    assert server.stop() == 0
    # into the same database once more: its rows are still there
    again = command("server", "migrate", address)
    assert again.returncode != 0 and "kept there already" in again.stderr


def test_what_postgres_does_not_take(postgres, tmp_path):
    """A text with NUL in a file's row: told by its table, and all stays as it was."""
    server = Server(tmp_path, "--record", "r")
    MlflowClient(server.url).create_run("0")
    assert server.stop() == 0
    with sqlite3.connect(tmp_path / "r/record.db") as rows:
        rows.execute("INSERT INTO tags SELECT id, 'k', CAST(x'610062' AS TEXT) FROM runs")
    rows.close()
    address = postgres.make("nul")
    done = subprocess.run([BINARY, "server", "migrate", address, "--record", "r"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "NUL" in done.stderr and "table tags" in done.stderr
    assert (tmp_path / "r/record.db").exists() and not (tmp_path / "r/store.json").exists()
    assert postgres.sql("nul", "SELECT count(*) FROM millwright.runs") == "0"
