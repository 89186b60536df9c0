"""Where to listen: unix sockets, several addresses, sockets passed as systemd does, PROXY."""
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

import pytest

from conftest import BINARY, check_end

REQUEST = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def answer_on(connection):
    connection.settimeout(20)
    answer = http.client.HTTPResponse(connection)
    connection.sendall(REQUEST)
    answer.begin()
    return answer.status, answer.read()


def unix_connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


# ---- unix sockets -------------------------------------------------------------------------------


def test_unix_socket(models, serve, tmp_path):
    path = tmp_path / "mw.sock"
    server = serve(f"plain={models.paths['plain']}", "--listen", f"unix:{path},mode=600")
    first, second = (one["address"] for one in server.announced["listeners"])
    assert first == server.url == f"unix:{path}" and server.port is None
    with unix_connect(path) as connection:
        assert answer_on(connection)[0] == 200
        assert answer_on(connection)[0] == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if shutil.which("curl"):
        done = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://localhost/v2"],
                              capture_output=True, text=True, timeout=20, check=True)
        assert json.loads(done.stdout)["name"] == "millwright"
    with socket.create_connection(("127.0.0.1", int(second.rsplit(":", 1)[1]))) as connection:
        assert answer_on(connection)[0] == 200
    server.stop()
    assert not path.exists()


def test_abstract_name(models, serve):
    name = f"@millwright-test-{os.getpid()}"
    serve(f"plain={models.paths['plain']}", "--listen", f"unix:{name}")
    with unix_connect("\0" + name[1:]) as connection:
        assert answer_on(connection)[0] == 200


def test_stale_file_is_replaced(models, serve, run, tmp_path):
    path = tmp_path / "mw.sock"
    server = serve(f"plain={models.paths['plain']}", "--listen", f"unix:{path}")
    refused = run("serve", models.paths["plain"], "--listen", f"unix:{path}")
    assert refused.returncode != 0 and "is in use" in refused.stderr, refused.stderr
    with unix_connect(path) as connection:  # the first one is unharmed
        assert answer_on(connection)[0] == 200
    server.process.kill()
    server.process.wait()
    assert path.exists()
    serve(f"plain={models.paths['plain']}", "--listen", f"unix:{path}")
    with unix_connect(path) as connection:
        assert answer_on(connection)[0] == 200


def test_another_file_is_left_alone(models, run, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    refused = run("serve", models.paths["plain"], "--listen", f"unix:{path}")
    assert refused.returncode != 0 and "another kind" in refused.stderr
    assert path.read_text() == "data"


@pytest.mark.parametrize("text", ["unix:", "8080,", "8080,mode=660", "8080,tls,plain", "8080,fast",
                                  "unix:/tmp/x,mode=999", "fd:", ""])
def test_wrong_listeners(models, run, text):
    refused = run("serve", models.paths["plain"], "--listen", text)
    assert refused.returncode == 2 and "--listen" in refused.stderr, refused.stderr


def test_tls_without_a_certificate(models, run):
    refused = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0,tls")
    assert refused.returncode == 2 and "there is no certificate" in refused.stderr


def test_list_in_the_configuration(models, serve, tmp_path):
    path = tmp_path / "a.sock"
    (tmp_path / "millwright.yaml").write_text(
        f"server:\n  listen:\n    - 127.0.0.1:0\n    - unix:{path}\n")
    server = serve(f"plain={models.paths['plain']}", listen=None)
    assert len(server.announced["listeners"]) == 2
    with unix_connect(path) as connection:
        assert answer_on(connection)[0] == 200


# ---- sockets that are passed --------------------------------------------------------------------


class Activated:
    """The server as systemd starts it: sockets from descriptor 3 on, and a socket to tell."""

    LAUNCH = ("import os, sys\n"
              "os.environ['LISTEN_PID'] = str(os.getpid())\n"
              "os.execv(sys.argv[1], sys.argv[1:])\n")

    def __init__(self, folder, sockets, names, *arguments):
        self.news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.news.bind(str(folder / "notify"))
        self.news.settimeout(20)
        environment = {**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names,
                       "NOTIFY_SOCKET": str(folder / "notify")}

        def place():
            # out of the way first, so that no target is still a source
            for i, fd in enumerate([os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]):
                os.dup2(fd, 3 + i)
        self.log = folder / "log"
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.LAUNCH, BINARY, "serve", *map(str, arguments), "--json",
             "--data", folder / "data"], stdout=subprocess.PIPE, stderr=self.log.open("wb"),
            text=True, env=environment, close_fds=False, preexec_fn=place)
        line = self.process.stdout.readline()
        assert line, self.said()
        self.announced = json.loads(line)

    def said(self):
        return self.log.read_text()

    def told(self):
        return self.news.recv(1000).decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


