"""Artifacts in a bucket, with a server that speaks S3 (moto): put, fetched again, away, refused."""
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qsl

import pytest
import requests

pytest.importorskip("moto")

FILES = "/api/2.0/mlflow-artifacts/artifacts/"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
                           "SignedHeaders=host, Signature=none"}  # moto asks whose, not more
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret"}


class Bucket:
    """moto's S3, on a port of its own."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**KEYS, "AWS_ENDPOINT_URL": self.url}
        self.log = open(folder / "moto.log", "w", encoding="utf-8")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=self.log, stderr=self.log)
        for _ in range(600):
            try:
                assert requests.put(self.url + "/models", timeout=5).status_code == 200
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise RuntimeError("moto does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def names(self):
        listed = requests.get(self.url + "/models?list-type=2", timeout=20).text
        return [part.split("</Key>")[0] for part in listed.split("<Key>")[1:]]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    made = Bucket(tmp_path_factory.mktemp("moto"))
    yield made
    made.stop()
    made.log.close()


def name_of(data, prefix):
    digest = hashlib.sha256(data).hexdigest()
    return f"{prefix}/sha256/{digest[:2]}/{digest[2:]}"


def put(server, path, data):
    return requests.put(server.url + FILES + path, data=data, timeout=60)


def test_put_lose_fetch(tmp_path, serve, bucket, run):
    record = tmp_path / "record"
    large = b"0123456789abcdef" * (65 << 16)  # 65 MiB: in two parts
    server = serve("--record", record, "--artifacts", "s3://models/a b", **bucket.environment)
    for path, data in (("0/r/artifacts/small", b"hello"), ("0/r/artifacts/none", b""),
                       ("0/r/artifacts/large", large)):
        assert put(server, path, data).status_code == 200, path
        assert name_of(data, "a b") in bucket.names()
    shutil.rmtree(record / "blobs/sha256")
    for path, data in (("small", b"hello"), ("none", b""), ("large", large)):
        answer = requests.get(server.url + FILES + "0/r/artifacts/" + path, timeout=60)
        assert answer.status_code == 200 and answer.content == data, path
    server.stop()
    # the place is remembered; another is refused
    assert json.loads((record / "blobs/bucket.json").read_text())["uri"] == "s3://models/a b"
    said = run("serve", "--record", record, "--artifacts", "s3://models/other",
               "--listen", "127.0.0.1:0", env=bucket.environment)
    assert said.returncode == 2 and "s3://models/a b" in said.stderr, said.stderr
    # a backup holds what the folder has lost
    shutil.rmtree(record / "blobs/sha256")
    saved = run("server", "backup", "--record", record, "-o", tmp_path / "saved.tar",
                env=bucket.environment)
    assert saved.returncode == 0, saved.stderr
    assert (tmp_path / "saved.tar").stat().st_size > 65 << 20


def test_what_was_there_is_brought_over(tmp_path, serve, bucket):
    record = tmp_path / "record"
    server = serve("--record", record)
    assert put(server, "0/r/artifacts/early", b"early").status_code == 200
    server.stop()
    serve("--record", record, "--artifacts", "s3://models/moved", **bucket.environment)
    assert name_of(b"early", "moved") in bucket.names()


def test_away_for_a_while(tmp_path, serve, bucket):
    record = tmp_path / "record"
    server = serve("--record", record, "--artifacts", "s3://models/away", **bucket.environment)
    assert put(server, "0/r/artifacts/a", b"before").status_code == 200
    bucket.stop()
    answer = put(server, "0/r/artifacts/b", b"meanwhile")
    assert answer.status_code == 503 and answer.json()["code"] == "MW4012", answer.text
    here = requests.get(server.url + FILES + "0/r/artifacts/a", timeout=20)
    assert here.content == b"before"
    assert requests.get(server.url + FILES + "0/r/artifacts/b", timeout=20).status_code == 404
    bucket.start()
    assert put(server, "0/r/artifacts/b", b"meanwhile").status_code == 200
    assert name_of(b"meanwhile", "away") in bucket.names()


def test_bytes_that_are_not_what_they_were(tmp_path, serve, bucket):
    record = tmp_path / "record"
    server = serve("--record", record, "--artifacts", "s3://models/bad", **bucket.environment)
    assert put(server, "0/r/artifacts/a", b"right").status_code == 200
    bad = f"{bucket.url}/models/{name_of(b'right', 'bad')}"
    assert requests.put(bad, data=b"wrong", headers=SIGNED, timeout=20).status_code == 200
    shutil.rmtree(record / "blobs/sha256")
    answer = requests.get(server.url + FILES + "0/r/artifacts/a", timeout=20)
    assert answer.status_code >= 500 and "MW4004" in answer.text
    requests.delete(bad, headers=SIGNED, timeout=20)
    answer = requests.get(server.url + FILES + "0/r/artifacts/a", timeout=20)
    assert answer.status_code >= 500 and "MW4004" in answer.text


@pytest.mark.parametrize("place, environment, code", [
    ("s3://none-of-it", {}, "MW4013"), ("s3://Up", {}, "MW4011"), ("gs://models", {}, "MW4011"),
    ("s3://models", {"AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent"}, "MW4011"),
    ("s3://models", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "MW4012")])
def test_wrong_places(tmp_path, run, bucket, place, environment, code):
    said = run("serve", "--record", tmp_path / "record", "--artifacts", place, "--listen",
               "127.0.0.1:0", env={**bucket.environment, **environment})
    assert said.returncode != 0 and code in said.stderr and "fix:" in said.stderr, said.stderr


def test_signature_as_botocore_makes_it(tmp_path, run):
    """A listener that keeps the request: its signature computed again by AWS's own library."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        environment = {**os.environ, **KEYS, "AWS_SESSION_TOKEN": "a/token+=",
                       "AWS_ENDPOINT_URL": "http://" + host, "AWS_REGION": "eu-west-1"}
        from conftest import BINARY
        asking = subprocess.Popen(
            [BINARY, "serve", "--record", tmp_path / "record", "--artifacts", "s3://models/ä b",
             "--listen", "127.0.0.1:0"], env=environment, stderr=subprocess.DEVNULL)
        client, _ = listener.accept()
        with client:
            head = client.recv(65536).decode()
        asking.kill()
        asking.wait()
    target = head.split(" ")[1]
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    again = AWSRequest("GET", f"http://{host}{target}", headers={
        "X-Amz-Content-SHA256": headers["x-amz-content-sha256"]})
    again.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials("test", "secret", "a/token+="), "s3", "eu-west-1")
    again.headers["X-Amz-Date"] = headers["x-amz-date"]
    again.headers["X-Amz-Security-Token"] = "a/token+="
    text = signer.string_to_sign(again, signer.canonical_request(again))
    assert headers["Authorization"].split("Signature=")[1] == signer.signature(text, again)


