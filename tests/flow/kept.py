"""Worlds for a module or for settings of one's own: a new one costs more than most tests do."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.flow.conftest import RULES
from tests.flow.world import World

Build = Callable[..., World]


def kept_world(redis_url: str, folder: Path) -> Iterator[World]:
    """For a fixture of the module's scope."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    running = World(redis_url, str(rules))
    yield running
    running.close()


def renewed(world: World) -> World:
    """The world with nothing in its store and nothing at its Twilio."""
    world.advance(0)  # until no callback of the test before is on its way
    world.control("POST", "reset")
    world.redis.flushall()
    return world


def builder(redis_url: str, folder: Path, rules: str = RULES) -> Iterator[Build]:
    """Makes worlds with these rules and settings of one's own; REDIS_URL may be among them."""
    file = folder / "rules.yaml"
    file.write_text(rules)
    made: list[World] = []

    def new(**settings: str) -> World:
        made.append(World(settings.pop("REDIS_URL", redis_url), str(file), **settings))
        return made[-1]

    yield new
    for world in made:
        world.close()
