"""Requests that are repeated, named differently, or come at the wrong moment."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from service.flex.gateway import parse_attributes
from service.model import Invite, Route, State
from service.reconcile.lapse import judge_channel
from service.tracking.records import next_invite_id
from service.tracking.store import Store
from tests.conftest import sid
from tests.flow.kept import Build
from tests.flow.world import World

DAY_S = 90_000


def live(world: World, conversation_sid: str) -> list[str]:
    tasks = world.conversation(conversation_sid)["tasks"]
    return [task["sid"] for task in tasks if task["assignment_status"] in ("pending", "reserved", "assigned")]


def test_same_thread_by_other_names_is_one_request(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    again = world.post("escalations", {name: first[name] for name in ("interaction_sid", "channel_sid")})
    assert len(live(world, conversation)) == 1, (again.status, again.json)


def unknown_channel(world: World) -> dict[str, str]:
    """A channel of which no event has been heard."""
    world.control("POST", "callbacks", {"lost": True})
    customer = world.customer(interaction=True)
    world.control("DELETE", "callbacks")
    return {name: str(customer[name]) for name in ("interaction_sid", "channel_sid")}


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "order-1"}], ids=["no key", "key"])
def test_channel_asked_for_before_its_conversation_is_known_is_asked_for_once(
    world: World, key: dict[str, str]
) -> None:
    """The first answer tells the conversation: the same request is known by another name from then on."""
    body = unknown_channel(world)
    first, again = (world.post("escalations", {**body, **key}) for _ in range(2))
    assert (first.status, again.status, again["id"]) == (201, 200, first["id"])
    if not key:
        by_conversation = world.escalate(str(first["conversation_sid"]))
        assert (by_conversation.status, by_conversation["id"]) == (200, first["id"])


def test_other_body_of_a_channel_that_is_known_by_now_is_told(world: World) -> None:
    body = unknown_channel(world)
    world.post("escalations", body)
    assert world.post("escalations", {**body, "reason": "other"}).status == 409


def test_key_is_kept_for_as_long_as_a_task_may_wait(world: World) -> None:
    """Until its record is forgotten, however long nobody comes."""
    conversation = world.customer()["conversation_sid"]
    world.escalate(conversation, idempotency_key="order-1")
    (name,) = world.redis.scan_iter("*idem*")
    assert world.redis.ttl(name) > 14 * 86_400


def test_request_after_a_lapse_is_not_lost(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    world.advance(DAY_S)
    world.await_state(first["id"], "lapsed")
    again = world.escalate(conversation)
    world.turn()
    assert again.status < 300
    assert len(live(world, conversation)) == 1, f"answered {again.status}, state {again['state']}, nobody is asked"


def test_second_transfer_needs_no_key(world: World) -> None:
    workers = world.info["workers"]
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    to_bob = world.transfer(
        conversation_sid=first["conversation_sid"], to={"worker": "bob"}, **{"from": {"worker_sid": workers["alice"]}}
    )
    world.agent("bob", "accept")
    world.await_state(to_bob["id"], "accepted")
    world.turn()
    to_carol = world.transfer(
        conversation_sid=first["conversation_sid"], to={"worker": "carol"}, **{"from": {"worker_sid": workers["bob"]}}
    )
    assert to_carol.status == 201, to_carol.json


def test_keys_of_two_callers_do_not_meet(world: World) -> None:
    world.escalate(world.customer()["conversation_sid"], idempotency_key="order-12345")
    body = {"conversation_sid": world.customer()["conversation_sid"], "idempotency_key": "order-12345"}
    answer = world.studio(json.dumps(body).encode(), "application/json")
    assert answer.status == 201, answer.json


def test_expired_record_is_not_taken_for_the_new_task(world: World) -> None:
    customer = world.customer(interaction=True)
    wanted = {name: customer[name] for name in ("interaction_sid", "channel_sid")}
    first = world.post("escalations", wanted)
    world.agent("alice", "accept", task_sid=str(first["task_sid"]))
    world.agent("alice", "drop", task_sid=str(first["task_sid"]))
    world.await_state(first["id"], "completed")
    partition = str(first["id"])[3:5]
    world.redis.delete(f"flex:{{{partition}}}:inv:{first['id']}")  # IDEMPOTENCY_WINDOW_S is over; the key lives 15 days
    (key,) = world.redis.keys("flex:*:idem:derived:*")
    world.redis.expire(key, 13 * 86_400)
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST */Invites", reset=True, when="before", times=1)
    second = world.post("escalations", wanted)
    assert second.status == 202
    done = world.turn_until(second["id"], "pending", "completed", "released", "closed")
    assert done["task_sid"] != first["task_sid"]


def test_cancel_with_lost_answer_can_be_repeated(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "ladder"})
    world.fault("POST /v1/Workspaces/*/Tasks/*", reset=True, when="after", times=1)
    lost = world.post(f"invites/{first['id']}/cancel", {})
    assert lost.status == 503
    world.await_state(first["id"], "lapsed")
    again = world.post(f"invites/{first['id']}/cancel", {})
    world.turn()
    assert (again.status, live(world, conversation)) == (200, [])


class Between(Store):
    """The store of a process that takes a next step; something happens just before or after that is written."""

    def __init__(self, client: "redis.Redis", happens: Callable[[], object], *, first: bool) -> None:
        super().__init__(client, keep_s=600)
        self._happens, self._first = happens, first

    def create(self, *args, **more):  # type: ignore[no-untyped-def]
        if self._first:
            self._happens()
        made = super().create(*args, **more)
        if not self._first:
            self._happens()
        return made


def lapsed_ladder(world: World) -> Invite:
    invite = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "ladder"})
    world.advance(65)
    world.await_state(invite["id"], "lapsed")
    found = world.reconciler.parts.store.get(str(invite["id"]))
    assert found is not None
    return found


@pytest.mark.parametrize("first", [True, False], ids=["named", "written"])
def test_cancel_is_no_success_while_the_next_step_is_made(world: World, first: bool) -> None:
    invite, parts = lapsed_ladder(world), world.reconciler.parts
    told = []
    between = Between(world.redis, lambda: told.append(world.post(f"invites/{invite.id}/cancel", {})), first=first)
    judge_channel(replace(parts, store=between), world.reconciler.book, invite, now_ms=parts.store.now_ms())
    world.turn()
    heir = world.invite(invite.id)["successor"]
    assert ([one.status for one in told], len(live(world, str(invite.conversation_sid)))) == ([409], 1)
    assert str(heir) in str(told[0]["detail"])
    assert world.post(f"invites/{heir}/cancel", {}).status == 200
    world.turn()
    assert live(world, str(invite.conversation_sid)) == []


def test_wish_that_came_too_late_does_not_end_the_next_step(world: World) -> None:
    """Two processes died: that of the step when it had named its successor, that of the cancel after its wish."""
    invite, parts = lapsed_ladder(world), world.reconciler.parts
    fields = {"cancel_wanted": "1", "successor": next_invite_id(invite.id)}
    parts.store.touch(invite.id, State.LAPSED, due=0, fields=fields)
    world.turn()
    assert world.invite(invite.id)["state"] == "superseded"
    assert world.invite(fields["successor"])["state"] == "pending"


def test_cancel_respects_leave(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "leave"})
    assert world.post(f"invites/{invite['id']}/cancel", {}).status == 200
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_waiting_for_a_connection_counts_as_time(build: Build) -> None:
    world = build(TWILIO_CONCURRENCY="1", REQUEST_BUDGET_S="3")
    conversations = [world.customer()["conversation_sid"] for _ in range(2)]
    world.fault("POST /v1/Interactions", delay_s=8, when="before")
    slow = threading.Thread(target=world.escalate, args=(conversations[0],))
    slow.start()
    time.sleep(0.2)
    began = time.monotonic()
    world.escalate(conversations[1])
    took = time.monotonic() - began
    slow.join()
    assert took < 3.3, f"budget 3 s, answered after {took:.1f} s"


@pytest.mark.parametrize("how", ["leave-rule", "parked"])
def test_emptied_store_closes_nothing_left_on_purpose(world: World, how: str) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "leave"}, idempotency_key="a")
    if how == "parked":
        second = world.escalate(conversation, idempotency_key="b")
        world.agent("alice", "accept", task_sid=str(second["task_sid"]))
        world.await_state(second["id"], "accepted")
    world.reconciler.parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.await_state(first["id"], "lapsed")
    world.turn_until(first["id"], "released")
    if how == "parked":
        world.agent("alice", "drop", task_sid=str(second["task_sid"]))
        world.await_state(second["id"], "completed")
    assert world.conversation(conversation)["state"] == "active"
    world.redis.flushall()
    world.catch_up()
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_emptied_store_keeps_the_rule(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "leave"})
    world.redis.flushall()
    world.catch_up()
    world.advance(DAY_S)
    world.catch_up()
    world.turn_until(invite["id"], "released", "closed")
    assert world.conversation(conversation)["state"] == "active"


def test_parked_conversation_survives_a_look(world: World) -> None:
    world.control("POST", "switches", {"system_deleted_after_end": True})
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.control("POST", "callbacks", {"lost": True})
    world.agent("alice", "accept")
    world.agent("alice", "drop")
    world.advance(600)
    found = world.reconciler.parts.store.get(str(invite["id"]))
    assert found is not None
    world.reconciler.parts.store.touch(found.id, found.state, due=0)
    world.turn()
    assert world.conversation(conversation)["state"] == "active", world.invite(invite["id"]).json


def test_late_lapse_spares_parked_conversation(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="a")
    second = world.escalate(conversation, idempotency_key="b")
    world.agent("alice", "accept", task_sid=str(second["task_sid"]))
    world.await_state(second["id"], "accepted")
    world.control("POST", "callbacks", {"lost": True})
    world.reconciler.parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.control("DELETE", "callbacks")
    world.agent("alice", "drop", task_sid=str(second["task_sid"]))
    world.await_state(second["id"], "completed")
    world.catch_up()
    world.turn()
    assert world.conversation(conversation)["state"] == "active", world.invite(first["id"]).json


def test_two_channels_are_both_looked_at(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    parts = world.reconciler.parts
    parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.await_state(first["id"], "lapsed")
    world.control("POST", "callbacks", {"lost": True})
    route = parts.store.get(str(first["id"])).route  # type: ignore[union-attr]
    made = parts.gateway.create_interaction(conversation, "web", route, {})  # type: ignore[arg-type]
    world.agent("alice", "accept", task_sid=str(made.task_sid))
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_wrong_pairing_does_not_spoil_the_thread(world: World) -> None:
    mine, other = world.customer()["conversation_sid"], world.customer(interaction=True)
    other_channel = {name: other[name] for name in ("interaction_sid", "channel_sid")}
    mixed = world.post("escalations", {"conversation_sid": mine, **other_channel, "idempotency_key": "x"})
    right = world.escalate(mine, idempotency_key="y")
    assert right["channel_sid"] != other["channel_sid"], mixed.status


def test_repeated_event_with_bare_fields(world: World) -> None:
    """Workflow events without attributes find their invite by its task."""
    world.control("POST", "switches", {"bare_workflow_events": True})
    invite = world.escalate(world.customer()["conversation_sid"])
    world.advance(DAY_S)
    assert world.turn_until(invite["id"], "closed")["task_sid"] == invite["task_sid"]


def test_forged_rule_name_does_not_stop_catch_up(world: World) -> None:
    customer = world.customer(interaction=True)
    gateway = world.reconciler.parts.gateway
    world.control("POST", "callbacks", {"lost": True})
    gateway.create_invite(
        customer["interaction_sid"], customer["channel_sid"], _route(world), {"router_rule": chr(0xD83D)}
    )
    victim = world.escalate(world.customer()["conversation_sid"])
    world.advance(DAY_S)
    world.reconciler.next_catch_up = 0.0
    world.reconciler.step()
    world.reconciler.drain()
    world.turn()
    assert world.invite(victim["id"])["state"] in ("lapsed", "closed")


def test_deep_attributes_are_read_as_none() -> None:
    assert parse_attributes('{"form":' + "[" * 1500 + "]" * 1500 + "}") == {}


def _route(world: World) -> Route:
    return Route(world.info["workflows"]["everyone"], "everyone")


def test_non_latin_attributes_may_be_as_long(world: World) -> None:
    answer = world.escalate(world.customer()["conversation_sid"], attributes={"summary": "請" * 700})
    assert answer.status == 201, answer.json


def test_execution_key(world: World) -> None:
    """The Studio execution outlives its invite."""
    conversation = world.customer()["conversation_sid"]
    body = json.dumps({"conversation_sid": conversation, "execution_sid": sid("FN", 1)}).encode()
    first = world.studio(body, "application/json")
    assert world.studio(body, "application/json")["id"] == first["id"]


def test_emptied_store_is_not_answered_with_taken(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", delay_s=0.8, status=429, when="before", times=1)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(world.escalate(conversation)))
    caller.start()
    deadline = time.monotonic() + 5
    while not [key for key in world.redis.keys("*:inv:*") if world.redis.hget(key, "sent_at_ms")]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    world.redis.flushall()
    caller.join(10)
    world.turn()
    world.catch_up()
    assert answers[0].status == 503 or live(world, conversation), answers[0].status


@pytest.mark.parametrize("status", [408, 425])
def test_time_out_of_a_proxy_is_no_refusal(world: World, status: int) -> None:
    conversation = world.customer()["conversation_sid"]
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST /v1/Interactions", status=status, when="after", times=1)
    answer = world.escalate(conversation, idempotency_key="k")
    world.escalate(conversation, idempotency_key="k")
    world.turn()
    assert len(live(world, conversation)) == 1, answer.status
