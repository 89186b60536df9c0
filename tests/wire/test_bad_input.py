"""Bad rows, bodies and addresses: the right status, the protocol's own error body, and a sentence
that says what, where and how to mend it."""
import json

import pytest

pytestmark = pytest.mark.hostile

NAMES = ["income", "debt", "age", "late"]
ROW = [1, 2, 3, 4]
JSON = {"content-type": "application/json"}


def mlflow(rows, names=NAMES):
    return "/invocations", {"dataframe_split": {"columns": names, "data": rows}}


def records(rows):
    return "/invocations", {"dataframe_records": rows}


def kserve(rows):
    return "/v1/models/plain:predict", {"instances": rows}


def oip(*tensors):
    return "/v2/models/plain/infer", {"inputs": list(tensors)}


def column(name, data, datatype="FP64"):
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


# what is sent: every word must stand in the message
ROWS = {
    "wrong column": (mlflow([ROW], ["income", "debt", "age", "lat"]), ["late", "lat"]),
    "missing column": (mlflow([[1, 2, 3]], NAMES[:3]), ["late"]),
    "two missing columns": (mlflow([[1, 2]], NAMES[:2]), ["age", "late"]),
    "a column twice": (mlflow([[1, 2, 3, 4, 5]], NAMES + ["age"]), ["age"]),
    "text in a number column": (mlflow([ROW, [1, "x", 3, 4]]), ["row 1", "debt", "x"]),
    "an object in a cell": (mlflow([[1, {}, 3, 4]]), ["row 0", "debt"]),
    "a list in a cell": (mlflow([[1, [2], 3, 4]]), ["row 0", "debt"]),
    "too few values": (mlflow([ROW, ROW, [1, 2, 3]]), ["row 2", "3", "4"]),
    "too many values": (mlflow([ROW, [1, 2, 3, 4, 5]]), ["row 1", "5", "4"]),
    "a number beyond float64": (mlflow([[1, 2, 3, 4]]), []),
    "records: missing": (records([{"income": 1, "debt": 2, "age": 3}]), ["late"]),
    "records: text": (records([{**dict(zip(NAMES, ROW)), "age": "old"}]), ["row 0", "age", "old"]),
    "records: no object": (records([dict(zip(NAMES, ROW)), 3]), ["row 1"]),
    "kserve: text": (kserve([ROW, [1, 2, "x", 4]]), ["row 1", "age", "x"]),
    "kserve: too few": (kserve([[1, 2, 3]]), ["row 0", "4"]),
    "kserve: too many": (kserve([ROW, ROW + [5]]), ["row 1", "4"]),
    "kserve: bare values": (kserve([1, 2, 3, 4]), ["4"]),
    "oip: text": (oip({"name": "input", "shape": [2, 4], "datatype": "FP64",
                       "data": [1, 2, 3, 4, 1, 2, "x", 4]}), ["x"]),
    "oip: missing column": (oip(column("income", [1]), column("debt", [1]), column("age", [1])),
                            ["late"]),
    "oip: unknown column": (oip(*(column(name, [1]) for name in NAMES + ["height"])), ["height"]),
    "oip: columns of unequal length": (oip(*(column(name, [1] * (1 + (name == "age")))
                                             for name in NAMES)), ["age"]),
    "oip: too many features": (oip({"name": "input", "shape": [1, 5], "datatype": "FP64",
                                    "data": [1, 2, 3, 4, 5]}), ["5", "4"]),
}


def message_of(answer, path):
    """The sentence, where the protocol's clients look for it."""
    body = answer.json()
    if path.startswith(("/v1", "/v2")):
        return body["error"]
    assert body["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE", "NOT_FOUND",
                                  "RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"), body
    return body["message"]


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_do_not_fit(alone, case):
    (path, body), words = ROWS[case]
    text = json.dumps(body)
    if case == "a number beyond float64":
        text, words = text.replace("2", "1e999"), ["row 0", "debt"]
    answer = alone.post(path, data=text, headers=JSON)
    assert answer.status_code == 400, answer.text
    message = message_of(answer, path)
    for word in [*words, "fix:", "[MW"]:
        assert word in message, message
    assert "Traceback" not in message and "/" + "work" not in message


@pytest.mark.parametrize("path", ["/invocations", "/v1/models/plain:predict",
                                  "/v2/models/plain/infer"])
