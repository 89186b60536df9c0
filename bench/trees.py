#!/usr/bin/env python3
"""Tree engines side by side: libmillwright and every peer that can be installed, in one run.

    make bench-trees
    .venv-bench-trees/bin/python bench/trees.py --models S,ML --quick

One thread each. Answers are compared first: a peer that answers something else is not measured.
All engines of a model take turns, and the quickest call counts: what the machine can do when
nobody disturbs it. One row, each call another one, is measured from C for Millwright and the peers
that have a C interface (bench/one_row.c), from Python for the others. The table is printed and kept
in bench/results/trees.md and trees.json.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import threading
import time

import numpy as np

import library
import trees_material
import trees_one_row
import trees_peers

ROOT = pathlib.Path(__file__).resolve().parents[1]
BATCHES = (1, 16, 64, 1000, 100000)
# At least so many times the best peer, and the training library, at 100,000 rows; None: no goal.
GOALS = {"S": (8, 15), "M": (8, 15), "L": (8, 15), "MC": (8, 15), "WIDE": (8, 15),
         "SL": (6, 30), "ML": (6, 30), "LL": (6, 30), "CAT": (5, 30),
         "CS": (2.5, None), "CM": (2.5, None), "CL": (2.5, None), "CD10": (2.5, None),
         "CD12": (2.5, None), "RF": (3, None)}
# One row: at least so many times the best peer's cheapest call, and the training library's.
ONE_ROW_GOAL = 4
ONE_ROW_TRAINED = {"xgboost": ("xgboost", 30), "lightgbm": ("lightgbm", 10)}
TWO_THREADS_GOAL = 1.8
# Between one row and a batch: a row takes no longer than alone. Without AVX-512: ahead of all.
FEW_ROWS, FEW_ROWS_GOAL, NARROW_GOAL = (8, 16, 32, 64), 1, 1
# Engines that sum or round in another way.
TOLERANCE = {"ONNX Runtime": 1e-3, "oneDAL": 1e-3, "scikit-learn": 1e-4, "Treelite GTIL": 1e-4}


class Ours:
    name, training_library = "Millwright", False

    def __init__(self, entry, shared):
        self.model = library.Model(shared, entry.file)
        self.n_outputs = entry.n_outputs

    def call(self, rows):
        predict = self.model.predictor(rows, self.n_outputs)

        def answer():
            predict()
            return predict.answers
        return answer


def engines_of(entry, options):
    """[engine], and {name: why it is not there}."""
    engines, missing = [Ours(entry, options.library)], {}
    for peer in trees_peers.PEERS:
        if not peer.reads(entry):
            continue
        try:
            if peer.builds:
                trees_peers.build(peer, entry, options.work, options.build_seconds)
            engines.append(peer(entry, options.work))
        except Exception as error:  # whatever a peer's library throws is its own affair
            missing[peer.name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    return engines, missing


def agreeing(engines, rows, missing):
    """The engines whose answers are ours."""
    found, expected = [], None
    for engine in engines:
        try:
            answers = np.asarray(engine.call(rows)(), dtype=np.float64).reshape(len(rows), -1)
        except Exception as error:
            missing[engine.name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
            continue
        expected = answers.copy() if expected is None else expected
        off = float(np.max(np.abs(answers - expected))) if answers.shape == expected.shape else 9
        if off <= TOLERANCE.get(engine.name, 2e-6):
            found.append(engine)
        else:
            missing[engine.name] = f"answers differ by up to {off:.2g}"
    return found


def measure(entry, engines, options):
    """{batch: {engine: rows a second}}"""
    found = {}
    for batch in BATCHES:
        rows = np.ascontiguousarray(entry.rows[:batch])
        calls = [engine.call(rows) for engine in engines]
        best = library.in_turns(calls, options.rounds, options.seconds)
        found[batch] = {engine.name: batch / time for engine, time in zip(engines, best)}
    return found


TWO_THREADS_ROWS, TWO_THREADS_SECONDS = 2048, 0.005


def two_threads(entry, options):
    """How much quicker two threads are, each with rows and scratch of its own. Both stay alive, and
    short spells are timed, the quickest counting: two cores at once are seldom left alone long."""
    if (library.cores() or 1) < 2:
        return None
    rows = np.ascontiguousarray(entry.rows[:TWO_THREADS_ROWS])
    calls = [Ours(entry, options.library).call(rows.copy()) for _ in range(2)]
    n_calls = max(1, int(TWO_THREADS_SECONDS / library.best_seconds(calls[0], 0.1)))
    gate, ended = threading.Barrier(2), []

    def spell(call):
        for _ in range(n_calls):
            call()

    def other():
        while gate.wait() >= 0 and not ended:
            spell(calls[1])
            gate.wait()

    def both():
        gate.wait()
        spell(calls[0])
        gate.wait()
    helper = threading.Thread(target=other)
    helper.start()
    alone, together = library.in_turns([lambda: spell(calls[0]), both], options.rounds,
                                       options.seconds)
    ended.append(True)
    gate.wait()
    helper.join()
    return 2 * alone / together


def few_rows(entry, options, one_row_line):
    """The least speed of 8 to 64 rows, a row, as a multiple of that of rows one by one from C, each
    call on another row. What Python takes for a call, as it does for one of no rows, is taken off:
    it is more than a small model's row."""
    calls = [Ours(entry, options.library).call(np.ascontiguousarray(entry.rows[:n]))
             for n in (0, *FEW_ROWS)]
    times = library.in_turns(calls, options.rounds, options.seconds)
    alone = one_row_line["us"] / 1e6
    return min(n * alone / (time - times[0]) for n, time in zip(FEW_ROWS, times[1:]))


