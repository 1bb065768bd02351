"""Whoever is on a conversation already is not asked onto it: by the workflow, by the ladder, by name."""

from collections.abc import Iterator

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import Answer, World

RULES = """
version: 1
via: transfers
rules:
  - {name: to-bob, when: request.reason == "bob", route: {worker: bob, timeout: 1m}, fallback: [{queue: support}]}
  - {name: to-bob-later, when: request.reason == "bob later", route: {queue: billing, timeout: 1m},
     fallback: [{worker: bob}, {queue: tier2-billing}]}
default: {workflow: everyone}
"""
PEOPLE = "GET */Participants"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    yield running
    running.close()


def served(world: World, worker: str) -> Answer:
    """A conversation that ``worker`` attends."""
    invite = world.escalate(world.customer()["conversation_sid"])
    world.agent(worker, "accept")
    return world.await_state(invite["id"], "accepted")


def attributes(world: World, invite: Answer) -> dict[str, object]:
    tasks = world.conversation(str(invite["conversation_sid"]))["tasks"]
    (found,) = [task["attributes"] for task in tasks if task["sid"] == invite["task_sid"]]
    return dict(found)


def present(world: World, invite: Answer) -> object:
    return attributes(world, invite)["router_workers_present"]


def handed_on(world: World, first: Answer, **more: object) -> Answer:
    return world.transfer(conversation_sid=first["conversation_sid"], **more)


def test_first_escalation_finds_nobody_there(world: World) -> None:
    assert present(world, world.escalate(world.customer()["conversation_sid"])) == []
    assert world.calls("GET /v1/Interactions") == []


def test_everybody_who_is_there_is_listed(world: World) -> None:
    first = served(world, "carol")
    warm = handed_on(world, first, to={"worker": "alice"}, mode="warm")
    world.agent("alice", "accept", task_sid=str(warm["task_sid"]))
    world.await_state(warm["id"], "accepted")
    moved = handed_on(world, first, to={"queue": "billing"}, idempotency_key="2")
    assert present(world, moved) == sorted(world.info["workers"][name] for name in ("alice", "carol"))


def test_agent_who_is_there_is_not_rung(world: World) -> None:
    first = served(world, "carol")  # the only one in tier 2
    moved = handed_on(world, first, to={"queue": "tier2-billing"})
    tasks = world.conversation(str(first["conversation_sid"]))["tasks"]
    (task,) = [one for one in tasks if one["sid"] == moved["task_sid"]]
    assert (task["queue"], task["reservations"]) == ("tier2-billing", [])


def test_somebody_else_of_the_queue_is_rung(world: World) -> None:
    first = served(world, "carol")
    moved = handed_on(world, first, to={"queue": "billing"})
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    world.await_state(moved["id"], "accepted")


def test_list_comes_from_our_records_while_twilio_is_silent(world: World) -> None:
    first = served(world, "carol")
    world.fault(PEOPLE, status=503)
    moved = handed_on(world, first, to={"queue": "billing"})
    assert (moved.status, present(world, moved)) == (201, [world.info["workers"]["carol"]])


def test_step_to_somebody_who_is_there_is_passed_over(world: World) -> None:
    moved = handed_on(world, served(world, "bob"), reason="bob")
    assert (moved["rule"], moved["step"], attributes(world, moved)["router_queue"]) == ("to-bob", 1, "support")


def test_step_to_somebody_elsewhere_is_taken(world: World) -> None:
    moved = handed_on(world, served(world, "carol"), reason="bob")
    assert (moved["step"], attributes(world, moved)["router_target"]) == (0, "worker")


def test_later_step_is_passed_over_in_its_turn(world: World) -> None:
    sid = world.customer()["conversation_sid"]
    moved = world.escalate(sid, reason="bob later")
    book, record = world.reconciler.book, world.reconciler.parts.store.get(str(moved["id"]))
    assert record is not None
    now_ms = record.created_at_ms
    assert book.next_step(record, 1, now_ms=now_ms) == 1
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    world.await_state(moved["id"], "accepted")
    assert book.next_step(record, 1, now_ms=now_ms) == 2


def test_named_worker_who_is_there_is_refused(world: World) -> None:
    first = served(world, "bob")
    for name in ("bob", world.info["workers"]["bob"]):
        answer = handed_on(world, first, to={"worker": name})
        assert answer.status == 422
        assert answer["errors"] == [{"field": "to.worker", "message": "is on this conversation already"}]
    assert len(world.conversation(str(first["conversation_sid"]))["tasks"]) == 1


def test_refused_transfer_leaves_its_key_free(world: World) -> None:
    first = served(world, "bob")
    assert handed_on(world, first, to={"worker": "bob"}, idempotency_key="k").status == 422
    assert handed_on(world, first, to={"worker": "alice"}, idempotency_key="k").status == 201


def test_repetition_after_the_accept_is_no_refusal(world: World) -> None:
    first = served(world, "carol")
    moved = handed_on(world, first, to={"worker": "bob"}, idempotency_key="k")
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    world.await_state(moved["id"], "accepted")
    again = handed_on(world, first, to={"worker": "bob"}, idempotency_key="k")
    assert (again.status, again["id"]) == (200, moved["id"])
