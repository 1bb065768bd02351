"""What the customer's last worker is at, as the rules see it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import World

RULES = """
version: 1
via: transfers
rules:
  - {name: on-a-break, when: 'last_worker.activity == "Pause"', route: {queue: billing}}
  - {name: gone, when: 'last_worker.activity IN ["Offline"]', route: {queue: support}}
default: {workflow: everyone}
"""
ALIASES = "version: 1\nactivities: {Pause: Break}\n"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    rules, aliases = tmp_path / "rules.yaml", tmp_path / "aliases.yaml"
    rules.write_text(RULES)
    aliases.write_text(ALIASES)
    running = World(embedded.url, str(rules), RULES_ALIASES=str(aliases))
    yield running
    running.close()


def go(world: World, worker: str, activity: str) -> None:
    """The worker's activity is changed, as in the Flex UI."""
    url = (
        f"{world.sandbox.base_url}/v1/Workspaces/{world.info['workspace_sid']}/Workers/{world.info['workers'][worker]}"
    )
    login = (world.info["account_sid"], world.info["auth_token"])
    assert requests.post(url, {"ActivitySid": world.info["activities"][activity]}, auth=login, timeout=5).ok


@pytest.mark.parametrize(
    ("activity", "rule"), [("Break", "on-a-break"), ("Offline", "gone"), ("Unavailable", "default")], ids=str
)
def test_rules_see_what_the_last_worker_is_at(world: World, activity: str, rule: str) -> None:
    sid = world.customer()["conversation_sid"]
    assert world.post("decisions", {"conversation_sid": sid})["rule"] == "default"
    invite = world.escalate(sid)
    world.agent("bob", "accept", task_sid=str(invite["task_sid"]))
    world.await_state(invite["id"], "accepted")
    go(world, "bob", activity)
    assert world.post("decisions", {"conversation_sid": sid})["rule"] == rule
