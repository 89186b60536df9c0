"""The tutorial of the record, as it is printed: its scripts are taken from its page."""
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy
import pytest
import requests

pytest.importorskip("mlflow")
pytest.importorskip("xgboost")

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/tutorial/recorded-model.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def python(code, folder, url):
    fresh = {name: value for name, value in os.environ.items()
             if not name.startswith("MLFLOW_")}  # what other tests set: a reader has it not
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
                          timeout=120, check=False, env={**fresh, "MLFLOW_TRACKING_URI": url})
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text):
    return [float(word) for word in re.findall(r"\d\.\d+(?:e-?\d+)?", text)]


def test_as_it_is_printed(tmp_path, serve, run):
    begin, where, again, ask, trace = blocks("sh")
    assert begin == "mw serve --record mw-record\n" and "MLFLOW_TRACKING_URI" in where
    train, search = blocks("python")
    assert len(re.findall(r"# \d$", train, re.M)) == 3, "three lines are promised"
    server = serve("--record", tmp_path / "mw-record")
    printed = python(train, tmp_path, server.url)
    expected = numbers(printed[printed.rindex("["):])
    found = python(search, tmp_path, server.url)
    assert "metrics.test-auc" in found and re.search(r"^[0-9a-f]{32}$", found, re.M)
    server.stop()

    assert again.split()[2] == "models:/late@champion"
    server = serve("models:/late@champion", "--record", tmp_path / "mw-record")
    assert "text/csv" in ask and "@rows.csv" in ask
    answer = requests.post(server.url + "/invocations", (tmp_path / "rows.csv").read_bytes(),
                           headers={"Content-Type": "text/csv"}, timeout=20)
    got = json.loads(answer.text)["predictions"]
    numpy.testing.assert_allclose(got, expected, rtol=1e-6)
    said = run(*trace.split()[1:], cwd=tmp_path)
    assert said.returncode == 0 and re.search(r"^environment .* xgboost", said.stdout, re.M), said
