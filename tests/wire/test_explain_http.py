"""Contributions beside predictions, in every protocol, against the training library's own."""
import numpy as np
import pytest
import tritonclient.http as triton
import xgboost

from models import COLUMNS, make_rows

ROWS = make_rows(5, seed=11)


def records(rows=ROWS):
    values = rows.astype(object).where(rows.notna(), None).values.tolist()
    return {"dataframe_split": {"columns": COLUMNS, "data": values}}


def instances(rows=ROWS):
    return {"instances": records(rows)["dataframe_split"]["data"]}


def expected(models, name, rows=ROWS):
    """(rows, outputs, features + 1)"""
    booster = models.boosters[name]
    if isinstance(booster, xgboost.Booster):
        values = booster.predict(xgboost.DMatrix(rows), pred_contribs=True)
    else:
        values = booster.predict(rows, pred_contrib=True)
    return values.reshape(len(rows), -1, rows.shape[1] + 1)


def values_of(explanations):
    """The same shape, from the answer."""
    margins = [one if isinstance(one, list) else [one] for one in explanations]
    return np.array([[[*(m["contributions"][name] for name in COLUMNS), m["bias"]] for m in row]
                     for row in margins])


def assert_close(got, wanted):
    np.testing.assert_allclose(got, wanted, atol=2e-6 * np.abs(wanted).max(), rtol=0)


@pytest.mark.parametrize("name", ["plain", "levels", "classes"])
@pytest.mark.parametrize("how", ["params", "query", "kserve", "parameters"])
def test_contributions_are_the_librarys(fleet, models, name, how):
    path, body = f"/endpoints/{name}/invocations", records()
    if how == "params":
        body["params"] = {"explain": True, "temperature": 0.5}
    elif how == "query":
        path += "?explain=true"
    elif how == "kserve":
        path, body = f"/v1/models/{name}:explain", instances()
    else:
        path, body = f"/v1/models/{name}:predict", {**instances(), "parameters": {"explain": True}}
    answer = fleet.post(path, json=body)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert set(got) == {"predictions", "explanations"}
    values = values_of(got["explanations"])
    assert_close(values, expected(models, name))
    margins = models.predict(name, ROWS, raw=True).reshape(len(ROWS), -1)
    assert_close(values.sum(axis=2), margins)
    plain = fleet.post(f"/endpoints/{name}/invocations", json=records()).json()
    assert got["predictions"] == plain["predictions"] and "explanations" not in plain


def test_csv_and_top(fleet, models):
    text = ROWS.to_csv(index=False)
    answer = fleet.post("/endpoints/plain/invocations?explain=true&explain_top=2", data=text,
                        headers={"content-type": "text/csv"})
    assert answer.status_code == 200, answer.text
    for one, wanted in zip(answer.json()["explanations"], expected(models, "plain")[:, 0]):
        sizes = np.abs(wanted[:-1])
        assert list(one["contributions"]) == [COLUMNS[i] for i in np.argsort(-sizes)[:2]]
        rest = wanted[:-1].sum() - sum(one["contributions"].values())
        assert one["others"] == pytest.approx(rest, abs=1e-5)
        assert one["margin"] == pytest.approx(wanted.sum(), abs=1e-5)


def test_classes_have_names(fleet):
    rows = fleet.post("/v1/models/levels:explain", json=instances()).json()["explanations"]
    assert [one["class"] for one in rows[0]] == [0, 1, 2]


def test_many_rows_and_none(fleet, models):
    """More than a loop does by itself: the pool answers, with the same values."""
    rows = make_rows(700, seed=5)
    answer = fleet.post("/v1/models/plain:explain", json=instances(rows))
    assert_close(values_of(answer.json()["explanations"]), expected(models, "plain", rows))
    none = fleet.post("/v1/models/plain:explain", json={"instances": []})
    assert none.json() == {"predictions": [], "explanations": []}


# ---- Open Inference Protocol --------------------------------------------------------------------


def infer(server, name, asked, **more):
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    tensor = triton.InferInput("input", list(ROWS.shape), "FP32")
    tensor.set_data_from_numpy(ROWS.to_numpy(np.float32))
    return client.infer(name, [tensor], outputs=asked, **more)


