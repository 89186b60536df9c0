"""The command line as people and scripts use it: predictions equal to the library's, errors that
say what, where and how to mend, exit codes, pipes."""
import csv
import io
import json
import re
import socket
import subprocess

import numpy as np
import pytest
from conftest import BINARY
from models import COLUMNS


def scores(text):
    """CSV as (header, array)."""
    lines = list(csv.reader(io.StringIO(text)))
    return lines[0], np.array(lines[1:], float)


def check(done, expected):
    assert done.returncode == 0, done.stderr
    header, got = scores(done.stdout)
    expected = np.asarray(expected, float)
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1.2e-7)
    return header


# ---- predict -----------------------------------------------------------------------------------

NAMES = ["plain", "levels", "nameless", "towns", "trees", "classes"]


@pytest.mark.parametrize("raw", [False, True], ids=["predictions", "margins"])
@pytest.mark.parametrize("name", NAMES)
def test_predict_is_the_library(run, models, tmp_path, name, raw):
    rows = models.towns if name in ("towns", "trees") else models.rows
    rows.to_csv(tmp_path / "rows.csv", index=False)
    done = run("predict", models.paths[name], "--input", tmp_path / "rows.csv",
               *(["--raw"] if raw else []))
    given = rows.to_numpy() if name == "nameless" else rows
    header = check(done, models.predict(name, given, raw))
    single = ["margin"] if raw else ["prediction"]
    assert (header == single) == (name not in ("levels", "classes"))


def test_columns_go_by_name(run, models):
    rows = models.rows[COLUMNS[::-1]].assign(other="x")
    check(run("predict", models.paths["plain"], "-", input=rows.to_csv(index=False)),
          models.predict("plain", models.rows))


def test_columns_go_by_position_without_names(run, models):
    rows = models.rows.rename(columns=dict(zip(COLUMNS, "wxyz")))
    check(run("predict", models.paths["nameless"], "-", input=rows.to_csv(index=False)),
          models.predict("nameless", models.rows.to_numpy()))


@pytest.mark.parametrize("word", ["", "NaN", "nan", "NA"])
def test_words_for_missing(run, models, word):
    rows = models.rows.head(1).assign(debt=np.nan)
    text = ",".join(COLUMNS) + "\n" + ",".join(
        word if name == "debt" else str(rows[name].iloc[0]) for name in COLUMNS) + "\n"
    check(run("predict", models.paths["plain"], "-", input=text), models.predict("plain", rows))


def test_json_lines(run, models):
    text = models.rows.to_json(orient="records", lines=True)
    check(run("predict", models.paths["plain"], "-", "--format", "jsonl", input=text),
          models.predict("plain", models.rows))
    lists = "\n".join(json.dumps(row) for row in models.rows.fillna(-1).to_numpy().tolist())
    check(run("predict", models.paths["plain"], "-", input=lists),
          models.predict("plain", models.rows.fillna(-1)))


def test_json_lines_out(run, models):
    done = run("predict", models.paths["levels"], "-", "--json",
               input=models.rows.to_csv(index=False))
    first = json.loads(done.stdout.splitlines()[0])
    got = [value for value in first.values() if isinstance(value, float)]
    if not got:
        got = next(value for value in first.values() if isinstance(value, list))
    np.testing.assert_allclose(got, models.predict("levels", models.rows)[0], rtol=1.2e-7)


def test_output_file_and_threads(run, models, tmp_path):
    text = models.rows.to_csv(index=False)
    alone = run("predict", models.paths["plain"], "-", "--threads", 1, input=text)
    done = run("predict", models.paths["plain"], "-", "--threads", 4, "--output",
               tmp_path / "out.csv", input=text)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out.csv").read_text() == alone.stdout


