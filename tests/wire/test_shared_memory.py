"""Tensors in shared memory, as Triton's own clients put them there: over HTTP and gRPC."""
import os
import uuid

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
import tritonclient.utils.shared_memory as shm
from conftest import Server, check_end
from models import COLUMNS
from test_access import House, bearer
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

N, BYTES = 7, 7 * 4 * 4
PROTOCOLS = {"http": tritonclient.http, "grpc": tritonclient.grpc}


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("memory"), "--shared-memory", "on", "--max-body", "2M",
                  *(f"{name}={models.paths[name]}" for name in ("plain", "towns")))
    yield made
    check_end(made)


@pytest.fixture(params=PROTOCOLS)
def triton(request):
    return PROTOCOLS[request.param]


@pytest.fixture
def client(server, triton):
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as opened:
        yield opened
        opened.unregister_system_shared_memory()


class Region:
    """Shared memory of a client, and what its library says of it."""

    def __init__(self, size):
        self.key = f"mw-wire-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.handle = shm.create_shared_memory_region("ours", self.key, size)

    def put(self, values, offset=0):
        shm.set_shared_memory_region(self.handle, [values], offset)

    def get(self, datatype, shape, offset=0):
        return shm.get_contents_as_numpy(self.handle, datatype, shape, offset).copy()

    def cut(self, size):
        os.truncate("/dev/shm/" + self.key, size)


@pytest.fixture
def region():
    made = []

    def make(size):
        made.append(Region(size))
        return made[-1]
    yield make
    for one in made:
        shm.destroy_shared_memory_region(one.handle)


def placed(triton, region, size, offset=0, shape=(N, 4), datatype="FP32", name="input"):
    given = triton.InferInput(name, list(shape), datatype)
    given.set_shared_memory(region, size, offset)
    return given


def wanted(triton, region, size, offset=0, name="output"):
    asked = triton.InferRequestedOutput(name)
    asked.set_shared_memory(region, size, offset)
    return asked


def refusal(call):
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value.message()


def regions(client):
    found = client.get_system_shared_memory_status()
    found = found if isinstance(found, list) else found.regions.values()
    return sorted((one["name"], one["key"], one["offset"], one["byte_size"])
                  if isinstance(one, dict) else (one.name, one.key, one.offset, one.byte_size)
                  for one in found)


def test_inputs_and_outputs(client, triton, models, region):
    rows = models.rows[:N]
    mine = region(1 << 16)
    mine.put(rows.to_numpy(np.float32), 4096 + 8)
    client.register_system_shared_memory("in", mine.key, 8192, 4096)
    client.register_system_shared_memory("out", "/" + mine.key, 256)
    assert regions(client) == [("in", mine.key, 4096, 8192), ("out", "/" + mine.key, 0, 256)]
    assert "system_shared_memory" in str(client.get_server_metadata())
    answer = client.infer("plain", [placed(triton, "in", BYTES, 8)],
                          outputs=[wanted(triton, "out", 64, 16)])
    expected = models.predict("plain", rows).astype(np.float32)
    np.testing.assert_array_max_ulp(mine.get(np.float32, (N,), 16), expected, 1)
    said = answer.get_output("output")
    said = said["parameters"] if isinstance(said, dict) else \
        {key: value.string_param or value.int64_param for key, value in said.parameters.items()}
    assert said == {"shared_memory_region": "out", "shared_memory_offset": 16,
                    "shared_memory_byte_size": N * 4}
    # one of both kinds, and two outputs of which one comes by itself
    answer = client.infer("plain", [placed(triton, "in", BYTES, 8)], outputs=[
        wanted(triton, "out", 64, 128), triton.InferRequestedOutput("contributions")])
    np.testing.assert_array_equal(mine.get(np.float32, (N,), 128), mine.get(np.float32, (N,), 16))
    assert answer.as_numpy("contributions").shape == (N, 5)
    client.unregister_system_shared_memory("in")
    assert [name for name, *_ in regions(client)] == ["out"]
    assert "no such region" in refusal(
        lambda: client.infer("plain", [placed(triton, "in", BYTES, 8)]))
    assert "no such region" in refusal(lambda: client.get_system_shared_memory_status("in"))