@pytest.mark.parametrize("text", [
    b"", b"{", b'{"inputs": [', b'{"instances": [[1,2,3,4]]', b"\xff\xfe", b"nul", b'"text"',
    b'{"instances": [[1,2,3,4]]}}', b'{"instances": [[1 2]]}', b"\0", b"{" * 5000,
    b"[" * 100000, b'{"a":' * 70 + b"1" + b"}" * 70,
    b'{"instances": [' + b"[" * 90 + b"]" * 90 + b"]}",
    b'{"instances": [[1, 2, 3, 4.]]}', b'{"instances": [[+1, 2, 3, 4]]}',
    b'{"instances": [["\\ud800", 2, 3, 4]]}', b'{"instances": [["\x01", 2, 3, 4]]}',
], ids=lambda text: repr(text[:24]))
def test_malformed_bodies(alone, path, text):
    answer = alone.post(path, data=text, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert len(message_of(answer, path)) > 10


def test_the_place_of_a_fault_is_told(alone):
    good = json.dumps(mlflow([ROW] * 50)[1])
    answer = alone.post("/invocations", data=good[:-1] + ",}", headers=JSON)
    assert f"{len(good)}" in answer.json()["message"], answer.text


@pytest.mark.parametrize("path,error_key", [
    ("/invocations", None), ("/v1/models/plain:predict", "error"),
    ("/v2/models/plain/infer", "error")])
def test_body_over_the_limit(alone, path, error_key):
    answer = alone.post(path, data=b" " * ((16 << 20) + 1), headers=JSON)
    assert answer.status_code == 413
    assert "--max-body" in answer.text
    if error_key:
        assert "16777216" in answer.json()[error_key]
    assert alone.get("/ping").status_code == 200


def test_the_limit_is_an_option(serve, models):
    server = serve(f"plain={models.paths['plain']}", "--max-body", "4KiB")
    assert server.post("/invocations", data=b" " * 4097, headers=JSON).status_code == 413
    assert server.post("/invocations", json={"instances": [ROW]}).status_code == 200


def test_a_body_of_the_limit_is_read(alone):
    text = json.dumps({"instances": [ROW]}).encode()
    answer = alone.post("/invocations", data=text + b" " * ((16 << 20) - len(text)), headers=JSON)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/invocations", "/v1/models/plain:predict"])
def test_wrong_content_type(alone, path):
    text = json.dumps({"instances": [ROW]})
    answer = alone.post(path, data=text, headers={"content-type": "application/xml"})
    assert answer.status_code == 415 and "application/json" in answer.text


@pytest.mark.parametrize("method,path,status,word", [
    ("GET", "/", 200, ""), ("GET", "/nothing", 404, "openapi.json"),
    ("GET", "/v2/nothing", 404, ""),
    ("GET", "/v2/models/nobody", 404, "nobody"), ("GET", "/v2/models/nobody/ready", 404, "nobody"),
    ("POST", "/v2/models/nobody/infer", 404, "nobody"),
    ("GET", "/v2/models/plain/versions/9", 404, "version"),
    ("POST", "/v2/models/plain/versions/9/infer", 404, "9"),
    ("POST", "/v2/models/plain/versions/x/infer", 404, "x"),
    ("POST", "/v1/models/nobody:predict", 404, "nobody"),
    ("GET", "/v1/models/nobody", 404, "nobody"),
    ("POST", "/endpoints/nobody/invocations", 404, "nobody"), ("GET", "/invocations/x", 404, ""),
    ("GET", "/v2/models/%zz", 400, ""), ("GET", "/v2/models/%", 400, ""),
    ("GET", "//ping", 404, ""),
    ("GET", "/v2/models/../models", 404, ""), ("GET", "/%00", 404, ""), ("POST", "/ping", 405, ""),
    ("POST", "/metrics", 405, ""), ("DELETE", "/v2/models/plain", 405, ""),
    ("BREW", "/ping", 405, ""),
])
def test_addresses(alone, method, path, status, word):
    """Sent as it stands: requests would normalise some of these."""
    with alone.connect() as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                           "Content-Length: 0\r\n\r\n".encode())
        text = b""
        while piece := connection.recv(65536):
            text += piece
    head, _, body = text.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} "), text
    assert word in body
    if status == 405:
        assert "\r\nallow:" in head.lower()


def test_messages_quote_safely(alone):
    """What a client sends may come back in a message, but never as markup or as broken JSON."""
    for name in ('a"b\\c', "é漢", "\x7f", "<script>", "x" * 5000):
        answer = alone.post("/invocations", json=mlflow([[1, 2, 3, 4, "t"]], NAMES + [name])[1])
        assert answer.status_code in (200, 400)
        answer = alone.post("/invocations", json=mlflow([[1, 2, 3, name]])[1])
        assert answer.status_code == 400 and len(answer.json()["message"]) < 2000
        assert answer.headers["content-type"].startswith("application/json")


def test_csv_faults_name_their_line(alone):
    cases = [("income,debt,age,late\n1,2,3,4\n1,x,3,4\n", ["debt", "x"]),
             ("income,debt,age,late\n1,2,3\n", ["3", "4"]),
             ("income,debt,age,late\n1,2,3,4,5\n", ["line 2", "4"]),
             ('income,debt,age,late\n1,"2,3,4\n', ["quote"]),
             ("1,2,3,4\n5,6,7,8\n", ["header"]),
             ("income,debt,age\n1,2,3\n", ["late"])]
    for text, words in cases:
        answer = alone.post("/invocations", data=text, headers={"content-type": "text/csv"})
        assert answer.status_code == 400, answer.text
        for word in [*words, "fix:"]:
            assert word in answer.json()["message"], answer.text
