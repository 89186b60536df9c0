"""/metrics: promtool has no complaint about the text format, Prometheus's own parser none about
OpenMetrics, and what is counted moves."""
import shutil
import subprocess
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# What Prometheus 2.42 and 3 send.
ASKS_OPEN = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;" \
    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
ASKS_OPEN_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," \
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
ROWS = {"instances": [[1, 2, 3, 4]] * 5}


def promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_is_content(fleet):
    assert fleet.post("/v1/models/plain:predict", json=ROWS).status_code == 200
    assert fleet.post("/v1/models/plain:predict", json={}).status_code == 400
    fleet.get("/v2/models/nobody")
    promtool(fleet.get("/metrics").text)


@pytest.mark.parametrize("accept,expected", [
    ("", TEXT), ("*/*", TEXT), ("text/plain", TEXT), ("text/plain;version=0.0.4", TEXT),
    (ASKS_OPEN, OPEN), (ASKS_OPEN_3, OPEN), ("application/openmetrics-text", OPEN),
    ("application/openmetrics-text;q=0, text/plain", TEXT), ("text/html", TEXT),
])
def test_content_types(fleet, accept, expected):
    answer = fleet.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == expected


def test_open_metrics_is_read_by_the_strict_parser(fleet):
    text = fleet.get("/metrics", headers={"Accept": ASKS_OPEN}).text
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["mw_requests"].type == "counter"
    assert families["mw_request_duration_seconds"].type == "histogram"
    assert families["process_resident_memory_bytes"].type == "gauge"
    assert all(family.documentation for family in families.values())


def test_formats_hold_the_same(fleet):
    """Same families, and for what does not move by asking the same values."""
    text = fleet.get("/metrics").text
    assert "# EOF" not in text and "# TYPE mw_requests_total counter" in text
    answer = fleet.get("/metrics", headers={"Accept": ASKS_OPEN}).text

    def steady(lines):
        return [line for line in lines.splitlines() if line.startswith(("mw_rows", "mw_model"))]
    assert steady(text) == steady(answer) and len(steady(text)) > 5


def test_counters_move(serve, models):
    server = serve(f"a={models.paths['plain']}", f"b={models.paths['levels']}")

    def moved(before, name):
        return server.samples().get(name, 0) - before.get(name, 0)
    before = server.samples()
    for _ in range(3):
        server.post("/endpoints/a/invocations", json=ROWS)
    server.post("/v1/models/a:predict", json=ROWS)
    server.post("/v1/models/a:predict", json={"instances": [["x"]]})
    after = server.samples()
    requests = {name: value for name, value in after.items()
                if name.startswith("mw_requests_total")}
    assert sum(requests.values()) == 5
    assert sum(value for name, value in requests.items() if 'code="200"' in name) == 4
    assert sum(value for name, value in requests.items() if 'code="400"' in name) == 1
    assert all('endpoint="a"' in name and 'version="1"' in name for name in requests)
    assert moved(before, 'mw_rows_total{endpoint="a",version="1"}') == 20
    assert moved(before, 'mw_rows_total{endpoint="b",version="1"}') == 0
    assert moved(before, 'mw_request_bytes_total{endpoint="a",version="1"}') > 5 * 20
    assert moved(before, 'mw_response_bytes_total{endpoint="a",version="1"}') > 4 * 20
    assert moved(before, 'mw_request_duration_seconds_count{endpoint="a",version="1"}') == 5
    every = 'mw_request_duration_seconds_bucket{endpoint="a",version="1",le="+Inf"}'
    assert moved(before, every) == 5
    assert after['mw_request_duration_seconds_sum{endpoint="a",version="1"}'] > 0
    assert after['mw_in_flight_requests{endpoint="a",version="1"}'] == 0
    assert after['mw_model_memory_bytes{endpoint="a"}'] > 1000
    assert after['mw_model_ready{endpoint="a"}'] == 1
    assert after["process_resident_memory_bytes"] > 1 << 20
    assert after["process_open_fds"] >= 4


