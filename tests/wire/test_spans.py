"""Spans of OpenTelemetry's own exporters and SDK, and of whoever speaks OTLP, into the record; read
back by MLflow's client. What MLflow's client itself sends: test_mlflow_tracking.py (traces)."""
import base64
import gzip
import json
import os
import zlib

import pytest
import requests
from conftest import Server, check_end

mlflow = pytest.importorskip("mlflow")
from google.protobuf.json_format import MessageToDict  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: E402
    ExportTraceServiceRequest as Export, ExportTraceServiceResponse as Exported)

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spans")
    server = Server(folder, "--record", folder / "record")
    mlflow.set_tracking_uri(server.url)
    yield server
    check_end(server)


def send(house, body, type_=PROTOBUF, experiment="0", **headers):
    headers = {"Content-Type": type_, **{k.replace("_", "-"): v for k, v in headers.items()}}
    if experiment is not None:
        headers["x-mlflow-experiment-id"] = experiment
    return requests.post(house.url + "/v1/traces", body, headers=headers, timeout=20)


def span_of(request, trace=b"\1" * 16, span=b"\2" * 8, name="n", **attributes):
    made = request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=trace, span_id=span, name=name, start_time_unix_nano=5 * 10**9,
        end_time_unix_nano=7 * 10**9)
    for key, value in attributes.items():
        setattr(made.attributes.add(key=key.replace("__", ".")).value, *value)
    return made


def as_json(message):
    """OTLP's JSON of it: ids are hexadecimal digits there."""
    def fix(node):
        if isinstance(node, list):
            return [fix(n) for n in node]
        if not isinstance(node, dict):
            return node
        return {k: base64.b64decode(v).hex() if k in ("traceId", "spanId", "parentSpanId")
                else fix(v) for k, v in node.items()}
    return json.dumps(fix(MessageToDict(message)))


