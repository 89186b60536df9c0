"""Evaluation data sets: who may see and change them, and requests as they should not be. What they
answer is compared with MLflow's own server in test_mlflow_tracking.py."""
import json

import pytest
import requests
from conftest import check_end
from test_access import House, bearer

DATASETS = "/api/3.0/mlflow/datasets/"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    check_end(made.server)


def made(house, auth, name, experiments, status=200):
    answer = house.call(DATASETS + "create", {"name": name, "experiment_ids": experiments}, auth)
    assert answer.status_code == status, answer.text
    return answer.json()["dataset"]["dataset_id"] if status == 200 else None


def test_who_may(house):
    """One belongs to experiments: to see it a role on one of them is enough, to change it one on
    each is needed; one that belongs to none is for who may on everything."""
    root = bearer(house.token("root", "--role", "admin"))
    ids = [house.call("/api/2.0/mlflow/experiments/create", {"name": name}, root).json()[
        "experiment_id"] for name in "ab"]
    ann = bearer(house.token("ann", "--role", "editor", "--experiment", "a"))
    vic = bearer(house.token("vic", "--role", "viewer", "--experiment", "a"))
    only = made(house, ann, "only a", [ids[0]])
    both = made(house, root, "both", ids)
    none = made(house, root, "none", [])
    for auth, experiments in ((ann, [ids[1]]), (ann, ids), (ann, []), (vic, [ids[0]])):
        made(house, auth, "refused", experiments, 403)
    record = {"records": json.dumps([{"inputs": {"q": 1}}])}
    asked = [  # who, which, what he wants, whether he may
        (ann, only, ("records", record, "POST"), True), (ann, both, ("records", record, "POST"),
                                                         False),
        (ann, only, ("tags", {"tags": "{\"a\": \"b\"}"}, "PATCH"), True),
        (ann, both, ("tags", {"tags": "{\"a\": \"b\"}"}, "PATCH"), False),
        (ann, both, ("records", None, "GET"), True), (vic, both, ("", None, "GET"), True),
        (vic, only, ("records", None, "GET"), True), (vic, only, ("records", record, "POST"),
                                                      False),
        (vic, only, ("experiment-ids", None, "GET"), True), (vic, none, ("", None, "GET"), False),
        (ann, none, ("", None, "DELETE"), False), (ann, "d-none", ("", None, "GET"), False),
        (ann, only, ("add-experiments", {"experiment_ids": [ids[1]]}, "POST"), False),
        (ann, only, ("remove-experiments", {"experiment_ids": [ids[0]]}, "POST"), True),
        (ann, only, ("", None, "GET"), False)]
    for auth, dataset, (path, body, method), may in asked:
        answer = house.call(f"{DATASETS}{dataset}/{path}".rstrip("/"), body, auth, method)
        assert answer.status_code == (200 if may else 403), (path, method, answer.text)
    found = house.call(DATASETS + "search", {}, vic).json()["datasets"]
    assert [one["name"] for one in found] == ["both"]
    assert len(house.call(DATASETS + "search", {}, root).json()["datasets"]) == 3
    noted = house.call("/mw/v1/audit?what=evaluation", auth=root).json()
    actions = {entry["action"] for entry in noted["entries"]}
    assert actions == {"evaluation.create", "evaluation.records", "evaluation.tag",
                       "evaluation.leave"}


