#!/usr/bin/env python3
"""Goodput and latency under 0.5 to 4 times the load that a server can carry.

    python bench/overload.py [--binary build/millwright] [--seconds 2] [--rounds 3] [--svg FILE]

An open-loop client: requests are due at random times (Poisson, fixed seed) whatever the server
does, each on a connection of its own for as long as it lasts; latency counts from the time a
request was due. Clients hang up after PATIENCE. Good is an answer of 200 within BUDGET. Two
servers, one with admission and one without, run side by side on one core, the client on another;
for each load what the server can carry is measured anew (a closed loop, just before), so that
ratios hold where the machine is shared. Shown is the median of the rounds.

Two kinds of requests: `loop`, 3,500 rows (63 kB), which the loop itself works on, and `worker`,
12,000 rows (216 kB), which waits for a worker.
"""
import argparse
import collections
import json
import math
import os
import pathlib
import random
import select
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import servers

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples/models/credit.json"
BUDGET, PATIENCE = 0.25, 1.0  # seconds
LOADS = [0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0]
KINDS = {"loop": 3500, "worker": 12000}
CLOSED_CONNECTIONS, CALIBRATE_SECONDS = 4, 1.0
GOAL_GOODPUT = 0.9


def request_of(n_rows, n_features):
    row = b"[" + b",".join([b"1"] * n_features) + b"]"
    body = b'{"inputs": [' + b",".join([row] * n_rows) + b"]}"
    whole = servers.request_bytes("POST", "/invocations", body)
    return whole.replace(b"Connection: close\r\n", b"")