STAGES = ("queue", "decode", "predict", "explain", "encode")


def test_stages_add_up(serve, models):
    """Every stage is counted once a request that came to it; together they are the whole time."""
    server = serve(f"a={models.paths['plain']}")
    for _ in range(3):
        assert server.post("/v1/models/a:predict", json=ROWS).status_code == 200
    assert server.post("/v1/models/a:explain", json=ROWS).status_code == 200
    assert server.post("/v1/models/a:predict", json={"instances": [["x"]]}).status_code == 400
    many = {"instances": [[1, 2, 3, 4]] * 20000}  # for the pool
    assert server.post("/v1/models/a:predict", json=many).status_code == 200
    samples = server.samples()

    def of(name, stage):
        return samples[f'mw_stage_seconds_{name}{{endpoint="a",version="1",stage="{stage}"}}']
    assert [of("count", stage) for stage in STAGES] == [6, 6, 5, 1, 6]
    assert all(of("sum", stage) > 0 for stage in STAGES)
    whole = samples['mw_request_duration_seconds_sum{endpoint="a",version="1"}']
    assert sum(of("sum", stage) for stage in STAGES) == pytest.approx(whole, rel=1e-6)
    assert samples['mw_predict_seconds_total{endpoint="a",version="1"}'] == of("sum", "predict")
    assert 0 < samples["mw_pool_busy_seconds_total"] < 20 and samples["mw_pool_threads"] >= 1


def test_a_slow_upload_is_receiving(serve, models):
    server = serve(f"a={models.paths['plain']}")
    body = b'{"instances": [[1, 2, 3, 4]]}'
    with server.connect() as peer:
        peer.sendall(b"POST /v1/models/a:predict HTTP/1.1\r\nHost: a\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        time.sleep(0.3)
        peer.sendall(body[10:])
        assert b"200 OK" in peer.recv(4096)
    samples = server.samples()
    stage = 'mw_stage_seconds_sum{endpoint="a",version="1",stage="%s"}'
    assert 0.25 < samples[stage % "receive"] < 5
    assert samples[stage % "queue"] < 0.2


def test_busy_loops(serve, models):
    server = serve(f"a={models.paths['plain']}", "--threads", "2")

    def loops(kind):
        samples = server.samples()
        return [samples[f'mw_loop_{kind}_seconds_total{{loop="{loop}"}}'] for loop in (0, 1)]
    before, began = loops("busy"), time.monotonic()
    for _ in range(200):
        server.post("/v1/models/a:predict", json=ROWS)
    after, passed = loops("busy"), time.monotonic() - began
    moved = [b - a for a, b in zip(before, after)]
    assert all(0 <= one <= passed + 0.01 for one in moved) and sum(moved) > 0.002
    assert sum(loops("cpu")) > 0.002


def test_histogram_is_cumulative(fleet):
    fleet.post("/v1/models/plain:predict", json=ROWS)
    samples = fleet.samples()
    bucket = 'mw_request_duration_seconds_bucket{endpoint="plain",version="1",'
    buckets = [value for name, value in samples.items() if name.startswith(bucket)]
    assert buckets == sorted(buckets) and len(buckets) > 10
    count = 'mw_request_duration_seconds_count{endpoint="plain",version="1"}'
    assert buckets[-1] == samples[count] > 0


def test_loads_and_readiness(serve, models):
    server = serve(f"a={models.paths['plain']}")
    assert server.post("/v2/repository/models/a/unload").status_code == 200
    assert server.samples()['mw_model_ready{endpoint="a"}'] == 0
    assert server.post("/v2/repository/models/a/load").status_code == 200
    samples = server.samples()
    assert samples['mw_model_ready{endpoint="a"}'] == 1
    assert samples['mw_model_loads_total{endpoint="a",result="ok"}'] == 2