def test_many_rows_in_pieces(run, models, tmp_path):
    """More than a batch holds, over several threads."""
    body = models.rows.to_csv(index=False, header=False)
    times = 600
    with (tmp_path / "many.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for _ in range(times):
            file.write(body)
    done = run("predict", models.paths["plain"], tmp_path / "many.csv", "--threads", 3)
    check(done, np.tile(models.predict("plain", models.rows), times))


def test_mlflow_folder(run, models):
    check(run("predict", models.paths["signed"], "-", input=models.rows.to_csv(index=False)),
          models.predict("plain", models.rows))


def test_a_reader_that_leaves(models, tmp_path):
    """`| head -1`: quiet, as programs in a pipe are."""
    (tmp_path / "rows.csv").write_text(",".join(COLUMNS) + "\n" + "1,2,3,1\n" * 300000)
    pipe = subprocess.run(
        f"'{BINARY}' predict '{models.paths['plain']}' '{tmp_path}/rows.csv' | head -1",
        shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert (pipe.stdout, pipe.stderr) == ("prediction\n", "")


# ---- model show --------------------------------------------------------------------------------

def test_model_show(run, models):
    text = run("model", "show", models.paths["plain"]).stdout
    for word in ("xgboost", "binary:logistic", *COLUMNS):
        assert word in text
    told = json.loads(run("model", "show", models.paths["plain"], "--json").stdout)
    flat = json.dumps(told)
    for word in ("xgboost json", "binary:logistic", *COLUMNS):
        assert word in flat
    assert told["trees"] == 8


def test_no_colour_in_a_pipe(run, models):
    for arguments in (["help"], ["model", "show", models.paths["plain"]], ["serve", "nothing"]):
        done = run(*arguments)
        assert "\033" not in done.stdout + done.stderr


# ---- errors ------------------------------------------------------------------------------------

def damaged(models, tmp_path):
    text = models.paths["plain"].read_bytes()
    (tmp_path / "cut.json").write_bytes(text[:len(text) // 2])
    (tmp_path / "secret.json").write_bytes(text.replace(b"binary:logistic", b"binary:mystery0"))
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x07builtins\x94.")
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "rows.csv").write_text("income,debt,age,late\n1,2,3,x\n")
    (tmp_path / "few.csv").write_text("income,debt\n1,2\n")


ERRORS = [
    # arguments ({m}: a model, {t}: a folder), exit code, words of the message
    ("predict {t}/none.json -", 3, ["none.json", "fix:"]),
    ("predict {t}/cut.json -", 1, ["cut.json", "fix:"]),
    ("predict {t}/secret.json -", 1, ["secret.json", "binary:mystery0", "fix:"]),
    ("predict {t}/model.pkl -", 1, ["model.pkl", "pickle", "fix:"]),
    ("predict {t}/empty.json -", 1, ["empty.json", "fix:"]),
    ("predict {m} {t}/none.csv", 3, ["none.csv", "fix:"]),
    ("predict {m} {t}/rows.csv", 1, ["rows.csv", "late", "x", "fix:"]),
    ("predict {m} {t}/few.csv", 1, ["age", "late", "fix:"]),
    ("predict {m} - --output {t}/no/such/folder.csv", 1, ["folder.csv", "fix:"]),
    ("predict", 2, ["MODEL", "fix:"]),
    ("predict {m} - --thread 4", 2, ["--thread", "--threads"]),
    ("predict {m} - --threads none", 2, ["none", "fix:"]),
    ("predict {m} - --threads 0", 2, ["0"]),
    ("pedict {m}", 2, ["predict"]),
    ("model shwo {m}", 2, ["show"]),
    ("serve {t}/cut.json --listen 127.0.0.1:0", 1, ["cut.json", "fix:"]),
    ("serve a={m} a={m} --listen 127.0.0.1:0", 5, ["'a'", "fix:"]),
    ("serve a/b={m} --listen 127.0.0.1:0", 2, ["a/b"]),
    ("serve {m} --listen nowhere", 2, ["nowhere", "fix:"]),
    ("serve {m} --listen 0.0.0.0:0", 2, ["--allow-public"]),
    ("serve", 2, ["fix:"]),
]


@pytest.mark.parametrize("line,code,words", ERRORS, ids=lambda value: str(value)[:40])
def test_errors(run, models, tmp_path, line, code, words):
    damaged(models, tmp_path)
    arguments = line.format(m=models.paths["plain"], t=tmp_path).split()
    done = run(*arguments, input="income,debt,age,late\n1,2,3,4\n", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and re.search(r"\[MW\d{4}\]", done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr
    assert not list(tmp_path.glob("*.tmp*"))


def test_every_code_is_explained(run):
    codes = re.findall(r"MW\d{4}", run("help", "errors").stdout)
    assert len(codes) > 50
    for code in codes[::9]:
        assert code in run("help", code).stdout


@pytest.mark.parametrize("command", ["serve", "predict", "demo", "model show", "config show",
                                     "config check", "config schema", "completion", "version"])
def test_help_begins_with_examples(run, command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines()[2] == "Examples"
    assert run("help", *command.split()).stdout == done.stdout


def test_help_names_each_group_once(run):
    said = run("help").stdout
    headings = re.findall(r"^[A-Z]\w+$", said, re.MULTILINE)
    assert len(headings) == len(set(headings)) and {"Daily", "Release", "Operate"} <= set(headings)
    for command in ("predict", "fairness check", "server backup", "version"):
        assert len(re.findall(rf"^  {command}\b", said, re.MULTILINE)) == 1


def test_version(run):
    assert re.fullmatch(r"millwright \d+\.\d+\.\d+.*\n", run("--version").stdout, re.S)


# ---- serve -------------------------------------------------------------------------------------

def test_serve_several(serve, models):
    server = serve(f"one={models.paths['plain']}", models.paths["levels"])
    assert [model["name"] for model in server.announced.get("models", [])] in (
        [], ["one", "levels"])
    assert server.get("/v2/models").json()["models"] == ["one", "levels"]
    assert server.get("/invocations").status_code == 405
    refused = server.post("/invocations", json={"instances": [[1, 2, 3, 4]]})
    assert refused.status_code in (400, 404) and "/endpoints/one/invocations" in refused.text


def test_port_in_use(run, models, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", models.paths["plain"], "--listen", f"127.0.0.1:{port}", "--data",
                   tmp_path / "data")
    assert done.returncode == 5
    assert f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr and "fix:" in done.stderr


def test_curl_line_works(models, tmp_path):
    """The first lines tell what is served, and the curl line works as it stands."""
    server = subprocess.Popen([BINARY, "serve", models.paths["plain"], "--listen", "127.0.0.1:0",
                               "--data", tmp_path / "data"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or "curl" not in lines[-1]:
            lines.append(server.stdout.readline())
            assert lines[-1], lines
        done = subprocess.run(lines[-1][lines[-1].index("curl"):], shell=True, text=True,
                              capture_output=True, timeout=20, check=False)
        assert len(json.loads(done.stdout)["predictions"]) == 1, (lines, done)
    finally:
        server.terminate()
        assert server.wait(20) == 0
        server.stdout.close()
        server.stderr.close()
