"""Cold and warm transfers: the old agent keeps the customer until somebody else has them."""

import pytest

from tests.flow.world import Answer, World


def served(world: World) -> Answer:
    """A conversation that alice attends."""
    invite = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    return world.await_state(invite["id"], "accepted")


def agents(world: World, conversation_sid: object) -> list[str]:
    people = world.conversation(str(conversation_sid))["participants"]
    return sorted(person["worker"] for person in people if person["type"] == "agent")


def transfer(world: World, first: Answer, **more: object) -> Answer:
    wanted = {"from": {"worker_sid": world.info["workers"]["alice"]}, **more}
    return world.transfer(conversation_sid=first["conversation_sid"], **wanted)


def test_cold_transfer_to_worker_changes_hands(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    assert (moved.status, moved["kind"], moved["route"]["worker"]) == (201, "transfer", "bob")  # type: ignore[index]
    assert agents(world, first["conversation_sid"]) == ["alice"]
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    assert agents(world, first["conversation_sid"]) == ["bob"]
    assert world.conversation(str(first["conversation_sid"]))["state"] == "active"
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def test_untaken_transfer_leaves_the_old_agent(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.advance(3700)
    world.turn_until(moved["id"], "released", "pending")
    assert agents(world, first["conversation_sid"]) == ["alice"]


def test_queue_is_named_by_name_or_sid(world: World) -> None:
    first = served(world)
    named = transfer(world, first, to={"queue": "billing"}, idempotency_key="1")
    by_sid = transfer(world, first, to={"queue": world.info["queues"]["billing"]}, idempotency_key="2")
    assert named["route"] == by_sid["route"]
    assert named["route"]["workflow"] == "transfers"  # type: ignore[index]


def test_without_target_the_rules_decide(world: World) -> None:
    moved = transfer(world, served(world), attributes={"topic": "billing"})
    assert (moved["rule"], moved["route"]["queue"]) == ("billing", "billing")  # type: ignore[index]


def test_immediate_release_does_not_wait(world: World) -> None:
    first = served(world)
    transfer(world, first, to={"queue": "billing"}, release="immediately")
    world.turn()
    assert agents(world, first["conversation_sid"]) == []
    assert world.judge()["orphaned"] == []


def test_released_and_untaken_is_rescued(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"queue": "billing"}, release="immediately")
    world.turn()
    world.advance(90_000)
    world.turn_until(moved["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_warm_transfer_keeps_both(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"}, mode="warm")
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    assert agents(world, first["conversation_sid"]) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("target", "field"),
    [({"queue": "biling"}, "to.queue"), ({"workflow": "nowhere"}, "to.workflow"), ({"worker": "zoe"}, "to.worker")],
    ids=["queue", "workflow", "worker"],
)
def test_unknown_target_is_named(world: World, target: dict[str, str], field: str) -> None:
    first = served(world)
    before = len(world.calls("POST "))
    answer = transfer(world, first, to=target)
    assert answer.status == 422
    assert [error["field"] for error in answer["errors"]] == [field]  # type: ignore[attr-defined]
    assert len(world.calls("POST ")) == before


def test_canceled_transfer_leaves_the_old_agent(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    canceled = world.post(f"invites/{moved['id']}/cancel", {})
    assert (canceled.status, canceled["state"]) == (200, "canceled")
    world.turn()
    assert agents(world, first["conversation_sid"]) == ["alice"]
    assert world.invite(moved["id"])["state"] == "canceled"
    assert world.conversation(str(first["conversation_sid"]))["state"] == "active"


def test_canceled_escalation_is_not_orphaned(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    assert world.post(f"invites/{invite['id']}/cancel", {})["state"] == "canceled"
    world.turn()
    assert world.invite(invite["id"])["state"] == "canceled"
    assert world.judge()["orphaned"] == []


def test_cancel_after_accept_conflicts(world: World) -> None:
    first = served(world)
    answer = world.post(f"invites/{first['id']}/cancel", {})
    assert answer.status == 409
    assert world.invite(first["id"])["state"] == "accepted"


def test_second_cancel_is_harmless(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    first, second = (world.post(f"invites/{invite['id']}/cancel", {}) for _ in range(2))
    assert (first.status, second.status, second["state"]) == (200, 200, "canceled")
