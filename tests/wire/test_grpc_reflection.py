"""Server reflection and health, with gRPC's own clients for them."""
import threading
import time

import pytest

grpc = pytest.importorskip("grpc")
pytest.importorskip("grpc_reflection")
pytest.importorskip("grpc_health")

from google.protobuf import (descriptor_pb2, descriptor_pool, message_factory,  # noqa: E402
                             text_format)
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from grpc_reflection.v1alpha import reflection_pb2 as asked_pb  # noqa: E402
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import \
    ProtoReflectionDescriptorDatabase  # noqa: E402
from tritonclient.grpc import model_config_pb2, service_pb2  # noqa: E402

SERVICES = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService"]
VERSIONS = ["v1", "v1alpha"]
Status = health_pb2.HealthCheckResponse


@pytest.fixture(scope="module")
def channel(fleet):
    with grpc.insecure_channel(f"127.0.0.1:{fleet.port}") as opened:
        yield opened


def reflect(channel, *questions, version="v1"):
    """One stream; the answers to its questions, in order."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=asked_pb.ServerReflectionRequest.SerializeToString,
        response_deserializer=asked_pb.ServerReflectionResponse.FromString)
    asked = [asked_pb.ServerReflectionRequest(**question) for question in questions]
    answers = list(call(iter(asked), timeout=20))
    assert [answer.original_request for answer in answers] == asked
    return answers


def file_of(channel, name):
    answer, = reflect(channel, {"file_by_filename": name})
    return [descriptor_pb2.FileDescriptorProto.FromString(text)
            for text in answer.file_descriptor_response.file_descriptor_proto]


# ---- the descriptions ----------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", [service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR],
                         ids=["service", "model_config"])
def test_the_protocols_files_are_those_of_its_client(channel, theirs):
    wanted = descriptor_pb2.FileDescriptorProto()
    theirs.CopyToProto(wanted)
    ours = file_of(channel, theirs.name)[0]
    for part in ("message_type", "enum_type", "service"):  # a small difference is shown small
        for mine, its in zip(getattr(ours, part), getattr(wanted, part)):
            assert mine == its
    assert ours == wanted
    assert ours.SerializeToString() == theirs.serialized_pb


@pytest.mark.parametrize("name, theirs", [
    ("grpc/health/v1/health.proto", health_pb2.DESCRIPTOR),
    ("grpc/reflection/v1alpha/reflection.proto", asked_pb.DESCRIPTOR),
    ("grpc/reflection/v1/reflection.proto", asked_pb.DESCRIPTOR)])
def test_the_other_files_differ_by_name_only(channel, name, theirs):
    wanted = descriptor_pb2.FileDescriptorProto()
    theirs.CopyToProto(wanted)
    wanted.ClearField("options")  # names in languages: Java's, Go's, ...
    wanted.name = name
    if name.startswith("grpc/reflection/v1/"):
        text = text_format.MessageToString(wanted).replace("v1alpha", "v1")
        wanted = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
    ours, = file_of(channel, name)
    if name.startswith("grpc/health/") and "HealthListRequest" not in theirs.message_types_by_name:
        for parts in (ours.message_type, ours.service[0].method):  # theirs is older than List
            for part in [part for part in parts if "List" in part.name]:
                parts.remove(part)
    assert str(ours) == str(wanted)


def test_a_file_comes_with_what_it_needs(channel):
    assert [file.name for file in file_of(channel, "grpc_service.proto")] == \
        ["grpc_service.proto", "model_config.proto"]


@pytest.mark.parametrize("version", VERSIONS)
def test_services_are_listed(channel, version):
    answer, = reflect(channel, {"list_services": "*", "host": "h"}, version=version)
    assert sorted(each.name for each in answer.list_services_response.service) == SERVICES
    assert answer.valid_host == "h"


def symbols_of(file):
    """Every name that a file declares, as protobuf counts scopes."""
    def message(scope, each):
        name = f"{scope}.{each.name}"
        yield name
        for part in [*each.field, *each.oneof_decl]:
            yield f"{name}.{part.name}"
        for nested in each.nested_type:
            yield from message(name, nested)
        for nested in each.enum_type:
            yield from enum(name, nested)

    def enum(scope, each):
        yield f"{scope}.{each.name}"
        for value in each.value:
            yield f"{scope}.{value.name}"
    for each in file.message_type:
        yield from message(file.package, each)
    for each in file.enum_type:
        yield from enum(file.package, each)
    for service in file.service:
        yield f"{file.package}.{service.name}"
        for call in service.method:
            yield f"{file.package}.{service.name}.{call.name}"


@pytest.mark.parametrize("name", ["grpc_service.proto", "model_config.proto",
                                  "grpc/health/v1/health.proto",
                                  "grpc/reflection/v1/reflection.proto"])
def test_every_symbol_leads_to_its_file(channel, name):
    symbols = list(symbols_of(file_of(channel, name)[0]))
    answers = reflect(channel, *({"file_containing_symbol": symbol} for symbol in symbols))
    for symbol, answer in zip(symbols, answers):
        files = answer.file_descriptor_response.file_descriptor_proto
        assert files, symbol
        assert descriptor_pb2.FileDescriptorProto.FromString(files[0]).name == name, symbol


@pytest.mark.parametrize("question, code", [
    ({"file_by_filename": "nobody.proto"}, 5),
    ({"file_containing_symbol": "inference.Nobody"}, 5),
    ({"file_containing_symbol": "inference"}, 5),
    ({"file_containing_symbol": "inference."}, 5),
    ({"file_containing_symbol": ""}, 5),
    ({"file_containing_symbol": "inference.ModelInferRequest."}, 5),
    ({"file_containing_symbol": "inference.ModelInferRequest.i"}, 5),
    ({"file_containing_symbol": "inferenceXModelInferRequest"}, 5),
    ({"file_containing_extension": {"containing_type": "inference.ModelInferRequest",
                                    "extension_number": 7}}, 5),
    ({"all_extension_numbers_of_type": "inference.Nobody"}, 5),
    ({"all_extension_numbers_of_type": "inference.GRPCInferenceService"}, 5),
    ({}, 3),
])
def test_what_is_not_there_is_an_answer(channel, question, code):
    answers = reflect(channel, question, {"list_services": ""})
    assert answers[0].error_response.error_code == code and answers[0].error_response.error_message
    assert answers[1].list_services_response.service  # the stream goes on


def test_a_message_has_no_extensions(channel):
    answer, = reflect(channel, {"all_extension_numbers_of_type": "inference.ModelInferRequest"})
    assert answer.all_extension_numbers_response.base_type_name == "inference.ModelInferRequest"
    assert not answer.all_extension_numbers_response.extension_number


def test_malformed_questions_end_the_call(channel):
    call = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                 request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(iter([b"\x1a\x7f"]), timeout=20))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_client_without_proto_files_predicts(channel, models):
    """What grpcurl and others do: the messages come from the server's description."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    method = service.FindMethodByName("ModelInfer")
    asked = message_factory.GetMessageClass(method.input_type)(model_name="nameless")
    tensor = asked.inputs.add(name="input", datatype="FP32", shape=[1, 4])
    tensor.contents.fp32_contents.extend([1, 2, 3, 4])
    call = channel.unary_unary(
        f"/{service.full_name}/{method.name}", request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString)
    answer = call(asked, timeout=20)
    assert answer.outputs[0].shape == [1] and len(answer.raw_output_contents[0]) == 4


