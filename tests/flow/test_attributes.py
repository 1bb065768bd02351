"""What the old task carried goes on to the new one: seen by agents and rules, never a reason to lose the customer."""

import re
from collections.abc import Iterator

import pytest
import redis

from service.model import State
from service.reconcile.fulfil import CARRY_TRIES
from service.tracking.embedded import EmbeddedStore
from tests.flow.world import Answer, World

RULES = """
version: 1
via: transfers
rules:
  - {name: ladder, when: request.reason == "ladder", route: {queue: billing, timeout: 1m}, fallback: [{queue: support}]}
  - {name: tax, when: request.kind == "transfer" AND attributes.topic == "tax",
     route: {queue: support, attributes: {from_rule: 1, c: rule}}}
default: {workflow: everyone}
"""
ATTRIBUTES = {"topic": "tax", "a": "old", "b": "old", "c": "old", "conversations": {"outcome": "asked"}}
TASK = "GET */Tasks/WT*"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    yield running
    running.close()


def served(world: World, **attributes: object) -> Answer:
    """A conversation that alice attends, with these attributes on her task."""
    sid = world.customer()["conversation_sid"]
    invite = world.escalate(sid, attributes=attributes or ATTRIBUTES, channel_type="web")
    world.agent("alice", "accept")
    return world.await_state(invite["id"], "accepted")


def handed_on(world: World, first: Answer, **more: object) -> Answer:
    """Alice hands it on."""
    origin = {"worker_sid": world.info["workers"]["alice"]}
    return world.transfer(**{"conversation_sid": first["conversation_sid"], "from": origin, **more})


def carried(world: World, invite: Answer) -> dict[str, object]:
    """The attributes of an invite's task, ours and Flex' own left out."""
    tasks = world.conversation(str(invite["conversation_sid"]))["tasks"]
    (found,) = [task["attributes"] for task in tasks if task["sid"] == invite["task_sid"]]
    return {name: found.get(name) for name in ("topic", "a", "b", "c", "from_rule")}


def test_new_task_carries_what_the_old_one_did(world: World) -> None:
    moved = handed_on(world, served(world), attributes={"b": "caller", "c": "caller"})
    assert moved["rule"] == "tax"
    assert carried(world, moved) == {"topic": "tax", "a": "old", "b": "caller", "c": "rule", "from_rule": 1}


def test_new_task_is_linked_to_the_old_one(world: World) -> None:
    first = served(world)
    moved = handed_on(world, first, attributes={"conversations": {"queue": "tier 2"}})
    tasks = world.conversation(str(first["conversation_sid"]))["tasks"]
    old, new = (next(t["attributes"] for t in tasks if t["sid"] == one["task_sid"]) for one in (first, moved))
    assert new["conversations"] == {**old["conversations"], "queue": "tier 2"}
    assert new["flexChannelInviteSid"] != old["flexChannelInviteSid"]
    assert new["router_invite_id"] == moved["id"]


def test_agent_may_be_named_as_participant(world: World) -> None:
    first = served(world)
    people = world.conversation(str(first["conversation_sid"]))["participants"]
    (alice,) = [person["sid"] for person in people if person["type"] == "agent"]
    moved = handed_on(world, first, **{"from": {"participant_sid": alice}})
    assert (moved["rule"], carried(world, moved)["a"]) == ("tax", "old")


def test_agent_unknown_to_our_records_is_found(world: World) -> None:
    first = served(world)
    world.redis.flushall()
    moved = handed_on(
        world, first, conversation_sid=None, interaction_sid=first["interaction_sid"], channel_sid=first["channel_sid"]
    )
    assert carried(world, Answer(201, {**moved.json, "conversation_sid": first["conversation_sid"]}))["a"] == "old"


def test_nobody_handing_on_carries_nothing(world: World) -> None:
    first = served(world)
    moved = world.transfer(conversation_sid=first["conversation_sid"], to={"queue": "billing"})
    assert carried(world, moved)["a"] is None


def test_stranger_handing_on_carries_nothing(world: World) -> None:
    moved = handed_on(world, served(world), **{"from": {"worker_sid": world.info["workers"]["dave"]}})
    assert (moved.status, moved["rule"], carried(world, moved)["a"]) == (201, "default", None)


def test_escalation_carries_nothing(world: World) -> None:
    first = served(world)
    again = world.escalate(str(first["conversation_sid"]), reason="again")
    assert carried(world, again)["a"] is None


def test_dry_run_sees_what_is_carried(world: World) -> None:
    first = served(world)
    origin = {"worker_sid": world.info["workers"]["alice"]}
    body = {"kind": "transfer", "conversation_sid": first["conversation_sid"], "from": origin}
    assert world.post("decisions", body)["rule"] == "tax"


