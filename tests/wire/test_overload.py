"""Overload is a normal state: what cannot be answered in time is refused, in each protocol."""
import collections
import json
import queue
import re
import select
import shutil
import socket
import subprocess
import threading
import time

import pytest
import requests

from conftest import IS_WATCHED

ROW = [1.0, 2.0, 3.0, 4.0]


def request(n_rows, path="/endpoints/plain/invocations", **headers):
    """A POST of so many rows, ready to send; 22 bytes a row."""
    body = b'{"instances": [' + b", ".join([b"[1.0, 2.0, 3.0, 4.0]"] * n_rows) + b"]}"
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class Client:
    """A raw connection, from an address of one's own."""

    def __init__(self, server, address="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30,
                                               source_address=(address, 0))
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read(self):
        """(status, headers, body)"""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(": ", 1)
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def ask(self, data):
        return self.send(data).read()

    def close(self):
        self.file.close()
        self.socket.close()


def shed(server, endpoint="plain"):
    """{reason: count}"""
    return {re.search('reason="(.*?)"', name)[1]: value for name, value in server.samples().items()
            if name.startswith(f'mw_shed_total{{endpoint="{endpoint}"')}


def storm(server, data, n_clients, seconds, after=lambda answer: None):
    """Clients that ask again at once, for so long: {status: count}."""
    statuses, end = collections.Counter(), time.monotonic() + seconds

    def one():
        client = Client(server)
        while time.monotonic() < end:
            answer = client.ask(data)
            statuses[answer[0]] += 1
            after(answer)
        client.close()
    threads = [threading.Thread(target=one) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    return threads, statuses


# ---- on a loop -------------------------------------------------------------------------------

SMALL = request(3500)  # some 100 kB: worked on by the loop itself


def test_overloaded_loop_refuses_and_stays_quick(serve, models):
    """Forty clients want all of the loop at once. Part of them is refused; those who are taken wait
    no longer than the budget, and so do health and metrics."""
    server = serve(f"plain={models.paths['plain']}", "--threads", 1, "--latency-budget", "50ms")
    refusals = []
    threads, statuses = storm(server, SMALL, 40, 2,
                              lambda answer: refusals.append(answer) if answer[0] != 200 else None)
    waits = []
    for _ in range(30):
        began = time.monotonic()
        assert server.get("/v2/health/live").status_code == 200
        waits.append(time.monotonic() - began)
        time.sleep(0.03)
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 503} and min(statuses.values()) > 20, statuses
    status, headers, body = refusals[-1]
    assert status == 503 and headers["retry-after"] == "1"
    answer = json.loads(body)
    assert answer["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert re.search(r"'plain' is overloaded: this request waited \d+ ms; fix: .*\[MW3519\]",
                     answer["message"])
    assert shed(server)["waited"] == statuses[503]
    assert sorted(waits)[len(waits) // 2] < 0.1, waits
    name = 'mw_requests_total{endpoint="plain",version="1",protocol="mlflow",code="503"}'
    assert server.samples()[name] == statuses[503]


def test_admission_can_be_turned_off(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--threads", 1, "--latency-budget", "5ms",
                   "--admission", "off")
    threads, statuses = storm(server, SMALL, 20, 1)
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert server.samples()['mw_deadline_misses_total{endpoint="plain"}'] > 10


def test_quiet_server_refuses_no_one(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--threads", 1)
    threads, statuses = storm(server, SMALL, 8, 0.5)
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert not any(shed(server).values())


def test_client_that_pipelines_gives_way(serve, models):
    """Thousands of requests on one connection: another's is answered long before the last."""
    server = serve(f"plain={models.paths['plain']}", "--threads", 1)
    many, one = Client(server), Client(server)
    count = 1000 if IS_WATCHED else 10000
    data, done, begun = request(300) * count, queue.Queue(), threading.Event()

    def read_all():
        for _ in range(count):
            assert many.read()[0] == 200
            begun.set()
        done.put(time.monotonic())
    reader = threading.Thread(target=read_all)
    sender = threading.Thread(target=many.send, args=(data,))
    reader.start()
    sender.start()
    assert begun.wait(20)
    assert one.ask(request(1))[0] == 200
    answered = time.monotonic()
    reader.join()
    sender.join()
    assert answered < done.get()


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load is not installed")
def test_streams_of_one_connection_give_way(serve, models, tmp_path):
    """A hundred requests at a time on one connection of HTTP/2, small ones of much work: another's
    waits for a few of them, not for all."""
    server = serve(f"plain={models.paths['plain']}", "--threads", 1)
    body = tmp_path / "rows.json"
    body.write_bytes(request(120).split(b"\r\n\r\n", 1)[1])
    load = subprocess.Popen(
        ["h2load", "-D", "2", "-c1", "-m100", "-d", body, "-H", "content-type: application/json",
         server.url + "/invocations?explain=true"], stdout=subprocess.PIPE, text=True)
    one, waits = Client(server), []
    while load.poll() is None:
        began = time.monotonic()
        assert one.ask(request(1))[0] == 200
        waits.append(time.monotonic() - began)
    done = re.search(r"(\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", load.stdout.read())
    each = 2 / int(done[1])
    longest = sorted(waits)[-len(waits) // 10]
    print(f"{each * 1e3:.2f} ms each; a tenth of the waits above {longest * 1e3:.2f} ms")
    assert int(done[1]) > 100 and longest < 50 * each + 0.005, (each, longest)


# ---- at the workers --------------------------------------------------------------------------

LARGE = 8000  # rows, 200 kB: worked on by a worker


LONG_ROWS = 700000  # near the limit of bodies
LONG = request(LONG_ROWS)


@pytest.fixture
def busy(serve, models):
    """busy(...): a server with one worker, which has long work to do. Its answer is still due. On a
    busy machine it may be refused, or done, before it is seen at work: then it is sent again."""
    servers = []

    def start(*arguments):
        server = serve(f"plain={models.paths['plain']}", f"other={models.paths['levels']}",
                       "--threads", 1, "--workers", 1, "--latency-budget", "60s", *arguments)
        server.long, server.n_long = Client(server).send(LONG), 1
        running, end = 'mw_worker_requests{endpoint="plain"}', time.monotonic() + 60
        while server.samples()[running] == 0:
            assert time.monotonic() < end
            if select.select([server.long.socket], [], [], 0.001)[0]:
                server.n_long += server.long.read()[0] == 200
                server.long.send(LONG)
        servers.append(server)
        return server
    yield start
    for server in servers:
        assert server.long.read()[0] == 200


def wait_queue(server, length):
    end = time.monotonic() + 5
    while server.samples()['mw_queue_length{endpoint="plain"}'] != length:
        assert time.monotonic() < end, server.samples()['mw_queue_length{endpoint="plain"}']
        time.sleep(0.001)


def test_queue_is_bounded(busy):
    server = busy("--max-queue", 3)
    clients = [Client(server).send(request(LARGE)) for _ in range(3)]
    wait_queue(server, 3)
    extra = Client(server).ask(request(LARGE))
    assert extra[0] == 503 and extra[1]["retry-after"] == "1"
    assert b"3 requests wait for it" in extra[2]
    assert [client.read()[0] for client in clients] == [200] * 3
    assert shed(server)["queue_full"] == 1


def test_longest_line_makes_room(busy):
    """The client that sends most gives up its oldest; the one that sends little is let in."""
    server = busy("--max-queue", 4)
    greedy = [Client(server).send(request(LARGE)) for _ in range(4)]
    wait_queue(server, 4)
    modest = Client(server, "127.0.0.2").send(request(LARGE))
    assert greedy[0].read()[0] == 503
    assert modest.read()[0] == 200
    assert [client.read()[0] for client in greedy[1:]] == [200] * 3


def order_of(log, names):
    """Whose answers were made first: the server's own word, for a client may be woken late."""
    end = time.monotonic() + 30
    while True:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        order = [line["request_id"] for line in lines if line["request_id"] in names]
        if len(order) == len(names):
            return order
        assert time.monotonic() < end, order
        time.sleep(0.01)


def ask_each(server, each):
    """What each client asks, one after the other; all wait in the queue, then are answered."""
    clients = []
    for i, (address, asked) in enumerate(each):
        clients.append(Client(server, address).send(asked))
        wait_queue(server, i + 1)
    assert [client.read()[0] for client in clients] == [200] * len(clients)


def test_clients_take_turns(busy, tmp_path):
    """Ten of one client wait; one of another comes last, and is answered second at the latest."""
    names = [f"greedy-{i}" for i in range(10)] + ["modest"]
    server = busy("--access-log", tmp_path / "log")
    ask_each(server, [("127.0.0.2" if name == "modest" else "127.0.0.1",
                       request(16000, x_request_id=name)) for name in names])
    order = order_of(tmp_path / "log", names)
    assert "modest" in order[:2], order


def test_urgent_goes_first(busy, tmp_path):
    names = ["u=7", "u=5, i", "u=3", "", "u=0"]
    ids = {f"of-{i}": name for i, name in enumerate(names)}
    server = busy("--access-log", tmp_path / "log")
    ask_each(server, [("127.0.0.1", request(16000, x_request_id=id, **(
        {"priority": name} if name else {}))) for id, name in ids.items()])
    order = [ids[id] for id in order_of(tmp_path / "log", list(ids))]
    assert order[0] == "u=0" and set(order[1:3]) == {"u=3", ""}, order


@pytest.mark.parametrize("header", ["x-request-timeout-ms", "X-Envoy-Expected-Rq-Timeout-Ms"])
def test_deadline_of_the_client(busy, header):
    server = busy()
    late = Client(server).send(request(LARGE, **{header: 5}))
    patient = Client(server).send(request(LARGE, **{header: 60000}))
    status, headers, body = late.read()
    assert status == 504 and "retry-after" not in headers
    assert json.loads(body)["error_code"] == "DEADLINE_EXCEEDED"
    assert patient.read()[0] == 200
    assert shed(server)["deadline"] == 1


def test_deadline_in_the_request(busy):
    """tritonclient's own argument, in microseconds."""
    import numpy
    import tritonclient.grpc as triton
    import tritonclient.http as http
    server = busy()
    for module in (http, triton):
        client = module.InferenceServerClient(f"127.0.0.1:{server.port}")
        tensor = module.InferInput("input", [1, 4], "FP32")
        tensor.set_data_from_numpy(numpy.array([ROW], numpy.float32))
        with pytest.raises(module.InferenceServerException, match="deadline has passed"):
            client.infer("plain", [tensor], timeout=1)
        client.infer("plain", [tensor], timeout=60000000)
        client.close()
    assert shed(server)["deadline"] == 2


def test_work_of_clients_that_left_is_dropped(busy):
    server = busy()
    clients = [Client(server).send(request(LARGE)) for _ in range(5)]
    wait_queue(server, 5)
    for client in clients[:4]:
        client.close()
    assert clients[4].read()[0] == 200
    assert shed(server)["gone"] == 4
    assert server.samples()['mw_rows_total{endpoint="plain",version="1"}'] == \
        server.n_long * LONG_ROWS + LARGE


def test_those_who_waited_too_long_are_told(busy):
    """They are not left to wait for the worker when it is plain that they come too late."""
    budget_ms = 300 if IS_WATCHED else 20  # half of it is less than a watched loop reads LONG in
    server = busy("--latency-budget", f"{budget_ms}ms")
    first = Client(server).send(request(LARGE))
    wait_queue(server, 1)
    time.sleep(budget_ms / 1e3)
    assert Client(server).ask(request(LARGE))[0] in (200, 503)
    status, _, body = first.read()
    assert status == 503 and b"this request waited" in body


def test_endpoints_have_turns_by_time(busy):
    """One endpoint is flooded; another's requests wait for one of them at most, not for all."""
    server = busy()
    flood = [Client(server).send(request(40000)) for _ in range(12)]
    wait_queue(server, 12)
    assert Client(server).ask(request(LARGE, "/endpoints/other/invocations"))[0] == 200
    assert server.samples()['mw_queue_length{endpoint="plain"}'] > 6
    assert [client.read()[0] for client in flood] == [200] * 12


# ---- quotas ----------------------------------------------------------------------------------

def test_quota_of_each_client(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--client-rate", 2, "--client-burst", 4)
    one, other = Client(server), Client(server, "127.0.0.2")
    statuses = [one.ask(request(1))[0] for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    assert other.ask(request(1))[0] == 200
    status, headers, body = one.ask(request(1))
    assert status == 429 and headers["retry-after"] == "1"
    assert json.loads(body)["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert b"more than 2 times a second" in body and b"MW3520" in body
    time.sleep(0.6)
    assert one.ask(request(1))[0] == 200
    assert shed(server)["quota"] == 3
    # what is no prediction has no quota
    assert all(server.get("/v2/health/ready").status_code == 200 for _ in range(10))


def test_endpoints_have_limits_of_their_own(serve, models, tmp_path):
    (tmp_path / "millwright.yaml").write_text(f"""
server:
  client_rate: 1
endpoints:
  - {{name: a, model: {models.paths['plain']}, client_rate: 3, latency_budget: 250ms}}
  - {{name: b, model: {models.paths['plain']}, client_rate: 0}}
  - {{name: c, model: {models.paths['plain']}}}
""", encoding="utf-8")
    server = serve(cwd=tmp_path)
    client = Client(server)

    def good(name):
        return sum(client.ask(request(1, f"/endpoints/{name}/invocations"))[0] == 200
                   for _ in range(6))
    assert [good("a"), good("b"), good("c")] == [3, 6, 1]
    samples = server.samples()
    assert samples['mw_latency_budget_seconds{endpoint="a"}'] == 0.25
    assert samples['mw_latency_budget_seconds{endpoint="c"}'] == 5


@pytest.mark.parametrize("line,said", [
    ("latency_budget: 0s", "latency_budget"), ("max_queue: many", "max_queue"),
    ("client_rate: -1", "client_rate"), ("client_rate: '5'", "without quotes"),
    ("clientrate: 5", "did you mean \"client_rate\""),
])
def test_bad_limits_are_refused(run, models, tmp_path, line, said):
    (tmp_path / "millwright.yaml").write_text(
        f"endpoints:\n  - model: {models.paths['plain']}\n    {line}\n", encoding="utf-8")
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr and "millwright.yaml:3:" in done.stderr, done.stderr


# ---- in the clients' words -------------------------------------------------------------------

def test_tritonclient_over_http(serve, models):
    import numpy
    import tritonclient.http as http
    server = serve(f"plain={models.paths['plain']}", "--client-rate", 1, "--client-burst", 1)
    client = http.InferenceServerClient(f"127.0.0.1:{server.port}")
    tensor = http.InferInput("input", [1, 4], "FP32")
    tensor.set_data_from_numpy(numpy.array([ROW], numpy.float32))
    client.infer("plain", [tensor])
    with pytest.raises(http.InferenceServerException) as caught:
        client.infer("plain", [tensor])
    assert caught.value.status() == "429"
    assert "more than 1 times a second" in str(caught.value)


def test_tritonclient_over_grpc(serve, models):
    import grpc
    import numpy
    import tritonclient.grpc as triton
    server = serve(f"plain={models.paths['plain']}", "--client-rate", 1, "--client-burst", 1)
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    tensor = triton.InferInput("input", [1, 4], "FP32")
    tensor.set_data_from_numpy(numpy.array([ROW], numpy.float32))
    client.infer("plain", [tensor])
    with pytest.raises(triton.InferenceServerException) as caught:
        client.infer("plain", [tensor])
    assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    assert "more than 1 times a second" in str(caught.value)
    # retrying clients read how long to wait in a trailer
    channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as failed:
        call(b"\x0a\x05plain")
    trailers = dict(failed.value.trailing_metadata())
    assert 0 < int(trailers["grpc-retry-pushback-ms"]) <= 1001 and trailers["retry-after"] == "1"
    channel.close()
    client.close()


def test_kserve_and_oip_bodies(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--client-rate", 1, "--client-burst", 1)
    server.post("/v1/models/plain:predict", json={"instances": [ROW]})
    for path, body in [("/v1/models/plain:predict", {"instances": [ROW]}),
                       ("/v2/models/plain/infer", {"inputs": [
                           {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}]})]:
        answer = requests.post(server.url + path, json=body, timeout=10)
        assert answer.status_code == 429 and set(answer.json()) == {"error"}
        assert answer.headers["retry-after"] == "1"
