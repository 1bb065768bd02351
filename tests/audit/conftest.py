"""One world for all of these tests, put back to its start for each."""

from collections.abc import Iterator

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.kept import kept_world, renewed
from tests.flow.world import World


@pytest.fixture(scope="module")
def running(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(running: World, client: "redis.Redis") -> World:
    """As at the start: the local Twilio, and an empty store."""
    return renewed(running)
