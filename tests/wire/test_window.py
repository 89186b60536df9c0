"""What the dashboard reads: the overview, an endpoint over time, events as they happen, files."""
import gzip
import json
import re
import threading
import time

import pytest
import requests

ROWS = {"dataframe_records": [{}]}


@pytest.fixture
def watched(serve, models):
    server = serve(f"a={models.paths['plain']}", f"b={models.paths['plain']}")
    columns = server.get("/mw/v1/endpoints/a").json()["columns"]
    server.row = {"dataframe_records": [{column["name"]: 0 for column in columns}]}
    return server


def ask(server, n, name="a", body=None):
    for _ in range(n):
        server.post(f"/endpoints/{name}/invocations", json=body or server.row)


def until(check, seconds=8):
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def events(server, topics, wanted, **headers):
    """[(event, id, data)] until `wanted` says that it is enough."""
    found, event = [], {}
    with requests.get(f"{server.url}/mw/v1/events?topics={topics}", stream=True, timeout=20,
                      headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line:
                key, _, value = line.partition(": ")
                event[key] = value
            elif "data" in event:
                found.append((event["event"], int(event["id"]), json.loads(event["data"])))
                event = {}
                if wanted(found):
                    return found
    return found


def test_overview(watched):
    overview = watched.get("/mw/v1/overview").json()
    assert [item["name"] for item in overview["items"]] == ["a", "b"] and overview["total"] == 2
    assert overview["items"][0]["state"] == "none" and not overview["asks"]
    assert overview["limits"] == {"busy": 0.85, "full": 0.9}
    ask(watched, 20)
    ask(watched, 5, body={"no": "rows"})
    a = until(lambda: [i for i in watched.get("/mw/v1/overview").json()["items"]
                       if i["name"] == "a" and i["rps"] > 0 and i["requests"] == 25])[0]
    assert a["state"] == "ok" and a["error_share"] == pytest.approx(0.2, abs=0.2)
    assert 0 < a["p50"] <= a["p99"] < 1 and sum(a["spark"]) > 0
    assert a["drift"]["state"] == "learning" and a["drift"]["wanted"] == 2000
    past = f"/mw/v1/endpoints/a/series?heat=1&to={int(time.time()) - 100}"
    answer = watched.get(past)
    assert answer.headers["content-encoding"] == "gzip"
    same = watched.get(past, headers={"If-None-Match": answer.headers["etag"]})
    assert same.status_code == 304 and not same.content


def test_endpoint_and_series(watched):
    ask(watched, 30)
    watched.post("/v2/repository/models/a/load", json={})
    ask(watched, 10)

    def seen():
        series = watched.get("/mw/v1/endpoints/a/series?heat=1").json()
        total = sum(v or 0 for v in series["series"]["requests"]) * series["step"]
        return series if round(total) == 40 else None
    series = until(seen)
    assert series, watched.get("/mw/v1/endpoints/a/series").text
    assert series["step"] == 1 and len(series["t"]) in (900, 901)
    assert set(series["versions"]) == {"1", "2"}
    total = {v: round(sum(x or 0 for x in s["requests"])) for v, s in series["versions"].items()}
    assert total == {"1": 30, "2": 10}
    assert series["series"]["p99"][0] is None and series["series"]["requests"][0] is None
    assert sum(map(sum, series["heat"]["counts"])) == 40
    day = watched.get(f"/mw/v1/endpoints/a/series?from={series['to'] - 86400}&w=500").json()
    assert day["step"] % 60 == 0 and len(day["t"]) <= 1000
    assert round(sum(v or 0 for v in day["series"]["requests"]) * day["step"]) >= 40
    detail = watched.get("/mw/v1/endpoints/a").json()
    assert [v["version"] for v in detail["versions"]] == [1, 2]
    assert detail["endpoint"]["version"] == 2
    assert watched.get("/mw/v1/endpoints/a/drift").json()["features"] == []


@pytest.mark.parametrize("path, status, code", [
    ("/mw/v1/endpoints/nobody", 404, "MW3503"),
    ("/mw/v1/endpoints/nobody/series", 404, "MW3503"),
    ("/mw/v1/endpoints/nobody/drift", 404, "MW3503"),
    ("/mw/v1/endpoints/a/series?from=yesterday", 400, "MW3526"),
    ("/mw/v1/endpoints/a/series?w=7", 400, "MW3526"),
    ("/mw/v1/endpoints/a/series?from=-1", 400, "MW3526"),
    ("/mw/v1/endpoints/a/series?from=5&to=5", 400, "MW3526"),
    ("/mw/v1/endpoints/a/series?to=99999999999999999999", 400, "MW3526")])
def test_refusals_are_problems(watched, path, status, code):
    answer = watched.get(path)
    assert answer.status_code == status and answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] and answer.json()["hint"]