def test_sdk_and_exporter(house):
    """The exporter of opentelemetry-exporter-otlp-proto-http, gzip, as its manual shows it."""
    exporters = pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import Link, Status, StatusCode
    client = MlflowClient(house.url)
    experiment = client.create_experiment("sdk")
    run = client.create_run(experiment).info.run_id
    provider = TracerProvider(resource=Resource({"service.name": "shop", "team": "risk"}))
    provider.add_span_processor(SimpleSpanProcessor(exporters.OTLPSpanExporter(
        endpoint=house.url + "/v1/traces", compression=Compression.Gzip,
        headers={"x-mlflow-experiment-id": experiment, "x-mlflow-run-id": run})))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("ask") as root:
        root.set_attribute("input.value", json.dumps({"messages": [
            {"role": "user", "content": "how much?"}]}))
        root.set_attribute("output.value", "four")
        root.set_attribute("session.id", "s9")
        with tracer.start_as_current_span("llm", links=[Link(root.get_span_context())]) as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.request.model", "m-1")
            span.set_attribute("gen_ai.usage.input_tokens", 7)
            span.set_attribute("gen_ai.usage.output_tokens", 2)
            span.set_attribute("scores", [0.5, 1.0])
            span.add_event("half", {"n": 3})
            span.set_status(Status(StatusCode.ERROR, "too slow"))
    provider.shutdown()
    trace = mlflow.get_trace(f"tr-{root.get_span_context().trace_id:032x}")
    info, (first, second) = trace.info, trace.data.spans
    assert (info.state.value, info.request_preview, info.response_preview, info.experiment_id) == (
        "OK", "how much?", '"four"', experiment)
    assert json.loads(info.trace_metadata["mlflow.trace.tokenUsage"]) == {
        "input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    assert info.trace_metadata["mlflow.trace.session"] == "s9"
    assert (info.tags["service.name"], info.tags["team"]) == ("shop", "risk")
    assert (first.name, first.inputs["messages"][0]["role"], first.outputs) == (
        "ask", "user", "four")
    assert (second.parent_id, second.span_type, second.get_attribute("mlflow.llm.model")) == (
        first.span_id, "CHAT_MODEL", "m-1")
    assert second.get_attribute("scores") == [0.5, 1.0]
    assert (second.status.status_code.value, second.status.description) == ("ERROR", "too slow")
    assert [(e.name, e.attributes) for e in second.events] == [("half", {"n": 3})]
    assert [link.trace_id for link in second.links] == [info.trace_id]
    assert info.execution_duration == (first.end_time_ns // 10**6 - first.start_time_ns // 10**6)

    def found(text, **more):
        return [t.info.trace_id for t in client.search_traces(
            locations=[experiment], filter_string=text, **more)]
    for text in ("span.type = 'CHAT_MODEL' AND span.attributes.`gen_ai.request.model` = 'm-1'",
                 "span.attributes.gen_ai.usage.input_tokens = '7'", "trace.text LIKE '%too slow%'",
                 "span.attributes.input.value ILIKE '%HOW MUCH%'", "tags.team = 'risk'",
                 f"attribute.run_id = '{run}'"):
        assert found(text) == [info.trace_id], text
    assert found("span.type = 'CHAT_MODEL' AND span.name = 'ask'") == []  # two spans, not one


def test_json_is_the_same(house):
    """The same spans as protobuf, as JSON, deflated; sent again, they are not there twice."""
    request = Export()
    span_of(request, a=("int_value", -2**63), b__c=("string_value", "\u00e9 \U0001f600"),
            d=("double_value", float("inf")), e=("bool_value", False),
            f=("bytes_value", b"\0\xff"), g=("string_value", '{"k": [1]}'))
    child = span_of(request, span=b"\3" * 8, name="child", u=("int_value", 1))
    child.parent_span_id = b"\2" * 8
    list_ = child.attributes.add(key="l").value.array_value
    list_.values.add().kvlist_value.values.add(key="x").value.double_value = 1
    list_.values.add()
    seen = []
    for body, type_, encoding in ((request.SerializeToString(), PROTOBUF, {}),
                                  (as_json(request), JSON, {}),
                                  (zlib.compress(as_json(request).encode()), JSON,
                                   {"content_encoding": "deflate"})):
        answer = send(house, body, type_, **encoding)
        assert answer.status_code == 200 and answer.headers["content-type"] == type_, answer.text
        assert answer.text == ("{}" if type_ == JSON else "")
        trace = mlflow.get_trace("tr-" + "01" * 16)
        seen.append([s.to_dict() for s in trace.data.spans])
    assert seen[0] == seen[1] == seen[2] and len(seen[0]) == 2
    values = trace.data.spans[0].attributes
    assert (values["a"], values["b.c"], values["d"], values["e"], values["f"], values["g"]) == (
        -2**63, "\u00e9 \U0001f600", float("inf"), False, "AP8=", {"k": [1]})
    assert trace.data.spans[1].attributes["l"] == [{"x": 1.0}, None]


def test_parts_of_a_trace(house):
    """Spans come when they end: the children first. What they used is counted once."""
    usage = ('{"input_tokens": %d, "output_tokens": 1, "total_tokens": %d}')
    first, second, third = Export(), Export(), Export()
    trace = b"\7" * 16
    for n, request in ((1, first), (2, second)):
        made = span_of(request, trace, bytes([n]) * 8, f"c{n}", mlflow__chat__tokenUsage=(
            "string_value", usage % (n, n + 1)))
        made.parent_span_id = b"\x0f" * 8
    root = span_of(third, trace, b"\x0f" * 8, "root")
    root.start_time_unix_nano, root.end_time_unix_nano = 4 * 10**9, 9 * 10**9
    client = MlflowClient(house.url)

    def told():
        info = client.get_trace("tr-" + "07" * 16).info
        return (info.state.value, info.request_time, info.execution_duration,
                json.loads(info.trace_metadata["mlflow.trace.tokenUsage"])["input_tokens"])
    assert send(house, first.SerializeToString()).ok
    assert told() == ("IN_PROGRESS", 5000, 2000, 1)
    assert send(house, second.SerializeToString()).ok
    assert told() == ("IN_PROGRESS", 5000, 2000, 3)
    warned = send(house, third.SerializeToString(), x_mlflow_run_id="no-run")
    assert told() == ("OK", 4000, 5000, 3)  # kept, though it belongs to no run
    assert "no-run" in Exported.FromString(warned.content).partial_success.error_message
    root.attributes.add(key="mlflow.chat.tokenUsage").value.string_value = usage % (3, 5)
    assert send(house, third.SerializeToString()).ok
    assert told() == ("OK", 4000, 5000, 3)  # the root's are those of its children


FRESH = b"\x0e" * 16


def nested(depth):
    request = Export()
    value = span_of(request, FRESH).attributes.add(key="deep").value
    for _ in range(depth):
        value = value.array_value.values.add()
    value.bool_value = True
    return request.SerializeToString()


def without(field):
    request = Export()
    span_of(request, FRESH).ClearField(field)
    return request.SerializeToString()


GOOD = nested(3)
REFUSED = [
    ("no protobuf", b"\xff" * 40, {}, 400), ("cut", GOOD[:-3], {}, 400), ("empty", b"", {}, 400),
    ("text", GOOD, {"type_": "text/plain"}, 400), ("no header", GOOD, {"experiment": None}, 422),
    ("no experiment", GOOD, {"experiment": "99"}, 404), ("bad id", GOOD, {"experiment": "x"}, 400),
    ("no gzip", GOOD, {"content_encoding": "gzip"}, 400),
    ("cut gzip", gzip.compress(GOOD)[:-9], {"content_encoding": "gzip"}, 400),
    ("other encoding", GOOD, {"content_encoding": "br"}, 415),
    ("bomb", gzip.compress(bytes(70 << 20)), {"content_encoding": "gzip"}, 413),
    ("deep", nested(40), {}, 413), ("no trace", without("trace_id"), {}, 422),
    ("no span", without("span_id"), {}, 422), ("no JSON", b"{", {"type_": JSON}, 400),
    ("no list", b'{"resourceSpans": 3}', {"type_": JSON}, 400),
    ("no digits", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xy"}]}]}]}',
     {"type_": JSON}, 400),
]


@pytest.mark.parametrize("body, how, status", [r[1:] for r in REFUSED],
                         ids=[r[0] for r in REFUSED])
def test_refused(house, body, how, status):
    before = len(MlflowClient(house.url).search_traces(locations=["0"], include_spans=False))
    answer = send(house, body, **how)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error_code", "message", "code"}, answer.text
    after = len(MlflowClient(house.url).search_traces(locations=["0"], include_spans=False))
    assert after == before
