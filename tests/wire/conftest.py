"""Wire tests: the real program on loopback, and the real clients.

    MW_BINARY=build/millwright python -m pytest tests/wire
    MW_BINARY=build-debug/millwright python -m pytest tests/wire -m hostile

Every server is a process of its own on a free port; at the end it must stop with exit code 0, and a
sanitizer that complained on its standard error fails the test.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import engine
import pytest
import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent))

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MW_BINARY", ROOT / "build/millwright")).resolve()
SHARED = ROOT.parent / "shared/data"
S3_SERVER = os.environ.get("MW_S3_SERVER") or shutil.which("versitygw")
START_SECONDS = 20  # a sanitized build on a busy machine
STOP_SECONDS = 40
# The thread sanitizer makes the program slow, and keeps four bytes for each that is touched.
IS_WATCHED = BINARY.exists() and b"__tsan_init" in BINARY.read_bytes()

# The tests decide what is set, not the shell they are run from.
for name in [name for name in os.environ if name.startswith("MW_")]:
    del os.environ[name]
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ["GIT_PYTHON_REFRESH"] = "quiet"


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "hostile: also run with sanitizers: what bad clients send, and a release")
    if not BINARY.exists():
        pytest.exit(f"no {BINARY}: run 'make', or set MW_BINARY", returncode=4)


@pytest.fixture(scope="module", autouse=True)
def own_environment():
    """What a file sets, as MLflow's client does (MLFLOW_EXPERIMENT_ID), ends with that file, and
    so does what that client remembers: which files a process runs, one after the other, is chance.
    """
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    if "mlflow.tracking.fluent" in sys.modules:
        sys.modules["mlflow.tracking.fluent"]._active_experiment_id = None


class Server:
    """`millwright serve` with these arguments, ready to take requests."""

    def __init__(self, folder, *arguments, listen="127.0.0.1:0", cwd=None, **environment):
        self.log = folder / f"serve-{time.monotonic_ns()}.log"
        command = [BINARY, "serve", *map(str, arguments), "--json", "--data", str(folder / "data")]
        if listen:
            command += ["--listen", listen]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=cwd or folder,
                                        stderr=self.log.open("wb"), stdin=subprocess.DEVNULL,
                                        text=True, env={**os.environ, **environment})
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"no server: exit {self.process.wait(START_SECONDS)}\n{self.said()}")
        self.announced = json.loads(line)
        self.port, self.url = self.announced["port"], self.announced["url"]
        self.session = requests.Session()

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path, **more):
        return self.session.get(self.url + path, timeout=20, **more)

    def post(self, path, **more):
        return self.session.post(self.url + path, timeout=60, **more)

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def samples(self):
        """{'name{labels}': value} of /metrics."""
        lines = self.get("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line and not line.startswith("#")}

    def signal(self, number):
        self.process.send_signal(number)

    def wait_said(self, pattern, seconds=10):
        """Waits until the log holds the pattern; so a test needs no sleep of a guessed length."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.said()):
            assert time.monotonic() < end, f"'{pattern}' not in the log:\n{self.said()}"
            time.sleep(0.01)

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.session.close()
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        return self.process.returncode


def until(holds, seconds=20):
    """What holds() finds, once it finds something: no machine is too busy for that."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.03)
    return found


def held(size):
    """The bound of memory, as what watches the program lets it be measured."""
    return size * (6 if IS_WATCHED else 1)


def complaint(text):
    """What a sanitizer said, or None."""
    found = re.search(r"((ERROR|WARNING): \w*Sanitizer|runtime error:)(.|\n)*", text)
    return found[0][:3000] if found else None


def check_end(server, expected=0):
    code = server.stop()
    assert not complaint(server.said()), complaint(server.said())
    assert code == expected, f"exit {code}\n{server.said()}"


@pytest.fixture
def serve(tmp_path):
    """Starts servers: serve('a=model.json', '--threads', 1). They are stopped after the test."""
    servers = []

    def start(*arguments, **more):
        servers.append(Server(tmp_path, *arguments, **more))
        return servers[-1]
    yield start
    for server in servers:
        check_end(server, -signal.SIGKILL if server.process.poll() == -signal.SIGKILL else 0)


@pytest.fixture(scope="session")
def databases():
    """databases(name): the address of a new one, in a PostgreSQL that these tests share."""
    if not engine.PROGRAMS:
        pytest.skip(engine.MISSING)
    server = engine.Postgres()
    yield server.make
    server.end()


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs the program to its end: run('predict', ..., input='a,b\\n1,2\\n')."""
    folder = tmp_path_factory.mktemp("run")

    def program(*arguments, cwd=None, env=None, **more):
        done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, cwd=cwd or folder, check=False,
                              env={**os.environ, "XDG_CONFIG_HOME": str(folder), **(env or {})},
                              **({} if "input" in more or "stdin" in more
                                 else {"stdin": subprocess.DEVNULL}), **more)
        assert not complaint(done.stderr), complaint(done.stderr)
        assert done.returncode >= 0, f"signal {-done.returncode}\n{done.stderr}"
        return done
    return program


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Small models of every kind, trained once: see models.py."""
    import models as makers
    folder = tmp_path_factory.mktemp("models")
    return makers.Models(folder)


@pytest.fixture(scope="session")
def fleet(models, tmp_path_factory):
    """One server with every model, for tests that change nothing."""
    server = Server(tmp_path_factory.mktemp("fleet"),
                    *(f"{name}={path}" for name, path in models.paths.items()))
    yield server
    check_end(server)


@pytest.fixture(scope="session")
def alone(models, tmp_path_factory):
    """One server with the binary XGBoost model alone, for tests that change nothing."""
    server = Server(tmp_path_factory.mktemp("alone"), f"plain={models.paths['plain']}")
    yield server
    check_end(server)


@pytest.fixture
def copy_of(models, tmp_path):
    """copy_of('plain') is a model file of one's own, to be replaced or damaged."""
    def copy(name):
        source = models.paths[name]
        target = tmp_path / f"copy-of-{source.name}"
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        return target
    return copy
