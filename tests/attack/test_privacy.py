"""A canary through every field, and then a look into every place where it must not sing."""

import contextlib
import json
import logging

import pytest

from service.errors import RouterError
from tests.flow.world import World

CANARY = "Zq7-canary-Zq7"


def test_canary_stays_out_of_logs_and_answers(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Reason, attributes, keys, task reasons, farewell failures, Twilio's own error texts."""
    caplog.set_level(logging.DEBUG, logger="service")
    attributes = {"topic": "ladder", "name": CANARY, CANARY: {"phone": CANARY}}
    conversation = world.customer()["conversation_sid"]
    answers = [world.escalate(conversation, reason=CANARY, attributes=attributes, idempotency_key=CANARY)]
    world.fault("POST /v1/Interactions*", status=400, body={"code": 20001, "message": CANARY, "status": 400}, times=1)
    other = world.customer()["conversation_sid"]
    answers.append(world.escalate(other, reason=CANARY, attributes=attributes))
    world.fault("POST /v1/Interactions*", status=200, body=CANARY, times=1)
    answers.append(world.escalate(other, attributes={"n": CANARY}, idempotency_key="2"))
    world.reconciler.parts.taskrouter.cancel_task(str(answers[0]["task_sid"]), CANARY)
    world.turn()
    world.fault("GET *", status=400, body={"code": 20001, "message": CANARY, "status": 400}, times=3)
    world.turn()
    with contextlib.suppress(RouterError):
        world.catch_up()
    seen = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("service.") and not record.name.startswith("service.sandbox")
    ]
    assert len(seen) > 10
    assert [line for line in seen if CANARY in line] == []
    assert [answer.status for answer in answers if CANARY in json.dumps(answer.json)] == []
    assert CANARY not in json.dumps(world.get("invites").json)


def test_canary_is_in_no_key_name(world: World) -> None:
    """An idempotency key may hold a phone number; Redis' key names hold its hash."""
    world.escalate(world.customer()["conversation_sid"], idempotency_key=CANARY, reason=CANARY)
    assert [key for key in world.redis.keys("*") if CANARY in key] == []