@pytest.mark.parametrize("name", ["plain", "levels"])
@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_asks_for_contributions(fleet, models, name, binary):
    asked = [triton.InferRequestedOutput("contributions", binary_data=binary),
             triton.InferRequestedOutput("output", binary_data=not binary)]
    got = infer(fleet, name, asked)
    wanted = expected(models, name, ROWS.astype(np.float32))
    values = got.as_numpy("contributions")
    assert values.shape == (wanted.shape if name == "levels" else wanted[:, 0].shape)
    assert_close(values.reshape(wanted.shape), wanted)
    np.testing.assert_allclose(got.as_numpy("output"), models.predict(name, ROWS), rtol=1e-6)


def test_tritonclient_parameter(fleet, models):
    got = infer(fleet, "plain", None, parameters={"explain": True})
    assert [one["name"] for one in got.get_response()["outputs"]] == ["output", "contributions"]
    assert_close(got.as_numpy("contributions"), expected(models, "plain")[:, 0])


# ---- pairs --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["plain", "levels"])
def test_pairs_are_the_librarys(fleet, models, name):
    """Both halves of XGBoost's symmetric matrix together; all add up to the margin."""
    matrices = models.boosters[name].predict(xgboost.DMatrix(ROWS[:1]), pred_interactions=True)
    matrices = matrices.reshape(-1, len(COLUMNS) + 1, len(COLUMNS) + 1)
    n_pairs = len(COLUMNS) * (len(COLUMNS) + 1) // 2
    for top in (n_pairs, 2):
        body = {**instances(ROWS[:1]), "parameters": {"top": top}}
        answer = fleet.post(f"/v1/models/{name}:interactions", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()["interactions"]
        assert len(told) == len(matrices)
        for margin, matrix in zip(told, matrices):
            sizes = [abs(pair["value"]) for pair in margin["pairs"]]
            assert len(sizes) == top and sizes == sorted(sizes, reverse=True)
            for pair in margin["pairs"]:
                a, b = (COLUMNS.index(pair["features"][i]) for i in (0, -1))
                wanted, size = matrix[a, b] * (1 if a == b else 2), float(np.abs(matrix).max())
                assert pair["value"] == pytest.approx(wanted, abs=2e-6 * size)
            assert margin["bias"] == pytest.approx(matrix[-1, -1], rel=1e-5)
            everything = margin["bias"] + margin["others"] + sum(
                pair["value"] for pair in margin["pairs"])
            assert everything == pytest.approx(margin["margin"], abs=1e-9)
            assert margin["margin"] == pytest.approx(matrix.sum(), rel=1e-5, abs=1e-5)


# ---- the nearest change -------------------------------------------------------------------------

def test_the_nearest_change_is_answered_otherwise(fleet, models):
    """Each answer is what the training library says of the changed row, and keeps the rules."""
    booster, found = models.boosters["plain"], 0
    for i in range(len(ROWS)):
        row = instances(ROWS[i:i + 1])["instances"][0]
        body = {"instances": [row], "parameters": {"fixed": [COLUMNS[0]], "count": 2}}
        answer = fleet.post("/v1/models/plain:counterfactual", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        before, = booster.predict(xgboost.DMatrix(ROWS[i:i + 1]))
        assert told["predictions"] == [pytest.approx(before, abs=1e-6)]
        costs = [one["cost"] for one in told["answers"]]
        assert costs == sorted(costs) and told["status"] in ("found", "impossible", "unknown")
        for one in told["answers"]:
            changed = ROWS[i:i + 1].copy()
            for name, change in one["changes"].items():
                changed[name] = change["to"]
            after, = booster.predict(xgboost.DMatrix(changed))
            assert one["prediction"] == pytest.approx(after, abs=1e-6)
            assert (after > 0.5) != (before > 0.5) and 1 <= len(one["changes"]) <= 3
            assert COLUMNS[0] not in one["changes"] and one["bound"] <= one["cost"]
            found += 1
        if told["answers"]:  # nearer things are asked of it: it is so already
            want = f"<={told['predictions'][0] + 0.001}"
            already = fleet.post("/v1/models/plain:counterfactual",
                                 json={"instances": [row], "parameters": {"want": want}}).json()
            assert already["status"] == "already" and already["answers"] == []
    assert found > 0


# ---- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.hostile
@pytest.mark.parametrize("path,body,word", [
    ("/endpoints/plain/invocations?explain=perhaps", records(), "true"),
    ("/endpoints/plain/invocations?explain=", records(), "true"),
    ("/endpoints/plain/invocations?explain_top=0", records(), "explain_top"),
    ("/endpoints/plain/invocations?explain_top=9999999999999999999", records(), "explain_top"),
    ("/endpoints/plain/invocations", {**records(), "params": {"explain": 3}}, "explain"),
    ("/endpoints/plain/invocations", {**records(), "params": {"explain_top": -1}}, "explain_top"),
    ("/v1/models/plain:explain", {"instances": [[1, 2]]}, "4"),
    ("/v1/models/plain:counterfactual", instances(), "one is taken at a time"),
    ("/v1/models/plain:counterfactual", {"instances": []}, "one is taken at a time"),
    ("/v1/models/plain:counterfactual",
     {**instances(ROWS[:1]), "parameters": {"want": "much"}}, "'<0.5'"),
    ("/v1/models/plain:counterfactual",
     {**instances(ROWS[:1]), "parameters": {"fixed": ["nobody"]}}, "no feature 'nobody'"),
    ("/v1/models/plain:counterfactual",
     {**instances(ROWS[:1]), "parameters": {"count": 99}}, "1 and 5"),
    ("/v1/models/plain:counterfactual",
     {**instances(ROWS[:1]), "parameters": {"wnat": "<0.5"}}, "max_changed"),
    ("/v1/models/plain:counterfactual", {**instances(ROWS[:1]), "parameters": []}, "object"),
    ("/v1/models/plain:interactions", instances(), "one is taken at a time"),
    ("/v1/models/plain:interactions",
     {**instances(ROWS[:1]), "parameters": {"top": 0}}, "1 to 1000"),
    ("/v1/models/plain:interactions",
     {**instances(ROWS[:1]), "parameters": {"top": "all"}}, "number"),
    ("/v2/models/plain/infer", {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32",
                                            "data": [1, 2, 3, 4]}],
                                "outputs": [{"name": "contributions",
                                             "parameters": {"classification": 2}}]}, "classes"),
])
def test_errors(fleet, path, body, word):
    answer = fleet.post(path, json=body)
    assert answer.status_code == 400 and word in answer.text, answer.text
    assert fleet.get("/v2/health/live").status_code == 200


