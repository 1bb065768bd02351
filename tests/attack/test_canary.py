"""A canary through every field and header that there is; then a look at every line, traceback, answer and metric."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import requests

from service.logs import set_up_logging
from tests.flow.world import Answer, World

CANARY = "Zq7canaryZq7"


@pytest.fixture
def lines(world: World) -> Iterator[io.StringIO]:
    """What is written to standard error, as it is written: with its tracebacks."""
    sink = io.StringIO()
    logging.getLogger().addHandler(listening(sink))
    yield sink
    set_up_logging("DEBUG", "json")


def listening(sink: io.StringIO) -> logging.Handler:
    """A second handler that writes as the real one does, but for the lines of the test's own server and sandbox."""
    handler = logging.StreamHandler(sink)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    handler.addFilter(lambda record: not record.name.startswith(("werkzeug", "service.sandbox")))
    return handler


def tell_of(answer: Answer) -> str:
    return json.dumps(answer.json)


def test_every_field_of_a_request_is_kept_quiet(world: World, lines: io.StringIO) -> None:
    conversation = world.customer()["conversation_sid"]
    fields: dict[str, object] = {
        "reason": CANARY, "attributes": {"topic": CANARY, CANARY: CANARY}, "idempotency_key": CANARY,
        "channel_type": CANARY, "interaction_sid": CANARY, "channel_sid": CANARY, "execution_sid": CANARY,
        "from": {"worker_sid": CANARY}, "to": {"queue": CANARY}, "mode": CANARY, "release": CANARY,
    }  # fmt: skip
    told = []
    for name, value in fields.items():
        for path in ("escalations", "transfers", "decisions"):
            answer = world.post(path, {"conversation_sid": conversation, name: value})
            told += [tell_of(answer)] if answer.status >= 400 else []
    told.append(tell_of(world.post("escalations", {"conversation_sid": CANARY})))
    assert len(told) > 15
    assert [text for text in told if CANARY in text] == []
    assert CANARY not in lines.getvalue()


HEADERS = [
    "Authorization", "Idempotency-Key", "X-Twilio-Signature", "X-Forwarded-For", "X-Forwarded-Host", "User-Agent",
    "Cookie", "Referer", "Origin", "Content-Type", "Accept", "X-Twilio-Webhooks-Signature-Settings",
]  # fmt: skip


def test_every_header_is_kept_quiet(world: World, lines: io.StringIO) -> None:
    conversation = world.customer()["conversation_sid"]
    body = json.dumps({"conversation_sid": conversation}).encode()
    usual = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    for header, value in [(name, text) for name in HEADERS for text in (CANARY, f"Bearer {CANARY}.{CANARY}")]:
        for path in ("escalations", "events/taskrouter", "invites", f"conversations/{conversation}/end"):
            sent = {**usual, header: value}
            answer = requests.post(f"{world.url}/v1/{path}", data=body, headers=sent, timeout=20)
            assert CANARY not in answer.text, header
            assert CANARY not in str(answer.headers), header
    assert CANARY not in lines.getvalue()


def test_signed_events_are_kept_quiet(world: World, lines: io.StringIO) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    event = {
        "EventType": "task.canceled", "Sid": "EV" + "1" * 32, "WorkspaceSid": world.info["workspace_sid"],
        "TaskSid": str(invite["task_sid"]), "TimestampMs": "1800000000000", "TaskCanceledReason": CANARY,
        "Reason": CANARY, "TaskAttributes": json.dumps({"name": CANARY, "conversationSid": CANARY}),
        "WorkerName": CANARY, "WorkerAttributes": CANARY, "TaskChannelUniqueName": CANARY, CANARY: CANARY,
    }  # fmt: skip
    assert world.event(event) == 204
    for broken in ({"EventType": CANARY}, {"TaskSid": CANARY}, {"TimestampMs": CANARY}, {"Sid": CANARY}):
        world.event({**event, **broken})
    world.turn()
    assert CANARY not in lines.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_traceback_of_a_spoilt_record_is_kept_quiet(world: World, lines: io.StringIO, style: str) -> None:
    """What is unforeseen is logged with its place; the text of the exception may hold what it stumbled over."""
    set_up_logging("DEBUG", style)
    logging.getLogger().addHandler(listening(lines))
    for field in ("kind", "state", "p0", "pn", "step", "sent_at_ms"):
        invite = world.escalate(world.customer()["conversation_sid"])
        name = str(next(iter(world.redis.keys(f"*:inv:{invite['id']}"))))
        world.redis.zadd(name.split(":inv:")[0] + ":due", {str(invite["id"]): 0})
        world.redis.hset(name, field, CANARY)
    world.turn()
    told = lines.getvalue()
    assert told.count("work.broken") == 6
    assert CANARY not in told
    assert "records.py" in told, "the place is told"


def test_twilios_own_texts_are_kept_quiet(world: World, lines: io.StringIO) -> None:
    refusal = {"code": 20001, "message": CANARY, "status": 400, "more_info": CANARY, "detail": CANARY}
    told = []
    for body, status in ((refusal, 400), (refusal, 403), (CANARY, 200), (CANARY, 500), ({"routing": CANARY}, 200)):
        world.fault("POST /v1/Interactions*", status=status, body=body, times=1)
        told.append(tell_of(world.escalate(world.customer()["conversation_sid"])))
        world.turn()
    assert [text for text in told if CANARY in text] == []
    assert CANARY not in lines.getvalue()


def test_metrics_and_pages_are_kept_quiet(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.escalate(conversation, reason=CANARY, attributes={"topic": CANARY, CANARY: CANARY}, idempotency_key=CANARY)
    world.post(f"invites/{CANARY}/cancel", {CANARY: CANARY})
    bearer = {"Authorization": f"Bearer {world.token}"}
    for path in ("/metrics", "/readyz", "/livez", "/openapi.json", f"/v1/invites?rule={CANARY}&state=pending"):
        assert CANARY not in requests.get(world.url + path, headers=bearer, timeout=20).text


def test_no_secret_is_in_any_line(world: World, lines: io.StringIO) -> None:
    world.fault("POST /v1/Interactions*", status=401, body={"code": 20003, "message": "no", "status": 401}, times=1)
    world.escalate(world.customer()["conversation_sid"])
    world.turn()
    secrets = (world.info["auth_token"], "secondary-token", world.token.split(".", 1)[1])
    told = lines.getvalue()
    assert "invite.waits" in told
    assert [number for number, secret in enumerate(secrets) if secret in told] == []
