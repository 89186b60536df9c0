"""When the machine fails: a full disk, a killed process, no descriptors, a folder that cannot be
written. Nothing is half there, and the server goes on."""
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

import pytest
from conftest import BINARY, Server
from models import COLUMNS

ROW = {"instances": [[1, 2, 3, 4]]}
pytestmark = pytest.mark.hostile


@pytest.fixture(name="many")
def many_rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(",".join(COLUMNS) + "\n" + "31000.5,4000,44,1\n" * 200000)
    return path


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def test_full_disk_leaves_no_half_file(run, models, many, tmp_path):
    out = tmp_path / "out" / "scores.csv"
    out.parent.mkdir()
    done = run("predict", models.paths["plain"], many, "--output", out, preexec_fn=limit_files)
    assert done.returncode == 1
    assert "scores.csv" in done.stderr and "fix:" in done.stderr
    assert list(out.parent.iterdir()) == []


def test_full_disk_keeps_the_old_file(run, models, many, tmp_path):
    out = tmp_path / "scores.csv"
    out.write_text("yesterday's\n")
    assert run("predict", models.paths["plain"], many, "-o", out,
               preexec_fn=limit_files).returncode == 1
    assert out.read_text() == "yesterday's\n"


def test_full_device(models, many):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BINARY, "predict", models.paths["plain"], many], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "No space left" in done.stderr


def test_killed_while_writing(models, many, tmp_path):
    """kill -9: the file of that name is the old one or the new one, whole."""
    out = tmp_path / "scores.csv"
    for wait in (0.0, 0.02, 0.05):
        process = subprocess.Popen([BINARY, "predict", models.paths["plain"], many, "-o", out])
        time.sleep(wait)
        process.kill()
        process.wait()
        assert not out.exists() or out.read_text().count("\n") == 200001


def test_interrupted_predict_leaves_nothing(models, tmp_path):
    out = tmp_path / "out" / "scores.csv"
    out.parent.mkdir()
    process = subprocess.Popen([BINARY, "predict", models.paths["plain"], "-", "-o", out],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write((",".join(COLUMNS) + "\n" + "1,2,3,1\n" * 10000).encode())
    process.stdin.flush()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    assert process.wait(20) == 130
    process.stderr.close()
    assert list(out.parent.iterdir()) == []


def test_out_of_descriptors(tmp_path, models):
    """More clients than descriptors: some are refused, none is lost track of, and later ones are
    served."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        server = Server(tmp_path, f"a={models.paths['plain']}", "--threads", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    crowd = []
    try:
        for _ in range(150):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", server.port), 2))
            except OSError:
                break
        assert len(crowd) > 64
        time.sleep(0.3)
    finally:
        for one in crowd:
            one.close()
    end = time.monotonic() + 10
    while True:
        try:
            assert server.post("/v1/models/a:predict", json=ROW).status_code == 200
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert server.stop() == 0


def test_data_folder_that_cannot_be_made(run, models):
    done = run("serve", models.paths["plain"], "--listen", "127.0.0.1:0", "--data",
               "/proc/nowhere/data")
    assert done.returncode in (1, 3, 4)
    assert "/proc/nowhere/data" in done.stderr and "fix:" in done.stderr


def test_log_that_cannot_be_written(tmp_path, models):
    """A full disk under the log does not stop the serving."""
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            [BINARY, "serve", f"a={models.paths['plain']}", "--listen", "127.0.0.1:0", "--json",
             "--data", tmp_path / "data"], stdout=subprocess.PIPE, stderr=full, text=True)
        port = json.loads(process.stdout.readline())["port"]
    try:
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            with socket.create_connection(("127.0.0.1", port), 10) as connection:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


def test_little_memory(tmp_path, models):
    """A body that would take more memory than there is: an error for it, service for others."""
    if "asan" in pathlib.Path(BINARY).parent.name or "debug" in str(BINARY):
        pytest.skip("a sanitizer reserves terabytes of addresses")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (500 << 20, before[1]))
    try:
        server = Server(tmp_path, f"a={models.paths['plain']}", "--max-body", "1GiB",
                        "--threads", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    body = b'{"instances": [' + b",".join([b"[1,2,3,4]"] * 3000) * 700 + b"]}"
    try:
        answer = server.post("/v1/models/a:predict", data=body,
                             headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 413, 503, 507)
    except OSError:
        pass  # the connection may be given up instead
    assert server.post("/v1/models/a:predict", json=ROW).status_code == 200
    assert os.path.exists(f"/proc/{server.process.pid}")
    assert server.stop() == 0
