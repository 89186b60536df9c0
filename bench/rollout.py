"""Deploys and rollbacks under load: no request may be lost, and none may wait long.

    MW_BINARY=build/millwright .venv-test/bin/python bench/rollout.py [--cycles 1000] [--seconds S]

A server with a record and two versions; processes ask without a pause while one cycle after the
other brings version 2 to all of the traffic (blue-green) and rolls it back. A request is lost when
its connection ends without an answer, and failed when the answer is not 200. A request is in a swap
when it is under way between the order to deploy, or to roll back, and 50 ms behind the moment that
the server says it is done; it is steady otherwise, so that both come from the same minutes. The
last line is the result; the exit code is 0 when all cycles were done, each was seen by clients, and
nothing was lost or failed.
"""
import argparse
import http.client
import json
import math
import multiprocessing
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("MW_BINARY", ROOT / "build/millwright")
SETTLE_S = 0.05
BODY = json.dumps({"dataframe_split": {"columns": ["a", "b", "c"], "data": [[0.1, -0.2, 0.3]]}})


def start(folder, *models):
    process = subprocess.Popen(
        [BINARY, "serve", *models, "--json", "--record", folder / "record", "--listen",
         "127.0.0.1:0", "--data", folder / "data"], stdout=subprocess.PIPE, text=True,
        stderr=(folder / "log").open("ab"))
    return process, json.loads(process.stdout.readline())


def make_versions(folder):
    import mlflow
    import numpy
    import xgboost
    process, announced = start(folder)
    mlflow.set_tracking_uri(announced["url"])
    rows = numpy.random.default_rng(1).normal(size=(500, 3))
    for rounds in (20, 21):
        booster = xgboost.train({"max_depth": 4, "objective": "binary:logistic", "nthread": 1},
                                xgboost.DMatrix(rows, rows[:, 0] > 0,
                                                feature_names=["a", "b", "c"]), rounds)
        with mlflow.start_run():
            mlflow.xgboost.log_model(booster, name="m", registered_model_name="credit",
                                     pip_requirements=["xgboost"])
    mlflow.MlflowClient().set_registered_model_alias("credit", "champion", "1")
    process.terminate()
    process.wait()


def read_answer(stream):
    """Status and version of one answer; the body is read, too."""
    status, version, length = int(stream.readline().split(b" ", 2)[1]), 0, 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"x-millwright-version":
            version = int(value)
    if len(stream.read(length)) != length:
        raise OSError("cut off")
    return status, version


BUCKETS_PER_TENFOLD, BUCKETS = 400, 400 * 9  # of 0.6 %, from a microsecond to a quarter hour


def bucket_of(seconds):
    return min(BUCKETS - 1, max(0, int(BUCKETS_PER_TENFOLD * (math.log10(seconds) + 6))))


class Seen:
    """What a client saw: latencies in swaps and out of them; of each phase, who answered."""

    def __init__(self):
        self.latencies = ([0] * BUCKETS, [0] * BUCKETS)
        self.phases = {}  # phase -> [by the old version, by the new, when the last of these began]
        self.lost = self.failed = 0

    def add(self, began, phases, status, version):
        self.failed += status != 200
        self.latencies[any(phase & 1 for phase in phases)][
            bucket_of(time.monotonic() - began)] += 1
        of = self.phases.setdefault(phases[0], [0, 0, 0.0])
        of[version == 2] += 1
        if version == 2:
            of[2] = began

    def merge(self, other):
        self.lost += other.lost
        self.failed += other.failed
        for mine, theirs in zip(self.latencies, other.latencies):
            mine[:] = map(sum, zip(mine, theirs))
        for phase, (old, new, last) in other.phases.items():
            of = self.phases.setdefault(phase, [0, 0, 0.0])
            of[:] = [of[0] + old, of[1] + new, max(of[2], last)]

    def p99(self, in_swap):
        counts, below = self.latencies[in_swap], 0
        for bucket, count in enumerate(counts):
            below += count
            if below >= 0.99 * sum(counts) and below:
                return 1e3 * 10 ** ((bucket + 0.5) / BUCKETS_PER_TENFOLD - 6)
        return float("nan")


