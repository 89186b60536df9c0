"""Open Inference Protocol v2 over HTTP, through tritonclient as its users have it."""
import gzip
import json

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from models import COLUMNS

N = 7
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "INT32": np.int32,
         "INT16": np.int16, "INT8": np.int8, "UINT8": np.uint8, "UINT16": np.uint16,
         "UINT32": np.uint32, "UINT64": np.uint64, "BOOL": bool}


@pytest.fixture(scope="module")
def client(fleet):
    with triton.InferenceServerClient(f"127.0.0.1:{fleet.port}", concurrency=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(models):
    return models.rows[:N]


def tensor(name, values, datatype, binary=True):
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def close(got, models, name, rows):
    np.testing.assert_array_max_ulp(np.asarray(got, np.float32).reshape(-1),
                                    models.predict(name, rows).astype(np.float32).reshape(-1), 1)


# ---- what the server says of itself --------------------------------------------------------------


def test_live_ready_and_metadata(client, models):
    assert client.is_server_live() and client.is_server_ready()
    server = client.get_server_metadata()
    assert server["name"] == "millwright" and "binary_tensor_data" in server["extensions"]
    for name in models.paths:
        assert client.is_model_ready(name) and client.is_model_ready(name, "1")
        model = client.get_model_metadata(name)
        assert model["name"] == name and model["versions"] == ["1"]
        assert {"name", "datatype", "shape"} <= model["inputs"][0].keys()
        assert model["outputs"][0]["name"] == "output"
        assert client.get_model_metadata(name, "1") == model
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("plain", "99")


def test_inputs_are_told_as_they_are_taken(client):
    whole, columns = client.get_model_metadata("plain"), client.get_model_metadata("towns")
    assert whole["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, len(COLUMNS)]}]
    told = {column["name"]: column["datatype"] for column in columns["inputs"]}
    assert told.keys() == {*COLUMNS, "town"} and told["town"] == "BYTES"


def test_config_and_index(client, models):
    assert client.get_model_config("plain")["name"] == "plain"
    index = client.get_model_repository_index()
    assert {entry["name"]: entry["state"] for entry in index} == \
        dict.fromkeys(models.paths, "READY")
    assert all(entry["version"] == "1" for entry in index)


def test_models_are_listed(fleet, models):
    assert sorted(fleet.get("/v2/models").json()["models"]) == sorted(models.paths)


def test_statistics_move(client, rows):
    def counted():
        (stats,) = client.get_inference_statistics("levels")["model_stats"]
        return stats
    before = counted()
    client.infer("levels", [tensor("input", rows.to_numpy(np.float32), "FP32")])
    after = counted()
    assert after["inference_count"] - before["inference_count"] == N
    assert after["execution_count"] - before["execution_count"] == 1
    assert after["inference_stats"]["success"]["count"] - \
        before["inference_stats"]["success"]["count"] == 1
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    assert after["last_inference"] > 1.6e12
    assert len(client.get_inference_statistics()["model_stats"]) > 3


# ---- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize("name", ["plain", "levels", "classes", "nameless", "signed"])
def test_one_matrix(client, models, rows, name, datatype, binary):
    values = rows.fillna(1).to_numpy(TYPES[datatype])
    answer = client.infer(name, [tensor("input", values, datatype, binary)])
    asked = values if name == "nameless" else rows.fillna(1)
    close(answer.as_numpy("output"), models, "plain" if name == "signed" else name,
          asked.astype(np.float32) if datatype == "FP32" else asked)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("datatype", TYPES)
def test_every_number_type(client, models, datatype, binary):
    values = np.arange(N * 4).reshape(N, 4).astype(TYPES[datatype])
    answer = client.infer("nameless", [tensor("input", values, datatype, binary)])
    close(answer.as_numpy("output"), models, "nameless", values.astype(float))


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("shape", [(N,), (N, 1)], ids=["[n]", "[n,1]"])
def test_a_tensor_for_each_column(client, models, shape, binary):
    rows = models.towns[:N].assign(debt=1.5)
    types = {"income": "FP64", "debt": "FP32", "age": "INT64", "late": "INT32"}
    inputs = [tensor(name, rows[name].to_numpy(TYPES[types[name]]).reshape(shape), types[name],
                     binary) for name in reversed(COLUMNS)]
    towns = np.array([town.encode() for town in rows["town"]], dtype=object).reshape(shape)
    inputs.append(tensor("town", towns, "BYTES", binary))
    answer = client.infer("towns", inputs)
    close(answer.as_numpy("output"), models, "towns", rows)


def test_missing_values_travel_as_nan(client, models, rows):
    assert rows["debt"].isna().any() or models.rows["debt"].isna().any()
    values = models.rows[:60].to_numpy(np.float32)
    assert np.isnan(values).any()
    answer = client.infer("plain", [tensor("input", values, "FP32")])
    close(answer.as_numpy("output"), models, "plain", models.rows[:60].astype(np.float32))


def test_fp16(client, models):
    values = np.arange(N * 4, dtype=np.float16).reshape(N, 4)
    answer = client.infer("nameless", [tensor("input", values, "FP16")])
    close(answer.as_numpy("output"), models, "nameless", values.astype(float))


def test_bf16(fleet, models):
    """By hand: which NumPy type stands for it differs between versions of tritonclient."""
    values = np.arange(N * 4, dtype=np.float32).reshape(N, 4)  # small whole numbers: exact
    raw = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    head = json.dumps({"inputs": [{"name": "input", "shape": [N, 4], "datatype": "BF16",
                                   "parameters": {"binary_data_size": len(raw)}}]}).encode()
    answer = fleet.post("/v2/models/nameless/infer", data=head + raw,
                        headers={"Inference-Header-Content-Length": str(len(head))})
    close(answer.json()["outputs"][0]["data"], models, "nameless", values)


def test_outputs_binary_and_json(client, rows):
    values = tensor("input", rows.to_numpy(np.float32), "FP32")
    plain = client.infer("levels", [values]).as_numpy("output")
    for binary in (True, False):
        wanted = [triton.InferRequestedOutput("output", binary_data=binary)]
        answer = client.infer("levels", [values], outputs=wanted)
        np.testing.assert_allclose(answer.as_numpy("output"), plain, rtol=1e-7)
        assert ("data" in answer.get_output("output")) != binary
    assert plain.shape == (N, 3)


def test_classification(client, rows):
    wanted = [triton.InferRequestedOutput("output", class_count=2)]
    values = tensor("input", rows.to_numpy(np.float32), "FP32")
    tops = client.infer("levels", [values], outputs=wanted).as_numpy("output")
    plain = client.infer("levels", [values]).as_numpy("output")
    for row, top in zip(plain, tops.reshape(N, 2)):
        value, index, *_ = top[0].decode().split(":")
        assert int(index) == row.argmax() and float(value) == pytest.approx(row.max(), rel=1e-5)


def test_id_version_and_compression(client, rows):
    values = tensor("input", rows.to_numpy(np.float32), "FP32")
    plain = client.infer("plain", [values]).as_numpy("output")
    for algorithm in ("gzip", "deflate"):
        answer = client.infer("plain", [values], model_version="1", request_id="abc",
                              request_compression_algorithm=algorithm,
                              response_compression_algorithm=algorithm)
        assert answer.get_response()["id"] == "abc"
        assert answer.get_response()["model_name"] == "plain"
        np.testing.assert_array_equal(answer.as_numpy("output"), plain)


def test_many_calls_at_once(fleet, models, rows):
    with triton.InferenceServerClient(f"127.0.0.1:{fleet.port}", concurrency=8) as several:
        values = tensor("input", rows.to_numpy(np.float32), "FP32")
        calls = [several.async_infer("plain", [values]) for _ in range(200)]
        for call in calls:
            close(call.get_result().as_numpy("output"), models, "plain", rows.astype(np.float32))


def test_a_large_batch(client, models):
    values = np.tile(models.rows.to_numpy(np.float32), (100, 1))
    answer = client.infer("nameless", [tensor("input", values, "FP32")]).as_numpy("output")
    assert len(answer) == len(values)
    np.testing.assert_array_equal(answer[:400], answer[-400:])


def test_json_data_flat_or_nested(fleet, rows):
    values = rows.fillna(0).to_numpy()
    answers = []
    for data in (values.tolist(), values.reshape(-1).tolist()):
        body = {"inputs": [{"name": "input", "shape": [N, 4], "datatype": "FP64", "data": data}]}
        answer = fleet.post("/v2/models/plain/infer", json=body)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json()["outputs"][0]["data"])
    assert answers[0] == answers[1] and len(answers[0]) == N


# ---- errors --------------------------------------------------------------------------------------


def test_errors_are_exceptions_with_a_sentence(client, rows):
    values = tensor("input", rows.to_numpy(np.float32), "FP32")
    cases = [
        ("nobody", [values], "nobody"),
        ("plain", [tensor("input", np.zeros((2, 3), np.float32), "FP32")], "4"),
        ("plain", [tensor("income", np.zeros(2, np.float32), "FP32")], "debt"),
        ("plain", [tensor("income", np.zeros(2), "FP64"), tensor("debt", np.zeros(3), "FP64"),
                   tensor("age", np.zeros(2), "FP64"),
                   tensor("late", np.zeros(2), "FP64")], "debt"),
        ("plain", [tensor("input", np.array([[b"a"] * 4], dtype=object), "BYTES")], ""),
    ]
    for name, inputs, word in cases:
        with pytest.raises(InferenceServerException) as raised:
            client.infer(name, inputs)
        assert word in raised.value.message() and "fix:" in raised.value.message()
        assert raised.value.status() in ("400", "404")
    with pytest.raises(InferenceServerException, match="no such output|wrong"):
        client.infer("plain", [values], outputs=[triton.InferRequestedOutput("wrong")])
    with pytest.raises(InferenceServerException):
        client.register_system_shared_memory("region", "/key", 64)


def tensor_of(shape, data, datatype="FP64", name="input", **more):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


@pytest.mark.hostile
@pytest.mark.parametrize("body", [
    {}, [], 3, {"inputs": []}, {"inputs": {}}, {"inputs": [3]}, {"inputs": [{}]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3])]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4, 5])]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, "a"])]},
    {"inputs": [tensor_of([-1, 4], [1, 2, 3, 4])]},
    {"inputs": [tensor_of([1 << 62, 1 << 62], [1])]},
    {"inputs": [tensor_of([1 << 32, 4], [1, 2, 3, 4])]},
    {"inputs": [tensor_of([1.5, 4], [1, 2, 3, 4])]},
    {"inputs": [tensor_of("4", [1, 2, 3, 4])]},
    {"inputs": [tensor_of([3], [1, 2, 3])]},
    {"inputs": [tensor_of([1, 2, 2], [1, 2, 3, 4])]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4], "FP128")]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4], "FP16")]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 300], "UINT8")]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4.5], "INT32")]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4]), tensor_of([1, 4], [1, 2, 3, 4])]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4], parameters={"binary_data_size": 16})]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4])], "outputs": [{"name": "wrong"}]},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4])], "outputs": 3},
    {"inputs": [tensor_of([1, 4], [1, 2, 3, 4])], "id": 3},
], ids=lambda body: json.dumps(body)[:60])
def test_malformed_infer_requests(alone, body):
    answer = alone.post("/v2/models/plain/infer", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.hostile
@pytest.mark.parametrize("header,extra", [
    ("99999", b""), ("-1", b""), ("abc", b""), ("", b""), ("0", b""), (None, b"x"),
    ("exact", b"1234567"), ("exact", b"12345678901234567"), ("exact", b""),
    ("18446744073709551617", b""),
])
def test_malformed_binary_tensors(alone, header, extra):
    """The header lies about its JSON, or the bytes behind it do not fill the shape."""
    text = json.dumps({"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32",
                                   "parameters": {"binary_data_size": 16}}]}).encode()
    headers = {}
    if header is not None:
        headers["Inference-Header-Content-Length"] = str(len(text)) if header == "exact" else header
    answer = alone.post("/v2/models/plain/infer", data=text + extra, headers=headers)
    assert answer.status_code == 400 and answer.json()["error"], answer.text


