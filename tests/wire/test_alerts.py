"""Alerts as their receivers get them: a webhook that verifies, one that fails, hangs or is away,
kill -9 between due and delivered."""

import base64
import email
import email.policy
import hmac
import http.server
import json
import queue
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import numpy
import pytest
import requests

from conftest import BINARY, until

SECRET = "not-a-secret"


class Receiver:
    """A web server that keeps what it is sent. `answers`: status codes in order, the last one for
    ever; a number above 999 is a wait in ms first."""

    def __init__(self, port=0, answers=(200,)):
        self.calls, self.answers = queue.Queue(), list(answers)
        self.arrivals = queue.Queue()  # paths, before they are answered
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.arrivals.put(self.path)
                status = (
                    receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                )
                if status > 999:
                    time.sleep(status / 1000)
                    status = 200
                receiver.calls.put((time.time(), self.path, dict(self.headers), body, status))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, seconds=15, status=200):
        """The next call that was answered so."""
        end = time.monotonic() + seconds
        while True:
            call = self.calls.get(timeout=max(0.01, end - time.monotonic()))
            if call[4] == status:
                return call

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = []

    def make(**options):
        made.append(Receiver(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def alerting(serve, models, tmp_path):
    """A server with these receivers and rules; `busy` fires when rows come."""

    def start(receivers, rules=(), more=None, **environment):
        busy = {
            "name": "Busy",
            "when": "sum by (endpoint) (increase(mw_rows_total[3s])) > 2",
            "severity": "critical",
            "summary": "{endpoint} had {value} rows",
            "evidence": ["mw_rows_total"],
        }
        config = tmp_path / "alerts.yaml"
        config.write_text(
            json.dumps(
                {
                    "alerts": {
                        "receivers": receivers,
                        "rules": [busy, *rules],
                        "group_interval": "1s",
                        **(more or {}),
                    }
                }
            )
        )
        return serve(
            f"plain={models.paths['plain']}", "--config", config, HOOK_SECRET=SECRET, **environment
        )

    return start


ROW = {"income": 30000.0, "debt": 3000.0, "age": 40.0, "late": 1.0}


def rows(server, n=5, **changed):
    """Prediction requests of one row each."""
    for _ in range(n):
        answer = server.post("/invocations", json={"dataframe_records": [{**ROW, **changed}]})
        assert answer.status_code == 200, answer.text


def firing(server, **query):
    return server.get("/mw/v1/alerts", params={"state": "firing", **query}).json()["items"]


def test_webhook_from_firing_to_resolved(alerting, receiver):
    hook = receiver()
    server = alerting(
        [
            {
                "name": "hook",
                "kind": "webhook",
                "url": hook.url + "/x?y=1",
                "secret_env": "HOOK_SECRET",
            }
        ]
    )
    began = time.time()
    rows(server)
    at, path, headers, body, _ = hook.take()
    assert at - began < 2 and path == "/x?y=1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == "v1," + expected
    assert (
        headers["X-Hub-Signature-256"]
        == "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    )
    notice = json.loads(body)
    assert notice["status"] == "firing" and notice["key"] == headers["Idempotency-Key"]
    (alert,) = notice["alerts"]
    assert (alert["rule"], alert["endpoint"], alert["severity"]) == ("Busy", "plain", "critical")
    assert alert["labels"] == {"alertname": "Busy", "endpoint": "plain", "severity": "critical"}
    assert alert["summary"] == f"plain had {alert['value']:.4g} rows"
    assert alert["links"]["page"] == f"{server.url}/ui/endpoints/plain"
    assert alert["evidence"][0]["values"]["mw_rows_total"] >= 3
    assert firing(server)[0]["fingerprint"] == alert["fingerprint"]
    _, _, _, body, _ = hook.take()
    ended = json.loads(body)
    assert ended["status"] == "resolved" and ended["alerts"][0]["id"] == alert["id"]
    listed = server.get("/mw/v1/alerts").json()
    assert (
        listed["total"] == 1
        and listed["items"][0]["state"] == "resolved"
        and listed["next_cursor"] is None
    )
    assert SECRET not in server.said()
    assert SECRET.encode() not in b"".join(
        file.read_bytes() for file in server.log.parent.glob("data/alerts.db*")
    )


def test_kill_between_due_and_delivered(alerting, receiver):
    away = receiver()
    port = away.port
    away.close()
    hooks = [{"name": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{port}"}]
    server = alerting(hooks)
    rows(server)
    (alert,) = until(lambda: firing(server))
    until(lambda: server.get("/mw/v1/receivers").json()["items"][0]["failed"])
    server.signal(signal.SIGKILL)
    server.process.wait()
    back = receiver(port=port)
    alerting(hooks)
    notice = json.loads(back.take(30)[3])
    assert (
        notice["status"] == "firing" and notice["alerts"][0]["fingerprint"] == alert["fingerprint"]
    )


def test_receiver_that_fails_and_one_that_hangs(alerting, receiver):
    failing, hanging, good = receiver(answers=[500, 503, 200]), receiver(answers=[4000]), receiver()
    server = alerting(
        [
            {"name": "failing", "kind": "webhook", "url": failing.url},
            {"name": "hanging", "kind": "webhook", "url": hanging.url, "timeout": "300ms"},
            {"name": "good", "kind": "webhook", "url": good.url},
        ]
    )
    began = time.time()
    rows(server)
    assert good.take()[0] - began < 2  # nobody waits for the others
    first = failing.take(status=500)
    assert failing.take(status=200)[2]["Idempotency-Key"] == first[2]["Idempotency-Key"]
    states = {one["name"]: one for one in server.get("/mw/v1/receivers").json()["items"]}
    assert (
        states["good"]["delivered"] >= 1
        and "no answer within 300 ms" in states["hanging"]["last_error"]
    )
    samples = server.samples()
    assert samples['mw_alert_outbox{receiver="hanging"}'] >= 1
    assert samples['mw_alert_deliveries_total{receiver="failing",result="failed"}'] == 2


def test_silence_acknowledge_and_match(alerting, receiver):
    hook, other = receiver(), receiver()
    server = alerting(
        [
            {"name": "hook", "kind": "webhook", "url": hook.url},
            {"name": "other", "kind": "webhook", "url": other.url, "match": 'severity="info"'},
        ]
    )
    silence = server.post(
        "/mw/v1/silences", json={"match": 'endpoint="plain"', "seconds": 3600, "why": "a test"}
    )
    assert (
        silence.status_code == 200
        and silence.json()["active"]
        and silence.json()["by"] == "anonymous"
    )
    rows(server)
    (alert,) = until(lambda: firing(server))
    assert alert["silenced"]
    with pytest.raises(queue.Empty):
        hook.take(1.2)
    assert (
        server.session.delete(f"{server.url}/mw/v1/silences/{silence.json()['id']}").status_code
        == 200
    )
    rows(server)
    assert (
        json.loads(hook.take()[3])["status"] == "firing"
    )  # what was silenced and still fires is told then
    seen = server.post(f"/mw/v1/alerts/{alert['fingerprint']}:ack", json={"why": "on it"})
    assert seen.json()["acknowledged"]["why"] == "on it"
    assert other.calls.empty()
    for path, body, status in (
        ("/mw/v1/alerts/ffff:ack", {}, 404),
        ("/mw/v1/silences", {"match": "endpoint=plain", "seconds": 9}, 400),
        ("/mw/v1/silences", {"match": "", "seconds": 9}, 400),
        ("/mw/v1/silences", {"match": 'a="b"'}, 400),
    ):
        answer = server.post(path, json=body)
        assert answer.status_code == status and answer.json()["code"].startswith("MW"), (
            path,
            answer.text,
        )


def test_rules_over_the_api(alerting):
    server = alerting([], more={"defaults": False})
    assert [rule["name"] for rule in server.get("/mw/v1/rules").json()["items"]] == ["Busy"]
    ready = {"name": "Ready", "when": "mw_model_ready == 1", "severity": "info"}
    assert server.post("/mw/v1/rules:test", json=ready).json()["holds_for"] == [
        {"labels": {"endpoint": "plain"}, "value": 1.0}
    ]
    assert server.post("/mw/v1/rules", json=ready).json()["origin"] == "api"
    until(lambda: firing(server, rule="Ready"))
    refused = server.post("/mw/v1/rules", json={"name": "Bad", "when": "mw_model_ready >> 1"})
    assert refused.status_code == 400 and refused.json()["where"].startswith("rule:1:")
    assert server.session.delete(server.url + "/mw/v1/rules/Ready").json() == {"removed": "Ready"}
    until(lambda: not firing(server, rule="Ready"))
    ended = server.get("/mw/v1/alerts", params={"rule": "Ready"}).json()["items"][0]
    assert ended["ended"] == "its rule was changed or removed"
    assert server.session.delete(server.url + "/mw/v1/rules/Busy").status_code == 404


def test_every_kind_over_http(alerting, receiver, run):
    """Slack, CloudEvents and what goes to Alertmanager; `mw alert test` and `list`."""
    hook = receiver()
    server = alerting(
        [
            {"name": "chat", "kind": "slack", "url_env": "CHAT"},
            {
                "name": "events",
                "kind": "cloudevents",
                "url": hook.url + "/events",
                "secret_env": "HOOK_SECRET",
                "token_env": "TOKEN",
                "headers": ["X-Team: risk"],
            },
            {"name": "am", "kind": "alertmanager", "url": hook.url},
        ],
        CHAT=hook.url + "/chat/s3cr3t",
        TOKEN="a-token",
    )
    done = run("alert", "test", "--server", server.url)
    assert done.returncode == 0 and "3 receivers" in done.stdout, done.stderr
    calls = {}
    while len(calls) < 3:
        _, path, headers, body, _ = hook.take()
        calls[path] = headers, json.loads(body)
    headers, event = calls["/events"]
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert headers["Authorization"] == "Bearer a-token" and headers["X-Team"] == "risk"
    assert (event["specversion"], event["type"]) == ("1.0", "io.millwright.alert.test")
    assert event["id"] == headers["webhook-id"] and event["data"]["status"] == "test"
    _, chat = calls["/chat/s3cr3t"]
    assert chat["text"].startswith("[TEST] MillwrightTest") and len(chat["attachments"]) == 1
    _, posted = calls["/api/v2/alerts"]
    assert posted[0]["labels"]["alertname"] == "MillwrightTest"
    for secret in ("s3cr3t", "a-token"):
        assert secret not in server.said() + json.dumps(server.get("/mw/v1/receivers").json())
    rows(server)
    until(lambda: firing(server))
    listed = run("alert", "list", "--state", "firing", "--server", server.url).stdout
    assert (
        listed.startswith("firing\tcritical\tBusy\tplain\t") and "how sure: it has held" in listed
    )
    silence = run(
        "alert",
        "silence",
        'endpoint="plain"',
        "--for",
        "1h",
        "--why",
        "a test",
        "--server",
        server.url,
    )
    assert silence.returncode == 0 and "\tactive\tendpoint=" in silence.stdout, silence.stderr
    assert "silenced" in run("alert", "list", "--server", server.url).stdout
    assert run("alert", "unsilence", "1", "--server", server.url).stdout == "ended\n"
    assert run("alert", "unsilence", "1", "--server", server.url).returncode == 3
    seen = run("alert", "ack", "1", "--why", "on it", "--server", server.url).stdout
    assert "seen by:  anonymous on it" in seen
    assert "- name: Busy\n" in run("alert", "rules", "list", "--server", server.url).stdout


def test_rules_check(run, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("alerts:\n  rules:\n    - name: A\n      when: rate(x[5m) > 1\n")
    done = run("alert", "rules", "check", path)
    assert done.returncode == 2 and ":4:22" in done.stderr and "MW8601" in done.stderr
    assert "   4 |       when: rate(x[5m) > 1" in done.stderr
    served = run("serve", "--config", path, "nothing.json")
    assert served.returncode == 2 and ":4:22" in served.stderr
    path.write_text("- name: A\n  when: rate(x[5m]) > 1\n")
    assert run("alert", "rules", "check", path).stdout.endswith("1 rule, 0 receivers\n")


def test_exec(alerting, tmp_path):
    """The JSON on standard input, no shell; one that fails is tried again, one that hangs is
    killed."""
    script, out = tmp_path / "page", tmp_path / "out"
    script.write_text(
        "#!/bin/sh\n[ -e $1.once ] || { touch $1.once; exit 3; }\n"
        'cat > $1.part; echo "$2 $MW_ALERT_KEY ${HOOK_SECRET:-none}" >> $1.part; mv $1.part $1\n'
    )
    script.chmod(0o755)
    server = alerting(
        [
            {"name": "page", "kind": "exec", "command": [str(script), str(out), "$(id) ;x"]},
            {"name": "hangs", "kind": "exec", "command": ["sleep", "60"], "timeout": "200ms"},
        ]
    )
    rows(server)
    until(out.exists)
    body, end = out.read_text().rsplit("}", 1)
    notice = json.loads(body + "}")
    assert end.split() == ["$(id)", ";x", notice["key"], "none"]
    errors = until(
        lambda: [
            r["last_error"]
            for r in server.get("/mw/v1/receivers").json()["items"]
            if r["name"] == "hangs" and r["failed"]
        ]
    )
    assert "killed" in errors[0]


class MailServer:
    """As much of SMTP as a client needs."""

    def __init__(self, refuse=0):
        self.mails, self.refuse = queue.Queue(), refuse
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as file:
                self.talk(file)

    def talk(self, file):
        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        say("220 test")
        mail = {"to": []}
        while line := file.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("EHLO"):
                say("250 test")
            elif verb.startswith("MAIL") and self.refuse:
                self.refuse -= 1
                say("451 later")
            elif verb.startswith("RCPT"):
                mail["to"].append(line[8:].strip("<>"))
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (line := file.readline()) != b".\r\n":
                    lines.append(line)
                mail["text"] = b"".join(lines)
                self.mails.put(mail)
                say("250 ok")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


def test_mail(alerting):
    post = MailServer(refuse=1)
    server = alerting(
        [
            {
                "name": "mail",
                "kind": "email",
                "url": f"smtp://127.0.0.1:{post.port}",
                "require_tls": False,
                "from": "mw@example.org",
                "to": ["ops@example.org", "risk@example.org"],
            }
        ]
    )
    rows(server)
    mail = post.mails.get(timeout=20)
    assert mail["to"] == ["ops@example.org", "risk@example.org"]
    message = email.message_from_bytes(mail["text"], policy=email.policy.default)
    assert message["Subject"].startswith("[FIRING] Busy plain: plain had ")
    assert message["From"] == "mw@example.org" and message["Message-ID"].endswith("@example.org>")
    assert "what:     plain had" in message.get_content()
    post.listener.close()


ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@pytest.mark.skipif(
    not ALERTMANAGER, reason="no Alertmanager (apt install prometheus-alertmanager)"
)
def test_alertmanager(alerting, tmp_path):
    """The real one: it takes what is sent, shows its annotations, and hears of the end."""
    config, port = tmp_path / "am.yml", free_port()
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    manager = subprocess.Popen(
        [
            ALERTMANAGER,
            f"--config.file={config}",
            f"--storage.path={tmp_path}/am",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        server = alerting([{"name": "am", "kind": "alertmanager", "url": url}])
        rows(server)

        def known(**query):
            try:
                return requests.get(url + "/api/v2/alerts", params=query, timeout=5).json()
            except requests.ConnectionError:
                return None

        (alert,) = until(known, 30)
        assert alert["labels"] == {"alertname": "Busy", "endpoint": "plain", "severity": "critical"}
        assert alert["annotations"]["summary"].startswith("plain had")
        assert alert["generatorURL"] == f"{server.url}/ui/endpoints/plain"
        assert alert["startsAt"] == firing_or_over(server)[0]["fired"]
        until(lambda: known() == [], 30)  # it has ended there, too
        assert server.get("/mw/v1/receivers").json()["items"][0]["last_error"] == ""
    finally:
        manager.terminate()
        manager.wait()


def firing_or_over(server):
    return server.get("/mw/v1/alerts").json()["items"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_drift_is_told_with_its_features(alerting, receiver):
    """From the first drifted row: what the test needs, and two seconds at most."""
    hook = receiver()
    server = alerting(
        [{"name": "hook", "kind": "webhook", "url": hook.url, "match": 'alertname=~".*Drift"'}]
    )
    random = numpy.random.default_rng(7)

    def send(n, income):
        frame = [
            {**ROW, "income": float(v), "age": float(random.integers(20, 70))}
            for v in random.normal(income, 3000, n)
        ]
        for i in range(0, n, 250):
            assert (
                server.post(
                    "/invocations", json={"dataframe_records": frame[i : i + 250]}
                ).status_code
                == 200
            )

    send(3000, 30000)
    until(lambda: server.get("/drift").json()["endpoints"][0]["state"] == "watching")
    send(2000, 60000)

    def is_drifted():
        return any(
            v
            for k, v in server.samples().items()
            if k.startswith("mw_drift_drifted") and "income" in k
        )

    until(is_drifted, 20)
    drifted = time.time()
    at, _, _, body, _ = hook.take(20)
    assert at - drifted < 2
    notice = json.loads(body)
    alert = next(a for a in notice["alerts"] if a["rule"] == "InputDrift")
    assert alert["evidence"][0]["labels"] == {"feature": "income"}
    assert alert["evidence"][0]["values"]["mw_drift_psi_since"] > 0.2
    assert alert["how_sure"]["log_e_value"] > 3 and alert["how_sure"]["rows"] > 0
    assert "however often one looks" in alert["how_sure"]["text"] and alert["what_to_do"]
    assert alert["since"] < alert["fired"]


def test_servers_of_one_folder_tell_once(alerting, receiver):
    hook = receiver()
    hooks = [{"name": "hook", "kind": "webhook", "url": hook.url}]
    one, other = alerting(hooks), alerting(hooks)
    for server in (one, other):
        rows(server)
    until(lambda: firing(one))
    until(lambda: firing(other))
    told = []
    with pytest.raises(queue.Empty):
        while True:  # a resolved alert is told within its three seconds
            notice = json.loads(hook.take(5 if len(told) < 2 else 1.5)[3])
            told += [(alert["id"], alert["state"]) for alert in notice["alerts"]]
    # on a slow machine the one may be over before the other begins: then these are two alerts, each
    # of which is told once
    assert len(told) == len(set(told))
    assert {state for _, state in told} == {"firing", "resolved"}
    items = one.get("/mw/v1/alerts").json()["items"]
    kept = sorted((a for a in items if a["rule"] == "Busy"), key=lambda alert: alert["since"])
    assert {alert["id"] for alert in kept} == {alert for alert, _ in told}
    for before, after in zip(kept, kept[1:]):
        assert before["resolved"] <= after["since"]


def test_who_may(serve, models, tmp_path, run):
    """With --auth on a viewer reads, a deployer silences, and the audit log has his name."""
    record = tmp_path / "record"
    tokens = {}
    for name, role, *scope in (("viewer", "viewer"), ("deployer", "deployer"),
                               ("one", "viewer", "--endpoint", "plain"),
                               ("none", "viewer", "--endpoint", "gone")):
        done = run("token", "create", name, "--role", role, *scope, "--record", record, "--json")
        assert done.returncode == 0, done.stderr
        tokens[name] = json.loads(done.stdout)["token"]
    server = serve(f"plain={models.paths['plain']}", f"other={models.paths['plain']}",
                   "--record", record, "--auth", "on")
    body = {"match": 'endpoint="plain"', "seconds": 60, "why": "known"}

    def ask(method, path, role=None, **more):
        headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
        return server.session.request(
            method, server.url + path, headers=headers, timeout=20, **more
        )

    assert ask("GET", "/mw/v1/alerts").status_code == 401
    assert ask("GET", "/mw/v1/alerts", "viewer").json()["total"] == 0
    assert ask("POST", "/mw/v1/silences", "viewer", json=body).status_code == 403
    assert ask("POST", "/mw/v1/silences", "deployer", json=body).json()["by"] == "token:deployer"
    assert ask("GET", "/mw/v1/alerts?state=odd", "viewer").status_code == 400
    for rule in ({"name": "Ready", "for": "0s"}, {"name": "Later", "for": "1h"}):
        rule |= {"when": "mw_model_ready == 1", "severity": "info"}
        assert ask("POST", "/mw/v1/rules", "deployer", json=rule).status_code == 200

    def seen(who, query=""):
        return ask("GET", f"/mw/v1/alerts{query}", who).json()
    until(lambda: seen("viewer")["total"] == 4)
    for who, endpoints in (("one", {"plain"}), ("none", set())):  # of his endpoints, no others
        page = seen(who)
        assert {alert["endpoint"] for alert in page["items"]} == endpoints
        assert page["total"] == len(page["items"]) == 2 * len(endpoints)
        assert seen(who, "?endpoint=other")["total"] == 0
    for alert in seen("viewer")["items"]:  # what is pending has no number yet
        assert alert["fingerprint"] and ("id" in alert) == (alert["state"] == "firing")
        if alert["state"] == "firing":
            may = alert["endpoint"] == "plain"
            got = ask("GET", f"/mw/v1/alerts/{alert['id']}", "one").status_code
            assert got == (200 if may else 404)
    assert ask("PUT", "/mw/v1/silences", "deployer").headers["Allow"] == "OPTIONS, GET, POST"
    listed = run("audit", "list", "--record", record, "--what", "silence").stdout
    assert "silence.add" in listed and "token:deployer" in listed


def both_sinks(post, hook):
    """A mailbox and a webhook."""
    mail = {
        "name": "mail",
        "kind": "email",
        "url": f"smtp://127.0.0.1:{post.port}",
        "require_tls": False,
        "from": "mw@example.org",
        "to": ["risk@example.org"],
    }
    never = 'alertname="Nobody"'
    return [
        {**mail, "match": never},
        {"name": "hook", "kind": "webhook", "url": hook.url, "match": never},
    ]


def taken(post, hook):
    """What came by mail, by webhook: (subject, text, file name, file), the webhook's JSON."""
    mail = post.mails.get(timeout=20)["text"]
    message = email.message_from_bytes(mail, policy=email.policy.default)
    text, page = message.iter_parts()
    assert text.get_content_type() == "text/plain" and page.get_content_type() == "text/html"
    assert page.get_content_disposition() == "attachment"
    told = json.loads(hook.take()[3])
    words = (message["Subject"], text.get_content(), page.get_filename())
    return *words, page.get_content().replace("\r\n", "\n"), told


def test_a_report_goes_by_mail_and_webhook(alerting, receiver, tmp_path):
    """One file: what the server keeps, mail has attached, a webhook carries and --output gets."""
    post, hook = MailServer(refuse=1), receiver(answers=[503, 200])
    server = alerting(both_sinks(post, hook))
    rows(server)
    command = [BINARY, "report", "weekly", "plain", "--server", server.url]
    file = tmp_path / "week.html"
    done = subprocess.run(
        [*command, "--send", "mail,hook", "-o", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (kept,) = server.get("/mw/v1/reports").json()["items"]
    page = server.get(f"/mw/v1/reports/{kept['id']}").text
    subject, text, name, attached, told = taken(post, hook)
    report = told["report"]
    verdict = report["verdict"]
    assert verdict and f"{verdict}" in page.replace("&quot;", '"')
    assert subject == f"[REPORT] weekly plain: {verdict}" and name == "weekly-plain.html"
    assert text.startswith(verdict) and f"{server.url}/ui/reports/{kept['id']}" in text
    assert told["status"] == "report" and (report["kind"], report["of"]) == ("weekly", "plain")
    assert report["id"] == kept["id"] and report["url"].endswith(kept["id"])
    assert report["file"]["name"] == name and report["file"]["type"].startswith("text/html")
    assert page.startswith("<!doctype html>") and "What to look at" in page
    assert report["file"]["content"] == attached == file.read_text() == page
    for words, code, said in (
        (["--send", "nobody"], 1, "there is no receiver 'nobody'"),
        (["--send", "hook", "--format", "md"], 2, "what is sent is HTML"),
        (["--send", "hook", "--until", "2027-01-01"], 2, "--until is not for a report"),
    ):
        bad = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert bad.returncode != 0 and said in bad.stderr, (code, bad.stderr)
    unknown = server.post("/mw/v1/receivers/hook:send", json={"report": "1~weekly~plain"})
    assert unknown.status_code == 404 and unknown.json()["code"] == "MW3532"
    post.listener.close()


def test_a_card_goes_as_the_others_do(run, serve, receiver, tmp_path):
    """Of a version in the record of the server that makes it."""
    hook = receiver()
    server = serve("--record", tmp_path / "record", "--alerts", "on")
    for path, body in (("registered-models", {"name": "loans", "description": "who may borrow"}),
                       ("model-versions", {"name": "loans", "source": "s3://b/m"})):
        assert server.post(f"/api/2.0/mlflow/{path}/create", json=body).status_code == 200
    sink = {"name": "hook", "kind": "webhook", "url": hook.url}
    assert server.post("/mw/v1/receivers", json=sink).status_code in (200, 201)
    words = ["report", "card", "loans/1", "--server", server.url, "--send", "hook"]
    file = tmp_path / "card.html"
    done = run(*words, "-o", file)
    assert done.returncode == 0, done.stderr
    report = json.loads(hook.take()[3])["report"]
    assert (report["kind"], report["of"]) == ("card", "loans/1")
    (kept,) = server.get("/mw/v1/reports").json()["items"]
    assert (kept["of"], kept["id"].partition("~")[2]) == ("loans/1", "card~loans_1")
    assert kept["verdict"] == report["verdict"] and report["verdict"].startswith("No checks")
    assert report["file"]["name"] == "card-loans_1.html"
    assert "who may borrow" in report["file"]["content"]
    assert report["file"]["content"] == file.read_text()
    for more in (["--text", file], ["--results", file], ["--record", tmp_path / "record"]):
        bad = run(*words, *more)
        assert bad.returncode == 2 and f"{more[0]} is not for a report" in bad.stderr, bad.stderr
    gone = run("report", "card", "loans/9", "--server", server.url, "--send", "hook")
    assert gone.returncode == 3 and "version=9) not found" in gone.stderr, gone.stderr


def test_a_report_by_the_clock(alerting, receiver, tmp_path):
    """What was due while no server ran is made when one runs again, once."""
    post, hook = MailServer(), receiver()
    week = {"kind": "weekly", "of": "plain", "to": ["mail", "hook"], "on": "daily 00:00"}
    more = {"reports": [week, {**week, "of": "nobody", "to": ["hook"]}]}
    server = alerting(both_sinks(post, hook), more=more)

    def table():
        answer = server.get("/mw/v1/reports").json()["timetable"]
        return answer if all(one["last"] for one in answer) else None

    first, _ = until(table)
    assert first["done"] and first["time_zone"] == "UTC" and first["next"] > first["last"]
    assert post.mails.empty()  # its next moment is the first
    server.stop()
    book = sqlite3.connect(server.log.parent / "data/alerts.db")
    with book:
        book.execute("UPDATE sheets SET slot = slot - 86400000")  # as if it had been down at night
    book.close()
    server = alerting(both_sinks(post, hook), more=more)
    subject, _, _, attached, told = taken(post, hook)
    assert subject.startswith("[REPORT] weekly plain: ")
    assert told["report"]["file"]["content"] == attached
    listed = until(lambda: [one for one in table() if one["last_error"]])
    assert listed[0]["of"] == "nobody" and not listed[0]["done"]
    assert "there is no endpoint 'nobody'" in listed[0]["last_error"]
    assert [one["of"] for one in table() if one["done"]] == ["plain"]
    post.listener.close()
