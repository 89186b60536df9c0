"""Swaps, reloads, drains and deaths under load: no request is lost, and none sees half a swap."""
import http.client
import os
import signal
import socket
import threading
import time

import pytest
import xgboost

from conftest import Server, complaint

ROW = b'{"instances": [[31000.5, 4000, 44, 1]]}'
PATH = "/v1/models/a:predict"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n".encode()
JSON = {"Content-Type": "application/json"}


class Load:
    """Clients that ask without pause, each on its own connection, and keep what they were told."""

    def __init__(self, server, n_clients=4, body=ROW, reconnect=False):
        self.server, self.body, self.reconnect = server, body, reconnect
        self.answers, self.faults, self.stopping = [], [], threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(n_clients)]

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while not self.stopping.is_set():
            try:
                connection.request("POST", PATH, self.body, JSON)
                answer = connection.getresponse()
                self.answers.append((answer.status, answer.read()))
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(repr(fault))
                return
            if self.reconnect:
                connection.close()
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(50)
        return self

    def wait_for(self, more):
        """Until so many further answers have come."""
        goal, end = len(self.answers) + more, time.monotonic() + 30
        while len(self.answers) < goal and not self.faults and time.monotonic() < end:
            time.sleep(0.005)

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)


@pytest.fixture(scope="module")
def two(models):
    """Two models of one form whose answers differ, as file contents."""
    other = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1},
                          xgboost.DMatrix(models.rows, 1 - models.late), 3)
    return models.paths["plain"].read_bytes(), bytes(other.save_raw("json"))


def replace(path, content):
    """As a training job should: aside, then renamed over."""
    aside = path.with_suffix(".new")
    aside.write_bytes(content)
    os.replace(aside, path)


