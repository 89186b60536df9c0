#!/usr/bin/env python3
"""The record beside MLflow's own tracking server, both on SQLite, in one run on this machine.

    make bench-record
    python bench/record.py [--binary build/millwright] [--mlflow PYTHON] [--runs 100000]

Clients keep their connection, set TCP_NODELAY, and wait for each answer. A metric that is answered
is committed, on both sides. MLflow is given a tenth of the runs for searches (it needs minutes to
be filled), which flatters it. Printed is the median of the rounds; a goal that is missed is said to
be, and the exit code is 1 only when something could not be measured.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import servers
from run import Row, summary, table

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples/models/credit.json"
METRICS, PARAMS = ("auc", "logloss", "rmse", "f1"), ("depth", "eta", "rounds", "subsample")
CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
BATCH, FILL_PROCESSES, SEARCHES = 1000, 4, 5


class Client:
    """One connection; a request is one send, an answer is read to its length. Where the server has
    closed the connection the request is sent anew, as MLflow's own client does."""

    RETRIES = 3

    def __init__(self, port):
        self.port = port
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), 120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_answer(self):
        """Most answers come whole: a generator that takes long would be what is measured."""
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.receive()
        head, _, body = text.partition(b"\r\n\r\n")
        told = CONTENT_LENGTH.search(head)
        while told and len(body) < int(told[1]):
            body += self.receive()
        return int(head.split(b" ", 2)[1]), body

    def receive(self):
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("closed")
        return part

    def post(self, path, body, prefix="/api/2.0/mlflow/"):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = (f"POST {prefix}{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
                   ).encode() + text
        for attempt in range(self.RETRIES + 1):
            try:
                self.socket.sendall(request)
                status, answer = self.read_answer()
                break
            except ConnectionError:
                if attempt == self.RETRIES:
                    raise RuntimeError(f"{path}: the connection was closed") from None
                self.connect()
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer[:300]}")
        return answer

    def new_run(self, **more):
        answer = self.post("runs/create", {"experiment_id": "0", "start_time": 5, **more})
        return json.loads(answer)["run"]["info"]["run_id"]


# ---- load --------------------------------------------------------------------------------------


def metric_bodies(run, seed):
    for step in range(10**9):
        yield (f'{{"run_id": "{run}", "key": "loss", "value": {seed + 1 / (step + 1)}, '
               f'"timestamp": {1700000000000 + step}, "step": {step}}}').encode()


def batch_bodies(run, seed):
    for n in range(10**6):
        yield json.dumps({"run_id": run, "metrics": [
            {"key": f"m{i % 10}", "value": seed + i / 8, "timestamp": 1700000000000 + n,
             "step": n * BATCH + i} for i in range(BATCH)]}).encode()


def log_for(port, path, bodies, seconds, seed, begin, results):
    count = 0
    try:
        client = Client(port)
        made = bodies(client.new_run(), seed)
        begin.wait()
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            client.post(path, next(made))
            count += 1
        results.put(count / (now - began))
    except (RuntimeError, OSError, threading.BrokenBarrierError) as problem:
        begin.abort()
        results.put(problem)


class Loggers:
    """So many clients, a process each, that log as fast as they are answered."""

    def __init__(self, server, path, bodies, seconds, n_clients):
        begin, self.results = multiprocessing.Barrier(n_clients), multiprocessing.Queue()
        self.seconds = seconds
        self.workers = [multiprocessing.Process(target=log_for, args=(
            server.port, path, bodies, seconds, seed, begin, self.results))
            for seed in range(n_clients)]
        for worker in self.workers:
            worker.start()

    def rate(self):
        """Waits for the end; requests a second of all."""
        found = [self.results.get(timeout=self.seconds * 10 + 120) for _ in self.workers]
        for worker in self.workers:
            worker.join()
        if problems := [each for each in found if isinstance(each, Exception)]:
            raise RuntimeError(problems[0])
        return sum(found)


def fill(port, first, last, step):
    client = Client(port)
    dice = random.Random(first)
    for i in range(first, last, step):
        run = client.new_run(start_time=1700000000000 + i, run_name=f"run-{i}",
                             tags=[{"key": "mlflow.user", "value": "ann"}])
        client.post("runs/log-batch", {"run_id": run, "metrics": [
            {"key": key, "value": dice.random(), "timestamp": 1700000000000, "step": 0}
            for key in METRICS], "params": [
            {"key": key, "value": str(dice.randrange(10))} for key in PARAMS]
            + [{"key": "seed", "value": str(i)}]})


