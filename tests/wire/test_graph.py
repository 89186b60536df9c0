"""Models that ONNX Runtime computes for us, over every protocol, against ONNX Runtime in Python."""
import json
import pathlib

import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from conftest import until
from tritonclient.utils import InferenceServerException

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

from onnx import TensorProto as T  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

CAPI = str(pathlib.Path(ort.__file__).parent / "capi")
OPSETS = [helper.make_opsetid("", 17)]
WORDS = np.array(["low", "middle", "high"])
NEAR = {"rtol": 1e-5, "atol": 1e-6}


def graph(nodes, inputs, outputs, constants=()):
    made = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants])
    return helper.make_model(made, opset_imports=OPSETS, ir_version=9)


def classifier(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(120, 3)).astype(np.float32)
    model = SVC(random_state=1).fit(X, WORDS[np.digitize(X[:, 0], [-.4, .4])])
    return skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})


def image():
    """[N, 1, 4, 4] -> convolution: a map [N, 2, 3, 3], and its mean [N, 2]."""
    kernel = np.random.default_rng(3).normal(size=(2, 1, 2, 2)).astype(np.float32)
    return graph([helper.make_node("Conv", ["image", "kernel"], ["map"]),
                  helper.make_node("ReduceMean", ["map"], ["mean"], axes=[2, 3], keepdims=0)],
                 [("image", T.FLOAT, ["N", 1, 4, 4])],
                 [("map", T.FLOAT, ["N", 2, 3, 3]), ("mean", T.FLOAT, ["N", 2])],
                 [("kernel", kernel)])


def several():
    """Inputs of several types and shapes; outputs float64, int64 and bool."""
    return graph([helper.make_node("Cast", ["age"], ["age_f"], to=T.DOUBLE),
                  helper.make_node("Cast", ["point"], ["point_d"], to=T.DOUBLE),
                  helper.make_node("ReduceSum", ["point_d", "last"], ["sum"], keepdims=0),
                  helper.make_node("Add", ["age_f", "sum"], ["total"]),
                  helper.make_node("Add", ["age", "age"], ["twice"]),
                  helper.make_node("Greater", ["age_f", "sum"], ["older"])],
                 [("age", T.INT64, ["N"]), ("point", T.FLOAT, ["N", 2])],
                 [("total", T.DOUBLE, ["N"]), ("twice", T.INT64, ["N"]), ("older", T.BOOL, ["N"])],
                 [("last", np.array([1], np.int64))])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    made = {"classes": classifier(1), "image": image(), "several": several()}
    for name, model in made.items():
        onnx.save(model, folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in made}


@pytest.fixture
def server(serve, paths):
    return serve(*(f"{name}={path}" for name, path in paths.items()), MW_ONNXRUNTIME=CAPI)


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as opened:
        yield opened


def runtime(path, feeds):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feeds)


def tensors(feeds, binary):
    given = []
    for name, values in feeds.items():
        datatype = {"float32": "FP32", "int64": "INT64", "float64": "FP64"}[str(values.dtype)]
        given.append(triton.InferInput(name, list(values.shape), datatype))
        given[-1].set_data_from_numpy(values, binary_data=binary)
    return given


RANDOM = np.random.default_rng(5)
FEEDS = {"classes": {"X": RANDOM.normal(size=(9, 3)).astype(np.float32)},
         "image": {"image": RANDOM.normal(size=(5, 1, 4, 4)).astype(np.float32)},
         "several": {"age": np.arange(20, 27), "point": RANDOM.normal(0, 30, (7, 2)).astype("f4")}}


# ---- Open Inference Protocol ---------------------------------------------------------------------


