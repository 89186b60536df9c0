"""/openapi.json is valid OpenAPI 3.1, lists what is served, and is what the server really does."""
import os
import pathlib
import subprocess
import sys

import openapi_spec_validator
import pytest

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))  # an operation
SECONDS = 240


@pytest.fixture(scope="module")
def described(fleet):
    answer = fleet.get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


def test_is_valid_openapi(described):
    assert described["openapi"].startswith("3.1")
    openapi_spec_validator.validate(described)


def test_describes_every_protocol(described, alone, models):
    """Models are named in the addresses, so that a reader can try each one as it stands."""
    paths = set(described["paths"])
    for path in ("/ping", "/health", "/version", "/v2", "/v2/health/live", "/v2/health/ready",
                 "/v2/models", "/v2/repository/index", "/v1/models", "/metrics", "/openapi.json"):
        assert path in paths
    for name in models.paths:
        for path in (f"/endpoints/{name}/invocations", f"/v2/models/{name}",
                     f"/v2/models/{name}/ready", f"/v2/models/{name}/infer",
                     f"/v2/repository/models/{name}/load", f"/v1/models/{name}",
                     f"/v1/models/{name}:predict", f"/v1/models/{name}:explain",
                     f"/v1/models/{name}:counterfactual", f"/v1/models/{name}:interactions"):
            assert path in paths
    assert "/invocations" not in paths  # several models: it could not tell which
    assert "/invocations" in alone.get("/openapi.json").json()["paths"]


def asked(server, method, path):
    answer = server.session.request(method, server.url + path, timeout=20, stream=True)
    if answer.headers.get("content-type") == "text/event-stream":
        answer.close()  # it goes on for ever
        answer._content = b""
    return answer


def test_what_is_described_is_answered(serve, models):
    """Every described operation answers as described; every other method is refused with Allow."""
    server = serve(f"plain={models.paths['plain']}", f"towns={models.paths['towns']}")
    paths = server.get("/openapi.json").json()["paths"]
    for path, operations in sorted(paths.items(), key=lambda entry: "/unload" in entry[0]):
        place = path.replace("{name}", "plain").replace("{version}", "1")
        place = place.replace("{id}", "1~weekly~plain").replace("{rest}", "alerts")
        for method in ("get", "post", "put", "delete", "patch"):
            answer = asked(server, method, place)
            if method in operations:
                assert str(answer.status_code) in operations[method]["responses"], \
                    (method, path, answer.status_code, answer.text)
            else:
                assert answer.status_code == 405, (method, path, answer.status_code)
                assert set(answer.headers["allow"].lower().split(", ")) >= set(operations)


def test_describes_the_record(serve, tmp_path):
    """Each call of MLflow's client, with its fields; and what is described is there."""
    server = serve("--record", tmp_path / "record")
    described = server.get("/openapi.json").json()
    openapi_spec_validator.validate(described)
    paths = described["paths"]
    body = paths["/api/2.0/mlflow/runs/log-metric"]["post"]["requestBody"]["content"]
    schema = body["application/json"]["schema"]
    assert {"run_id", "key", "value", "timestamp"} <= set(schema["required"])
    for path, operations in paths.items():
        for method in operations:
            place = path.replace("{path}", "1/x").replace("{", "").replace("}", "")
            answer = asked(server, method, place)
            assert answer.status_code not in (405, 500), (method, path, answer.text)
            assert "ENDPOINT_NOT_FOUND" not in answer.text, (method, path)


def schemathesis(server, folder, *more):
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    command = [program, "run", server.url + "/openapi.json", "--seed", "7", "--no-color",
               "--request-timeout", "20", "--generation-database", "none", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=folder,
                          check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]


@pytest.mark.hostile
def test_schemathesis_finds_no_difference(serve, models, tmp_path):
    """Made-up requests, good and bad, to every operation: each answer must be as described."""
    server = serve(f"plain={models.paths['plain']}", f"towns={models.paths['towns']}")
    schemathesis(server, tmp_path, "--max-examples", str(EXAMPLES),
                 "--exclude-path", "/mw/v1/events",  # it goes on for ever
                 "--phases", "examples,coverage,fuzzing")
    assert server.get("/v2/health/live").status_code == 200


def test_schemathesis_breaks_no_call_of_the_record(serve, tmp_path):
    server = serve("--record", tmp_path / "record")
    schemathesis(server, tmp_path, "--include-path-regex", "^/api/2.0/mlflow/", "--max-examples",
                 "2", "--phases", "coverage,fuzzing", "--checks", "not_a_server_error")
    assert server.get("/health").status_code == 200
