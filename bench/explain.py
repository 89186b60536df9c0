#!/usr/bin/env python3
"""Contributions side by side: libmillwright and every peer that explains the same model.

    make bench-trees
    .venv-bench-trees/bin/python bench/explain.py --models S,CM

One thread each: path-dependent TreeSHAP, then values against a background of 100 rows
(interventional), the rows that stand last in the material. Answers are compared first: a peer that
answers something else is not measured. All engines of a model take turns, and the quickest call
counts. The table is printed and kept in bench/results/explain.md and explain.json.
"""
import argparse
import contextlib
import ctypes
import datetime
import json
import os
import pathlib
import platform
import sys

import numpy as np

import library
import trees_material

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ("S", "M", "SL", "ML", "MC", "CS", "CM", "CL")
OURS_ROWS = 4096
# At least so many times each peer, and microseconds for one row at most.
GOALS = {"XGBoost 3.4": 100, "XGBoost 3.2": 250, "LightGBM": 300, "CatBoost": 8, "WOODELF": 10,
         "shap": 10, "fasttreeshap": 10}
ONE_ROW_US = {"S": 4, "M": 60}
N_BACKGROUND = 100
AGAINST = ("S", "M", "SL", "ML")  # what shap and WOODELF read
GOALS_AGAINST = {"shap": 100, "WOODELF": 10}
TOLERANCE = 2e-5  # of the largest contribution: some peers compute in float32


# ---- engines -------------------------------------------------------------------------------------

class Ours:
    name = "Millwright"

    def __init__(self, entry, shared):
        self.model, self.n_outputs = library.Model(shared, entry.file), entry.n_outputs

    def call(self, rows):
        matrix = library.Matrix(rows.ctypes.data, library.MW_FLOAT32, *rows.shape, rows.shape[1], 1)
        answers = np.zeros((len(rows), self.n_outputs, rows.shape[1] + 1))
        given = (self.model.handle, ctypes.byref(matrix), self.model.scratch,
                 answers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(answers.size), None)

        def explain(function=self.model.library.mw_model_explain):
            if function(*given):
                raise RuntimeError("mw_model_explain failed")
            return answers
        explain.keep = rows, matrix
        return explain


class OursAgainst(Ours):
    def __init__(self, entry, shared, background):
        super().__init__(entry, shared)
        matrix = library.Matrix(background.ctypes.data, library.MW_FLOAT32, *background.shape,
                                background.shape[1], 1)
        self.background = ctypes.c_void_p()
        if self.model.library.mw_background_new(self.model.handle, ctypes.byref(matrix), 0,
                                                ctypes.byref(self.background), None):
            raise RuntimeError("mw_background_new failed")

    def call(self, rows):
        matrix = library.Matrix(rows.ctypes.data, library.MW_FLOAT32, *rows.shape, rows.shape[1], 1)
        answers = np.zeros((len(rows), self.n_outputs, rows.shape[1] + 1))
        given = (self.background, ctypes.byref(matrix), self.model.scratch,
                 answers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(answers.size), None)

        def explain(function=self.model.library.mw_model_explain_against):
            if function(*given):
                raise RuntimeError("mw_model_explain_against failed")
            return answers
        explain.keep = rows, matrix
        return explain


class XGBoost:
    reads, n_rows = ("xgboost",), 200

    def __init__(self, entry):
        import xgboost
        self.xgboost = xgboost
        self.name = "XGBoost " + ".".join(xgboost.__version__.split(".")[:2])
        self.booster = xgboost.Booster({"nthread": 1}, model_file=entry.file)

    def call(self, rows):
        matrix = self.xgboost.DMatrix(rows, nthread=1)
        return lambda: self.booster.predict(matrix, pred_contribs=True)


class LightGBM:
    name, reads, n_rows = "LightGBM", ("lightgbm",), 50

    def __init__(self, entry):
        import lightgbm
        self.booster = lightgbm.Booster(model_file=entry.file)

    def call(self, rows):
        rows = rows.astype(np.float64)
        return lambda: self.booster.predict(rows, pred_contrib=True, num_threads=1)


class CatBoost:
    """Rows enough that its tables for a model, made in each call, do not count."""
    name, reads, n_rows = "CatBoost", ("catboost",), 4000

    def __init__(self, entry):
        import catboost
        self.catboost, self.model = catboost, catboost.CatBoostClassifier()
        self.model.load_model(str(entry.trained))

    def call(self, rows):
        pool = self.catboost.Pool(rows)
        return lambda: self.model.get_feature_importance(pool, "ShapValues", thread_count=1)


def load_trained(entry):
    """What the packages that explain others' models are given."""
    if entry.family == "catboost":
        return CatBoost(entry).model
    return (XGBoost if entry.family == "xgboost" else LightGBM)(entry).booster


class Shap:
    name, reads, n_rows = "shap", ("xgboost", "lightgbm"), 50
    package = "shap"

    def __init__(self, entry):
        package = __import__(self.package)
        self.explainer = package.TreeExplainer(load_trained(entry),
                                               feature_perturbation="tree_path_dependent")

    def call(self, rows):
        return lambda: self.explainer.shap_values(rows)


class FastTreeShap(Shap):
    name, package = "fasttreeshap", "fasttreeshap"


class Woodelf:
    """Patterns of each leaf, in numpy, made in each call: for many rows of a small model."""
    name, reads, n_rows = "WOODELF", ("xgboost", "lightgbm"), 50000

    def __init__(self, entry):
        import pandas
        import woodelf
        if entry.name not in ("S", "SL"):
            raise ValueError("takes minutes a call")
        self.pandas = pandas
        self.explainer = woodelf.WoodelfExplainer(load_trained(entry))

    def call(self, rows):
        frame = self.pandas.DataFrame(rows)

        def explain():  # it draws a progress bar
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), \
                    contextlib.redirect_stdout(nowhere):
                return self.explainer.shap_values(frame)
        return explain


