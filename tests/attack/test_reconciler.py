"""The background process under a store and a Twilio that misbehave."""

import contextlib
import json
import time

import pytest

from service.errors import StoreUnavailableError
from service.model import Route, State
from tests.flow.acts import joins
from tests.flow.world import World

DAY_S = 90_000


def due_now(world: World, invite_id: object) -> None:
    found = world.reconciler.parts.store.get(str(invite_id))
    assert found is not None
    world.reconciler.parts.store.touch(found.id, found.state, due=0)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_reconciler_survives_store_refusing_writes(world: World, fault: str) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    name, value = ("maxmemory", "1") if fault == "full" else ("min-replicas-to-write", "1")
    world.redis.config_set(name, value)
    with contextlib.suppress(StoreUnavailableError):
        world.reconciler.step()
    world.redis.config_set(name, "0")
    deadline = time.monotonic() + 3
    while world.invite(invite["id"])["state"] == "lapsed" and time.monotonic() < deadline:
        world.reconciler.step()
        time.sleep(0.05)
    assert world.invite(invite["id"])["state"] == "closed"


def test_request_being_made_keeps_conversation_open(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="a")
    world.advance(DAY_S)
    world.await_state(first["id"], "lapsed")
    world.fault("POST */Invites", status=429, when="before", headers={"Retry-After": "1"}, times=1)
    second = world.escalate(conversation, idempotency_key="b")
    assert second.status == 202
    world.turn_until(first["id"], "closed", "released")
    assert world.conversation(conversation)["state"] == "active"
    done = world.turn_until(second["id"], "pending", "failed")
    assert done["state"] == "pending"


def test_lapsed_ladder_keeps_conversation_open(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    ladder = world.escalate(conversation, attributes={"topic": "ladder"}, idempotency_key="a")
    plain = world.escalate(conversation, idempotency_key="b")
    world.control("POST", "callbacks", {"lost": True})
    world.advance(DAY_S)
    store = world.reconciler.parts.store
    store.move(str(ladder["id"]), "lapsed", due=600)
    store.move(str(plain["id"]), "lapsed", due=0)
    world.turn_until(plain["id"], "closed", "released")
    store.touch(str(ladder["id"]), State.LAPSED, due=0)
    world.turn_until(ladder["id"], "superseded", "closed")
    assert world.invite(ladder["id"])["state"] == "superseded"


def test_refused_step_is_followed_by_the_next(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "ladder"})
    world.fault("POST */Invites", status=400, when="before", times=1)
    world.advance(120)
    world.turn_until(first["id"], "superseded")
    world.turn()
    assert world.conversation(conversation)["state"] == "active"
    assert world.judge()["orphaned"] == []


