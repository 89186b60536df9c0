"""What the measurements need: models, bodies, wrk scripts. The same seed, the same files."""
import contextlib
import functools
import json
import multiprocessing.shared_memory
import os
import pathlib

import numpy as np

N_FEATURES, N_TREES, DEPTH = 28, 100, 6
N_TRAIN, N_LARGE = 20000, 10000
NAMES = [f"feature_{i}" for i in range(N_FEATURES)]
CONTENT_TYPE = "application/json"

# Prints what was measured as one line of JSON; latencies in microseconds.
LUA = """wrk.method = "POST"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nresult {{"seconds": %.6f, "requests": %d, "p50": %.1f, "p99": %.1f, "errors": %d}}\\n',
    summary.duration / 1e6, summary.requests, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def training_data():
    random = np.random.default_rng(2026)
    rows = random.normal(size=(N_TRAIN, N_FEATURES)).astype(np.float32)
    target = rows[:, 0] * rows[:, 1] + rows[:, 2] + random.normal(size=N_TRAIN) > 0
    return rows, target.astype(int)


def train_xgboost(rows, target, file):
    import xgboost
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": DEPTH, "nthread": 2},
                            xgboost.DMatrix(rows, target, feature_names=NAMES), N_TREES)
    booster.save_model(file)
    return booster


def train_lightgbm(rows, target, file):
    """Of the same size: as many leaves as a tree of that depth has."""
    import lightgbm
    booster = lightgbm.train(
        {"objective": "binary", "num_leaves": 2 ** DEPTH, "max_depth": DEPTH, "verbose": -1,
         "num_threads": 2},
        lightgbm.Dataset(rows, target, feature_name=NAMES), N_TREES)
    booster.save_model(file)
    return booster


def split_body(rows, digits):
    data = [[round(float(value), digits) for value in row] for row in rows]
    return json.dumps({"dataframe_split": {"columns": NAMES, "data": data}}).encode()


class Material:
    """Everything in one folder. What only some measures need is made when it is asked for."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.rows, self.target = training_data()
        self.xgboost_file = self.folder / "xgboost.json"
        self.lightgbm_file = self.folder / "lightgbm.txt"
        self.xgboost = train_xgboost(self.rows, self.target, self.xgboost_file)
        self.one_body = split_body(self.rows[:1], 4)
        self.one_script = self.script("one", self.one_body)

    @functools.cached_property
    def lightgbm(self):
        return train_lightgbm(self.rows, self.target, self.lightgbm_file)

    def large(self, digits):
        """A body of many rows whose numbers have so many decimals, and wrk's script for it."""
        body = split_body(self.rows[:N_LARGE], digits)
        return body, self.script(f"large-{digits}", body)

    def tensor(self, n_rows, binary_answer=False):
        """An Open Inference request of so many rows as one binary tensor: body, headers, script."""
        rows = np.ascontiguousarray(self.rows[:n_rows])
        head = json.dumps({"inputs": [{
            "name": "input", "shape": list(rows.shape), "datatype": "FP32",
            "parameters": {"binary_data_size": rows.nbytes}}],
            "parameters": {"binary_data_output": binary_answer}}).encode()
        headers = {"Content-Type": "application/octet-stream",
                   "Inference-Header-Content-Length": str(len(head))}
        body = head + rows.tobytes()
        return body, headers, self.script(f"tensor-{n_rows}", body, headers)

    @contextlib.contextmanager
    def shared_tensor(self, n_rows):
        """The same in shared memory, rows and answer: what registers its region, a body, wrk's
        script; gone behind the block."""
        rows = np.ascontiguousarray(self.rows[:n_rows])
        memory = multiprocessing.shared_memory.SharedMemory(create=True,
                                                            size=rows.nbytes + 4 * n_rows)

        def place(size, offset):
            return {"shared_memory_region": "bench", "shared_memory_byte_size": size,
                    "shared_memory_offset": offset}
        try:
            memory.buf[:rows.nbytes] = rows.tobytes()
            region = {"key": memory.name, "offset": 0, "byte_size": rows.nbytes + 4 * n_rows}
            body = json.dumps({
                "inputs": [{"name": "input", "shape": list(rows.shape), "datatype": "FP32",
                            "parameters": place(rows.nbytes, 0)}],
                "outputs": [{"name": "output",
                             "parameters": place(4 * n_rows, rows.nbytes)}]}).encode()
            yield json.dumps(region).encode(), body, self.script(f"shared-{n_rows}", body)
        finally:
            memory.close()
            memory.unlink()

    def script(self, name, body, headers=None):
        (self.folder / f"{name}.body").write_bytes(body)
        headers = headers or {"Content-Type": CONTENT_TYPE}
        lines = "\n".join(f'wrk.headers["{key}"] = "{value}"' for key, value in headers.items())
        path = self.folder / f"{name}.lua"
        path.write_text(LUA.format(body=self.folder / f"{name}.body", headers=lines),
                        encoding="utf-8")
        return path

    def mlflow_folder(self):
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        import mlflow.xgboost
        path = self.folder / "mlflow-model"
        if not path.exists():
            mlflow.xgboost.save_model(self.xgboost, path, pip_requirements=[])
        return path