def test_texts_there_and_numbers_here(client, triton, models, region):
    rows = models.towns[:N]
    texts = serialize_byte_tensor(rows["town"].astype(str).to_numpy(object)).item()
    mine = region(4096)
    shm.set_shared_memory_region(mine.handle, [np.frombuffer(texts, np.uint8)], 100)
    client.register_system_shared_memory("in", mine.key, 4096)
    inputs = [placed(triton, "in", len(texts), 100, (N,), "BYTES", "town")]
    for name in COLUMNS:
        inputs.append(triton.InferInput(name, [N], "FP64"))
        inputs[-1].set_data_from_numpy(rows[name].to_numpy(np.float64))
    got = client.infer("towns", inputs).as_numpy("output")
    np.testing.assert_array_max_ulp(got, models.predict("towns", rows).astype(np.float32), 1)


def test_many_rows_are_a_workers(client, triton, models, region):
    n = 1 << 15  # 512 KiB
    mine = region(1 << 21)
    client.register_system_shared_memory("in", mine.key, 1 << 21)
    values = np.resize(models.rows.fillna(1).to_numpy(np.float32), (n, 4))
    mine.put(values)
    client.infer("plain", [placed(triton, "in", n * 16, shape=(n, 4))],
                 outputs=[wanted(triton, "in", n * 4, n * 16)])
    here = triton.InferInput("input", [n, 4], "FP32")
    here.set_data_from_numpy(values)
    np.testing.assert_array_equal(mine.get(np.float32, (n,), n * 16),
                                  client.infer("plain", [here]).as_numpy("output"))
    assert "larger than" in refusal(lambda: client.infer(
        "plain", [placed(triton, "in", (1 << 21) + 16, shape=((1 << 17) + 1, 4))]))


def test_what_does_not_fit(client, triton, models, region):
    mine = region(4096)
    mine.put(np.zeros((N, 4), np.float32))
    client.register_system_shared_memory("in", mine.key, 1024)

    def infer(*place, **more):
        return refusal(lambda: client.infer("plain", [placed(triton, "in", *place)], **more))
    assert "do not fill" in infer(BYTES - 4)
    assert "not inside" in infer(BYTES, 1024 - BYTES + 1)
    assert "not inside" in infer(BYTES, (1 << 63) - 1)
    assert "does not fit its place" in infer(BYTES, outputs=[wanted(triton, "in", N * 4 - 1)])
    assert "not inside" in infer(BYTES, outputs=[wanted(triton, "in", 64, 1000)])
    assert "no such region" in infer(BYTES, outputs=[wanted(triton, "on", 64)])
    np.testing.assert_array_equal(mine.get(np.uint8, (4096,)), 0)  # nothing was written

    def register(name, key, *place):
        return refusal(lambda: client.register_system_shared_memory(name, key, *place))
    assert "registered already" in register("in", mine.key, 64)
    assert "behind the end" in register("b", mine.key, 4096, 1)
    assert "behind the end" in register("b", mine.key, 1 << 35, 1 << 62)
    assert "byte_size is 0" in register("b", mine.key, 0)
    assert "cannot open" in register("b", "/nothing-of-this-name", 64)
    for key in ("", "/", "..", "/../../etc/passwd", "a/b"):
        assert "no name of POSIX" in register("b", key, 64)
    assert len(regions(client)) == 1


