"""HTTP/2 in clear text by prior knowledge: the same answers as HTTP/1.1, and what bad clients send,
frame by frame."""
import json
import struct

import numpy as np
import pytest

h2 = pytest.importorskip("h2")

import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402
import h2.settings  # noqa: E402

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9


class Client:
    """One connection; answers are collected by stream."""

    def __init__(self, server, over=None, **settings):
        self.socket = over or server.connect()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        if settings:
            self.h2.local_settings.update(settings)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 26)
        self.answers, self.ended, self.resets, self.goaway, self.open = {}, set(), {}, None, True
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, method, path, body=None, headers=(), end=True, authority="localhost"):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(":method", method), (":path", path), (":scheme", "http"),
                                      *([(":authority", authority)] if authority else []),
                                      *headers], end_stream=body is None and end)
        self.flush()
        if body is not None:
            self.send(stream, body, end)
        return stream

    def send(self, stream, body, end=True):
        while body or end:
            room = min(self.h2.local_flow_control_window(stream), 16384)
            if body and room == 0:
                self.read()
                if stream in self.ended or stream in self.resets:
                    return
                continue
            piece, body = body[:room], body[room:]
            self.h2.send_data(stream, piece, end_stream=end and not body)
            self.flush()
            if not body:
                return

    def read(self):
        data = self.socket.recv(1 << 16)
        if not data:
            self.open = False
            return
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)
            if isinstance(event, h2.events.ResponseReceived):
                self.answers[stream] = [dict(event.headers), bytearray()]
            elif isinstance(event, h2.events.DataReceived):
                self.answers[stream][1] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(stream)
            elif isinstance(event, h2.events.StreamReset):
                self.resets[stream] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event.error_code
        if self.open and self.goaway is None:
            self.flush()

    def wait(self, *streams):
        while self.open and not all(each in self.ended or each in self.resets for each in streams):
            self.read()
        found = [self.answers.get(each) for each in streams]
        return found[0] if len(streams) == 1 else found

    def close(self):
        self.socket.close()


@pytest.fixture
def client(fleet):
    opened = Client(fleet)
    yield opened
    opened.close()


def status(answer):
    return int(answer[0][":status"])


def healthy(server):
    fresh = Client(server)
    assert status(fresh.wait(fresh.ask("GET", "/v2/health/live"))) == 200
    fresh.close()


def read_to_end(socket):
    socket.settimeout(20)
    got = b""
    try:
        while True:
            piece = socket.recv(1 << 16)
            if not piece:
                return got
            got += piece
    except ConnectionResetError:
        return got


def frames(data):
    while len(data) >= 9:
        size, kind = struct.unpack(">I", b"\0" + data[:3])[0], data[3]
        yield kind, data[9:9 + size]
        data = data[9 + size:]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


# ---- the same answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2", "/v2/models", "/v2/models/plain", "/ping", "/nowhere",
                                  "/openapi.json", "/v1/models/plain"])
def test_as_over_http1(client, fleet, path):
    ours, theirs = client.wait(client.ask("GET", path)), fleet.get(path)
    for unlike in (ours[0].get("x-request-id"), theirs.headers.get("x-request-id")):
        if unlike:  # of each request its own, also in an error's body
            ours[1] = ours[1].replace(unlike.encode(), b"ID")
            theirs._content = theirs.content.replace(unlike.encode(), b"ID")
    assert status(ours) == theirs.status_code and ours[1] == theirs.content
    assert ours[0].get("content-type") == theirs.headers.get("content-type")
    assert ours[0]["content-length"] == theirs.headers["content-length"] and "date" in ours[0]
    head = client.wait(client.ask("HEAD", path))
    assert status(head) == theirs.status_code and head[1] == b""


def test_predictions_many_at_a_time(client, fleet, models):
    rows = models.rows[:5].fillna(1)
    body = {"dataframe_split": rows.to_dict(orient="split")}
    theirs = fleet.post("/endpoints/plain/invocations", json=body)
    sent = json.dumps(body).encode()
    streams = [client.ask("POST", "/endpoints/plain/invocations", sent,
                          [("content-type", "application/json")]) for _ in range(100)]
    for answer in client.wait(*streams):
        assert status(answer) == 200 and answer[1] == theirs.content


