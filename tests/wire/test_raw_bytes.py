"""What leaves the wire raw: requests that are not strictly HTTP, too large, or too slow.

The table is the one that HTTP servers are known to differ in; each row is a way in for request
smuggling or for holding a server up. nginx is the oracle for what is right.
"""
import re
import socket
import time

import pytest

pytestmark = pytest.mark.hostile

ROW = b'{"instances": [[1, 2, 3, 4]]}'
PATH = b"/v1/models/plain:predict"


def request(*headers, body=b"", line=b"POST " + PATH + b" HTTP/1.1", host=b"Host: a\r\n"):
    return line + b"\r\n" + host + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


LENGTH = b"Content-Length: %d" % len(ROW)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROW), ROW)


def answers(connection, wait=5):
    """Everything until the server closes, or is silent for `wait` seconds."""
    connection.settimeout(wait)
    text = b""
    try:
        while piece := connection.recv(65536):
            text += piece
    except (TimeoutError, ConnectionResetError):
        return text, False
    return text, True


def statuses(text):
    """Status codes of the answers in a stream; bodies never hold a status line."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", text)]


def ask(server, data, wait=5):
    with server.connect() as connection:
        connection.sendall(data)
        return answers(connection, wait)


REFUSED = {
    "content-length and transfer-encoding": (request(LENGTH, CHUNKED, body=CHUNKS), 400),
    "transfer-encoding and content-length": (request(CHUNKED, LENGTH, body=CHUNKS), 400),
    "two different content-lengths": (request(LENGTH, b"Content-Length: 7", body=ROW), 400),
    "two equal content-lengths": (request(LENGTH, LENGTH, body=ROW), 400),
    "content-length list": (request(b"Content-Length: 29, 29", body=ROW), 400),
    "content-length +": (request(b"Content-Length: +29", body=ROW), 400),
    "content-length -": (request(b"Content-Length: -1", body=ROW), 400),
    "content-length hexadecimal": (request(b"Content-Length: 0x1d", body=ROW), 400),
    "content-length with a fraction": (request(b"Content-Length: 29.0", body=ROW), 400),
    "content-length empty": (request(b"Content-Length:", body=ROW), 400),
    "content-length with a blank inside": (request(b"Content-Length: 2 9", body=ROW), 400),
    "content-length that overflows": (request(b"Content-Length: 18446744073709551645"), (400, 413)),
    "blank before the colon": (request(b"Content-Length : 29", body=ROW), 400),
    "tab before the colon": (request(b"Content-Length\t: 29", body=ROW), 400),
    "folded header": (request(b"X-A: 1\r\n 2", LENGTH, body=ROW), 400),
    "folded first header": (request(LENGTH, host=b" Host: a\r\n", body=ROW), 400),
    "no host": (request(LENGTH, host=b"", body=ROW), 400),
    "two hosts": (request(b"Host: b", LENGTH, body=ROW), 400),
    "empty header name": (request(b": x", LENGTH, body=ROW), 400),
    "header without a colon": (request(b"Nothing", LENGTH, body=ROW), 400),
    "blank in a header name": (request(b"X A: 1", LENGTH, body=ROW), 400),
    "control byte in a header name": (request(b"X\x01A: 1", LENGTH, body=ROW), 400),
    "NUL in a value": (request(b"X-A: a\0b", LENGTH, body=ROW), 400),
    "control byte in a value": (request(b"X-A: a\x07b", LENGTH, body=ROW), 400),
    "bare CR in a value": (request(b"X-A: a\rb", LENGTH, body=ROW), 400),
    "bare LF as a line end": (
        b"POST " + PATH + b" HTTP/1.1\nHost: a\n" + LENGTH + b"\n\n" + ROW, 400),
    "bad chunk size": (request(CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    "chunk size with a sign": (request(CHUNKED, body=b"+1d\r\n" + ROW + b"\r\n0\r\n\r\n"), 400),
    "chunk size 0x": (request(CHUNKED, body=b"0x1d\r\n" + ROW + b"\r\n0\r\n\r\n"), 400),
    "chunk size that overflows": (request(CHUNKED, body=b"fffffffffffffffff\r\nabc\r\n"), 400),
    "chunk without its line end": (request(CHUNKED, body=b"1d\r\n" + ROW + b"XX0\r\n\r\n"), 400),
    "chunk ended by a bare LF": (request(CHUNKED, body=b"1d\n" + ROW + b"\n0\n\n"), 400),
    "transfer-encoding gzip": (request(b"Transfer-Encoding: gzip", body=ROW), 501),
    "transfer-encoding chunked twice": (request(CHUNKED, CHUNKED, body=CHUNKS), (400, 501)),
    "transfer-encoding gzip, chunked": (
        request(b"Transfer-Encoding: gzip, chunked", body=CHUNKS), 501),
    "transfer-encoding xchunked": (
        request(b"Transfer-Encoding: xchunked", body=CHUNKS), (400, 501)),
    "transfer-encoding in HTTP/1.0": (
        request(CHUNKED, body=CHUNKS, line=b"POST " + PATH + b" HTTP/1.0"), 400),
    "no version": (request(LENGTH, body=ROW, line=b"POST " + PATH), 400),
    "HTTP/2.0 in words": (request(LENGTH, body=ROW, line=b"POST " + PATH + b" HTTP/2.0"), 505),
    "HTTP/1.2": (request(LENGTH, body=ROW, line=b"POST " + PATH + b" HTTP/9.1"), 505),
    "two blanks in the request line": (
        request(LENGTH, body=ROW, line=b"POST  " + PATH + b" HTTP/1.1"), 400),
    "a blank in the target": (request(LENGTH, body=ROW, line=b"POST /a b HTTP/1.1"), 400),
    "target without a slash": (request(LENGTH, body=ROW, line=b"POST ping HTTP/1.1"), 400),
    "NUL in the target": (request(LENGTH, body=ROW, line=b"POST /a\0b HTTP/1.1"), 400),
    "method with a colon": (request(LENGTH, body=ROW, line=b"PO:ST / HTTP/1.1"), 400),
    "CONNECT": (request(line=b"CONNECT a:443 HTTP/1.1"), (400, 405, 501)),
    "unmeetable expectation": (request(LENGTH, b"Expect: a-pony", body=ROW), 417),
    "a TLS client": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, 400),
    "head over 8 KiB": (request(b"X-A: " + b"a" * 9000, LENGTH, body=ROW), 431),
    "101 headers": (request(*(b"X-%d: 1" % i for i in range(120)), LENGTH, body=ROW), 431),
    "target over 4 KiB": (
        request(LENGTH, body=ROW, line=b"POST /" + b"a" * 5000 + b" HTTP/1.1"), 414),
    "body over 16 MiB, announced": (request(b"Content-Length: 16777217", body=b"x"), 413),
    "body over 16 MiB, one chunk": (request(CHUNKED, body=b"1000001\r\n"), 413),
    "body over 16 MiB, announced, expecting": (
        request(b"Content-Length: 99999999999", b"Expect: 100-continue"), 413),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_closed(alone, case):
    data, expected = REFUSED[case]
    # a second request behind it must never be answered: what follows a parse error is not a request
    text, closed = ask(alone, data + request(line=b"GET /ping HTTP/1.1"))
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert statuses(text)[:1] and statuses(text)[0] in expected, text[:500]
    assert len(statuses(text)) == 1 and closed, text
    assert b"connection: close" in text.lower()
    assert b"error" in text.split(b"\r\n\r\n", 1)[1], "an error body says what is wrong"
    assert alone.get("/ping").status_code == 200


TAKEN = {
    "content-length": request(LENGTH, body=ROW),
    "chunked": request(CHUNKED, body=CHUNKS),
    "chunked in any case": request(b"transfer-ENCODING: Chunked", body=CHUNKS),
    "chunks of one byte": request(CHUNKED, body=b"".join(b"1\r\n%c\r\n" % byte for byte in ROW) +
                                  b"0\r\n\r\n"),
    "chunk extension": request(CHUNKED, body=b"1d;a=b\r\n" + ROW + b"\r\n0\r\n\r\n"),
    "trailers": request(CHUNKED, body=b"1d\r\n" + ROW + b"\r\n0\r\nX-A: 1\r\n\r\n"),
    "blanks around a value": request(b"Content-Length: \t 29 \t", body=ROW),
    "no blank behind the colon": request(b"Content-Length:29", body=ROW),
    "UTF-8 in a value": request("X-A: é".encode(), LENGTH, body=ROW),
    "an empty line before": b"\r\n" + request(LENGTH, body=ROW),
    "a query": request(LENGTH, body=ROW, line=b"POST " + PATH + b"?a=b HTTP/1.1"),
    "an absolute target": request(LENGTH, body=ROW, line=b"POST http://a" + PATH + b" HTTP/1.1"),
    "a percent-encoded path": request(LENGTH, body=ROW,
                                      line=b"POST /v1/models/pl%61in%3Apredict HTTP/1.1"),
    "HTTP/1.0 with close": request(LENGTH, body=ROW, line=b"POST " + PATH + b" HTTP/1.0"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(alone, case):
    text, _ = ask(alone, TAKEN[case], wait=0.5)
    assert statuses(text) == [200] and b'"predictions"' in text, text


@pytest.mark.parametrize("case", ["content-length", "chunked", "trailers", "chunks of one byte"])
def test_cut_at_every_byte(alone, case):
    """However the network cuts it, it is the same request."""
    data = TAKEN[case]
    with alone.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            connection.sendall(bytes([byte]))
        connection.shutdown(socket.SHUT_WR)
        text, closed = answers(connection)
    assert statuses(text) == [200] and closed, text


def test_pipelined_requests_are_answered_in_order(alone):
    rows = [b'{"instances": [[31000.5, 4000, 44, 1]]}', b'{"instances": [[30000, 4000, 44, 3]]}',
            b'{"instances": [[12000, null, 21, 3]]}']
    one_by_one = [alone.post(PATH.decode(), data=row).content for row in rows]
    assert len(set(one_by_one)) == 3
    text, _ = ask(alone, b"".join(request(b"Content-Length: %d" % len(row), body=row)
                                  for row in rows * 20), wait=1)
    assert statuses(text) == [200] * 60
    places = [text.index(one_by_one[0])]
    for expected in one_by_one[1:]:
        places.append(text.index(expected, places[-1]))
    assert [text.count(expected) for expected in one_by_one] == [20] * 3


def test_half_closed_clients_get_their_answer(alone):
    with alone.connect() as connection:
        connection.sendall(request(LENGTH, body=ROW))
        connection.shutdown(socket.SHUT_WR)
        text, closed = answers(connection)
    assert statuses(text) == [200] and closed


def test_continue_is_said_before_the_body(alone):
    with alone.connect() as connection:
        connection.sendall(request(LENGTH, b"Expect: 100-continue"))
        connection.settimeout(5)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(ROW)
        text, _ = answers(connection, 0.5)
    assert statuses(text) == [200]


def test_head_has_no_body_and_keeps_the_connection(alone):
    text, _ = ask(alone, request(line=b"HEAD /ping HTTP/1.1") + request(line=b"GET /ping HTTP/1.1"),
                  wait=0.5)
    assert statuses(text) == [200, 200]
    assert text.endswith(b"\r\n\r\n\n") and text.count(b"\r\n\r\n") == 2


def test_connection_close_is_honoured(alone):
    text, closed = ask(alone, request(b"Connection: close", line=b"GET /ping HTTP/1.1"), wait=3)
    assert statuses(text) == [200] and closed
    text, closed = ask(alone, request(line=b"GET /ping HTTP/1.0"), wait=3)
    assert statuses(text) == [200] and closed
    text, closed = ask(alone, request(b"Connection: keep-alive", line=b"GET /ping HTTP/1.0"),
                       wait=0.3)
    assert statuses(text) == [200] and not closed


# ---- slow clients: total time, not inactivity ----------------------------------------------------


@pytest.fixture(scope="module")
def impatient(models, tmp_path_factory):
    from conftest import Server, check_end
    server = Server(tmp_path_factory.mktemp("impatient"), f"plain={models.paths['plain']}",
                    "--head-timeout", "1s", "--body-timeout", "1s", "--idle-timeout", "1s",
                    "--write-timeout", "1s", "--max-connections", "20")
    yield server
    check_end(server)


def drip(connection, data, pause=0.1):
    """One byte each `pause`; returns how long until the server had enough, and what it said."""
    began, text = time.monotonic(), b""
    connection.settimeout(pause)
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            text += (piece := connection.recv(4096))
            if not piece or text:
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began, text


@pytest.mark.parametrize("sent_at_once", [b"", request(b"Content-Length: 1000000")],
                         ids=["head", "body"])
def test_dripping_clients_are_stopped(impatient, sent_at_once):
    with impatient.connect() as connection:
        connection.sendall(sent_at_once)
        seconds, text = drip(connection, b"X" * 200)
        assert 0.7 < seconds < 5
        assert statuses(text) in ([408], []), text
        _, closed = answers(connection)
        assert closed


def test_idle_connections_are_closed(impatient):
    with impatient.connect() as connection:
        connection.sendall(request(line=b"GET /ping HTTP/1.1"))
        began = time.monotonic()
        text, closed = answers(connection, 6)
        assert statuses(text) == [200] and closed and 0.7 < time.monotonic() - began < 5


def test_silent_connections_are_closed(impatient):
    with impatient.connect() as connection:
        began = time.monotonic()
        text, closed = answers(connection, 6)
        assert closed and time.monotonic() - began < 5
        assert statuses(text) in ([408], [])


def test_clients_that_do_not_read_are_dropped(impatient):
    """Large answers are asked for and never read: the server must not hold them for ever."""
    body = b'{"instances": [' + b",".join([b"[1, 2, 3, 4]"] * 30000) + b"]}"
    data = request(b"Content-Length: %d" % len(body), body=body)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", impatient.port))
        end = time.monotonic() + 15
        with pytest.raises(OSError):
            while time.monotonic() < end:
                connection.sendall(data)
                time.sleep(0.05)
    assert impatient.get("/ping").status_code == 200


def test_connections_beyond_the_limit(impatient):
    """--max-connections 20: the next one is told so, and those before it go on."""
    from contextlib import ExitStack
    with ExitStack() as stack:
        first = stack.enter_context(impatient.connect())
        crowd = [stack.enter_context(impatient.connect()) for _ in range(40)]
        time.sleep(0.1)
        refused = 0
        for connection in crowd:
            try:
                connection.sendall(request(line=b"GET /ping HTTP/1.1"))
                text, _ = answers(connection, 0.05)
            except OSError:
                text = b""
            refused += statuses(text) != [200]
        assert refused >= 20
        assert first.fileno() > 0
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if impatient.get("/ping").status_code == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not recover")


# ---- clients that go away ------------------------------------------------------------------------


def test_hanging_up_leaks_nothing(serve, models):
    """Clients that vanish in the head, in the body, and while the answer is made."""
    server = serve(f"plain={models.paths['plain']}", "--threads", "2")
    whole = b'{"instances": [' + b",".join([b"[1, 2, 3, 4]"] * 20000) + b"]}"
    data = request(b"Content-Length: %d" % len(whole), body=whole)
    places = [10, 60, 200, len(data) // 2, len(data) - 1, len(data)]

    def vanish(times):
        for i in range(times):
            with server.connect() as connection:
                connection.sendall(data[:places[i % len(places)]])
                if i % 2:  # with a reset rather than a farewell
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          b"\1\0\0\0\0\0\0\0")

    def settled():
        end = time.monotonic() + 10
        flying = 'mw_in_flight_requests{endpoint="plain",version="1"}'
        while time.monotonic() < end:
            sample = server.samples()
            if (sample["mw_http_connections"], sample[flying]) == (1, 0):
                break
            time.sleep(0.05)
        assert (sample["mw_http_connections"], sample[flying]) == (1, 0)
        return sample
    vanish(60)
    before = settled()
    vanish(300)
    after = settled()
    assert after["process_open_fds"] <= before["process_open_fds"] + 1
    assert after["process_resident_memory_bytes"] < \
        before["process_resident_memory_bytes"] + (32 << 20)
