"""Commands that reach a running server by TLS and by a unix socket, with headers of their own."""
import json
import socketserver
import threading

import pytest

from authority import Authority

BRIEF = ["--duration", "300ms", "--connections", "4", "--rates", "60", "--format", "json"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def reached(serve, models, authority, tmp_path):
    """Addresses by which one server is reached."""
    certificate, key = authority.sign("server")
    socket = tmp_path / "mw.sock"
    server = serve(f"plain={models.paths['plain']}", "--listen", "127.0.0.1:0,tls",
                   "--listen", f"unix:{socket}", "--tls-certificate", certificate,
                   "--tls-key", key)
    models.rows.to_csv(tmp_path / "rows.csv", index=False)
    return {"unix": [f"unix:{socket}"],
            "tls": [f"https://127.0.0.1:{server.port}", "--cacert", authority.path],
            "name": [f"https://localhost:{server.port}/", "--cacert", authority.path],
            "insecure": [f"https://127.0.0.1:{server.port}", "--insecure"],
            "untrusted": [f"https://127.0.0.1:{server.port}"],
            "rows": tmp_path / "rows.csv"}


def test_status(run, reached):
    for name in ("unix", "tls", "name", "insecure"):
        done = run("status", *reached[name], "--json", "--interval", "100ms")
        assert done.returncode == 0, (name, done.stderr)
        assert json.loads(done.stdout), name


def test_capacity(run, reached):
    for name in ("unix", "tls"):
        address, *more = reached[name]
        done = run("capacity", "bench", "plain", "--server", address, *more,
                   "--input", reached["rows"], *BRIEF)
        assert done.returncode == 0, (name, done.stderr)
        step, = json.loads(done.stdout)["steps"]
        assert step["ok"] == step["due"] > 0, step


def test_a_plain_request_to_a_tls_port(run, reached):
    done = run("status", reached["untrusted"][0].replace("https", "http"))
    assert done.returncode != 0 and "MW1205" in done.stderr and "TLS" in done.stderr, done.stderr


def test_who_is_not_trusted(run, reached):
    for command in (["status"], ["capacity", "bench", "plain", "--input", reached["rows"],
                                 "--server"]):
        done = run(*command, *reached["untrusted"])
        assert done.returncode != 0 and "MW7204" in done.stderr, done.stderr
        assert "--cacert" in done.stderr and "certificate" in done.stderr


def test_a_name_that_the_certificate_lacks(run, reached):
    """Signed by whom we trust, for somebody else: 127.0.0.2 is the same machine."""
    url = reached["tls"][0].replace("127.0.0.1", "127.0.0.2")
    port = int(url.rsplit(":", 1)[1])

    class Forward(socketserver.BaseRequestHandler):
        def handle(self):
            import socket
            with socket.create_connection(("127.0.0.1", port)) as server:
                def back():
                    while data := server.recv(65536):
                        self.request.sendall(data)
                thread = threading.Thread(target=back, daemon=True)
                thread.start()
                while data := self.request.recv(65536):
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
                thread.join(5)
    with socketserver.ThreadingTCPServer(("127.0.0.2", 0), Forward) as between:
        threading.Thread(target=between.serve_forever, daemon=True).start()
        url = f"https://127.0.0.2:{between.server_address[1]}"
        try:
            refused = run("status", url, *reached["tls"][1:])
            assert refused.returncode != 0 and "mismatch" in refused.stderr, refused.stderr
            taken = run("status", url, "--insecure", "--interval", "100ms")
            assert taken.returncode == 0, taken.stderr
        finally:
            between.shutdown()


def test_headers(run, reached, serve, models, tmp_path):
    """Seen by a server whose access log tells them."""
    log = tmp_path / "access.log"
    server = serve(f"plain={models.paths['plain']}", "--access-log", log,
                   "--access-log-headers", "x-tenant,x-other")
    headers = ["--header", "X-Tenant: red", "--header", "X-Other:  two words "]
    assert run("status", server.url, "--interval", "100ms", *headers).returncode == 0
    assert run("capacity", "bench", "plain", "--server", f"127.0.0.1:{server.port}",
               "--input", reached["rows"], *BRIEF, *headers).returncode == 0
    server.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["method"] for line in lines} == {"GET", "POST"}
    for line in lines:
        told = json.dumps(line)
        if line["path"] == "/metrics" or line["method"] == "POST":
            assert '"red"' in told and '"two words"' in told, told


@pytest.mark.parametrize("wrong, code", [
    (["ftp://a"], "MW1005"), (["unix:"], "MW7205"), (["https://"], "MW7205"),
    (["unix:/" + "x" * 200], "MW7205"), (["https://a b"], "MW7205"),
    (["127.0.0.1:1", "--header", "no colon"], "MW7206"),
    (["127.0.0.1:1", "--header", "A: b\r\nC: d"], "MW7206"),
    (["https://127.0.0.1:1", "--cacert", "/nowhere.pem"], "MW7212")])
def test_wrong_addresses(run, wrong, code):
    done = run("status", *wrong)
    assert done.returncode == 2 or code == "MW7212" and done.returncode != 0, done.stderr
    assert code in done.stderr, done.stderr
