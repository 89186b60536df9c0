"""Metrics of 1,000,000 predictions beside scikit-learn and Fairlearn, values compared first.

    ninja -C build bench/quality && python bench/quality.py [build] [--rows N] [--fairlearn]

The file of rows is made from a fixed seed. Each side's time is its best of several runs;
Fairlearn takes 20 s and more: one run, and only with --fairlearn.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from sklearn import metrics


def best(work, repeats):
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        value = work()
        times.append(time.perf_counter() - began)
    return value, 1e3 * min(times)


def fairlearn_rates(y, chosen, group):
    from fairlearn.metrics import (MetricFrame, false_negative_rate, false_positive_rate,
                                   selection_rate, true_positive_rate)
    six = {"selection_rate": selection_rate, "accuracy": metrics.accuracy_score,
           "base_rate": lambda y_true, y_pred: np.mean(y_true), "tpr": true_positive_rate,
           "fpr": false_positive_rate, "fnr": false_negative_rate}
    return MetricFrame(metrics=six, y_true=y, y_pred=chosen, sensitive_features=group).by_group


def whole_command(build, y, p, group):
    """What a person runs: reading, coding groups, ranking and writing among it."""
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "rows.csv"
        with rows.open("w", encoding="utf-8") as out:
            out.write("y,p,g\n")
            out.writelines(f"{a},{b!r},{c}\n" for a, b, c in
                           zip(y.tolist(), p.tolist(), group.tolist()))
        command = [f"{build}/millwright", "fairness", "check", "--data", rows, "--label", "y",
                   "--score", "p", "--groups", "g", "--format", "json"]
        text, ms = best(lambda: subprocess.run(command, check=True, capture_output=True).stdout, 3)
    return json.loads(text)["attributes"]["g"]["groups"], ms


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--fairlearn", action="store_true")
    asked = parser.parse_args()
    chance = np.random.default_rng(1)
    y = chance.integers(0, 2, asked.rows).astype(np.uint8)
    p = np.clip(1 / (1 + np.exp(-chance.normal(y - 0.5, 1))), 0, 1)
    group = chance.integers(0, 4, asked.rows).astype(np.uint32)
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "rows"
        rows.write_bytes(p.tobytes() + y.tobytes() + group.tobytes())
        mine = json.loads(subprocess.run([f"{asked.build}/bench/quality", rows, str(asked.rows)],
                                         check=True, capture_output=True).stdout)
    auc, auc_ms = best(lambda: metrics.roc_auc_score(y, p), 3)
    assert abs(mine["auc"] - auc) <= 1e-12 * auc, (mine["auc"], auc)
    print(f"exact AUC            {mine['auc_ms']:8.2f} ms   scikit-learn {auc_ms:9.1f} ms   "
          f"{auc_ms / mine['auc_ms']:7.1f} x")
    print(f"all binary metrics   {mine['all_ms']:8.2f} ms")
    found, whole_ms = whole_command(asked.build, y, p, group)
    if not asked.fairlearn:
        print(f"six rates, 4 groups  {mine['rates_ms']:8.2f} ms   (Fairlearn: --fairlearn)")
        print(f"mw fairness check    {whole_ms:8.0f} ms   from a CSV to a report")
        return
    theirs, theirs_ms = best(lambda: fairlearn_rates(y, (p >= 0.5).astype(int), group), 1)
    order = ["selection_rate", "accuracy", "base_rate", "tpr", "fpr", "fnr"]
    assert np.allclose(np.array(mine["rates"]), theirs[order].to_numpy(), rtol=1e-12)
    print(f"six rates, 4 groups  {mine['rates_ms']:8.2f} ms   Fairlearn    {theirs_ms:9.0f} ms   "
          f"{theirs_ms / mine['rates_ms']:7.0f} x")
    for g in range(4):
        for name in order:
            assert abs(found[str(g)][name] - theirs[name][g]) <= 1e-12
    print(f"mw fairness check    {whole_ms:8.0f} ms   the same      {theirs_ms:9.0f} ms   "
          f"{theirs_ms / whole_ms:7.0f} x; from a CSV to a report with all rates, intervals, AUC")


if __name__ == "__main__":
    main()