def fill_all(server, n_runs):
    workers = [multiprocessing.Process(target=fill, args=(
        server.port, first, n_runs, FILL_PROCESSES)) for first in range(FILL_PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise RuntimeError("the runs could not be made")


def search_ms(server, **query):
    client, times = Client(server.port), []
    body = json.dumps({"experiment_ids": ["0"], "max_results": 100, **query}).encode()
    for _ in range(SEARCHES):
        began = time.perf_counter()
        client.post("runs/search", body)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


# ---- servers -----------------------------------------------------------------------------------


def millwright(options, folder, *models):
    port = servers.free_port()
    return servers.Server([options.binary, "serve", *models, "--record", folder, "--listen",
                           f"127.0.0.1:{port}"], port, "/health",
                          cores=servers.BOTH_CORES)


def mlflow(options, folder):
    port = servers.free_port()
    return servers.Server(
        [options.mlflow, "-m", "mlflow", "server", "--backend-store-uri",
         f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "artifacts",
         "--host", "127.0.0.1", "--port", port], port, "/health", cores=servers.BOTH_CORES,
        MLFLOW_DISABLE_TELEMETRY="true", PYTHONWARNINGS="ignore",
        PATH=f"{pathlib.Path(options.mlflow).parent}:{os.environ['PATH']}")


# ---- the measures ------------------------------------------------------------------------------


def measure_logging(ours, theirs, options):
    cases = [("log-metric, 1 client", "runs/log-metric", metric_bodies, 1, 1, 100),
             ("log-metric, 4 clients", "runs/log-metric", metric_bodies, 4, 1, 300),
             (f"log-batch of {BATCH:,}", "runs/log-batch", batch_bodies, 1, BATCH, 50)]
    for what, path, bodies, n_clients, per_call, goal in cases:
        rounds = {"ours": [], "mlflow": []}
        for _ in range(options.rounds):
            for name, server, other in (("ours", ours, theirs), ("mlflow", theirs, ours)):
                with other.resting():
                    loggers = Loggers(server, path, bodies, options.seconds, n_clients)
                    rounds[name].append(per_call * loggers.rate())
        yield Row(what, statistics.median(rounds["ours"]), "metrics/s", "mlflow",
                  statistics.median(rounds["mlflow"]), ("at least", goal), rounds=rounds)


def measure_searches(ours, theirs, options):
    fill_all(ours, options.runs)
    fill_all(theirs, options.runs // 10)
    for what, query in (
            ("newest 100", {}), ("by a metric", {"order_by": ["metrics.auc DESC"]}),
            ("a metric above 0.999", {"filter": "metrics.auc > 0.999"}),
            ("one parameter's value", {"filter": f"params.seed = '{options.runs // 20}'"}),
            ("metric and parameter, by a metric", {
                "filter": "metrics.auc > 0.9 AND params.depth = '3'",
                "order_by": ["metrics.logloss ASC"]})):
        yield Row(f"search of {options.runs:,} runs: {what}", search_ms(ours, **query), "ms",
                  f"mlflow, {options.runs // 10:,} runs:", search_ms(theirs, **query),
                  ("at most", 20), of_ratio=False)


def measure_start(options, folder, size_word):
    began = []
    for _ in range(options.rounds):
        with millwright(options, folder) as ours:
            began.append(ours.start_seconds)
            search_ms(ours, order_by=["metrics.auc DESC"])
            memory = ours.memory_bytes()
    yield Row(f"start to ready with {size_word}", statistics.median(began) * 1e3, "ms",
              goal=("at most", 100), of_ratio=False)
    yield Row("  memory after searches", memory / 1e6, "MB", goal=("at most", 60), of_ratio=False)


def predict_p99(port, seconds):
    """99th percentile of one prediction at a time, in microseconds, of one every millisecond."""
    client, times = Client(port), []
    body = json.dumps({"inputs": [[1.0] * len(json.loads(MODEL.read_text(encoding="utf-8"))
                                              ["learner"]["feature_names"])]}).encode()
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        client.post("invocations", body, prefix="/")
        times.append(time.perf_counter() - began)
        time.sleep(0.001)
    return statistics.quantiles(times, n=100)[98] * 1e6


def measure_beside(options, folder):
    """Predictions while four clients log as fast as they can, and while nobody does. The clients
    need processors, too: so the same four load another server for the quiet measure."""
    quiet, busy = [], []
    with millwright(options, folder / "a", MODEL) as ours, \
            millwright(options, folder / "b", MODEL) as other:
        for _ in range(options.rounds):
            for server, found in ((other, quiet), (ours, busy)):
                loggers = Loggers(server, "runs/log-metric", metric_bodies, options.seconds + 1, 4)
                time.sleep(0.5)
                found.append(predict_p99(ours.port, options.seconds))
                loggers.rate()
    yield Row("p99 of a prediction beside 4 logging clients", statistics.median(busy), "us",
              "they log elsewhere:", statistics.median(quiet), ("at most", 1.1),
              rounds={"ours": busy, "elsewhere": quiet})


def measure(options, folder):
    (folder / "record").mkdir()
    with mlflow(options, folder) as theirs:
        with millwright(options, folder / "record") as ours:
            yield Row("start to ready, empty", ours.start_seconds * 1e3, "ms", "mlflow",
                      theirs.start_seconds * 1e3)
            yield from measure_logging(ours, theirs, options)
            yield from measure_searches(ours, theirs, options)
        yield Row("  MLflow's memory", theirs.memory_bytes() / 1e6, "MB")
    yield from measure_start(options, folder / "record", f"{options.runs:,} runs")
    yield from measure_beside(options, folder)


def read_options():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/millwright")
    options.add_argument("--mlflow", default=sys.executable, help="a Python with mlflow in it")
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--runs", type=int, default=100000)
    options.add_argument("--results", type=pathlib.Path, default=ROOT / "bench/results/record.json")
    return options.parse_args()


def main():
    options = read_options()
    rows = []
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mw-record-"))
    try:
        for row in measure(options, folder):
            print(" | ".join(row.cells()), flush=True)
            rows.append(row)
    except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n" + table(rows) + "\n\n" + summary(rows))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps([vars(row) for row in rows], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
