"""One row a call, each call another row, which stands ready in the engine's own type.

From C: bench/one_row with the shared libraries of the peers that have a C interface. A peer that is
compiled from the model is built here, once, in the folder of the models. From Python: the other
engines. A single row again and again would train caches and branch predictors for that row alone.
"""
import json
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np

N_ROWS = 4096
# From Python: rows that take turns, calls between two looks at the clock.
N_ROWS_PYTHON, CALLS, ROUNDS = 1024, 64, 7
TOLERANCE = 2e-6
COMPILE_SECONDS = 600


def inside(package, *names):
    """The first of these files in an installed package."""
    module = __import__(package)
    folder = pathlib.Path(module.__file__).parent
    return next(folder / name for name in names if (folder / name).exists())


def compiled_catboost(entry, folder):
    """CatBoost's own C++ export, behind a C function."""
    import catboost
    library = folder / f"{entry.name}_catboost.so"
    if not library.exists():
        source = folder / f"{entry.name}_catboost.cpp"
        model = catboost.CatBoostClassifier()
        model.load_model(str(entry.trained))
        model.save_model(str(source), format="cpp")
        n = entry.rows.shape[1]
        source.write_text(source.read_text() + f"""
extern "C" double apply(const float *row)
{{
    static thread_local std::vector<float> features({n});
    features.assign(row, row + {n});
    return ApplyCatboostModel(features);
}}
""")
        subprocess.run(["g++", "-O3", "-march=native", "-shared", "-fPIC", "-std=c++14", "-o",
                        library, source], check=True, capture_output=True, timeout=COMPILE_SECONDS)
    return library


def compiled_lleaves(entry, folder):
    library = folder / f"{entry.name}_lleaves.so"
    subprocess.run(["gcc", "-shared", "-o", library, folder / f"{entry.name}_lleaves.o"],
                   check=True, capture_output=True)
    return library


# (name for bench/one_row, takes the entry, finds the library)
PEERS = [
    ("xgboost", lambda e: e.family == "xgboost",
     lambda e, f: inside("xgboost", "lib/libxgboost.so")),
    ("lightgbm", lambda e: e.family == "lightgbm",
     lambda e, f: inside("lightgbm", "lib/lib_lightgbm.so", "lib_lightgbm.so")),
    ("catboost", lambda e: e.family == "catboost", compiled_catboost),
    ("tl2cgen", lambda e: e.family in ("xgboost", "lightgbm") and e.n_outputs == 1,
     lambda e, f: f / f"{e.name}_tl2cgen.so"),
    ("lleaves", lambda e: e.family == "lightgbm", compiled_lleaves),
]


def time_calls(calls, rounds=ROUNDS):
    """Seconds a call: the median over runs of CALLS calls, the least of all rounds."""
    found = []
    for _ in range(rounds):
        times = []
        for first in range(0, len(calls), CALLS):
            run = calls[first:first + CALLS]
            began = time.perf_counter()
            for call in run:
                call()
            times.append((time.perf_counter() - began) / len(run))
        found.append(statistics.median(times))
    return min(found)


def measure_python(entry, engines):
    """{engine: microseconds a row}. The rows are views of one array, so that they follow each other
    in memory as they do in C; what an engine makes of a row is made before the time is taken."""
    found = {}
    for engine in engines:
        rows = np.ascontiguousarray(entry.rows[:N_ROWS_PYTHON], engine.row_dtype)
        calls = [engine.call(rows[i:i + 1]) for i in range(len(rows))]
        time_calls(calls, rounds=1)
        found[engine.name] = 1e6 * time_calls(calls)
    return found


def measure_kernel(entry, folder, program, kernel):
    """Millwright's microseconds a row by this kernel of its own."""
    done = subprocess.run([program, entry.file, folder / f"{entry.name}.rows",
                           str(min(N_ROWS, len(entry.rows))), str(entry.rows.shape[1])],
                          env={**os.environ, "MW_CPU": kernel}, capture_output=True, text=True,
                          timeout=600, check=True)
    return json.loads(done.stdout)["Millwright"]["us"]


def measure_c(entry, folder, program, missing):
    """{engine: microseconds a row}, Millwright among them."""
    rows = folder / f"{entry.name}.rows"
    np.ascontiguousarray(entry.rows[:N_ROWS], np.float32).tofile(rows)
    arguments = []
    for name, takes, find in PEERS:
        if not takes(entry):
            continue
        try:
            library = find(entry, folder)
            if not pathlib.Path(library).exists():
                raise FileNotFoundError(library.name)
            arguments.append(f"{name}={library}")
        except Exception as error:  # its own affair, as in trees.py
            missing[f"{name} from C"] = f"{type(error).__name__}: {str(error)[:100]}"
    done = subprocess.run([program, entry.file, rows, str(min(N_ROWS, len(entry.rows))),
                           str(entry.rows.shape[1]), *arguments], capture_output=True, text=True,
                          timeout=600, check=False)
    if done.returncode:
        missing["one row from C"] = done.stderr.strip()[-200:]
        return {}
    found = json.loads(done.stdout)
    for name in [name for name in found if found[name]["off"] > TOLERANCE]:
        missing[f"{name} from C"] = f"answers differ by up to {found.pop(name)['off']:.2g}"
    return {name: of["us"] for name, of in found.items()}
