"""Log and trace settings, by Triton's client over both protocols."""
import pytest

pytest.importorskip("grpc")

import tritonclient.grpc as triton_grpc  # noqa: E402
import tritonclient.http as triton_http  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

FIRST = {"log_file": "", "log_info": True, "log_warning": True, "log_error": True,
         "log_verbose_level": 0, "log_format": "ISO8601"}


class Http:
    def __init__(self, port):
        self.client = triton_http.InferenceServerClient(f"127.0.0.1:{port}")

    def log(self, settings=None):
        return self.client.update_log_settings(settings) if settings is not None else \
            self.client.get_log_settings()


class Grpc(Http):
    def __init__(self, port):
        self.client = triton_grpc.InferenceServerClient(f"127.0.0.1:{port}")

    def log(self, settings=None):
        told = super().log(settings).settings
        return {name: getattr(value, value.WhichOneof("parameter_choice"))
                for name, value in told.items()}


@pytest.fixture(params=[Http, Grpc], ids=["http", "grpc"])
def served(request, serve, copy_of):
    server = serve(f"a={copy_of('plain')}")
    return server, request.param(server.port)


def test_log_settings_are_the_logs(served):
    server, client = served
    assert client.log() == FIRST

    def lines_of_a_reload(word):
        before = server.said().count(word)
        server.post("/v2/repository/models/a/load")
        return server.said().count(word) - before
    assert lines_of_a_reload("info  model 'a' loaded") == 1
    assert client.log({"log_info": False}) == {**FIRST, "log_info": False}
    assert lines_of_a_reload("info  model 'a' loaded") == 0
    assert client.log() == {**FIRST, "log_info": False}
    assert client.log({"log_verbose_level": 2, "log_info": True})["log_verbose_level"] == 2
    assert lines_of_a_reload("info  model 'a' loaded") == 1
    server.post("/v2/repository/models/nobody/load")
    assert "warn  cannot load" in server.said()
    assert client.log({"log_info": None, "log_verbose_level": None, "log_file": "",
                       "log_format": "ISO8601"}) == FIRST


@pytest.mark.parametrize("settings, word", [
    ({"log_nothing": True}, "log_nothing"), ({"log_file": "/etc/passwd"}, "log_file"),
    ({"log_format": "default"}, "log_format")])
def test_what_cannot_be_set_changes_nothing(served, settings, word):
    _, client = served
    with pytest.raises(InferenceServerException) as caught:
        client.log({"log_info": False, **settings})
    assert word in caught.value.message()
    assert client.log() == FIRST


@pytest.mark.parametrize("body", ['{"log_info": 7}', '{"log_verbose_level": -1}', "[]", "{",
                                  '{"a": {}}', '{"log_error": []}', '{"log_error": ["a", "b"]}',
                                  "{" + ",".join(f'"k{i}": null' for i in range(40)) + "}",
                                  '{"log_info": "' + "x" * 100000 + '"}'])
def test_bad_bodies(served, body):
    server, client = served
    answer = server.post("/v2/logging", data=body)
    assert answer.status_code == 400 and answer.json()["error"]
    assert client.log() == FIRST


def test_traces_that_are_not_made(served):
    """A server without a place for spans says so, as Triton without tracing does."""
    server, client = served
    for call in (client.client.get_trace_settings,
                 lambda: client.client.update_trace_settings(settings={"trace_rate": "5"})):
        with pytest.raises(InferenceServerException) as caught:
            call()
        assert "does not support tracing" in caught.value.message()
    assert server.get("/v2/trace/setting").status_code == 404
    with pytest.raises(InferenceServerException) as caught:
        client.client.get_trace_settings(model_name="nobody")
    assert "nobody" in caught.value.message()
    assert server.get("/v2/models/a/trace/setting").status_code == 404


@pytest.mark.parametrize("kind", [Http, Grpc], ids=["http", "grpc"])
def test_trace_settings_are_the_exporters(serve, copy_of, kind):
    server = serve(f"a={copy_of('plain')}", "--otlp", "http://127.0.0.1:9")  # nobody is there
    client = kind(server.port).client

    def told(answer):
        if kind is Http:
            return answer["trace_level"], answer["trace_rate"]
        return list(answer.settings["trace_level"].value), answer.settings["trace_rate"].value[0]
    assert told(client.get_trace_settings()) == (["TIMESTAMPS"], "1")
    assert told(client.update_trace_settings(settings={"trace_rate": "50"})) == \
        (["TIMESTAMPS"], "50")
    assert told(client.update_trace_settings("a", {"trace_level": ["OFF"]}))[0] == ["OFF"]
    assert told(client.update_trace_settings(settings={"trace_level": None,
                                                       "trace_rate": None})) == \
        (["TIMESTAMPS"], "1")
    for settings in ({"trace_rate": "0"}, {"trace_level": ["TENSORS"]}, {"trace_file": "/x"},
                     {"trace_nothing": "1"}):
        with pytest.raises(InferenceServerException):
            client.update_trace_settings(settings=settings)
