"""Deploys and rollbacks under load: no request may be lost, and none may wait long.

    MW_BINARY=build/millwright .venv-test/bin/python bench/rollout.py [--cycles 100] [--clients 4]

A server with a record and two versions; clients ask without a pause while one cycle after the other
brings version 2 to all of the traffic (blue-green) and rolls it back. Prints how many requests were
answered, failed or cut off, how long a rollback took to be seen by clients, and p99 of the answers
in the cycles against steady traffic.
"""
import argparse
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

os.environ["MLFLOW_LOGGING_LEVEL"] = "ERROR"
ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("MW_BINARY", ROOT / "build/millwright")
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


class Client(threading.Thread):
    def __init__(self, port):
        super().__init__()
        self.port, self.ends, self.seen, self.failed = port, False, [], 0

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.ends:
            began = time.monotonic()
            try:
                connection.request("POST", "/endpoints/credit/invocations", BODY,
                                   {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.failed += 1
                connection.close()
                continue
            now = time.monotonic()
            self.failed += answer.status != 200
            self.seen.append((now, now - began, answer.headers.get("X-Millwright-Version")))


class Control:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def until(self, state):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.ask("GET", "/mw/v1/endpoints/credit/rollout")[1]["state"] == state:
                return
            time.sleep(0.02)
        raise SystemExit(f"no rollout came to be {state}")


def p99(latencies):
    return sorted(latencies)[int(0.99 * len(latencies))] * 1e3 if latencies else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_versions(folder)
        process, announced = start(folder, "credit=models:/credit@champion")
        time.sleep(1)
        clients = [Client(announced["port"]) for _ in range(wanted.clients)]
        for client in clients:
            client.start()
        time.sleep(3)
        control, began, back = Control(announced["port"]), time.monotonic(), []
        for _ in range(wanted.cycles):
            status, told = control.ask("POST", "/mw/v1/rollouts", {
                "endpoint": "credit", "model": "credit/2", "strategy": "blue-green"})
            assert status == 201, told
            control.until("watching")
            time.sleep(0.15)
            asked = time.monotonic()
            status, told = control.ask("POST", "/mw/v1/endpoints/credit/rollout:rollback", {})
            assert status == 200, told
            time.sleep(0.4)
            late = [at for client in clients for at, _, version in client.seen[-4000:]
                    if at > asked and version == "2"]
            back.append(max(late, default=asked) - asked)
        ended = time.monotonic()
        for client in clients:
            client.ends = True
            client.join()
        process.terminate()
        code = process.wait()
        seen = [one for client in clients for one in client.seen]
        steady = [took for at, took, _ in seen if at < began]
        cycles = [took for at, took, _ in seen if began <= at < ended]
        print(f"cycles            {wanted.cycles} in {ended - began:.0f} s")
        print(f"requests          {len(seen)}, not answered with 200: "
              f"{sum(client.failed for client in clients)}")
        print(f"rollback seen     p50 {sorted(back)[len(back) // 2] * 1e3:.0f} ms, "
              f"most {max(back) * 1e3:.0f} ms")
        print(f"p99               steady {p99(steady):.2f} ms, in cycles {p99(cycles):.2f} ms "
              f"({p99(cycles) / p99(steady):.2f} times)")
        print(f"exit code         {code}")


if __name__ == "__main__":
    main()
