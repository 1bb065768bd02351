"""A rule says when the agent who transfers is let go, where the transfer itself does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import Answer, World

RULES = """
version: 1
via: transfers
rules:
  - {name: at-once, when: request.reason == "at once", route: {queue: billing}, release: immediately}
  - {name: in-its-queue, when: request.reason == "queued", route: {queue: billing}, release: queued}
  - {name: when-taken, when: request.reason == "taken", route: {queue: billing}, release: accepted}
default: {queue: billing}
"""


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    yield running
    running.close()


def handed_on(world: World, **more: object) -> Answer:
    """Carol hands a conversation on, and the reconciler has done what was due."""
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("carol", "accept", task_sid=str(first["task_sid"]))
    world.await_state(first["id"], "accepted")
    origin = {"worker_sid": world.info["workers"]["carol"]}
    moved = world.transfer(**{"conversation_sid": first["conversation_sid"], "from": origin, **more})
    assert moved.status == 201
    world.turn()
    return moved


def agents(world: World, moved: Answer) -> list[str]:
    people = world.conversation(str(moved["conversation_sid"]))["participants"]
    return [person["worker"] for person in people if person["type"] == "agent"]


RELEASED = {
    "by-the-rule-at-once": ({"reason": "at once"}, []),
    "by-the-rule-in-its-queue": ({"reason": "queued"}, []),
    "by-the-rule-when-taken": ({"reason": "taken"}, ["carol"]),
    "by-default-when-taken": ({}, ["carol"]),
    "request-over-rule": ({"reason": "at once", "release": "accepted"}, ["carol"]),
    "rule-under-request": ({"reason": "taken", "release": "immediately"}, []),
}


@pytest.mark.parametrize(("body", "there"), RELEASED.values(), ids=RELEASED)
def test_agent_is_let_go_as_rule_or_request_says(world: World, body: dict[str, object], there: list[str]) -> None:
    moved = handed_on(world, **body)
    assert agents(world, moved) == there
    assert world.judge()["orphaned"] == []
