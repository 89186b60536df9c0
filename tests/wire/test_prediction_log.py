"""The prediction log: what a server kept of its predictions, found again by `mw log`, through
kill -9, a full queue and private columns."""
import contextlib
import csv
import ctypes
import datetime
import io
import itertools
import json
import pathlib
import random
import re
import signal
import struct
import subprocess
import time

import pytest
from conftest import BINARY, ROOT, until

MODEL = ROOT / "examples/models/credit.json"
COLUMNS = ["credit_limit", "balance", "payments_late", "months_since_late", "income", "age",
           "months_customer", "last_payment"]


def row(i):
    return [1000.0 + i, 20.1, i % 4, None if i % 3 == 0 else 2, 3000.0 + i, 40, 5, 0.1 * i]


def send(server, table, **headers):
    answer = server.post("/invocations", headers=headers, json={
        "dataframe_split": {"columns": COLUMNS, "data": table}})
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Request-ID"], answer.json()["predictions"]


def log(folder, command, *more):
    done = subprocess.run([BINARY, "log", command, "--log", folder, *map(str, more)],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def arrow_of(folder, path):
    """An export as Arrow, read by the format's own project; its footer leads to every batch."""
    nanoarrow = pytest.importorskip("nanoarrow")
    log(folder, "export", "--format", "arrow", "-o", path)
    raw = path.read_bytes()
    assert raw[:8] == b"ARROW1\0\0" and raw[-6:] == b"ARROW1"
    footer = raw[-10 - int.from_bytes(raw[-10:-6], "little"):-10]
    table = struct.unpack_from("<I", footer)[0]
    vtable = table - struct.unpack_from("<i", footer, table)[0]
    batches = table + struct.unpack_from("<H", footer, vtable + 10)[0]
    batches += struct.unpack_from("<I", footer, batches)[0]
    for i in range(struct.unpack_from("<I", footer, batches)[0]):
        at, head, _, body = struct.unpack_from("<qiiq", footer, batches + 4 + 24 * i)
        assert raw[at:at + 4] == b"\xff\xff\xff\xff" and head % 8 == body % 8 == 0
    assert raw[at + head + body:at + head + body + 8] == b"\xff\xff\xff\xff\0\0\0\0"
    with nanoarrow.ArrayStream.from_readable(raw[8:]) as stream:
        rows = stream.read_all()
    kinds = {field.name: str(field) for field in rows.schema.fields}
    return [dict(zip(kinds, values)) for values in rows.iter_tuples()], kinds


def wait_written(server, n, seconds=10):
    """Until so many rows are on the disk."""
    end = time.monotonic() + seconds
    while server.samples()['mw_log_rows_total{result="written"}'] < n:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data/log"


def test_every_row_is_found_again(serve, folder, tmp_path):
    server = serve(f"credit={MODEL}", "--log", "on")
    sent = {}
    for i in range(30):
        table = [row(10 * i + r) for r in range(4)]
        request, predictions = send(server, table)
        for r, (values, prediction) in enumerate(zip(table, predictions)):
            sent[f"{request}#{r}"] = (values, prediction)
    mine, _ = send(server, [row(1)], **{"X-Request-ID": "order-17"})
    assert mine == "order-17"
    wait_written(server, 121)
    found = rows_of(log(folder, "query"))
    assert len(found) == 121 and {f["id"] for f in found} == {*sent, "order-17#0"}
    for one in found[:-1]:
        values, prediction = sent[one["id"]]
        assert [float(one[c]) if one[c] else None for c in COLUMNS] == values
        assert float(one["prediction"]) == prediction and one["endpoint"] == "credit"
    assert len(rows_of(log(folder, "query", "--id", "order-17"))) == 1
    one = list(sent)[5]
    assert [f["id"] for f in rows_of(log(folder, "query", "--id", one))] == [one]
    assert rows_of(log(folder, "query", "--endpoint", "other")) == []
    assert rows_of(log(folder, "query", "--until", "1h")) == []
    assert len(rows_of(log(folder, "query", "--since", "1h", "--limit", 7))) == 7
    tail = [json.loads(line) for line in
            log(folder, "tail", "--rows", 2, "--format", "jsonl").splitlines()]
    assert tail[-1]["id"] == "order-17#0" and len(tail) == 2
    assert tail[-1]["inputs"]["months_since_late"] == 2 and tail[-1]["version"] == 1
    log(folder, "export", "-o", tmp_path / "all.csv")
    assert rows_of((tmp_path / "all.csv").read_text()) == found
    typed, _ = arrow_of(folder, tmp_path / "all.arrow")
    for plain, one in zip(found, typed, strict=True):
        assert {k: v for k, v in one.items() if isinstance(v, str)} == {
            k: plain[k] for k in ("id", "endpoint", "model")} and one["version"] == 1
        assert one["time"].timestamp() == \
            datetime.datetime.fromisoformat(plain["time"].replace("Z", "+00:00")).timestamp()
        assert [one[c] for c in (*COLUMNS, "prediction")] == [
            float(plain[c]) if plain[c] else None for c in (*COLUMNS, "prediction")]
    stat = json.loads(log(folder, "stat", "--json"))
    assert stat["rows"] == 121 and stat["damaged_blocks"] == 0
    assert stat["versions"][0]["answer"] == "probability"


def test_versions_and_protocols(serve, folder):
    server = serve(f"credit={MODEL}", "--log", "on")
    send(server, [row(0)])
    server.post("/v2/repository/models/credit/load").raise_for_status()
    tensor = {"name": "rows", "shape": [2, 8], "datatype": "FP64",
              "data": [[0 if v is None else v for v in row(i)] for i in (1, 2)]}
    answer = server.post("/v2/models/credit/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    wait_written(server, 3)
    found = rows_of(log(folder, "query"))
    assert [(f["version"], f["income"]) for f in found] == [
        ("1", "3000"), ("2", "3001"), ("2", "3002")]
    assert found[0]["model"] == found[1]["model"]  # the same file, loaded twice
    assert found[1]["id"] == answer.headers["X-Request-ID"] + "#0"
    assert len(rows_of(log(folder, "query", "--model-version", 2))) == 2


def test_private_columns_never_reach_the_disk(serve, folder, tmp_path):
    server = serve(f"credit={MODEL}", "--log", "on", "--log-hash", "income", "--log-drop",
                   "age,months_customer")
    for i in range(3):
        send(server, [[1, 2, 1, 2, 271828.25, 31, 7, 8 + i]])
    wait_written(server, 3)
    found = rows_of(log(folder, "query"))
    assert len({f["income"] for f in found}) == 1 and len(found[0]["income"]) == 16
    assert {f["age"] for f in found} == {f["months_customer"] for f in found} == {""}
    typed, kinds = arrow_of(folder, tmp_path / "private.arrow")
    assert [t["income"] for t in typed] == [f["income"] for f in found]  # a text; the others are
    assert {t["age"] for t in typed} == {None} and typed[2]["last_payment"] == 10  # numbers still
    assert "double" in kinds["age"] and "string" in kinds["income"]
    assert "hashed income" in log(folder, "stat") and "dropped age,months_customer" in \
        log(folder, "stat")


def explained(run, model, rows):
    """What mw explain says of the rows: a block of lines for each class."""
    text = io.StringIO()
    csv.writer(text).writerows([rows[0].keys(), *(row.values() for row in rows)])
    done = run("explain", model, "-", input=text.getvalue())
    assert done.returncode == 0, done.stderr
    return rows_of(done.stdout)


def is_near(one, other):
    """Contributions are kept as float32."""
    assert one.keys() == other.keys()
    largest = max(map(abs, other.values()))
    return all(abs(one[name] - other[name]) <= 1e-6 * largest for name in one)


def test_contributions_are_kept_with_their_rows(serve, run, tmp_path):
    """Those that mw explain tells of the same rows, of the predicted class where there are several;
    of the endpoints that ask for them, as far as their models can be explained."""
    bare = (ROOT / "examples/models/price.txt").read_text().splitlines(keepends=True)
    (tmp_path / "bare.txt").write_text("".join(
        line for line in bare if not re.match("(leaf|internal)_(count|weight)=", line)))
    plan = ROOT / "examples/models/plan.ubj"
    (tmp_path / "mw.yaml").write_text(f"""
prediction_log: {{to: on, contributions: 1, hash: income, drop: "payments_late,devices"}}
endpoints:
  - {{name: credit, model: {MODEL}}}
  - {{name: plan, model: {plan}}}
  - {{name: silent, model: {MODEL}, log_contributions: 0}}
  - {{name: bare, model: {tmp_path}/bare.txt}}
""")
    server = serve("--config", tmp_path / "mw.yaml")
    server.wait_said("contributions of 'bare' version 1 cannot be had.*how many rows each node saw")
    asked = {"credit": [dict(zip(COLUMNS, row(i))) for i in range(20)]}
    asked["silent"] = asked["credit"]
    for name, file in (("plan", "plan.csv"), ("bare", "price.csv")):
        with (ROOT / "examples" / file).open() as lines:
            asked[name] = list(itertools.islice(csv.DictReader(lines), 20))
    for name, table in asked.items():
        body = io.StringIO()
        csv.writer(body).writerows([table[0].keys(), *(each.values() for each in table)])
        server.post(f"/endpoints/{name}/invocations", data=body.getvalue(),
                    headers={"Content-Type": "text/csv"}).raise_for_status()
    wait_written(server, 80)
    assert server.samples()['mw_log_contributions_total{result="written"}'] == 40
    folder = tmp_path / "data/log"
    lines = [json.loads(line) for line in log(folder, "query", "--format", "jsonl").splitlines()]
    by_id = {line["id"]: line for line in lines}
    hidden = {"credit": ("income", "payments_late"), "plan": ("devices",)}
    for name, model, classes in (("credit", MODEL, 1), ("plan", plan, 4)):
        told = explained(run, model, asked[name])
        found = rows_of(log(folder, "query", "--endpoint", name))
        assert len(found) == 20 and len(told) == 20 * classes
        public = [column for column in asked[name][0] if column not in hidden[name]]
        for i, one in enumerate(found):
            shares = by_id[one["id"]]["prediction"] if classes > 1 else [1]
            want = told[20 * shares.index(max(shares)) + i]
            want = {column: float(want[column]) for column in (*public, "bias")}
            got = {column: float(one[f"contribution.{column}"]) for column in public}
            assert is_near({**got, "bias": float(one["contribution_bias"])}, want)
            assert all(one[f"contribution.{column}"] == "" for column in hidden[name])
            line = by_id[one["id"]]
            assert line["contributions"] == got and line["bias"] == float(one["contribution_bias"])
    for name in ("silent", "bare"):
        quiet = rows_of(log(folder, "query", "--endpoint", name))
        assert quiet and not any(column.startswith("contribution") for column in quiet[0])
        assert all("bias" not in line for line in lines if line["endpoint"] == name)
    assert log(folder, "stat").count("with contributions") == 2
    typed, kinds = arrow_of(folder, tmp_path / "all.arrow")
    assert "double" in kinds["contribution.age"] and "double" in kinds["contribution_bias"]
    for one in typed:
        said = by_id[one["id"]].get("contributions", {})
        assert {column: struct.unpack("f", struct.pack("f", value))[0]
                for column, value in said.items()} == {
            column[13:]: value for column, value in one.items()
            if column.startswith("contribution.") and value is not None}


@pytest.mark.parametrize("how,code", [
    (["--log-contributions", "0.5"], "MW1005"),
    (["--log", "on", "--log-contributions", "2"], "MW1005"),
    (["--watch", "off", "--watch-contributions", "1"], "MW1005"),
    (["--config", "mw.yaml"], "MW8405")])
def test_contributions_that_cannot_be_kept(run, tmp_path, how, code):
    (tmp_path / "mw.yaml").write_text(
        f"endpoints: [{{name: a, model: {MODEL}, log_contributions: 0.1}}]\n")
    done = run("serve", *([f"credit={MODEL}"] if "--config" not in how else []), "--listen",
               "127.0.0.1:0", *how, cwd=tmp_path)
    assert done.returncode not in (0, 6) and code in done.stderr and "fix:" in done.stderr


def test_sample_and_off(serve, folder, tmp_path):
    server = serve(f"credit={MODEL}", "--log", tmp_path / "elsewhere", "--log-sample", "0")
    send(server, [row(0)])
    assert server.samples()['mw_log_rows_total{result="unsampled"}'] == 1
    assert (tmp_path / "elsewhere").is_dir() and not folder.exists()
    plain = serve(f"credit={MODEL}")
    send(plain, [row(0)])
    assert "mw_log_rows_total" not in plain.get("/metrics").text
    missing = subprocess.run([BINARY, "log", "query", "--log", folder], capture_output=True,
                             text=True, check=False)
    assert missing.returncode == 3 and "MW8402" in missing.stderr and "--log on" in missing.stderr


@pytest.fixture
def small_disk(tmp_path):
    """The server's folder on a disk of 6 MiB."""
    place = tmp_path / "data"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk may be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_alarmed(small_disk, serve):
    """Answers go on, what is not kept is told: alerts have room of their own."""
    server = serve(f"credit={MODEL}", "--log", "on")
    send(server, [row(0)] * 50)
    wait_written(server, 50)
    ballast = small_disk / "alerts.ballast"
    until(lambda: ballast.exists() and ballast.stat().st_blocks * 512 == ballast.stat().st_size)
    fill(small_disk / "others")
    def some_dropped():
        send(server, [row(random.random()) for _ in range(500)])
        return server.samples()['mw_log_rows_total{result="dropped"}']
    until(some_dropped)
    alerts = until(lambda: server.get("/mw/v1/alerts?state=firing").json()["items"])
    told = {alert["rule"]: alert["summary"] for alert in alerts}
    assert int(told["PredictionsNotKept"].split()[0]) > 0, told

    def more_is_written():  # until the log of the alerts' book has no room of its own left
        silence = server.post("/mw/v1/silences", json={"match": 'a="b"', "seconds": 60})
        if silence.status_code != 507:
            server.session.delete(f"{server.url}/mw/v1/silences/{silence.json()['id']}")
        return "the disk is full: alerts take the room" in server.said()
    until(more_is_written)
    assert not ballast.exists()
    (small_disk / "others").unlink()
    until(ballast.exists)


def test_kill_9_loses_nothing_that_was_written(serve, folder):
    total = 0
    for _ in range(2):
        server = serve(f"credit={MODEL}", "--log", "on")
        for i in range(20):
            send(server, [row(i)] * 50)
        wait_written(server, 1000)
        total += 1000
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    tail = max(pathlib.Path(folder).glob("predictions-*.log"))
    with tail.open("ab") as file:
        file.write(b"MWB1 half of a block")
    server = serve(f"credit={MODEL}", "--log", "on")
    server.wait_said("20 bytes at its end were torn and are cut off")
    assert len(rows_of(log(folder, "query"))) == total
    send(server, [row(0)])
    wait_written(server, 1)
    assert len(rows_of(log(folder, "query"))) == total + 1


def test_one_server_a_folder(serve, folder):
    serve(f"credit={MODEL}", "--log", "on")
    second = subprocess.run([BINARY, "serve", MODEL, "--listen", "127.0.0.1:0", "--log", folder],
                            capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 5 and "MW8401" in second.stderr


def has_librdkafka():
    try:
        return bool(ctypes.CDLL("librdkafka.so.1"))
    except OSError:
        return False


@pytest.mark.skipif(not has_librdkafka(), reason="librdkafka1 is not installed")
def test_rows_go_to_a_topic_too(serve, folder, tmp_path):
    """Against the mock cluster in librdkafka; what arrives there: tests/journal/test_kafka.c."""
    settings = tmp_path / "kafka.properties"
    settings.write_text("# a cluster within the library\ntest.mock.num.brokers=1\n")
    server = serve(f"credit={MODEL}", "--log", "on", "--log-kafka", "nowhere:1/predictions",
                   "--log-kafka-settings", settings)
    for i in range(3):
        send(server, [row(10 * i + r) for r in range(4)])
    wait_written(server, 12)
    end = time.monotonic() + 20
    while server.samples()['mw_log_kafka_rows_total{result="sent"}'] < 12:
        assert time.monotonic() < end, server.samples()
        time.sleep(0.1)
    assert server.samples()['mw_log_kafka_rows_total{result="dropped"}'] == 0
    assert len(rows_of(log(folder, "query"))) == 12


@pytest.mark.skipif(not has_librdkafka(), reason="librdkafka1 is not installed")
def test_nobody_takes_them(serve, tmp_path):
    """No broker in time: dropped, counted, and alarmed; what the disk has is whole."""
    settings = tmp_path / "kafka.properties"
    settings.write_text("message.timeout.ms=1000\n")
    server = serve(f"credit={MODEL}", "--log", "on", "--log-kafka", "127.0.0.1:9/predictions",
                   "--log-kafka-settings", settings)
    send(server, [row(r) for r in range(4)])
    until(lambda: server.samples()['mw_log_kafka_rows_total{result="dropped"}'] == 4)
    found, = until(lambda: server.get("/mw/v1/alerts?state=firing").json()["items"])
    assert found["rule"] == "PredictionsNotSent" and "4" in found["summary"]
    wait_written(server, 4)


@pytest.mark.parametrize("log_to,topic,off,code", [
    ("off", "broker:9092/t", None, "MW1005"), ("on", "broker:9092", None, "MW8412"),
    ("on", "broker:9092/t", "off", "MW8413")])
def test_topics_that_are_refused(run, tmp_path, log_to, topic, off, code):
    done = run("serve", f"credit={MODEL}", "--listen", "127.0.0.1:0", "--log", log_to,
               "--log-kafka", topic, cwd=tmp_path, env={"MW_LIBRDKAFKA": off} if off else None)
    assert done.returncode not in (0, 6) and code in done.stderr and "fix:" in done.stderr
