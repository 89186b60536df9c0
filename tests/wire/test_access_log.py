"""The access log of the real program: what a line holds, over every protocol; what stays private;
logrotate; a disk that is full; a reader that is not there. And request ids, which go with it."""
import json
import os
import re
import signal
import subprocess
import time
import uuid

import httpx
import pytest

from conftest import until

ROWS = {"instances": [[1, 2, 3, 4]] * 3}
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def lines_of(path, wanted=1, seconds=5):
    """The lines once there are so many. Each is an object, and no key stands in it twice."""
    def once(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)
    end = time.monotonic() + seconds
    while True:
        lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
        if len(lines) >= wanted:
            return [json.loads(line, object_pairs_hook=once) for line in lines]
        assert time.monotonic() < end, f"{len(lines)} lines of {wanted}"
        time.sleep(0.02)


@pytest.fixture
def logged(serve, models, tmp_path):
    """logged('--access-log-sample', 0) is a server with an access log, and the log's path."""
    def start(*more):
        path = tmp_path / "access.log"
        return serve(f"a={models.paths['plain']}", "--access-log", path, *more), path
    return start


def test_fields(logged):
    server, path = logged()
    began = time.time()
    answer = server.post("/v1/models/a:predict?x=1", json=ROWS, headers={
        "X-Request-ID": "my-id/7", "User-Agent": 'tool/1 "quoted"\tand tabbed'})
    assert answer.headers["x-request-id"] == "my-id/7"
    line, = lines_of(path)
    stamp = line.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    parsed = time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")
    assert abs(began - (time.mktime(parsed) - time.timezone)) < 5
    stages = line.pop("stages_ms")
    assert list(stages) == ["receive", "queue", "decode", "predict", "encode"]
    assert sum(stages.values()) == pytest.approx(line["duration_ms"], abs=1)
    assert 0 < line.pop("duration_ms") < 1000
    assert re.fullmatch(r"127\.0\.0\.1:\d+", line.pop("peer"))
    assert line == {"request_id": "my-id/7", "method": "POST", "path": "/v1/models/a:predict?x=1",
                    "protocol": "http/1.1", "endpoint": "a", "version": 1, "rows": 3,
                    "status": 200, "request_bytes": len(answer.request.body),
                    "response_bytes": len(answer.content),
                    "user_agent": 'tool/1 "quoted"\tand tabbed'}


def test_other_requests_and_refusals(logged):
    server, path = logged()
    assert server.get("/metrics").status_code == 200
    refused = server.get("/nowhere").json()
    assert server.post("/v1/models/a:predict", json={"instances": [["x"]]}).status_code == 400
    with server.connect() as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n")
        malformed = peer.recv(4096)
    last = re.search(rb"(?i)x-request-id: (\S+)", malformed)[1].decode()
    # of another connection, perhaps of another loop: its line may stand before theirs
    lines = sorted(lines_of(path, 4), key=lambda line: line["request_id"] == last)
    assert [line["status"] for line in lines] == [200, 404, 400, 400]
    assert "endpoint" not in lines[0] and "error" not in lines[0]
    assert lines[1]["error"] == refused["code"] and lines[1]["request_id"] == refused["request_id"]
    assert lines[2]["endpoint"] == "a" and lines[2]["error"].startswith("MW3")
    assert lines[3]["request_id"] == last


def test_http2_and_grpc(logged):
    triton = pytest.importorskip("tritonclient.grpc")
    np = pytest.importorskip("numpy")
    server, path = logged()
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.post(f"{server.url}/v1/models/a:predict", json=ROWS,
                             headers={"x-request-id": "over-h2"})
    assert answer.status_code == 200 and answer.http_version == "HTTP/2"
    assert answer.headers["x-request-id"] == "over-h2"
    lines_of(path, 1)  # those of another connection stand behind it then
    rows = np.ones((2, 4), np.float32)
    tensor = triton.InferInput("input", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows)
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        client.infer("a", [tensor], headers={"x-request-id": "over-grpc"})
        with pytest.raises(Exception, match="nobody"):
            client.infer("nobody", [tensor])
    lines = lines_of(path, 3)
    assert [line["protocol"] for line in lines] == ["h2", "grpc", "grpc"]
    assert [line["request_id"] for line in lines[:2]] == ["over-h2", "over-grpc"]
    assert [line["rows"] for line in lines[:2]] == [3, 2]
    assert "grpc_status" not in lines[0]
    assert [(line["status"], line["grpc_status"]) for line in lines[1:]] == [(200, 0), (200, 5)]
    assert lines[1]["path"] == "/inference.GRPCInferenceService/ModelInfer"
    assert lines[2]["error"].startswith("MW") and UUID7.fullmatch(lines[2]["request_id"])


