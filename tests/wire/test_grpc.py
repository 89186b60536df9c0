"""gRPC over the one port: the Open Inference Protocol through tritonclient, health, faults."""
import asyncio
import queue
import signal
import struct
import threading
import time

import numpy as np
import pytest

grpc = pytest.importorskip("grpc")

import tritonclient.grpc as triton  # noqa: E402
import tritonclient.grpc.aio as triton_aio  # noqa: E402
from tritonclient.grpc import service_pb2 as pb  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

from models import COLUMNS  # noqa: E402

N = 7
SERVICE = "/inference.GRPCInferenceService/"
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "INT32": np.int32,
         "INT16": np.int16, "INT8": np.int8, "UINT8": np.uint8, "UINT16": np.uint16,
         "UINT32": np.uint32, "UINT64": np.uint64, "BOOL": bool}
CONTENTS = {"BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents",
            "INT32": "int_contents", "INT64": "int64_contents", "UINT8": "uint_contents",
            "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
            "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents"}


@pytest.fixture(scope="module")
def client(fleet):
    with triton.InferenceServerClient(f"127.0.0.1:{fleet.port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def channel(fleet):
    with grpc.insecure_channel(f"127.0.0.1:{fleet.port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(models):
    return models.rows[:N]


def tensor(name, values, datatype):
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values)
    return given


def close(got, models, name, rows):
    np.testing.assert_array_max_ulp(np.asarray(got, np.float32).reshape(-1),
                                    models.predict(name, rows).astype(np.float32).reshape(-1), 1)


def raw(channel, path, message, **more):
    """A call with bytes in and out."""
    return channel.unary_unary(path, request_serializer=bytes,
                               response_deserializer=bytes)(message, timeout=20, **more)


def request(values, datatype="FP32", name="nameless"):
    made = pb.ModelInferRequest(model_name=name)
    made.inputs.add(name="input", datatype=datatype, shape=values.shape)
    return made


# ---- what the server says of itself --------------------------------------------------------------


def test_live_ready_and_metadata(client, fleet, models):
    assert client.is_server_live() and client.is_server_ready()
    assert client.get_server_metadata().name == "millwright"
    for name in models.paths:
        assert client.is_model_ready(name) and client.is_model_ready(name, "1")
        ours = client.get_model_metadata(name, as_json=True)
        theirs = fleet.get(f"/v2/models/{name}").json()
        assert ours["name"] == name and ours["versions"] == theirs["versions"]
        for side in ("inputs", "outputs"):
            assert [(each["name"], each["datatype"], [int(size) for size in each["shape"]])
                    for each in ours[side]] == \
                [(each["name"], each["datatype"], each["shape"]) for each in theirs[side]]
        assert client.get_model_config(name).config.name == name
    assert not client.is_model_ready("nobody") and not client.is_model_ready("plain", "99")
    index = client.get_model_repository_index().models
    assert {entry.name: entry.state for entry in index} == dict.fromkeys(models.paths, "READY")


def test_statistics_move(client, rows):
    def counted():
        return client.get_inference_statistics("levels").model_stats[0]
    before = counted()
    client.infer("levels", [tensor("input", rows.to_numpy(np.float32), "FP32")])
    after = counted()
    assert after.inference_count - before.inference_count == N
    assert after.inference_stats.success.count - before.inference_stats.success.count == 1
    assert len(client.get_inference_statistics().model_stats) > 3


def test_metrics_name_the_protocol(client, fleet, rows):
    client.infer("plain", [tensor("input", rows.to_numpy(np.float32), "FP32")])
    assert any('protocol="grpc"' in name and value > 0 for name, value in fleet.samples().items())


def test_health(channel):
    def check(service):
        name = service.encode()
        return raw(channel, "/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(name)]) + name)
    for service in ("", "plain", "inference.GRPCInferenceService"):
        assert check(service) == b"\x08\x01"
    with pytest.raises(grpc.RpcError) as caught:
        check("nobody")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


# ---- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "levels", "classes", "nameless", "signed"])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_one_matrix(client, models, rows, name, datatype):
    values = rows.fillna(1).to_numpy(TYPES[datatype])
    answer = client.infer(name, [tensor("input", values, datatype)], request_id="x7")
    asked = values if name == "nameless" else rows.fillna(1)
    close(answer.as_numpy("output"), models, "plain" if name == "signed" else name,
          asked.astype(np.float32) if datatype == "FP32" else asked)
    assert answer.get_response().id == "x7" and answer.get_response().model_version == "1"


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "raw"])
@pytest.mark.parametrize("datatype", TYPES)
def test_every_number_type(channel, models, datatype, typed):
    values = np.arange(N * 4).reshape(N, 4).astype(TYPES[datatype])
    if datatype.startswith("INT"):
        values = values - np.array(9, values.dtype)
    asked = request(values, datatype)
    if typed:
        getattr(asked.inputs[0].contents, CONTENTS[datatype]).extend(values.reshape(-1).tolist())
    else:
        asked.raw_input_contents.append(values.tobytes())
    answer = pb.ModelInferResponse.FromString(
        raw(channel, SERVICE + "ModelInfer", asked.SerializeToString()))
    got = np.frombuffer(answer.raw_output_contents[0], np.float32)
    close(got, models, "nameless", values.astype(float))


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "raw"])
def test_a_tensor_for_each_column_with_texts(client, channel, models, typed):
    rows = models.towns[:N]
    if not typed:
        inputs = [tensor(name, rows[name].to_numpy(np.float64), "FP64") for name in COLUMNS]
        towns = rows["town"].astype(str).to_numpy(object)
        answer = client.infer("towns", inputs + [tensor("town", towns, "BYTES")])
        close(answer.as_numpy("output"), models, "towns", rows)
        return
    asked = pb.ModelInferRequest(model_name="towns")
    for name in COLUMNS:
        made = asked.inputs.add(name=name, datatype="FP64", shape=[N])
        made.contents.fp64_contents.extend(rows[name].tolist())
    made = asked.inputs.add(name="town", datatype="BYTES", shape=[N])
    made.contents.bytes_contents.extend(text.encode() for text in rows["town"].astype(str))
    answer = pb.ModelInferResponse.FromString(
        raw(channel, SERVICE + "ModelInfer", asked.SerializeToString()))
    close(np.frombuffer(answer.raw_output_contents[0], np.float32), models, "towns", rows)


