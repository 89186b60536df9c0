"""Hostile and slow clients: the server stays up, its memory is bounded, others do not notice."""
import pathlib
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time

import pytest

h2 = pytest.importorskip("h2")

import h2.settings  # noqa: E402

from attack import BEGIN, GET, PREFACE, frame  # noqa: E402
from conftest import IS_WATCHED, Server, check_end, held  # noqa: E402
from test_http2 import GOAWAY, RST, Client, frames, healthy, read_to_end  # noqa: E402

HERE = pathlib.Path(__file__).parent
WINDOW = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE


def resident(server):
    """Bytes of the process that no file stands behind."""
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s*(\d+)", text)[1]) * 1024


# ---- many that wait ------------------------------------------------------------------------------


@pytest.fixture
def descriptors():
    """Room for 20,000 connections in this process and in the server that it starts."""
    wanted, before = 21000, resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
    except (ValueError, OSError):
        pytest.skip(f"{wanted} open files are not allowed here (ulimit -Hn is {before[1]})")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_twenty_thousand_idle_connections(descriptors, models, tmp_path):
    n, ask = 20000, b"GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n"
    server = Server(tmp_path, f"plain={models.paths['plain']}", "--threads", 2,
                    "--max-connections", n + 100, "--idle-timeout", "10m")
    warm = [server.connect() for _ in range(50)]
    for one in warm:
        one.sendall(ask)
        assert one.recv(4096)
    before, crowd = resident(server), []
    try:
        for _ in range(n):
            crowd.append(one := server.connect())
            one.sendall(ask)
        for one in crowd:
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
        each = (resident(server) - before) / n
        print(f"\n{n} idle connections: {each:.0f} bytes each")
        assert each < held(2048)  # 336 bytes of our own, and the allocator's
        began = time.monotonic()
        assert server.get("/v2/models/plain").status_code == 200
        assert time.monotonic() - began < 2
    finally:
        for one in [*crowd, *warm]:
            one.close()
    check_end(server)


def test_idle_connections_of_http2(serve, models):
    n = 500
    server = serve(f"plain={models.paths['plain']}", "--threads", 2)
    healthy(server)
    before = resident(server)
    crowd = []
    for _ in range(n):
        crowd.append(one := server.connect())
        one.sendall(BEGIN + frame(1, 5, 1, GET))
    for one in crowd:
        one.settimeout(20)
        got = b""
        while 1 not in [kind for kind, _ in frames(got)]:
            got += one.recv(4096)
    each = (resident(server) - before) / n
    print(f"\n{n} idle connections of HTTP/2: {each:.0f} bytes each")
    assert each < held(128 * 1024)
    for one in crowd:
        one.close()
    healthy(server)


# ---- windows and priorities ----------------------------------------------------------------------


def test_windows_that_overflow(fleet):
    for sent, stream in ((frame(8, 0, 1, b"\x7f\xff\xff\xff") * 2, True),
                         (frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2, False),
                         (frame(4, 0, 0, struct.pack(">HI", 4, 1 << 31)), False)):
        opened = fleet.connect()
        # a request that is not yet whole, so that its stream is there
        opened.sendall(BEGIN + frame(1, 4, 1, b"\x83" + GET[1:]) + sent)
        if stream:
            opened.sendall(frame(6, 0, 0, bytes(8)))
        opened.shutdown(socket.SHUT_WR)
        kinds = [kind for kind, _ in frames(read_to_end(opened))]
        assert (RST in kinds) if stream else (GOAWAY in kinds), kinds
        opened.close()
    healthy(fleet)


def test_windows_that_change_under_an_answer(fleet):
    """Down to 0, so that what is left of a window is below it, and open again: the answer is whole.
    By hand: h2 takes no window below 0."""
    def window(size):
        return frame(4, 0, 0, struct.pack(">HI", 4, size))
    whole = fleet.get("/openapi.json", headers={"accept-encoding": "identity"}).content
    assert len(whole) > 20000
    opened = fleet.connect()
    opened.sendall(PREFACE + window(9000) +
                   frame(1, 5, 1, b"\x82\x86\x04\x0d/openapi.json\x41\x01h"))
    time.sleep(0.1)
    for size in (0, 12000, 0, 1, 13000, 100, 5):
        opened.sendall(window(size))
    opened.sendall(window(1 << 24) + frame(8, 0, 0, struct.pack(">I", 1 << 24)))
    opened.settimeout(20)
    got, body = b"", b""
    while len(body) < len(whole):
        got += opened.recv(65536)
        body = b"".join(payload for kind, payload in frames(got) if kind == 0)
    assert body == whole
    opened.close()