def test_rubbish_answer_is_not_believed(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", status=200, body={}, when="before", times=1)
    answer = world.escalate(conversation)
    for _ in range(3):
        due_now(world, answer["id"])
        world.turn()
    time.sleep(1.2)  # SETTLE_S is one second here
    due_now(world, answer["id"])
    world.turn()
    assert len(world.conversation(conversation)["tasks"]) == 1


def test_rubbish_answer_with_effect_is_rescued(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST /v1/Interactions", status=200, body={}, when="after", times=1)
    answer = world.escalate(conversation)
    due_now(world, answer["id"])
    world.turn()
    world.advance(DAY_S)
    due_now(world, answer["id"])
    world.turn_until(answer["id"], "closed", "released")
    world.catch_up()
    world.turn()
    assert world.judge()["orphaned"] == []


def test_task_that_is_not_shown_yet_is_not_dead(world: World) -> None:
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    world.fault("GET /v1/Workspaces/*/Tasks/*", status=404, when="before", times=1)
    world.fault("GET /v1/Workspaces/*/Events", lag_s=30)
    moved = world.transfer(
        conversation_sid=first["conversation_sid"], to={"worker": "bob"},
        **{"from": {"worker_sid": world.info["workers"]["alice"]}},
    )  # fmt: skip
    world.turn()
    assert world.invite(moved["id"])["state"] == "pending"
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    world.await_state(moved["id"], "accepted")
    world.turn()
    people = world.conversation(str(first["conversation_sid"]))["participants"]
    assert [one["worker"] for one in people if one["type"] == "agent"] == ["bob"]


def test_unknown_participant_does_not_orphan_for_ever(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    joins(world, invite, "unknown", json.dumps({"identity": "bot"}))
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    for _ in range(50):
        due_now(world, invite["id"])
        world.turn()
        if world.invite(invite["id"])["state"] != "lapsed":
            break
    assert world.judge()["orphaned"] == []


@pytest.mark.parametrize("kind", ["supervisor", "external"])
def test_leaving_supervisor_leaves_no_orphan(world: World, kind: str) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    somebody = joins(world, invite, kind)
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    world.turn()
    channel = (str(invite["interaction_sid"]), str(invite["channel_sid"]))
    world.reconciler.parts.gateway.close_participant(*channel, somebody)
    if (found := world.reconciler.parts.store.get(str(invite["id"]))) and found.due_ms:
        due_now(world, invite["id"])
    world.turn()
    world.catch_up()
    world.turn()
    assert world.judge()["orphaned"] == []


def test_supervisor_whom_nobody_relieves_leaves_no_orphan(world: World) -> None:
    """Without a task: that the transfer came to nothing is the last that any event tells of them."""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    boss = joins(world, first)
    asked = {"from": {"participant_sid": boss}, "to": {"queue": "billing"}}
    moved = world.transfer(conversation_sid=conversation, **asked)
    assert moved.status == 201, moved.json
    world.agent("alice", "drop")
    world.await_state(first["id"], "completed")
    world.advance(DAY_S)
    world.await_state(moved["id"], "lapsed")
    world.turn()
    assert world.conversation(conversation)["state"] == "active"
    channel = (str(first["interaction_sid"]), str(first["channel_sid"]))
    world.reconciler.parts.gateway.close_participant(*channel, boss)
    if world.invite(moved["id"])["state"] == "lapsed":
        due_now(world, moved["id"])
    world.turn()
    world.catch_up()
    world.turn()
    assert world.judge()["orphaned"] == []


def test_long_history_does_not_stop_the_judge(world: World) -> None:
    customer = world.customer(interaction=True)
    route = Route(world.info["workflows"]["everyone"], "everyone")
    gateway = world.reconciler.parts.gateway
    world.control("POST", "callbacks", {"lost": True})
    for _ in range(40):
        gateway.create_invite(customer["interaction_sid"], customer["channel_sid"], route, {})
    world.advance(DAY_S)
    world.control("DELETE", "callbacks")
    made = gateway.create_invite(customer["interaction_sid"], customer["channel_sid"], route, {})
    adopted = world.await_listed(f"conversation_sid={customer['conversation_sid']}&kind=adopted", made.task_sid)
    world.advance(DAY_S)
    world.await_state(adopted["id"], "lapsed")
    world.fault("GET /v1/Workspaces/*/Tasks/*", delay_s=0.3)
    world.turn()
    assert world.invite(adopted["id"])["state"] == "closed"


def test_vanished_channel_is_settled(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    world.fault("GET /v1/Interactions/*", status=404, when="before")
    for _ in range(3):
        due_now(world, invite["id"])
        world.turn()
    assert world.conversation(conversation)["state"] == "closed"


@pytest.mark.parametrize("hidden", [f"GET */Channels/UO{'?' * 32}", "GET */Participants*"], ids=["channel", "people"])
def test_supervisor_whose_channel_is_not_shown_for_a_moment_is_not_hung_up_on(world: World, hidden: str) -> None:
    """However often they were seen there before."""
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    joins(world, invite)
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    for _ in range(3):
        due_now(world, invite["id"])
        world.turn()
    world.fault(hidden, status=404, times=1)
    due_now(world, invite["id"])
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_what_its_rule_leaves_open_is_not_closed_for_a_404(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "leave"})
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    world.fault("GET /v1/Interactions/*", status=404)
    for _ in range(3):
        if world.invite(invite["id"])["state"] == "lapsed":
            due_now(world, invite["id"])
        world.turn()
    assert (world.invite(invite["id"])["state"], world.conversation(conversation)["state"]) == ("released", "active")


def test_channel_404_does_not_close_under_agent(world: World) -> None:
    """A 404 for a channel that is there, with an agent on it whose record is over: what is done without a look?"""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="a")
    second = world.escalate(conversation, idempotency_key="b")
    world.reconciler.parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.await_state(first["id"], "lapsed")
    world.control("POST", "callbacks", {"lost": True})
    world.agent("alice", "accept", task_sid=str(second["task_sid"]))
    world.redis.delete(f"flex:{{{str(second['id'])[3:5]}}}:inv:{second['id']}")
    world.fault("GET /v1/Interactions/*/Channels/UO*", status=404, when="before", times=1)
    world.turn()
    assert world.conversation(conversation)["state"] == "active", world.invite(first["id"]).json
