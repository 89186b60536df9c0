"""What the documents say is what the program does: their commands run, their options exist, and the
first tutorial leads where it says."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest
from conftest import BINARY, ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TUTORIAL = ROOT / "docs/tutorial/first-model.md"


def blocks(page, language=None):
    """Fenced blocks of a page: [(language, text)]."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [text for word, text in found if language is None or word == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_exist(run, page):
    """Every `--option` in a line that calls the program is in its help."""
    pages = run("help", "--markdown", "cli").stdout + run("help", "--markdown", "config").stdout
    known = set(re.findall(r"--[a-z][a-z-]+", pages))
    known |= {"--help", "--markdown", "--man"}
    for text in blocks(page):
        for line in text.replace("\\\n", " ").splitlines():
            called = re.search(r"(?:build/millwright|\bmillwright|\bmw) (.*)", line)
            if called and not line.lstrip().startswith("#"):
                for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", called[1].split("|")[0]):
                    assert option in known, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(run, page):
    for text in blocks(page):
        for line in text.splitlines():
            called = re.match(r"\s*(?:\$ )?(?:build/millwright|millwright|mw) ([a-z]+)", line)
            if called:
                assert run(called[1], "--help").returncode == 0, f"{page.name}: {line}"


def test_codes_exist(run):
    known = set(re.findall(r"MW\d{4}", run("help", "errors").stdout))
    for page in PAGES:
        unknown = set(re.findall(r"\bMW\d{4}\b", page.read_text(encoding="utf-8"))) - known
        assert not unknown, f"{page.name}: {unknown}"


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        for target in re.findall(r"(?:^\$ |`)(?:[A-Z_]+=\w+ )?make ([a-z]+)",
                                 page.read_text(encoding="utf-8"), re.M):
            assert target in targets, f"{page.name}: make {target}"


