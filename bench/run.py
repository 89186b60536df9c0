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
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import library
import servers
from material import Material

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
MEASURES = ("serve", "mlflow", "start", "large", "library")
MB, MIB = 1e6, 2 ** 20


@dataclasses.dataclass
class Row:
    """One line of the table. `goal` is of `compared`: ("at least", 0.85)."""
    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float = None
    goal: tuple = None
    of_ratio: bool = True

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
    """{name: {"rate": median, ...}} of servers that are loaded in turns."""
    rounds = {name: [] for name in contenders}
    for server in contenders.values():
        servers.load(server, script, options.connections, min(2, options.seconds))
    for _ in range(options.rounds):
        for name, server in contenders.items():
            rounds[name].append(
                servers.load(server, script, options.connections, options.seconds))
    return {name: {key: statistics.median(one[key] for one in found) for key in found[0]}
            for name, found in rounds.items()}


def measure_serve(material, options):
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours:
        answer = ours.post(material.one_body)
        with servers.nginx(material.folder, answer) as peer:
            if peer.post(material.one_body) != answer:
                raise RuntimeError("nginx does not give the same answer")
            found = take_turns({"ours": ours, "nginx": peer}, material.one_script, options)
        memory = ours.memory_bytes("VmHWM")
    mine, theirs = found["ours"], found["nginx"]
    load = f"{options.connections} connections"
    return [
        Row(f"one row a request, {load}", mine["rate"], "requests/s", "nginx", theirs["rate"],
            ("at least", 0.85)),
        Row("  p50", mine["p50"], "us", "nginx", theirs["p50"]),
        Row("  p99", mine["p99"], "us", "nginx", theirs["p99"], ("at most", 1.5)),
        Row("  processor time a request", mine["cpu"], "us", "nginx", theirs["cpu"]),
        Row("  memory at its highest", memory / MIB, "MiB", goal=("at most", 30), of_ratio=False),
    ]


def measure_mlflow(material, options):
    with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours, \
            servers.mlflow(sys.executable, material.mlflow_folder()) as peer:
        mine, theirs = (json.loads(one.post(material.one_body))["predictions"][0]
                        for one in (ours, peer))
        if abs(mine - theirs) > 1e-6:
            raise RuntimeError(f"predictions differ: {mine}, MLflow {theirs}")
        found = take_turns({"ours": ours, "mlflow": peer}, material.one_script, options)
        rows = [Row("the same, beside mlflow models serve", found["ours"]["rate"], "requests/s",
                    "mlflow", found["mlflow"]["rate"], ("at least", 100)),
                Row("  p99", found["ours"]["p99"], "us", "mlflow", found["mlflow"]["p99"]),
                Row("  memory", ours.memory_bytes() / MIB, "MiB", "mlflow",
                    peer.memory_bytes() / MIB),
                Row("  start to ready", ours.start_seconds * 1e3, "ms", "mlflow",
                    peer.start_seconds * 1e3)]
    return rows


def measure_start(material, options):
    times = []
    for _ in range(11):
        with servers.millwright(options.binary, material.xgboost_file, material.folder) as ours:
            times.append(ours.start_seconds * 1e3)
    return [Row("start to ready, median of 11", statistics.median(times), "ms",
                goal=("at most", 50), of_ratio=False)]


def measure_large(material, options):
    """10,000 rows a body. Server and client share both cores: each waits for the other anyway."""
    rows, size = [], len(material.large_body)
    for threads, connections in ((1, 1), (2, 1), (2, 2)):
        with servers.millwright(options.binary, material.xgboost_file, material.folder, threads,
                                cores="0,1") as ours:
            rates = [servers.load(ours, material.large_script, connections, options.seconds,
                                  cores="0,1")["rate"] for _ in range(options.rounds)]
        what = f"10,000 rows a body, {threads} thread{'s' * (threads > 1)}, " \
               f"{connections} connection{'s' * (connections > 1)}"
        rows.append(Row(what, statistics.median(rates) * size / MB, "MB/s",
                        goal=("at least", 300) if threads > 1 else None, of_ratio=False))
    return rows


def measure_library(material, options):
    shared = options.binary.parent / "include/libmillwright.so"
    rows = []
    for peer, n_rows, ours, theirs in library.measure(material, shared, options.seconds):
        what = f"{peer}'s model, {'batches of ' if n_rows > 1 else ''}{n_rows:,} " \
               f"row{'s' * (n_rows > 1)}, one thread"
        rows.append(Row(what, 1e6 / ours, "rows/s", peer.split()[0], 1e6 / theirs))
    return rows


# ---- telling -----------------------------------------------------------------------------------


def version_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "?"
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "?"


def describe_machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    packages = ("xgboost-cpu", "lightgbm", "mlflow-skinny")
    return [f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, "
            f"Linux {platform.release().split('-')[0]}",
            f"nginx {version_of(servers.NGINX, '-v')}, wrk {version_of('wrk', '-v')}, " +
            ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)]


def table(rows):
    """Markdown that also reads well as it is."""
    cells = [["measure", "Millwright", "peer", "ratio", "goal", ""]] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(6)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
             for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *lines[1:]])


def keep(machine, rows):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.md").write_text("\n".join(machine) + "\n\n" + table(rows) + "\n",
                                       encoding="utf-8")
    found = [{**dataclasses.asdict(row), "ratio": row.ratio, "verdict": row.verdict}
             for row in rows]
    (RESULTS / "latest.json").write_text(json.dumps({"machine": machine, "rows": found}, indent=2),
                                         encoding="utf-8")


def read_options():
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--only", default=",".join(MEASURES),
                         help=f"some of {','.join(MEASURES)}")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5, help="a round")
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--quick", action="store_true", help="two rounds of 2 s: only to try it")
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/millwright")
    given = options.parse_args()
    given.binary = given.binary.resolve()
    given.only = given.only.split(",")
    if given.quick:
        given.rounds, given.seconds = 2, 2
    if unknown := set(given.only) - set(MEASURES):
        options.error(f"no measure '{unknown.pop()}'; there are {', '.join(MEASURES)}")
    if not given.binary.exists():
        options.error(f"no {given.binary}: run make")
    return given


def main():
    options = read_options()
    machine = describe_machine()
    print("\n".join(machine), flush=True)
    if os.getloadavg()[0] > 0.5:
        print(f"warning: the machine is busy (load {os.getloadavg()[0]:.1f}); figures will be low")
    if os.cpu_count() < 2 or not shutil.which("wrk"):
        sys.exit("error: two cores and wrk are needed")
    rows, failed = [], False
    with tempfile.TemporaryDirectory(prefix="mw-bench-") as folder:
        material = Material(folder)
        for name in options.only:
            print(f"measuring {name}", flush=True)
            try:
                rows += globals()[f"measure_{name}"](material, options)
            except (RuntimeError, OSError, subprocess.SubprocessError, AssertionError) as error:
                print(f"error: {name}: {error}", file=sys.stderr)
                failed = True
    print("\n" + table(rows))
    keep(machine, rows)
    missed = sum(row.verdict == "MISSED" for row in rows)
    met = sum(row.verdict == "met" for row in rows)
    print(f"\n{met} goals met, {missed} missed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
