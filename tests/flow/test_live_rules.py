"""Rules that look at the world: queues as they are, the agent who knows the customer, the steps of a ladder."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import Answer, World

RULES = """
version: 1
via: transfers
rules:
  - name: same-agent
    when: last_worker.available == true AND last_worker.minutes_ago < 60
    route: {worker: {fact: last_worker.sid}, timeout: 20s}
  - name: crowded
    when: request.reason == "crowded" AND queues["support"].waiting > 0
    route: {workflow: callbacks}
  - name: many
    when: >-
      request.reason == "many" AND (queues["support"].waiting > 999 OR queues["billing"].waiting > 999
      OR queues["tier2-billing"].waiting > 999)
    route: {workflow: callbacks}
  - name: ladder
    when: request.reason == "ladder"
    route: {queue: support, timeout: 1m}
    fallback:
      - {queue: tier2-billing, timeout: 1m, skip_if: 'queues["tier2-billing"].available == 0'}
      - {queue: billing, timeout: 1m}
  - name: impatient
    when: request.reason == "impatient"
    route: {queue: support, timeout: 1m}
    give_up_after: 1s
    fallback: [{queue: billing, timeout: 1m}]
default: {workflow: everyone}
"""


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    yield running
    running.close()


def statistics(world: World) -> int:
    return len(world.calls("RealTimeStatistics"))


def test_many_slow_readings_cost_no_more_than_the_request_has(
    embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path
) -> None:
    """Each has a limit of its own, 1.5 s; three of them are more than the request's time."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    world = World(embedded.url, str(path), REQUEST_BUDGET_S="3")
    try:
        customer = world.customer()["conversation_sid"]
        world.fault("GET *RealTimeStatistics*", delay_s=9)
        began = time.monotonic()
        answer = world.escalate(customer, reason="many")
        took = time.monotonic() - began
    finally:
        world.close()
    assert (answer.status, answer["rule"]) == (201, "default")
    assert took < 3.3, f"budget 3 s, answered after {took:.1f} s"


def escalated(world: World, reason: str | None = None, **more: object) -> Answer:
    body = {"conversation_sid": world.customer()["conversation_sid"], **({"reason": reason} if reason else {}), **more}
    return world.post("escalations", body)


def test_customer_goes_back_to_the_same_agent(world: World) -> None:
    address = {"customerAddress": "customer@example.com"}
    first = escalated(world, attributes=address)
    world.agent("bob", "accept", task_sid=str(first["task_sid"]))
    world.await_state(first["id"], "accepted")
    second = escalated(world, attributes=address)
    assert (second["rule"], second["route"]["worker"]) == ("same-agent", "bob")  # type: ignore[index]


def test_same_agent_is_not_asked_when_away(world: World) -> None:
    address = {"customerAddress": "customer@example.com"}
    first = escalated(world, attributes=address)
    world.agent("bob", "accept", task_sid=str(first["task_sid"]))
    world.await_state(first["id"], "accepted")
    world.agent("bob", "offline")
    assert escalated(world, attributes=address)["rule"] == "default"


def test_address_of_a_customer_is_no_key(world: World) -> None:
    first = escalated(world, attributes={"customerAddress": "customer@example.com"})
    world.agent("bob", "accept", task_sid=str(first["task_sid"]))
    world.await_state(first["id"], "accepted")
    names = [key for key in world.redis.keys("*") if ":last:" in key]
    assert len(names) == 2
    assert not any("customer@" in name for name in names)


def test_waiting_tasks_change_the_decision(world: World) -> None:
    assert escalated(world, "crowded")["rule"] == "default"
    world.redis.delete(*world.redis.keys("flex:*:queue*"))
    world.transfer(conversation_sid=world.customer()["conversation_sid"], to={"queue": "support"})
    assert escalated(world, "crowded")["rule"] == "crowded"


def test_figures_are_fetched_only_where_asked_for(world: World) -> None:
    escalated(world)
    assert statistics(world) == 0


def test_figures_are_fetched_once_for_many(world: World) -> None:
    conversations = [world.customer()["conversation_sid"] for _ in range(8)]
    barrier = threading.Barrier(8)

    def one(conversation: str) -> Answer:
        barrier.wait()
        return world.escalate(conversation, reason="crowded")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, conversations))
    assert {answer.status for answer in answers} == {201}
    assert statistics(world) == 1


def test_missing_figures_are_null_and_stop_nobody(world: World) -> None:
    world.fault("GET */RealTimeStatistics", status=500, when="before")
    answer = escalated(world, "crowded")
    assert (answer.status, answer["rule"]) == (201, "default")


def test_step_without_anybody_is_skipped(world: World) -> None:
    first = escalated(world, "ladder")
    world.advance(65)
    lapsed = world.turn_until(first["id"], "superseded")
    heir = world.turn_until(lapsed["successor"], "pending")
    assert (heir["step"], heir["route"]["queue"]) == (2, "billing")  # type: ignore[index]


def test_step_is_tried_when_figures_are_missing(world: World) -> None:
    world.fault("GET */RealTimeStatistics", status=500, when="before")
    first = escalated(world, "ladder")
    world.advance(65)
    lapsed = world.turn_until(first["id"], "superseded")
    assert world.turn_until(lapsed["successor"], "pending")["step"] == 1


def test_ladder_gives_up_in_time(world: World) -> None:
    first = escalated(world, "impatient")
    world.advance(65)
    world.await_state(first["id"], "lapsed")
    threading.Event().wait(1.1)  # the limit is told by the store's clock, which no test can move
    assert world.turn_until(first["id"], "closed", "superseded")["state"] == "closed"


def test_stored_invite_keeps_its_trace(world: World) -> None:
    invite = world.reconciler.parts.store.get(str(escalated(world, "ladder")["id"]))
    assert invite is not None
    assert '"rule":"ladder"' in invite.plan.trace
    assert len(invite.plan.rules_sha256) == 64