def test_a_region_that_is_cut(client, triton, models, region):
    """A mapping would have killed the server."""
    mine = region(1 << 20)
    client.register_system_shared_memory("in", mine.key, 1 << 20)
    mine.cut(64)
    given = [placed(triton, "in", BYTES)]
    assert "shorter than" in refusal(lambda: client.infer("plain", given))
    assert "shorter than" in refusal(lambda: client.infer(
        "plain", [placed(triton, "in", 1 << 19, shape=(1 << 15, 4))]))
    here = triton.InferInput("input", [N, 4], "FP32")
    here.set_data_from_numpy(np.zeros((N, 4), np.float32))
    asked = [wanted(triton, "in", 128, 1024)]
    assert "shorter than" in refusal(lambda: client.infer("plain", [here], outputs=asked))
    assert os.stat("/dev/shm/" + mine.key).st_size == 64
    assert client.is_server_live() and len(regions(client)) == 1
    mine.cut(1 << 20)
    assert client.infer("plain", given).as_numpy("output").shape == (N,)


def test_off(fleet, triton, region):
    mine = region(4096)
    with triton.InferenceServerClient(f"127.0.0.1:{fleet.port}") as client:
        assert "--shared-memory on" in refusal(
            lambda: client.register_system_shared_memory("in", mine.key, 64))
        assert "--shared-memory on" in refusal(
            lambda: client.infer("plain", [placed(triton, "in", BYTES)]))
        assert not regions(client)
        client.unregister_system_shared_memory()
        assert "system_shared_memory" not in str(client.get_server_metadata())
        with pytest.raises(InferenceServerException):
            client.register_cuda_shared_memory("in", b"eA==", 0, 64)


@pytest.mark.hostile
def test_half_of_a_place(server):
    inputs = {"name": "input", "shape": [1, 4], "datatype": "FP32"}
    for said in ({"shared_memory_region": "r"}, {"shared_memory_offset": 1},
                 {"shared_memory_region": "r", "shared_memory_byte_size": -1},
                 {"shared_memory_region": "r", "shared_memory_byte_size": 1 << 63},
                 {"shared_memory_region": "r", "shared_memory_byte_size": 16,
                  "shared_memory_offset": (1 << 63) - 1}):
        answer = server.post("/v2/models/plain/infer",
                             json={"inputs": [{**inputs, "parameters": said}]})
        assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.hostile
@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'{"key": 7}', b'{"key": "/k", "byte_size": -1}', b'{"byte_size": 1e99}',
    b'{"key": "\\u0000", "byte_size": 64}', b'{"key": "/k", "offset": 1.5}', b"{" * 70000])
def test_bodies_that_register_nothing(server, body):
    answer = server.post("/v2/systemsharedmemory/region/r/register", data=body)
    assert answer.status_code == 400 and answer.json()["error"]
    assert server.get("/v2/systemsharedmemory/region/r/status").status_code == 404
    assert server.get("/v2/systemsharedmemory/status").json() == []


def test_registering_needs_a_deployer(tmp_path, models, region):
    """What a region is, who deploys answers for."""
    house = House(tmp_path, f"plain={models.paths['plain']}", "--shared-memory", "on")
    try:
        mine, path = region(4096), "/v2/systemsharedmemory/"
        body = {"key": mine.key, "offset": 0, "byte_size": 64}
        editor = bearer(house.token("edits", "--role", "editor"))
        deployer = bearer(house.token("deploys", "--role", "deployer"))
        for auth, code in ((None, 401), (editor, 403), (deployer, 200)):
            assert house.call(path + "region/r/register", body, auth).status_code == code
        assert house.call(path + "status").status_code == 401
        assert house.call(path + "status", auth=editor).json()[0]["name"] == "r"
        assert house.call(path + "unregister", {}, editor).status_code == 403
        with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{house.server.port}") as client:
            assert "deployer" in refusal(lambda: client.register_system_shared_memory(
                "s", mine.key, 64, headers={"authorization": editor}))
            client.unregister_system_shared_memory("r", headers={"authorization": deployer})
        assert house.call(path + "status", auth=deployer).json() == []
    finally:
        check_end(house.server)
