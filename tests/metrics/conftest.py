"""A world per test, with settings of one's own where a test wants them; and how its metrics are read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from prometheus_client.parser import text_string_to_metric_families

from service.tracking.embedded import EmbeddedStore
from tests.flow.kept import Build, builder
from tests.flow.world import World

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def build(embedded: EmbeddedStore, client: "redis.Redis", tmp_path: Path) -> Iterator[Build]:
    """A world with settings of one's own."""
    yield from builder(embedded.url, tmp_path)


@pytest.fixture
def world(build: Build) -> World:
    return build()


def samples_of(text: str) -> Samples:
    """Every sample of an exposition, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Watcher:
    """Reads one address again and again, and tells what has been added since it began. Counters of a process never go
    back, so tests that share it look at differences."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._began = self.now()

    def now(self) -> Samples:
        """All samples as they are."""
        answer = requests.get(self._address, timeout=20)
        assert answer.status_code == 200, answer.text
        return samples_of(answer.text)

    def added(self, name: str, **labels: str) -> float:
        """By how much samples of that name with at least these labels have grown together."""
        return self._sum(self.now(), name, labels) - self._sum(self._began, name, labels)

    def value(self, name: str, **labels: str) -> float | None:
        """A gauge; None if it is not shown."""
        return self.now().get((f"flex_router_{name}", frozenset(labels.items())))

    @staticmethod
    def _sum(samples: Samples, name: str, labels: dict[str, str]) -> float:
        wanted = set(labels.items())
        return sum(
            value for (shown, held), value in samples.items() if shown == f"flex_router_{name}" and wanted <= held
        )


@pytest.fixture
def watcher(world: World) -> Watcher:
    return Watcher(f"{world.url}/metrics")
