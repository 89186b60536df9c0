"""mw init: the pipelines that it writes are run, line by line, against a server: they validate,
register, pass the gate and deploy; and a second version comes by a rollout."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import yaml
from conftest import BINARY, ROOT

ROW = {"dataframe_split": {"columns": ["income", "debt", "late_payments", "years_employed",
                                       "district", "bureau"],
                           "data": [[30000, 9000, 1, 3.5, 4, 640]]}}
FILES = {"github": ".github/workflows/millwright.yml", "gitlab": ".gitlab-ci.yml",
         "jenkins": "Jenkinsfile"}


def of_github(text):
    job = yaml.safe_load(text)["jobs"]["release"]
    return job["env"], [step["run"] for step in job["steps"] if "run" in step]


def of_gitlab(text):
    jobs = yaml.safe_load(text)
    assert jobs["stages"] == [name for name in jobs if name not in ("stages", "variables")]
    return jobs["variables"], [line for name in jobs["stages"] for line in jobs[name]["script"]]


def of_jenkins(text):
    assert text.count("{") == text.count("}") and text.startswith("//")
    return (dict(re.findall(r"^    (\w+) = '(.*)'$", text, re.M)),
            re.findall(r"sh '''(.*?)'''", text, re.S))


READERS = {"github": of_github, "gitlab": of_gitlab, "jenkins": of_jenkins}


@pytest.fixture
def repository(tmp_path):
    """What a team has: a model, rows to judge it by, and `mw` in PATH."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(ROOT / "examples/lender/credit-1.json", folder / "model.json")
    rows = (ROOT / "examples/lender/test.csv").read_text()
    (folder / "test.csv").write_text(rows.replace("repaid", "y", 1))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mw").symlink_to(BINARY)
    return folder


@pytest.mark.parametrize("system", FILES)
def test_what_is_written_works(system, repository, serve, run, tmp_path):
    record = tmp_path / "record"
    admin, deployer = (run("token", "create", role, "--role", role, "--record", record).stdout
                       .strip() for role in ("admin", "deployer"))
    made = run("init", "--ci", system, cwd=repository)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == [f"wrote  {FILES[system]}", "wrote  millwright.yaml",
                                        "wrote  suite.yaml"]
    variables, lines = READERS[system]((repository / FILES[system]).read_text())
    assert len(lines) >= 5 and {"MODEL", "MODEL_FILE", "TEST_DATA", "TARGET"} <= set(variables)
    server = serve("--record", record, "--auth", "on")
    address = f"127.0.0.1:{server.port}"
    first = run("apply", "--server", address, "--header", f"Authorization: Bearer {admin}",
                cwd=repository)
    assert first.returncode == 0 and "no version has this alias yet" in first.stdout, first.stderr

    def pipeline():
        said = ""
        for line in lines:
            done = subprocess.run(
                ["sh", "-e", "-c", line], cwd=repository, capture_output=True, text=True,
                timeout=60, check=False, stdin=subprocess.DEVNULL,
                env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path),
                     **{name: value for name, value in variables.items()
                        if not name.startswith("MW_")},
                     "MW_HOST": address, "MW_TOKEN": deployer})
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            said += done.stdout
        return said
    assert "credit/1" in pipeline()
    end = time.monotonic() + 10
    while server.post("/endpoints/credit/invocations", json=ROW).status_code != 200:
        assert time.monotonic() < end, server.said()
        time.sleep(0.05)
    time.sleep(0.7)  # what is served is noted at the next look
    shutil.copy(ROOT / "examples/lender/credit-2.json", repository / "model.json")
    assert "> rollout credit  credit/2: canary 5 %, 25 %" in pipeline()


def test_a_version_that_is_not_good_enough_ends_the_pipeline(repository, run):
    assert run("init", "--ci", "github", cwd=repository).returncode == 0
    (repository / "suite.yaml").write_text("metrics: {roc_auc: 0.99}\n")
    _, lines = of_github((repository / FILES["github"]).read_text())
    done = subprocess.run(["sh", "-e", "-c", "\n".join(lines[:2])], cwd=repository,
                          capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": f"{repository.parent}/bin:{os.environ['PATH']}",
                               "MODEL_FILE": "model.json", "TEST_DATA": "test.csv", "TARGET": "y"})
    assert done.returncode == 6 and "::error file=suite.yaml,line=1" in done.stdout
    assert json.loads((repository / "validation.json").read_text())["passed"] is False


@pytest.mark.parametrize("name", ["no", "1e3", "null"])
def test_names_that_yaml_takes_for_something_else(repository, run, name):
    for system, path in FILES.items():
        assert run("init", "--ci", system, "--model", name, cwd=repository).returncode == 0
        assert READERS[system]((repository / path).read_text())[0]["MODEL"] == name
    document = yaml.safe_load((repository / "millwright.yaml").read_text())
    assert document["models"][0]["name"] == document["endpoints"][0]["name"] == name
    assert run("config", "check", "millwright.yaml", cwd=repository).returncode == 0


def test_nothing_is_written_over(repository, run):
    assert run("init", "--ci", "gitlab", cwd=repository).returncode == 0
    (repository / "suite.yaml").write_text("ours\n")
    (repository / ".gitlab-ci.yml").write_text("ours\n")
    again = run("init", "--ci", "gitlab", cwd=repository)
    assert again.returncode != 0 and "MW8915" in again.stderr and "--force" in again.stderr
    assert (repository / ".gitlab-ci.yml").read_text() == "ours\n"
    forced = run("init", "--ci", "gitlab", "--force", cwd=repository)
    assert forced.stdout.splitlines() == ["again  .gitlab-ci.yml", "kept   millwright.yaml",
                                          "kept   suite.yaml"]
    assert (repository / "suite.yaml").read_text() == "ours\n"
    for wrong in (["--model", "a b"], ["--ci", "travis"], []):
        assert run("init", *wrong, cwd=repository).returncode == 2
