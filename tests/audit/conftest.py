"""One world for all of these tests, put back to its start for each."""

from collections.abc import Iterator

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.conftest import RULES
from tests.flow.world import World


@pytest.fixture(scope="module")
def running(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    made = World(embedded.url, str(path))
    yield made
    made.close()


@pytest.fixture
def world(running: World, client: "redis.Redis") -> World:
    """As at the start: the local Twilio, and an empty store."""
    running.advance(0)  # until no callback of the test before is on its way
    running.control("POST", "reset")
    client.flushall()
    return running
