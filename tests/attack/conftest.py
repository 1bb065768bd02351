"""A world per test, with rules that have something to lose."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.kept import Build, builder
from tests.flow.world import World

RULES = """
version: 1
via: transfers
rules:
  - name: ladder
    when: attributes.topic == "ladder"
    route: {queue: tier2-billing, timeout: 1m}
    fallback: [{queue: billing, timeout: 1m}, {queue: support, timeout: 20m}]
  - name: leave-open
    when: attributes.topic == "leave"
    route: {workflow: everyone}
    on_lapse: leave
default: {workflow: everyone}
"""


@pytest.fixture
def build(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[Build]:
    """A world with settings of one's own."""
    yield from builder(embedded.url, tmp_path, RULES)


@pytest.fixture
def world(build: Build) -> World:
    return build()
