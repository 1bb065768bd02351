"""Webhooks of one conversation over real HTTP: what fires them, what they carry, how they are signed and lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.sandbox.calls import Caller, eventually
from tests.sandbox.receiver import Receiver

PATH = "/v1/events/conversations?park=er_1&x=%20a"


def arrived(caller: Caller, kind: str = "web") -> str:
    sid: str = caller.told("POST", "/conversations", {"channel_type": kind, "body": "First"})["conversation_sid"]
    return sid


def hook(caller: Caller, sid: str, url: str, **more: str) -> str:
    wanted = {"Target": "webhook", "Configuration.Url": url, "Configuration.Filters": "onMessageAdded"}
    response = caller.post(f"/v1/Conversations/{sid}/Webhooks", {**wanted, **more})
    assert response.status_code == 201, response.text
    made: str = response.json()["sid"]
    return made


def write(caller: Caller, sid: str, body: str = "Hello?") -> None:
    caller.told("POST", f"/conversations/{sid}/messages", {"body": body})


def outcomes(caller: Caller) -> list[dict[str, Any]]:
    return [one for one in caller.log(kind="callback") if one["event_type"] == "onMessageAdded"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_signature_covers_the_whole_address(caller: Caller, receiver: Receiver, method: str) -> None:
    sid = arrived(caller)
    hook(caller, sid, receiver.url + PATH, **{"Configuration.Method": method})
    write(caller, sid)
    eventually(lambda: receiver.posted)
    posted = receiver.posted[0]
    validator: Any = RequestValidator(caller.info["auth_token"])  # type: ignore[no-untyped-call]
    signature = posted.headers["X-Twilio-Signature"]
    assert posted.path.startswith(PATH)
    assert ("EventType=onMessageAdded" in posted.path) is (method == "GET")
    assert validator.validate(receiver.url + posted.path, posted.form, signature)
    assert not validator.validate(f"{receiver.url}{posted.path}1", posted.form, signature)


def test_form_has_what_a_real_one_has(caller: Caller, receiver: Receiver, payloads_dir: Path) -> None:
    captured = json.loads((payloads_dir / "conversations" / "captured.onMessageAdded.0.json").read_text())
    sid = arrived(caller)
    made = hook(caller, sid, receiver.url)
    write(caller, sid)
    eventually(lambda: receiver.posted)
    form = receiver.posted[0].form
    assert set(form) == set(captured) - {"Media"} | {"Body"}  # that one is a picture
    assert (form["WebhookSid"], form["ConversationSid"], form["Body"], form["Index"]) == (made, sid, "Hello?", "1")
    assert (form["RetryCount"], form["WebhookType"], form["Source"]) == ("0", "webhook", "SDK")


@pytest.mark.parametrize(("kind", "source"), [("web", "SDK"), ("sms", "SMS"), ("whatsapp", "WHATSAPP")])
def test_source_says_where_it_was_written(caller: Caller, receiver: Receiver, kind: str, source: str) -> None:
    sid = arrived(caller, kind)
    hook(caller, sid, receiver.url)
    write(caller, sid)
    eventually(lambda: receiver.posted)
    form = receiver.posted[0].form
    assert (form["Source"], "ClientIdentity" in form) == (source, source == "SDK")


def test_api_message_fires_only_if_asked(caller: Caller, receiver: Receiver) -> None:
    sid = arrived(caller)
    hook(caller, sid, receiver.url)
    path, form = f"/v1/Conversations/{sid}/Messages", {"Author": "system", "Body": "Hi"}
    caller.post(path, form)
    caller.post(path, form, **{"X-Twilio-Webhook-Enabled": "false"})
    asked = caller.post(path, form, **{"X-Twilio-Webhook-Enabled": "true"}).json()["sid"]
    eventually(lambda: receiver.posted)
    assert [(one.form["MessageSid"], one.form["Source"]) for one in receiver.posted] == [(asked, "API")]


@pytest.mark.parametrize("fragment", ["", "#rc=5&rp=all"])
def test_failed_webhook_is_not_repeated(caller: Caller, receiver: Receiver, fragment: str) -> None:
    receiver.answers = lambda _: 503
    sid = arrived(caller)
    hook(caller, sid, f"{receiver.url}/hook{fragment}")
    write(caller, sid)
    eventually(lambda: outcomes(caller))
    assert [(one["outcome"], len(one["tries"])) for one in outcomes(caller)] == [("failed", 1)]
    assert [one.path for one in receiver.posted] == ["/hook"]


def test_callbacks_control_rules_webhooks_too(caller: Caller, receiver: Receiver) -> None:
    sid = arrived(caller)
    hook(caller, sid, receiver.url)
    for wanted in ({"lost": 1}, {"doubled": 1}, {"late_s": 0.2}, {}):
        caller.told("POST", "/callbacks", wanted)
        write(caller, sid, str(wanted))
    eventually(lambda: len(receiver.posted) == 4)
    assert sorted(one.form["Body"] for one in receiver.posted) == sorted(
        ["{'doubled': 1}", "{'doubled': 1}", "{'late_s': 0.2}", "{}"]
    )
    assert outcomes(caller)[0]["outcome"] == "lost"


def test_removed_webhook_is_silent(caller: Caller, receiver: Receiver) -> None:
    sid = arrived(caller)
    first, second = hook(caller, sid, f"{receiver.url}/first"), hook(caller, sid, f"{receiver.url}/second")
    assert caller.delete(f"/v1/Conversations/{sid}/Webhooks/{first}").status_code == 204
    write(caller, sid)
    eventually(lambda: receiver.posted)
    assert [one.form["WebhookSid"] for one in receiver.posted] == [second]
    assert caller.delete(f"/v1/Conversations/{sid}/Webhooks/{first}").status_code == 404
    assert caller.get(f"/v1/Conversations/{sid}/Webhooks/{first}").status_code == 404


def test_changed_webhook_goes_to_its_new_address(caller: Caller, receiver: Receiver) -> None:
    sid = arrived(caller)
    made = hook(caller, sid, f"{receiver.url}/old")
    told = caller.post(f"/v1/Conversations/{sid}/Webhooks/{made}", {"Configuration.Url": f"{receiver.url}/new"})
    assert told.json()["configuration"]["filters"] == ["onMessageAdded"]
    write(caller, sid)
    eventually(lambda: receiver.posted)
    assert receiver.posted[0].path == "/new"


def test_webhook_replays_from_the_asked_message(caller: Caller, receiver: Receiver) -> None:
    sid = arrived(caller)  # message 0
    caller.post(f"/v1/Conversations/{sid}/Messages", {"Author": "system", "Body": "Hi"})  # 1: by the API
    for body in ("Two", "Three"):
        write(caller, sid, body)
    hook(caller, sid, receiver.url, **{"Configuration.ReplayAfter": "1"})
    eventually(lambda: len(receiver.posted) == 2)
    write(caller, sid, "Four")
    eventually(lambda: len(receiver.posted) == 3)
    assert [one.form["Index"] for one in receiver.posted] == ["2", "3", "4"]


def test_sixth_webhook_is_refused_by_its_code(caller: Caller) -> None:
    sid = arrived(caller)
    for _ in range(5):
        hook(caller, sid, "http://127.0.0.1:9/")
    form = {"Target": "webhook", "Configuration.Url": "http://127.0.0.1:9/"}
    response = caller.post(f"/v1/Conversations/{sid}/Webhooks", form)
    assert (response.status_code, response.json()["code"]) == (400, 50361)


def test_page_of_webhooks_has_five_at_most(caller: Caller) -> None:
    sid = arrived(caller)
    hook(caller, sid, "http://127.0.0.1:9/")
    assert caller.get(f"/v1/Conversations/{sid}/Webhooks", PageSize=20).json()["meta"]["page_size"] == 5


@pytest.mark.parametrize(
    ("form", "named"),
    [
        pytest.param({"Target": "pigeon", "Configuration.Url": "http://a.example"}, "Target", id="target"),
        pytest.param({"Target": "webhook"}, "Configuration.Url", id="no address"),
        pytest.param(
            {"Target": "webhook", "Configuration.Url": "http://a.example", "Configuration.Method": "PUT"},
            "Configuration.Method",
            id="method",
        ),
    ],
)
def test_wrong_webhook_is_refused_by_name(caller: Caller, form: dict[str, object], named: str) -> None:
    response = caller.post(f"/v1/Conversations/{arrived(caller)}/Webhooks", form)
    assert (response.status_code, named in response.json()["message"]) == (400, True)


def test_closed_conversation_takes_no_webhook(caller: Caller) -> None:
    sid = arrived(caller)
    caller.post(f"/v1/Conversations/{sid}", {"State": "closed"})
    form = {"Target": "webhook", "Configuration.Url": "http://127.0.0.1:9/"}
    assert caller.post(f"/v1/Conversations/{sid}/Webhooks", form).status_code == 400


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_fault_strikes_webhooks_as_everything(caller: Caller, when: str, made: int) -> None:
    sid = arrived(caller)
    caller.told("POST", "/faults", {"match": "POST */Webhooks", "status": 500, "when": when, "times": 1})
    form = {"Target": "webhook", "Configuration.Url": "http://127.0.0.1:9/"}
    assert caller.post(f"/v1/Conversations/{sid}/Webhooks", form).status_code == 500
    assert len(caller.get(f"/v1/Conversations/{sid}/Webhooks").json()["webhooks"]) == made


def test_attributes_are_replaced_and_read_back(caller: Caller) -> None:
    sid = arrived(caller)
    for attributes in ({"topic": "billing", "kept": [1]}, {"parked": True}):
        caller.post(f"/v1/Conversations/{sid}", {"Attributes": attributes})
        assert json.loads(caller.get(f"/v1/Conversations/{sid}").json()["attributes"]) == attributes
    assert caller.told("GET", f"/conversations/{sid}")["attributes"] == {"parked": True}


@pytest.mark.parametrize("attributes", ["[]", "{", json.dumps({"a": "x" * 16_384})], ids=["list", "torn", "too long"])
def test_wrong_attributes_are_refused(caller: Caller, attributes: str) -> None:
    sid = arrived(caller)
    assert caller.post(f"/v1/Conversations/{sid}", {"Attributes": attributes}).status_code == 400
    assert caller.get(f"/v1/Conversations/{sid}").json()["attributes"] == "{}"
