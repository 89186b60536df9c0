"""Settings: flags before the environment before files before defaults, and files that are wrong."""
import json
import textwrap

import pytest

FILE = "server:\n  threads: 3\n  drain_seconds: 7\n  max_body: 2MiB\n  log_level: warn\n"


def settings(run, *arguments, **more):
    done = run("config", "show", "--origin", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0]: line.split("\t")[1:] for line in done.stdout.splitlines()}


def test_precedence(run, tmp_path):
    (tmp_path / "my.yaml").write_text(FILE)
    more = {"cwd": tmp_path, "env": {"MW_SERVER__DRAIN_SECONDS": "8",
                                     "MW_SERVER__MAX_BODY": "3MiB"}}
    found = settings(run, "--config", "my.yaml", **more)
    assert found["server.threads"][0] == "3" and "my.yaml" in found["server.threads"][1]
    assert found["server.drain_seconds"][0] == "8"
    assert "MW_SERVER__DRAIN_SECONDS" in found["server.drain_seconds"][1]
    assert found["server.max_body"][0] == "3MiB"
    assert found["server.idle_timeout"] == ["75s", "default"]


def test_flag_goes_before_all(serve, models, tmp_path):
    (tmp_path / "my.yaml").write_text(FILE.replace("2MiB", "1KiB"))
    body = json.dumps({"instances": [[1, 2, 3, 4]] * 200})
    for flags, environment, status in (([], {}, 413), ([], {"MW_SERVER__MAX_BODY": "1MiB"}, 200),
                                       (["--max-body", "2KiB"],
                                        {"MW_SERVER__MAX_BODY": "1MiB"}, 413)):
        server = serve(f"a={models.paths['plain']}", "--config", tmp_path / "my.yaml", *flags,
                       **environment)
        answer = server.post("/v1/models/a:predict", data=body,
                             headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        server.stop()


def test_file_in_the_folder_and_endpoints(serve, models, tmp_path):
    """./millwright.yaml is found; paths in it are relative to it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "m.json").write_bytes(models.paths["plain"].read_bytes())
    (home / "millwright.yaml").write_text(textwrap.dedent("""\
        server:
          threads: 1
        endpoints:
          - name: churn
            model: m.json
          - model: m.json
        """))
    server = serve(cwd=home)
    assert server.get("/v2/models").json()["models"] == ["churn", "m"]


def test_environment_may_be_spelled_shortly(serve, models):
    server = serve(f"a={models.paths['plain']}", listen=None, MW_LISTEN="127.0.0.1:0")
    assert server.get("/ping").status_code == 200


WRONG = {
    "unknown key": ("server:\n  wokers: 4\n", ["2:3", "wokers", "workers"]),
    "unknown section": ("sever:\n  threads: 4\n", ["1:1", "sever", "server"]),
    "key twice": ("server:\n  threads: 4\n  threads: 5\n", ["3:3", "threads"]),
    "no number": ("server:\n  threads: many\n", ["2:", "many"]),
    "out of range": ("server:\n  threads: 1000\n", ["2:", "1000", "256"]),
    "no unit": ("server:\n  max_body: 16\n", ["2:", "16"]),
    "not YAML": ("server: [\n", ["fix:"]),
    "a list": ("- server\n", ["fix:"]),
    "endpoint without model": ("endpoints:\n  - name: a\n", ["model"]),
    "bad name": ("endpoints:\n  - name: a/b\n    model: m.json\n", ["a/b"]),
    "a name twice": ("endpoints:\n  - {name: a, model: m.json}\n  - {name: a, model: n.json}\n",
                     ["3:", "'a'"]),
    "a tag": ("server: !!python/object:os.system {}\n", ["fix:"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files(run, tmp_path, case):
    text, words = WRONG[case]
    (tmp_path / "my.yaml").write_text(text)
    for arguments, codes in ((["config", "check", "my.yaml"], [6]),  # checked; the answer is no
                             (["serve", "--config", "my.yaml"], [1, 2, 5])):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode in codes and done.stderr.startswith("error: ")
        assert "my.yaml" in done.stderr
        for word in words:
            assert word in done.stderr, done.stderr


def test_right_file(run, tmp_path):
    (tmp_path / "my.yaml").write_text(FILE)
    done = run("config", "check", "my.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_missing_file(run):
    done = run("config", "check", "nowhere.yaml")
    assert done.returncode == 3 and "nowhere.yaml" in done.stderr


def test_unknown_variable(run):
    """A misspelled variable would be ignored in silence: it is told."""
    done = run("config", "show", env={"MW_SERVER__THREDS": "4"})
    assert "MW_SERVER__THREDS" in done.stderr


def test_bad_variable(run):
    done = run("config", "show", env={"MW_SERVER__THREADS": "four"})
    assert done.returncode == 2
    assert "MW_SERVER__THREADS" in done.stderr and "four" in done.stderr


def test_schema_is_json_schema(run):
    schema = json.loads(run("config", "schema", "--json").stdout)
    assert "json-schema.org" in schema["$schema"]
    assert "threads" in schema["properties"]["server"]["properties"]
    assert "receivers" in schema["properties"]["alerts"]["properties"]
