"""Artifacts in a bucket of a real S3 server, which checks signatures, digests, parts and keys, as
moto does not. Its program is named by MW_S3_SERVER, or found on the path: versitygw,

    go install github.com/versity/versitygw/cmd/versitygw@latest

Where there is none, they skip, with a line.
"""
import os
import shutil
import socket
import subprocess

import pytest
import requests
from conftest import S3_SERVER, until
from test_bucket import FILES, begin, end, in_parts, log_and_read, name_of, put, send  # noqa: F401

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402

pytestmark = pytest.mark.skipif(
    not S3_SERVER, reason="no S3 server: set MW_S3_SERVER to a versitygw, or put it on the path")
KEYS = {"AWS_ACCESS_KEY_ID": "the-access-key", "AWS_SECRET_ACCESS_KEY": "the-secret-key"}


class Gateway:
    """versitygw over a folder, on a port of its own; and boto3, which looks into it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "files").mkdir()
        (folder / "marks").mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**KEYS, "AWS_ENDPOINT_URL": self.url, "AWS_REGION": "us-east-1"}
        self.client = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"])

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [S3_SERVER, "--access", KEYS["AWS_ACCESS_KEY_ID"], "--secret",
                 KEYS["AWS_SECRET_ACCESS_KEY"], "--port", f"127.0.0.1:{self.port}", "--quiet",
                 "posix", "--sidecar", self.folder / "marks", self.folder / "files"],
                stdout=log, stderr=log, cwd=self.folder)

        def answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                return requests.get(self.url, timeout=5).status_code
            except requests.ConnectionError:
                return None
        until(answers, 60)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def names(self, bucket="models"):
        return [o["Key"] for o in self.client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def uploads(self):
        return self.client.list_multipart_uploads(Bucket="models").get("Uploads", [])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    try:
        made.start()
        made.client.create_bucket(Bucket="models")
        yield made
    finally:
        made.stop()


def read(server, path):
    return requests.get(f"{server.url}{FILES}0/r/artifacts/{path}", timeout=60)


def test_there_and_back(tmp_path, serve, gateway, run):
    """Small, empty, and one of two parts; lost here, fetched again; names that need escapes."""
    record = tmp_path / "record"
    files = {"small": b"hello", "none": b"", "large": b"0123456789abcdef" * (65 << 16),
             "ä b+c%20=&": "ünïcode".encode()}
    server = serve("--record", record, "--artifacts", "s3://models/a b/ü",
                   **gateway.environment)
    for path, data in files.items():
        assert put(server, "0/r/artifacts/" + requests.utils.quote(path), data).status_code == 200
        assert name_of(data, "a b/ü") in gateway.names()
    shutil.rmtree(record / "blobs/sha256")
    for path, data in files.items():
        answer = read(server, requests.utils.quote(path))
        assert answer.status_code == 200 and answer.content == data, path
    assert not gateway.uploads()
    # what nothing refers to goes from the bucket, too, and only that
    for path in ("small", "large"):
        assert server.session.delete(f"{server.url}{FILES}0/r/artifacts/{path}").ok
    server.stop()
    done = run("data", "gc", "--record", record, "--grace", "0s", env=gateway.environment)
    assert done.returncode == 0, done.stderr
    left = gateway.names()
    for path, data in files.items():
        assert (name_of(data, "a b/ü") in left) == (path not in ("small", "large")), path


def test_mlflow_client_in_parts(tmp_path, serve, gateway, in_parts):  # noqa: F811
    """By addresses that we signed and the other side checks; and those that somebody changed."""
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models/parts",
                   **gateway.environment)
    data = os.urandom(1 << 20) * 11
    got, path = log_and_read(server, tmp_path, data)
    assert got == data and gateway.names() and name_of(data, "parts") in gateway.names()
    assert not [name for name in gateway.names() if "/uploads/" in name]
    told = server.get(f"/api/2.0/mlflow-artifacts/presigned/{path}/sent.bin").json()
    part = requests.get(told["url"], headers={"Range": "bytes=5-9"}, timeout=20)
    assert part.status_code == 206 and part.content == data[5:10]
    assert 'filename="sent.bin"' in part.headers["Content-Disposition"]
    for wrong in (told["url"][:-1] + ("0" if told["url"][-1] != "0" else "1"),
                  told["url"].replace("/models/", "/models/x"), told["url"].split("?")[0]):
        assert requests.get(wrong, timeout=20).status_code == 403
    upload = begin(server)
    send(upload, b"some")
    assert len(gateway.uploads()) == 1
    assert end(server, upload, [], "abort").status_code == 200 and not gateway.uploads()
    upload = begin(server, 2)
    answer = end(server, upload, send(upload, b"s"))  # the first of two is too small
    assert answer.status_code == 400 and "EntityTooSmall" in answer.text, answer.text


def test_away_for_a_while(tmp_path, serve, gateway):
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models/away",
                   **gateway.environment)
    assert put(server, "0/r/artifacts/a", b"before").status_code == 200
    gateway.stop()
    answer = put(server, "0/r/artifacts/b", b"meanwhile")
    assert answer.status_code == 503 and answer.json()["code"] == "MW4012", answer.text
    assert read(server, "a").content == b"before" and read(server, "b").status_code == 404
    gateway.start()
    assert put(server, "0/r/artifacts/b", b"meanwhile").status_code == 200
    assert name_of(b"meanwhile", "away") in gateway.names()


def test_refusals(tmp_path, run, serve, gateway):
    """Keys that are not known, a secret that is wrong, a bucket that is not there, or lost."""
    for place, environment, code in (
            ("s3://models", {"AWS_SECRET_ACCESS_KEY": "another"}, "MW4013"),
            ("s3://models", {"AWS_ACCESS_KEY_ID": "nobody"}, "MW4013"),
            ("s3://none-of-it", {}, "MW4013")):
        said = run("serve", "--record", tmp_path / "record", "--artifacts", place, "--listen",
                   "127.0.0.1:0", env={**gateway.environment, **environment})
        assert said.returncode != 0 and code in said.stderr and "fix:" in said.stderr, said.stderr
    gateway.client.create_bucket(Bucket="lost")
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://lost/x",
                   **gateway.environment)
    assert put(server, "0/r/artifacts/a", b"kept").status_code == 200
    for name in gateway.names("lost"):
        gateway.client.delete_object(Bucket="lost", Key=name)
    gateway.client.delete_bucket(Bucket="lost")
    with pytest.raises(ClientError):
        gateway.names("lost")
    answer = put(server, "0/r/artifacts/b", b"nowhere")
    assert answer.status_code >= 500 and "MW4013" in answer.text, answer.text
    assert read(server, "b").status_code == 404