def test_grpc_answers_with_the_id(alone):
    grpc = pytest.importorskip("grpc")
    with grpc.insecure_channel(f"127.0.0.1:{alone.port}") as channel:
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive",
                                   request_serializer=bytes, response_deserializer=bytes)
        _, call = live.with_call(b"", timeout=20, metadata=[("x-request-id", "one")])
        assert dict(call.initial_metadata())["x-request-id"] == "one"
        _, call = live.with_call(b"", timeout=20)
        assert UUID7.fullmatch(dict(call.initial_metadata())["x-request-id"])


@pytest.mark.parametrize("sent", ["", "two words", "a" * 129, "quote\"", "a,b", "<b>", "\xe4"])
def test_ids_that_are_not_taken(alone, sent):
    got = alone.get("/ping", headers={"X-Request-ID": sent.encode("latin-1")})
    assert UUID7.fullmatch(got.headers["x-request-id"])


def test_made_ids_tell_the_time_and_differ(alone):
    ids = [alone.get("/ping").headers["x-request-id"] for _ in range(50)]
    assert len(set(ids)) == 50
    for text in ids:
        made = uuid.UUID(text)
        assert made.version == 7 and abs((made.int >> 80) / 1000 - time.time()) < 10


def test_what_is_private(logged):
    server, path = logged("--access-log-headers", "authorization,cookie,x-tenant,x-iban",
                          "--access-log-mask", "iban,x-iban")
    server.get("/ping?token=s3cret&a=1&API_KEY=s3cret&to%6ben=s3cret&iban=s3cret", headers={
        "Authorization": "Bearer s3cret", "Cookie": "s=s3cret", "X-Tenant": "acme",
        "X-Iban": "s3cret", "X-Api-Key": "s3cret"})
    line, = lines_of(path)
    assert "s3cret" not in path.read_text()
    assert line["path"] == "/ping?token=***&a=1&API_KEY=***&token=***&iban=***"
    assert {key.lower(): value for key, value in line["headers"].items()} == {
        "authorization": "***", "cookie": "***", "x-tenant": "acme", "x-iban": "***"}


@pytest.mark.hostile
def test_nobody_writes_a_line_of_their_own(logged):
    """Whatever bytes stand in path, agent and id: as many lines as requests, each an object."""
    server, path = logged("--access-log-headers", "x-a")
    wicked = [b'"}\x80{"a":"', b"\xff\xfe", b"%0a%0d{}", b"\\u0022", b'","status":200,"x":"',
              b"\xe2\x80\xa8", b"${jndi:ldap://x}", b"\x1b[31m"[1:], "ä\t".encode()]
    for text in wicked:
        with server.connect() as peer:
            peer.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: " +
                         text + b"\r\nX-A: " + text + b"\r\nX-Request-ID: " + text + b"\r\n\r\n")
            assert b" 200 OK" in peer.recv(4096)
    lines = lines_of(path, len(wicked))
    assert len(lines) == len(wicked)
    agents = [text.decode("utf-8", "replace").strip(" \t") for text in wicked]
    assert sorted(line["user_agent"] for line in lines) == sorted(agents)  # loops keep no order
    for line in lines:
        assert line["status"] == 200 and UUID7.fullmatch(line["request_id"])
        assert line["headers"]["X-A"] == line["user_agent"]


def test_sampling(logged):
    server, path = logged("--access-log-sample", "0.1", "--threads", "1")
    for _ in range(600):
        server.get("/ping")
    for _ in range(5):
        server.get("/nowhere")
    # an error is written always, and behind all that came before it
    until(lambda: sum(line["status"] == 404 for line in lines_of(path, 5)) == 5)
    until(lambda: server.samples()['mw_access_log_lines_total{result="written"}'] ==
          len(lines_of(path, 5)))
    assert 20 < len(lines_of(path, 5)) - 5 < 120  # 60 are to be expected, with a deviation of 7


