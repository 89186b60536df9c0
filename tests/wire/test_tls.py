"""TLS with real clients: curl, openssl, Python, tritonclient over HTTP and gRPC; certificates that
are swapped under traffic; clients that speak the wrong thing or stop half-way."""
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import numpy as np
import pytest
import requests

from authority import Authority, put
from conftest import until

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.sign("server")


def tls_options(pair):
    return "--tls-certificate", pair[0], "--tls-key", pair[1]


@pytest.fixture(scope="module")
def secure(models, pair, tmp_path_factory):
    """One server with TLS, for tests that change nothing."""
    from conftest import Server, check_end
    server = Server(tmp_path_factory.mktemp("secure"), f"plain={models.paths['plain']}",
                    *tls_options(pair), "--threads", 2)
    yield server
    check_end(server)


def context_of(authority, client=None, version=None):
    context = ssl.create_default_context(cafile=authority.path)
    if client:
        context.load_cert_chain(*client)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def secured(server, context, name="localhost", **more):
    return context.wrap_socket(server.connect(), server_hostname=name, **more)


REQUEST = b"GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ask(connection):
    """One request; its status and body."""
    answer = http.client.HTTPResponse(connection)
    connection.sendall(REQUEST)
    answer.begin()
    return answer.status, answer.read()


# ---- clients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_python(secure, authority, version):
    with secured(secure, context_of(authority, version=version)) as connection:
        assert connection.version() == version.name.replace("_", ".")
        for _ in range(3):
            status, body = ask(connection)
            assert status == 200 and b"millwright" in body


