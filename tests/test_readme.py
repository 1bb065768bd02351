"""README is short, and what it says of files, commands and rooms is what is there."""

import re
from pathlib import Path

import click
import pytest

from service.cli import main

MOST_LINES = 170


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_readme_is_short(readme: str) -> None:
    assert len(readme.splitlines()) <= MOST_LINES


def test_readme_names_how_to_test(readme: str) -> None:
    assert "`make test`" in readme


def test_readme_leads_to_the_docs(readme: str) -> None:
    assert "(docs/README.md)" in readme


def test_layout_names_every_room(readme: str, repository: Path) -> None:
    layout = readme[readme.index("## Layout") : readme.index("## Known limits")]
    rooms = [one.parent.name for one in (repository / "service").glob("*/__init__.py")]
    assert [room for room in rooms if f"      {room}/ " not in layout] == []


def test_named_files_exist(readme: str, repository: Path) -> None:
    named = set(re.findall(r"`(config/[\w./-]+)`", readme))
    assert named
    assert all((repository / name).exists() for name in named)


def test_every_command_has_help() -> None:
    def walk(command: click.Command) -> None:
        assert command.help, command.name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{command.name} {option.name}"
        for inner in getattr(command, "commands", {}).values():
            walk(inner)

    walk(main)
