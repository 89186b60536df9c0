"""`mw anomaly score` beside scikit-learn's IsolationForest on planted anomalies, and what it says
of rows that are odd in one value."""
import csv
import io
import json

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

N = 3000


def blobs(random):
    """Two clouds; anomalies lie anywhere."""
    usual = np.vstack([random.normal(0, 1, (N // 2, 6)), random.normal(6, 1.5, (N // 2, 6))])
    return usual, random.uniform(-6, 14, (60, 6))


def broken_bond(random):
    """Columns that go together; of anomalies each value is usual, their company is not."""
    base = random.normal(0, 1, (N, 1))
    usual = base + random.normal(0, 0.15, (N, 4))
    odd = np.column_stack([random.permutation(usual[:60, i] * 2.2) for i in range(4)])
    return usual, odd


def long_tails(random):
    usual = np.column_stack([random.lognormal(0, 1, N), random.gamma(2, 2, N),
                             random.integers(0, 5, N), random.normal(0, 1, N)])
    odd = usual[:60].copy()
    odd[:, 0] *= 25
    odd[:, 3] -= 6
    return usual, odd


def write(path, table):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f"x{i}" for i in range(table.shape[1])])
        writer.writerows(table.tolist())
    return path


def scored(run, reference, path, *more):
    done = run("anomaly", "score", path, "--ref", reference, "--format", "csv", *more)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.mark.parametrize("make", [blobs, broken_bond, long_tails])
def test_as_well_as_scikit_learn(run, tmp_path, make):
    ours, theirs, close = [], [], []
    for seed in range(3):
        random = np.random.default_rng(seed)
        usual, odd = make(random)
        train, rest = usual[::2], usual[1::2]
        rows, labels = np.vstack([rest, odd]), np.r_[np.zeros(len(rest)), np.ones(len(odd))]
        found = scored(run, write(tmp_path / "ref.csv", train), write(tmp_path / "new.csv", rows),
                       "--seed", seed)
        joint = np.array([float(row["joint"]) for row in found])
        forest = IsolationForest(random_state=seed).fit(train)
        peer = -forest.score_samples(rows)
        ours.append(roc_auc_score(labels, joint))
        theirs.append(roc_auc_score(labels, peer))
        close.append(np.corrcoef(joint, peer)[0, 1])
        whole = np.array([float(row["anomaly_score"]) for row in found])
        assert roc_auc_score(labels, whole) > theirs[-1] - 0.03
    assert np.mean(ours) > np.mean(theirs) - 0.01, (ours, theirs)
    assert np.mean(close) > 0.95, close


def test_few_of_the_usual_rows_are_flagged(run, tmp_path):
    random = np.random.default_rng(5)
    usual, odd = long_tails(random)
    reference = write(tmp_path / "ref.csv", usual[:2000])
    quiet = scored(run, reference, write(tmp_path / "a.csv", usual[2000:]))
    assert sum(row["is_anomaly"] == "1" for row in quiet) <= 10
    loud = scored(run, reference, write(tmp_path / "b.csv", odd))
    assert sum(row["is_anomaly"] == "1" for row in loud) >= 50


@pytest.fixture
def people(tmp_path):
    random = np.random.default_rng(1)
    lines = [f"{random.integers(18, 80)},{random.lognormal(8, 0.5):.2f},"
             f"{random.choice(['Bern', 'Zug', 'Chur'])},{i % 2}" for i in range(2000)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["age,income,city,y", *lines]) + "\n")
    today = tmp_path / "today.csv"
    today.write_text("age,income,city\n40,3000,Bern\n400,3000,Bern\n40,3000,Rom\n,3000,Zug\n"
                     "40,3000,Chur\nforty,3000,Zug\n")
    return path, today


@pytest.mark.parametrize("by_profile", [False, True])
def test_causes(run, people, tmp_path, by_profile):
    reference, today = people
    if by_profile:
        profile = tmp_path / "profile.json"
        assert run("data", "profile", reference, "--label", "y", "-o", profile).returncode == 0
        reference = profile
    done = run("anomaly", "score", today, "--ref", reference, "--format", "json",
               *([] if by_profile else ["--label", "y"]))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = {row["row"]: (row["kind"], row["cause"]) for row in report["worst"]}
    assert found == {1: ("beyond", "age"), 2: ("new category", "city"), 3: ("missing", "age"),
                     5: ("beyond", "age")}
    assert report["joint"] is not by_profile and report["rows"] == 6
    text = run("anomaly", "score", today, "--ref", reference,
               *([] if by_profile else ["--label", "y"])).stdout
    assert text.startswith("4 of 6 rows are unlike the reference") and "new category: city" in text


@pytest.mark.parametrize("arguments, code", [
    (["{today}"], "MW1031"), (["{today}", "--ref", "none.csv"], "MW"),
    (["{today}", "--ref", "{people}"], "MW1033"),
    (["{today}", "--ref", "{people}", "--label", "y", "--threshold", "2"], "MW"),
    (["{empty}", "--ref", "{people}", "--label", "y"], "MW"),
])
def test_what_is_refused(run, people, tmp_path, arguments, code):
    (tmp_path / "empty.csv").write_text("")
    names = {"people": people[0], "today": people[1], "empty": tmp_path / "empty.csv"}
    done = run("anomaly", "score", *[a.format(**names) for a in arguments])
    assert done.returncode not in (0, 6) and code in done.stderr and "fix:" in done.stderr