def test_priorities_are_no_work(fleet):
    before = resident(fleet)
    opened = fleet.connect()
    opened.sendall(BEGIN)
    for begin in range(1, 60001, 2000):
        opened.sendall(b"".join(frame(2, 0, i, struct.pack(">IB", max(0, i - 2), i & 255))
                                for i in range(begin, begin + 2000, 2)))
    opened.sendall(frame(1, 5, 60001, GET))
    healthy(fleet)
    assert resident(fleet) - before < held(32 << 20)
    opened.close()


# ---- slow ones over HTTP/2 and gRPC --------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(models, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("impatient"), f"plain={models.paths['plain']}",
                    "--head-timeout", "1s", "--body-timeout", "1s", "--idle-timeout", "1s",
                    "--write-timeout", "1s")
    yield server
    check_end(server)


@pytest.mark.parametrize("kind", ["plain", "grpc"])
def test_a_stream_that_drips_is_refused_and_others_go_on(impatient, kind):
    client = Client(impatient)
    headers = [("content-type", "application/grpc")] if kind == "grpc" else []
    path = "/inference.GRPCInferenceService/ModelInfer" if kind == "grpc" else "/invocations"
    # of gRPC, a message of 255 bytes that does not come
    slow, began = client.ask("POST", path, b"\0\0\0\0\xff", headers, end=False), time.monotonic()
    client.socket.settimeout(0.1)
    while slow not in client.answers and slow not in client.resets:
        assert time.monotonic() - began < 10
        try:
            client.send(slow, b"\0", end=False)
            client.read()
        except TimeoutError:
            pass
    assert 0.8 < time.monotonic() - began < 8
    client.socket.settimeout(20)
    assert client.wait(client.ask("GET", "/v2"))[0][":status"] == "200"
    client.close()


def test_a_stream_that_is_not_read_is_reset_and_others_go_on(impatient):
    client = Client(impatient)
    client.h2.update_settings({WINDOW: 0})
    client.flush()
    stuck, began = client.ask("GET", "/openapi.json"), time.monotonic()
    while stuck not in client.resets:
        assert time.monotonic() - began < 10
        client.read()
    client.h2.update_settings({WINDOW: 65535})
    client.flush()
    assert client.wait(client.ask("GET", "/v2"))[0][":status"] == "200"
    client.close()


def test_a_head_that_drips_is_closed(impatient):
    opened = impatient.connect()
    opened.sendall(BEGIN + frame(1, 1, 1, GET))  # no END_HEADERS
    began = time.monotonic()
    opened.settimeout(10)
    while opened.recv(65536):
        continue
    assert time.monotonic() - began < 8
    opened.close()


# ---- others do not notice ------------------------------------------------------------------------


def latencies(server, n):
    """Seconds of requests one after another, at a pace."""
    taken, body = [], {"instances": [[1, 2, 3, 4]]}
    for _ in range(n):
        began = time.perf_counter()
        assert server.post("/v1/models/plain:predict", json=body).status_code == 200
        taken.append(time.perf_counter() - began)
        time.sleep(0.004)
    return taken


def p99(taken):
    return statistics.quantiles(taken, n=100)[98]


def test_healthy_clients_do_not_notice_an_attack(serve, models):
    """The same attack runs all the time, at a decoy or at the server: what differs is not how busy
    the machine is, but what the attack does to those who share the server."""
    path = models.paths["plain"]
    decoy, server = (serve(f"plain={path}", "--threads", 2) for _ in range(2))
    quiet, attacked, rounds = [], [], 3
    latencies(server, 50)
    before = resident(server)
    for _ in range(rounds):
        for target, taken in ((decoy, quiet), (server, attacked)):
            attacker = subprocess.Popen(
                [sys.executable, HERE / "attack.py", str(target.port), "20"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            time.sleep(0.3)
            taken += latencies(server, 200)
            told, _ = attacker.communicate(b"\n", 20)
            assert int(told) > 20
    grown = resident(server) - before
    print(f"\np99 quiet {p99(quiet) * 1e3:.2f} ms, attacked {p99(attacked) * 1e3:.2f} ms; "
          f"memory grew by {grown / 1e6:.1f} MB")
    # a watched server takes ten times the time for each attack, and others wait for it
    assert IS_WATCHED or p99(attacked) < 2 * p99(quiet) + 0.005
    # the attacker keeps 200 connections, most with answers unread
    assert grown < held(200 * (2 << 20))
