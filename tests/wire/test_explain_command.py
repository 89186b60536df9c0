"""mw explain: contributions equal to the library's, in each format; pipes, threads, refusals."""
import csv
import io
import json

import numpy as np
import pytest
from models import COLUMNS


def margins(run, models, name, rows):
    done = run("predict", models.paths[name], "-", "--raw", input=rows.to_csv(index=False))
    lines = list(csv.reader(io.StringIO(done.stdout)))
    return np.array(lines[1:], float)


def contributions(text, several):
    """CSV as (names, array (outputs, rows, values)); the class column is checked and dropped."""
    lines = list(csv.reader(io.StringIO(text)))
    header, body = lines[0], lines[1:]
    assert (header[0] == "class") == several and header[-1] == "bias"
    if not several:
        return header, np.array([body], float)
    seen = list(dict.fromkeys(line[0] for line in body))
    blocks = [[line[1:] for line in body if line[0] == label] for label in seen]
    assert [line for block in blocks for line in block] == [line[1:] for line in body], "blocks"
    return header[1:], np.array(blocks, float)


@pytest.mark.parametrize("name", ["plain", "levels", "towns", "classes"])
def test_adds_up(run, models, name):
    rows = models.towns if name == "towns" else models.rows
    done = run("explain", models.paths[name], "-", input=rows.to_csv(index=False))
    assert done.returncode == 0, done.stderr
    expected = margins(run, models, name, rows)
    header, got = contributions(done.stdout, expected.shape[1] > 1)
    assert header == [*rows.columns, "bias"]
    np.testing.assert_allclose(got.sum(axis=2).T, expected, rtol=1e-4, atol=1e-5)


def test_formats_agree(run, models):
    rows = models.rows.head(5)
    text = rows.to_csv(index=False)
    table = contributions(run("explain", models.paths["plain"], "-", input=text).stdout, False)[1]
    lines = [json.loads(line) for line in
             run("explain", models.paths["plain"], "-", "--format", "json",
                 input=text).stdout.splitlines()]
    assert [line["row"] for line in lines] == list(range(5))
    for line, values in zip(lines, table[0]):
        assert [*line["contributions"].values(), line["bias"]] == list(values)
        assert line["margin"] == pytest.approx(values.sum())
    top = [json.loads(line) for line in
           run("explain", models.paths["plain"], "-", "--format", "json", "--top", 2,
               input=text).stdout.splitlines()]
    for short, line in zip(top, lines):
        sizes = sorted((abs(v) for v in line["contributions"].values()), reverse=True)
        assert [abs(v) for v in short["contributions"].values()] == sizes[:2]
        assert short["others"] == pytest.approx(
            sum(line["contributions"].values()) - sum(short["contributions"].values()))


def test_words(run, models):
    done = run("explain", models.paths["plain"], "-", "--format", "text", "--top", 1,
               input=models.rows.head(2).to_csv(index=False))
    lines = done.stdout.splitlines()
    assert len(lines) == 6 and lines[0].startswith("row 0: margin ")
    assert lines[1].split(" = ")[0].strip() in COLUMNS
    assert " it by " in lines[1] and "others together" in lines[2]


def test_threads_and_pieces(run, models, tmp_path):
    many = ",".join(COLUMNS) + "\n" + models.rows.to_csv(index=False, header=False) * 40
    for name in ("plain", "classes"):
        one = run("explain", models.paths[name], "-", "--threads", 1, input=many)
        assert one.returncode == 0, one.stderr
        two = run("explain", models.paths[name], "-", "--threads", 3, "--output",
                  tmp_path / name, input=many)
        assert (two.returncode, two.stdout) == (0, "")
        assert (tmp_path / name).read_text() == one.stdout


@pytest.mark.parametrize("arguments, code, words", [
    (["--top", "3"], 2, "--top is for json and text"),
    (["--top", "0", "--format", "text"], 2, "1..1000000"),
    (["--format", "jsonl"], 2, "csv|json|text"),
    (["--scale", "probability"], 2, "--background"),
    (["--interactions", "--background", "x.csv"], 2, "does not go with"),
    (["--background", "nowhere.csv"], 3, "nowhere.csv"),
    (["--raw"], 2, "does not take --raw"),
])
def test_refusals(run, models, arguments, code, words):
    done = run("explain", models.paths["plain"], "-", *arguments, input="a\n1\n")
    assert done.returncode == code, done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("name", ["plain", "classes", "towns"])
def test_background(run, models, name, tmp_path):
    """The bias is the mean over the background; the values add up to the margin."""
    rows = models.towns if name == "towns" else models.rows
    usual = rows.tail(30)
    usual.to_csv(tmp_path / "usual.csv", index=False)
    done = run("explain", models.paths[name], "-", "--background", tmp_path / "usual.csv",
               input=rows.head(40).to_csv(index=False))
    assert done.returncode == 0, done.stderr
    expected = margins(run, models, name, rows.head(40))
    got = contributions(done.stdout, expected.shape[1] > 1)[1]
    np.testing.assert_allclose(got.sum(axis=2).T, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got[:, 0, -1], margins(run, models, name, usual).mean(axis=0),
                               rtol=1e-5)


def test_interactions(run, models):
    """Lines of the matrices add up to contributions; JSON and text tell the same."""
    text = models.rows.head(4).to_csv(index=False)
    plain = contributions(run("explain", models.paths["plain"], "-", input=text).stdout, False)[1]
    done = run("explain", models.paths["plain"], "-", "--interactions", input=text)
    assert done.returncode == 0, done.stderr
    lines = list(csv.reader(io.StringIO(done.stdout)))
    assert lines[0] == ["row", "feature", *models.rows.columns, "bias"]
    side = len(lines[0]) - 2
    matrices = np.array([line[2:] for line in lines[1:]], float).reshape(4, side, side)
    np.testing.assert_allclose(matrices.sum(axis=2), plain[0], atol=1e-5)
    objects = [json.loads(line) for line in
               run("explain", models.paths["plain"], "-", "--interactions", "--format", "json",
                   "--top", 3, input=text).stdout.splitlines()]
    for line, matrix in zip(objects, matrices):
        told = sum(pair["value"] for pair in line["interactions"]) + line["others"] + line["bias"]
        assert len(line["interactions"]) == 3
        assert told == pytest.approx(matrix.sum(), abs=1e-6)
        assert line["margin"] == pytest.approx(matrix.sum(), abs=1e-6)
    words = run("explain", models.paths["plain"], "-", "--interactions", "--format", "text",
                input=text).stdout
    assert " alone " in words or " with " in words


def test_probabilities(run, models, tmp_path):
    models.rows.tail(20).to_csv(tmp_path / "usual.csv", index=False)
    text = models.rows.head(5).to_csv(index=False)
    done = run("explain", models.paths["plain"], "-", "--background", tmp_path / "usual.csv",
               "--scale", "probability", "--format", "json", input=text)
    assert done.returncode == 0, done.stderr
    predicted = run("predict", models.paths["plain"], "-", input=text).stdout.split()[1:]
    for line, value in zip(map(json.loads, done.stdout.splitlines()), map(float, predicted)):
        assert line["probability"] == pytest.approx(value, abs=1e-5)


def test_no_rows(run, models):
    done = run("explain", models.paths["plain"], "-", input=",".join(COLUMNS) + "\n")
    assert (done.returncode, done.stdout) == (0, ",".join([*COLUMNS, "bias"]) + "\n")
    missing = run("explain", models.paths["plain"], "nowhere.csv")
    assert missing.returncode == 3