def test_classification_and_contributions(client, rows):
    values = [tensor("input", rows.fillna(1).to_numpy(np.float32), "FP32")]
    asked = triton.InferRequestedOutput("output", class_count=2)
    top = client.infer("classes", values, outputs=[asked]).as_numpy("output")
    assert top.shape == (N, 2) and all(b":" in text for text in top.reshape(-1))
    both = client.infer("plain", values, parameters={"explain": True})
    assert both.as_numpy("contributions").shape == (N, len(COLUMNS) + 1)
    asked = triton.InferRequestedOutput("contributions")
    only = client.infer("plain", values, outputs=[asked])
    np.testing.assert_array_equal(only.as_numpy("contributions"), both.as_numpy("contributions"))
    assert only.as_numpy("output") is None
    odd = client.infer("plain", values, parameters={"anomaly": True}).as_numpy("anomaly_score")
    assert odd.shape == (N,) and odd.dtype == np.float64  # NaN until there is a reference


@pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_large_compressed_messages_go_aside_and_come_back(channel, models, how):
    """They are uncompressed by the pool, and their handler has them then."""
    values = np.random.default_rng(5).normal(size=(9000, 4)).astype(np.float32)
    asked = request(values)
    asked.raw_input_contents.append(values.tobytes())
    text = asked.SerializeToString()
    for _ in range(3):
        answer = pb.ModelInferResponse.FromString(
            raw(channel, SERVICE + "ModelInfer", text, compression=how))
        close(np.frombuffer(answer.raw_output_contents[0], np.float32), models, "nameless", values)
    call = channel.stream_stream(SERVICE + "ModelStreamInfer", request_serializer=bytes,
                                 response_deserializer=pb.ModelStreamInferResponse.FromString)
    unknown = request(values, name="nobody").SerializeToString()  # the first answer is an error
    answers = list(call(iter([unknown, b"\xff", text]), timeout=20, compression=how))
    assert [bool(each.error_message) for each in answers] == [True, True, False]
    assert answers[2].infer_response.raw_output_contents == answer.raw_output_contents


