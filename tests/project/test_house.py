"""The house rules that a linter does not know: sizes and names of modules."""

from pathlib import Path

import pytest

ROOMS = ("service", "tests", "config")
NONDESCRIPT = {"base", "common", "helpers", "manager", "misc", "util", "utils"}


def modules(repository: Path) -> list[Path]:
    return [path for room in ROOMS for path in (repository / room).rglob("*.py")]


def test_no_module_outgrows_its_room(repository: Path) -> None:
    service = repository / "service"
    sizes = {str(path.relative_to(service)): len(path.read_text().splitlines()) for path in service.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_every_module_has_a_telling_name(repository: Path) -> None:
    assert [path.name for path in modules(repository) if path.stem in NONDESCRIPT] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_says_what_it_is(repository: Path, room: str) -> None:
    silent = [path for path in (repository / room).rglob("*.py") if path.read_text().strip()[:3] not in ('"""', "")]
    assert [path.relative_to(repository).as_posix() for path in silent] == []