def test_socket_activation(models, tmp_path):
    tcp = socket.create_server(("127.0.0.1", 0))
    named = socket.socket(socket.AF_UNIX)
    named.bind(str(tmp_path / "named.sock"))
    named.listen()
    for one in tcp, named:
        one.set_inheritable(True)
    early = socket.create_connection(tcp.getsockname())  # before there is a server
    server = Activated(tmp_path, [tcp, named], "web:inside", f"plain={models.paths['plain']}")
    assert server.told() == "READY=1"
    assert {one["address"] for one in server.announced["listeners"]} == {
        f"127.0.0.1:{tcp.getsockname()[1]}", f"unix:{tmp_path / 'named.sock'}"}
    assert answer_on(early)[0] == 200
    with unix_connect(tmp_path / "named.sock") as connection:
        assert answer_on(connection)[0] == 200
    server.process.send_signal(signal.SIGHUP)
    assert server.told().startswith("RELOADING=1\nMONOTONIC_USEC=") and server.told() == "READY=1"
    assert server.stop() == 0
    assert server.told() == "STOPPING=1"
    assert (tmp_path / "named.sock").exists()  # it is not ours


def test_passed_socket_by_name(models, tmp_path, run):
    tcp = socket.create_server(("127.0.0.1", 0))
    tcp.set_inheritable(True)
    server = Activated(tmp_path, [tcp], "web", f"plain={models.paths['plain']}", "--listen",
                       "fd:web,proxy")
    assert [one["proxy"] for one in server.announced["listeners"]] == [True]
    with socket.create_connection(tcp.getsockname()) as connection:
        connection.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        assert answer_on(connection)[0] == 200
    assert server.stop() == 0
    refused = run("serve", models.paths["plain"], "--listen", "fd:web")
    assert refused.returncode == 3 and "passed no socket 'web'" in refused.stderr


# ---- PROXY --------------------------------------------------------------------------------------


def header(command=0x21, family=0x11, body=None):
    addresses = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1")
    body = addresses + struct.pack(">HH", 51234, 443) if body is None else body
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body)) + body


@pytest.fixture(scope="module")
def proxied(models, tmp_path_factory):
    from conftest import Server
    server = Server(tmp_path_factory.mktemp("proxied"), f"plain={models.paths['plain']}",
                    "--head-timeout", "700ms", listen="127.0.0.1:0,proxy")
    yield server
    check_end(server)


GOOD = {"v1": b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n",
        "v1 unknown": b"PROXY UNKNOWN\r\n",
        "v2": header(), "local": header(0x20, 0, b""),
        "tlvs": header(body=header()[16:] + b"\x02\x00\x04host")}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("cut", [None, 1, 14])
def test_proxy_header(proxied, name, cut):
    with proxied.connect() as connection:
        text = GOOD[name]
        if cut:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(text[:cut])
            time.sleep(0.05)
            text = text[cut:]
        connection.sendall(text)
        assert answer_on(connection)[0] == 200
        assert answer_on(connection)[0] == 200


@pytest.mark.hostile
@pytest.mark.parametrize("bytes_", [REQUEST, header(0x22), header(0x21, 0x12), header(body=b"abc"),
                                    SIGNATURE + b"\x21\x11\xff\xff", b"\x16\x03\x01" + bytes(50)])
def test_wrong_proxy_header(proxied, bytes_):
    with proxied.connect() as connection:
        connection.sendall(bytes_)
        connection.settimeout(5)
        try:
            assert connection.recv(1000) == b""
        except ConnectionResetError:
            pass
    proxied.wait_said("PROXY header")


@pytest.mark.hostile
def test_slow_proxy_header(proxied):
    with proxied.connect() as connection:
        began = time.monotonic()
        connection.settimeout(0.1)
        for byte in header() * 10:
            try:
                connection.sendall(bytes([byte]))
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - began < 5


def test_unwanted_proxy_header(alone):
    with alone.connect() as connection:
        connection.sendall(GOOD["v2"] + REQUEST)
        connection.settimeout(5)
        assert b" 400 " in connection.recv(1000)
    alone.wait_said("sends a PROXY header to a listener that expects none")