def test_metadata_is_the_graphs(client):
    about = client.get_model_metadata("image")
    assert about["platform"] == "onnxruntime_onnx"
    assert about["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 4, 4]}]
    assert about["outputs"] == [{"name": "map", "datatype": "FP32", "shape": [-1, 2, 3, 3]},
                                {"name": "mean", "datatype": "FP32", "shape": [-1, 2]}]
    assert [(each["name"], each["datatype"], each["shape"])
            for each in client.get_model_metadata("several")["inputs"]] == \
        [("age", "INT64", [-1]), ("point", "FP32", [-1, 2])]
    assert [each["datatype"] for each in client.get_model_metadata("several")["outputs"]] == \
        ["FP64", "INT64", "BOOL"]
    assert [each["datatype"] for each in client.get_model_metadata("classes")["outputs"]] == \
        ["BYTES", "FP32"]
    config = client.get_model_config("classes")
    assert config["output"][0]["data_type"] == "TYPE_STRING"
    assert client.get_model_config("image")["input"] == \
        [{"name": "image", "data_type": "TYPE_FP32", "dims": [-1, 1, 4, 4]}]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("name", FEEDS)
def test_every_output_in_its_name_type_and_shape(client, paths, name, binary):
    names = [each.name for each in onnx.load(paths[name]).graph.output]
    expected = dict(zip(names, runtime(paths[name], FEEDS[name])))
    asked = [triton.InferRequestedOutput(each, binary_data=binary) for each in names]
    for outputs in (asked, asked[:1], None):
        answer = client.infer(name, tensors(FEEDS[name], binary), outputs=outputs)
        told = [each["name"] for each in answer.get_response()["outputs"]]
        assert told == (names if outputs is None else names[:len(outputs)])
        for each in told:
            got = answer.as_numpy(each)
            if got.dtype == object:
                assert [text.decode() if isinstance(text, bytes) else text
                        for text in got.reshape(-1)] == list(expected[each].reshape(-1))
            else:
                assert got.dtype == expected[each].dtype and got.shape == expected[each].shape
                np.testing.assert_allclose(got, expected[each], **NEAR)


def test_the_forms_of_every_model_work_too(client, paths):
    rows = FEEDS["image"]["image"].reshape(5, 16)
    answer = client.infer("image", tensors({"input": rows}, True),
                          outputs=[triton.InferRequestedOutput("output")])
    parts = runtime(paths["image"], FEEDS["image"])
    expected = np.concatenate([each.reshape(5, -1) for each in parts], axis=1)
    np.testing.assert_allclose(answer.as_numpy("output"), expected, **NEAR)
    ages = {"age": np.array([30]), "point_0": np.array([1.5]), "point_1": np.array([2.])}
    answer = client.infer("several", tensors(ages, False))
    assert answer.as_numpy("total") == [33.5] and answer.as_numpy("older").tolist() == [True]


def test_classification(client):
    asked = triton.InferRequestedOutput("probabilities", class_count=1, binary_data=False)
    answer = client.infer("classes", tensors(FEEDS["classes"], True), outputs=[asked])
    top = [text.split(":")[2] for text in answer.as_numpy("probabilities").reshape(-1)]
    labels = client.infer("classes", tensors(FEEDS["classes"], True)).as_numpy("label")
    assert top == [label.decode() if isinstance(label, bytes) else label for label in labels]
    with pytest.raises(InferenceServerException, match="ranked"):
        client.infer("classes", tensors(FEEDS["classes"], True),
                     outputs=[triton.InferRequestedOutput("label", class_count=2)])


@pytest.mark.parametrize("name, feeds, words", [
    ("image", {"image": np.zeros((1, 1, 4, 5), np.float32)}, r"\[-1, 1, 4, 4\]"),
    ("several", {"age": np.array([1])}, "'point' is missing"),
    ("several", {"age": np.array([1, 2]), "point": np.zeros((1, 2), np.float32)}, "same for all"),
    ("several", {"age": np.array([1.5]), "point": np.zeros((1, 2), np.float32)}, "age"),
    ("several", {"age": np.array([1]), "points": np.zeros((1, 2), np.float32)}, "'points'"),
], ids=["shape", "missing", "rows", "fraction", "unknown"])
def test_wrong_tensors(client, name, feeds, words):
    with pytest.raises(InferenceServerException, match=words):
        client.infer(name, tensors(feeds, True))
    assert client.is_server_ready()


def test_unknown_output(client):
    with pytest.raises(InferenceServerException, match="ask for 'map'"):
        client.infer("image", tensors(FEEDS["image"], True),
                     outputs=[triton.InferRequestedOutput("nothing")])


# ---- the other protocols -------------------------------------------------------------------------


def test_invocations_and_kserve(server, paths):
    X = FEEDS["classes"]["X"]
    _, scores = runtime(paths["classes"], {"X": X})
    for path, body in [("/endpoints/classes/invocations", {"inputs": X.tolist()}),
                       ("/v1/models/classes:predict", {"instances": X.tolist()})]:
        reply = server.post(path, json=body)
        assert reply.status_code == 200, reply.text
        np.testing.assert_allclose(reply.json()["predictions"], scores, **NEAR)
    frame = pd.DataFrame({"age": [30, 40], "point_0": [1.5, 90], "point_1": [2., 0]})
    reply = server.post("/endpoints/several/invocations",
                        json={"dataframe_split": frame.to_dict(orient="split")})
    assert reply.json()["predictions"] == [[33.5, 60, 1], [130, 80, 0]]


def test_contributions_are_refused(server):
    rows = FEEDS["classes"]["X"].tolist()
    for path, body in [("/v1/models/classes:explain", {"instances": rows}),
                       ("/endpoints/classes/invocations?explain=true", {"inputs": rows})]:
        reply = server.post(path, json=body)
        assert reply.status_code == 400 and "MW5043" in reply.text, reply.text


def test_metrics_and_reload(server, paths):
    X = FEEDS["classes"]["X"]
    ask = {"inputs": X.tolist()}
    before = server.post("/endpoints/classes/invocations", json=ask).json()
    assert server.samples()['mw_rows_total{endpoint="classes",version="1"}'] == len(X)
    onnx.save(classifier(2), paths["classes"])
    assert server.post("/v2/repository/models/classes/load").status_code == 200
    after = server.post("/endpoints/classes/invocations", json=ask).json()
    assert after != before
    np.testing.assert_allclose(after["predictions"], runtime(paths["classes"], {"X": X})[1], **NEAR)
    paths["classes"].write_bytes(b"\x08\x09")
    assert server.post("/v2/repository/models/classes/load").status_code == 400
    assert server.post("/endpoints/classes/invocations", json=ask).json() == after
    onnx.save(classifier(1), paths["classes"])


def test_turned_off(serve, run, paths):
    done = run("predict", paths["image"], "--input", "-", input="1\n",
               env={"MW_ONNXRUNTIME": "off"})
    assert done.returncode != 0 and "MW2019" in done.stderr and "Conv" in done.stderr, done.stderr
    with pytest.raises(RuntimeError, match="MW2019"):
        serve(paths["image"], MW_ONNXRUNTIME="off")


def test_config_names_the_runtime(serve, paths, tmp_path):
    config = tmp_path / "millwright.yaml"
    model = json.dumps(str(paths["image"]))
    config.write_text(f'server:\n  onnxruntime: {json.dumps(CAPI)}\n'
                      f'endpoints:\n  - name: image\n    model: {model}\n')
    server = serve("--config", config)
    assert server.get("/v2/models/image").json()["platform"] == "onnxruntime_onnx"


# ---- signatures ---------------------------------------------------------------------------------

def dense(width, values=2, name="x", element=T.FLOAT, answer="y"):
    """sin(x W): not read natively."""
    weights = np.full((width, values), .5, np.float32)
    return graph([helper.make_node("Cast", [name], ["float"], to=T.FLOAT),
                  helper.make_node("MatMul", ["float", "w"], ["sum"]),
                  helper.make_node("Sin", ["sum"], [answer])],
                 [(name, element, ["N", width])], [(answer, T.FLOAT, ["N", values])],
                 [("w", weights)])


SIGNED = [  # what is registered, what of it breaks clients of the first
    (dense(4), ""), (dense(4), ""), (dense(4, element=T.DOUBLE), ""), (dense(4, name="rows"), ""),
    (dense(6), "input 'x' was float32[-1,4] and is float32[-1,6]"),
    (dense(4, element=T.INT64), "input 'x' was float32 and is int64"),
    (dense(4, values=3), "output 'y' was float32[-1,2] and is float32[-1,3]"),
    (dense(4, answer="score"), "output 'y' (float32[-1,2]) is gone"),
]


def test_signatures_are_the_graphs(serve, run, tmp_path):
    """Known at the registration, and compared: by the tag, diff, a rollout, apply and requests."""
    server = serve("--record", tmp_path / "record", MW_ONNXRUNTIME=CAPI)
    here = ["--server", f"127.0.0.1:{server.port}"]
    with_runtime = {"env": {"MW_ONNXRUNTIME": CAPI}}
    for number, (model, breaks) in enumerate(SIGNED, 1):
        path = tmp_path / f"{number}.onnx"
        onnx.save(model, path)
        alias = ["--alias", "champion"] if number == 1 else []
        done = run("model", "register", "net", path, *alias, *here, **with_runtime)
        assert done.returncode == 0, done.stderr
        told = server.get("/api/2.0/mlflow/model-versions/get",
                          params={"name": "net", "version": number}).json()["model_version"]
        tags = {tag["key"]: tag["value"] for tag in told.get("tags", [])}
        assert breaks in tags.get("millwright.contract", ""), number
        assert bool(breaks) == ("millwright.contract" in tags), number
    known = server.get("/mw/v1/lineage?id=net/5").json()
    assert known["inputs"] == [{"name": "x", "type": "tensor(float32)[-1,6]", "required": True}]
    assert known["outputs"][0]["type"] == "tensor(float32)[-1,2]"

    def diff(number):
        done = run("model", "diff", "net/1", f"net/{number}", "--format", "json", "--record",
                   tmp_path / "record", **with_runtime)
        return json.loads(done.stdout)
    assert diff(5)["breaks"] and not diff(3)["breaks"]
    contract = [d["after"] for d in diff(8)["differences"] if d["section"] == "contract"]
    assert SIGNED[7][1] in contract, contract
    document = tmp_path / "millwright.yaml"

    def apply(version):
        document.write_text("endpoints: [{name: net, model: models:/net@champion}]\n"
                            f"rollouts: [{{endpoint: net, model: net/{version}, "
                            "strategy: blue-green}]\n")
        return run("apply", "-f", document, *here, **with_runtime)

    def ask(width):
        return server.post("/endpoints/net/invocations", json={"inputs": [[.5] * width]})
    assert apply(1).returncode == 0
    until(lambda: ask(4).status_code == 200)
    wrong = ask(6)
    assert wrong.status_code == 400 and "4" in wrong.text
    for number in (5, 6, 7, 8):
        refused = run("rollout", "start", "net", "--model", f"net/{number}", *here)
        assert refused.returncode == 5 and "would break the clients" in refused.stderr, number
    assert apply(5).returncode == 1
    assert apply(3).returncode == 0
    until(lambda: ask(4).headers.get("X-Millwright-Version") == "3")