class Narrow:
    """Our kernels without AVX-512, while the model is loaded."""

    def __init__(self, entry, options):
        os.environ["MW_CPU"] = "avx2"
        try:
            self.call = Ours(entry, options.library).call
        finally:
            del os.environ["MW_CPU"]


def narrow(entry, engines, line, one_row_line, options):
    """Without AVX-512, as multiples of the best peers: the large batch in turns, one row from C."""
    if platform.machine() != "x86_64":
        return None
    best = next(engine for engine in engines if engine.name == line["best_peer"])
    calls = [engine.call(np.ascontiguousarray(entry.rows[:max(BATCHES)]))
             for engine in (Narrow(entry, options), best)]
    ours, theirs = library.in_turns(calls, options.rounds, options.seconds)
    found = {"batch": theirs / ours}
    if one_row_line and entry.family != "sklearn":  # its trees are for no row kernel
        program = options.library.parents[1] / "bench/one_row"
        # one that is named stands alone: what row-avx2 does not take would be the scalar kernel's
        us = min(trees_one_row.measure_kernel(entry, options.work, program, kernel)
                 for kernel in ("row-avx2", "interleaved"))
        found["one_row"] = one_row_line["best_peer_us"] / us
    return found


def show(rate):
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate / 1e3:,.1f} k"


def verdict(ratio, goal):
    return "" if goal is None else "met" if ratio >= goal else "MISSED"


def summary(entry, engines, found):
    """The line of the large batch: best peer, training library, goals."""
    rates = found[max(BATCHES)]
    ours, goals = rates["Millwright"], GOALS[entry.name]
    peers = {name: rate for name, rate in rates.items() if name != "Millwright"}
    best = max(peers, key=peers.get)
    trained = next((engine.name for engine in engines if engine.training_library), "none")
    ratios = ours / peers[best], ours / peers.get(trained, float("inf"))
    return {"model": entry.name, "rows_per_second": ours, "best_peer": best,
            "best_peer_rows_per_second": peers[best], "ratio": ratios[0],
            "goal": verdict(ratios[0], goals[0]), "training_library": trained,
            "training_ratio": ratios[1], "training_goal": verdict(ratios[1], goals[1])}


