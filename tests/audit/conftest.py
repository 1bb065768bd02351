"""A world per test, with the rules of the flow tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.conftest import RULES
from tests.flow.world import World


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    running = World(embedded.url, str(path))
    yield running
    running.close()