def test_copies_have_a_limit(tmp_path, serve, bucket, run):
    """Those read longest ago go, what is in the bucket is fetched again."""
    record = tmp_path / "record"
    files = {f"f{i}": bytes([i]) * (1 << 20) for i in range(8)}
    server = serve("--record", record, "--artifacts", "s3://models/few", "--artifacts-cache",
                   "4MiB", **bucket.environment)

    def here():
        return {path.stat().st_size and path.read_bytes()[0]
                for path in (record / "blobs/sha256").glob("*/*")}
    for name, data in files.items():
        assert put(server, f"0/r/artifacts/{name}", data).status_code == 200
        time.sleep(0.02)
    assert here() and len(here()) <= 4 and 7 in here() and 0 not in here()
    for name, data in files.items():
        answer = requests.get(f"{server.url}{FILES}0/r/artifacts/{name}", timeout=20)
        assert answer.content == data
        assert len(here()) <= 4
    assert all(name_of(data, "few") in bucket.names() for data in files.values())
    # what the bucket has lost is not removed here
    last = max(here())
    for data in files.values():
        requests.delete(f"{bucket.url}/models/{name_of(data, 'few')}", headers=SIGNED, timeout=20)
    for i in range(8, 14):
        assert put(server, f"0/r/artifacts/g{i}", bytes([i]) * (1 << 20)).status_code == 200
    assert last in here()
    server.stop()
    said = run("serve", "--record", tmp_path / "other", "--artifacts-cache", "4MiB", "--listen",
               "127.0.0.1:0")
    assert said.returncode != 0 and "MW4011" in said.stderr, said.stderr


