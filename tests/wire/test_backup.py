"""Backups of a record that is in use, and records made of them; kill -9 at any moment."""
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tarfile
import threading
import time

import pytest
import requests
from conftest import BINARY, Server, check_end

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))


def mw(*words, code=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


class Load:
    """Clients that log, upload and move an alias, and remember what was acknowledged."""

    def __init__(self, url, seed):
        self.url, self.ended, self.seed = url, threading.Event(), seed
        self.metrics, self.files, self.alias = {}, {}, None
        self.pending, self.lock = set(), threading.Lock()
        self.threads = [threading.Thread(target=work, args=(n,), daemon=True)
                        for work in (self.log, self.upload) for n in range(2)]
        self.threads.append(threading.Thread(target=self.move, args=(0,), daemon=True))

    def call(self, session, method, path, **more):
        return session.request(method, self.url + path, timeout=30, **more)

    def repeat(self, once):
        session = requests.Session()
        while not self.ended.is_set():
            try:
                once(session)
            except requests.RequestException:
                return  # it was killed

    def log(self, n):
        session = requests.Session()
        try:
            made = self.call(session, "POST", API + "runs/create", json={"experiment_id": "0"})
        except requests.RequestException:
            return
        run, step = made.json()["run"]["info"]["run_id"], 0
        self.metrics[run] = 0

        def once(session):
            nonlocal step
            batch = [{"key": f"k{i}", "value": step, "timestamp": step, "step": step}
                     for i in range(20)]
            answer = self.call(session, "POST", API + "runs/log-batch",
                               json={"run_id": run, "metrics": batch})
            assert answer.status_code == 200, answer.text
            step += 1
            self.metrics[run] = step
        self.repeat(once)

    def upload(self, n):
        random_bytes = random.Random(self.seed * 10 + n)
        count = 0

        def once(session):
            nonlocal count
            data = random_bytes.randbytes(random_bytes.choice((0, 10, 5000, 300_000)))
            path = f"0/{self.seed}/{n}/{count % 7}/f"
            with self.lock:
                self.pending.add((path, hashlib.sha256(data).hexdigest()))
            answer = self.call(session, "PUT", FILES + path, data=data)
            assert answer.status_code == 200, answer.text
            self.files[path] = hashlib.sha256(data).hexdigest()
            count += 1
        self.repeat(once)

    def move(self, _):
        version = 0

        def once(session):
            nonlocal version
            version = version % 2 + 1
            answer = self.call(session, "POST", API + "registered-models/alias",
                               json={"name": "m", "alias": "a", "version": str(version)})
            assert answer.status_code == 200, answer.text
            self.alias = version
        self.repeat(once)

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(40)


def make_model(url):
    requests.post(url + API + "registered-models/create", json={"name": "m"}, timeout=20)
    for _ in range(2):
        requests.post(url + API + "model-versions/create",
                      json={"name": "m", "source": "s3://x/y"}, timeout=20)


def check(url, load):
    """What was acknowledged is there, and every file is whole."""
    for run, n in load.metrics.items():
        for key in ("k0", "k19"):
            found = requests.get(url + API + "metrics/get-history", timeout=30,
                                 params={"run_id": run, "metric_key": key}).json()
            steps = [int(m.get("step", 0)) for m in found.get("metrics", [])]
            assert steps == list(range(len(steps))) and n <= len(steps) <= n + 1
    for path in {path for path, _ in load.pending}:
        answer = requests.get(url + FILES + path, timeout=30)
        if path in load.files:
            assert answer.status_code == 200, path
        if answer.status_code == 200:
            digest = hashlib.sha256(answer.content).hexdigest()
            assert digest == load.files.get(path) or (path, digest) in load.pending
    if load.alias:
        found = requests.get(url + API + "registered-models/alias", timeout=20,
                             params={"name": "m", "alias": "a"}).json()
        assert found["model_version"]["version"] in ("1", "2")


def test_kill_at_any_moment(tmp_path):
    record, loads = tmp_path / "record", []
    chance = random.Random(7)
    server = Server(tmp_path, "--record", record)
    make_model(server.url)
    for number in range(ROUNDS):
        load = Load(server.url, number)
        load.start()
        time.sleep(chance.uniform(0.1, 0.9))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(20)
        server.process.stdout.close()
        load.end()
        loads.append(load)
        server = Server(tmp_path, "--record", record)
        assert sum(load.metrics.values()) + len(load.files) > 0 or number > 0
        check(server.url, load)
        assert mw("audit", "verify", "--record", record).startswith("whole")
    for load in loads:  # of all rounds, once more
        check(server.url, load)
    assert sum(sum(load.metrics.values()) for load in loads) > 0
    assert sum(len(load.files) for load in loads) > 0
    check_end(server)
    assert os.listdir(record / "blobs/tmp") == []
    for folder, _, names in os.walk(record / "blobs/sha256"):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            assert digest == os.path.basename(folder) + name


# ---- backup ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["copy.tar", "copy"])
def test_backup_under_load(tmp_path, name):
    record, again, copy = tmp_path / "record", tmp_path / "again", tmp_path / name
    server = Server(tmp_path, "--record", record)
    make_model(server.url)
    load = Load(server.url, 1)
    load.start()
    time.sleep(0.5)
    before = (dict(load.metrics), dict(load.files))
    said = json.loads(mw("server", "backup", "--record", record, "-o", copy, "--json"))
    load.end()
    assert len(load.metrics) == 2
    check_end(server)
    assert not [p for p in tmp_path.iterdir() if ".part" in p.name or ".rows" in p.name]
    mw("server", "backup", "--record", record, "-o", copy, code=5)
    restored = json.loads(mw("server", "restore", copy, "--record", again, "--json"))
    assert restored["files"] == said["files"] and restored["audit_head"] == said["audit_head"]
    assert mw("audit", "verify", "--record", again, "--head", said["audit_head"])
    newest = json.loads(mw("audit", "list", "--record", again, "--limit", 1, "--format", "json"))
    assert newest["action"] == "record.restore" and said["audit_head"] in newest["after"]
    mw("server", "restore", copy, "--record", again, code=5)
    server = Server(tmp_path, "--record", again)
    for run, n in before[0].items():
        found = requests.get(server.url + API + "metrics/get-history", timeout=30,
                             params={"run_id": run, "metric_key": "k0"}).json()
        assert n <= len(found.get("metrics", [])) <= load.metrics[run]
    for path in before[1]:
        content = requests.get(server.url + FILES + path, timeout=30).content
        assert (path, hashlib.sha256(content).hexdigest()) in load.pending
    check_end(server)


def test_packed_anew(tmp_path):
    """A folder that somebody put into a tar file with another program is as good."""
    record = tmp_path / "record"
    server = Server(tmp_path, "--record", record)
    requests.put(server.url + FILES + "0/x", data=b"hello", timeout=20)
    check_end(server)
    mw("server", "backup", "--record", record, "-o", tmp_path / "folder")
    with tarfile.open(tmp_path / "own.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("backup.json", "record.db", "blobs"):
            tar.add(tmp_path / "folder" / name, "./" + name)
    mw("server", "restore", tmp_path / "own.tar", "--record", tmp_path / "again")
    evil = tmp_path / "evil.tar"
    shutil.copy(tmp_path / "own.tar", evil)
    with tarfile.open(evil, "a") as tar:
        link = tarfile.TarInfo("blobs/sha256/ab/" + "0" * 62)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    mw("server", "restore", evil, "--record", tmp_path / "evil", code=1)
    assert not (tmp_path / "evil").exists()
    for words in (("x.tar",), (tmp_path,), (BINARY,)):
        assert mw("server", "restore", *words, "--record", tmp_path / "no", code=1) == ""
    mw("server", "backup", "--record", tmp_path / "none", "-o", tmp_path / "n.tar", code=3)
    mw("server", "backup", "--record", record, code=2)


def test_backup_without_room(tmp_path):
    record = tmp_path / "record"
    server = Server(tmp_path, "--record", record)
    requests.put(server.url + FILES + "0/x", data=b"x" * 400_000, timeout=20)
    check_end(server)

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done = subprocess.run([BINARY, "server", "backup", "--record", record, "-o",
                           tmp_path / "b.tar"], capture_output=True, text=True, timeout=60,
                          check=False, preexec_fn=no_room)
    assert done.returncode == 1 and "MW4005" in done.stderr, done.stderr
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("b.tar")]


# ---- a full disk, races, hostile names ---------------------------------------------------------


def test_full_disk_in_an_upload(tmp_path):
    """Files may not grow: what does not fit is told and leaves nothing; what fits goes on."""
    record = tmp_path / "record"
    limit = f"ulimit -f 2000; trap '' XFSZ; exec {BINARY} \"$@\""  # 2,000 KiB
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(["bash", "-c", limit, "mw", "serve", "--record", record, "--data",
                                tmp_path / "data", "--listen", "127.0.0.1:0", "--json"],
                               stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        url = json.loads(process.stdout.readline())["url"]
        answer = requests.put(url + FILES + "0/big", data=b"x" * 5_000_000, timeout=30)
        assert answer.status_code == 507 and answer.json()["error_code"] == "RESOURCE_EXHAUSTED"
        assert requests.get(url + FILES + "0/big", timeout=20).status_code == 404
        assert requests.put(url + FILES + "0/small", data=b"y" * 1000, timeout=20).ok
        assert requests.get(url + FILES + "0/small", timeout=20).content == b"y" * 1000
        assert os.listdir(record / "blobs/tmp") == []
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()
        log.close()
    assert mw("audit", "verify", "--record", record).startswith("whole")


def test_creates_in_a_race(tmp_path):
    """Of many that make the same thing at once, one does; versions have each its own number."""
    server = Server(tmp_path, "--record", tmp_path / "record")
    codes, versions = [], []

    def make(_):
        session = requests.Session()
        for path, body in (("experiments/create", {"name": "e"}),
                           ("registered-models/create", {"name": "m"})):
            codes.append((path, session.post(server.url + API + path, json=body,
                                             timeout=30).status_code))
        answer = session.post(server.url + API + "model-versions/create", timeout=30,
                              json={"name": "m", "source": "s3://x/y"})
        versions.append(answer.json()["model_version"]["version"])
    threads = [threading.Thread(target=make, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for path in ("experiments/create", "registered-models/create"):
        mine = [code for asked, code in codes if asked == path]
        assert sorted(mine) == [200] + [400] * 11
    assert sorted(map(int, versions)) == list(range(1, 13))
    check_end(server)


SQL = ["' OR 1=1 --", "'; DROP TABLE runs; --", "x' UNION SELECT password FROM users --", "%", "_",
       "\\", "\"", "`", "')", "1) OR (1=1", "\u0000", "a' AND (SELECT 1)='"]


def test_sql_in_everything(tmp_path):
    server = Server(tmp_path, "--record", tmp_path / "record")
    session = requests.Session()

    def post(path, body):
        return session.post(server.url + API + path, json=body, timeout=20)
    run = post("runs/create", {"experiment_id": "0"}).json()["run"]["info"]["run_id"]
    post("runs/log-parameter", {"run_id": run, "key": "p", "value": "secret"})
    for text in SQL:
        for filter_text in (f"params.p = '{text}'", f"params.p = \"{text}\"",
                            f"params.`{text}` = 'x'", f"tags.\"{text}\" LIKE '{text}'", text,
                            f"attributes.run_id IN ('{text}')"):
            found = post("runs/search", {"experiment_ids": ["0"], "filter": filter_text})
            assert found.status_code in (200, 400), filter_text
            assert "secret" not in found.text or text in ("%", "_"), filter_text
        for path, body in (("runs/search", {"experiment_ids": ["0"], "order_by": [text]}),
                           ("runs/search", {"experiment_ids": [text]}),
                           ("experiments/create", {"name": text}),
                           ("registered-models/create", {"name": text}),
                           ("runs/set-tag", {"run_id": run, "key": "t", "value": text})):
            assert post(path, body).status_code in (200, 400, 404), (path, text)
    found = post("runs/search", {"experiment_ids": ["0"]}).json()
    assert [r["info"]["run_id"] for r in found["runs"]] == [run]
    check_end(server)


def test_links_and_ways_out(tmp_path):
    """No path of a request leaves the record, and a link that somebody put there is not followed
    when a backup is made."""
    record = tmp_path / "record"
    secret = tmp_path / "secret"
    content = "of nobody's concern"
    secret.write_text(content)
    server = Server(tmp_path, "--record", record)
    requests.put(server.url + FILES + "0/x", data=b"hello", timeout=20)
    for path in ("../secret", "..%2fsecret", "%2e%2e/secret", "0/../../secret", "/etc/passwd",
                 "0//x", "0/%2e%2e/%2e%2e/secret", "0\\..\\secret", "0/./x", "0/x%00y", "0/x#y"):
        for method in ("GET", "PUT", "DELETE"):
            with server.connect() as client:
                client.sendall(f"{method} {FILES}{path} HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while got := client.recv(65536):
                    answer += got
            assert content.encode() not in answer.partition(b"\r\n\r\n")[2]
            if method != "GET":
                assert answer.split()[1] in (b"400", b"404"), (method, path, answer[:200])
    assert secret.read_text() == content
    check_end(server)
    digest = hashlib.sha256(b"other").hexdigest()
    folder = record / "blobs/sha256" / digest[:2]
    folder.mkdir(exist_ok=True)
    (folder / digest[2:]).symlink_to(secret)
    mw("server", "backup", "--record", record, "-o", tmp_path / "b.tar")
    assert content.encode() not in (tmp_path / "b.tar").read_bytes()