@pytest.fixture
def file(two, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(two[0])
    return path


def expected_bodies(server, file, two):
    """What each of the two models answers, byte for byte."""
    bodies = []
    for content in (two[1], two[0]):
        replace(file, content)
        assert server.post("/v2/repository/models/a/load").status_code == 200
        bodies.append(server.post(PATH, data=ROW, headers=JSON).content)
    assert bodies[0] != bodies[1]
    return set(bodies)


@pytest.mark.parametrize("way", ["SIGHUP", "load"])
@pytest.mark.parametrize("reconnect", [False, True], ids=["keep-alive", "new connections"])
def test_swap_under_load(serve, file, two, way, reconnect):
    server = serve(f"a={file}", "--threads", "2")
    expected = expected_bodies(server, file, two)
    n_swaps = 20
    with Load(server, reconnect=reconnect) as load:
        for i in range(n_swaps):
            replace(file, two[i % 2])
            if way == "SIGHUP":
                before = server.said().count("reloaded")
                server.signal(signal.SIGHUP)
                end = time.monotonic() + 20
                while server.said().count("reloaded") == before and time.monotonic() < end:
                    time.sleep(0.005)
            else:
                assert server.post("/v2/repository/models/a/load").status_code == 200
            load.wait_for(20)
    assert not load.faults
    assert {status for status, _ in load.answers} == {200}
    assert {body for _, body in load.answers} == expected, "one model an answer, and both came"
    loads = server.samples()['mw_model_loads_total{endpoint="a",result="ok"}']
    assert loads == 1 + 2 + n_swaps


def test_a_damaged_file_is_refused_under_load(serve, file, two):
    server = serve(f"a={file}", f"b={file}", "--threads", "2")
    with Load(server) as load:
        file.write_bytes(two[1][:len(two[1]) // 2])
        server.signal(signal.SIGHUP)
        server.wait_said("refused")
        answer = server.post("/v2/repository/models/a/load")
        assert answer.status_code == 400
        assert "a.json" in answer.json()["error"] and "fix:" in answer.json()["error"]
        load.wait_for(50)
    assert not load.faults and {status for status, _ in load.answers} == {200}
    assert len({body for _, body in load.answers}) == 1, "the old model goes on"
    states = server.post("/v2/repository/index", json={}).json()
    assert {entry["state"] for entry in states} == {"READY"}
    assert any(entry["reason"] for entry in states), "the failed load is told"


def test_reload_is_all_or_nothing(serve, models, tmp_path, two):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(two[0])
    bad.write_bytes(two[0])
    server = serve(f"good={good}", f"bad={bad}")
    body = {"instances": [[1, 2, 3, 4]]}
    before = server.post("/v1/models/good:predict", json=body).content
    replace(good, two[1])
    replace(bad, b"{}")
    server.signal(signal.SIGHUP)
    server.wait_said("refused")
    assert server.post("/v1/models/good:predict", json=body).content == before


def test_unload_answers_or_says_so(serve, file):
    """Unloading under load: each request is answered by the model, or told that there is none."""
    server = serve(f"a={file}", "--threads", "2")
    with Load(server) as load:
        for _ in range(10):
            assert server.post("/v2/repository/models/a/unload").status_code == 200
            load.wait_for(10)
            assert server.post("/v2/repository/models/a/load").status_code == 200
            load.wait_for(10)
    assert not load.faults
    assert {status for status, _ in load.answers} <= {200, 404, 503}
    assert sum(status == 200 for status, _ in load.answers) > 50


# ---- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_finishes_what_is_in_flight(serve, file, number):
    """A request whose body is half sent at the signal is answered, and the exit code is 0."""
    server = serve(f"a={file}")
    head = HEAD % len(ROW)
    with server.connect() as slow, server.connect() as idle:
        slow.sendall(head + ROW[:10])
        idle.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        server.signal(number)
        server.wait_said("draining")
        idle.settimeout(5)
        assert idle.recv(1000) == b"", "an idle connection is closed"
        time.sleep(0.2)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1).recv(1)
        slow.sendall(ROW[10:])
        slow.settimeout(10)
        text = slow.recv(10000)
        assert text.startswith(b"HTTP/1.1 200") and b"connection: close" in text.lower()
    assert server.process.wait(10) == 0
    assert "nothing was cut off" in server.said()


def test_drain_under_load_loses_nothing(serve, file):
    """Every request that the server took is answered: a client sees an answer, or a connection that
    was closed between two requests."""
    server = serve(f"a={file}", "--threads", "2")
    with Load(server, n_clients=8) as load:
        load.wait_for(200)
        server.signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
    assert {status for status, _ in load.answers} == {200}
    assert "nothing was cut off" in server.said()


def test_drain_has_an_end(serve, file):
    server = serve(f"a={file}", "--drain-seconds", "1")
    with server.connect() as slow:
        slow.sendall(HEAD % 99 + b"x")
        time.sleep(0.1)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert 0.8 < time.monotonic() - began < 5
    assert "1 request" in server.said()


def test_a_second_signal_stops_at_once(tmp_path, file):
    server = Server(tmp_path, f"a={file}")
    with server.connect() as slow:
        slow.sendall(HEAD % 99 + b"x")
        time.sleep(0.1)
        server.signal(signal.SIGINT)
        server.wait_said("draining")
        server.signal(signal.SIGINT)
        assert server.process.wait(5) == 130
    assert not complaint(server.said())


def test_ready_is_denied_while_draining(serve, file):
    """Balancers look at readiness on connections they keep."""
    server = serve(f"a={file}")
    with server.connect() as busy, server.connect() as probe:
        busy.sendall(HEAD % len(ROW))
        # the probe has begun its request when the signal comes, so it is in flight
        probe.sendall(b"GET /v2/health/ready HTTP/1.1\r\n")
        time.sleep(0.1)
        server.signal(signal.SIGTERM)
        server.wait_said("draining")
        probe.sendall(b"Host: a\r\n\r\n")
        probe.settimeout(5)
        assert probe.recv(1000)[9:12] in (b"400", b"503")
        busy.sendall(ROW)
        busy.settimeout(5)
        assert busy.recv(1000).startswith(b"HTTP/1.1 200")
    assert server.process.wait(10) == 0


def test_killed_and_started_again(tmp_path, file):
    """kill -9 under load leaves nothing that stops the next start on the same port and folder."""
    first = Server(tmp_path, f"a={file}")
    with Load(first) as load:
        first.signal(signal.SIGKILL)
        assert first.process.wait(5) == -signal.SIGKILL
    assert load.answers
    again = Server(tmp_path, f"a={file}", listen=f"127.0.0.1:{first.port}")
    assert again.port == first.port
    assert again.post(PATH, data=ROW, headers=JSON).status_code == 200
    assert again.stop() == 0