def test_compressed_bombs_meet_the_limit_of_bodies(channel, client):
    for size in (20 << 20, 200 << 20):
        with pytest.raises(grpc.RpcError) as caught:
            raw(channel, SERVICE + "ModelInfer", bytes(size), compression=grpc.Compression.Gzip)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "decompresses to more than" in caught.value.details()
    assert client.is_server_live()


@pytest.mark.parametrize("how", ["gzip", "deflate"])
def test_compressed_requests(client, models, rows, how):
    values = np.tile(rows.fillna(1).to_numpy(np.float32), (200, 1))
    answer = client.infer("plain", [tensor("input", values, "FP32")], compression_algorithm=how)
    assert answer.as_numpy("output").shape == (200 * N,)


def test_large_messages(client, models, rows):
    values = np.tile(rows.fillna(1).to_numpy(np.float32), (60000, 1))
    answer = client.infer("plain", [tensor("input", values, "FP32")])
    got = answer.as_numpy("output")
    close(got[:N], models, "plain", rows.fillna(1).astype(np.float32))
    assert got.shape == (60000 * N,) and np.array_equal(got[:N], got[-N:])


def test_asyncio(fleet, models, rows):
    values = rows.fillna(1).to_numpy(np.float32)

    async def ask():
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{fleet.port}") as client:
            given = [tensor("input", values, "FP32")]
            return await asyncio.gather(*(client.infer("plain", given) for _ in range(50)))
    for answer in asyncio.run(ask()):
        close(answer.as_numpy("output"), models, "plain", rows.fillna(1).astype(np.float32))


# ---- streams -------------------------------------------------------------------------------------


def test_a_stream_answers_each_in_order(client, models, rows):
    values = rows.fillna(1).to_numpy(np.float32)
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(40):
        name = "nobody" if i == 17 else "plain"
        client.async_stream_infer(name, [tensor("input", values, "FP32")], request_id=str(i))
    client.stop_stream()
    for i in range(40):
        result, error = answers.get(timeout=20)
        if i == 17:
            assert "nobody" in str(error) and result is None
            continue
        assert error is None and result.get_response().id == str(i)
        close(result.as_numpy("output"), models, "plain", rows.fillna(1).astype(np.float32))
    assert answers.empty()


def test_an_idle_stream_does_not_hold_up_a_drain(serve, models, rows):
    """One that has had its answers and one that has said nothing: both hear why they end."""
    server = serve(f"plain={models.paths['plain']}", "--drain-seconds", 20)
    held = threading.Event()

    def messages(first):
        if first:
            values = rows.fillna(1).to_numpy(np.float32)
            asked = request(values)
            asked.raw_input_contents.append(values.tobytes())
            yield asked.SerializeToString()
        held.wait(30)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.stream_stream(SERVICE + "ModelStreamInfer", request_serializer=bytes,
                                     response_deserializer=bytes)
        spoken, silent = call(messages(True)), call(messages(False))
        assert next(spoken)
        time.sleep(0.3)  # the silent one has to arrive, too
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        for one in (spoken, silent):
            with pytest.raises(grpc.RpcError) as refused:
                next(one)
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE, refused.value
            assert "about to stop" in refused.value.details()
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 5
        held.set()


def test_a_stream_of_large_messages(client, rows):
    values = np.tile(rows.fillna(1).to_numpy(np.float32), (9000, 1))
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for _ in range(6):
        client.async_stream_infer("plain", [tensor("input", values, "FP32")])
    client.stop_stream()
    for _ in range(6):
        result, error = answers.get(timeout=20)
        assert error is None and result.as_numpy("output").shape == (9000 * N,)


# ---- faults --------------------------------------------------------------------------------------


def code_of(call):
    with pytest.raises((grpc.RpcError, InferenceServerException)) as caught:
        call()
    error = caught.value
    return error.code().name if isinstance(error, grpc.RpcError) else error.status()


