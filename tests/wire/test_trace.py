"""Spans as a collector gets them: a server here that decodes OTLP with OpenTelemetry's own classes.
Ids, parents, times, attributes, sampling; what happens while it is down or says no."""
import http.server
import json
import ssl
import threading
import time

import pytest

from authority import Authority
from conftest import until

proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status  # noqa: E402

ROWS = {"instances": [[1, 2, 3, 4]] * 3}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
STAGES = ["queue", "decode", "predict", "encode"]


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what arrives; answers with the statuses it is given, then with 200."""

    def __init__(self, port=0, tls=None):
        self.requests, self.statuses, self.rejected, self.heads = [], [], 0, []
        super().__init__(("127.0.0.1", port), Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http{'s' * bool(tls)}://127.0.0.1:{self.server_port}"

    def spans(self):
        return [span for message in list(self.requests) for resource in message.resource_spans
                for scope in resource.scope_spans for span in scope.spans]

    def wait(self, wanted, seconds=10):
        """The spans, once there are so many."""
        end = time.monotonic() + seconds
        while len(self.spans()) < wanted:
            assert time.monotonic() < end, f"{len(self.spans())} spans of {wanted}"
            time.sleep(0.02)
        return self.spans()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 200:
            assert self.path == "/v1/traces", self.path
            assert self.headers["content-type"] == "application/x-protobuf"
            self.server.heads.append(dict(self.headers))
            self.server.requests.append(proto.ExportTraceServiceRequest.FromString(body))
        answer = proto.ExportTraceServiceResponse()
        if self.server.rejected:
            answer.partial_success.rejected_spans = self.server.rejected
        text = answer.SerializeToString() if status == 200 else b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    server = Collector()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def traced(serve, models, collector):
    def start(*more, **environment):
        return serve(f"a={models.paths['plain']}", "--otlp", collector.url, *more, **environment)
    return start


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def without_upload(spans):
    """A body may come behind its head: then receiving it is a stage, too."""
    return spans[spans[0].name == "receive":]


def test_spans_of_a_prediction(traced, collector):
    server = traced("--service-name", "scoring")
    began = time.time_ns()
    answer = server.post("/v1/models/a:predict?token=s3cret&x=1", json=ROWS, headers={
        "traceparent": SAMPLED, "tracestate": "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
        "x-request-id": "mine"})
    assert answer.status_code == 200
    spans = collector.wait(5)
    ended = time.time_ns()
    root, stages = spans[0], without_upload(spans[1:])
    assert root.trace_id.hex() == TRACE and root.parent_span_id.hex() == PARENT
    assert len(root.span_id) == 8 and root.span_id.hex() != PARENT
    assert root.trace_state == "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"
    assert root.name == "POST /v1/models/{name}:predict" and root.kind == Span.SPAN_KIND_SERVER
    assert root.flags & 1 and root.flags & 0x300 == 0x300
    slack = 50_000_000
    assert began - slack < root.start_time_unix_nano < root.end_time_unix_nano < ended + slack
    assert root.status.code == Status.STATUS_CODE_UNSET
    told = attributes(root.attributes)
    assert told.pop("client.address") == told.pop("network.peer.address") == "127.0.0.1"
    assert told.pop("network.peer.port") > 0
    assert told.pop("user_agent.original").startswith("python-requests/")
    assert told == {
        "http.request.method": "POST", "http.route": "/v1/models/{name}:predict",
        "url.path": "/v1/models/a:predict", "url.query": "token=***&x=1", "url.scheme": "http",
        "http.response.status_code": 200, "network.protocol.version": "1.1",
        "server.address": f"127.0.0.1:{server.port}",
        "http.request.body.size": len(answer.request.body),
        "http.response.body.size": len(answer.content), "millwright.request_id": "mine",
        "millwright.endpoint": "a", "millwright.version": 1, "millwright.rows": 3}
    assert [span.name for span in stages] == STAGES
    last = root.start_time_unix_nano
    for span in stages:
        assert span.trace_id == root.trace_id and span.parent_span_id == root.span_id
        assert span.kind == Span.SPAN_KIND_INTERNAL
        assert last <= span.start_time_unix_nano <= span.end_time_unix_nano
        last = span.end_time_unix_nano
    assert last <= root.end_time_unix_nano
    assert len({span.span_id for span in spans}) == len(spans)
    resource = attributes(collector.requests[0].resource_spans[0].resource.attributes)
    assert resource["service.name"] == "scoring" and resource["service.version"]
    assert collector.requests[0].resource_spans[0].scope_spans[0].scope.name == "millwright"


def test_a_trace_begins_here(traced, collector):
    server = traced()
    server.get("/ping")
    server.get("/nowhere")
    first, second = collector.wait(2)
    for span in first, second:
        assert len(span.trace_id) == 16 and any(span.trace_id) and not span.parent_span_id
        assert span.flags & 0x200 == 0
    assert first.trace_id != second.trace_id
    assert first.name == "GET /ping" and second.name == "GET"
    assert attributes(second.attributes)["error.type"] == "MW3521"
    assert second.status.code == Status.STATUS_CODE_UNSET  # the client's fault


def test_calls_of_grpc(traced, collector):
    triton = pytest.importorskip("tritonclient.grpc")
    np = pytest.importorskip("numpy")
    server = traced()
    tensor = triton.InferInput("input", [2, 4], "FP32")
    tensor.set_data_from_numpy(np.ones((2, 4), np.float32))
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        client.infer("a", [tensor], headers={"traceparent": SAMPLED})
    spans = collector.wait(5)
    assert spans[0].name == "inference.GRPCInferenceService/ModelInfer"
    assert spans[0].trace_id.hex() == TRACE and spans[0].parent_span_id.hex() == PARENT
    told = attributes(spans[0].attributes)
    assert told["rpc.system"] == "grpc" and told["rpc.grpc.status_code"] == 0
    assert told["rpc.service"] == "inference.GRPCInferenceService"
    assert told["rpc.method"] == "ModelInfer" and told["millwright.rows"] == 2
    assert [span.name for span in without_upload(spans[1:])] == STAGES


@pytest.mark.parametrize("parent", [
    f"00-{TRACE}-{PARENT}-0", f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{PARENT}-01-x", "x"])
def test_a_parent_that_is_none(traced, collector, parent):
    """A new trace begins (W3C § 4.3)."""
    traced().get("/ping", headers={"traceparent": parent, "tracestate": "a=b"})
    span, = collector.wait(1)
    assert span.trace_id.hex() != TRACE and not span.parent_span_id and not span.trace_state


def test_two_parents_are_none_and_two_states_are_one(traced, collector):
    server = traced()
    for lines in (b"traceparent: %b\r\n" % SAMPLED.encode() * 2,
                  b"traceparent: %b\r\ntracestate: a=1\r\ntracestate: b=2\r\n" % SAMPLED.encode()):
        with server.connect() as peer:
            peer.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
            assert b"200 OK" in peer.recv(4096)
    two, one = collector.wait(2)
    assert two.trace_id.hex() != TRACE
    assert one.trace_id.hex() == TRACE and one.trace_state == "a=1,b=2"


def test_flags_are_honoured(traced, collector):
    server = traced("--trace-sample", "0")
    for _ in range(20):
        server.get("/ping")
    server.get("/ping", headers={"traceparent": SAMPLED[:-1] + "0"})
    server.get("/ping?told", headers={"traceparent": SAMPLED})
    span, = collector.wait(1)
    assert attributes(span.attributes)["url.query"] == "told"
    time.sleep(1.2)
    assert len(collector.spans()) == 1


def test_sampling(traced, collector):
    server = traced("--trace-sample", "0.2")
    for _ in range(300):
        server.get("/ping")
    assert server.stop() == 0  # which sends what waits
    assert 25 < len(collector.spans()) < 110  # 60, with a deviation of 7


def test_standard_variables(serve, models, collector):
    server = serve(f"a={models.paths['plain']}", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url + "/",
                   OTEL_SERVICE_NAME="by-environment",
                   OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test,team=a%20b",
                   OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0")
    server.get("/ping")
    server.get("/ping", headers={"traceparent": SAMPLED})
    span, = collector.wait(1)
    assert span.trace_id.hex() == TRACE
    resource = attributes(collector.requests[0].resource_spans[0].resource.attributes)
    assert resource["service.name"] == "by-environment"
    assert resource["deployment.environment"] == "test" and resource["team"] == "a b"


def test_a_collector_behind_tls(serve, models, tmp_path):
    """With the key that it asks for; without its authority nothing is sent: the log says why."""
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.sign("collector"))
    collector = Collector(tls=tls)
    try:
        server = serve(f"a={models.paths['plain']}", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
                       OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20secret,x-team=red",
                       OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority.path))
        server.get("/ping")
        collector.wait(1)
        head = collector.heads[0]
        assert head["api-key"] == "a secret" and head["x-team"] == "red"
        stranger = serve(f"a={models.paths['plain']}", "--otlp", collector.url)
        stranger.get("/ping")
        stranger.wait_said("TLS was not agreed")
        assert len(collector.spans()) == 1
    finally:
        collector.shutdown()
        collector.server_close()


def test_variables_that_are_wrong(run, models):
    for environment in ({"OTEL_TRACES_SAMPLER": "sometimes"},
                        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}):
        done = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0", env=environment)
        assert done.returncode == 2 and "MW7143" in done.stderr


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:4318", "127.0.0.1:4318", "http://", "http:///x",
                                 "http://a b", "ftp://a", "http://user@host:1"])
def test_addresses_that_are_none(run, models, url):
    done = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0", "--otlp", url)
    assert done.returncode == 2 and "MW7141" in done.stderr


def test_the_collector_says_later(traced, collector):
    collector.statuses = [503, 429]
    server = traced()
    server.get("/ping")
    collector.wait(1)
    assert 'not exported until' in server.said()
    server.wait_said("exported again")
    assert server.samples()['mw_spans_total{result="failed"}'] == 0


def test_the_collector_says_no(traced, collector):
    collector.statuses = [400]
    server = traced()
    server.get("/ping")
    server.wait_said("MW7142")
    server.get("/ping")
    collector.wait(1)
    until(lambda: server.samples()['mw_spans_total{result="sent"}'])
    samples = server.samples()
    assert samples['mw_spans_total{result="failed"}'] == 1
    assert samples['mw_spans_total{result="sent"}'] == 1


def test_the_collector_takes_some(traced, collector):
    collector.rejected = 1
    server = traced()
    server.post("/v1/models/a:predict", json=ROWS)
    spans = collector.wait(5)
    until(lambda: server.samples()['mw_spans_total{result="sent"}'])
    samples = server.samples()
    assert samples['mw_spans_total{result="failed"}'] == 1
    assert samples['mw_spans_total{result="sent"}'] == len(spans) - 1


def test_no_collector(serve, models):
    """Nobody is there: answers come as ever, spans are dropped and counted, the end comes soon."""
    server = serve(f"a={models.paths['plain']}", "--otlp", "http://127.0.0.1:9", "--threads", "1")
    began = time.monotonic()
    for _ in range(1500):
        assert server.get("/ping?" + "x" * 800).status_code == 200
    assert time.monotonic() - began < 30
    server.wait_said("spans are not exported")
    assert server.samples()['mw_spans_total{result="dropped"}'] > 0
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    assert server.said().count("spans are not exported") == 1


def test_the_log_tells_the_trace(serve, models, tmp_path):
    """Without a collector, too: whoever reads the log finds the client's trace."""
    path = tmp_path / "access.log"
    server = serve(f"a={models.paths['plain']}", "--access-log", path)
    server.get("/ping", headers={"traceparent": SAMPLED})
    server.get("/ping")
    assert server.stop() == 0
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first["trace_id"] == TRACE and len(first["span_id"]) == 16
    assert "trace_id" not in second