def test_slow_ones_are_told(logged):
    server, path = logged("--access-log-sample", "0", "--access-log-slow", "200ms")
    server.get("/ping")
    body = json.dumps(ROWS).encode()
    with server.connect() as peer:
        peer.sendall(b"POST /v1/models/a:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
                     % len(body) + body[:9])
        time.sleep(0.3)
        peer.sendall(body[9:])
        assert b"200 OK" in peer.recv(4096)
    line, = lines_of(path)
    assert line["stages_ms"]["receive"] > 200 and line["duration_ms"] > 200


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_logrotate(logged, number):
    server, path = logged()
    moved = path.with_suffix(".log.1")
    server.get("/ping?n=1")
    lines_of(path)
    path.rename(moved)
    server.get("/ping?n=2")
    lines_of(moved, 2)
    server.signal(number)
    server.wait_said("access log reopened")
    server.get("/ping?n=3")
    assert [line["path"] for line in lines_of(path)] == ["/ping?n=3"]
    assert [line["path"] for line in lines_of(moved)] == ["/ping?n=1", "/ping?n=2"]


def test_logrotate_under_traffic(logged):
    """No line is lost or torn between two files."""
    server, path = logged()
    for turn in range(4):
        for i in range(50):
            server.get(f"/ping?n={turn * 50 + i}")
        path.rename(path.with_suffix(f".{turn}"))
        server.signal(signal.SIGUSR1)
        server.wait_said(f"(access log reopened(.|\n)*){{{turn + 1}}}")
    assert server.stop() == 0
    told = [line["path"] for turn in range(4) for line in lines_of(path.with_suffix(f".{turn}"))]
    told += [line["path"] for line in lines_of(path, 0)]
    assert sorted(told) == sorted(f"/ping?n={n}" for n in range(200))


def test_a_full_disk(serve, models):
    server = serve(f"a={models.paths['plain']}", "--access-log", "/dev/full")
    for _ in range(20):
        assert server.get("/ping").status_code == 200
    server.wait_said("access log cannot be written .*No space left")
    time.sleep(0.2)
    for _ in range(20):
        assert server.post("/v1/models/a:predict", json=ROWS).status_code == 200
    until(lambda: server.samples()['mw_access_log_lines_total{result="failed"}'] >= 40)
    assert server.said().count("cannot be written") == 1


def test_nobody_reads_the_pipe(serve, models, tmp_path):
    """Serving goes on, at its usual pace, and so does stopping."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server = serve(f"a={models.paths['plain']}", "--access-log", pipe, "--threads", "1")
    began = time.monotonic()
    for _ in range(2500):
        assert server.get("/ping?" + "x" * 900).status_code == 200
    assert time.monotonic() - began < 30
    samples = server.samples()
    name = 'mw_access_log_lines_total{result="%s"}'
    assert samples[name % "dropped"] + samples[name % "failed"] > 1000
    assert server.stop() == 0
    os.close(reader)


def test_standard_streams(models, tmp_path):
    from conftest import BINARY
    for stream in "stdout", "stderr":
        process = subprocess.Popen(
            [BINARY, "serve", str(models.paths["plain"]), "--listen", "127.0.0.1:0", "--json",
             "--data", str(tmp_path / stream), "--access-log", stream], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        url = json.loads(process.stdout.readline())["url"]
        assert httpx.get(url + "/ping").status_code == 200
        process.terminate()
        out, err = process.communicate(timeout=40)
        said = [line for line in (out if stream == "stdout" else err).splitlines()
                if line.startswith("{")]
        assert len(said) == 1 and json.loads(said[0])["path"] == "/ping"


def test_a_place_that_cannot_be_written(run, models, tmp_path):
    done = run("serve", models.paths["plain"], "--access-log", tmp_path / "nowhere" / "a.log",
               "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "MW7140" in done.stderr and "nowhere" in done.stderr


def test_from_the_configuration(serve, models, tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "mw.yaml").write_text("access_log:\n  to: logs.json\n  sample: 1\n"
                                    "  headers: x-tenant\n", "utf-8")
    server = serve(f"a={models.paths['plain']}", "--config", folder / "mw.yaml")
    server.get("/ping", headers={"x-tenant": "acme"})
    assert lines_of(folder / "logs.json")[0]["headers"] == {"x-tenant": "acme"}


def test_off_unless_asked_for(alone):
    alone.get("/nowhere")
    assert "/nowhere" not in alone.said() and "mw_access_log_lines_total" not in \
        alone.get("/metrics").text
