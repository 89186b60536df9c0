"""MLflow's scoring protocol: the same bytes to MLflow's own scoring server and to ours.

MLflow's server runs in this process, behind its own ASGI application; so every status, body and
error code is compared with what the installed MLflow says, not with what we think it says.
"""
import json
import re

import lightgbm
import mlflow.pyfunc
import numpy as np
import pytest
from mlflow.pyfunc import scoring_server
from models import make_rows
from starlette.testclient import TestClient

JSON = "application/json"
FOLDERS = ["signed", "whole", "tensor", "unsigned", "labels", "flavour_lgb"]


@pytest.fixture(scope="module")
def peers(models):
    """{folder: client of MLflow's server}."""
    return {name: TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(models.paths[name]))))
            for name in FOLDERS}


def split(columns, data, **more):
    return {"dataframe_split": {"columns": columns, "data": data, **more}}


ROW = [31000.5, 4000, 44, 1]
ROW2 = [12000, None, 21, 3]
NAMES = ["income", "debt", "age", "late"]
RECORD, RECORD2 = dict(zip(NAMES, ROW)), dict(zip(NAMES, ROW2))

BODIES = {
    "split": split(NAMES, [ROW, ROW2]),
    "split with index": split(NAMES, [ROW, ROW2], index=[7, 9]),
    "split, one row": split(NAMES, [ROW]),
    "split, shuffled columns": split(NAMES[::-1], [ROW[::-1], ROW2[::-1]]),
    "split, extra column": split(NAMES + ["x"], [ROW + [1], ROW2 + [2]]),
    "split, missing column": split(NAMES[:3], [ROW[:3]]),
    "split, optional column missing": split(NAMES[:3], [ROW[:3], ROW2[:3]]),
    "split, no rows": split(NAMES, []),
    "split, numbers as text": split(NAMES, [["31000.5", "4000", "44", "1"]]),
    "split, words": split(NAMES, [["much", 4000, 44, 1]]),
    "split, fraction": split(NAMES, [[31000.5, 4000, 44.5, 1]]),
    "split, too few values": split(NAMES, [ROW[:3]]),
    "split, too many values": split(NAMES, [ROW + [1]]),
    "split, no columns": {"dataframe_split": {"data": [ROW, ROW2]}},
    "split is a list": {"dataframe_split": [ROW]},
    "split is text": {"dataframe_split": "rows"},
    "split, data is a number": {"dataframe_split": {"columns": NAMES, "data": 4}},
    "split, true": split(NAMES, [[True, 4000, 44, 1]]),
    "split and params": {**split(NAMES, [ROW]), "params": {}},
    "split and something else": {**split(NAMES, [ROW]), "comment": "hello"},
    "records": {"dataframe_records": [RECORD, RECORD2]},
    "records, shuffled": {"dataframe_records": [dict(reversed(RECORD.items())), RECORD2]},
    "records, key left out": {"dataframe_records": [
        RECORD, {key: value for key, value in RECORD2.items() if key != "debt"}]},
    "records, extra key": {"dataframe_records": [{**RECORD, "x": 1}]},
    "records, missing column": {"dataframe_records": [{"income": 1}]},
    "records is an object": {"dataframe_records": RECORD},
    "records is a number": {"dataframe_records": 3},
    "instances, rows": {"instances": [ROW, ROW]},
    "instances, objects": {"instances": [RECORD, RECORD]},
    "instances is text": {"instances": "abc"},
    "inputs, columns": {"inputs": {name: [value, value] for name, value in RECORD.items()}},
    "inputs, rows": {"inputs": [ROW, ROW]},
    "inputs, columns of unequal length": {"inputs": {**{name: [1, 2] for name in NAMES},
                                                     "late": [1]}},
    "none of the keys": {"rows": [ROW]},
    "two of the keys": {"instances": [ROW], "inputs": [ROW]},
    "an empty object": {},
    "a list": [ROW],
    "a number": 3,
    "null": None,
}


