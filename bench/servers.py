"""Servers under measurement, and wrk, each on a core of its own. Loopback only."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

SERVER_CORE, CLIENT_CORE = "0", "1"
BOTH_CORES = "0,1"
START_SECONDS_MAX, STOP_SECONDS_MAX = 120, 10
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
# `return` throws the posted body away. At this path nginx keeps the body first, as a server must
# that is going to look into it: a mirrored request that ends at once makes it do so.
KEEPING = "/keeping"
NGINX_CONF = """worker_processes 1;
daemon off;
pid {folder}/nginx-{port}.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port};
        root /nonexistent;
        default_type application/json;
        location / {{ return 200 '{answer}'; }}
        location = {KEEPING} {{ mirror /mirror; try_files /none @fixed; }}
        location = /mirror {{ internal; return 204; }}
        location @fixed {{ return 200 '{answer}'; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request_bytes(method, path, body=b""):
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n" \
           "Content-Type: application/json\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def is_ready(port, path):
    """Whether a GET answers 200 now. A raw socket: an HTTP library takes longer than a start."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(request_bytes("GET", path))
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Server:
    """A process on the server's core, ready when `ready_path` answers 200."""

    def __init__(self, command, port, ready_path, score_path="/invocations", cores=SERVER_CORE,
                 **environment):
        self.port = port
        self.url = f"http://127.0.0.1:{port}{score_path}"
        self.command = " ".join(map(str, command))
        self.log = tempfile.TemporaryFile()
        began = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
            env={**os.environ, **environment})
        try:
            self.wait_until_ready(ready_path, began + START_SECONDS_MAX)
        except BaseException:  # an interrupt too: nobody else knows of the process yet
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began

    def wait_until_ready(self, ready_path, end):
        while not is_ready(self.port, ready_path):
            if self.process.poll() is not None or time.perf_counter() > end:
                raise RuntimeError(f"no answer from {self.command}: {self.last_words()}")
            time.sleep(0.0002)

    def last_words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()[-500:] or "it said nothing"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the whole group: workers may outlive the process that was started."""
        self.signal_group(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            pass
        self.signal_group(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def signal_group(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    @contextlib.contextmanager
    def resting(self):
        """It stands still while another one is measured: what it does by itself (MLflow's queue of
        jobs writes to the disk all the time) would be paid for by that one."""
        self.signal_group(signal.SIGSTOP)
        os.sync()
        try:
            yield
        finally:
            self.signal_group(signal.SIGCONT)

    def post(self, body, headers=None, path=None):
        url = urllib.parse.urljoin(self.url, path) if path else self.url
        asked = urllib.request.Request(url, body,
                                       headers or {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.read()

    def family(self):
        """The process and its children: nginx and mlflow work in the latter."""
        pids = [self.process.pid]
        for pid in pids:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            pids += map(int, children.read_text().split()) if children.exists() else []
        return pids

    def cpu_seconds(self):
        ticks = 0
        for pid in self.family():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self, name="VmRSS"):
        total = 0
        for pid in self.family():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            found = re.search(rf"{name}:\s+(\d+) kB", status)
            total += int(found[1]) * 1024 if found else 0
        return total


def self_signed(folder):
    """(certificate, key): files for localhost."""
    pair = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair[1], "-out", pair[0],
                    "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return pair


def millwright(binary, model, folder, threads=1, cores=SERVER_CORE, score_path="/invocations",
               tls=None, more=()):
    """`tls`, files of certificate and key: on a second port, too (.tls_url)."""
    port, tls_port = free_port(), free_port()
    if tls:
        more = [*more, "--listen", f"127.0.0.1:{tls_port},tls", "--tls-certificate", tls[0],
                "--tls-key", tls[1]]
    server = Server([binary, "serve", model, "--threads", threads,
                     "--listen", f"127.0.0.1:{port},plain", "--data", folder / "mw-data", *more],
                    port, "/v2/health/ready", score_path, cores)
    server.tls_url = f"https://127.0.0.1:{tls_port}{score_path}"
    return server


def nginx(folder, answer, score_path="/"):
    port = free_port()
    conf = folder / f"nginx-{port}.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, port=port, answer=answer.decode(),
                                      KEEPING=KEEPING), encoding="utf-8")
    return Server([NGINX, "-p", folder, "-c", conf, "-e", folder / "nginx.log"], port, "/",
                  score_path)


def mlflow(python, model):
    port = free_port()
    return Server([python, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local",
                   "--host", "127.0.0.1", "--port", port, "--workers", 1], port, "/ping",
                  MLFLOW_LOGGING_LEVEL="ERROR", MLFLOW_DISABLE_TELEMETRY="true",
                  OMP_NUM_THREADS="1",
                  PATH=f"{pathlib.Path(python).parent}:{os.environ['PATH']}")


def floor_cpu(binary, script, options):
    """Processor time (microseconds) of the same requests where their bodies are received and not
    looked at: http_floor, which answers 60 fixed bytes."""
    port = free_port()
    program = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, binary.parent / "bench/http_floor", f"127.0.0.1:{port}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        program.stdout.readline()
        subprocess.run(["taskset", "-c", CLIENT_CORE, "wrk", "-t1", "-c2", f"-d{options.seconds}s",
                        "-s", str(script), f"http://127.0.0.1:{port}/"], capture_output=True,
                       check=True)
        said, _ = program.communicate(timeout=STOP_SECONDS_MAX)
    finally:
        program.kill()
        program.wait()
    return float(re.search(r"requests, ([\d.]+) us", said)[1])


def real_time(server, threads=""):
    """Others' work no longer takes the core from this server's threads of such names: SCHED_FIFO.
    Threads of the background must not have it, or they would take the core from those."""
    for pid in server.family():
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (thread / "comm").read_text().startswith(threads):
                os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(1))


def hiccup(binary, kind, seconds, before=()):
    """Microseconds that the machine itself makes wait, who asks nothing of it: bench/hiccup.c."""
    done = subprocess.run([*before, binary.parent / "bench/hiccup", kind, str(seconds), SERVER_CORE,
                           CLIENT_CORE], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def load(server, script, connections, seconds, cores=CLIENT_CORE):
    """wrk for so long; {"rate", "p50", "p99" (microseconds), "cpu" (microseconds a request)}."""
    before = server.cpu_seconds()
    done = subprocess.run(
        ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "--timeout", "30s", "-s", str(script), server.url],
        capture_output=True, text=True, timeout=seconds + 60, check=False)
    if server.process.poll() is not None:
        raise RuntimeError(f"{server.command} ended under load: {server.last_words()}")
    cpu = server.cpu_seconds() - before
    found = re.search(r"^result (.*)$", done.stdout, re.M)
    if done.returncode or not found:
        raise RuntimeError(f"wrk said:\n{done.stdout}{done.stderr}")
    result = json.loads(found[1])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"wrk had errors with {server.command}: {result}")
    return {"rate": result["requests"] / result["seconds"], "p50": result["p50"],
            "p99": result["p99"], "cpu": cpu / result["requests"] * 1e6}