MPU = "/api/2.0/mlflow-artifacts/mpu/"
CHUNK = 5 << 20  # S3's smallest part


@pytest.fixture
def in_parts(monkeypatch):
    """What MLflow's client does with files of more than a part, and with every read."""
    for name, value in (("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true"),
                        ("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true"),
                        ("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(CHUNK)),
                        ("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(CHUNK)),
                        ("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(CHUNK)),
                        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")):
        monkeypatch.setenv(name, value)
    return monkeypatch


def log_and_read(server, folder, data):
    """By MLflow's client; the bytes it reads, and the addresses that answered it, in order."""
    import mlflow
    client = mlflow.MlflowClient(server.url)
    run = client.create_run("0").info
    (folder / "sent.bin").write_bytes(data)
    client.log_artifact(run.run_id, str(folder / "sent.bin"), "deep/down")
    assert [f.path for f in client.list_artifacts(run.run_id, "deep/down")] == [
        "deep/down/sent.bin"]
    got = mlflow.artifacts.download_artifacts(
        f"{run.artifact_uri}/deep/down/sent.bin", tracking_uri=server.url,
        dst_path=str(folder / "got"))
    return open(got, "rb").read(), f"0/{run.run_id}/artifacts/deep/down"


def test_mlflow_sends_and_reads_parts(tmp_path, serve, bucket, in_parts):
    """MLflow's own client, straight into the bucket and out of it."""
    data = os.urandom(1 << 20) * 11

    def signed(method, where):
        """Calls that somebody without keys made there, by an address that was signed."""
        lines = open(bucket.log.name, encoding="utf-8").read().splitlines()
        return sum(f"{method} /models/{where}" in x and "X-Amz-Signature" in x for x in lines)
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models/a b",
                   **bucket.environment)
    got, path = log_and_read(server, tmp_path, data)
    assert got == data and name_of(data, "a b") in bucket.names()
    assert not [name for name in bucket.names() if "/uploads/" in name]
    assert signed("PUT", "a%20b/uploads/") == 3 and signed("GET", "a%20b/sha256/") == 3
    # the server itself gives the same, and the record knows its digest
    assert requests.get(server.url + FILES + path + "/sent.bin", timeout=60).content == data
    read = server.get(f"/api/2.0/mlflow-artifacts/presigned/{path}/sent.bin").json()
    assert read["file_size"] == len(data) and read["headers"] == {}
    part = requests.get(read["url"], headers={"Range": "bytes=5-9"}, timeout=20)
    assert part.content == data[5:10] and 'filename="sent.bin"' in part.headers[
        "Content-Disposition"]
    missing = server.get(f"/api/2.0/mlflow-artifacts/presigned/{path}/none")
    assert missing.status_code == 404 and missing.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    # it is not said to clients by itself: not everyone reaches the bucket
    info = server.get("/api/3.0/mlflow/server-info").json()
    assert info["multipart_uploads_enabled"] is info["multipart_downloads_enabled"] is False
    server.stop()
    for name in ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"):
        in_parts.delenv(name)
    server = serve("--record", tmp_path / "record", "--artifacts-direct", **bucket.environment)
    assert log_and_read(server, tmp_path, data[::-1])[0] == data[::-1]
    assert signed("PUT", "a%20b/uploads/") == 6 and signed("GET", "a%20b/sha256/") == 7


def test_mlflow_goes_the_other_way_without_a_bucket(tmp_path, serve, in_parts, run):
    """MLflow's own server says 501 and these words; its client then sends the file whole."""
    server = serve("--record", tmp_path / "record")
    data = os.urandom(CHUNK + 1)
    assert log_and_read(server, tmp_path, data)[0] == data
    for answer, way in ((server.post(MPU + "create/0/r/artifacts",
                                     json={"path": "a", "num_parts": 1}), "upload"),
                        (server.post(MPU + "abort/0/r/artifacts",
                                     json={"path": "a", "upload_id": "x"}), "upload")):
        assert answer.status_code == 501, answer.text
        assert answer.json()["error_code"] == "NOT_IMPLEMENTED"
        assert answer.json()["message"].startswith(
            f"Multipart {way} is not supported for the current artifact repository")
    assert put(server, "0/r/artifacts/a", b"x").status_code == 200
    answer = server.get("/api/2.0/mlflow-artifacts/presigned/0/r/artifacts/a")
    assert answer.status_code == 501 and answer.json()["message"].startswith(
        "Multipart download is not supported for the current artifact repository")
    server.stop()
    said = run("serve", "--record", tmp_path / "record", "--artifacts-direct", "--listen",
               "127.0.0.1:0")
    assert said.returncode != 0 and "MW4011" in said.stderr, said.stderr


def begin(server, parts=1, path="0/r/artifacts", name="a"):
    answer = server.post(MPU + "create/" + path, json={"path": "/x/" + name, "num_parts": parts})
    assert answer.status_code == 200, answer.text
    return answer.json()


def end(server, upload, parts, how="complete", path="0/r/artifacts", name="a"):
    return server.post(MPU + f"{how}/{path}", json={
        "path": name, "upload_id": upload["upload_id"], "parts": parts})


def send(upload, data):
    return [{"part_number": c["part_number"], "url": c["url"], "etag": requests.put(
        c["url"], data=data, headers=c["headers"], timeout=20).headers["ETag"]}
        for c in upload["credentials"]]


def test_uploads_that_do_not_end(tmp_path, serve, bucket, run):
    record = tmp_path / "record"
    server = serve("--record", record, "--artifacts", "s3://models/un", "--max-artifact", "1KiB",
                   **bucket.environment)

    def unfinished():
        listed = requests.get(bucket.url + "/models?uploads", timeout=20).text
        return [key for key in listed.split("<Key>")[1:] if key.startswith("un/uploads/")]
    # aborted: nothing is left, and it is no more
    upload = begin(server)
    parts = send(upload, b"some")
    assert unfinished() and end(server, upload, parts, "abort").json() == {} and not unfinished()
    assert end(server, upload, parts, "abort").json() == {}
    # an end that was cut off behind the joining may be asked for again
    upload = begin(server)
    parts = send(upload, b"joined")
    target = upload["credentials"][0]["url"].split("?")[0]
    of = parse_qsl(upload["credentials"][0]["url"].split("?")[1])
    joined = requests.post(target, params={"uploadId": dict(of)["uploadId"]}, timeout=20, data=(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + parts[0]["etag"] +
        "</ETag></Part></CompleteMultipartUpload>"), headers=SIGNED)
    assert joined.status_code == 200, joined.text
    assert end(server, upload, parts).status_code == 200
    assert server.get(FILES + "0/r/artifacts/a").content == b"joined"
    # what makes no file, or one that may not be
    upload = begin(server, 2)
    parts = send(upload, b"s")
    for wrong, why in (([], "'parts'"), ([{"part_number": 0, "etag": "x"}], "outside 1 to 10,000"),
                       ([{"part_number": 1, "etag": "<a>"}], "ETag"),
                       ([{"part_number": 1}], "ETag"),
                       ([{"part_number": 1, "etag": '"0"'}], "InvalidPart"),
                       (parts, "EntityTooSmall")):
        answer = end(server, upload, wrong)
        assert answer.status_code == 400 and why in answer.text, (why, answer.text)
    upload = begin(server)
    answer = end(server, upload, send(upload, b"s" * 1025), path="0/r/artifacts", name="large")
    assert answer.status_code == 413 and "--max-artifact" in answer.text, answer.text
    assert server.get(FILES + "0/r/artifacts/large").status_code == 404
    assert end(server, upload, [], "abort").status_code == 200
    for body, status in (({"path": "a", "num_parts": 0}, 400), ({"num_parts": 1}, 400),
                         ({"path": "a", "num_parts": 10001}, 400), ({"path": "a/.."}, 400),
                         ({"path": "..", "num_parts": 1}, 400)):
        assert server.post(MPU + "create/0/r/artifacts", json=body).status_code == status, body
    zeros = "0" * 32
    for name in ("", "x", "../" * 20, zeros + ".", zeros + ".a&b", zeros + "." + "a" * 600):
        answer = server.post(MPU + "complete/0/r/artifacts", json={
            "path": "a", "upload_id": name, "parts": [{"part_number": 1, "etag": "x"}]})
        assert answer.status_code in (400, 404), (name, answer.text)
    # those of which no end came are told of, and go: moto says they are years old
    left = len(unfinished())
    assert left >= 1
    server.stop()
    told = run("data", "gc", "--record", record, "--dry-run", env=bucket.environment)
    assert f"{left} unfinished upload" in told.stdout, (told.stdout, told.stderr)
    assert len(unfinished()) == left
    server = serve("--record", record, **bucket.environment)
    begin(server)
    assert len(unfinished()) == 1


def test_what_dvc_pushed_to_a_bucket(tmp_path, bucket, run):
    """A .dvc file whose objects are in its repository's remote s3://: added, then got."""
    def push(data, ending=""):
        md5 = hashlib.md5(data).hexdigest() + ending
        url = f"{bucket.url}/models/dvc/files/md5/{md5[:2]}/{md5[2:]}"
        assert requests.put(url, data=data, headers=SIGNED, timeout=20).status_code == 200
        return md5, url

    def data(*words, code=0, **environment):
        done = run("data", *words, "--record", tmp_path / "record", cwd=tmp_path,
                   env={**KEYS, **environment})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
    one, two = push(b"one")[0], push(b"two")
    listed = json.dumps([{"md5": one, "relpath": "a/1"}, {"md5": two[0], "relpath": "2"}])
    root, _ = push(listed.encode(), ".dir")
    repository = tmp_path / "repository"
    (repository / ".dvc").mkdir(parents=True)
    (repository / "deep").mkdir()
    (repository / ".dvc/config").write_text(
        "[core]\n    remote = there\n['remote \"there\"']\n    url = s3://models/elsewhere\n"
        f"    endpointurl = {bucket.url}\n['remote \"ssh\"']\n    url = ssh://x/y\n")
    (repository / ".dvc/config.local").write_text(
        "['remote \"there\"']\n    url = s3://models/dvc/\n")
    pointer = repository / "deep/set.dvc"
    text = f"outs:\n- md5: {root}\n  hash: md5\n  path: set\n"
    pointer.write_text(text)
    (tmp_path / "x").write_text("")
    data("add", "x")
    # get tells what brings it; another remote, damage and what is not there are told; nothing stays
    assert "s3://models/dvc/" in data("get", pointer, code=3)
    pointer.write_text(text + "  remote: ssh\n")
    assert "dvc push" in data("add", pointer, code=3)
    pointer.write_text(text)
    requests.put(two[1], data=b"owt", headers=SIGNED, timeout=20)
    assert "MW4134" in data("add", pointer, code=1)
    requests.delete(two[1], headers=SIGNED, timeout=20)
    assert "MW4026" in data("add", pointer, code=3)
    assert "MW4011" in data("add", pointer, code=2, **WITHOUT_KEYS,
                            AWS_EC2_METADATA_DISABLED="true")
    assert json.loads(data("list", "--format", "json"))["versions"][0]["name"] == "x"
    push(b"two")
    assert data("add", pointer).startswith(f"set@1  {root}, 2 files, 6 bytes")
    data("get", pointer)
    assert (repository / "deep/set/a/1").read_bytes() == b"one"
    assert (repository / "deep/set/2").read_bytes() == b"two"


class Forgetful(http.server.BaseHTTPRequestHandler):
    """An S3 that knows no upload any more: moto fails there (500) where S3 says so."""

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode() if self.command != "HEAD" else b"")

    def do_GET(self):
        self.answer(200, "<ListBucketResult></ListBucketResult>")

    def do_HEAD(self):
        self.answer(404, "")

    def do_POST(self):
        self.answer(404, "<Error><Code>NoSuchUpload</Code></Error>")

    def log_message(self, *_):
        pass


def test_an_upload_that_is_gone(tmp_path, serve, listener):
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models",
                   **{**KEYS, "AWS_ENDPOINT_URL": listener(Forgetful)})
    answer = end(server, {"upload_id": "0" * 32 + ".abc"}, [{"part_number": 1, "etag": "x"}])
    assert answer.status_code == 404 and answer.json()["code"] == "MW4024", answer.text


class Roles(http.server.BaseHTTPRequestHandler):
    """What a machine, a container and STS answer; asked says in which order."""
    asked, lives, broken = [], [], False

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def keys(self):
        seconds = self.lives.pop(0) if self.lives else 3600
        return (f"ID{len(self.asked)}", "secret", f"token{len(self.asked)}",
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)))

    def json(self):
        names = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
        self.answer(200, json.dumps({"Code": "Success", **dict(zip(names, self.keys()))}))

    def do_PUT(self):
        self.asked.append("PUT " + self.path)
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.answer(503 if self.broken else 200, "the-token")

    def do_GET(self):
        self.asked.append("GET " + self.path)
        if self.path.startswith("/v1/"):
            good = self.headers["Authorization"] == "Bearer pod"
            return self.json() if good else self.answer(401, "who?")
        if self.headers["X-aws-ec2-metadata-token"] != "the-token":
            return self.answer(401, "no token")
        return self.answer(200, "a-role\n") if self.path.endswith("/") else self.json()

    def do_POST(self):
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.asked.append(f"POST {form['Action']} {form['RoleArn']} {form['WebIdentityToken']}")
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
        inside = "".join(f"<{n}>{v}</{n}>" for n, v in zip(names, self.keys()))
        self.answer(200, f"<R><Credentials>{inside}</Credentials></R>")

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    """Starts one that answers so: listener(Handler) -> its URL."""
    started = []

    def start(handler):
        started.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=started[-1].serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{started[-1].server_port}"
    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def roles(listener):
    Roles.asked, Roles.lives, Roles.broken = [], [], False
    return listener(Roles)


