"""One world for all tests of a module, made as good as new before each: a new one costs more than most tests do."""

from collections.abc import Iterator
from pathlib import Path

from tests.flow.conftest import RULES
from tests.flow.world import World


def kept_world(redis_url: str, folder: Path) -> Iterator[World]:
    """For a fixture of the module's scope."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    running = World(redis_url, str(rules))
    yield running
    running.close()


def renewed(world: World) -> World:
    """The world with nothing in its store and nothing at its Twilio."""
    world.control("POST", "reset")
    world.redis.flushall()
    return world