def test_params_of_others_are_passed_over(fleet):
    for params in (3, [1], "explain", {}, {"top_k": {"explain": 3}}):
        answer = fleet.post("/endpoints/plain/invocations", json={**records(), "params": params})
        assert answer.status_code == 200 and "explanations" not in answer.json(), answer.text


def test_counted(serve, models):
    server = serve(f"plain={models.paths['plain']}")
    before = server.get("/metrics").text
    assert 'mw_explained_rows_total{endpoint="plain",version="1"} 0' in before
    server.post("/v1/models/plain:explain", json=instances())
    after = server.get("/metrics").text
    assert 'mw_explained_rows_total{endpoint="plain",version="1"} 5' in after


# ---- against a background ------------------------------------------------------------------------


def against(models, name, background, rows=ROWS):
    import shap
    theirs = shap.TreeExplainer(models.boosters[name], background,
                                feature_perturbation="interventional")
    values = np.asarray(theirs.shap_values(rows, check_additivity=False))
    base = np.full((len(rows), 1), np.ravel(theirs.expected_value)[0])
    return np.concatenate([values, base], axis=1)[:, None]


def background_files(folder, rows):
    rows.to_csv(folder / "usual.csv", index=False)
    lines = rows.to_json(orient="records", lines=True)
    (folder / "usual.jsonl").write_text(lines)
    return [folder / "usual.csv", folder / "usual.jsonl"]


