"""Rows in PostgreSQL and artifacts in a bucket: servers that share no disk keep one record."""
import subprocess
import time

import mlflow
import pytest
import requests
from mlflow import MlflowClient

from conftest import BINARY, Server
from engine import MISSING, PROGRAMS, Postgres
from test_bucket import Bucket, name_of
from test_postgres import answer, model_file, put_versions

pytestmark = pytest.mark.skipif(not PROGRAMS, reason=MISSING)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    bucket, postgres = Bucket(tmp_path_factory.mktemp("moto")), Postgres()
    yield postgres, bucket
    bucket.stop()
    bucket.log.close()
    postgres.end()


def test_no_disk_is_shared(places, tmp_path, monkeypatch):
    postgres, bucket = places
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    where = ("--store", postgres.make("shared"), "--artifacts", "s3://models/shared")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    servers = [Server(folder, "--record", "r", *where) for folder in folders]
    first, second = (MlflowClient(s.url, s.url) for s in servers)

    # what one is given, the other one has: rows, files, versions, and their bytes in the bucket
    put_versions(servers[0].url, tmp_path)
    version = second.get_model_version_by_alias("credit", "champion")
    path = mlflow.artifacts.download_artifacts(version.source + "/model.json",
                                               dst_path=str(tmp_path / "got"),
                                               tracking_uri=servers[1].url)
    data = model_file(tmp_path / "again.json", 1.0).read_bytes()
    assert open(path, "rb").read() == data and name_of(data, "shared") in bucket.names()
    run = second.create_run("0").info.run_id
    (tmp_path / "big").write_bytes(bytes(range(256)) * (3 << 12))  # in pieces
    second.log_artifact(run, str(tmp_path / "big"))
    assert [f.path for f in first.list_artifacts(run)] == ["big"]
    url = f"{servers[0].url}/get-artifact?run_id={run}&path=big"
    assert requests.get(url, timeout=20).content == (tmp_path / "big").read_bytes()

    # both serve the alias, and follow it
    for server in servers:
        assert server.stop() == 0
    servers = [Server(f, "models:/credit@champion", "--record", "r") for f in folders]
    assert [answer(s.url) for s in servers] == [1.0, 1.0]
    MlflowClient(servers[1].url, servers[1].url).set_registered_model_alias("credit", "champion",
                                                                           "2")
    until = time.monotonic() + 4
    while [answer(s.url) for s in servers] != [2.0, 2.0]:
        assert time.monotonic() < until
        time.sleep(0.05)

    # data of one machine is got at the other; one collects, and nothing that is named goes
    def command(folder, *words):
        done = subprocess.run([BINARY, *words, "--record", "r"], cwd=folder, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
    (folders[0] / "d.csv").write_text("x\n1\n")
    command(folders[0], "data", "add", "d.csv")
    command(folders[1], "data", "get", "d.csv@1", "-o", "here.csv")
    assert (folders[1] / "here.csv").read_text() == "x\n1\n"
    assert "champion" in command(folders[1], "lineage", "show", "credit/2")
    assert command(folders[1], "audit", "verify")
    assert "would remove 0 files" in command(folders[1], "data", "gc", "--dry-run", "--grace", "0s")
    for server in servers:
        assert server.stop() == 0