# Where our answer is not MLflow's, on purpose, and why. Each is still checked: when the difference
# is gone, the line must go too.
WE_ANSWER = {  # MLflow refuses with 400
    "columns are matched by name without a signature too": [
        ("unsigned", "split, shuffled columns"), ("unsigned", "split, extra column"),
        ("unsigned", "records, shuffled"), ("unsigned", "records, extra key")],
    "an optional column may be left out, as the signature says; XGBoost then takes it as missing": [
        ("whole", "split, missing column"), ("whole", "split, optional column missing")],
    "no rows have no predictions": [
        ("tensor", "split, no rows"), ("unsigned", "split, no rows"),
        ("flavour_lgb", "split, no rows")],
    "rows without names go by position": [
        (folder, body) for folder in ("signed", "whole", "unsigned", "labels", "flavour_lgb")
        for body in ("split, no columns", "instances, rows", "inputs, rows")],
    "columns by name fit every model": [
        ("tensor", "instances, objects"), ("unsigned", "instances, objects"),
        ("tensor", "inputs, columns"), ("unsigned", "inputs, columns")],
}
WE_REFUSE = {  # MLflow answers
    "text in a number column is refused, even when it looks like a number": [
        (folder, "split, numbers as text") for folder in FOLDERS if folder != "unsigned"],
    "a fraction in a column of whole numbers would be cut off in silence": [
        ("whole", "split, fraction")],
}
# We have one name for a wrong set of columns; without a column signature MLflow does not look, and
# tells of the accident that follows.
WE_SAY_COLUMNS = [("unsigned", "split, missing column"),
                  ("unsigned", "split, optional column missing"),
                  ("unsigned", "records, missing column"),
                  ("unsigned", "inputs, columns of unequal length"),
                  ("tensor", "inputs, columns of unequal length")]


def is_among(differences, case):
    return any(case in cases for cases in differences.values())


def compare(ours, theirs):
    """The same status; the same predictions; or the same kind of error, in the same form."""
    said = f"ours {ours.status_code} {ours.text[:600]}\ntheirs {theirs.status_code} " \
           f"{theirs.text[:600]}"
    assert ours.status_code == theirs.status_code, said
    if theirs.status_code == 200:
        assert ours.headers["content-type"] == theirs.headers["content-type"]
        assert ours.json().keys() == theirs.json().keys()
        got, expected = (np.array(answer.json()["predictions"], float)
                         for answer in (ours, theirs))
        assert got.shape == expected.shape, said
        np.testing.assert_allclose(got, expected, rtol=1.2e-7, err_msg=said)
    elif theirs.headers.get("content-type", "").startswith(JSON):
        assert ours.json()["error_code"] == theirs.json()["error_code"], said
        assert len(ours.json()["message"]) > 10


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("body", BODIES)
def test_answers_as_mlflow_does(fleet, peers, folder, body):
    text = json.dumps(BODIES[body])
    theirs = peers[folder].post("/invocations", content=text, headers={"content-type": JSON})
    ours = fleet.post(f"/endpoints/{folder}/invocations", data=text,
                      headers={"content-type": JSON})
    if is_among(WE_ANSWER, (folder, body)):
        assert (ours.status_code, theirs.status_code) == (200, 400), (ours.text, theirs.text)
    elif is_among(WE_REFUSE, (folder, body)):
        assert (ours.status_code, theirs.status_code) == (400, 200), (ours.text, theirs.text)
        assert "row 0" in ours.json()["message"] and "column" in ours.json()["message"]
    elif (folder, body) in WE_SAY_COLUMNS:
        assert theirs.json()["error_code"] == "BAD_REQUEST"
        assert ours.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    else:
        compare(ours, theirs)


CSV_BODIES = {
    "rows": "income,debt,age,late\n31000.5,4000,44,1\n12000,,21,3\n",
    "no newline at the end": "income,debt,age,late\n31000.5,4000,44,1",
    "carriage returns": "income,debt,age,late\r\n31000.5,4000,44,1\r\n",
    "quoted": '"income","debt","age","late"\n"31000.5",4000,44,1\n',
    "shuffled": "late,age,debt,income\n1,44,4000,31000.5\n",
    "extra column": "income,debt,age,late,x\n31000.5,4000,44,1,9\n",
    "missing column": "income,debt,age\n31000.5,4000,44\n",
    "spellings of missing": "income,debt,age,late\n1,NaN,44,1\n"
                           "1,NA,44,1\n1,null,44,1\n1,nan,44,1\n",
    "header only": "income,debt,age,late\n",
    "words": "income,debt,age,late\nmuch,4000,44,1\n",
    "empty": "",
}


@pytest.mark.parametrize("body", CSV_BODIES)
def test_csv_as_mlflow_does(fleet, peers, body):
    given = {"headers": {"content-type": "text/csv"}}
    theirs = peers["signed"].post("/invocations", content=CSV_BODIES[body], **given)
    ours = fleet.post("/endpoints/signed/invocations", data=CSV_BODIES[body], **given)
    compare(ours, theirs)


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "application/json; charset=UTF-8",
    "application/json;charset=utf-8", "Application/JSON", "application/json; charset=latin-1",
    "application/json; format=pandas-split", "text/plain", "application/xml", "", "json",
    "application/x-www-form-urlencoded", "application/json-lines"])