def test_background_in_the_configuration(serve, models, tmp_path):
    """Each model has its own, relative to the configuration's folder; another model its covers."""
    usual = make_rows(30, seed=9)
    background_files(tmp_path, usual)
    (tmp_path / "my.yaml").write_text(
        f"endpoints:\n  - name: plain\n    model: {models.paths['plain']}\n"
        f"    background: usual.csv\n  - name: classes\n    model: {models.paths['classes']}\n")
    server = serve("--config", tmp_path / "my.yaml")
    wanted = against(models, "plain", usual)
    bodies = {"/v1/models/plain:explain": instances(),
              "/endpoints/plain/invocations?explain=true": records(),
              "/endpoints/plain/invocations": {**records(), "params": {"explain": True}}}
    for path, body in bodies.items():
        answer = server.post(path, json=body)
        assert answer.status_code == 200, answer.text
        values = values_of(answer.json()["explanations"])
        assert_close(values, wanted)
        assert_close(values.sum(axis=2)[:, 0], models.predict("plain", ROWS, raw=True))
    got = infer(server, "plain", None, parameters={"explain": True})
    assert_close(got.as_numpy("contributions"),
                 against(models, "plain", usual, ROWS.astype(np.float32))[:, 0])
    many = make_rows(300, seed=5)
    answer = server.post("/v1/models/plain:explain", json=instances(many))
    assert_close(values_of(answer.json()["explanations"]), against(models, "plain", usual, many))
    answer = server.post("/v1/models/classes:explain", json=instances())
    assert_close(values_of(answer.json()["explanations"]), expected(models, "classes"))


@pytest.fixture
def forest_path(models, tmp_path):
    """A random forest in ONNX: no covers."""
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.ensemble import RandomForestRegressor
    rows = models.rows.fillna(0).to_numpy(np.float32)
    model = RandomForestRegressor(n_estimators=8, max_depth=4, random_state=1)
    model.fit(rows, models.target)
    path = tmp_path / "forest.onnx"
    path.write_bytes(skl2onnx.to_onnx(model, rows[:1]).SerializeToString())
    return path, model


def test_models_without_covers(serve, forest_path, tmp_path):
    """Refused with the mend; with --background answered, and read again with the model."""
    shap = pytest.importorskip("shap")
    path, model = forest_path
    rows = make_rows(6, seed=2).fillna(0).to_numpy(np.float32)
    body = {"instances": rows.tolist()}
    server = serve(path)
    refused = server.post("/v1/models/forest:explain", json=body)
    assert refused.status_code == 400 and "background in the model" in refused.text
    usual = make_rows(20, seed=3).fillna(0).to_numpy(np.float32)
    np.savetxt(tmp_path / "usual.csv", usual, "%.9g", delimiter=",", comments="",
               header="f0,f1,f2,f3")
    server = serve(path, "--background", tmp_path / "usual.csv")

    def compare(background):
        theirs = shap.TreeExplainer(model, background, feature_perturbation="interventional")
        got = server.post("/v1/models/forest:explain", json=body).json()
        values = np.array([[*one["contributions"].values(), one["bias"]]
                           for one in got["explanations"]])
        wanted = np.asarray(theirs.shap_values(rows, check_additivity=False)).reshape(6, 4)
        assert_close(values[:, :-1], wanted)
        np.testing.assert_allclose(values.sum(axis=1), model.predict(rows), rtol=1e-5)
    compare(usual)
    np.savetxt(tmp_path / "usual.csv", usual[:5], "%.9g", delimiter=",", comments="",
               header="f0,f1,f2,f3")
    assert server.post("/v2/repository/models/forest/load").status_code == 200
    compare(usual[:5])


@pytest.mark.parametrize("text, said", [
    (None, "usual.csv"), ("a,b\n1,2\n", "usual.csv"), ("income,debt,age,late\n", "no rows"),
    ("income,debt,age,late\n1,x,2,3\n", "usual.csv")], ids=["absent", "other", "empty", "text"])
def test_backgrounds_that_cannot_be_used(run, models, tmp_path, text, said):
    if text is not None:
        (tmp_path / "usual.csv").write_text(text)
    done = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0", "--background",
               tmp_path / "usual.csv", cwd=tmp_path)
    assert done.returncode not in (0, 139) and said in done.stderr, done.stderr


def test_one_background_for_several_models(run, models, tmp_path):
    done = run("serve", models.paths["plain"], models.paths["classes"], "--listen", "127.0.0.1:0",
               "--background", "usual.csv", cwd=tmp_path)
    assert done.returncode == 2 and "background: FILE" in done.stderr
