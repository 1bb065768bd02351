"""A world per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.kept import Build, builder
from tests.flow.world import World


@pytest.fixture
def build(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[Build]:
    """A world with settings of one's own."""
    yield from builder(embedded.url, tmp_path)


@pytest.fixture
def world(build: Build) -> World:
    return build()