def one_row(entry, engines, missing, options):
    """The line of one row: from C where an engine has that, else from Python."""
    program = options.library.parents[1] / "bench/one_row"
    from_c = trees_one_row.measure_c(entry, options.work, program, missing)
    if not from_c:
        return None
    others = [engine for engine in engines
              if engine.name != "Millwright" and engine.name.lower() not in from_c]
    in_python = trees_one_row.measure_python(entry, others)
    ours, peers = from_c["Millwright"], {**in_python, **from_c}
    del peers["Millwright"]
    best = min(peers, key=peers.get)
    trained, goal = ONE_ROW_TRAINED.get(entry.family, (None, None))
    line = {"model": entry.name, "us": ours, "best_peer": best, "best_peer_us": peers[best],
            "ratio": peers[best] / ours, "goal": verdict(peers[best] / ours, ONE_ROW_GOAL),
            "all_us": {"Millwright": ours, **peers}}
    if trained in peers:
        line |= {"training_library": trained, "training_ratio": peers[trained] / ours,
                 "training_wanted": goal, "training_goal": verdict(peers[trained] / ours, goal)}
    return line


def one_row_table(results):
    lines = ["", "One row, microseconds a call (from C where an engine has that):", "",
             "| model | Millwright | best peer | ratio | goal | | training library | goal | |",
             "|---|---|---|---|---|---|---|---|---|"]
    for line in [result["one_row"] for result in results if result["one_row"]]:
        trained = "| | | |"
        if "training_library" in line:
            trained = (f"| {line['training_ratio']:.1f} | {line['training_wanted']} "
                       f"| {line['training_goal']} |")
        lines.append(f"| {line['model']} | {line['us']:.2f} | {line['best_peer']} "
                     f"{line['best_peer_us']:.2f} | {line['ratio']:.1f} | {ONE_ROW_GOAL} "
                     f"| {line['goal']} {trained}")
    return lines


def goal_line(title, goal, results, ratio_of):
    said = [f"{r['summary']['model']} {ratio_of(r):.2f} {verdict(ratio_of(r), goal)}"
            for r in results if ratio_of(r)]
    return f"{title} (goal {goal}): {', '.join(said) or 'not measured'}"