# ---- health --------------------------------------------------------------------------------------


def test_list(channel, models):
    """By reflection: the client's own stub may be older than this call."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    answer = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("grpc.health.v1.HealthListResponse"))
    told = channel.unary_unary("/grpc.health.v1.Health/List", request_serializer=bytes,
                               response_deserializer=answer.FromString)(b"", timeout=20)
    assert sorted(told.statuses) == sorted(["", *SERVICES, *models.paths])
    assert {status.status for status in told.statuses.values()} == {Status.SERVING}


class Watcher:
    """A Watch that notes what it is told, on a connection of its own."""

    def __init__(self, port, service):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}",
                                             options=[("grpc.use_local_subchannel_pool", 1)])
        self.call = health_pb2_grpc.HealthStub(self.channel).Watch(
            health_pb2.HealthCheckRequest(service=service))
        self.told, self.error, self.changed = [], None, threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        try:
            for answer in self.call:
                with self.changed:
                    self.told.append(answer.status)
                    self.changed.notify_all()
        except grpc.RpcError as error:
            with self.changed:
                self.error = error
                self.changed.notify_all()

    def wait(self, *wanted):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.told) >= len(wanted), 20), self.told
            assert self.told == list(wanted)

    def wait_end(self):
        with self.changed:
            assert self.changed.wait_for(lambda: self.error, 20)
        return self.error.code()


def test_watch_tells_each_change(serve, copy_of):
    server = serve(f"a={copy_of('plain')}", f"b={copy_of('levels')}", "--threads", 2)
    names = ["a", "b", "", "inference.GRPCInferenceService", "nobody"]
    watchers = {name: Watcher(server.port, name) for name in names}
    for name, watcher in watchers.items():
        watcher.wait(Status.SERVICE_UNKNOWN if name == "nobody" else Status.SERVING)
    server.post("/v2/repository/models/a/unload")
    watchers["a"].wait(Status.SERVING, Status.NOT_SERVING)
    server.post("/v2/repository/models/b/load")  # a swap is no change
    server.post("/v2/repository/models/a/load")
    watchers["a"].wait(Status.SERVING, Status.NOT_SERVING, Status.SERVING)
    watchers["b"].wait(Status.SERVING)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10  # nobody waited for them
    watchers["b"].wait(Status.SERVING, Status.NOT_SERVING)
    watchers[""].wait(Status.SERVING, Status.NOT_SERVING)
    watchers["nobody"].wait(Status.SERVICE_UNKNOWN)
    assert {watcher.wait_end() for watcher in watchers.values()} == {grpc.StatusCode.UNAVAILABLE}


def test_watch_of_a_model_that_comes(serve, copy_of, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    server = serve(f"a={copy_of('plain')}", "--models", folder)
    watcher = Watcher(server.port, "late")
    watcher.wait(Status.SERVICE_UNKNOWN)
    (folder / "late.json").write_bytes(copy_of("levels").read_bytes())
    assert server.post("/v2/repository/models/late/load").status_code == 200
    watcher.wait(Status.SERVICE_UNKNOWN, Status.SERVING)
    watcher.call.cancel()


def test_many_watchers_are_bounded_and_let_go(serve, copy_of):
    server = serve(f"a={copy_of('plain')}")
    channels = [grpc.insecure_channel(f"127.0.0.1:{server.port}",
                                      options=[("grpc.use_local_subchannel_pool", 1)])
                for _ in range(10)]
    def watch(channel):
        return health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="a"))
    calls = [watch(channel) for channel in channels for _ in range(100)]
    assert all(next(call).status == Status.SERVING for call in calls)
    extra = watch(channels[0])
    assert next(extra).status == Status.SERVING  # it is told, but not kept
    with pytest.raises(grpc.RpcError) as caught:
        next(extra)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    for call in calls[:500]:
        call.cancel()
    for channel in channels[5:]:  # gone without a word
        channel.close()
    end = time.monotonic() + 10
    while True:
        again = watch(channels[0])
        assert next(again).status == Status.SERVING
        time.sleep(0.05)
        if again.is_active():
            break
        assert time.monotonic() < end, "places of those who left are not free"
    server.post("/v2/repository/models/a/unload")
    assert next(again).status == Status.NOT_SERVING
    for channel in channels[:5]:
        channel.close()
