"""Models that ONNX Runtime computes for us, against ONNX Runtime in Python: support vector
machines, nearest neighbours, networks, pipelines, graphs of several inputs and outputs.

Both run the same library's code on the same rows, so values are equal up to what the number of
rows in a call changes.
"""
import contextlib
import os
import pathlib

import numpy as np
import pytest

from millwright import MARGIN, Failure, Model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

import pandas as pd  # noqa: E402
from onnx import TensorProto as T  # noqa: E402
from onnx import helper  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler  # noqa: E402
from sklearn.svm import SVC, SVR, OneClassSVM  # noqa: E402

LIBRARY = pathlib.Path(ort.__file__).parent / "capi"
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
WORDS = np.array(["setosa", "versicolor", "virginica"])
NEAR = {"rtol": 1e-5, "atol": 1e-6}


@contextlib.contextmanager
def runtime(path):
    before = os.environ.get("MW_ONNXRUNTIME")
    os.environ["MW_ONNXRUNTIME"] = str(path)
    try:
        yield
    finally:
        del os.environ["MW_ONNXRUNTIME"]
        if before is not None:
            os.environ["MW_ONNXRUNTIME"] = before


@pytest.fixture(autouse=True)
def installed():
    with runtime(LIBRARY):
        yield


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), y


def save(model, folder):
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def run(path, feeds):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def numbers(output):
    """An output as (rows, values); of a ZipMap its values."""
    if isinstance(output, list):
        output = np.array([list(row.values()) for row in output])
    return np.asarray(output, np.float64).reshape(len(output), -1)


def graph(nodes, inputs, outputs, constants=(), opsets=None, version=9):
    made = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants])
    return helper.make_model(made, opset_imports=opsets or OPSETS, ir_version=version)


# ---- scikit-learn --------------------------------------------------------------------------------

CLASSIFIERS = {
    "svm": SVC(random_state=1),
    "svm, probabilities": SVC(probability=True, random_state=1),
    "neighbours": KNeighborsClassifier(5),
    "network": MLPClassifier(hidden_layer_sizes=(8, 6), max_iter=60, random_state=1),
    "pipeline": make_pipeline(StandardScaler(), PolynomialFeatures(2), SVC(random_state=1)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, words, zipmap, iris, tmp_path):
    X, y = iris
    labels = WORDS[y] if words else y * 10
    model = CLASSIFIERS[name].fit(X, labels)
    converted = skl2onnx.to_onnx(model, X[:1], options={"zipmap": zipmap})
    path = save(converted, tmp_path)
    label, scores = run(path, {converted.graph.input[0].name: X})
    ours = Model(path)
    assert ours.about.format == b"onnx graph"
    assert (ours.about.n_classes, ours.about.n_predictions, ours.about.n_trees) == (3, 4, 0)
    got = ours.predict(X)
    np.testing.assert_allclose(got[:, :3], numbers(scores), **NEAR)
    ours_label = WORDS[got[:, 3].astype(int)] if words else got[:, 3].astype(int)
    assert np.array_equal(ours_label, label)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, model", {
    "svr": SVR(), "neighbours": KNeighborsRegressor(3),
    "network": MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=1)}.items())
def test_regressors(name, model, iris, tmp_path):
    X, _ = iris
    model.fit(X[:, :3], X[:, 3])
    path = save(skl2onnx.to_onnx(model, X[:1, :3]), tmp_path)
    expected = numbers(run(path, {"X": X[:, :3]})[0])
    got = Model(path).predict(X[:, :3])
    assert got.shape == (len(X), 1)
    np.testing.assert_allclose(got, expected, **NEAR)


def test_two_outputs_that_are_no_classifier(iris, tmp_path):
    """OneClassSVM: a label and one score."""
    X, _ = iris
    path = save(skl2onnx.to_onnx(OneClassSVM().fit(X), X[:1]), tmp_path)
    outputs = run(path, {"X": X})
    got = Model(path).predict(X)
    np.testing.assert_allclose(got, np.hstack([numbers(o) for o in outputs]), **NEAR)