WITHOUT_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent"}


def test_role_of_the_machine(tmp_path, serve, bucket, roles):
    """IMDSv2; keys that soon go out are read anew, and kept while that fails."""
    Roles.lives = [60]
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models/machine",
                   **{**bucket.environment, **WITHOUT_KEYS,
                      "AWS_EC2_METADATA_SERVICE_ENDPOINT": roles})
    once = ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
            "GET /latest/meta-data/iam/security-credentials/a-role"]
    assert Roles.asked[:3] == once
    assert put(server, "0/r/artifacts/a", b"one").status_code == 200
    n = len(Roles.asked)
    assert n >= 6 and Roles.asked[3:6] == once
    assert put(server, "0/r/artifacts/b", b"two").status_code == 200
    assert len(Roles.asked) == n  # good for an hour
    assert name_of(b"two", "machine") in bucket.names()
    server.stop()
    Roles.lives = [60] * 99
    server = serve("--record", tmp_path / "record", **{
        **bucket.environment, **WITHOUT_KEYS, "AWS_EC2_METADATA_SERVICE_ENDPOINT": roles})
    Roles.broken = True
    assert put(server, "0/r/artifacts/c", b"three").status_code == 200


def test_web_identity_and_containers(tmp_path, serve, bucket, roles):
    (tmp_path / "token").write_text("a.b+c\n")
    server = serve("--record", tmp_path / "record", "--artifacts", "s3://models/pod", **{
        **bucket.environment, **WITHOUT_KEYS, "AWS_ENDPOINT_URL_STS": roles + "/",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": "arn:aws:iam::1:r"})
    assert set(Roles.asked) == {"POST AssumeRoleWithWebIdentity arn:aws:iam::1:r a.b+c"}
    assert put(server, "0/r/artifacts/a", b"one").status_code == 200
    server.stop()
    Roles.asked.clear()
    (tmp_path / "pod").write_text("Bearer pod\n")
    server = serve("--record", tmp_path / "record", **{
        **bucket.environment, **WITHOUT_KEYS,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": roles + "/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "pod")})
    assert set(Roles.asked) == {"GET /v1/credentials"}
    assert put(server, "0/r/artifacts/b", b"two").status_code == 200


@pytest.mark.parametrize("environment, words", [
    ({"AWS_EC2_METADATA_DISABLED": "true"}, "no keys for the bucket"),
    ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, "the machine's role"),
    ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent", "AWS_ROLE_ARN": "x"}, "web identity"),
    ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/x"}, "the container")])
def test_no_role(tmp_path, run, bucket, environment, words):
    said = run("serve", "--record", tmp_path / "record", "--artifacts", "s3://models/none",
               "--listen", "127.0.0.1:0",
               env={**bucket.environment, **WITHOUT_KEYS, **environment})
    assert said.returncode != 0 and "MW4011" in said.stderr and words in said.stderr, said.stderr
