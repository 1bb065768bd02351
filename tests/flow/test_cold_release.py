"""When the agent who transfers cold is let go, and what becomes of a transfer that nobody takes."""

import pytest

from tests.flow.acts import NOTHING_WRONG, agents, leave, live_tasks, served, sid_of, transfer
from tests.flow.world import World


def test_queued_release_waits_for_the_queue(world: World) -> None:
    first = served(world)
    transfer(world, first, to={"queue": "billing"}, release="queued")
    world.turn()
    assert agents(world, first) == []
    assert len(live_tasks(world, first)) == 1


@pytest.mark.parametrize("word", ["accepted", "on_accept"])
def test_accepted_release_waits_for_a_person(world: World, word: str) -> None:
    first = served(world)
    moved = transfer(world, first, to={"queue": "billing"}, release=word)
    world.turn()
    assert agents(world, first) == ["alice"]
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    world.await_state(moved["id"], "accepted")
    world.turn()
    assert agents(world, first) == ["bob"]


def test_queued_release_and_dead_task_keeps_the_agent(world: World) -> None:
    """The task dies before anybody looked at its queue: the agent is not let go for it."""
    first = served(world)
    moved = transfer(world, first, to={"queue": "billing"}, release="queued")
    world.control("POST", "callbacks", {"lost": 1.0})
    world.reconciler.parts.taskrouter.cancel_task(str(moved["task_sid"]), "somebody else did it")
    world.turn_until(moved["id"], "released")
    assert agents(world, first) == ["alice"]


def test_declined_transfer_tries_the_next_step(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, attributes={"topic": "ladder"})
    world.advance(70)
    heir = world.turn_until(moved["id"], "superseded")["successor"]
    assert world.invite(heir)["route"]["queue"] == "support"  # type: ignore[index]
    assert agents(world, first) == ["alice"]
    world.advance(200)
    world.turn_until(heir, "released")
    assert agents(world, first) == ["alice"]
    assert world.judge() == NOTHING_WRONG


def test_transfer_shows_that_the_agent_keeps_the_customer(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    assert world.get(f"transfers/{moved['id']}")["outcome"] == "waiting"
    world.reconciler.parts.taskrouter.cancel_task(str(moved["task_sid"]), "nobody came")
    world.turn_until(moved["id"], "released")
    assert world.get(f"transfers/{moved['id']}")["outcome"] == "kept"


def test_transfer_shows_that_it_is_done(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    assert world.get(f"transfers/{moved['id']}")["outcome"] == "changing_hands"
    world.turn()
    assert world.get(f"transfers/{moved['id']}")["outcome"] == "transferred"


def test_newcomer_who_leaves_is_settled_before_the_release(world: World) -> None:
    """Bob asks to leave, with a hand-over, before alice was let go: one of the two is always there, or a task."""
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    leave(world, first, "bob", last="transfer", to={"queue": "support"})
    world.turn()
    assert len(live_tasks(world, first)) >= 1
    assert world.judge() == NOTHING_WRONG


def test_old_agent_is_closed_once(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    world.turn()
    assert len(world.calls("/Participants/UT")) == 1


def test_customer_handed_back_at_once_is_not_dropped(world: World) -> None:
    """Bob has accepted and hands back to alice, who accepts, before either was released."""
    first = served(world)
    there = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(there["id"], "accepted")
    back = world.transfer(
        conversation_sid=first["conversation_sid"],
        to={"workflow": "everyone"},
        idempotency_key="back",
        **{"from": {"worker_sid": sid_of(world, "bob")}},
    )
    world.agent("alice", "accept", task_sid=str(back["task_sid"]))
    world.await_state(back["id"], "accepted")
    world.turn()
    assert agents(world, first) == ["alice"]
    assert world.judge() == NOTHING_WRONG