@pytest.mark.filterwarnings("ignore")
def test_columns_of_several_types(tmp_path):
    """Texts become categories of the schema; an unknown one is none of them."""
    random = np.random.default_rng(5)
    n = 200
    frame = pd.DataFrame({"age": random.normal(40, 9, n).astype(np.float32),
                          "city": random.choice(["Bonn", "Kiel", "Ulm"], n),
                          "kind": random.choice(["a", "b"], n)})
    y = (frame.age > 40) ^ (frame.city == "Ulm")
    model = make_pipeline(ColumnTransformer([
        ("texts", OneHotEncoder(handle_unknown="ignore"), ["city", "kind"]),
        ("numbers", StandardScaler(), ["age"])]), SVC(random_state=1)).fit(frame, y.astype(int))
    kinds = [("age", skl2onnx.common.data_types.FloatTensorType([None, 1])),
             ("city", skl2onnx.common.data_types.StringTensorType([None, 1])),
             ("kind", skl2onnx.common.data_types.StringTensorType([None, 1]))]
    path = save(skl2onnx.to_onnx(model, initial_types=kinds, target_opset=17), tmp_path)
    ours = Model(path)
    assert [ours.about.feature_names[i] for i in range(3)] == [b"age", b"city", b"kind"]
    cities, codes = ["Bonn", "Kiel", "Ulm"], {"a": 0, "b": 1}
    everything = cities + ["a", "b"]  # one encoder may hold the texts of both columns
    for unknown in (False, True):
        texts = frame.copy()
        if unknown:
            texts.loc[::3, "city"] = "Rome"
        feeds = {"age": texts[["age"]].to_numpy(np.float32),
                 "city": texts[["city"]].to_numpy(object), "kind": texts[["kind"]].to_numpy(object)}
        expected = numbers(run(path, feeds)[1])
        close = 0
        for both in (True, False):
            table = everything if both else cities
            kind = {k: (everything.index(k) if both else v) for k, v in codes.items()}
            rows = np.c_[texts.age, [table.index(c) if c in table else np.nan for c in texts.city],
                         texts.kind.map(kind)]
            try:
                close += np.allclose(ours.predict(rows)[:, :2], expected, **NEAR)
            except Failure:
                continue
        assert close == 1


# ---- networks ------------------------------------------------------------------------------------

def convolution(batch):
    random = np.random.default_rng(3)
    nodes = [helper.make_node("Conv", ["image", "w"], ["c"], kernel_shape=[3, 3]),
             helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("GlobalAveragePool", ["r"], ["p"]),
             helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("Softmax", ["f"], ["y"], axis=1)]
    return graph(nodes, [("image", T.FLOAT, [batch, 2, 5, 6])], [("y", T.FLOAT, [batch, 4])],
                 [("w", random.normal(size=(4, 2, 3, 3)).astype(np.float32))])


@pytest.mark.parametrize("batch", ["n", 1, 3])
def test_images(batch, tmp_path):
    """Rows are images laid flat; a number of rows that the graph fixes is met by padding."""
    path = save(convolution(batch), tmp_path)
    images = np.random.default_rng(4).normal(size=(700 if batch == "n" else 7, 2, 5, 6))
    images = images.astype(np.float32)
    step = len(images) if batch == "n" else batch
    padded = np.concatenate([images, np.repeat(images[-1:], -len(images) % step, axis=0)])
    expected = np.concatenate([run(path, {"image": padded[i:i + step]})[0]
                               for i in range(0, len(padded), step)])[:len(images)]
    ours = Model(path)
    flat = images.reshape(len(images), -1)
    np.testing.assert_allclose(ours.predict(flat), expected, **NEAR)
    np.testing.assert_allclose(ours.predict(np.asfortranarray(flat.astype(np.float64))), expected,
                               **NEAR)
    np.testing.assert_allclose(ours.predict(flat[:1]), expected[:1], **NEAR)
    assert ours.predict(flat[:0]).shape == (0, 4)


