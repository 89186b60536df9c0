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
