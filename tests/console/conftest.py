"""One world a module, on a store of its own: its conversations are many enough for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.tracking.embedded import EmbeddedStore, start_embedded
from tests.console.house import LOOKING, RULES, Visitor, console_settings
from tests.flow.world import World


@pytest.fixture(scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    store = start_embedded(tmp_path_factory.mktemp("console-store"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    rules.write_text(RULES)
    return rules


@pytest.fixture(scope="module")
def world(own_store: EmbeddedStore, rules_file: Path) -> Iterator[World]:
    own_store.empty()
    running = World(own_store.url, str(rules_file), **console_settings())
    running.reconciler.next_minute = float("inf")  # only when a test says so
    yield running
    running.close()


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
    visitor = Visitor(world)
    assert visitor.sign_in(LOOKING).status_code == 303
    return visitor
