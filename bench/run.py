#!/usr/bin/env python3
"""Measure Millwright beside its peers, in one run on this machine, and print the ratios.

    make bench
    .venv-bench/bin/python bench/run.py --quick --only serve,start

Server and client have a core each. What is compared takes turns (ours, theirs, ours, ...), and the
median of the rounds counts, so a noisy neighbour meets both. A goal that is missed is said to be;
the exit code is 1 only when something could not be measured. The figures are also kept in
bench/results/.
"""
import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import library
import numpy as np
import servers
from material import NAMES, Material

ROOT = pathlib.Path(__file__).resolve().parents[1]
MB = 1e6
WARM_UP_SECONDS, N_STARTS = 1, 11
N_BATCH, N_IDLE = 1000, 900  # within the usual limit of open files
BUSY_LOAD = 0.5
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
QUICK_SECONDS = 15  # less than this is a try, not a measurement


@dataclasses.dataclass
class Row:
    """One line of the table. `goal` is of the ratio, or of our own figure: ("at least", 0.85)."""
    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float = None
    goal: tuple = None
    of_ratio: bool = True
    rounds: dict = None  # {name: the figure of each round}, for whoever asks how steady it was

    @property
    def ratio(self):
        return self.ours / self.theirs if self.theirs else None

    @property
    def verdict(self):
        if not self.goal:
            return ""
        value = self.ratio if self.of_ratio else self.ours
        met = value >= self.goal[1] if self.goal[0] == "at least" else value <= self.goal[1]
        return "met" if met else "MISSED"

    def cells(self):
        goal = ""
        if self.goal:
            of = "x" if self.of_ratio else " " + self.unit
            goal = f"{self.goal[0]} {self.goal[1]:g}{of}"
        theirs = f"{self.peer} {show(self.theirs)}" if self.theirs else ""
        return [self.what, f"{show(self.ours)} {self.unit}", theirs,
                f"{self.ratio:.2f}" if self.ratio else "", goal, self.verdict]