def test_large_bodies_both_ways(secure, authority, models):
    rows = np.tile(np.nan_to_num(models.rows), (200, 1)).tolist()
    answer = requests.post(f"https://localhost:{secure.port}/v1/models/plain:predict",
                           json={"instances": rows}, verify=str(authority.path), timeout=60)
    assert answer.status_code == 200 and len(answer.json()["predictions"]) == len(rows)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.parametrize("option, version", [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl(secure, authority, option, version):
    done = subprocess.run(["curl", "-sS", option, "--cacert", authority.path, "-w",
                           "|%{http_version}|%{http_code}", f"https://localhost:{secure.port}/v2"],
                          capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split("|")[1:] == [version, "200"], done.stdout


def test_triton_http(secure, authority, models):
    triton = pytest.importorskip("tritonclient.http")
    import gevent.ssl as gssl
    with triton.InferenceServerClient(
            f"localhost:{secure.port}", ssl=True,
            ssl_context_factory=lambda: gssl.create_default_context(
                cafile=str(authority.path))) as client:
        assert client.is_server_ready() and client.is_model_ready("plain")


def test_triton_grpc(secure, authority, models):
    triton = pytest.importorskip("tritonclient.grpc")
    with triton.InferenceServerClient(f"localhost:{secure.port}", ssl=True,
                                      root_certificates=str(authority.path)) as client:
        assert client.is_server_ready() and client.is_model_ready("plain")
        assert client.get_model_metadata("plain").name == "plain"
        rows = models.rows.to_numpy(np.float32)[:7]
        tensor = triton.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        answer = client.infer("plain", [tensor]).as_numpy("output")
        expected = models.predict("plain", models.rows[:7])
        np.testing.assert_allclose(answer, expected, rtol=1e-5)


def test_sessions_are_resumed(secure, authority):
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context, session = context_of(authority, version=version), None
        for turn in range(4):  # two threads serve: each opens the other's tickets
            with secured(secure, context, session=session) as connection:
                assert ask(connection)[0] == 200
                assert connection.session_reused == (turn > 0), (version, turn)
                session = connection.session


def test_handshakes_are_counted(models, serve, authority, pair):
    server = serve(f"plain={models.paths['plain']}", *tls_options(pair))
    context, session = context_of(authority, version=ssl.TLSVersion.TLSv1_2), None
    for _ in range(3):
        with secured(server, context, session=session) as connection:
            assert ask(connection)[0] == 200
            session = connection.session
    mistrust = ssl.create_default_context()
    mistrust.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        secured(server, mistrust)
    page = requests.get(f"https://localhost:{server.port}/metrics", verify=str(authority.path),
                        timeout=20).text
    counts = {line.split()[0]: float(line.split()[1]) for line in page.splitlines()
              if line.startswith("mw_tls_")}
    assert counts == {"mw_tls_handshakes_total": 4, "mw_tls_handshakes_resumed_total": 2,
                      "mw_tls_handshakes_failed_total": 1}


def test_alpn(secure, authority):
    for offered, chosen in ([["h2", "http/1.1"], "h2"], [["http/1.1"], "http/1.1"],
                            [["spdy/1", "http/1.1"], "http/1.1"]):
        context = context_of(authority)
        context.set_alpn_protocols(offered)
        with secured(secure, context) as connection:
            assert connection.selected_alpn_protocol() == chosen
    context = context_of(authority)
    context.set_alpn_protocols(["spdy/1"])
    with pytest.raises(ssl.SSLError):
        secured(secure, context)


def test_goodbye_is_said(secure, authority):
    with secured(secure, context_of(authority)) as connection:
        connection.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        text = b""
        while piece := connection.recv(65536):  # a cut would raise: ours is close_notify
            text += piece
        assert text.startswith(b"HTTP/1.1 200")


# ---- certificates of clients --------------------------------------------------------------------


def test_clients_are_asked(models, serve, authority, pair, tmp_path):
    known, stranger = authority.sign("ada"), Authority(tmp_path, "stranger").sign("eve")
    server = serve(f"plain={models.paths['plain']}", *tls_options(pair), "--tls-clients",
                   "required", "--tls-client-ca", authority.path)
    with secured(server, context_of(authority, known)) as connection:
        assert ask(connection)[0] == 200
    for client in None, stranger:
        with pytest.raises((ssl.SSLError, ConnectionError)):  # TLS 1.3 tells with the first read
            with secured(server, context_of(authority, client)) as connection:
                ask(connection)
    server.wait_said("TLS was not agreed")


def test_clients_may_show_a_certificate(models, serve, authority, pair, tmp_path):
    """Anyone may come, who shows one must be known, and the access log tells who it was."""
    log, known = tmp_path / "access.log", authority.sign("grace")
    stranger = Authority(tmp_path, "stranger").sign("eve")
    server = serve(f"plain={models.paths['plain']}", *tls_options(pair), "--tls-clients",
                   "optional", "--tls-client-ca", authority.path, "--access-log", log)
    for client in None, known:
        with secured(server, context_of(authority, client)) as connection:
            assert ask(connection)[0] == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with secured(server, context_of(authority, stranger)) as connection:
            ask(connection)
    until(lambda: log.exists() and log.read_text().count("\n") >= 2)
    lines = [json.dumps(json.loads(line)) for line in log.read_text().splitlines()[:2]]
    assert sorted("grace" in line for line in lines) == [False, True]  # loops write in any order


# ---- what is wrong at the start -----------------------------------------------------------------


def wrong_pairs(authority, folder):
    good, other = authority.sign("good"), authority.sign("other")
    hidden = authority.sign("hidden", passphrase=b"secret")
    empty = folder / "empty.pem"
    empty.write_text("nothing\n")
    return {"the key does not belong": (good[0], other[1]), "the key is encrypted": hidden,
            "holds no certificate": (empty, good[1]), "holds no private key": (good[0], empty),
            "no such file": (folder / "missing.pem", good[1])}


def test_wrong_files(run, models, authority, tmp_path):
    for sentence, given in wrong_pairs(authority, tmp_path).items():
        done = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0", *tls_options(given))
        assert done.returncode != 0 and "fix:" in done.stderr, done.stderr
        assert sentence in done.stderr, done.stderr


def test_expired_is_a_warning(models, serve, authority):
    server = serve(models.paths["plain"], *tls_options(authority.sign("old", days=(-9, -2))))
    server.wait_said("warn .*it has expired on")


# ---- a new certificate --------------------------------------------------------------------------


def serial(server, authority):
    with secured(server, context_of(authority)) as connection:
        return connection.getpeercert()["serialNumber"]


def test_reload_under_traffic(models, serve, authority):
    mine = authority.sign("swapped")
    server = serve(f"plain={models.paths['plain']}", *tls_options(mine))
    context, stop, failed, done = context_of(authority), threading.Event(), [], [0]

    def traffic(keeps):
        connection = None
        while not stop.is_set():
            try:
                connection = connection or secured(server, context)
                assert ask(connection)[0] == 200
                done[0] += 1
                if not keeps:
                    connection.close()
                    connection = None
            except Exception as why:  # noqa: BLE001: any failure is a lost request
                failed.append(why)
                return
    clients = [threading.Thread(target=traffic, args=(n % 2 == 0,), daemon=True) for n in range(4)]
    for client in clients:
        client.start()
    first = serial(server, authority)
    authority.sign("swapped")
    server.signal(signal.SIGHUP)
    until(lambda: serial(server, authority) != first)
    second = serial(server, authority)
    authority.sign("swapped")  # no signal: the change of the files is seen
    until(lambda: serial(server, authority) != second)
    stop.set()
    for client in clients:
        client.join()
    assert not failed and done[0] > 20


def test_a_broken_pair_changes_nothing(models, serve, authority):
    mine = authority.sign("kept")
    server = serve(f"plain={models.paths['plain']}", *tls_options(mine))
    first = serial(server, authority)
    put(mine[0], b"half a certif")
    server.signal(signal.SIGHUP)
    server.wait_said("the certificate stays as it was")
    assert serial(server, authority) == first


def test_sessions_outlive_a_reload(models, serve, authority):
    mine = authority.sign("lasting")
    server = serve(f"plain={models.paths['plain']}", *tls_options(mine))
    context = context_of(authority)
    with secured(server, context) as connection:
        assert ask(connection)[0] == 200
        session = connection.session
    server.signal(signal.SIGHUP)
    server.wait_said("reloaded the certificate")
    with secured(server, context, session=session) as connection:
        assert ask(connection)[0] == 200 and connection.session_reused


# ---- the wrong thing ----------------------------------------------------------------------------


def rest(connection):
    connection.settimeout(10)
    text = b""
    try:
        while piece := connection.recv(65536):
            text += piece
    except ConnectionResetError:
        pass
    return text


@pytest.mark.hostile
def test_plain_request_gets_a_sentence(secure):
    with secure.connect() as connection:
        connection.sendall(REQUEST)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400") and b"this port speaks TLS" in answer
    with secure.connect() as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert b"this port speaks TLS" in rest(connection)  # in GOAWAY
    secure.wait_said("does not begin with TLS")


@pytest.mark.hostile
def test_tls_to_a_plain_port(alone, authority):
    with pytest.raises(ssl.SSLError):
        secured(alone, context_of(authority))
    alone.wait_said("speaks TLS to a plain listener")


@pytest.mark.hostile
def test_half_handshakes(models, serve, authority, pair):
    server = serve(f"plain={models.paths['plain']}", *tls_options(pair), "--head-timeout", "500ms")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    for opening in b"", b"\x16", hello, b"\x16\x03\x01" + bytes(600), bytes(100):
        with server.connect() as connection:
            began = time.monotonic()
            connection.sendall(opening)
            rest(connection)
            assert time.monotonic() - began < 5, opening
    with secured(server, context_of(authority)) as connection:
        assert ask(connection)[0] == 200


@pytest.mark.hostile
def test_renegotiation_is_refused(secure, authority):
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2",
                           "-CAfile", authority.path], input=b"R\n", capture_output=True,
                          timeout=20, check=False)
    assert b"no renegotiation" in done.stderr + done.stdout


@pytest.mark.hostile
def test_many_handshakes(secure, authority):
    context = context_of(authority)
    for _ in range(300):
        with secured(secure, context):
            pass
    with secured(secure, context) as connection:
        assert ask(connection)[0] == 200


def test_drain(models, serve, authority, pair):
    server = serve(f"plain={models.paths['plain']}", *tls_options(pair))
    idle, silent = secured(server, context_of(authority)), server.connect()
    assert ask(idle)[0] == 200
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10 and idle.recv(1) == b""
    silent.close()


def test_a_browser_keeps_its_cookie_secret(models, pair, authority, serve, run, tmp_path):
    record = tmp_path / "record"
    token = run("token", "create", "looks", "--role", "viewer", "--record",
                record).stdout.strip()
    server = serve(f"plain={models.paths['plain']}", "--record", record, "--auth", "on",
                   *tls_options(pair))
    said = requests.post(f"https://localhost:{server.port}/mw/v1/session",
                         verify=str(authority.path), timeout=20,
                         headers={"Authorization": f"Bearer {token}", "X-MW-CSRF": "1"})
    assert said.status_code == 204 and "; Secure;" in said.headers["set-cookie"]