def ask_on(port, end, phase, pipe):
    """A client of its own process, one request after the other."""
    request = ("POST /endpoints/credit/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
               f"application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}").encode()
    seen, connection, stream = Seen(), None, None
    while not end.value:
        before, began = phase.value, time.monotonic()
        try:
            if not connection:
                connection = socket.create_connection(("127.0.0.1", port), 20)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream = connection.makefile("rb")
            connection.sendall(request)
            status, version = read_answer(stream)
        except (OSError, IndexError, ValueError):
            seen.lost, connection = seen.lost + 1, None
            continue
        seen.add(began, (before, phase.value), status, version)
    pipe.send(seen)


class Control:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def until(self, state):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self.ask("GET", "/mw/v1/endpoints/credit/rollout")[1]["state"] == state:
                return
            time.sleep(0.02)
        raise SystemExit(f"no rollout came to be {state}")


def swap(phase, change):
    """Odd phases are swaps. When it was asked for."""
    phase.value += 1
    asked = time.monotonic()
    change()
    time.sleep(SETTLE_S)
    phase.value += 1
    return asked


def cycle(control, phase):
    """Version 2 gets all of the traffic, and is rolled back; when that was asked for."""
    def deploy():
        status, told = control.ask("POST", "/mw/v1/rollouts", {
            "endpoint": "credit", "model": "credit/2", "strategy": "blue-green"})
        assert status == 201, told
        control.until("watching")

    def roll_back():
        status, told = control.ask("POST", "/mw/v1/endpoints/credit/rollout:rollback", {})
        assert status == 200, told
    swap(phase, deploy)
    time.sleep(0.2)
    asked = swap(phase, roll_back)
    time.sleep(0.6)  # the server lets go of version 2
    return asked


def measure(control, phase, wanted):
    asked, began = [], time.monotonic()
    for _ in range(wanted.cycles):
        if wanted.seconds and time.monotonic() - began > wanted.seconds:
            break
        asked.append(cycle(control, phase))
    return asked, time.monotonic() - began


def told_of(seen, asked):
    """How long each rollback was not seen by clients, and how many swaps no client saw."""
    back, unseen, none = [], 0, [0, 0, 0.0]
    for i, at in enumerate(asked):  # phases 4i+1 to 4i+4: deploy, new, roll back, old
        _, new, rolling, old = (seen.phases.get(4 * i + k, none) for k in (1, 2, 3, 4))
        back.append(max(0.0, rolling[2] - at, old[2] - at))
        unseen += (new[1] == 0) + (old[0] == 0)
    return back, unseen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seconds", type=float, help="begin no cycle after so many")
    parser.add_argument("--clients", type=int, default=4)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_versions(folder)
        process, announced = start(folder, "credit=models:/credit@champion")
        end, phase = multiprocessing.RawValue("b"), multiprocessing.RawValue("i")
        clients, seen = [], Seen()
        for _ in range(wanted.clients):
            mine, theirs = multiprocessing.Pipe()
            client = multiprocessing.Process(target=ask_on,
                                             args=(announced["port"], end, phase, theirs))
            client.start()
            clients.append((client, mine))
        try:
            time.sleep(2)
            asked, lasted = measure(Control(announced["port"]), phase, wanted)
        finally:
            end.value = 1
            for client, pipe in clients:
                seen.merge(pipe.recv())
                client.join()
            process.terminate()
            code = process.wait()
    back, unseen = told_of(seen, asked)
    back, n_inside, n_steady = sorted(back), sum(seen.latencies[1]), sum(seen.latencies[0])
    steady, inside = seen.p99(False), seen.p99(True)
    print(f"cycles            {len(asked)} of {wanted.cycles} in {lasted:.0f} s, {wanted.clients} "
          f"clients, {(n_inside + n_steady) / (lasted + 2):.0f} requests/s")
    print(f"requests          {n_inside + n_steady} answered, {n_inside} of them in a swap")
    print(f"rollback seen     p50 {back[len(back) // 2] * 1e3:.0f} ms, "
          f"most {back[-1] * 1e3:.0f} ms")
    print(f"p99               steady {steady:.3f} ms, in a swap {inside:.3f} ms")
    print(f"server            exit code {code}")
    print(f"result            cycles {len(asked)}, lost {seen.lost}, failed {seen.failed}, swaps "
          f"not seen {unseen}, p99 in a swap {inside / steady:.2f} x steady")
    is_good = len(asked) == wanted.cycles and not (seen.lost or seen.failed or unseen or code)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
