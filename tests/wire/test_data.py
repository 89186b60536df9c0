"""Versions of data: `mw data`, and the real DVC client against the server's /dvc."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests
from conftest import BINARY, Server, check_end

DVC = shutil.which("dvc")
needs_dvc = pytest.mark.skipif(not DVC, reason="DVC is not installed: pip install dvc")


@pytest.fixture
def data(run, tmp_path):
    """data("add", "x.csv"): in tmp_path, on the record there; fails unless the code is as told."""
    def call(*words, code=0):
        done = run("data", *words, "--record", tmp_path / "record", cwd=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code in (0, 6) else done.stderr
    return call


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def blobs(folder):
    return sorted(p.name for p in (folder / "record/blobs/sha256").rglob("*") if p.is_file())


# ---- add, list, get ------------------------------------------------------------------------------

def test_versions_of_a_file(data, tmp_path):
    write(tmp_path / "a.csv", "x\n1\n")
    assert data("add", "a.csv").startswith("a.csv@1  ")
    assert data("add", "a.csv").startswith("a.csv@1 (unchanged)  ")
    write(tmp_path / "a.csv", "x\n2\n")
    assert data("add", "a.csv").startswith("a.csv@2  ")
    listed = json.loads(data("list", "--format", "json"))["versions"]
    assert [(v["name"], v["version"], v["bytes"]) for v in listed] == [("a.csv", 1, 4),
                                                                       ("a.csv", 2, 4)]
    assert listed[0]["md5"] == hashlib.md5(b"x\n1\n").hexdigest()
    assert listed[0]["sha256"] == hashlib.sha256(b"x\n1\n").hexdigest()
    data("get", "a.csv@1", "-o", "old.csv")
    assert (tmp_path / "old.csv").read_text() == "x\n1\n"
    data("get", "a.csv", "-o", "new.csv")
    assert (tmp_path / "new.csv").read_text() == "x\n2\n"
    data("get", "a.csv@1", "-o", "old.csv")  # the same: fine
    assert "left as it is" in data("get", "a.csv@2", "-o", "old.csv", code=2)
    assert (tmp_path / "old.csv").read_text() == "x\n1\n"
    assert not list(tmp_path.glob("*.part-*"))


def test_a_folder_is_kept_once_and_comes_back_whole(data, tmp_path):
    for name in ("b/c/one.txt", "b/two.txt", "b/\u00e4 \U0001f600.txt"):
        write(tmp_path / name, "same")
    write(tmp_path / "b/other.txt", "other")
    data("add", "b/", "--name", "set")
    assert len(blobs(tmp_path)) == 3  # two contents and the list
    data("get", "set@latest", "-o", "out")
    assert {str(p.relative_to(tmp_path / "out")): p.read_text()
            for p in (tmp_path / "out").rglob("*") if p.is_file()} == {
        "c/one.txt": "same", "two.txt": "same", "\u00e4 \U0001f600.txt": "same",
        "other.txt": "other"}
    data("get", "set@1", "-o", "out")
    write(tmp_path / "out/more.txt", "")
    assert "left as it is" in data("get", "set@1", "-o", "out", code=2)


@pytest.mark.parametrize("make,words,code,says", [
    (None, ["add", "nothing.csv"], 3, "No such file"),
    (lambda f: (f / "empty").mkdir(), ["add", "empty"], 2, "without files"),
    (lambda f: os.mkfifo(f / "pipe"), ["add", "pipe"], 2, "no file"),
    (lambda f: ((f / "d").mkdir(), (f / "d/loop").symlink_to(f / "d")), ["add", "d"], 2,
     "link to a folder"),
    (lambda f: write(f / "a b", "x"), ["add", "a b"], 2, "cannot be the name"),
    (lambda f: write(f / "a", "x"), ["add", "a", "a", "--name", "n"], 2, "one name for 2"),
    (lambda f: write(f / "x.dvc", "outs: 1"), ["add", "x.dvc"], 1, "no list 'outs'"),
    (lambda f: write(f / "x.dvc", "outs:\n- {md5: " + "0" * 32 + ", hash: md5, path: ../../x}"),
     ["add", "x.dvc"], 1, "without a path beside"),
    (lambda f: write(f / "x.dvc", "outs:\n- {md5: " + "0" * 32 + ", hash: md5, path: x}"),
     ["add", "x.dvc"], 3, "dvc push"),
    (lambda f: write(f / "x.dvc", "outs:\n- {md5: " + "0" * 32 + ", path: x}"),
     ["add", "x.dvc"], 1, "DVC 2"),
])
def test_bad_input(data, tmp_path, make, words, code, says):
    data("add", str(BINARY), "--name", "there")
    if make:
        make(tmp_path)
    assert says in data(*words, code=code)
    assert len(json.loads(data("list", "--format", "json"))["versions"]) == 1


@pytest.mark.parametrize("address", ["nobody", "there@2", "there@0", "there@x", "there@"])
def test_unknown_versions(data, address):
    data("add", str(BINARY), "--name", "there")
    assert "MW4133" in data("get", address, code=3)


# ---- diff ----------------------------------------------------------------------------------------

def test_diff_of_tables(data, tmp_path):
    rows = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(100)]
    write(tmp_path / "t.csv", "id,n,c\n" + "\n".join(rows) + "\n")
    data("add", "t.csv")
    rows[3:5] = ["3,50,a", "4,,b", "4,,b"]
    write(tmp_path / "t.csv", "id,n,c\n" + "\n".join(rows) + "\n")
    told = json.loads(data("diff", "t.csv@1", "t.csv", "--format", "json", code=6))
    file, = told["files"]
    assert not told["equal"] and file["schema"] == []
    assert file["rows"] == {"before": 100, "after": 101, "removed": 2, "added": 3}
    n = next(v for v in file["values"] if v["column"] == "n")
    assert n["max"] == [6, 50] and n["missing"] == [0, pytest.approx(2 / 101)]
    c = next(v for v in file["values"] if v["column"] == "c")
    assert c["different"] == [2, 2] and 0 < c["total_variation"] < 0.01
    assert "only after    3" in data("diff", "t.csv@1", "t.csv", code=6)
    assert "are equal" in data("diff", "t.csv@1", "t.csv@1")

    write(tmp_path / "t.csv", "id,c,n\n1,x,y\n")
    data("add", "t.csv")
    file, = json.loads(data("diff", "t.csv@1", "t.csv@2", "--format", "json", code=6))["files"]
    assert file["schema"] == [{"column": "n", "change": "now text"}]
    assert file["rows"] == {"before": 100, "after": 1}


def test_diff_of_folders(data, tmp_path):
    write(tmp_path / "d/same.bin", "1")
    write(tmp_path / "d/changed.bin", "1")
    write(tmp_path / "d/gone.bin", "1")
    data("add", "d")
    (tmp_path / "d/gone.bin").unlink()
    write(tmp_path / "d/changed.bin", "22")
    write(tmp_path / "d/new.bin", "3")
    data("add", "d")
    told = json.loads(data("diff", "d@1", "d@2", "--format", "json", code=6))
    assert {f["path"]: f["change"] for f in told["files"]} == {
        "changed.bin": "changed", "gone.bin": "removed", "new.bin": "added"}


# ---- faults --------------------------------------------------------------------------------------

def test_gc_removes_what_nothing_refers_to(data, tmp_path):
    write(tmp_path / "a.csv", "x\n1\n")
    data("add", "a.csv")
    kept = blobs(tmp_path)
    stray = tmp_path / "record/blobs/sha256/ab" / ("c" * 62)
    write(stray, "left behind")
    assert "would remove 0 files" in data("gc", "--dry-run")  # it is young
    assert "would remove 1 file, 11 bytes" in data("gc", "--dry-run", "--grace", "0s")
    assert stray.exists()
    assert "removed 1 file" in data("gc", "--grace", "0s")
    assert blobs(tmp_path) == kept
    data("get", "a.csv@1", "-o", "b.csv")


def test_killed_at_any_moment(data, tmp_path):
    """What is listed is whole; what was cut off has left nothing that is listed."""
    for i in range(40):
        write(tmp_path / f"d/{i}.txt", f"{i}" * 20000)
    for i in range(12):
        write(tmp_path / "d/turn.txt", str(i))
        process = subprocess.Popen([BINARY, "data", "add", "d", "--record", "record"], cwd=tmp_path,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.002 + 0.006 * i)
        process.send_signal(signal.SIGKILL)
        process.wait()
    versions = json.loads(data("list", "--format", "json"))["versions"] \
        if (tmp_path / "record/record.db").exists() else []
    for version in versions:
        assert version["files"] == 41
        data("get", f"d@{version['version']}", "-o", f"out{version['version']}")
    data("add", "d")
    data("get", "d", "-o", "last")
    assert (tmp_path / "last/39.txt").read_text() == "39" * 20000
    data("gc")
    assert not list((tmp_path / "record/blobs/tmp").iterdir())


def test_a_server_has_the_record(data, tmp_path):
    write(tmp_path / "a.csv", "x\n1\n")
    data("add", "a.csv")
    server = Server(tmp_path, "--record", tmp_path / "record")
    write(tmp_path / "c.csv", "x\n2\n")
    assert data("add", "c.csv").startswith("c.csv@1  ")
    assert "a.csv@1" in data("list")
    assert "stop it first" in data("gc", code=5)
    assert "would remove 0 files" in data("gc", "--dry-run")
    data("get", "a.csv", "-o", "b.csv")
    check_end(server)


# ---- DVC -----------------------------------------------------------------------------------------

def test_data_over_http(data, run, tmp_path):
    write(tmp_path / "t.csv", "x,city\n1,Ulm\n2.5,Bonn\n,Ulm\n4,\n")
    write(tmp_path / "many/a.csv", "x\n1\n2\n")
    write(tmp_path / "many/b.bin", "a,b\n1\n")
    data("add", "t.csv")
    data("add", "many")
    told = run("data", "profile", "t.csv", cwd=tmp_path).stdout
    server = Server(tmp_path, "--record", tmp_path / "record")

    def get(path, status=200):
        answer = server.get(f"/mw/v1/data{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    listed = get("")
    assert [(v["name"], v["version"]) for v in listed["items"]] == [("many", 1), ("t.csv", 1)]
    assert [f["path"] for f in get("/many/1")["items"]] == ["a.csv", "b.bin"]
    assert get("/t.csv/1/profile") == json.loads(told)
    assert get("/many/latest/profile?path=a.csv")["rows"] == 2
    for path, code in (("/t.csv/9", "MW4133"), ("/nobody/1", "MW4133"),
                       ("/many/1/profile", "MW4133"), ("/many/1/profile?path=x", "MW4133")):
        assert get(path, 404)["code"] == code
    assert get("/many/1/profile?path=b.bin", 400)["code"]
    # a report that a gate keeps comes back as it was, and data gc leaves it alone
    server.post("/api/2.0/mlflow/registered-models/create", json={"name": "m"})
    server.post("/api/2.0/mlflow/model-versions/create", json={"name": "m", "source": "x:/y"})
    gates = "/mw/v1/models/m/versions/1/gates"
    added = server.post(gates, data='{"gate": "bias",  "passed": true}')
    assert added.status_code == 200, added.text
    assert server.get(gates + "/none/report").status_code == 404
    check_end(server)
    data("gc", "--grace", "0s")
    server = Server(tmp_path, "--record", tmp_path / "record")
    assert server.get(gates + "/bias/report").text == '{"gate": "bias",  "passed": true}'
    check_end(server)


def test_drop(data, run, tmp_path):
    """What only the version named goes, its number is not given again, gc frees the bytes."""
    write(tmp_path / "d/same", "same")
    write(tmp_path / "d/one", "only in the first")
    data("add", "d")
    (tmp_path / "d/one").unlink()
    write(tmp_path / "d/two", "2")
    data("add", "d")
    before = blobs(tmp_path)
    told = data("drop", "d@1", "--dry-run").split("\t")
    assert told[:3] == ["would drop", "d@1", "2 objects of it alone"]  # one, and the list
    assert data("get", "d@1", "-o", "out").startswith("") and (tmp_path / "out/one").exists()
    assert data("drop", "d@1").startswith("dropped\td@1\t2 objects")
    assert "was dropped" in data("get", "d@1", "-o", "out2", code=3)
    assert "was dropped" in data("drop", "d@1", code=3)
    for wrong in ("d", "d@latest", "d@9", "e@1"):
        assert "there is no" in data("drop", wrong, code=3)
    assert blobs(tmp_path) == before  # only on request
    freed = data("gc", "--grace", "0s", "--dry-run")
    assert "would remove 2 files" in freed and blobs(tmp_path) == before
    data("gc", "--grace", "0s")
    assert len(blobs(tmp_path)) == len(before) - 2
    data("get", "d@2", "-o", "out3")
    assert (tmp_path / "out3/same").read_text() == "same"
    assert data("drop", "d@2").startswith("dropped")
    assert json.loads(data("list", "--format", "json"))["versions"] == []
    assert data("add", "d").startswith("d@3  ")  # not 1, nor 2
    audit = run("audit", "list", "--record", tmp_path / "record").stdout
    assert "data.drop" in audit and "data d@1" in audit


@pytest.fixture
def remote(tmp_path):
    server = Server(tmp_path, "--record", tmp_path / "record", "--max-artifact", "1MiB")
    yield server
    if server.process.poll() is None:
        check_end(server)


@pytest.mark.parametrize("name,body,status", [
    ("90/0150983cd24fb0d6963f7d28e17f72", b"abc", 200),
    ("90/0150983cd24fb0d6963f7d28e17f72", b"abd", 400),
    ("90/0150983cd24fb0d6963f7d28e17f72", b"", 400),
    ("90/0150983CD24FB0D6963F7D28E17F72", b"abc", 404),
    ("90/0150983cd24fb0d6963f7d28e17f7", b"abc", 404),
    ("900/150983cd24fb0d6963f7d28e17f72", b"abc", 404),
    ("%2e%2e/0150983cd24fb0d6963f7d28e17f72", b"abc", 404),
    ("90/0150983cd24fb0d6963f7d28e17f72.dir", b"abc", 400),  # no list
    ("d7/51713988987e9331980363e24189ce.dir", b"[]", 200),
    ("00/00", b"x" * (1 << 21), 413),
])
def test_objects_are_what_their_name_says(remote, name, body, status):
    url = f"{remote.url}/dvc/files/md5/{name}"
    for method in ("POST", "PUT"):
        assert requests.request(method, url, data=body, timeout=20).status_code == status
    answer = requests.get(url, timeout=20)
    assert (answer.status_code, answer.content) == (200, body) if status == 200 \
        else answer.status_code == 404
    assert requests.head(url, timeout=20).status_code == answer.status_code


def test_a_list_may_not_lead_out(remote):
    md5 = "0" * 32
    for path in ("../x", "/x", "a/../../x", "", "a//b", "a/\n"):
        body = json.dumps([{"md5": md5, "relpath": path}]).encode()
        name = hashlib.md5(body).hexdigest()
        answer = requests.post(f"{remote.url}/dvc/files/md5/{name[:2]}/{name[2:]}.dir", data=body,
                               timeout=20)
        assert answer.status_code == 400, path


def dvc(folder, *words):
    done = subprocess.run([DVC, *words], cwd=folder, capture_output=True, text=True, timeout=120,
                          check=False, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_dvc
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_dvc_pushes_and_pulls(remote, data, tmp_path, method):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for name, text in (("raw.csv", "x\n1\n"), ("images/a.png", "a"),
                       ("images/deep/\u00fc \U0001f600.png", "b")):
        write(mine / name, text)
    for folder in (mine, theirs):
        folder.mkdir(exist_ok=True)
        dvc(folder, "init", "--no-scm", "-q")
        dvc(folder, "remote", "add", "-d", "store", remote.url + "/dvc")
        dvc(folder, "remote", "modify", "store", "method", method)
    dvc(mine, "add", "raw.csv", "images")
    dvc(mine, "push")
    for name in ("raw.csv.dvc", "images.dvc"):
        shutil.copy(mine / name, theirs)
    dvc(theirs, "pull")
    assert (theirs / "images/deep/\u00fc \U0001f600.png").read_text() == "b"
    assert (theirs / "raw.csv").read_text() == "x\n1\n"

    # and what DVC tracks is a version here, from its pointer alone
    check_end(remote)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("raw.csv.dvc", "images.dvc"):
        shutil.copy(mine / name, bare)
    assert data("add", "bare/raw.csv.dvc", "bare/images.dvc").count("@1") == 2
    data("get", "bare/images.dvc")
    assert (bare / "images/deep/\u00fc \U0001f600.png").read_text() == "b"
    data("get", "raw.csv@1", "-o", "raw.csv")
    root = next(line.split()[2] for line in (mine / "images.dvc").read_text().splitlines()
                if "md5: " in line)
    versions = json.loads(data("list", "--format", "json"))["versions"]
    assert root in {v["md5"] for v in versions}
    data("add", "mine/images.dvc")  # beside the data: the same version
    assert len(json.loads(data("list", "--format", "json"))["versions"]) == 2
    write(mine / "images/a.png", "changed")
    assert "changed since 'dvc add'" in data("add", "mine/images.dvc", code=1)


@needs_dvc
def test_dvc_pulls_what_was_added_here(data, tmp_path):
    write(tmp_path / "set/a.csv", "x\n1\n")
    write(tmp_path / "set/b/c.csv", "x\n2\n")
    data("add", "set")
    version, = json.loads(data("list", "--format", "json"))["versions"]
    server = Server(tmp_path, "--record", tmp_path / "record")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    dvc(theirs, "init", "--no-scm", "-q")
    dvc(theirs, "remote", "add", "-d", "store", server.url + "/dvc")
    write(theirs / "set.dvc",
          f"outs:\n- md5: {version['md5']}\n  nfiles: 2\n  hash: md5\n  path: set\n")
    dvc(theirs, "pull")
    assert pathlib.Path(theirs / "set/b/c.csv").read_text() == "x\n2\n"
    check_end(server)


# ---- in PostgreSQL -------------------------------------------------------------------------------

@pytest.fixture
def in_a_database(run, tmp_path, databases, request):
    """The record's rows are there from the beginning; files stay in its folder."""
    name = re.sub(r"\W", "_", request.node.name)
    for words in (("token", "create", "t", "--role", "viewer"),
                  ("server", "migrate", databases(name))):
        done = run(*words, "--record", tmp_path / "record")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("test", [test_versions_of_a_file, test_diff_of_folders,
                                  test_gc_removes_what_nothing_refers_to],
                         ids=lambda test: test.__name__)
def test_in_a_database(test, in_a_database, data, tmp_path):
    test(data, tmp_path)


def test_drop_in_a_database(in_a_database, data, run, tmp_path):
    test_drop(data, run, tmp_path)
