"""The watch over live traffic: a server that nobody configured learns what its first rows are,
stays quiet while they stay so, and says within seconds which columns changed."""
import time

import numpy as np
import pytest
import requests
from conftest import ROOT
from prometheus_client.parser import text_string_to_metric_families

MODEL = ROOT / "examples/models/credit.json"
COLUMNS = ["credit_limit", "balance", "payments_late", "months_since_late", "income", "age",
           "months_customer", "last_payment"]
LEARNED = 2000


def rows(n, seed, income=1.0, gone=0.0):
    random = np.random.default_rng(seed)
    table = np.column_stack([
        random.integers(1, 20, n) * 500.0, random.lognormal(7, 1, n), random.integers(0, 4, n),
        random.integers(0, 24, n), random.lognormal(10, 0.5, n) * income,
        random.integers(18, 80, n), random.integers(1, 120, n), random.lognormal(5, 1, n)])
    table[random.random(n) < gone, 5] = np.nan
    return [[None if np.isnan(v) else v for v in row] for row in table.tolist()]


def send(server, table, name="credit"):
    for i in range(0, len(table), 100):
        body = {"dataframe_split": {"columns": COLUMNS, "data": table[i:i + 100]}}
        assert server.session.post(f"{server.url}/endpoints/{name}/invocations",
                                   json=body).status_code == 200


def found(server, wanted, seconds=10):
    """The endpoint's findings, once `wanted` holds of them."""
    until = time.monotonic() + seconds
    while True:
        answer = server.session.get(f"{server.url}/drift").json()
        endpoint = answer["endpoints"][0] if answer["endpoints"] else None
        if endpoint and wanted(endpoint):
            return endpoint
        assert time.monotonic() < until, answer
        time.sleep(0.1)


@pytest.fixture
def server(serve):
    return serve(f"credit={MODEL}")


def drifted(endpoint):
    return {f["feature"] for f in endpoint["features"] if f["drifted"]}


def test_from_the_first_request(server):
    send(server, rows(500, 1))
    learning = found(server, lambda e: e["reference"]["rows"] == 500)
    assert learning["state"] == "learning" and learning["features"] == []
    assert learning["reference"] == {"kind": "learned", "rows": 500, "wanted": LEARNED}
    send(server, rows(LEARNED, 2))
    found(server, lambda e: e["state"] == "watching")
    send(server, rows(3000, 3))
    quiet = found(server, lambda e: e["rows"] == 3000)
    assert not quiet["drifted"] and [f["feature"] for f in quiet["features"]][:8] == COLUMNS
    assert quiet["features"][8]["kind"] == "output" and len(quiet["features"]) == 9
    assert all(f["psi"] < 0.1 for f in quiet["features"])
    began = time.monotonic()
    send(server, rows(2000, 4, income=3, gone=0.5))
    loud = found(server, lambda e: e["n_drifted"] >= 2)
    assert time.monotonic() - began < 8
    assert {"income", "age"} <= drifted(loud) <= {"income", "age", "output 0"}
    by_name = {f["feature"]: f for f in loud["features"]}
    assert by_name["age"]["missing_share"] > 0.1 and by_name["age"]["missing_share_reference"] == 0
    assert by_name["income"]["log_e_value"] > 10
    families = {family.name: family for family in text_string_to_metric_families(
        server.session.get(f"{server.url}/metrics").text)}
    said = {(s.labels["feature"], s.labels["endpoint"]): s.value
            for s in families["mw_drift_drifted"].samples}
    assert said[("income", "credit")] == 1 and said[("balance", "credit")] == 0
    assert families["mw_drift_psi"].samples and \
        families["mw_watched_rows"].samples[0].value >= LEARNED + 3000
    assert families["mw_watch_memory_bytes"].samples[0].value < 10e6


def test_off(serve):
    server = serve(f"credit={MODEL}", "--watch", "off")
    send(server, rows(100, 1))
    assert requests.get(f"{server.url}/drift", timeout=5).json() == {
        "watching": False, "endpoints": []}
    assert "mw_drift" not in requests.get(f"{server.url}/metrics", timeout=5).text


def test_a_new_version_learns_anew(server):
    send(server, rows(LEARNED + 100, 1))
    found(server, lambda e: e["state"] == "watching")
    server.session.post(f"{server.url}/v2/repository/models/credit/load").raise_for_status()
    send(server, rows(100, 2, income=5))
    until = time.monotonic() + 5
    while True:
        endpoints = server.session.get(f"{server.url}/drift").json()["endpoints"]
        if len(endpoints) == 2 and endpoints[1]["reference"]["rows"] == 100:
            break
        assert time.monotonic() < until, endpoints
        time.sleep(0.1)
    assert [(e["version"], e["state"]) for e in endpoints] == [(1, "watching"), (2, "learning")]
