"""A world that is used again and again: it is emptied between two stories, not built anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.tracking.embedded import EmbeddedStore, start_embedded
from tests.flow.world import World
from tests.stories.rigs import BUDGET_S, RULES, InProcess


@pytest.fixture(scope="session")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stories") / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="session")
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """No other test empties it."""
    store = start_embedded(tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def rig(own_store: EmbeddedStore, rules_file: Path) -> Iterator[InProcess]:
    world = World(own_store.url, str(rules_file), REQUEST_BUDGET_S=BUDGET_S)
    yield InProcess(world)
    world.close()