def test_content_types_as_mlflow_takes_them(fleet, peers, content_type):
    text = json.dumps(BODIES["split"])
    given = {"headers": {"content-type": content_type}}
    theirs = peers["signed"].post("/invocations", content=text, **given)
    ours = fleet.post("/endpoints/signed/invocations", data=text, **given)
    if content_type == "Application/JSON":
        assert ours.status_code == 200  # media types have no case (RFC 9110); MLflow says 415
    else:
        compare(ours, theirs)


@pytest.mark.parametrize("text", [
    "", " ", "{", '{"instances": [[1, 2, 3, 4]]', '{"instances": [[1, 2, 3, 4]]} x', "instances",
    '{"instances": [[1, 2, 3, 4],]}', '{"instances": [[01, 2, 3, 4]]}', "[" * 100 + "]" * 100,
    '{"instances": [[1, 2, 3, "a]]}', "\ufeff{}", '{"instances": [[1, 2, 3, .4]]}'])
def test_malformed_json_as_mlflow_refuses_it(fleet, peers, text):
    given = {"headers": {"content-type": JSON}}
    theirs = peers["tensor"].post("/invocations", content=text.encode(), **given)
    ours = fleet.post("/endpoints/tensor/invocations", data=text.encode(), **given)
    assert theirs.status_code == 400
    compare(ours, theirs)


@pytest.mark.parametrize("text", ["NaN", "null"])
def test_missing_values(fleet, peers, text):
    body = '{"dataframe_split": {"columns": ["income", "debt", "age", "late"], ' \
           f'"data": [[12000, {text}, 21, 3]]}}}}'
    given = {"headers": {"content-type": JSON}}
    theirs = peers["signed"].post("/invocations", content=body, **given)
    compare(fleet.post("/endpoints/signed/invocations", data=body, **given), theirs)


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_health(alone, peers, path):
    ours, theirs = alone.get(path), peers["signed"].get(path)
    assert (ours.status_code, ours.text) == (theirs.status_code, theirs.text) == (200, "\n")
    assert ours.headers["content-type"] == theirs.headers["content-type"]


def test_version(alone, peers):
    ours, theirs = alone.get("/version"), peers["signed"].get("/version")
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert re.fullmatch(r"3\.\d+\.\d+", ours.text)  # MLflow's, whose client asks for it


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods(alone, peers, method):
    theirs = peers["signed"].request(method, "/invocations")
    ours = alone.session.request(method, alone.url + "/invocations", timeout=20)
    assert ours.status_code == theirs.status_code == 405
    assert "POST" in ours.headers["allow"].split(", ") and theirs.headers["allow"] == "POST"


def test_one_model_needs_no_name(alone, fleet):
    """Several models: /invocations cannot tell which; /endpoints/NAME/invocations can."""
    body = {"dataframe_records": [RECORD]}
    assert alone.post("/invocations", json=body).json() == \
        alone.post("/endpoints/plain/invocations", json=body).json()
    refused = fleet.post("/invocations", json=body)
    assert refused.status_code == 404
    assert "/endpoints/" in refused.json()["message"]
    unknown = fleet.post("/endpoints/nobody/invocations", json=body)
    assert unknown.status_code == 404 and "nobody" in unknown.json()["message"]


def test_every_row_of_a_large_body(fleet, peers, models):
    """2,000 rows: answered by the workers, not by the loop; and still the same."""
    rows = make_rows(2000, seed=9)
    body = json.loads(rows.to_json(orient="split"))
    text = json.dumps({"dataframe_split": body})
    given = {"headers": {"content-type": JSON}}
    compare(fleet.post("/endpoints/signed/invocations", data=text, **given),
            peers["signed"].post("/invocations", content=text, **given))
    assert len(fleet.post("/endpoints/signed/invocations", data=text, **given)
               .json()["predictions"]) == len(rows)


@pytest.mark.parametrize("name", ["plain", "levels", "classes", "nameless"])
def test_files_answer_with_the_library_s_numbers(fleet, models, name):
    rows = models.rows[:50]
    asked = rows.to_numpy() if name == "nameless" else rows
    expected = models.predict(name, asked)
    body = {"dataframe_split": json.loads(rows.to_json(orient="split"))}
    got = np.array(fleet.post(f"/endpoints/{name}/invocations", json=body).json()["predictions"])
    if isinstance(models.boosters[name], lightgbm.Booster):
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    else:
        np.testing.assert_array_max_ulp(got.astype(np.float32), expected, maxulp=1)


@pytest.mark.parametrize("name", ["towns", "trees"])
def test_categories_are_sent_as_text(fleet, models, name):
    rows = models.towns[:30]
    body = {"dataframe_split": json.loads(rows.to_json(orient="split"))}
    answer = fleet.post(f"/endpoints/{name}/invocations", json=body)
    got = np.array(answer.json()["predictions"])
    np.testing.assert_allclose(got, models.predict(name, rows), rtol=2e-7)
