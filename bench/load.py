#!/usr/bin/env python3
"""Time and memory that a large model takes to load, ours beside its own library's.

    MW_LIBRARY=build/include/libmillwright.so python bench/load.py MODEL...

Each reader runs in a process of its own: processor time of the first load, as a server that starts
has it, and the least of several (all threads; others on the machine do not count; a library that
keeps the memory of a model that was freed finds its pages again), how far the first load raised the
peak of resident memory, and what stays. Goals: the library's time, and 2 x the file.
A model's kind is told from its name: xgb*.json, xgb*.ubj, lgb*.txt, cat*.json, cat*.cbm, ort*.onnx.
"""
import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPEATS = 20


def millwright(path):
    sys.path.insert(0, str(ROOT / "tests/oracle"))
    from millwright import Model
    return lambda: Model(path)


def xgboost(path):
    import xgboost as library

    def load():
        booster = library.Booster({"nthread": 1})
        booster.load_model(path)
        return booster
    return load


def lightgbm(path):
    import lightgbm as library
    return lambda: library.Booster(model_file=path, params={"num_threads": 1})


def catboost(path):
    import catboost as library

    def load():
        model = library.CatBoost()
        model.load_model(path, format="json" if path.endswith("json") else "cbm")
        return model
    return load


def onnxruntime(path):
    import onnxruntime as library
    options = library.SessionOptions()
    options.intra_op_num_threads = 1
    return lambda: library.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def peer_of(path):
    name = pathlib.Path(path).name
    return {"xgb": "xgboost", "lgb": "lightgbm", "cat": "catboost", "ort": "onnxruntime"}[name[:3]]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(reader, path):
    """In the child: one load for memory, more for time."""
    load = globals()[reader](path)
    before_peak, before = peak(), resident()
    begin = time.process_time()
    model = load()
    seconds = [time.process_time() - begin]
    figures = {"peak": max(peak() - max(before_peak, before), 0) + max(before_peak - before, 0),
               "kept": resident() - before,
               "says": model.about.memory_bytes if reader == "millwright" else None}
    for _ in range(REPEATS - 1):
        del model
        begin = time.process_time()
        model = load()
        seconds.append(time.process_time() - begin)
    print(json.dumps({**figures, "first": seconds[0], "seconds": min(seconds)}))


def in_child(reader, path):
    command = [sys.executable, __file__, "--child", reader, path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--child", metavar="READER")
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    if args.child:
        measure(args.child, args.models[0])
        return
    print(f"{'model':16} {'MB':>6} {'ours ms':>8} {'first':>6} {'theirs ms':>9} {'first':>6} "
          f"{'ratio':>6}  goal 1.0   "
          f"{'peak/file':>9} {'kept/file':>9}  goal 2.0   {'theirs':>6}")
    for path in args.models:
        size = pathlib.Path(path).stat().st_size
        ours, theirs = in_child("millwright", path), in_child(peer_of(path), path)
        ratio = theirs["seconds"] / ours["seconds"]
        peak_ratio, kept_ratio = ours["peak"] / size, ours["says"] / size
        print(f"{pathlib.Path(path).name:16} {size / 1e6:6.1f} {ours['seconds'] * 1e3:8.1f} "
              f"{ours['first'] * 1e3:6.1f} {theirs['seconds'] * 1e3:9.1f} "
              f"{theirs['first'] * 1e3:6.1f} {ratio:6.2f}  {'met' if ratio >= 1 else 'missed':9}"
              f"  {peak_ratio:9.2f} {kept_ratio:9.2f}  {'met' if peak_ratio <= 2 else 'missed':9}"
              f"  {theirs['peak'] / size:6.2f}")


if __name__ == "__main__":
    main()