class ShapAgainst:
    name, reads, n_rows = "shap", ("xgboost", "lightgbm"), 20

    def __init__(self, entry, background):
        import shap
        self.explainer = shap.TreeExplainer(load_trained(entry), background,
                                            feature_perturbation="interventional")

    def call(self, rows):
        return lambda: self.explainer.shap_values(rows, check_additivity=False)


class WoodelfAgainst(Woodelf):
    """Patterns of rows and background, made in each call: for many rows."""
    n_rows = 20000

    def __init__(self, entry, background):
        import pandas
        import woodelf
        self.pandas = pandas
        self.explainer = woodelf.WoodelfExplainer(load_trained(entry),
                                                  pandas.DataFrame(background))


PEERS = [XGBoost, LightGBM, CatBoost, Shap, FastTreeShap, Woodelf]


# ---- measuring -----------------------------------------------------------------------------------

def told(error):
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:100]}"


def is_same(answers, expected):
    """With a bias or without; the largest contribution measures the error."""
    answers = np.asarray(answers, dtype=np.float64)
    n_features = expected.shape[-1] - 1
    found = answers.reshape(len(expected), expected.shape[1], -1)[..., :n_features]
    off = np.max(np.abs(found - expected[..., :n_features])) / np.max(np.abs(expected[..., :-1]))
    return off <= TOLERANCE, off


def engines_of(entry, ours, peers, *given):
    """[(engine, call)] of those whose answers are ours, and {name: why it is not there}."""
    found, missing = [], {}
    for peer in peers:
        if entry.family not in peer.reads:
            continue
        name = getattr(peer, "name", peer.__name__)
        try:
            engine = peer(entry, *given)
            name = engine.name
            few = np.ascontiguousarray(entry.rows[:50])
            same, off = is_same(engine.call(few)(), ours.call(few)())
            if not same:
                raise ValueError(f"answers differ by {off:.2g} of the largest")
            found.append((engine, engine.call(np.ascontiguousarray(entry.rows[:peer.n_rows]))))
        except Exception as error:  # whatever a peer's library throws is its own affair
            missing[name] = told(error)
    return found, missing


def measure(entry, options):
    ours = Ours(entry, options.library)
    engines, missing = engines_of(entry, ours, PEERS)
    return timed(entry, options, ours, engines, missing)


def measure_against(entry, options):
    background = np.ascontiguousarray(entry.rows[-N_BACKGROUND:])
    ours = OursAgainst(entry, options.library, background)
    engines, missing = engines_of(entry, ours, [ShapAgainst, WoodelfAgainst], background)
    return timed(entry, options, ours, engines, missing)


def timed(entry, options, ours, engines, missing):
    many = np.ascontiguousarray(entry.rows[:OURS_ROWS])
    calls = [ours.call(many), ours.call(many[:1])] + [call for _, call in engines]
    best = library.in_turns(calls, options.rounds, options.seconds)
    peers = {engine.name: engine.n_rows / time for (engine, _), time in zip(engines, best[2:])}
    return {"model": entry.name, "rows_per_second": OURS_ROWS / best[0],
            "one_row_us": best[1] * 1e6, "peers": peers, "missing": missing}


def show(rate):
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate:,.0f}"


def verdict(ratio, goal):
    return f"{ratio:,.0f} ×" + (f" (goal {goal}: {'met' if ratio >= goal else 'MISSED'})"
                                if goal else "")


def table(results, goals, one_row_goals):
    lines = ["| model | rows/s | one row | peers, rows/s, and how many times that |",
             "|---|---|---|---|"]
    for result in results:
        rate, goal = result["rows_per_second"], one_row_goals.get(result["model"])
        one_row = f"{result['one_row_us']:.1f} µs"
        if goal:
            one_row += f" (goal {goal}: {'met' if result['one_row_us'] <= goal else 'MISSED'})"
        peers = [f"{name} {show(peer)}, {verdict(rate / peer, goals.get(name))}"
                 for name, peer in result["peers"].items()]
        lines.append(f"| {result['model']} | {show(rate)} | {one_row} | {'; '.join(peers)} |")
    for result in results:
        lines += [f"- {result['model']}, {name}: not measured ({why})"
                  for name, why in result["missing"].items()]
    return "\n".join(lines)


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--only-against", action="store_true",
                        help="leave path-dependent values out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each engine")
    parser.add_argument("--library", default=ROOT / "build/include/libmillwright.so")
    parser.add_argument("--work", default=ROOT / ".cache/bench-trees", type=pathlib.Path)
    parser.add_argument("--results", default=ROOT / "bench/results", type=pathlib.Path)
    return parser.parse_args(arguments)


def main():
    options = options_of(sys.argv[1:])
    results, against = [], []
    for entry in trees_material.Grid(options.work).entries(options.models.split(",")):
        print(f"explaining {entry.name}", file=sys.stderr)
        if not options.only_against:
            results.append(measure(entry, options))
        if entry.name in AGAINST:
            against.append(measure_against(entry, options))
    text = table(results, GOALS, ONE_ROW_US) + (
        f"\n\nAgainst a background of {N_BACKGROUND} rows:\n\n"
        + table(against, GOALS_AGAINST, {}))
    print(text)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "explain.md").write_text(text + "\n")
    (options.results / "explain.json").write_text(json.dumps(
        {"date": datetime.date.today().isoformat(),
         "machine": platform.processor() or platform.machine(), "results": results,
         "against": against},
        indent=1) + "\n")


if __name__ == "__main__":
    main()