@pytest.mark.hostile
def test_bytes_that_lie_about_their_length(alone, fleet):
    def ask(tail):
        text = json.dumps({"inputs": [{"name": "town", "shape": [1], "datatype": "BYTES",
                                       "parameters": {"binary_data_size": len(tail)}}]}).encode()
        return fleet.post("/v2/models/towns/infer", data=text + tail,
                          headers={"Inference-Header-Content-Length": str(len(text))})
    for tail in (b"", b"\x05", b"\xff\xff\xff\xffabc", b"\x02\0\0\0a", b"\x01\0\0\0aXX"):
        assert ask(tail).status_code == 400


@pytest.mark.hostile
def test_damaged_and_bombing_compression(alone):
    good = json.dumps({"inputs": [tensor_of([1, 4], [1, 2, 3, 4])]}).encode()
    packed = gzip.compress(good)
    path = "/v2/models/plain/infer"

    def ask(body, encoding):
        return alone.post(path, data=body, headers={"Content-Encoding": encoding}).status_code
    assert ask(packed, "gzip") == 200
    assert ask(packed[:-9], "gzip") == 400
    assert ask(b"not gzip at all", "gzip") == 400
    assert ask(good, "br") == 415
    assert ask(gzip.compress(b" " * (17 << 20)), "gzip") == 413  # 17 kB that would be 17 MiB


# ---- repository ----------------------------------------------------------------------------------


def test_unload_and_load(serve, models, rows):
    server = serve(f"a={models.paths['plain']}", f"b={models.paths['levels']}")
    values = tensor("input", rows.to_numpy(np.float32), "FP32")
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        client.unload_model("a")
        assert not client.is_model_ready("a") and client.is_model_ready("b")
        states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
        assert states == {"a": "UNAVAILABLE", "b": "READY"}
        with pytest.raises(InferenceServerException, match="load"):
            client.infer("a", [values])
        client.infer("b", [values])
        client.load_model("a")
        assert client.is_model_ready("a")
        client.infer("a", [values])
        assert client.get_model_metadata("a")["versions"] != ["1"]
        for call in (client.load_model, client.unload_model):
            with pytest.raises(InferenceServerException, match="nobody"):
                call("nobody")


def test_load_finds_further_models_in_a_folder(serve, models, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "second.ubj").write_bytes(models.paths["levels"].read_bytes())
    server = serve(f"a={models.paths['plain']}", "--models", folder)
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        client.load_model("second")
        assert client.is_model_ready("second")
        for name in ("../second", "..", "third", "%2e%2e%2fsecond"):
            with pytest.raises(InferenceServerException):
                client.load_model(name)
