"""A soak: clients of every kind at once, well-behaved ones and others, while models are swapped.

    SOAK_SECONDS=3600 python -m pytest tests/wire/test_soak.py -s        (make soak)

Each well-behaved client checks each of its answers: none may be lost or wrong. Behind it memory and
descriptors must be where they were, and the server ends by itself.
"""
import http.client
import json
import os
import pathlib
import random
import re
import socket
import threading
import time

import numpy as np
import pytest

grpc = pytest.importorskip("grpc")
pytest.importorskip("h2")

from tritonclient.grpc import service_pb2 as pb  # noqa: E402

from attack import ATTACKS, attack  # noqa: E402
from test_http2 import Client, status  # noqa: E402

SECONDS = float(os.environ.get("SOAK_SECONDS", 30))
SERVICE = "/inference.GRPCInferenceService/"
ROW = [1.0, 2.0, 3.0, 4.0]


class Soak:
    """Threads that work until it is over; what they find wrong ends it."""

    def __init__(self, server, expected):
        self.server, self.expected = server, expected
        self.counts, self.faults = {}, []
        self.over = threading.Event()

    def run(self, name, work):
        """In a thread, from one of its steps to the next."""
        def loop():
            try:
                for _ in work(self):
                    self.counts[name] = self.counts.get(name, 0) + 1
                    if self.over.is_set():
                        return
            except Exception as error:  # noqa: BLE001: whatever it is, it is the finding
                self.faults.append(f"{name}: {error!r}")
                self.over.set()
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def check(self, value):
        assert abs(float(value) - self.expected) < 1e-5, (value, self.expected)


def http1(soak):
    while True:
        one = http.client.HTTPConnection("127.0.0.1", soak.server.port, timeout=30)
        for _ in range(random.randint(1, 200)):
            one.request("POST", "/endpoints/nameless/invocations",
                        json.dumps({"inputs": [ROW]}), {"content-type": "application/json"})
            answer = one.getresponse()
            told = json.loads(answer.read())
            assert answer.status == 200, told
            soak.check(told["predictions"][0])
            yield 1
        one.close()


def http2(soak):
    while True:
        client = Client(soak.server)
        client.socket.settimeout(30)
        for _ in range(random.randint(1, 50)):
            streams = [client.ask("POST", "/endpoints/nameless/invocations",
                                  json.dumps({"inputs": [ROW]}).encode(),
                                  [("content-type", "application/json")]) for _ in range(8)]
            for answer in client.wait(*streams):
                assert answer and status(answer) == 200, answer
                soak.check(json.loads(answer[1])["predictions"][0])
            yield 1
        client.close()


def infer_request():
    made = pb.ModelInferRequest(model_name="nameless")
    made.inputs.add(name="input", datatype="FP32", shape=[1, len(ROW)])
    made.raw_input_contents.append(np.array(ROW, np.float32).tobytes())
    return made.SerializeToString()


def open_channel(soak):
    return grpc.insecure_channel(f"127.0.0.1:{soak.server.port}",
                                 options=[("grpc.use_local_subchannel_pool", 1)])


def check_message(soak, message):
    soak.check(np.frombuffer(message.raw_output_contents[0], np.float32)[0])


def grpc_calls(soak):
    asked = infer_request()
    while True:
        with open_channel(soak) as channel:
            call = channel.unary_unary(SERVICE + "ModelInfer", request_serializer=bytes,
                                       response_deserializer=pb.ModelInferResponse.FromString)
            for i in range(random.randint(1, 200)):
                how = grpc.Compression.Gzip if i % 9 == 0 else None
                check_message(soak, call(asked, timeout=30, compression=how))
                yield 1


def grpc_streams(soak):
    asked = infer_request()
    while True:
        with open_channel(soak) as channel:
            call = channel.stream_stream(
                SERVICE + "ModelStreamInfer", request_serializer=bytes,
                response_deserializer=pb.ModelStreamInferResponse.FromString)
            n = random.randint(1, 100)
            answers = list(call(iter([asked] * n), timeout=60))
            assert len(answers) == n and not any(each.error_message for each in answers)
            for answer in answers:
                check_message(soak, answer.infer_response)
            yield n


def watchers(soak):
    """They come, watch for a while and go, some without a word."""
    while True:
        channel = open_channel(soak)
        call = channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=bytes,
                                    response_deserializer=bytes)(b"\x0a\x08nameless", timeout=30)
        assert next(call) == b"\x08\x01"
        time.sleep(random.random() / 5)
        if random.random() < 0.5:
            call.cancel()
        channel.close()
        yield 1


def large_bodies(soak):
    body = json.dumps({"inputs": [ROW] * 20000})
    while True:
        answer = soak.server.session.post(
            soak.server.url + "/endpoints/nameless/invocations", data=body, timeout=60,
            headers={"content-type": "application/json"}).json()["predictions"]
        assert len(answer) == 20000
        soak.check(answer[-1])
        time.sleep(0.2)
        yield 1


def reloads(soak):
    one = http.client.HTTPConnection("127.0.0.1", soak.server.port, timeout=60)
    while True:
        one.request("POST", "/v2/repository/models/nameless/load")
        answer = one.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        time.sleep(0.3)
        yield 1


def aborted(soak):
    """Connections that end in the middle of what they ask or are told."""
    texts = [b"POST /invocations HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n{",
             b"GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n" * 20, b"GET / HT", b""]
    while True:
        one = socket.create_connection(("127.0.0.1", soak.server.port), 10)
        one.sendall(random.choice(texts))
        if random.random() < 0.5:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        one.close()
        time.sleep(0.01)
        yield 1


def slow(soak):
    one = socket.create_connection(("127.0.0.1", soak.server.port), 10)
    while True:
        for byte in b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n":
            one.sendall(bytes([byte]))
            time.sleep(0.02)
        assert b" 200 " in one.recv(65536)
        yield 1


def hostile(soak):
    kept = []
    while True:
        for sent in ATTACKS.values():
            kept.append(attack(soak.server.port, sent))
            time.sleep(0.05)
            yield 1
        for one in kept:
            one.close()
        kept.clear()


MIX = [(http1, 2), (http2, 2), (grpc_calls, 2), (grpc_streams, 1), (watchers, 2), (large_bodies, 1),
       (reloads, 1), (aborted, 1), (slow, 2), (hostile, 1)]


def resident(server):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s*(\d+)", text)[1]) * 1024


def descriptors(server):
    return len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))


def test_soak(serve, models):
    server = serve(f"nameless={models.paths['nameless']}", "--threads", 2)
    expected = float(np.ravel(models.predict("nameless", np.array([ROW])))[0])
    healthy_before = descriptors(server)
    soak = Soak(server, expected)
    threads = [soak.run(f"{work.__name__} {i}", work) for work, n in MIX for i in range(n)]
    warm = max(3, SECONDS / 4)
    soak.over.wait(warm)
    at_first = resident(server)
    soak.over.wait(SECONDS - warm)
    at_last = resident(server)
    soak.over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a client waits for an answer that was lost"
    print(f"\n{SECONDS:.0f} s: {soak.counts}\n"
          f"memory {at_first / 1e6:.1f} -> {at_last / 1e6:.1f} MB")
    assert not soak.faults
    assert len(soak.counts) == len(threads)
    assert at_last < at_first * 1.1 + (24 << 20)
    server.session.close()
    end = time.monotonic() + 30
    while descriptors(server) > healthy_before + 2:  # clients that were dropped close in their time
        assert time.monotonic() < end, descriptors(server)
        time.sleep(0.1)