TYPES = {"float16": (T.FLOAT16, [0.1, -2, 3.5]), "double": (T.DOUBLE, [0.1, -2, 3.5]),
         "int8": (T.INT8, [-128, 0, 127]), "uint8": (T.UINT8, [0, 1, 255]),
         "int32": (T.INT32, [-5, 0, 2**31 - 1]), "int64": (T.INT64, [-5, 0, 2**40]),
         "uint16": (T.UINT16, [0, 7, 65535]), "bool": (T.BOOL, [0, 1, 1])}


@pytest.mark.parametrize("name", TYPES)
def test_types(name, tmp_path):
    kind, values = TYPES[name]
    model = graph([helper.make_node("Cast", ["x"], ["d"], to=T.DOUBLE),
                   helper.make_node("Cos", ["d"], ["c"]),
                   helper.make_node("Identity", ["x"], ["y"])],
                  [("x", kind, ["n"])], [("c", T.DOUBLE, ["n"]), ("y", kind, ["n"])])
    path = save(model, tmp_path)
    column = np.array(values, helper.tensor_dtype_to_np_dtype(kind))
    expected = np.column_stack([numbers(o) for o in run(path, {"x": column})])
    got = Model(path).predict(np.array(values, np.float64)[:, None])
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("name, value", [("int32", np.nan), ("int32", 1.5), ("int32", 2.0**31),
                                         ("bool", 2), ("uint8", -1), ("int64", np.inf)])
def test_values_that_a_type_does_not_hold(name, value, tmp_path):
    model = graph([helper.make_node("Cast", ["x"], ["d"], to=T.FLOAT),
                   helper.make_node("Cos", ["d"], ["y"])],
                  [("x", TYPES[name][0], ["n", 2])], [("y", T.FLOAT, ["n", 2])])
    with pytest.raises(Failure, match=f"row 1: column 'f1'.*{name}") as failed:
        Model(save(model, tmp_path)).predict(np.array([[0, 1], [1, value]], np.float64))
    assert failed.value.code == 5042


def test_several_inputs_and_outputs(tmp_path):
    """Outputs come in the graph's order, inputs as columns of their names."""
    nodes = [helper.make_node("Cast", ["count"], ["k"], to=T.FLOAT),
             helper.make_node("Mul", ["point", "k"], ["scaled"]),
             helper.make_node("ReduceSum", ["scaled"], ["total"], keepdims=0, axes=[1]),
             helper.make_node("Sin", ["scaled"], ["wave"])]
    model = graph(nodes, [("point", T.FLOAT, ["n", 3]), ("count", T.INT64, ["n", 1])],
                  [("total", T.FLOAT, ["n"]), ("wave", T.FLOAT, ["n", 3])],
                  opsets=[helper.make_opsetid("", 12)])
    path = save(model, tmp_path)
    rows = np.c_[np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32), np.arange(50)]
    total, wave = run(path, {"point": rows[:, :3].astype(np.float32),
                             "count": rows[:, 3:].astype(np.int64)})
    ours = Model(path)
    names = [ours.about.feature_names[i] for i in range(4)]
    assert names == [b"point_0", b"point_1", b"point_2", b"count"]
    np.testing.assert_allclose(ours.predict(rows), np.c_[total, wave], **NEAR)


def test_an_index_beyond_its_table(tmp_path):
    """ONNX Runtime's own refusal of a row is an error, not a number."""
    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    model = graph([helper.make_node("Gather", ["table", "i"], ["g"]),
                   helper.make_node("Cos", ["g"], ["y"])],
                  [("i", T.INT64, ["n"])], [("y", T.FLOAT, ["n", 2])], [("table", table)])
    ours = Model(save(model, tmp_path))
    np.testing.assert_allclose(ours.predict(np.array([[3.0]])), np.cos([[6, 7]]), **NEAR)
    with pytest.raises(Failure, match="cannot compute these rows") as failed:
        ours.predict(np.array([[9.0]]))
    assert failed.value.code == 5041


# ---- files beside the model ----------------------------------------------------------------------

def with_files(folder, name="numbers.bin"):
    model = convolution("n")
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location=name,
              size_threshold=0)
    return folder / "model.onnx"