def test_events_come_as_they_happen(watched):
    threading.Timer(0.5, ask, (watched, 12)).start()
    found = events(watched, "overview,endpoint%3Aa", lambda all: sum(
        data["requests"] for event, _, data in all if event == "point") >= 12)
    points = [data for event, _, data in found if event == "point"]
    assert sum(point["ok"] for point in points) == 12
    assert sum(map(sum, (point["latency"] for point in points))) == 12
    assert {"overview", "point"} == {event for event, _, _ in found} - {"drift"}
    times = [at for event, at, _ in found if event == "point"]
    assert times == list(range(times[0], times[0] + len(times)))
    # a client that was away is told what it missed, one that was away for long to begin anew
    again = events(watched, "endpoint:a", lambda all: len(all) >= 3,
                   **{"Last-Event-ID": str(times[-1] - 2)})
    assert [at for _, at, _ in again][:2] == [times[-1] - 1, times[-1]]
    late = events(watched, "endpoint:a", lambda all: len(all) >= 2, **{"Last-Event-ID": "5"})
    assert late[0][0] == "resync" and late[1][0] == "point"


def test_rows_of_the_log(serve, models, run, tmp_path):
    record = tmp_path / "record"
    tokens = {role: run("token", "create", role, "--role", role, "--record", record).stdout.strip()
              for role in ("viewer", "editor")}
    server = serve(f"a={models.paths['plain']}", "--record", record, "--auth", "on", "--log", "on",
                   "--log-hash", "income")

    def rows(query="", role="editor"):
        return server.get(f"/mw/v1/endpoints/a/rows{query}",
                          headers={"Authorization": f"Bearer {tokens[role]}"})

    assert rows().json() == {"items": [], "next_cursor": None, "total": 0}
    sent = [{"income": 30000.0 + i, "debt": 2.5 * i, "age": None if i % 7 == 0 else 40.0 + i,
             "late": float(i % 3)} for i in range(300)]
    answer = server.post("/endpoints/a/invocations", json={"dataframe_records": sent},
                         headers={"X-Request-ID": "batch"}).json()
    found = until(lambda: rows().json()["items"])
    assert [item["number"] for item in found] == list(range(300))
    assert {item["id"] for item in found} == {"batch"} and found[0]["version"] == 1
    assert [item["row"] for item in found] == [{**row, "income": None} for row in sent]
    assert [item["outputs"][0] for item in found] == pytest.approx(answer["predictions"])
    newest = rows("?last=7").json()
    assert newest["total"] == 7 and newest["items"] == found[-7:]
    assert rows(role="viewer").status_code == 403
    for bad in ("?last=0", "?last=2001", "?last=x"):
        assert rows(bad).status_code == 400 and rows(bad).json()["code"] == "MW3526"


def test_a_server_with_listeners_stops_at_once(watched):
    heard = threading.Thread(target=lambda: events(watched, "overview", lambda all: False))
    heard.start()
    time.sleep(1.2)
    began = time.monotonic()
    assert watched.stop() == 0
    assert time.monotonic() - began < 5
    heard.join(5)
    assert not heard.is_alive()


def test_a_browser_signs_in(run, serve, models, tmp_path):
    record = tmp_path / "record"
    run("user", "add", "ada", "--role", "admin", "--record", record, "--password-stdin",
        input="correct horse\n")
    token = run("token", "create", "looks", "--role", "viewer", "--record",
                record).stdout.strip()
    server = serve(f"a={models.paths['plain']}", "--record", record, "--auth", "on")
    page = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "X-MW-CSRF": "1"}

    def ask(method, path, **headers):
        return requests.request(method, server.url + path, timeout=20, headers=headers)

    assert ask("GET", "/ui/").status_code == 200  # the pages themselves know nothing
    nobody = ask("GET", "/mw/v1/overview", **page)
    assert nobody.status_code == 401 and "www-authenticate" not in nobody.headers
    assert "www-authenticate" in ask("GET", "/mw/v1/overview").headers
    wrong = ask("POST", "/mw/v1/session", **page, Authorization="Bearer mw_wrong")
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    entered = ask("POST", "/mw/v1/session", **page, Authorization=f"Bearer {token}")
    said = entered.headers["set-cookie"]
    assert entered.status_code == 204
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(said.split("; "))
    assert "Secure" not in said
    behind = ask("POST", "/mw/v1/session", **page, Authorization=f"Bearer {token}",
                 **{"X-Forwarded-Proto": "https"})
    assert "; Secure;" in behind.headers["set-cookie"]
    cookie = said.split(";")[0]
    assert token not in cookie
    assert ask("GET", "/mw/v1/overview", **page, Cookie=cookie).json()["total"] == 1
    assert ask("GET", "/mw/v1/overview", Cookie=f"a=b; {cookie}; c=d").status_code == 200
    # another's, a damaged one, an empty one
    for bad in (cookie[:-4] + "AAAA", "mw_session=", "mw_session=AAAA", cookie[:40]):
        assert ask("GET", "/mw/v1/overview", Cookie=bad).status_code == 401, bad
    # what changes something says so, and comes from here
    change = "/v2/repository/models/a/load"
    assert ask("POST", change, Cookie=cookie).status_code == 401
    assert ask("POST", change, Cookie=cookie, **page).status_code == 403  # a viewer may not
    basic = requests.auth._basic_auth_str("ada", "correct horse")
    admin = ask("POST", "/mw/v1/session", **page, Authorization=basic)
    admin = admin.headers["set-cookie"].split(";")[0]
    assert ask("POST", change, Cookie=admin, **page).status_code == 200
    foreign = {**page, "Sec-Fetch-Site": "cross-site"}
    refused = ask("POST", change, Cookie=admin, **foreign)
    assert refused.status_code == 403 and "MW3527" in refused.text
    assert ask("POST", "/endpoints/a/invocations", **foreign).status_code == 403
    # a token that is revoked ends its sessions; so does signing out
    run("token", "revoke", "looks", "--record", record)
    assert until(lambda: ask("GET", "/mw/v1/overview", Cookie=cookie).status_code == 401)
    ended = ask("DELETE", "/mw/v1/session", Cookie=admin, **page)
    assert ended.status_code == 204 and "Max-Age=0" in ended.headers["set-cookie"]