class Connection:
    """One request at a time; `answer` is a status once it is whole."""

    def __init__(self, port, poller):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.fd, self.poller = self.socket.fileno(), poller
        self.due, self.unsent, self.status, self.missing, self.head = None, b"", 0, 0, b""
        poller.register(self.fd, select.EPOLLIN)

    def start(self, data, due):
        self.due, self.status, self.missing, self.head = due, 0, -1, b""
        self.unsent = memoryview(data)
        self.write()

    def write(self):
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent):]
        except BlockingIOError:
            pass
        self.poller.modify(self.fd, select.EPOLLIN | (select.EPOLLOUT if self.unsent else 0))

    def read(self):
        """True when the answer is whole; raises when the connection is of no use any more."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError
        if self.missing < 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.status = int(self.head[9:12])
            length = self.head.lower().index(b"content-length: ") + 16
            size = int(self.head[length:self.head.index(b"\r\n", length)])
            self.missing = size - (len(self.head) - end - 4)
        else:
            self.missing -= len(data)
        return self.missing == 0

    def close(self):
        self.socket.close()


class Client:
    """Keeps connections over runs."""

    def __init__(self, port, data):
        self.port, self.data = port, data
        self.poller, self.connections, self.idle = select.epoll(), {}, []
        self.answers = []  # (status, latency); status 0 = hung up

    def connection(self):
        if self.idle:
            return self.idle.pop()
        connection = Connection(self.port, self.poller)
        self.connections[connection.fd] = connection
        return connection

    def drop(self, connection):
        del self.connections[connection.fd]
        connection.close()

    def take_events(self, seconds, finished):
        for fd, events in self.poller.poll(seconds):
            connection = self.connections.get(fd)
            if connection is None:
                continue
            try:
                if events & select.EPOLLOUT:
                    connection.write()
                whole = events & ~select.EPOLLOUT and connection.read()
            except OSError:
                if connection.due is not None:
                    finished(connection, 0)
                elif connection in self.idle:
                    self.idle.remove(connection)
                self.drop(connection)
                continue
            if whole:
                finished(connection, connection.status)
                connection.due = None
                self.idle.append(connection)

    def closed(self, seconds):
        """Answers a second of clients that ask again at once."""
        count = 0

        def finished(connection, status):
            nonlocal count
            count += status == 200
        end = time.monotonic() + seconds
        for _ in range(CLOSED_CONNECTIONS):
            self.connection().start(self.data, 0)
        while time.monotonic() < end:
            self.take_events(0.05, finished)
            while self.idle and len(self.idle) > len(self.connections) - CLOSED_CONNECTIONS:
                self.idle.pop().start(self.data, 0)
        while len(self.idle) < len(self.connections):
            self.take_events(0.05, lambda *_: None)
        return count / seconds

    def open(self, rate, seconds, seed):
        """[(status, latency)] of requests that are due at random times."""
        chance, answers, begun = random.Random(seed), [], collections.deque()
        begin = time.monotonic()
        due, end = begin + chance.expovariate(rate), begin + seconds

        def finished(connection, status):
            answers.append((status, time.monotonic() - connection.due))
        while True:
            now = time.monotonic()
            while due <= now and due < end:
                connection = self.connection()
                connection.start(self.data, due)
                begun.append((due, connection))
                due += chance.expovariate(rate)
            while begun and begun[0][0] + PATIENCE < now:
                since, connection = begun.popleft()
                if connection.due == since:
                    answers.append((0, now - since))
                    self.drop(connection)
            if due >= end and not begun:
                return answers
            self.take_events(min(max(due - now, 0), 0.01) if due < end else 0.01, finished)


def quantile(values, q):
    return sorted(values)[min(int(q * len(values)), len(values) - 1)] if values else math.nan


def measure(client, capacity, load, seconds, seed):
    answers = client.open(load * capacity, seconds, seed)
    good = [latency for status, latency in answers if status == 200 and latency <= BUDGET]
    taken = [latency for status, latency in answers if status == 200]
    refused = [latency for status, latency in answers if status == 503]
    return {"goodput": len(good) / seconds / capacity, "p99": quantile(taken, 0.99),
            "refused": len(refused) / len(answers), "refused_p99": quantile(refused, 0.99),
            "hung_up": sum(status == 0 for status, _ in answers) / len(answers)}


# ---- the picture -----------------------------------------------------------------------------

def line(points, color, dash=""):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2" ' \
           f'stroke-dasharray="{dash}"/>{dots}'


def panel(left, title, rows, value, low, high, ticks, mark, log):
    """One chart: x is the load, 0 to the largest; y from low to high."""
    width, height, top, right_most = 320, 220, 40, max(LOADS)

    def y_of(v):
        v = min(max(v, low), high)
        part = math.log(v / low) / math.log(high / low) if log else (v - low) / (high - low)
        return top + height - part * height

    def x_of(load):
        return left + load / right_most * width
    out = [f'<text x="{left}" y="24" font-weight="bold">{title}</text>']
    for v, text in ticks:
        out.append(f'<line x1="{left}" x2="{left + width}" y1="{y_of(v):.1f}" y2="{y_of(v):.1f}" '
                   f'stroke="#ddd"/><text x="{left - 6}" y="{y_of(v) + 4:.1f}" '
                   f'text-anchor="end">{text}</text>')
    for load in range(int(right_most) + 1):
        out.append(f'<text x="{x_of(load):.1f}" y="{top + height + 18}" '
                   f'text-anchor="middle">{load}×</text>')
    if mark:
        out.append(f'<line x1="{left}" x2="{left + width}" y1="{y_of(mark[0]):.1f}" '
                   f'y2="{y_of(mark[0]):.1f}" stroke="#888" stroke-dasharray="2 3"/>'
                   f'<text x="{left + width}" y="{y_of(mark[0]) - 4:.1f}" text-anchor="end" '
                   f'fill="#666">{mark[1]}</text>')
    for name, color, dash in [("off", "#c0392b", "5 4"), ("on", "#1f6f43", "")]:
        points = [(x_of(load), y_of(row[name][value])) for load, row in rows
                  if not math.isnan(row[name][value])]
        out.append(line(points, color, dash))
    return "\n".join(out)


def picture(results):
    panels = []
    for i, (kind, rows) in enumerate(results.items()):
        panels.append(f'<g transform="translate(0 {i * 310})">' + panel(
            60, f"{kind}: answers in time, of what it can carry", rows, "goodput", 0, 1.6,
            [(0, "0"), (0.5, "0.5"), (1, "1"), (1.5, "1.5")], None, False) + panel(
            470, f"{kind}: p99 of what is answered", rows, "p99", 0.003, 1.0,
            [(0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s")],
            (BUDGET, f"budget {BUDGET * 1e3:.0f} ms"), True) + "</g>")
    height = 310 * len(results) + 10
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {height}" ' \
           f'font-family="sans-serif" font-size="12"><rect width="820" height="{height}" ' \
           'fill="white"/>' + "\n".join(panels) + \
           f'<text x="60" y="{height - 6}" fill="#1f6f43">with admission</text>' \
           f'<text x="170" y="{height - 6}" fill="#c0392b">without (dashed)</text>' \
           f'<text x="300" y="{height - 6}" fill="#666">load, as a multiple of what the server ' \
           "can carry</text></svg>\n"


# ---- the run ---------------------------------------------------------------------------------

def start(binary, folder, admission):
    port = servers.free_port()
    return servers.Server([binary, "serve", MODEL, "--threads", 1, "--workers", 1, "--listen",
                           f"127.0.0.1:{port}", "--data", folder / admission, "--admission",
                           admission, "--latency-budget", f"{BUDGET * 1e3:.0f}ms"],
                          port, "/v2/health/ready")


def median_of(runs):
    """Of each figure; those that nobody has seen do not count."""
    def middle(values):
        seen = [value for value in values if not math.isnan(value)]
        return statistics.median(seen) if seen else math.nan
    return {name: middle([run[name] for run in runs]) for name in runs[0]}


def run_kind(kind, up, seconds, rounds):
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    data = request_of(KINDS[kind], int(model["learner"]["learner_model_param"]["num_feature"]))
    clients = {name: Client(server.port, data) for name, server in up.items()}
    for client in clients.values():
        client.closed(0.3)
    runs = {load: {"on": [], "off": []} for load in LOADS}
    for i in range(rounds):
        for j, load in enumerate(LOADS):
            for name in ("on", "off") if (i + j) % 2 == 0 else ("off", "on"):
                capacity = clients["on"].closed(CALIBRATE_SECONDS)
                runs[load][name].append(measure(clients[name], capacity, load, seconds, seed=j))
    print(f"\n{kind}, {len(data) / 1e3:.0f} kB a request\n"
          "load | with: goodput  p99 ms  refused  hung up | without: goodput  p99 ms  hung up")
    rows = [(load, {name: median_of(each) for name, each in run.items()})
            for load, run in runs.items()]
    for load, row in rows:
        on, off = row["on"], row["off"]
        print(f"{load:4.1f} |       {on['goodput']:7.2f} {on['p99'] * 1e3:7.0f} "
              f"{on['refused']:8.2f} {on['hung_up']:8.2f} |          {off['goodput']:7.2f} "
              f"{off['p99'] * 1e3:7.0f} {off['hung_up']:8.2f}", flush=True)
    return rows


def verdict(kind, rows):
    peak = max(row["on"]["goodput"] for _, row in rows)
    at_three = dict(rows)[3.0]
    ratio = at_three["on"]["goodput"] / peak
    in_time = at_three["on"]["p99"] <= BUDGET
    print(f"{kind}: at 3 x the load {ratio:.2f} of the peak goodput (goal {GOAL_GOODPUT}: "
          f"{'met' if ratio >= GOAL_GOODPUT else 'missed'}), p99 "
          f"{at_three['on']['p99'] * 1e3:.0f} ms of {BUDGET * 1e3:.0f} "
          f"({'met' if in_time else 'missed'}); without admission "
          f"{at_three['off']['goodput'] / peak:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/millwright")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--svg", type=pathlib.Path, help="draw the picture here")
    args = parser.parse_args()
    os.sched_setaffinity(0, {int(servers.CLIENT_CORE)})
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with start(args.binary, folder, "on") as on, start(args.binary, folder, "off") as off:
            for kind in KINDS:
                results[kind] = run_kind(kind, {"on": on, "off": off}, args.seconds,
                                         args.rounds)
    print()
    for kind, rows in results.items():
        verdict(kind, rows)
    if args.svg:
        args.svg.write_text(picture(results), encoding="utf-8")


if __name__ == "__main__":
    main()