def show(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


# ---- the measures ------------------------------------------------------------------------------


def take_turns(contenders, script, options):
    """{name: {"rate": [of each round], ...}} of servers that are loaded in turns."""
    for server in contenders.values():
        servers.load(server, script, options.connections, WARM_UP_SECONDS)
    rounds = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, server in contenders.items():
            rounds[name].append(
                servers.load(server, script, options.connections, options.seconds))
    return {name: {key: [one[key] for one in found] for key in found[0]}
            for name, found in rounds.items()}


def compare(what, key, unit, peer, found, goal=None):
    """A row: the median of our rounds beside the median of the peer's."""
    rounds = {name: found[name][key] for name in ("ours", peer)}
    return Row(what, statistics.median(rounds["ours"]), unit, peer,
               statistics.median(rounds[peer]), goal, rounds=rounds)


def measure_serve(material, options):
    """nginx answers twice: throwing the body away (the goal), and keeping it first (fairer)."""
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours:
        answer = ours.post(material.one_body)
        with servers.nginx(material.folder, answer) as peer, \
                servers.nginx(material.folder, answer, servers.KEEPING) as keeping:
            for server in (peer, keeping):
                if server.post(material.one_body) != answer:
                    raise RuntimeError("nginx does not give the same answer")
            contenders = {"ours": ours, "nginx": peer, "nginx (keeps the body)": keeping}
            found = take_turns(contenders, material.one_script, options)
        resident, highest = ours.memory_bytes(), ours.memory_bytes("VmHWM")
    return [
        compare(f"one row a request, {options.connections} connections", "rate", "requests/s",
                "nginx", found, ("at least", 0.9)),
        compare("  p50", "p50", "us", "nginx", found),
        compare("  p99", "p99", "us", "nginx", found, ("at most", 1.5)),
        compare("  processor time a request", "cpu", "us", "nginx", found),
        compare("  requests", "rate", "requests/s", "nginx (keeps the body)", found),
        compare("  p99", "p99", "us", "nginx (keeps the body)", found),
        Row("  memory after the load", resident / MB, "MB", goal=("at most", 30), of_ratio=False),
        Row("  memory at its highest", highest / MB, "MB", goal=("at most", 30), of_ratio=False),
    ]


def measure_tensors(material, options):
    """The Open Inference Protocol with a binary tensor: one row beside nginx, 1,000 rows beside the
    kernel that is called without any server, by one thread; the same rows in shared memory."""
    path = f"/v2/models/{material.xgboost_file.stem}/infer"
    one, one_headers, one_script = material.tensor(1)
    _, _, many_script = material.tensor(N_BATCH, binary_answer=True)
    model = library.Model(options.binary.parent / "include/libmillwright.so",
                          material.xgboost_file)
    kernel = model.predictor(np.ascontiguousarray(material.rows[:N_BATCH]))
    with servers.millwright(options.binary, material.xgboost_file, material.folder,
                            score_path=path, more=["--shared-memory", "on"]) as ours, \
            material.shared_tensor(N_BATCH) as (region, shared_body, shared_script):
        answer = ours.post(one, one_headers)
        ours.post(region, path="/v2/systemsharedmemory/region/bench/register")
        ours.post(shared_body)
        with servers.nginx(material.folder, answer) as peer:
            found = take_turns({"ours": ours, "nginx": peer}, one_script, options)
        served, cpu, bare, shared = [], [], [], []
        for _ in range(options.rounds):
            found_now = servers.load(ours, many_script, 2, options.seconds)
            served.append(found_now["rate"] * N_BATCH)
            cpu.append(found_now["cpu"])
            found_now = servers.load(ours, shared_script, 2, options.seconds)
            shared.append(found_now["rate"] * N_BATCH)
            bare.append(N_BATCH / library.mean_seconds(kernel, options.seconds))
    cpu_floor = [servers.floor_cpu(options.binary, many_script, options) for _ in range(2)]
    return [compare("one row as a binary tensor", "rate", "requests/s", "nginx", found,
                    ("at least", 0.95)),
            compare("  processor time a request", "cpu", "us", "nginx", found),
            Row(f"{N_BATCH:,} rows as a binary tensor", statistics.median(served), "rows/s",
                "the kernel alone", statistics.median(bare), ("at least", 0.9),
                rounds={"ours": served, "kernel": bare}),
            Row("  processor time a request", min(cpu), "us", "sockets and kernel alone",
                min(cpu_floor) + N_BATCH / max(bare) * 1e6, rounds={"ours": cpu}),
            Row(f"{N_BATCH:,} rows in shared memory", statistics.median(shared), "rows/s",
                "the kernel alone", statistics.median(bare),
                rounds={"ours": shared, "kernel": bare})]


def measure_steady(material, options):
    """Latency under half of the load that the server carries, from when each request was due;
    beside nginx at the same rate, by the same generator: what is the machine's, it has, too. In
    turns with a thread that only wakes up, and says how late: no tail can be below its."""
    before = ["chrt", "-f", "1"] if options.real_time else []
    rows = material.folder / "rows.csv"
    with rows.open("w", encoding="utf-8") as file:
        print(",".join(NAMES), file=file)
        for row in material.rows[:1000]:
            print(",".join(f"{value:.4f}" for value in row), file=file)

    def bench(before, server, *more):
        done = subprocess.run(
            [*before, "taskset", "-c", servers.CLIENT_CORE, options.binary, "capacity", "bench",
             "--server", f"127.0.0.1:{server.port}", "--input", rows, "--format", "json",
             "--duration", f"{options.seconds}s", *map(str, more)],
            capture_output=True, text=True, check=True)
        return json.loads(done.stdout)
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours, \
            servers.nginx(material.folder, ours.post(material.one_body)) as peer:
        curve = bench([], ours)
        rate = curve["closed_loop_rps"] / 2
        if options.real_time:
            servers.real_time(ours, "mw-loop")
            servers.real_time(peer)
        steps, wake = {"ours": [], "nginx": []}, []
        for _ in range(options.rounds):
            for name, server in (("ours", ours), ("nginx", peer)):
                steps[name].append(bench(before, server, "--rates", rate)["steps"][0])
            wake.append(servers.hiccup(options.binary, "wake", options.seconds, before)["p999_us"])
    tails = {name: [step["p999_ms"] / step["p50_ms"] for step in found]
             for name, found in steps.items()}
    half = {name: statistics.median(step["p50_ms"] * 1e3 for step in found)
            for name, found in steps.items()}
    p999 = [step["p999_ms"] * 1e3 for step in steps["ours"]]
    return [Row("knee of `mw capacity bench`, generator beside it", curve["knee_rps"] or 0,
                "requests/s"),
            Row("half of the closed loop's rate: p50", half["ours"], "us", "nginx", half["nginx"]),
            Row("  p99.9 over p50", statistics.median(tails["ours"]), "x", "nginx",
                statistics.median(tails["nginx"]), ("at most", 5), of_ratio=False, rounds=tails),
            Row("  p99.9", statistics.median(p999), "us", "a thread that only wakes up",
                statistics.median(wake), rounds={"ours": p999, "wake": wake})]


def measure_idle(material, options):
    """What a connection costs that has asked once and waits."""
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours:
        before, held = ours.memory_bytes(), []
        try:
            for _ in range(N_IDLE):
                held.append(socket.create_connection(("127.0.0.1", ours.port), 5))
                held[-1].sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                held[-1].recv(4096)
            cost = (ours.memory_bytes() - before) / N_IDLE
        finally:
            for each in held:
                each.close()
    return [Row(f"an idle connection, of {N_IDLE:,}", cost, "bytes", goal=("at most", 2048),
                of_ratio=False)]


def measure_tls(material, options):
    """One process on two ports, plain and TLS 1.3: processor time of a request kept alive, and what
    a connection costs that has asked once and waits."""
    pair = servers.self_signed(material.folder)
    with servers.millwright(options.binary, material.xgboost_file, material.folder,
                            tls=pair) as ours:
        urls = {"plain": ours.url, "tls": ours.tls_url}
        cpu = {name: [] for name in urls}
        for _ in range(options.rounds + 1):  # the first one warms up
            for name, ours.url in urls.items():
                cpu[name].append(servers.load(ours, material.one_script, options.connections,
                                              options.seconds)["cpu"])
        context = ssl.create_default_context(cafile=pair[0])
        port, held = int(ours.tls_url.rsplit(":", 1)[1].split("/")[0]), []

        def hold(n):
            for _ in range(n):
                held.append(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5),
                                                server_hostname="localhost"))
                held[-1].sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                held[-1].recv(4096)
            time.sleep(0.5)  # so long it keeps buffers, and longer
        try:
            hold(N_IDLE // 3)
            before = ours.memory_bytes()
            hold(N_IDLE // 3)
            cost = (ours.memory_bytes() - before) / (N_IDLE // 3)
        finally:
            for each in held:
                each.close()
    plain, tls = (min(cpu[name][1:]) for name in ("plain", "tls"))
    return [Row("TLS kept alive: processor time of a plain request over one with TLS", plain, "us",
                "TLS", tls, ("at least", 0.8), rounds=cpu),
            Row("an idle connection with TLS", cost, "bytes", goal=("at most", 2048),
                of_ratio=False)]


def measure_mlflow(material, options):
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours, \
            servers.mlflow(sys.executable, material.mlflow_folder()) as peer:
        mine, theirs = (json.loads(one.post(material.one_body))["predictions"][0]
                        for one in (ours, peer))
        if abs(mine - theirs) > 1e-6:
            raise RuntimeError(f"predictions differ: {mine}, MLflow {theirs}")
        found = take_turns({"ours": ours, "mlflow": peer}, material.one_script, options)
        return [compare("the same, beside mlflow models serve", "rate", "requests/s", "mlflow",
                        found, ("at least", 100)),
                compare("  p99", "p99", "us", "mlflow", found),
                Row("  memory after the load", ours.memory_bytes() / MB, "MB", "mlflow",
                    peer.memory_bytes() / MB),
                Row("  start to ready", ours.start_seconds * 1e3, "ms", "mlflow",
                    peer.start_seconds * 1e3)]


def measure_start(material, options):
    times, memory = [], []
    for _ in range(N_STARTS):
        with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours:
            times.append(ours.start_seconds * 1e3)
            memory.append(ours.memory_bytes() / MB)
    return [Row(f"start to ready, median of {N_STARTS}", statistics.median(times), "ms",
                goal=("at most", 50), of_ratio=False, rounds={"ours": times}),
            Row("  memory when ready", statistics.median(memory), "MB", goal=("at most", 30),
                of_ratio=False)]


def measure_large(material, options):
    """10,000 rows a body. With one thread, server and client have a core each; a server with two
    threads shares both cores with the client, as there are no more."""
    rows, most_memory = [], 0
    for digits, shape in ((6, "six decimals"), (2, "two decimals")):
        body, script = material.large(digits)
        for threads, connections in ((1, 1), (1, 2), (2, 1), (2, 2)):
            cores = (servers.SERVER_CORE, servers.CLIENT_CORE) if threads == 1 else \
                (servers.BOTH_CORES, servers.BOTH_CORES)
            with servers.millwright(options.binary, material.xgboost_file, material.folder,
                                    threads, cores[0]) as ours:
                servers.load(ours, script, connections, WARM_UP_SECONDS, cores[1])
                rates = [servers.load(ours, script, connections, options.seconds, cores[1])["rate"]
                         * len(body) / MB for _ in range(options.rounds)]
                most_memory = max(most_memory, ours.memory_bytes("VmHWM"))
            what = f"10,000 rows ({len(body) / MB:.1f} MB, {shape}), {count(threads, 'thread')}, " \
                   f"{count(connections, 'connection')}"
            rows.append(Row(what, statistics.median(rates), "MB/s", goal=("at least", 300),
                            of_ratio=False, rounds={"ours": rates}))
    return rows + [Row("  memory at its highest", most_memory / MB, "MB")]


def measure_library(material, options):
    shared = options.binary.parent / "include/libmillwright.so"
    rows = []
    for peer, n_rows, ours, theirs in library.measure(material, shared, options.rounds,
                                                      options.seconds):
        at_once = f"{n_rows:,} rows at once" if n_rows > 1 else "one row at a time"
        rows.append(Row(f"{peer} model, {at_once}, one thread", 1 / ours, "rows/s", peer,
                        1 / theirs))
    return rows


def count(n, noun):
    return f"{n} {noun}{'s' * (n != 1)}"


# ---- telling -----------------------------------------------------------------------------------


def version_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "?"
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "?"


def version_of_package(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "?"


def describe_run(options):
    """Lines that say what was measured, on what, and how long."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    packages = ("xgboost-cpu", "lightgbm", "mlflow-skinny")
    busy = os.getloadavg()[0]
    lines = [
        f"{cpu[1] if cpu else platform.machine()}, {count(os.cpu_count(), 'core')}, "
        f"Linux {platform.release().split('-')[0]}",
        f"millwright {version_of(options.binary, '--version')}, "
        f"nginx {version_of(servers.NGINX, '-v')}, wrk {version_of('wrk', '-v')}, " +
        ", ".join(f"{name} {version_of_package(name)}" for name in packages),
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC: "
        f"{', '.join(options.only)}; median of {count(options.rounds, 'round')} of "
        f"{options.seconds} s"]
    if options.rounds * options.seconds < QUICK_SECONDS:
        lines.append("warning: a quick try; these figures are not to be quoted")
    if busy > BUSY_LOAD:
        lines.append(f"warning: the machine was busy at the start (load {busy:.1f}); "
                     "figures may be low")
    return lines


def table(rows):
    """Markdown that also reads well as it is."""
    cells = [["measure", "Millwright", "peer", "ratio", "goal", ""]] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(6)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
             for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *lines[1:]])


def keep(folder, run, rows, failures):
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*run, "", table(rows), "", *failures, summary(rows)])
    (folder / "latest.md").write_text(text + "\n", encoding="utf-8")
    found = [{**dataclasses.asdict(row), "ratio": row.ratio, "verdict": row.verdict}
             for row in rows]
    record = {"run": run, "rows": found, "failures": failures}
    (folder / "latest.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def summary(rows):
    verdicts = [row.verdict for row in rows]
    return f"{count(verdicts.count('met'), 'goal')} met, {verdicts.count('MISSED')} missed"


# ---- running -----------------------------------------------------------------------------------


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def read_options():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--only", default=",".join(MEASURES), metavar="MEASURE,...",
                         help=f"some of {','.join(MEASURES)}")
    options.add_argument("--rounds", type=at_least_one, default=5)
    options.add_argument("--seconds", type=at_least_one, default=5, help="a round")
    options.add_argument("--connections", type=at_least_one, default=64)
    options.add_argument("--real-time", action="store_true",
                         help="keep others' work off the cores in `steady` (SCHED_FIFO; root)")
    options.add_argument("--quick", action="store_true", help="2 rounds of 2 s: only to try it")
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/millwright")
    options.add_argument("--results", type=pathlib.Path, default=ROOT / "bench/results",
                         help="folder for latest.md and latest.json")
    given = options.parse_args()
    given.binary = given.binary.resolve()
    given.only = given.only.split(",")
    if given.quick:
        given.rounds, given.seconds = 2, 2
    if unknown := set(given.only) - MEASURES.keys():
        options.error(f"no measure '{unknown.pop()}'; there are {', '.join(MEASURES)}")
    if given.real_time and os.geteuid() != 0:
        options.error("--real-time: only root may take the cores from others")
    if not given.binary.exists():
        options.error(f"no {given.binary}: run make")
    return given


def refuse_unfit_machine():
    if not {0, 1} <= os.sched_getaffinity(0):
        sys.exit("error: server and client need a core each: cores 0 and 1 must be ours")
    for program in ("wrk", "taskset", servers.NGINX):
        if not shutil.which(program):
            sys.exit(f"error: {program} is missing: run tools/install-deps.sh bench")


def end_early(number, _):
    """An end from outside is an exception, so that no server outlives this program. Once: a second
    one must not disturb the cleaning up, which is bounded anyway."""
    for each in ENDING_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    print("error: ended early; nothing is kept", file=sys.stderr)
    sys.exit(128 + number)


def measure_all(options):
    """(rows, what failed). One failure leaves the other measures alone."""
    rows, failures = [], []
    with tempfile.TemporaryDirectory(prefix="mw-bench-") as folder:
        material = Material(folder)
        for name in options.only:
            print(f"measuring {name}", flush=True)
            try:
                rows += MEASURES[name](material, options)
            except Exception as error:  # whatever it was, the others can still be measured
                text = " ".join(str(error).split())
                failures.append(f"error: {name}: {text or type(error).__name__}")
                print(failures[-1], file=sys.stderr, flush=True)
    return rows, failures


def main():
    options = read_options()
    refuse_unfit_machine()
    for number in ENDING_SIGNALS:
        signal.signal(number, end_early)
    run = describe_run(options)
    print("\n".join(run), flush=True)
    rows, failures = measure_all(options)
    print("\n" + table(rows))
    print("\n" + "\n".join([*failures, summary(rows)]))
    keep(options.results, run, rows, failures)
    return 1 if failures else 0


MEASURES = {"serve": measure_serve, "tensors": measure_tensors, "steady": measure_steady,
            "idle": measure_idle, "tls": measure_tls, "mlflow": measure_mlflow,
            "start": measure_start, "large": measure_large, "library": measure_library}

if __name__ == "__main__":
    sys.exit(main())
