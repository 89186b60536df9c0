"""Rollouts that decide by what came of answers, and by what was asked, under real traffic: an A/B
test has a winner, a bandit's share follows the outcomes, groups are told by a column of requests,
and a rollout whose requests are not drawn by chance holds."""
import time

import numpy
import pytest
from test_rollout import COLUMNS, House, made, record  # pylint: disable=unused-import

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def house(tmp_path, record):  # pylint: disable=redefined-outer-name
    from conftest import check_end
    house = House(tmp_path, record)
    yield house
    check_end(house.server)


def ask(house, n, seed, row=None, path="/endpoints/credit/invocations", ids=None):
    """Which version answered, of n requests in one connection."""
    random = numpy.random.default_rng(seed)
    versions = []
    for i in range(n):
        values = list(random.normal(size=3)) if row is None else row(random)
        headers = {"X-Request-ID": ids(values, i)} if ids else {}
        answer = house.server.post(path, headers=headers, json={
            "dataframe_split": {"columns": COLUMNS, "data": [values]}})
        assert answer.status_code == 200, answer.text
        versions.append(int(answer.headers["X-Millwright-Version"]))
    return versions


def report(house, rollout, versions, rates, seed):
    random = numpy.random.default_rng(seed)
    items = [{"version": v, "value": int(random.random() < rates[v])} for v in versions]
    answer = house.server.post(f"/mw/v1/rollouts/{rollout['id']}/outcomes", json={"items": items})
    assert answer.status_code == 200, answer.text


def warm(house):
    house.until(lambda: house.server.post("/endpoints/credit/invocations", json={
        "dataframe_split": {"columns": COLUMNS, "data": [[0, 0, 0]]}}).headers.get(
            "X-Millwright-Version"))


@pytest.mark.parametrize("rates,state", [({1: 0.2, 2: 0.8}, "watching"),
                                         ({1: 0.8, 2: 0.2}, "rolled_back")])
def test_an_ab_test_has_a_winner(house, rates, state):
    rollout = house.start(model="credit/2", strategy="ab",
                          steps=[{"weight": 0.5, "min_samples": 50}],
                          judge={"metrics": [{"outcome": {"tolerance": "5%"}}]})
    warm(house)
    versions = ask(house, 200, 1)
    assert set(versions) == {1, 2}
    report(house, rollout, versions * 3, rates, 2)
    house.until(lambda: house.rollout()["state"] == state)
    assert house.rollout()["reason"].count("outcome") == 1


def test_a_bandit_gives_more_to_who_does_better(house):
    rollout = house.start(model="credit/2", strategy="bandit",
                          steps=[{"weight": 0.5, "min_samples": 1000000}],
                          judge={"metrics": [{"outcome": {"tolerance": "5%"}}]})
    warm(house)
    first = ask(house, 120, 1)
    assert 20 < first.count(2) < 100
    report(house, rollout, first, {1: 0.3, 2: 0.7}, 2)
    house.until(lambda: house.rollout()["weight"] > 0.9)
    house.until(lambda: ask(house, 40, 3).count(2) > 30)
    report(house, rollout, ask(house, 400, 4), {1: 0.9, 2: 0.0}, 5)
    house.until(lambda: house.rollout()["weight"] < 0.5)


def test_groups_of_a_column_are_judged(house):
    """Without anybody who reports outcomes; a column of numbers needs to know where groups end."""
    house.start(model="credit/2", steps=[{"weight": 0.5, "min_samples": 100}, {"weight": 1}],
                judge={"metrics": [{"fairness": {"tolerance": "60%", "column": "income",
                                                 "bounds": [0], "threshold": 0.5}}]})
    warm(house)
    ask(house, 450, 1)
    house.until(lambda: house.rollout()["evidence"][0]["finding"] == "fine")
    evidence = house.rollout()["evidence"][0]
    assert evidence["metric"] == "fairness" and evidence["canary"] < 0.3
    refused = house.server.post("/mw/v1/rollouts", json={
        "endpoint": "credit", "model": "credit/3",
        "judge": {"metrics": [{"fairness": {"column": "income"}}]}})
    assert refused.status_code == 400 and refused.json()["code"] == "MW8901"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "no groups of them are named" in refused.json()["detail"]


def test_unlike_requests_hold_the_rollout(house):
    """Requests are drawn by their id: a client that makes ids of its rows would send the old in one
    direction. Here ids are kept until their draw fits the row."""
    house.start(model="credit/2", steps=[{"weight": 0.5, "min_samples": 100000}])
    warm(house)
    random = numpy.random.default_rng(1)
    drawn = {1: [], 2: []}
    while min(map(len, drawn.values())) < 160:
        name = f"id-{random.integers(1 << 60)}"
        version, = ask(house, 1, 2, row=lambda r: [0.0, 0.0, 0.0], ids=lambda v, i, n=name: n)
        drawn[version].append(name)

    def send(name, age):
        ask(house, 1, 3, row=lambda r: [age + float(random.normal()), 0.0, 0.0],
            ids=lambda v, i: name)
    for one, other in zip(drawn[1], drawn[2]):  # by turns: their numbers stay alike
        send(one, -1.5)
        send(other, 1.5)
    held = house.until(lambda: house.rollout()["assignment"]["broken"] and house.rollout())
    assert held["action"] == "hold" and "'age' differs" in held["why"]
    worst, = [b for b in held["assignment"]["balance"] if b["broken"]]
    assert worst["column"] == "age" and worst["low"] > 0.1
    time.sleep(1.1)
    assert house.rollout()["state"] == "running"
