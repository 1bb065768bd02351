"""What README says of commands, addresses and filters is what the code has."""

import re
from pathlib import Path

import click
import pytest

from service.cli import main
from service.intake.openapi import document
from service.tracking.lifecycle import EVENTS_FILTER


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_events_filter_is_ours(readme: str) -> None:
    assert f"`{EVENTS_FILTER}`" in readme


def test_every_address_is_described(readme: str) -> None:
    paths = document()["paths"]
    assert isinstance(paths, dict)
    for path in paths:
        assert path.replace("{invite_id}", "{id}").removeprefix("/v1/events") in readme, path


def test_every_command_is_named(readme: str) -> None:
    for name, command in main.commands.items():
        names = [f"{name} {inner}" for inner in command.commands] if isinstance(command, click.Group) else [name]
        assert all(one in readme for one in names)


def test_named_files_exist(readme: str) -> None:
    named = set(re.findall(r"`(config/[\w./-]+)`", readme))
    assert named
    assert all((Path(__file__).parent.parent / name).exists() for name in named)


def test_every_command_has_help() -> None:
    def walk(command: click.Command) -> None:
        assert command.help, command.name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{command.name} {option.name}"
        for inner in getattr(command, "commands", {}).values():
            walk(inner)

    walk(main)
