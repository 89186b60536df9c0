"""`mw status` beside a running server: the numbers, and what it names as the limit where we make
one."""
import json
import resource
import threading
import time

import pytest

ROWS = {"instances": [[1, 2, 3, 4]] * 3}


@pytest.fixture
def status(run):
    def ask(server, *more, interval="500ms"):
        done = run("status", server.url, "--json", "--interval", interval, *more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return ask


class Load:
    """Threads that do something again and again until the block ends."""

    def __init__(self, n_threads, work):
        self.ended, self.work = threading.Event(), work
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(n_threads)]

    def run(self):
        while not self.ended.is_set():
            self.work()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(0.3)

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def pipelined(server, body, n):
    """Many requests at once over one connection; reads all answers."""
    one = b"POST /v1/models/a:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body), body)
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)

    def work():
        with server.connect(60) as peer:
            sender = threading.Thread(target=peer.sendall, args=(one * n + last,), daemon=True)
            sender.start()
            while peer.recv(1 << 16):
                pass
            sender.join()
    return work


def test_an_idle_server(serve, models, status, run):
    server = serve(f"a={models.paths['plain']}", f"b={models.paths['levels']}")
    for _ in range(3):
        server.post("/v1/models/a:predict", json=ROWS)
    told = status(server)
    assert told["url"] == server.url and told["version"]
    assert told["seconds"] == pytest.approx(0.5, abs=0.4)
    assert [endpoint["name"] for endpoint in told["endpoints"]] == ["a", "b"]
    for endpoint in told["endpoints"]:
        assert endpoint["requests_per_second"] == 0 and endpoint["p50_seconds"] is None
        assert endpoint["limited_by"] == "nothing"
    assert 0 < told["server"]["memory_bytes"] < told["server"]["memory_limit_bytes"]
    assert 0 < told["server"]["files"] < told["server"]["files_limit"]
    assert told["server"]["loops_busy"] < 0.5 and told["server"]["cores"] >= 1
    text = run("status", f"127.0.0.1:{server.port}", "--interval", "50ms").stdout
    assert "\na, version 1\n" in text and "nothing: no requests now" in text


def test_rates(serve, models, status):
    server = serve(f"a={models.paths['plain']}")
    asked = []

    def work():
        code = server.post("/v1/models/a:predict", json=ROWS).status_code
        bad = server.post("/v1/models/a:predict", json={"instances": [["x"]]}).status_code
        asked.append((code, bad))
        time.sleep(0.01)
    with Load(1, work):
        before, began = len(asked), time.monotonic()
        told = status(server, interval="1s")
        rate = (len(asked) - before) / (time.monotonic() - began)
    endpoint, = told["endpoints"]
    assert endpoint["requests_per_second"] == pytest.approx(2 * rate, rel=0.5)
    assert endpoint["rows_per_second"] == pytest.approx(3 * rate, rel=0.5)
    assert endpoint["errors_per_second"] == pytest.approx(rate, rel=0.5)
    assert 0 < endpoint["p50_seconds"] <= endpoint["p99_seconds"] < 5
    assert sum(endpoint["stages"].values()) == pytest.approx(1, abs=1e-6)


def test_busy_loops_are_named(serve, models, status):
    server = serve(f"a={models.paths['plain']}", "--threads", "1")
    body = json.dumps({"instances": [[1, 2, 3, 4]] * 400}).encode()
    with Load(3, pipelined(server, body, 300)):
        told = status(server)
    endpoint, = told["endpoints"]
    assert told["server"]["loops_busy"] > 0.8 and endpoint["rows_per_second"] > 1000
    # a machine that others use, too, gives the loop no core: then that is the limit
    assert endpoint["limited_by"] in ("loops", "cores", "queue"), endpoint["why"]


def test_busy_workers_are_named(serve, models, status):
    server = serve(f"a={models.paths['plain']}", "--threads", "2", "--workers", "1")
    body = json.dumps({"instances": [[1, 2, 3, 4]] * 60000}).encode()

    def work():
        server.post("/v1/models/a:predict", data=body,
                    headers={"content-type": "application/json"})
    with Load(4, work):
        told = status(server, interval="1500ms")
    endpoint, = told["endpoints"]
    assert told["server"]["workers_busy"] > 0.3
    assert endpoint["limited_by"] in ("workers", "queue", "cores", "nothing"), endpoint["why"]


def test_slow_uploads_are_named(serve, models, status):
    server = serve(f"a={models.paths['plain']}")
    body = json.dumps(ROWS).encode()
    head = b"POST /v1/models/a:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % \
        len(body)

    def work():
        with server.connect() as peer:
            peer.sendall(head + body[:5])
            time.sleep(0.2)
            peer.sendall(body[5:])
            assert b"200 OK" in peer.recv(4096)
    with Load(3, work):
        told = status(server, interval="1s")
    endpoint, = told["endpoints"]
    assert endpoint["limited_by"] == "uploads" and "uploads" in endpoint["why"]
    assert endpoint["stages"]["receive"] > 0.5


def test_file_descriptors_are_named(serve, models, status):
    server = serve(f"a={models.paths['plain']}")
    used = int(server.samples()["process_open_fds"])
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 2, used + 2))
    endpoint, = status(server)["endpoints"]
    assert endpoint["limited_by"] == "files" and "ulimit -n" in endpoint["why"]


def test_nobody_and_somebody_else(run, alone, tmp_path):
    done = run("status", "127.0.0.1:1")
    assert done.returncode != 0 and "MW7201" in done.stderr
    done = run("status", "not an address")
    assert done.returncode == 2 and "HOST:PORT" in done.stderr
    done = run("status", "--server", f"127.0.0.1:{alone.port}", "--interval", "50ms",
               "-o", tmp_path / "status.txt")
    assert done.returncode == 0 and "plain" in (tmp_path / "status.txt").read_text()