def table(results, failed):
    lines = ["| model | rows/s | best peer | ratio | goal | | training library | ratio | goal | |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for result in results:
        s, goal = result["summary"], GOALS[result["summary"]["model"]]
        lines.append(
            f"| {s['model']} | {show(s['rows_per_second'])} | {s['best_peer']} "
            f"{show(s['best_peer_rows_per_second'])} | {s['ratio']:.1f} | {goal[0]} | {s['goal']} "
            f"| {s['training_library']} | {s['training_ratio']:.1f} | {goal[1] or ''} "
            f"| {s['training_goal']} |")
    lines += one_row_table(results)
    lines += ["", goal_line("Two threads against one", TWO_THREADS_GOAL, results,
                            lambda r: r.get("two_threads")),
              "", goal_line("8 to 64 rows, the slowest, against rows one by one", FEW_ROWS_GOAL,
                            results, lambda r: r.get("few_rows")),
              "", goal_line("Without AVX-512, the large batch against the best peer", NARROW_GOAL,
                            results, lambda r: (r.get("narrow") or {}).get("batch")),
              "", goal_line("Without AVX-512, one row against the best peer's", NARROW_GOAL,
                            results, lambda r: (r.get("narrow") or {}).get("one_row"))]
    for result in results:
        lines += ["", f"{result['summary']['model']}, rows a second by rows a call:", "",
                  "| engine | " + " | ".join(f"{batch:,}" for batch in BATCHES) + " |",
                  "|---|" + "---|" * len(BATCHES)]
        for engine in result["rates"][str(BATCHES[0])]:
            rates = [show(result["rates"][str(batch)][engine]) for batch in BATCHES]
            lines.append(f"| {engine} | " + " | ".join(rates) + " |")
        lines += [f"- {name}: not measured ({why})" for name, why in result["missing"].items()]
    lines += [f"{'' if i else chr(10)}- {name}: failed ({why})"
              for i, (name, why) in enumerate(failed.items())]
    return "\n".join(lines)


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="some of " + ",".join(GOALS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each engine and batch")
    parser.add_argument("--quick", action="store_true", help="a fifth of the time: only to try it")
    parser.add_argument("--build-seconds", type=float, default=600,
                        help="that an engine may take to compile a model; once, it is kept")
    parser.add_argument("--resume", action="store_true",
                        help="keep what trees.json has of models that are not measured now, and "
                             "measure only those that it has not")
    parser.add_argument("--build", help="build this engine's part, and measure nothing")
    parser.add_argument("--build-only", action="store_true", help="that of all, for a later run")
    parser.add_argument("--library", default=ROOT / "build/include/libmillwright.so",
                        type=pathlib.Path)
    parser.add_argument("--work", default=ROOT / ".cache/bench-trees", type=pathlib.Path)
    parser.add_argument("--results", default=ROOT / "bench/results", type=pathlib.Path)
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds /= 5
    return options


def run(entry, options):
    engines, missing = engines_of(entry, options)
    engines = agreeing(engines, entry.rows[:2000], missing)
    found = measure(entry, engines, options)
    line, row = summary(entry, engines, found), one_row(entry, engines, missing, options)
    return {"summary": line, "one_row": row, "two_threads": two_threads(entry, options),
            "few_rows": few_rows(entry, options, row) if row else None,
            "narrow": narrow(entry, engines, line, row, options), "missing": missing,
            "rates": {str(batch): rates for batch, rates in found.items()}}


def machine():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def build(entry, options):
    """One engine's part, in this process; or all of them, each in its own."""
    for peer in trees_peers.PEERS:
        if options.build == peer.name:
            peer(entry, options.work)
        elif options.build_only and peer.builds and peer.reads(entry):
            began = time.monotonic()
            try:
                trees_peers.build(peer, entry, options.work, options.build_seconds)
                said = f"{time.monotonic() - began:.0f} s"
            except Exception as error:  # the others are built
                said = str(error)
            print(f"{entry.name}, {peer.name}: {said}", flush=True)


def main():
    options = options_of(sys.argv[1:])
    names = [name for name in options.models.split(",") if name]
    if options.build or options.build_only:
        for entry in trees_material.Grid(options.work).entries(names):
            build(entry, options)
        return
    subprocess.run(["ninja", "-C", options.library.parents[1], "bench/one_row"], check=True,
                   stdout=subprocess.DEVNULL)
    grid = trees_material.Grid(options.work)
    results, failed = before(options) if options.resume else [], {}
    known = {result["summary"]["model"] for result in results}
    for name in names or list(GOALS):
        if name in known:
            continue
        began = time.monotonic()
        try:
            results.append(run(next(grid.entries([name])), options))
        except Exception as error:  # the other models are measured
            failed[name] = f"{type(error).__name__}: {error}"[:200]
        said = failed.get(name, "measured")
        print(f"{name}: {said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        keep(results, failed, options)  # a run that is broken off leaves what it found
    print(table(results, failed))
    sys.exit(1 if failed else 0)


def before(options):
    """What an earlier run, perhaps broken off, has kept."""
    file = options.results / "trees.json"
    return json.loads(file.read_text())["results"] if file.exists() else []


def keep(results, failed, options):
    text = table(results, failed)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "trees.md").write_text(text + "\n")
    (options.results / "trees.json").write_text(json.dumps(
        {"date": datetime.date.today().isoformat(), "machine": machine(), "results": results,
         "failed": failed},
        indent=1) + "\n")


if __name__ == "__main__":
    main()
