"""What MLflow's webhooks are told, by its own server and by ours: a receiver, and the scenario."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conftest import until
from mlflow.entities.webhook import WebhookEvent
from mlflow.webhooks.delivery import _generate_hmac_signature

SECRET = "a secret of ours \u00e9"
# what the server of a test seals them with: 32 bytes, as Fernet's generate_key writes them
KEY = "bWlsbHdyaWdodC1taWxsd3JpZ2h0LW1pbGx3cmlnaHQ="
EVENTS = ["registered_model.created", "model_version.created", "model_version_tag.set",
          "model_version_tag.deleted", "model_version_alias.created",
          "model_version_alias.deleted", "prompt.created", "prompt_version.created",
          "prompt_tag.set", "prompt_tag.deleted", "prompt_version_tag.set",
          "prompt_version_tag.deleted", "prompt_alias.created", "prompt_alias.deleted"]


class Receiver:
    """Keeps what is sent to it. A path /STATUS/STATUS/... is answered with these, one a time."""

    def __init__(self, port=0):
        got = self.got = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                before = sum(letter["path"] == self.path for letter in got)
                wanted = [int(part) for part in self.path.split("/") if part.isdigit()] or [200]
                got.append({"path": self.path, "headers": dict(self.headers), "body": body})
                self.send_response(wanted[min(before, len(wanted) - 1)])
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"heard")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def of(self, path):
        return [letter for letter in self.got if letter["path"].split("?")[0] == path]

    def wait(self, path, n, seconds=60):
        until(lambda: len(self.of(path)) >= n, seconds)
        return self.of(path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def said(letter):
    """What a letter tells; its time and signature are looked at, not told."""
    headers = {name.lower(): value for name, value in letter["headers"].items()}
    told = json.loads(letter["body"])
    assert told.pop("timestamp").endswith("+00:00"), letter
    assert headers["content-type"] == "application/json"
    assert len(headers["x-mlflow-delivery-id"]) == 36
    if "x-mlflow-signature" in headers:
        assert headers["x-mlflow-signature"] == _generate_hmac_signature(
            SECRET, headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"],
            letter["body"].decode()), letter
    return {**told, "signed": "x-mlflow-signature" in headers}


def shown(hook):
    return {"name": hook.name, "url": hook.url.split("/")[-1], "description": hook.description,
            "status": str(hook.status), "secret": hook.secret, "id": len(hook.webhook_id),
            "events": sorted(map(str, hook.events))}


def changes_of_models(client):
    client.create_registered_model("hooked", tags={"a": "b"}, description="a model")
    client.create_registered_model("bare")
    run = client.create_run("0")
    version = client.create_model_version("hooked", run.info.artifact_uri + "/m", run.info.run_id,
                                          tags={"k": "v"}, description="one").version
    client.create_model_version("bare", "s3://elsewhere/m")
    client.set_model_version_tag("hooked", version, "t\u00e9", "1")
    client.delete_model_version_tag("hooked", version, "t\u00e9")
    client.set_registered_model_tag("hooked", "nothing", "is told of it")
    client.set_registered_model_alias("hooked", "champion", version)
    client.delete_registered_model_alias("hooked", "champion")


def changes_of_prompts(client):
    client.register_prompt("asked", "Say {{this}}", commit_message="first", tags={"p": "q"})
    client.set_prompt_tag("asked", "x", "y")
    client.delete_prompt_tag("asked", "x")
    client.set_prompt_version_tag("asked", "1", "v", "w")
    client.delete_prompt_version_tag("asked", "1", "v")
    client.set_prompt_alias("asked", "live", 1)
    client.delete_prompt_alias("asked", "live")


def webhooks(walk):
    client, step, receiver = walk.client, walk.step, Receiver()

    def make(name, path, events, **more):
        return client.create_webhook(name, receiver.url + path, events, **more)

    def shown_all(**more):
        return [shown(hook) for hook in client.list_webhooks(**more)]
    hook = make("all", "/all", EVENTS, secret=SECRET, description="hears all")
    step("made", lambda: shown(hook))
    step("same name", lambda: shown(make("all", "/twice", ["prompt.created"])))
    step("unsigned", lambda: shown(make("few", "/few", ["model_version.created"])))
    off = make("off", "/off", EVENTS, status="DISABLED")
    for name in ("", " ", "-a", "a-", "a b", "x" * 63, "x" * 64, "a.b_c-d9"):
        step(f"name {name}", lambda name=name: shown(make(name, "/named", ["prompt.created"],
                                                          status="DISABLED")))
    for url in ("", " ", "ftp://a.example/x", "a.example", "http://", "mailto:a@b.example"):
        step(f"url {url}", lambda url=url: client.create_webhook("u", url, ["prompt.created"]))
    step("no events", lambda: client.create_webhook("n", receiver.url, []))
    for asked in (0, 2, 1001):
        step(f"list {asked}", lambda asked=asked: len(client.list_webhooks(max_results=asked)))
    page = client.list_webhooks(max_results=2)
    step("next page", lambda: len(client.list_webhooks(max_results=1000, page_token=page.token)))
    step("get", lambda: shown(client.get_webhook(hook.webhook_id)))
    step("unknown", lambda: client.get_webhook("none"))
    step("update unknown", lambda: client.update_webhook("none", name="x"))
    step("bad update", lambda: client.update_webhook(off.webhook_id, name="-"))
    step("update", lambda: shown(client.update_webhook(
        off.webhook_id, name="renamed", url=receiver.url + "/other", description="other",
        events=["prompt.created", "prompt_tag.set"])))
    step("no description", lambda: shown(client.update_webhook(off.webhook_id, description="")))
    changes_of_models(client)
    changes_of_prompts(client)
    letters = receiver.wait("/all", 17)
    step("told", lambda: sorted(map(said, letters), key=lambda told: json.dumps(told)))
    step("few are told", lambda: sorted(map(said, receiver.wait("/few", 2)), key=str))
    for event in (None, "prompt_tag.set"):  # the others: test_mlflow_webhooks.py
        result = client.test_webhook(hook.webhook_id, event and WebhookEvent.from_str(event))
        step(f"test {event}", lambda: (result.success, result.response_status,
                                       result.response_body, result.error_message))
        told = said(receiver.of("/all")[-1])
        step(f"example {event}", lambda told=told: told)
    step("signed no more", lambda: shown(client.update_webhook(hook.webhook_id, secret="")))
    client.test_webhook(hook.webhook_id)
    step("unsigned test", lambda: said(receiver.of("/all")[-1])["signed"])
    refusing = make("refusing", "/404", ["prompt.created"])
    result = client.test_webhook(refusing.webhook_id)
    step("refused", lambda: (result.success, result.response_status, result.response_body))
    step("disabled", lambda: [len(receiver.of(path)) for path in ("/off", "/other")])
    step("delete", lambda: client.delete_webhook(hook.webhook_id))
    step("deleted", lambda: client.get_webhook(hook.webhook_id))
    step("delete again", lambda: client.delete_webhook(hook.webhook_id))
    step("left", lambda: sorted(hook["name"] for hook in shown_all()))
    for hook in client.list_webhooks():
        client.delete_webhook(hook.webhook_id)
    receiver.close()
