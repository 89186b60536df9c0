"""`mw doctor`: what it finds where all is well, and what it says to do where something is not. It
leaves nothing behind."""
import json
import pathlib
import resource

import pytest
from conftest import Server, check_end

MODEL = pathlib.Path(__file__).resolve().parents[2] / "examples/models/credit.json"


@pytest.fixture
def doctor(run, tmp_path):
    def ask(*arguments, code=0, **more):
        done = run("doctor", *arguments, "--listen", "127.0.0.1:0", "--json", cwd=tmp_path, **more)
        assert done.returncode == code, done.stderr + done.stdout
        told = json.loads(done.stdout)
        assert told["ok"] == (code == 0)
        assert told["failed"] == sum(c["state"] == "fail" for c in told["checks"])
        assert told["warnings"] == sum(c["state"] == "warn" for c in told["checks"])
        for check in told["checks"]:
            assert check["state"] == "ok" or check["fix"]
            assert check["state"] != "fail" or check["code"].startswith("MW")
        return told["checks"]
    return ask


def of(checks, name):
    return [check for check in checks if check["check"] == name]


def test_all_is_well(doctor, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    checks = doctor(MODEL, f"b={MODEL}", "--record", "record")
    assert {c["check"] for c in checks} == {"program", "processor", "memory", "open files", "clock",
                                            "address", "data", "record", "model"}
    assert [c["what"].split(":")[0] for c in of(checks, "model")] == ["credit", "b"]
    assert "made at the start" in of(checks, "record")[-1]["what"]
    assert sorted(tmp_path.rglob("*")) == before, "it left something behind"


@pytest.mark.parametrize("arguments, check, words", [
    (["nothing.json"], "model", ["nothing.json", "no such file"]),
    (["MODEL", "--data", "/proc/data"], "data", ["no file can be written"]),
    (["MODEL", "--listen", "0.0.0.0:0"], "address", ["other machines"]),
    (["MODEL", "--listen", "203.0.113.1:80", "--allow-public"], "address", ["cannot listen"]),
    (["MODEL", "--tls-certificate", "no.pem"], "certificate", ["no.pem"]),
    (["models:/credit@champion"], "model", ["models:/credit@champion", "record"]),
    (["MODEL", "--record", "broken"], "record", ["broken"]),
    (["MODEL", "--record", "record", "--store", "postgresql://nobody@127.0.0.1:1/none"],
     "database", []),  # where libpq is absent that is told
    (["MODEL", "MODEL"], "model", ["credit"]),
])
def test_what_fails_says_how_to_mend_it(run, tmp_path, arguments, check, words):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/record.db").write_text("no database" * 100)
    arguments = [str(MODEL) if a == "MODEL" else a for a in arguments]
    listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    done = run("doctor", *arguments, *listen, "--json", cwd=tmp_path)
    assert done.returncode == 6, done.stderr + done.stdout
    failed = [c for c in json.loads(done.stdout)["checks"] if c["state"] == "fail"]
    assert [c["check"] for c in failed] == [check], failed
    said = failed[0].get("where", "") + failed[0]["what"] + failed[0].get("why", "")
    for word in words:
        assert word in said


def test_beside_a_server(serve, run, tmp_path):
    server = serve(MODEL, "--record", tmp_path / "record")
    done = run("doctor", MODEL, "--record", tmp_path / "record", "--listen",
               f"127.0.0.1:{server.port}", "--data", tmp_path / "data")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert any(line.startswith("warn  address") and "is in use" in line for line in lines)
    assert any(line.startswith("ok    record") and "opens" in line for line in lines)
    assert lines[-1].endswith("0 failed")
    assert server.get("/v2/health/ready").status_code == 200


def test_configuration_and_environment(doctor, tmp_path):
    (tmp_path / "millwright.yaml").write_text(
        f"endpoints:\n  - name: churn\n    model: {MODEL}\n", encoding="utf-8")
    checks = doctor("--threads", 200, env={"MW_CPU": "scalar"})
    assert of(checks, "model")[0]["what"].startswith("churn: ")
    said = " ".join(c["what"] for c in of(checks, "processor") if c["state"] == "warn")
    assert "200 threads" in said and "MW_CPU=scalar" in said
    assert doctor("--max-connections", 900000, "--auth", "on", "--record", "record")


def test_a_server_takes_the_files_it_may_have(tmp_path):
    """Shells give 1,024 open files where more may be had."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1400
    assert before[1] >= wanted + 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        server = Server(tmp_path, MODEL, "--max-connections", wanted)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert server.samples()["process_max_fds"] == wanted + 500
    check_end(server)
