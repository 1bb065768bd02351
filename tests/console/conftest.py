"""One world a module: its conversations are many enough for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.tracking.connection import connect
from service.tracking.embedded import EmbeddedStore
from tests.console.house import RULES, Visitor, console_settings
from tests.flow.world import World


@pytest.fixture(scope="module")
def world(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    rules.write_text(RULES)
    connection = connect(embedded.url)
    connection.flushall()
    running = World(embedded.url, str(rules), **console_settings())
    running.reconciler.next_minute = float("inf")
    yield running
    running.close()
    connection.close()


@pytest.fixture
def stranger(world: World) -> Visitor:
    return Visitor(world)


@pytest.fixture
def operator(world: World) -> Visitor:
    visitor = Visitor(world)
    assert visitor.sign_in().status_code == 303
    return visitor


@pytest.fixture
def reader(world: World) -> Visitor:
    from tests.console.house import LOOKING

    visitor = Visitor(world)
    assert visitor.sign_in(LOOKING).status_code == 303
    return visitor
