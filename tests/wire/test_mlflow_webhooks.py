"""Webhooks of the record: how they are sent, to whom, and what is kept of their secrets. What they
tell is compared with MLflow's own server in test_mlflow_tracking.py."""
import os
import stat

import pytest
import requests
from conftest import until

pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities.webhook import WebhookEvent  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.webhooks.types import get_example_payload_for_event  # noqa: E402
from mlflow_webhooks import EVENTS, KEY, SECRET, Receiver, said  # noqa: E402

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
CREATED = ["registered_model.created"]


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def keyless(monkeypatch):
    monkeypatch.delenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", raising=False)


def names(letters):
    return [said(letter)["data"]["name"] for letter in letters]


def test_tried_again_and_in_order(serve, receiver):
    server = serve("--record", "record", "--webhooks", "any")
    client = MlflowClient(server.url)
    for path in ("/503/200", "/404", "/302", "/200?b"):
        client.create_webhook("w", receiver.url + path, CREATED)
    client.create_registered_model("first")
    client.create_registered_model("second")
    assert names(receiver.wait("/503/200", 3)) == ["first", "first", "second"]
    tries = [letter["headers"]["X-MLflow-Delivery-Id"] for letter in receiver.of("/503/200")]
    assert tries[0] == tries[1] != tries[2]
    for path in ("/404", "/302", "/200"):  # an answer, whatever it is: no second try
        assert names(receiver.wait(path, 2)) == ["first", "second"]
    counted = ["mw_webhook_letters_taken_total", "mw_webhook_letters_dropped_total"]
    until(lambda: [server.samples()[name] for name in counted] == [4, 4])


def test_examples(serve, receiver):
    """What a test of a webhook tells is what MLflow says that it does."""
    client = MlflowClient(serve("--record", "record", "--webhooks", "any").url)
    hook = client.create_webhook("w", receiver.url + "/x", CREATED)
    for text in (*EVENTS, "budget_policy.exceeded"):
        event = WebhookEvent.from_str(text)
        assert client.test_webhook(hook.webhook_id, event).success
        told = said(receiver.of("/x")[-1])
        assert f"{told['entity']}.{told['action']}" == text
        assert told["data"] == get_example_payload_for_event(event)


def test_survives_kill(serve, receiver):
    """A letter is in the transaction of its change."""
    server = serve("--record", "record", "--webhooks", "any")
    client = MlflowClient(server.url)
    port = receiver.server.server_port
    receiver.close()
    client.create_webhook("w", receiver.url + "/x", CREATED, secret=SECRET)
    client.create_registered_model("kept")
    server.process.kill()
    server.process.wait()
    again = Receiver(port)
    serve("--record", "record", "--webhooks", "any")
    letter = again.wait("/x", 1)[0]
    again.close()
    assert said(letter)["data"]["name"] == "kept" and said(letter)["signed"]


def test_private_addresses(serve, receiver):
    """What the server may not ask is refused when it is named, and when it is to be asked."""
    server = serve("--record", "record", "--webhooks", "any")
    hook = MlflowClient(server.url).create_webhook("w", receiver.url, CREATED)
    server.stop()
    client = MlflowClient(serve("--record", "record").url)
    for url in (receiver.url, "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x",
                "https://[::ffff:10.0.0.1]/x", "https://169.254.169.254/latest", "https://0/x",
                "https://2130706433/x", "unix:/tmp/x", "https://user@127.0.0.1/x"):
        with pytest.raises(MlflowException) as caught:
            client.create_webhook("w", url, CREATED)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", url
    result = client.test_webhook(hook.webhook_id)
    assert not result.success and "https" in result.error_message
    client.create_registered_model("m")
    assert not receiver.got


def test_off(serve, receiver):
    server = serve("--record", "record", "--webhooks", "off")
    answer = server.post("/api/2.0/mlflow/webhooks", json={
        "name": "w", "url": receiver.url, "events": [{"entity": "PROMPT", "action": "CREATED"}]})
    assert answer.status_code == 501 and "--webhooks public" in answer.json()["message"]
    assert server.get("/api/2.0/mlflow/webhooks").json() == {}


def test_secrets_are_kept(serve, receiver, run, tmp_path):
    """Sealed in the record, under a key that no backup holds; told to nobody."""
    arguments = ("--record", tmp_path / "record", "--webhooks", "any")
    server = serve(*arguments)
    client = MlflowClient(server.url)
    hook = client.create_webhook("w", receiver.url + "/x", CREATED, secret=SECRET)
    shown = requests.get(f"{server.url}/api/2.0/mlflow/webhooks/{hook.webhook_id}", timeout=20).text
    key = tmp_path / "record/webhooks.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and key.stat().st_size == 32
    done = run("server", "backup", "--record", tmp_path / "record", "-o", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    server.stop()
    held = [path for path in tmp_path.rglob("*") if path.is_file()
            if SECRET.encode() in path.read_bytes()]
    assert not held and SECRET not in shown + server.said()
    assert not list((tmp_path / "copy").rglob("webhooks.key"))
    key.unlink()
    client = MlflowClient(serve(*arguments).url)
    result = client.test_webhook(hook.webhook_id)
    assert not result.success and "webhooks' secrets" in result.error_message
    assert client.update_webhook(hook.webhook_id, secret=SECRET).name == "w"  # a new key is made
    assert client.test_webhook(hook.webhook_id).success
    assert said(receiver.of("/x")[-1])["signed"]


def test_a_key_of_all_servers(serve, receiver):
    arguments = ("--record", "record", "--webhooks", "any")
    server = serve(*arguments, MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=KEY)
    hook = MlflowClient(server.url).create_webhook("w", receiver.url + "/x", CREATED,
                                                   secret=SECRET)
    assert MlflowClient(server.url).test_webhook(hook.webhook_id).success
    server.stop()
    client = MlflowClient(serve(
        *arguments, MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=KEY.replace("b", "c", 1)).url)
    result = client.test_webhook(hook.webhook_id)
    assert not result.success and "under another key" in result.error_message


def test_bad_requests(serve, receiver):
    url = serve("--record", "record", "--webhooks", "any").url + "/api/2.0/mlflow/webhooks"

    def refused(status, **body):
        answer = requests.post(url, json={"name": "w", "url": receiver.url, **body}, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()["message"]
    assert "model_version.set" in refused(400, events=[
        {"entity": "MODEL_VERSION", "action": "SET"}])
    assert "entity_unspecified" in refused(400, events=[{"action": "SET"}])
    refused(400, events=[])
    refused(400)
    refused(400, events="all")
    refused(400, events=[{"entity": "PROMPT", "action": "CREATED"}], secret="x" * 1001)
    refused(400, events=[{"entity": "PROMPT", "action": "CREATED"}], description="x" * 1001)
    refused(400, events=[{"entity": "PROMPT", "action": "CREATED"}],
            url="https://a.example/" + "x" * 500)
    refused(400, events=[{"entity": "PROMPT", "action": "CREATED"}], url="http://a\r\nb: c/")
    for path in ("/x\r\nX-Evil: 1", "/a b", "/\u00e9", "/x\0y"):  # it would stand in the request
        said = refused(400, events=[{"entity": "PROMPT", "action": "CREATED"}],
                       url=receiver.url + path)
        assert "address" in said or "NUL" in said, said
