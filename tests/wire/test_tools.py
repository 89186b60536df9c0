"""Programs that people use: curl, h2load, h2spec, grpcurl, ghz; unmodified, at the real server.

Those in Go are built by tools/go-tools.sh (`make test` does); what is not there skips.
"""
import json
import pathlib
import shutil
import struct
import subprocess
import xml.etree.ElementTree

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 60
# docs/reference/http.md says why
KNOWN_MISSES = {"Sends invalid connection preface",
                "Sends stream identifier that is numerically smaller than previous"}
SERVICE = "inference.GRPCInferenceService"


def tool(name):
    """Its path; the test skips where there is none."""
    folder = subprocess.run([ROOT / "tools/go-tools.sh", "--where"], capture_output=True, text=True,
                            check=True).stdout.strip()
    found = shutil.which(name) or shutil.which(name, path=folder)
    if not found:
        pytest.skip(f"no {name}: apt install curl nghttp2-client, or run tools/go-tools.sh")
    return found


def run(name, *arguments, **more):
    return subprocess.run([tool(name), *map(str, arguments)], capture_output=True, timeout=SECONDS,
                          check=False, **more)


def said(done):
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def address(fleet):
    return f"127.0.0.1:{fleet.port}"


# ---- HTTP/2 --------------------------------------------------------------------------------------


def test_curl(fleet):
    text = said(run("curl", "-sS", "--http2-prior-knowledge", "-w",
                    "\n%{http_version} %{http_code}", fleet.url + "/v2/models/plain"))
    body, told = text.rsplit("\n", 1)
    assert told == "2 200" and json.loads(body)["name"] == "plain"
    text = said(run("curl", "-sS", "--http2-prior-knowledge", "-w", "\n%{http_code}", "-H",
                    "content-type: application/json", "-d", '{"inputs": [[1, 2, 3, 4]]}',
                    fleet.url + "/endpoints/nameless/invocations"))
    assert text.endswith("\n200")


def test_h2spec(fleet, tmp_path):
    report = tmp_path / "h2spec.xml"
    run("h2spec", "-h", "127.0.0.1", "-p", fleet.port, "-P", "/v2", "-o", 1, "-j", report)
    cases = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
    missed = {case.get("classname") for case in cases
              if case.find("error") is not None or case.find("failure") is not None}
    assert len(cases) > 140 and missed == KNOWN_MISSES


@pytest.fixture(name="message", scope="module")
def message_of_one_row(tmp_path_factory):
    """ModelInferRequest of four floats to `nameless`, with gRPC's prefix, by hand."""
    def field(number, text):
        return bytes([number << 3 | 2, len(text)]) + text
    tensor = field(1, b"input") + field(2, b"FP32") + field(3, b"\x01\x04")
    text = field(1, b"nameless") + field(5, tensor) + \
        field(7, np.array([1, 2, 3, 4], np.float32).tobytes())
    path = tmp_path_factory.mktemp("message") / "message"
    path.write_bytes(b"\0" + struct.pack(">I", len(text)) + text)
    return path


def test_h2load(fleet, message):
    for more in ([f"{fleet.url}/v2"],
                 ["-d", message, "-H", "content-type: application/grpc", "-H", "te: trailers",
                  f"{fleet.url}/{SERVICE}/ModelInfer"]):
        text = said(run("h2load", "-n", 4000, "-c", 8, "-m", 16, *more))
        assert "4000 succeeded, 0 failed, 0 errored, 0 timeout" in text, text
        assert "status codes: 4000 2xx" in text, text


# ---- gRPC ----------------------------------------------------------------------------------------


def grpcurl(address, *arguments, data=None):
    return run("grpcurl", "-plaintext", *([] if data is None else ["-d", json.dumps(data)]),
               address, *arguments)


def test_grpcurl_needs_no_proto_file(address, models):
    listed = said(grpcurl(address, "list")).split()
    assert {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(listed)
    assert f"{SERVICE}.ModelInfer" in said(grpcurl(address, "list", SERVICE))
    assert "rpc ModelStreamInfer ( stream .inference.ModelInferRequest )" in \
        said(grpcurl(address, "describe", SERVICE))
    assert "map<string, .inference.InferParameter> parameters = 4;" in \
        said(grpcurl(address, "describe", "inference.ModelInferRequest"))
    told = json.loads(said(grpcurl(address, f"{SERVICE}/ModelMetadata", data={"name": "plain"})))
    assert told["name"] == "plain"
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 4],
              "contents": {"fp32_contents": [1, 2, 3, 4]}}
    answer = json.loads(said(grpcurl(address, f"{SERVICE}/ModelInfer",
                                     data={"modelName": "nameless", "inputs": [tensor]})))
    assert answer["model_name"] == "nameless" and len(answer["raw_output_contents"]) == 1
    statuses = json.loads(said(grpcurl(address, "grpc.health.v1.Health/List")))["statuses"]
    assert set(models.paths) < set(statuses)
    wrong = grpcurl(address, f"{SERVICE}/ModelMetadata", data={"name": "nobody"})
    assert wrong.returncode != 0 and b"NotFound" in wrong.stderr


def test_grpcurl_streams(address):
    asked = {"modelName": "nameless", "inputs": [
        {"name": "input", "datatype": "FP32", "shape": [1, 4],
         "contents": {"fp32_contents": [1, 2, 3, 4]}}]}
    done = run("grpcurl", "-plaintext", "-d", "@", address, f"{SERVICE}/ModelStreamInfer",
               input=(json.dumps(asked) * 3).encode())
    assert said(done).count('"infer_response"') == 3
    watched = run("grpcurl", "-plaintext", "-max-time", "1", "-d", '{"service": "plain"}', address,
                  "grpc.health.v1.Health/Watch")
    assert b"SERVING" in watched.stdout and b"DeadlineExceeded" in watched.stderr


def test_ghz(address):
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 4],
              "contents": {"fp32_contents": [1, 2, 3, 4]}}
    data = json.dumps({"modelName": "nameless", "inputs": [tensor]})
    told = json.loads(said(run("ghz", "--insecure", "--call", f"{SERVICE}/ModelInfer", "-d", data,
                               "-n", 2000, "-c", 16, "--connections", 4, "-O", "json", address)))
    assert told["statusCodeDistribution"] == {"OK": 2000} and not told["errorDistribution"]