def test_codes_of_wrong_requests(client, channel, rows):
    values = rows.fillna(1).to_numpy(np.float32)
    good = [tensor("input", values, "FP32")]
    asked = triton.InferRequestedOutput("nothing")
    assert code_of(lambda: client.infer("nobody", good)) == "StatusCode.NOT_FOUND"
    assert code_of(lambda: client.infer("plain", good, "9")) == "StatusCode.NOT_FOUND"
    assert code_of(lambda: client.infer("plain", good, outputs=[asked])) == \
        "StatusCode.INVALID_ARGUMENT"
    assert code_of(lambda: client.infer("plain", [tensor("input", values[:, 1:], "FP32")])) == \
        "StatusCode.INVALID_ARGUMENT"
    assert code_of(lambda: raw(channel, SERVICE + "Nothing", b"")) == "UNIMPLEMENTED"
    assert code_of(lambda: raw(channel, "/no.Service/Call", b"")) == "UNIMPLEMENTED"
    memory = SERVICE + "SystemSharedMemoryRegister"
    assert code_of(lambda: raw(channel, memory, b"")) == "UNIMPLEMENTED"


@pytest.mark.hostile
@pytest.mark.parametrize("message", [
    b"\x0a", b"\xff" * 40, b"\x0a\x05plain", b"\x0a\x05plain\x2a\xff\xff\xff\xff\x0f",
    b"\x0a\x05plain\x2a\x02\x1a\x00", b"\x0a\x05plain\x2a\x0f\x0a\x05input\x12\x04FP32\x18\x02",
    b"\x0a\x05plain\x3a\x01x", b"\x0b\x0a\x05plain"], ids=range(8))
def test_what_is_no_message(channel, message):
    with pytest.raises(grpc.RpcError) as caught:
        raw(channel, SERVICE + "ModelInfer", message)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "fix:" in caught.value.details()


@pytest.mark.hostile
def test_contents_that_do_not_fit(channel):
    def ask(change):
        asked = request(np.zeros((2, 4)))
        change(asked)
        with pytest.raises(grpc.RpcError) as caught:
            raw(channel, SERVICE + "ModelInfer", asked.SerializeToString())
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        return caught.value.details()

    def typed(asked, count=8, datatype="FP32", field="fp32_contents", value=1):
        asked.inputs[0].datatype = datatype
        getattr(asked.inputs[0].contents, field).extend([value] * count)
    assert "not fill" in ask(lambda asked: typed(asked, 7))
    assert "more elements" in ask(lambda asked: typed(asked, 9))
    assert "range" in ask(lambda asked: typed(asked, 8, "INT8", "int_contents", 128))
    assert "range" in ask(lambda asked: typed(asked, 8, "UINT16", "uint_contents", 1 << 16))
    assert "not of its datatype" in ask(lambda asked: typed(asked, 8, "FP64", "fp32_contents"))
    assert "raw and typed" in ask(
        lambda asked: (typed(asked), asked.raw_input_contents.append(b"\0" * 32)))
    assert "as many entries" in ask(
        lambda asked: asked.raw_input_contents.extend([b"\0" * 32] * 2))
    assert "not fill" in ask(lambda asked: asked.raw_input_contents.append(b"\0" * 31))
    assert "negative" in ask(lambda asked: asked.inputs[0].shape.append(-1))
    assert "datatype" in ask(lambda asked: setattr(asked.inputs[0], "datatype", "FP31"))


def test_a_message_that_is_too_large(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--max-body", "1M")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        assert code_of(lambda: raw(channel, SERVICE + "ModelInfer", bytes(2 << 20))) == \
            "RESOURCE_EXHAUSTED"
        assert raw(channel, SERVICE + "ServerLive", b"") == b"\x08\x01"


def test_load_and_unload(serve, models):
    server = serve(f"plain={models.paths['plain']}")
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        client.unload_model("plain")
        assert not client.is_model_ready("plain")
        assert code_of(lambda: client.get_model_metadata("plain")) in (
            "StatusCode.UNAVAILABLE", "StatusCode.NOT_FOUND")
        client.load_model("plain")
        assert client.get_model_metadata("plain").versions == ["2"]
        assert "NOT_FOUND" in code_of(lambda: client.load_model("nobody"))
        assert "INVALID" in code_of(lambda: client.load_model("plain", config="{}"))


def test_http1_refuses_grpc_with_a_sentence(fleet):
    reply = fleet.post(SERVICE + "ModelInfer", data=struct.pack(">BI", 0, 0),
                       headers={"content-type": "application/grpc"})
    assert reply.status_code == 404
