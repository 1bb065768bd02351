"""A task that waits is looked at again: its step is given up when the world has changed, and only for a better one."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.model import Invite, State
from service.reconcile.work import work
from service.tracking.embedded import EmbeddedStore
from tests.flow.world import PATIENCE_S, Answer, World

RULES = """
version: 1
via: transfers
rules:
  - name: alone
    when: attributes.topic == "alone"
    route: {queue: tier2-billing, skip_if: 'queues["tier2-billing"].available == 0', recheck: 30s}
    fallback: [{queue: support, skip_if: 'queues["support"].available == 0', recheck: 30s}]
  - name: impatient
    when: attributes.topic == "impatient"
    route: {queue: tier2-billing, skip_if: 'queues["tier2-billing"].available == 0', recheck: 30s}
    fallback: [{queue: billing}]
    give_up_after: 10m
default:
  route: {queue: tier2-billing, skip_if: 'queues["tier2-billing"].available == 0', recheck: 30s}
  fallback: [{queue: billing}]
"""
CLEAN: dict[str, list[str]] = {"orphaned": [], "double_invited": [], "closed_under_agent": []}
TASKS = "POST */Tasks/*"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    running.agent("carol", "online")  # the only one in tier2-billing
    yield running
    running.close()


def waiting(world: World, **attributes: str) -> Answer:
    """A customer waits for carol, who does not answer."""
    answer = world.escalate(world.customer()["conversation_sid"], attributes=attributes)
    assert answer["route"]["queue"] == "tier2-billing"  # type: ignore[index]
    return answer


def record(world: World, invite_id: object) -> Invite:
    found = world.reconciler.parts.store.get(str(invite_id))
    assert found is not None
    return found


def forget_figures(world: World) -> None:
    """What was read of the queues is not kept: the next to ask sees them as they are."""
    names = world.redis.keys("flex:*:queue*")
    if names:
        world.redis.delete(*names)


def look(world: World, invite_id: object) -> Answer:
    """The time of the recheck has come."""
    forget_figures(world)
    world.reconciler.parts.store.touch(str(invite_id), State.PENDING, due=0)
    world.turn()
    return world.invite(invite_id)


def await_strike(world: World) -> None:
    """Wait until a fault has struck."""
    deadline = time.monotonic() + PATIENCE_S
    while not world.control("GET", "faults")["faults"][0]["hits"]:
        assert time.monotonic() < deadline, "no such call was made"
        time.sleep(0.01)


def cancels(world: World) -> int:
    return sum(call["method"] == "POST" for call in world.calls("/Tasks/WT"))


def test_task_moves_on_when_agents_leave(world: World) -> None:
    first = waiting(world)
    world.agent("carol", "offline")
    look(world, first["id"])
    heir = world.turn_until(world.turn_until(first["id"], "superseded")["successor"], "pending")
    assert (heir["route"]["queue"], heir["predecessor"]) == ("billing", first["id"])  # type: ignore[index]
    assert world.judge() == CLEAN


def test_task_that_is_passed_over_says_so(world: World) -> None:
    world.control("POST", "callbacks", {"lost": True})
    first = waiting(world)
    world.agent("carol", "offline")
    look(world, first["id"])
    passed = world.turn_until(first["id"], "superseded")
    assert passed["reason"] == "recheck"
    assert record(world, first["id"]).ended_at_ms is not None


def test_task_stays_while_somebody_is_there(world: World) -> None:
    first = waiting(world)
    assert look(world, first["id"])["state"] == "pending"
    assert cancels(world) == 0


def test_task_stays_without_another_step(world: World) -> None:
    first = waiting(world, topic="alone")
    world.agent("carol", "offline")
    assert look(world, first["id"])["state"] == "pending"
    assert cancels(world) == 0


def test_task_moves_on_once_the_next_step_opens(world: World) -> None:
    first = waiting(world, topic="alone")
    world.agent("carol", "offline")
    look(world, first["id"])
    world.agent("alice", "online")
    look(world, first["id"])
    heir = world.turn_until(world.turn_until(first["id"], "superseded")["successor"], "pending")
    assert heir["route"]["queue"] == "support"  # type: ignore[index]


def test_task_stays_when_its_time_is_up(world: World) -> None:
    first = waiting(world, topic="impatient")
    world.agent("carol", "offline")
    forget_figures(world)
    parts = world.reconciler.parts
    work(parts, world.reconciler.book, str(first["id"]), now_ms=parts.store.now_ms() + 600_000)
    assert (world.invite(first["id"])["state"], cancels(world)) == ("pending", 0)


def test_task_stays_when_figures_are_missing(world: World) -> None:
    first = waiting(world)
    world.agent("carol", "offline")
    world.fault("GET */RealTimeStatistics", status=500, when="before")
    assert look(world, first["id"])["state"] == "pending"
    assert cancels(world) == 0


def test_task_stays_beside_an_agent(world: World) -> None:
    """The next step is not tried on a channel where somebody serves the customer, so nothing is canceled for it."""
    conversation = world.customer()["conversation_sid"]
    world.agent("dave", "online")
    serving = world.transfer(conversation_sid=conversation, to={"worker": "dave"})
    world.agent("dave", "accept", task_sid=str(serving["task_sid"]))
    world.await_state(serving["id"], "accepted")
    world.turn()
    second = world.escalate(conversation, idempotency_key="second")
    world.agent("carol", "offline")
    assert look(world, second["id"])["state"] == "pending"
    assert cancels(world) == 0


def test_task_accepted_just_before_is_kept(world: World) -> None:
    """The agent accepts while the cancel is on its way: Twilio refuses it, and the customer is served."""
    first = waiting(world)
    world.agent("carol", "offline")
    world.control("POST", "callbacks", {"lost": True})
    world.fault(TASKS, delay_s=1.0, when="before")
    turning = threading.Thread(target=look, args=(world, first["id"]))
    turning.start()
    await_strike(world)
    world.agent("carol", "accept", task_sid=str(first["task_sid"]))
    turning.join()
    assert (world.invite(first["id"])["state"], cancels(world)) == ("accepted", 1)
    assert world.judge() == CLEAN


@pytest.mark.parametrize("lost", [False, True], ids=["event-arrives", "event-lost"])
def test_lost_answer_leaves_one_successor(world: World, lost: bool) -> None:
    first = waiting(world)
    world.agent("carol", "offline")
    world.control("POST", "callbacks", {"lost": lost})
    world.fault(TASKS, reset=True, when="after", times=1)
    look(world, first["id"])
    heir = world.turn_until(world.turn_until(first["id"], "superseded")["successor"], "pending")
    assert record(world, first["id"]).successor == heir["id"]
    mine = world.reconciler.parts.store.of_anchor(str(first["conversation_sid"]))
    assert sorted(one.id for one in mine) == sorted([str(first["id"]), str(heir["id"])])
    assert world.judge() == CLEAN


def test_dead_process_leaves_one_successor(world: World) -> None:
    """It died between the cancel and its own note of it: the event is the same lapse."""
    first = waiting(world)
    world.agent("carol", "offline")
    world.reconciler.parts.taskrouter.cancel_task(str(first["task_sid"]), "as a recheck would")
    world.await_state(first["id"], "lapsed")
    heir = world.turn_until(world.turn_until(first["id"], "superseded")["successor"], "pending")
    assert heir["route"]["queue"] == "billing"  # type: ignore[index]


def test_recheck_brings_the_look_nearer(world: World) -> None:
    first = record(world, waiting(world)["id"])
    now_ms = world.reconciler.parts.store.now_ms()
    assert first.due_ms is not None
    assert 0 < first.due_ms - now_ms <= 30_000
    look(world, first.id)
    again = record(world, first.id).due_ms
    assert again is not None
    assert first.due_ms <= again <= first.due_ms + 30_000


def test_last_step_is_looked_at_as_usual(world: World) -> None:
    world.agent("carol", "offline")
    last = record(world, world.escalate(world.customer()["conversation_sid"], attributes={"topic": "alone"})["id"])
    assert (last.step, last.plan.steps[1].recheck_s) == (1, 30)
    assert last.due_ms is not None
    assert last.due_ms - world.reconciler.parts.store.now_ms() > 30_000
