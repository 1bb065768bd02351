"""An escalation comes in: by Studio, by form, by an app; once, ten times at once, or spoiled."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from service.metrics.families import PREFIX, REGISTRY
from service.model import State
from tests.conftest import sid
from tests.flow.world import World


def tasks(world: World, conversation_sid: str) -> list[dict]:  # type: ignore[type-arg]
    return list(world.conversation(conversation_sid)["tasks"])


def test_signed_studio_json_is_made(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    body = json.dumps({"conversation_sid": conversation, "execution_sid": sid("FN", 1), "channel_type": "web"})
    answer = world.studio(body.encode(), "application/json;charset=utf-8")
    assert (answer.status, answer["state"]) == (201, "pending")
    assert len(tasks(world, conversation)) == 1


def test_signed_studio_form_is_made(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    fields = {"conversation_sid": conversation, "reason": "a & b = ü", "attributes": '{"topic": "billing"}'}
    answer = world.studio(urlencode(fields).encode(), "application/x-www-form-urlencoded;charset=utf-8")
    assert (answer.status, answer["rule"]) == (201, "billing")


def test_app_with_key_is_served(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    answer = world.escalate(conversation, channel_type="web", attributes={"topic": "billing"})
    assert answer.status == 201
    assert answer["route"]["queue"] == "billing"  # type: ignore[index]
    (task,) = tasks(world, conversation)
    assert task["queue"] == "billing"
    assert task["attributes"]["topic"] == "billing"
    assert task["attributes"]["router_invite_id"] == answer["id"]
    assert (task["sid"], task["invite_sid"]) == (answer["task_sid"], answer["invite_sid"])


def test_escalation_takes_three_steps_with_the_store(world: World) -> None:
    first, second = (world.customer()["conversation_sid"] for _ in range(2))
    world.control("POST", "callbacks", {"lost": True})  # events take steps of their own
    world.escalate(first)  # opens connections and reads names
    before = _steps()
    assert world.escalate(second).status == 201
    assert _steps() - before == 3


def _steps() -> float:
    return REGISTRY.get_sample_value(f"{PREFIX}store_call_duration_seconds_count") or 0.0


def test_secondary_token_is_accepted(world: World) -> None:
    body = json.dumps({"conversation_sid": world.customer()["conversation_sid"]}).encode()
    assert world.studio(body, "application/json", token="secondary-token").status == 201


def test_first_escalation_makes_an_interaction(world: World) -> None:
    world.escalate(world.customer()["conversation_sid"])
    assert [call["path"] for call in world.calls("POST /v1/Interactions")] == ["/v1/Interactions"]


def test_known_channel_gets_an_invite(world: World) -> None:
    customer = world.customer(interaction=True)
    answer = world.post("escalations", {name: customer[name] for name in ("interaction_sid", "channel_sid")})
    assert (answer.status, answer["channel_sid"]) == (201, customer["channel_sid"])
    assert answer["conversation_sid"] == customer["conversation_sid"]
    assert world.calls("POST /v1/Interactions/")[0]["path"].endswith("/Invites")


def test_channel_learned_from_events_is_used(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    second = world.escalate(conversation, idempotency_key="again")
    assert second.status == 201
    assert second["channel_sid"] == first["channel_sid"]
    assert world.judge()["double_invited"] == []


def test_ten_at_once_make_one_task(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.escalate(conversation, attributes={"n": 1}), range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len({answer["id"] for answer in answers}) == 1
    assert len({answer["task_sid"] for answer in answers}) == 1
    assert len(tasks(world, conversation)) == 1


def test_same_key_other_body_conflicts(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.escalate(conversation, idempotency_key="k", reason="one")
    answer = world.escalate(conversation, idempotency_key="k", reason="two")
    assert answer.status == 409
    assert len(tasks(world, conversation)) == 1


def test_header_key_counts_as_field(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, headers={"Idempotency-Key": "abc"})
    again = world.escalate(conversation, idempotency_key="abc")
    assert (first.status, again.status) == (201, 200)


def test_studio_retry_gets_the_same_invite(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    body = json.dumps({"conversation_sid": conversation, "execution_sid": sid("FN", 1)}).encode()
    answers = [world.studio(body, "application/json") for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 200, 200]
    assert len(tasks(world, conversation)) == 1


def test_ended_invite_frees_its_conversation(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    world.agent("alice", "accept")
    world.agent("alice", "drop")
    world.await_state(first["id"], "completed")
    second = world.escalate(conversation)
    assert (second.status, second["id"] != first["id"]) == (201, True)


def test_refusal_is_told_and_frees_the_key(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", status=400, when="before", times=1)
    refused = world.escalate(conversation, idempotency_key="k")
    again = world.escalate(conversation, idempotency_key="k")
    assert (refused.status, refused["type"], again.status) == (422, "/problems/twilio-refused", 201)


def test_refusal_is_told_as_twilio_has_said_it(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    told = {"code": 20404, "message": "no", "status": 404, "more_info": "https://www.twilio.com/docs/errors/20404"}
    world.fault("POST /v1/Interactions", status=404, body=told, when="before", times=1)
    refused = world.escalate(conversation)
    assert (refused.status, refused["twilio"]) == (422, {"status": 404, "code": 20404})


def test_flex_sids_of_old_task_are_stripped(world: World) -> None:
    world.control("POST", "switches", {"caller_flex_sids": "kept"})
    conversation = world.customer()["conversation_sid"]
    old = {"flexInteractionSid": sid("KD", 9), "flexChannelInviteSid": sid("KG", 9), "topic": "billing"}
    world.escalate(conversation, attributes=old)
    (task,) = tasks(world, conversation)
    assert task["attributes"]["topic"] == "billing"
    assert sid("KD", 9) not in json.dumps(task["attributes"])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", [{"reset": True}, {"status": 500}, {"status": 503}], ids=["reset", "500", "503"])
def test_lost_answer_makes_one_task(world: World, how: dict[str, object], when: str) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", when=when, times=1, **how)
    answer = world.escalate(conversation)
    assert answer.status in ((201, 202) if when == "after" else (202,))  # the event may tell of it before we answer
    done = world.turn_until(answer["id"], "pending")
    assert len(tasks(world, conversation)) == 1
    assert done["attempt"] == (1 if when == "after" else 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_invite_answer_makes_one_task(world: World, when: str) -> None:
    customer = world.customer(interaction=True)
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST */Invites", when=when, times=1, reset=True)
    answer = world.post("escalations", {name: customer[name] for name in ("interaction_sid", "channel_sid")})
    assert answer.status == 202
    world.turn_until(answer["id"], "pending")
    live = [task for task in tasks(world, customer["conversation_sid"]) if task["assignment_status"] != "completed"]
    assert len(live) == 1


def test_lost_answer_and_lost_events_make_one_task(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST /v1/Interactions", when="after", times=1, reset=True)
    answer = world.escalate(conversation)
    done = world.turn_until(answer["id"], "pending")
    assert len(tasks(world, conversation)) == 1
    assert done["task_sid"] == tasks(world, conversation)[0]["sid"]


def test_too_many_calls_is_tried_again(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", status=429, when="before", times=1)
    answer = world.escalate(conversation)
    assert answer.status == 202
    world.turn_until(answer["id"], "pending")
    assert len(tasks(world, conversation)) == 1


def test_slow_twilio_is_answered_in_time(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", delay_s=12, when="after", times=1)
    answer = world.escalate(conversation)
    assert answer.status in (201, 202)  # the event may tell of the task before our patience ends
    world.turn_until(answer["id"], "pending")
    assert len(tasks(world, conversation)) == 1


def test_thousandth_try_is_made_like_the_first(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", status=429, when="before", times=2)
    invite_id = str(world.escalate(conversation)["id"])
    store = world.reconciler.parts.store
    store.touch(invite_id, State.REQUESTED, due=0, fields={"attempt": "2000"})
    world.turn()
    store.touch(invite_id, State.REQUESTED, due=0)
    assert world.turn_until(invite_id, "pending")["attempt"] == 2002
