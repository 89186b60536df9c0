#!/usr/bin/env python3
"""Processor time of a unary gRPC call: ours beside the gRPC C core's, and the floor of sockets, by
h2load, in one run.

    python bench/grpc.py [--calls 20000] [--rounds 5] [--model MODEL]

The call is ModelInfer of one row, a message built by hand. The core's server (grpc_core.c, built
here; apt install libgrpc-dev) answers with fixed bytes and looks at nothing: it does less than
ours. The floor (grpc_floor.c) answers with recorded bytes by one epoll_wait, recv and send: what
nobody who uses sockets can go below. Rounds take turns; the least of each counts, since what else
the machine does only adds. Goal: half of the core's; where the floor is more than that, none can
reach it, and what a server adds to the floor is what can be compared.
"""
import argparse
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
METHOD = "/inference.GRPCInferenceService/ModelInfer"
ANSWER_BYTES = 64
FORMS = {"1 connection, 1 at a time": (1, 1), "16 connections, 1 at a time": (16, 1),
         "1 connection, 32 at a time": (1, 32)}


def field(number, text):
    """A field of bytes, of a protocol buffer."""
    size, length = len(text), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + text


def infer_message(name, n_features):
    tensor = field(1, b"input") + field(2, b"FP32") + field(3, b"\x01" + bytes([n_features]))
    return field(1, name) + field(5, tensor) + field(7, struct.pack(f"{n_features}f",
                                                                    *range(n_features)))


class Server:
    def __init__(self, command, read_port):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        self.port = read_port(self.process.stdout.readline())

    def cpu_seconds(self):
        """Of all its threads, by the scheduler's own count of nanoseconds."""
        return sum(int(path.read_text(encoding="ascii").split()[0]) for path in
                   pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")) / 1e9

    def load(self, message, calls, connections, in_flight):
        """(microseconds of processor time a call, calls a second)."""
        before = self.cpu_seconds()
        done = subprocess.run(
            ["h2load", "-n", str(calls), "-c", str(connections), "-m", str(in_flight),
             "-d", message, "-H", "content-type: application/grpc", "-H", "te: trailers",
             f"http://127.0.0.1:{self.port}{METHOD}"], capture_output=True, text=True, check=True)
        if f"{calls} succeeded" not in done.stdout or f"{calls} 2xx" not in done.stdout:
            sys.exit(done.stdout)
        rate = float(re.search(r"([\d.]+) req/s", done.stdout)[1])
        return (self.cpu_seconds() - before) / calls * 1e6, rate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=ROOT.parent / "shared/data/models/adult-xgb.json")
    parser.add_argument("--features", type=int, default=14)
    parser.add_argument("--binary", default=ROOT / "build/millwright")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        core, floor = (pathlib.Path(folder) / name for name in ("grpc_core", "grpc_floor"))
        for built, libraries in ((core, ["-lgrpc", "-lgpr"]), (floor, [])):
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", built,
                            ROOT / f"bench/{built.name}.c", *libraries], check=True)
        text = infer_message(b"m", options.features)
        message = pathlib.Path(folder) / "message"
        message.write_bytes(b"\0" + struct.pack(">I", len(text)) + text)
        ours = Server([options.binary, "serve", f"m={options.model}", "--listen", "127.0.0.1:0",
                       "--threads", "1", "--json", "--data", folder],
                      lambda line: json.loads(line)["port"])
        theirs = Server([core, METHOD, str(ANSWER_BYTES)], int)
        sockets = Server([floor, str(ANSWER_BYTES)], int)
        try:
            for form, (connections, in_flight) in FORMS.items():
                calls = options.calls if connections * in_flight > 1 else options.calls // 4
                taken = {ours: [], theirs: [], sockets: []}
                for _ in range(options.rounds):
                    for server, list_ in taken.items():
                        list_.append(server.load(message, calls, connections, in_flight))
                mine, its, least = (min(cpu for cpu, _ in list_) for list_ in taken.values())
                rates = [max(rate for _, rate in list_) for list_ in taken.values()]
                print(f"{form:28} CPU a call {mine:5.1f} us, core {its:5.1f}, floor {least:5.1f}; "
                      f"of the core's: ours {mine / its:.2f}, floor {least / its:.2f}; above the "
                      f"floor: ours {mine - least:4.1f}, core {its - least:4.1f}, ratio "
                      f"{(mine - least) / (its - least):.2f}   calls/s "
                      + ", ".join(f"{rate:,.0f}" for rate in rates), flush=True)
        finally:
            for server in (ours, theirs, sockets):
                server.process.kill()
                server.process.wait()


if __name__ == "__main__":
    main()