def test_the_first_tutorial(tmp_path):
    """Its blocks, one after the other, in an empty folder; the server's in the background."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/millwright").symlink_to(BINARY)
    train, client = blocks(TUTORIAL, "python")
    look, serve, ask, _, watch, send = blocks(TUTORIAL, "")
    port = 8080
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}

    def sh(text):
        done = subprocess.run(["bash", "-ec", text], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(text):
        done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, text=True,
                              capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [float(word) for word in re.findall(r"[\d.]+(?:e-?\d+)?", done.stdout)]
    expected = python(train)
    shown = sh(look)
    got = [float(line) for line in shown.split("prediction\n")[1].split()]
    assert got == pytest.approx(expected, rel=1e-4) and len(got) == 5

    @contextlib.contextmanager
    def serving(text):
        server = subprocess.Popen(["bash", "-ec", f"exec {text.strip()} --listen 127.0.0.1:0"
                                   " --json"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        try:
            yield server, json.loads(server.stdout.readline())["port"]
        finally:
            server.terminate()
            assert server.wait(20) == 0
            server.stdout.close()

    def read(port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.read().decode()

    with serving(serve) as (server, own_port):
        answer = sh(ask.replace(str(port), str(own_port)))
        predictions = json.loads(answer)["predictions"]
        assert len(predictions) == 1
        assert python(client.replace(str(port), str(own_port))) == pytest.approx(predictions,
                                                                                rel=1e-4)
        server.send_signal(1)  # the tutorial's kill -HUP
        end = time.monotonic() + 10
        loads = ""
        while 'result="ok"} 2' not in loads:
            assert time.monotonic() < end, loads
            loads = read(own_port, "/metrics")
    with serving(watch) as (_, own_port):
        sh(send.replace(str(port), str(own_port)))
        end = time.monotonic() + 60
        while '"rule":"InputDrift"' not in read(own_port, "/mw/v1/alerts?state=firing"):
            assert time.monotonic() < end
            time.sleep(0.1)
        (late,) = json.loads(read(own_port, "/mw/v1/overview"))["items"]
        assert late["name"] == "late" and late["drift"]["worst"]["feature"] == "debt"


def test_the_readme_leads_to_drift(tmp_path):
    """Its two commands, as they stand: the endpoint fires within seconds, and says which column."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, part = text.partition("## Five minutes to the drift of a model of yours")
    block = re.search(r"```console\n(.*?)```", part, re.S)[1]
    first, second = block.replace("build/millwright", str(BINARY)).split("\n$ ", 1)
    head, *rows = (ROOT / "examples/credit.csv").read_text(encoding="utf-8").splitlines()
    place = head.split(",").index("income")

    def richer(row):
        cells = row.split(",")
        cells[place] = cells[place] and str(float(cells[place]) * 1.6)
        return ",".join(cells)
    shutil.copy(ROOT / "examples/models/credit.json", tmp_path / "model.json")
    (tmp_path / "train.csv").write_text("\n".join([head, *rows * 8]) + "\n")
    (tmp_path / "today.csv").write_text("\n".join([head, *map(richer, rows * 6)]) + "\n")
    command = [*first[2:].split(), "--listen", "127.0.0.1:0", "--data", tmp_path / "data", "--json"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        own_port = json.loads(server.stdout.readline())["port"]
        subprocess.run(["bash", "-ec", second.replace("8080", str(own_port))], cwd=tmp_path,
                       timeout=60, check=True)
        end = time.monotonic() + 20
        drift = {}
        while not drift.get("n_drifted"):
            assert time.monotonic() < end, drift
            with urllib.request.urlopen(f"http://127.0.0.1:{own_port}/mw/v1/overview") as answer:
                drift = json.load(answer)["items"][0]["drift"]
        assert drift["worst"]["feature"] == "income" and drift["worst"]["drifted"]
    finally:
        server.terminate()
        assert server.wait(20) == 0
        server.stdout.close()


def test_what_a_model_does(tmp_path):
    """The how-to's commands, in a folder with the examples and the files it speaks of."""
    (tmp_path / "mw").symlink_to(BINARY)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    lines = (ROOT / "examples/credit.csv").read_text().splitlines()
    outcomes = ["defaulted"] + [str(i % 3 // 2) for i in range(len(lines) - 1)]
    (tmp_path / "outcomes.csv").write_text(
        "".join(f"{line},{outcome}\n" for line, outcome in zip(lines, outcomes)))
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    page = ROOT / "docs/how-to/see-what-a-model-does.md"
    commands = [line[2:] for text in blocks(page, "console") for line in text.splitlines()
                if line.startswith("$ ")]
    assert len(commands) >= 9
    for command in commands:
        done = subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert done.stdout.count("\n") >= 4 or " -o " in command, f"{command}: {done.stdout}"


@pytest.fixture
def page_runs(tmp_path):
    """Python and console blocks of a page, run in an empty folder where `mw` is the program."""
    (tmp_path / "mw").symlink_to(BINARY)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run_it(command):
        done = subprocess.run(command, cwd=tmp_path, env=environment, text=True,
                              capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout
    return run_it


def numbers_of(text):
    return [float(word) for word in re.split(r"[\s,]+", text)
            if re.fullmatch(r"-?\d[\d.]*(?:e-?\d+)?", word)]


def console_of(page):
    return [line[2:] for text in blocks(page, "console") for line in text.splitlines()
            if line.startswith("$ ")]


def test_catboost_is_served(page_runs, serve, tmp_path):
    pytest.importorskip("catboost")
    page = ROOT / "docs/how-to/serve-a-catboost-model.md"
    script = blocks(page, "python")[0]
    expected, = numbers_of(page_runs([sys.executable, "-c", script]))
    show, rows, predict, explain, _, curl = console_of(page)
    assert "known by hash" in page_runs(["bash", "-ec", show])
    page_runs(["bash", "-ec", rows])
    assert numbers_of(page_runs(["bash", "-ec", predict]))[0] == pytest.approx(expected, rel=1e-12)
    assert "city" in page_runs(["bash", "-ec", explain])
    if shutil.which("curl"):
        server = serve(f"churn={tmp_path}/churn.cbm")
        answer = page_runs(["bash", "-ec", curl.replace(":8080", f":{server.port}")])
        assert json.loads(answer)["predictions"] == pytest.approx([expected], rel=1e-12)
    with_statistics = script.replace("one_hot_max_size=255, ", "")
    assert with_statistics != script
    expected, = numbers_of(page_runs([sys.executable, "-c", with_statistics]))
    assert numbers_of(page_runs(["bash", "-ec", predict]))[0] == pytest.approx(expected, rel=1e-12)


def test_scikit_learn_is_served(page_runs):
    pytest.importorskip("onnxmltools")
    page = ROOT / "docs/how-to/serve-a-scikit-learn-model.md"
    script = blocks(page, "python")[1]
    expected = page_runs([sys.executable, "-W", "ignore", "-c", script]).splitlines()[-5:]
    for command, numbers in zip(console_of(page), expected, strict=True):
        got = numbers_of(page_runs(["bash", "-ec", command]))
        assert got == pytest.approx(numbers_of(numbers), rel=1e-5, abs=1e-5)
