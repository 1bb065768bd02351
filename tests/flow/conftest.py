"""A world per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import World

RULES = """
version: 1
via: transfers
rules:
  - name: billing
    when: attributes.topic == "billing"
    route: {queue: billing, priority: 20, timeout: 10m}
    farewell: Nobody is here just now. Please write again.
  - name: ladder
    when: attributes.topic == "ladder"
    route: {queue: tier2-billing, timeout: 1m}
    fallback: [{queue: support, timeout: 2m}]
  - name: leave-open
    when: attributes.topic == "leave"
    route: {workflow: everyone}
    on_lapse: leave
default: {workflow: everyone}
"""


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path) -> Iterator[World]:
    running = World(embedded.url, str(rules_file))
    yield running
    running.close()