def test_numbers_in_another_file(tmp_path, monkeypatch):
    path = with_files(tmp_path)
    images = np.random.default_rng(4).normal(size=(5, 2, 5, 6)).astype(np.float32)
    expected = run(path, {"image": images})[0]
    monkeypatch.chdir("/")  # the model's folder counts, not the process's
    np.testing.assert_allclose(Model(path).predict(images.reshape(5, -1)), expected, **NEAR)
    (tmp_path / "numbers.bin").write_bytes(b"short")
    with pytest.raises(Failure) as failed:
        Model(path)
    assert failed.value.code == 2203
    (tmp_path / "numbers.bin").unlink()
    with pytest.raises(Failure, match="numbers.bin"):
        Model(path)


@pytest.mark.parametrize("location", ["../numbers.bin", "/etc/passwd", "a/../../numbers.bin"])
def test_no_file_outside_the_folder(location, tmp_path):
    path = with_files(tmp_path)
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Failure, match="outside the model's folder") as failed:
        Model(path)
    assert failed.value.code == 2020


# ---- refused -------------------------------------------------------------------------------------

REFUSED = {
    "own operators": (graph([helper.make_node("Secret", ["x"], ["y"], domain="my.own")],
                            [("x", T.FLOAT, ["n", 2])], [("y", T.FLOAT, ["n", 2])],
                            opsets=[*OPSETS, helper.make_opsetid("my.own", 1)]),
                      2205, "'my.own'"),
    "open width": (graph([helper.make_node("Cos", ["x"], ["y"])], [("x", T.FLOAT, ["n", "m"])],
                         [("y", T.FLOAT, ["n", "m"])]), 2204, "a dimension behind the first"),
    "no rows": (graph([helper.make_node("Cos", ["x"], ["y"])], [("x", T.FLOAT, [])],
                      [("y", T.FLOAT, [])]), 2204, "no dimension for the rows"),
    "one answer for all rows": (graph([helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0)],
                                      [("x", T.FLOAT, ["n", 2])], [("y", T.FLOAT, [])]),
                                2204, "one entry for each row"),
    "texts that are looked into": (graph([helper.make_node("Cast", ["x"], ["y"], to=T.FLOAT)],
                                         [("x", T.STRING, ["n"])], [("y", T.FLOAT, ["n"])]),
                                   2204, "not only to compare"),
    "wrong types": (graph([helper.make_node("Conv", ["x"], ["y"])], [("x", T.FLOAT, ["n", 2])],
                          [("y", T.FLOAT, ["n", 2])]), 2203, "does not take this model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    model, code, words = REFUSED[name]
    with pytest.raises(Failure, match=words) as failed:
        Model(save(model, tmp_path))
    assert failed.value.code == code


def test_no_margins_and_no_contributions(iris, tmp_path):
    X, y = iris
    ours = Model(save(skl2onnx.to_onnx(SVC().fit(X, y), X[:1]), tmp_path))
    for call in (lambda: ours.predict(X, MARGIN), lambda: ours.explain(X)):
        with pytest.raises(Failure) as failed:
            call()
        assert failed.value.code == 5043


def test_large_trees_that_something_behind_them_makes_a_graph(tmp_path):
    """A large file goes back to the system while it is read; ONNX Runtime has it whole."""
    from sklearn.ensemble import RandomForestRegressor
    random = np.random.default_rng(1)
    X = random.normal(size=(8000, 3)).astype(np.float32)
    forest = RandomForestRegressor(4, random_state=1).fit(X, X[:, 0] + random.normal(size=8000))
    model = skl2onnx.to_onnx(forest, X[:1], target_opset={"": 17, "ai.onnx.ml": 3})
    assert model.ByteSize() > 1 << 20
    assert np.allclose(Model(save(model, tmp_path)).predict(X[:50]).ravel(),
                       forest.predict(X[:50]), **NEAR)
    name = model.graph.output[0].name
    model.graph.node.append(helper.make_node("Tan", [name], ["bent"]))
    model.graph.output[0].name = "bent"
    path = save(model, tmp_path)
    loaded = Model(path)
    assert loaded.about.format == b"onnx graph"
    expected = numbers(run(path, {model.graph.input[0].name: X[:50]})[0])
    assert np.allclose(loaded.predict(X[:50]).reshape(50, -1), expected, **NEAR)
