"""One world for all examples of a module, and everything that it logs."""

import io
import logging
from collections.abc import Iterator

import pytest

from service.tracking.embedded import EmbeddedStore
from tests.flow.conftest import RULES
from tests.flow.world import World


@pytest.fixture(scope="module")
def world(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    rules = tmp_path_factory.mktemp("fuzz") / "rules.yaml"
    rules.write_text(RULES)
    embedded.empty()
    running = World(embedded.url, str(rules))
    yield running
    running.close()


@pytest.fixture(scope="module")
def address(world: World) -> tuple[str, int]:
    return "127.0.0.1", int(world.url.rsplit(":", 1)[1])


@pytest.fixture(scope="module")
def lines(world: World) -> Iterator[io.StringIO]:
    """What is written to standard error, tracebacks too, but for the lines of the test's own server and sandbox."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    handler.addFilter(lambda record: not record.name.startswith(("werkzeug", "service.sandbox")))
    logging.getLogger().addHandler(handler)
    yield sink
    logging.getLogger().removeHandler(handler)