def test_repetition_is_known_whatever_is_carried(world: World) -> None:
    first = served(world)
    moved = handed_on(world, first, to={"queue": "billing"}, idempotency_key="k")
    world.fault(TASK, status=404)
    again = handed_on(world, first, to={"queue": "billing"}, idempotency_key="k")
    assert (moved.status, again.status, again["id"]) == (201, 200, moved["id"])


def test_next_step_carries_the_same(world: World) -> None:
    first = served(world)
    moved = handed_on(world, first, reason="ladder", release="immediately")
    world.turn()
    world.advance(400)  # the old task is forgotten by then
    heir = world.turn_until(moved["id"], "superseded")["successor"]
    assert carried(world, world.turn_until(heir, "pending"))["a"] == "old"


def test_too_much_to_carry_is_told_with_its_size(world: World) -> None:
    first = served(world, topic="x", long="l" * 3000)
    answer = handed_on(world, first, attributes={"more": "m" * 900})
    assert answer.status == 422
    errors = answer.json["errors"]
    assert isinstance(errors, list)
    (error,) = errors
    assert error["field"] == "attributes"
    assert " characters carried over from the old task they make " in error["message"]
    assert int(error["message"].split(" and ")[1].split()[0]) > 3000


def largest(world: World, interaction: bool) -> tuple[str, int]:
    """A conversation, and how long its note may be: a refusal of one that is too long tells both sizes."""
    sid = world.customer(interaction=interaction)["conversation_sid"]
    refused = world.escalate(sid, attributes={"note": "n" * 3300})
    error = refused.json["errors"][0]  # type: ignore[index]
    assert (refused.status, error["field"]) == (422, "attributes")
    found, allowed = (int(part) for part in re.findall(r"\d{4}", error["message"])[:2])
    return sid, 3300 - (found - allowed)


@pytest.mark.parametrize("interaction", [False, True], ids=["first", "known-channel"])
def test_note_as_long_as_allowed_is_made_and_one_longer_is_refused(world: World, interaction: bool) -> None:
    sid, most = largest(world, interaction)
    longer = world.escalate(sid, attributes={"note": "n" * (most + 1)})
    assert (longer.status, longer.json["errors"][0]["field"]) == (422, "attributes")  # type: ignore[index]
    made = world.escalate(sid, attributes={"note": "n" * most})
    assert made.status == 201
    assert made["task_sid"]


def test_largest_note_goes_on_with_a_transfer(world: World) -> None:
    sid, most = largest(world, interaction=False)
    first = world.escalate(sid, attributes={"note": "n" * (most - 20)}, channel_type="web")
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    moved = handed_on(world, first, to={"queue": "billing"})
    assert moved.status == 201
    tasks = world.conversation(sid)["tasks"]
    (found,) = [task["attributes"] for task in tasks if task["sid"] == moved["task_sid"]]
    assert len(found["note"]) == most - 20


def test_old_task_unreadable_at_the_door_is_read_later(world: World) -> None:
    first = served(world)
    world.fault(TASK, status=503, times=4)  # a read is made twice
    moved = handed_on(world, first, to={"queue": "billing"})
    assert moved.status == 202
    assert carried(world, world.turn_until(moved["id"], "pending"))["a"] == "old"


def test_old_task_never_readable_is_done_without(world: World) -> None:
    first = served(world)
    world.fault(TASK, status=503)
    moved = handed_on(world, first, to={"queue": "billing"})
    for _ in range(CARRY_TRIES):
        assert world.invite(moved["id"])["state"] == "requested"
        world.reconciler.parts.store.touch(str(moved["id"]), State.REQUESTED, due=0)
        world.turn()
    assert carried(world, world.invite(moved["id"]))["a"] is None


def test_refused_look_at_the_old_task_is_no_fault(world: World) -> None:
    first = served(world)
    world.fault(TASK, status=400)
    moved = handed_on(world, first, to={"queue": "billing"})
    assert (moved.status, carried(world, moved)["a"]) == (201, None)


def test_read_too_late_to_be_told_only_what_fits_is_carried(world: World) -> None:
    first = served(world, short="s", long="l" * 3000)
    world.fault(TASK, status=503, times=2)  # a read is made twice
    moved = handed_on(world, first, to={"queue": "billing"}, attributes={"more": "m" * 900})
    tasks = world.conversation(str(first["conversation_sid"]))["tasks"]
    (found,) = [task["attributes"] for task in tasks if task["sid"] == moved["task_sid"]]
    assert moved.status == 201
    assert ("long" in found, found["short"], len(found["more"])) == (False, "s", 900)
    assert found["conversations"]["conversation_id"] == first["interaction_sid"]