def changing(server):
    """(method, path) of all that changes something, as described, and what pages alone use."""
    for path, operations in server.get("/openapi.json").json()["paths"].items():
        for method in operations:
            if method in ("post", "put", "patch", "delete"):
                yield method.upper(), re.sub(r"\{\w+\}", "1", path)
    yield from (("POST", "/mw/v1/reports"), ("DELETE", "/mw/v1/reports/1"),
                ("DELETE", "/mw/v1/session"))


def test_what_changes_comes_from_own_pages(run, serve, models, tmp_path):
    """With a session's cookie alone, or from another site's page, no call changes anything."""
    record = tmp_path / "record"
    token = run("token", "create", "all", "--role", "admin", "--record", record).stdout.strip()
    server = serve(f"a={models.paths['plain']}", "--record", record, "--auth", "on")
    server.session.headers["Authorization"] = f"Bearer {token}"
    calls = list(changing(server))
    entered = server.post("/mw/v1/session", headers={"X-MW-CSRF": "1"})
    cookie = entered.headers["set-cookie"].split(";")[0]
    del server.session.headers["Authorization"]
    server.session.cookies.clear()
    own = {"Cookie": cookie, "X-MW-CSRF": "1"}
    cases = (({"Cookie": cookie}, 401),
             ({**own, "Origin": "https://evil.example"}, 403), ({**own, "Origin": "null"}, 403),
             ({**own, "Origin": f"http://evil.example:{server.port}"}, 403),
             ({**own, "Sec-Fetch-Site": "cross-site"}, 403),
             ({**own, "Sec-Fetch-Site": "same-site"}, 403))
    asks_nobody = re.compile("/(invocations|infer|feedback|repository/index|session)$|"
                             ":(predict|explain|counterfactual|interactions)$")
    assert len(calls) > 80
    for method, path in calls:
        for headers, status in cases:
            if status == 401 and asks_nobody.search(path):
                continue
            answer = server.session.request(method, server.url + path, headers=headers, timeout=20,
                                            data="{}")
            assert answer.status_code == status, (method, path, headers, answer.text)
    audit = [entry["action"] for entry in server.get("/mw/v1/audit", headers=own).json()["entries"]]
    assert audit == ["token.create"], audit
    # its own pages may, also behind a proxy with another name
    for name, headers in (("here", {"Origin": server.url}),
                          ("page", {"Sec-Fetch-Site": "same-origin"}),
                          ("proxy", {"Origin": "https://mw.example",
                                     "X-Forwarded-Host": "mw.example"})):
        answer = server.post("/mw/v1/users", headers={**own, **headers},
                             json={"name": name, "password": "correct horse"})
        assert answer.status_code in (200, 201), answer.text


