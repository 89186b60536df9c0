"""Large artifacts: in pieces to the disk and from it, whatever becomes of client and disk."""
import hashlib
import random
import resource
import socket
import ssl
import time

import pytest
import requests

import test_http2 as http2
from authority import Authority
from conftest import held, until

FILES = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/"
MIB = 1 << 20
BLOCK = random.Random(7).randbytes(MIB)


def memory(server, what):
    """KiB of VmRSS or VmHWM."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))


def pieces(n, tail=b"tail"):
    for number in range(n):
        yield number.to_bytes(4, "little") + BLOCK[4:]
    yield tail


def left_over(tmp_path):
    return list((tmp_path / "record/blobs/tmp").iterdir())


def test_memory_stays(serve, tmp_path):
    """96 MiB come and go, in chunks and with a length; the server takes a fraction of that."""
    server = serve("--record", tmp_path / "record")
    whole = b"".join(pieces(96))
    expected = hashlib.sha256(whole).hexdigest()
    assert requests.put(server.url + FILES + "warm", data=b"x", timeout=20).status_code == 200
    before = memory(server, "VmRSS")
    for name, body in (("chunks", pieces(96)), ("length", whole)):
        assert requests.put(server.url + FILES + name, data=body, timeout=60).text == "{}"
    for name in ("chunks", "length"):
        found = hashlib.sha256()
        with requests.get(server.url + FILES + name, stream=True, timeout=60) as answer:
            assert int(answer.headers["Content-Length"]) == len(whole)
            for part in answer.iter_content(MIB):
                found.update(part)
        assert found.hexdigest() == expected
    # a part of it, its length alone, and the connection is as good as before
    session = requests.Session()
    part = session.get(server.url + FILES + "chunks", timeout=20,
                       headers={"Range": f"bytes={MIB - 5}-{9 * MIB}"})
    assert part.status_code == 206 and part.content == whole[MIB - 5:9 * MIB + 1]
    assert session.head(server.url + FILES + "length", timeout=20).headers["Content-Length"] == \
        str(len(whole))
    assert session.get(server.url + FILES + "warm", timeout=20).content == b"x"
    assert memory(server, "VmHWM") < before + held(40 * 1024)
    assert not left_over(tmp_path)


def test_downloads_take_a_piece_each(serve, tmp_path):
    """Whichever worker reads a part: none keeps memory of its own for it."""
    server = serve("--record", tmp_path / "record", "--threads", 2)
    whole = b"".join(pieces(12))
    assert requests.put(server.url + FILES + "a", data=whole, timeout=60).text == "{}"
    before = memory(server, "VmHWM")
    for _ in range(16):
        assert requests.get(server.url + FILES + "a", timeout=60).content == whole
    assert memory(server, "VmHWM") < before + held(6 * 1024)


def raw_put(server, name, length, more=""):
    connection = server.connect()
    connection.sendall(f"PUT {FILES}{name} HTTP/1.1\r\nHost: localhost\r\n"
                       f"Content-Length: {length}\r\n"
                       f"{more}\r\n".encode())
    return connection


def test_cut_in_the_middle(serve, tmp_path):
    server = serve("--record", tmp_path / "record")
    connection = raw_put(server, "cut", 50 * MIB)
    connection.sendall(BLOCK * 3)
    until(lambda: len(left_over(tmp_path)) == 1)
    connection.close()
    until(lambda: not left_over(tmp_path))
    assert requests.get(server.url + FILES + "cut", timeout=20).status_code == 404
    # one that comes slowly, in odd pieces, with the next request behind it
    body = BLOCK + BLOCK[:MIB // 2 + 3]
    connection = raw_put(server, "slow", len(body))
    for at in range(0, len(body), 300001):
        connection.sendall(body[at:at + 300001])
        time.sleep(0.01)
    connection.sendall(f"GET {FILES}slow HTTP/1.1\r\nHost: localhost\r\n"
                       "Connection: close\r\n\r\n".encode())
    answer = b""
    while part := connection.recv(MIB):
        answer += part
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(body)
    # a client that reads nothing holds no more than a part, and may go
    connection = server.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(f"GET {FILES}slow HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    time.sleep(0.1)
    connection.close()
    assert server.get("/v2/health/live").status_code == 200


def test_full_disk(serve, tmp_path):
    """No file may pass 2 MiB, as of a disk that is full: told, and nothing is left."""
    server = serve("--record", tmp_path / "record")
    no_limit = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (2 * MIB, no_limit[1]))
    answer = requests.put(server.url + FILES + "full", data=b"".join(pieces(5)), timeout=20)
    assert answer.status_code == 507 or answer.status_code == 500, answer.text
    assert "no space" in answer.text.lower() or "too large" in answer.text.lower()
    until(lambda: not left_over(tmp_path))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, no_limit)
    assert requests.put(server.url + FILES + "full", data=b"".join(pieces(5)),
                        timeout=20).status_code == 200


def test_refused_early(serve, tmp_path):
    server = serve("--record", tmp_path / "record", "--max-artifact", "3MiB")
    assert requests.put(server.url + FILES + "a", data=pieces(2), timeout=20).status_code == 200
    assert requests.put(server.url + FILES + "a", data=pieces(4), timeout=20).status_code == 413
    assert requests.put(server.url + FILES + "../../../../x", data=pieces(2),
                        timeout=20).status_code in (400, 404)
    md5 = hashlib.md5(BLOCK * 2).hexdigest()
    url = f"{server.url}/dvc/files/md5/{md5[:2]}/{md5[2:]}"
    assert requests.put(url, data=BLOCK + BLOCK[::-1], timeout=20).status_code == 400
    assert requests.get(url, timeout=20).status_code == 404
    assert requests.put(url, data=BLOCK * 2, timeout=20).status_code == 200
    assert requests.get(url, timeout=20).content == BLOCK * 2
    until(lambda: not left_over(tmp_path))


def test_gone_while_it_is_sent(serve, tmp_path):
    """A file that vanishes behind the first part: the client sees that it is not whole."""
    server = serve("--record", tmp_path / "record")
    assert requests.put(server.url + FILES + "a", data=pieces(40), timeout=20).status_code == 200
    with requests.get(server.url + FILES + "a", stream=True, timeout=20) as answer:
        assert answer.raw.read(1000)
        for blob in (tmp_path / "record/blobs/sha256").glob("*/*"):
            blob.unlink()
        got = 1000
        try:
            while part := answer.raw.read(MIB):
                got += len(part)
        except Exception:  # pylint: disable=broad-exception-caught
            pass
        assert got < int(answer.headers["Content-Length"])
    assert requests.get(server.url + FILES + "a", timeout=20).status_code == 500


# ---- HTTP/2 ------------------------------------------------------------------------------------

def test_http2_comes_in_pieces(serve, tmp_path):
    """40 MiB in a stream, with a length and without, two at once: a fraction of it is held."""
    server = serve("--record", tmp_path / "record")
    whole, other = b"".join(pieces(40)), b"".join(pieces(3, b"other"))
    client = http2.Client(server)

    def begin(name, *headers):
        return client.ask("PUT", FILES + name, end=False, headers=headers)
    for body, name in ((b"x", "warm"), (b"", "none"), (BLOCK, "one piece")):
        stream = client.ask("PUT", FILES + name.replace(" ", "%20"), body)
        assert http2.status(client.wait(stream)) == 200
    before = memory(server, "VmRSS")
    first, second = begin("long", ("content-length", str(len(whole)))), begin("other")
    client.send(second, other[:2 * MIB], end=False)
    for piece in pieces(40, b""):
        client.send(first, piece, end=False)
    client.send(first, b"tail")
    assert http2.status(client.wait(first)) == 200
    client.send(second, other[2 * MIB:])
    assert http2.status(client.wait(second)) == 200
    assert memory(server, "VmHWM") < before + held(8 * 1024)  # of what came; what goes is below
    for name, body in (("long", whole), ("other", other), ("none", b""), ("one%20piece", BLOCK)):
        assert requests.get(server.url + FILES + name, timeout=60).content == body
    assert not left_over(tmp_path)
    client.close()


def test_http2_that_does_not_end_well(serve, tmp_path):
    """Reset, cut, too large, refused: told, nothing is left, and other streams go on."""
    server = serve("--record", tmp_path / "record", "--max-artifact", "3MiB")
    client = http2.Client(server)

    def begin(path=FILES + "a", *headers):
        return client.ask("PUT", path, end=False, headers=headers)
    stream = begin()
    client.send(stream, BLOCK * 2, end=False)
    until(lambda: len(left_over(tmp_path)) == 1)
    client.h2.reset_stream(stream)
    client.flush()
    until(lambda: not left_over(tmp_path))
    told = client.wait(begin(FILES + "a", ("content-length", str(4 * MIB))))
    assert http2.status(told) == 413 and b"--max-artifact" in told[1]
    for path, code in ((FILES + "a", 413), (FILES + "../../../../x", 400)):
        stream = begin(path)
        client.send(stream, BLOCK * 4)
        assert http2.status(client.wait(stream)) == code
    until(lambda: not left_over(tmp_path))
    stream = client.ask("PUT", FILES + "a", BLOCK * 2 + b"end")
    assert http2.status(client.wait(stream)) == 200
    stream = begin(FILES + "cut")
    client.send(stream, BLOCK * 2, end=False)
    until(lambda: len(left_over(tmp_path)) == 1)
    client.close()
    until(lambda: not left_over(tmp_path))
    assert server.get(FILES + "a").content == BLOCK * 2 + b"end"
    assert server.get(FILES + "cut").status_code == 404


@pytest.mark.parametrize("over_tls", [False, True], ids=["clear text", "TLS"])
def test_http2_goes_in_pieces(serve, tmp_path, over_tls):
    """Two of 12 MiB in turns, as the windows allow, and parts of them: a few MiB are held."""
    whole, connection, more = b"".join(pieces(12)), None, []
    if over_tls:
        authority = Authority(tmp_path)
        certificate, key = authority.sign("server")
        more = ["--tls-certificate", certificate, "--tls-key", key]
    server = serve("--record", tmp_path / "record", *more)
    if over_tls:
        context = ssl.create_default_context(cafile=authority.path)
        context.set_alpn_protocols(["h2"])
        connection = context.wrap_socket(server.connect(), server_hostname="localhost")
    client = http2.Client(server, connection)
    for name in ("a", "b"):
        stream = client.ask("PUT", FILES + name, whole)
        assert http2.status(client.wait(stream)) == 200
    before = memory(server, "VmRSS")
    for answer in client.wait(client.ask("GET", FILES + "a"), client.ask("GET", FILES + "b")):
        assert http2.status(answer) == 200 and answer[1] == whole
        assert answer[0]["content-length"] == str(len(whole))
    part = client.wait(client.ask("GET", FILES + "a",
                                  headers=[("range", f"bytes={MIB - 5}-{9 * MIB}")]))
    assert http2.status(part) == 206 and part[1] == whole[MIB - 5:9 * MIB + 1]
    head = client.wait(client.ask("HEAD", FILES + "a"))
    assert head[0]["content-length"] == str(len(whole)) and not head[1]
    assert memory(server, "VmHWM") < before + held(8 * 1024)
    client.close()


def test_http2_downloads_that_do_not_end_well(serve, tmp_path):
    """Clients that read nothing, reset or go, and a file that vanishes: what is held stays small,
    other streams go on."""
    server = serve("--record", tmp_path / "record")
    assert requests.put(server.url + FILES + "a", data=pieces(40), timeout=20).status_code == 200
    before = memory(server, "VmRSS")
    lazy = http2.Client(server)
    streams = [lazy.ask("GET", FILES + "a") for _ in range(4)]
    lazy.socket.recv(1)
    client = http2.Client(server)
    stream = client.ask("GET", FILES + "a")
    while stream not in client.answers or len(client.answers[stream][1]) < 2 * MIB:
        client.read()
    for reset in (stream, client.ask("GET", FILES + "a")):
        client.h2.reset_stream(reset, 8)
    assert len(client.wait(client.ask("GET", FILES + "a"))[1]) == 40 * MIB + 4
    lazy.close()
    # no more than a window and a part of this one are read before the file goes
    stream = client.ask("GET", FILES + "a")
    while stream not in client.answers:
        client.read()
    for blob in (tmp_path / "record/blobs/sha256").glob("*/*"):
        blob.unlink()
    client.wait(stream)
    assert client.resets[stream] == 2 and len(client.answers[stream][1]) < 40 * MIB
    assert http2.status(client.wait(client.ask("GET", FILES + "a"))) == 500
    assert len(streams) == 4 and memory(server, "VmHWM") < before + held(16 * 1024)
    client.close()