def test_who_may_score(house):
    root = bearer(house.token("root2", "--role", "admin"))
    ids = [house.call("/api/2.0/mlflow/experiments/create", {"name": name}, root).json()[
        "experiment_id"] for name in "cd"]
    cat = bearer(house.token("cat", "--role", "editor", "--experiment", "c"))
    scorers = "/api/3.0/mlflow/scorers/"
    for auth, experiment, status in ((cat, ids[0], 200), (cat, ids[1], 403), (root, ids[1], 200)):
        body = {"experiment_id": experiment, "name": "s", "serialized_scorer": "{}"}
        assert house.call(scorers + "register", body, auth).status_code == status
    for auth, seen in ((cat, ids[:1]), (root, ids)):
        found = house.call(scorers + "list", auth=auth).json()["scorers"]
        assert [str(one["experiment_id"]) for one in found] == seen
    named = {"experiment_id": ids[1], "name": "s"}
    for path in ("list", "versions", "get"):
        answer = requests.get(house.url + scorers + path, params=named, timeout=20,
                              headers={"Authorization": cat})
        if path == "list":  # what is not reached is left out
            assert answer.json() == {}
        else:
            assert answer.status_code == 403, path
    assert house.call(scorers + "delete", named, cat, "DELETE").status_code == 403
    answer = house.call(scorers + "online-config", {
        "experiment_id": ids[0], "name": "s", "sample_rate": 1.0}, cat, "PUT")
    assert answer.status_code == 501 and "not run" in answer.json()["message"]
    for body in ("[" * 3000, "[]", '{"a": ' * 100 + "1" + "}" * 100, "x" * (5 << 20)):
        answer = house.call(scorers + "register", {"experiment_id": ids[0], "name": "s",
                                                   "serialized_scorer": body}, cat)
        assert answer.status_code == 400, answer.text


def test_what_is_left_out_says_why(house):
    root = bearer(house.token("root3", "--role", "admin"))
    for method, path, word in (("GET", "gateway/endpoints/list", "language models"),
                               ("POST", "prompt-optimization/jobs", "code"),
                               ("GET", "label-schemas/list", "assessments"),
                               ("POST", "review-queues/create", "assessments"),
                               ("POST", "issues", "assessments"),
                               ("GET", "workspaces", "roles"), ("GET", "nothing", "offered")):
        answer = house.call("/api/3.0/mlflow/" + path, auth=root, method=method)
        assert answer.status_code == 404 and answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
        assert word in answer.json()["message"], path


def test_bad_requests(serve):
    url = serve("--record", "record").url + DATASETS

    def post(path, **body):
        return requests.post(url + path, json=body, timeout=20)
    one = post("create", name="one").json()["dataset"]["dataset_id"]
    records = one + "/records"
    for body in ("", "x", "{}", "3", "[3]", "[{\"inputs\": 3}]", "[{\"inputs\": null}]",
                 "[{\"inputs\": {}, \"expectations\": 3}]", "[{\"inputs\": {}, \"tags\": []}]",
                 "[{\"inputs\": {}, \"source\": \"x\"}]",
                 "[{\"inputs\": {}, \"source\": {\"a\": 1}}]",
                 "[{\"inputs\": {\"q\": NaN}}]", "[" * 3000,
                 "[{\"inputs\": {\"q\": " + "[" * 100 + "]" * 100 + "}}]",
                 json.dumps([{"inputs": {"q": "x" * (1 << 20)}}]),
                 json.dumps([{"inputs": {"q": 1}, "outputs": "x" * (1 << 20)}]),
                 json.dumps([{"inputs": {f"q{i}": 1 for i in range(5000)}}])):
        answer = post(records, records=body)
        assert answer.status_code == 400, (body[:60], answer.text)
        assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
        assert len(answer.json()["message"]) > 20
    said = post(records, records=json.dumps([{"inputs": {}}, {"inputs": 1}])).json()["message"]
    assert said.startswith("records[1]")
    assert requests.get(url + records, timeout=20).json() == {"records": "[]"}  # all, or none
    for body in ({"name": " "}, {"name": "x" * 256}, {"name": "x", "tags": "[]"},
                 {"name": "x", "tags": "{"}, {"name": "x", "tags": json.dumps({"": "b"})}):
        assert post("create", **body).status_code == 400, body
    assert post("create", name="x", experiment_ids=["77"]).status_code == 404
    for token in ("x", "e30="):
        answer = requests.get(url + records, params={"page_token": token}, timeout=20)
        assert answer.status_code == 400, token
    for path in ("d-none/records", "d-none/experiment-ids"):
        assert requests.get(url + path, timeout=20).status_code == 404
    assert len(post("search").json()["datasets"]) == 1