def test_names_that_are_not_this_machines(serve, run, models, tmp_path):
    """Another site's name may be made to lead here; without logins it gets nothing."""
    ask = ["/mw/v1/overview", "/api/2.0/mlflow/experiments/get?experiment_id=0",
           "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "/mw/v1/alerts"]
    server = serve(f"a={models.paths['plain']}", "--record", tmp_path / "record")
    for path in ask:
        for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1.evil.example"):
            answer = server.get(path, headers={"Host": host})
            assert answer.status_code == 403 and "--allow-host" in answer.text, answer.text
        for host in ("localhost", f"127.0.0.1:{server.port}", "[::1]:1", "x.localhost:80"):
            assert server.get(path, headers={"Host": host}).status_code == 200, (path, host)
    changed = server.post("/mw/v1/silences", headers={"Host": "evil.example"}, json={})
    assert changed.status_code == 403
    for path in ("/v2/health/ready", "/metrics", "/ping", "/v2/models/a"):
        assert server.get(path, headers={"Host": "balancer"}).status_code == 200, path
    server = serve(f"a={models.paths['plain']}", "--record", tmp_path / "other", "--allow-host",
                   "mw.example, *.internal")
    for host, status in (("mw.example:443", 200), ("eu.internal", 200), ("internal", 403)):
        assert server.get(ask[0], headers={"Host": host}).status_code == status
    token = run("token", "create", "t", "--role", "admin", "--record", tmp_path / "third").stdout
    server = serve(f"a={models.paths['plain']}", "--record", tmp_path / "third", "--auth", "on")
    who = {"Authorization": f"Bearer {token.strip()}", "Host": "any.example"}
    assert server.get(ask[0], headers=who).status_code == 200  # the login guards it


def test_behind_a_prefix(serve, run, models):
    server = serve(f"a={models.paths['plain']}", "--base-path", "/models/eu")
    for path in ("/models/eu/mw/v1/overview", "/mw/v1/overview", "/models/eu/v2/models"):
        assert server.get(path).status_code == 200, path
    page = server.get("/models/eu/ui/endpoints/a").text
    if "This build has no pages" not in page:
        assert '<base href="/models/eu/ui/">' in page
        home = server.get("/models/eu/", headers={"Accept": "text/html"}, allow_redirects=False)
        assert home.headers["location"] == "/models/eu/ui/"
    for bad in ("models", "/models/", '/"><script>'):
        done = run("serve", f"a={models.paths['plain']}", "--base-path", bad, "--listen",
                   "127.0.0.1:0")
        assert done.returncode == 2 and "MW1005" in done.stderr, done.stderr


def test_files(alone):
    page = alone.get("/ui/endpoints/plain", headers={"Accept": "text/html"})
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]  # default-src 'self' holds
    assert "default-src 'self'" in page.headers["content-security-policy"]
    if "This build has no pages" in page.text:
        pytest.skip("built without Node")
    home = alone.get("/", headers={"Accept": "text/html,*/*"}, allow_redirects=False)
    assert home.status_code == 302 and home.headers["location"] == "/ui/"
    assert alone.get("/", headers={"Accept": "*/*"}, allow_redirects=False).status_code == 200
    name = next(part for part in page.text.split('"') if part.startswith("app-")
                and part.endswith(".js"))
    packed = alone.session.get(f"{alone.url}/ui/{name}", stream=True,
                               headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]
    plain = alone.get(f"/ui/{name}", headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(packed.raw.read()) == plain.content
    same = alone.get(f"/ui/{name}", headers={"If-None-Match": plain.headers["etag"]})
    assert same.status_code == 304 and not same.content
    assert alone.get("/ui/app-00000000.js").status_code == 404


def test_traffic_survives_a_restart(serve, models):
    """A week is a week: what was asked before the server began again is still told."""
    words = (f"a={models.paths['plain']}",)
    before = serve(*words)
    row = before.get("/mw/v1/endpoints/a").json()["columns"]
    row = {"dataframe_records": [{column["name"]: 0 for column in row}]}
    before.row = row
    ask(before, 30)
    ask(before, 4, body={"no": "rows"})
    stretch = "/mw/v1/endpoints/a/series?from={}&to={}&w={}"

    def totals(server, seconds):
        now = int(time.time())
        return server.get(stretch.format(now - seconds, now + 1, 96)).json()["totals"]
    assert until(lambda: totals(before, 900)["requests"] == 34)
    before.stop()
    after = serve(*words)
    after.row = row
    ask(after, 6)
    assert until(lambda: totals(after, 604800)["requests"] == 40), totals(after, 604800)
    found = totals(after, 604800)
    assert found["client_errors"] == 4 and found["ok"] == 36 and found["p99"] > 0
    assert 0 < found["sampled_seconds"] <= 2 * 3600
    now = int(time.time())
    series = after.get(stretch.format(now - 604800, now + 1, 96)).json()
    assert series["step"] == 3600 and series["series"]["requests"][0] is None
    assert sum(n or 0 for n in series["versions"]["0"]["requests"]) > 0  # of no version any more
    assert totals(after, 3600)["requests"] == 40  # by the minute, too
    month = after.get(stretch.format(now - 30 * 86400, now + 1, 300)).json()
    assert month["totals"]["requests"] == 40 and len(month["t"]) <= 601