def test_a_large_body_and_answer(client, models):
    rows = np.tile(models.rows[:5].fillna(1).to_numpy(np.float32), (20000, 1))
    head = json.dumps({"inputs": [{"name": "input", "datatype": "FP32", "shape": rows.shape,
                                   "parameters": {"binary_data_size": rows.nbytes}}],
                       "parameters": {"binary_data_output": True}}).encode()
    answer = client.wait(client.ask("POST", "/v2/models/plain/infer", head + rows.tobytes(),
                                    [("inference-header-content-length", str(len(head)))]))
    size = int(answer[0]["inference-header-content-length"])
    got = np.frombuffer(answer[1][size:], np.float32)
    assert got.shape == (len(rows),) and np.array_equal(got[:5], got[-5:])


def test_a_deadline_that_has_passed(client):
    """The C core's client gives up by itself; by the frame the server's answer is seen."""
    message = b"\x0a\x05plain"
    for timeout, expected in (("1n", "4"), ("20S", "3")):  # late; no inputs
        answer = client.wait(client.ask(
            "POST", "/inference.GRPCInferenceService/ModelInfer",
            struct.pack(">BI", 0, len(message)) + message,
            [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", timeout)]))
        assert answer[0]["grpc-status"] == expected and "fix" in answer[0]["grpc-message"]


def test_names_that_are_not_this_machines(client, fleet):
    """The same rule as of Host: tests/wire/test_window.py."""
    path, evil = "/mw/v1/overview", "evil.example"
    for authority, headers, expected in (
            ("localhost", (), 200), ("127.0.0.1:1", (), 200), ("[::1]", (), 200),
            (evil, (), 403), (evil + ":80", (), 403), (None, [("host", evil)], 403),
            (None, (), "reset"), ("u@localhost", (), 400),
            ("localhost", [("host", "LOCALHOST")], 200), ("localhost", [("host", evil)], 400),
            (evil, [("host", "localhost")], 400), ("a b", (), "reset"),
            (None, [("host", "a/")], "reset"), (None, [("host", "u@a")], 400)):
        answer = client.wait(client.ask("GET", path, headers=headers, authority=authority))
        told = status(answer) if answer else "reset"
        assert told == expected, (authority, headers, told, answer)
        assert told != 403 or b"--allow-host" in answer[1]
    assert status(client.wait(client.ask("GET", "/v2", authority="balancer"))) == 200
    assert fleet.get(path, headers={"Host": evil}).status_code == 403
    with fleet.connect() as raw:  # the target's name counts, not Host (RFC 9112 section 3.2.2)
        raw.sendall(b"GET http://evil.example" + path.encode() + b" HTTP/1.1\r\nHost: localhost"
                    b"\r\nConnection: close\r\n\r\n")
        assert read_to_end(raw).startswith(b"HTTP/1.1 403 ")


def message(data, flag=0):
    return struct.pack(">BI", flag, len(data)) + data


@pytest.mark.parametrize("sent, headers, code, words", [
    (message(b"", 1), {"grpc-encoding": "snappy"}, "12", "gzip or deflate"),
    (message(b"abc", 1), {}, "3", "does not say how"),
    (message(b"abc", 1), {"grpc-encoding": "identity"}, "3", "does not say how"),
    (message(b"", 2), {}, "3", "prefix"),
    (message(b"abc", 1), {"grpc-encoding": "gzip"}, "3", "damaged"),
    (message(b"abc")[:6], {}, "3", "cut short"),
    (b"", {}, "3", "no message"),
    (struct.pack(">BI", 0, 1 << 31), {}, "8", "larger than"),
    (message(b""), {"grpc-timeout": "abc"}, "3", "grpc-timeout"),
    (message(b""), {"grpc-timeout": "-1S"}, "3", "grpc-timeout"),
    (message(b""), {"grpc-timeout": "999999999S"}, "3", "grpc-timeout"),
    (message(b""), {"grpc-timeout": "1"}, "3", "grpc-timeout"),
    (message(b""), {"grpc-timeout": "99999999H"}, None, ""),  # beyond 64 bits: no end
    (message(b""), {"grpc-timeout": "5124096H"}, None, ""),
    (message(b""), {"content-type": "application/grpc+proto"}, None, ""),
    (message(b""), {"content-type": "application/grpc;x=1"}, None, ""),
    (message(b""), {"content-type": "application/grpc+json"}, "12", "protobuf"),
    (message(b""), {":method": "PUT"}, "12", "POST"),
])
def test_forms_of_calls(client, sent, headers, code, words):
    """Those that no client's library makes."""
    given = {":method": "POST", "content-type": "application/grpc", "te": "trailers", **headers}
    answer = client.wait(client.ask(given.pop(":method"),
                                    "/inference.GRPCInferenceService/ServerLive", sent,
                                    list(given.items())))
    assert status(answer) == 200 and answer[0].get("grpc-status") == code
    assert words in answer[0].get("grpc-message", "")
    assert ("grpc-accept-encoding" in answer[0]) == (code == "12" and "gzip" in words)
    assert code is not None or answer[1] == message(b"\x08\x01")


def test_grpc_for_the_web_is_told(client):
    for kind in ("application/grpc-web", "application/grpc-web+proto", "application/grpcx"):
        answer = client.wait(client.ask("POST", "/inference.GRPCInferenceService/ServerLive",
                                        message(b""), [("content-type", kind)]))
        assert status(answer) == 415 and b"Envoy" in answer[1]


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.hostile
def test_limits(client, fleet):
    many = [(f"x-{i}", "1") for i in range(150)]
    large = [("x-large", "a" * 9000)]
    cases = [(client.ask("GET", "/v2", headers=many), 431),
             (client.ask("GET", "/v2", headers=large), 431),
             (client.ask("GET", "/" + "a" * 5000), 414),
             (client.ask("GET", "/a\x7fb"), "reset"),
             (client.ask("GET", "/a#b"), 400),
             (client.ask("BREW", "/v2"), 405)]
    for stream, expected in cases:
        answer = client.wait(stream)
        assert (status(answer) if answer else "reset") == expected, expected
    assert status(client.wait(client.ask("GET", "/v2"))) == 200
    healthy(fleet)


@pytest.mark.hostile
@pytest.mark.parametrize("says", [True, False], ids=["announced", "not announced"])
def test_a_body_that_is_too_large(fleet, says):
    client, size = Client(fleet), 17 << 20
    stream = client.ask("POST", "/endpoints/plain/invocations", headers=[
        ("content-length", str(size))] if says else [], end=False)
    client.send(stream, bytes(size), end=False)
    answer = client.wait(stream)
    assert status(answer) == 413 and b"body" in answer[1]
    assert client.resets.get(stream, 0) == 0
    assert status(client.wait(client.ask("GET", "/v2"))) == 200
    client.close()


@pytest.mark.hostile
def test_more_streams_than_allowed(fleet):
    client = Client(fleet)
    while client.h2.remote_settings.max_concurrent_streams > 128:
        client.read()
    head = [("content-length", "1")]
    streams = [client.ask("POST", "/v2", headers=head, end=False) for _ in range(128)]
    client.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 1 << 20
    client.h2.remote_settings.acknowledge()
    beyond = client.ask("POST", "/v2", headers=head, end=False)
    client.wait(beyond)
    assert client.goaway == 1 or client.resets.get(beyond) == 7  # refused, or the end of it all
    assert streams[0] not in client.resets
    client.close()
    healthy(fleet)


# ---- bad clients ---------------------------------------------------------------------------------


@pytest.mark.hostile
def test_rapid_reset(fleet):
    client = Client(fleet)
    try:
        for i in range(20000):
            stream = client.ask("GET", "/v2")
            client.h2.reset_stream(stream, 8)
            if i % 50 == 0:
                client.flush()
    except (BrokenPipeError, ConnectionResetError, h2.exceptions.ProtocolError):
        pass
    read_to_end(client.socket)
    client.close()
    healthy(fleet)


@pytest.mark.hostile
@pytest.mark.parametrize("name, make", [
    ("continuation", lambda i: frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 100)),
    ("ping", lambda i: frame(PING, 0, 0, bytes(8))),
    ("settings", lambda i: frame(SETTINGS, 0, 0, struct.pack(">HI", 3, i))),
    ("empty data", lambda i: frame(DATA, 0, 1)),
    ("window", lambda i: frame(WINDOW, 0, 0, struct.pack(">I", 1))),
], ids=lambda value: value if isinstance(value, str) else "")
def test_floods(fleet, name, make):
    before = fleet.samples()["process_resident_memory_bytes"]
    opened = fleet.connect()
    opened.settimeout(20)
    first = b"" if name in ("ping", "settings", "window") else \
        frame(HEADERS, 0 if name == "continuation" else 4, 1,
              b"\x83\x84\x86\x41\x01a" if name != "continuation" else b"\x82")
    opened.sendall(PREFACE + frame(SETTINGS, 0, 0) + first)
    try:
        for begin in range(0, 40000, 100):
            opened.sendall(b"".join(make(i) for i in range(begin, begin + 100)))
    except OSError:
        pass
    opened.close()
    healthy(fleet)
    after = fleet.samples()["process_resident_memory_bytes"]
    assert after - before < 64 << 20, (before, after)


@pytest.mark.hostile
def test_a_header_bomb(fleet):
    """One large entry of the table, named again and again."""
    opened = fleet.connect()
    entry = b"\x40\x01a\x7f" + bytes([0x80 | (3000 - 127) & 127, (3000 - 127) >> 7]) + b"v" * 3000
    block = b"\x82\x84\x86\x41\x01a" + entry + b"\xbe" * 12000
    pieces = [block[i:i + 16000] for i in range(0, len(block), 16000)]
    sent = b"".join(frame(CONTINUATION if i else HEADERS,
                          (4 if i == len(pieces) - 1 else 0) | (0 if i else 1), 1, piece)
                    for i, piece in enumerate(pieces))
    opened.sendall(PREFACE + frame(SETTINGS, 0, 0) + sent)
    opened.settimeout(3)
    got = b""
    try:
        while b"431" not in got and GOAWAY not in [kind for kind, _ in frames(got)]:
            piece = opened.recv(65536)
            if not piece:
                break
            got += piece
            if HEADERS in [kind for kind, _ in frames(got)]:
                break
    finally:
        opened.close()
    assert {HEADERS, GOAWAY} & {kind for kind, _ in frames(got)}
    healthy(fleet)


@pytest.mark.hostile
def test_shut_windows_hold_up_nobody_else(fleet):
    code = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
    shut = [Client(fleet, **{}) for _ in range(8)]
    for client in shut:
        client.h2.update_settings({code: 0})
        client.flush()
        for _ in range(50):
            client.ask("GET", "/openapi.json")
    for _ in range(5):
        healthy(fleet)
    for client in shut:
        client.close()
    healthy(fleet)


@pytest.mark.hostile
@pytest.mark.parametrize("sent", [
    PREFACE[:10], PREFACE, PREFACE + b"\0" * 9, PREFACE + b"GET / HTTP/1.1\r\n\r\n",
    PREFACE + frame(SETTINGS, 0, 0, b"\0"), PREFACE + frame(DATA, 0, 5, b"x"),
    PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 5, 2, b"\x82\x84\x86"),
    PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW, 0, 0, bytes(4)),
    PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 5, 1, b"\xff" * 20),
], ids=range(9))
def test_broken_frames_end_the_connection(fleet, sent):
    opened = fleet.connect()
    opened.sendall(sent)
    opened.shutdown(1)
    read_to_end(opened)
    opened.close()
    healthy(fleet)


@pytest.mark.hostile
def test_lost_clients(fleet):
    for _ in range(50):
        client = Client(fleet)
        client.ask("POST", "/endpoints/plain/invocations", b"{\"inputs\": [", end=False)
        client.ask("GET", "/metrics")
        client.close()
    healthy(fleet)


def test_drain_says_goodbye(serve, models):
    server = serve(f"plain={models.paths['plain']}")
    client = Client(server)
    assert status(client.wait(client.ask("GET", "/v2"))) == 200
    stream = client.ask("POST", "/endpoints/plain/invocations",
                        headers=[("content-type", "application/json")], end=False)
    client.h2.ping(bytes(8))
    client.flush()
    client.read()
    server.signal(15)
    while client.goaway is None and client.open:
        client.read()
    assert client.goaway == 0
    client.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
    client.h2.send_data(stream, b'{"inputs": [[1, 2, 3, 4]]}', end_stream=True)
    client.flush()
    client.goaway = None
    data = read_to_end(client.socket)
    assert HEADERS in [kind for kind, _ in frames(data)]
    client.close()
    assert server.process.wait(20) == 0
