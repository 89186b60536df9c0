"""KServe's V1 protocol, by requests: its own client is a thin wrapper of the same calls."""
import numpy as np
import pytest

from models import COLUMNS

ROW = {"income": 31000.5, "debt": 4000, "age": 44, "late": 1}
ROWS = {"instances": [list(ROW.values())] * 2}


def test_models(fleet, models):
    assert sorted(fleet.get("/v1/models").json()["models"]) == sorted(models.paths)
    assert fleet.get("/v1/models/plain").json() == {"name": "plain", "ready": True}
    unknown = fleet.get("/v1/models/nobody")
    assert unknown.status_code == 404 and "nobody" in unknown.json()["error"]


@pytest.mark.parametrize("path", ["/v1/models/plain:predict", "/v1/models/plain%3Apredict",
                                  "/v1/models/plain%3apredict"])
@pytest.mark.parametrize("body", [
    ROWS, {"inputs": [list(ROW.values())] * 2}, {"instances": [ROW, ROW]},
    {"inputs": {name: [value, value] for name, value in ROW.items()}},
    {**ROWS, "parameters": {"a": 1}},
], ids=["instances", "inputs", "objects", "columns", "with parameters"])
def test_predict(alone, models, path, body):
    answer = alone.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    expected = models.predict("plain", np_rows([ROW, ROW]))
    np.testing.assert_array_max_ulp(np.array(answer.json()["predictions"], np.float32), expected, 1)


def np_rows(records):
    import pandas as pd
    return pd.DataFrame(records, columns=COLUMNS, dtype=float)


def test_classes_are_rows_of_probabilities(fleet, models):
    got = np.array(fleet.post("/v1/models/levels:predict", json=ROWS).json()["predictions"])
    assert got.shape == (2, 3) and got.sum(axis=1) == pytest.approx([1, 1])


@pytest.mark.hostile
@pytest.mark.parametrize("body,word", [
    ({}, "instances"), ({"instances": 3}, "instances"), ({"instances": {}}, "instances"),
    ({"instances": [[1, 2, 3]]}, "4"), ({"instances": [[1, 2, 3, "x"]]}, "late"),
    ({"instances": [[1, 2, 3, 4], [1, 2, 3]]}, "row 1"), ({"rows": []}, "instances"),
    ({"instances": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}, "inputs"), ([], "object"),
])
def test_errors(alone, body, word):
    answer = alone.post("/v1/models/plain:predict", json=body)
    assert answer.status_code == 400 and word in answer.json()["error"], answer.text


def test_unknown_model_and_verb(alone):
    unknown = alone.post("/v1/models/nobody:predict", json=ROWS)
    assert unknown.status_code == 404 and "nobody" in unknown.json()["error"]
    assert alone.post("/v1/models/plain:dance", json=ROWS).status_code == 404
