"""The parts of docs/ that are made from the code: settings' bounds, bodies, problems, events, keys of rules, commands.

``python -m tests.project.generated`` writes them anew; a test says when that is due.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from service import errors
from service.cli import main
from service.intake.payloads_shape import EscalationBody, TransferBody
from service.rules.schema import schema_text
from service.settings import Settings
from service.tracking.lifecycle import EVENT_SIGNALS, TRANSITIONS

DOCS = Path(__file__).parents[2] / "docs"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    top = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*top, *(f"| {' | '.join(row)} |" for row in rows)])


def bounds() -> str:
    """Least and most of each number among the settings."""

    def rows() -> Iterator[tuple[str, ...]]:
        for name, info in Settings.model_fields.items():
            least = next((one.ge for one in info.metadata if hasattr(one, "ge")), None)
            most = next((one.le for one in info.metadata if hasattr(one, "le")), None)
            if least is not None or most is not None:
                yield f"`{name.upper()}`", f"{least:,}", f"{most:,}"

    return _table(("variable", "least", "most"), rows())


def _body(shape: type[BaseModel], *, without: type[BaseModel] | None = None) -> str:
    names = [name for name in shape.model_fields if without is None or name not in without.model_fields]
    fields = {name: shape.model_fields[name] for name in names}
    rows = ((f"`{info.alias or name}`", (info.description or "").replace("|", "\\|")) for name, info in fields.items())
    return _table(("field", "meaning"), rows)


def problems() -> str:
    """Every fault that a caller can be told."""
    shown: list[type[errors.RouterError]] = [errors.RouterError, *errors.RouterError.__subclasses__()]
    kinds = [one for one in shown if one.__module__ == errors.__name__ and one is not errors.ConfigurationError]
    rows = ((str(one.status), f"`/problems/{one.slug}`", one.title) for one in kinds)
    return _table(("status", "type", "title"), iter(sorted(rows)))


def events() -> str:
    """Event types by the signal that they give."""

    def rows() -> Iterator[tuple[str, ...]]:
        for signal in TRANSITIONS:
            types = [f"`{kind}`" for kind, given in EVENT_SIGNALS.items() if given == signal]
            if types:
                yield f"`{signal}`", ", ".join(types)

    return _table(("signal", "events that give it"), rows())


def keys() -> str:
    """Every key of a rules file, by where it stands."""
    schema = json.loads(schema_text())
    shapes = {
        "At the top": schema["properties"],
        "In a rule": schema["$defs"]["RuleShape"]["properties"],
        "In a route or a step": schema["$defs"]["RouteShape"]["properties"],
        "In a calendar": schema["$defs"]["CalendarShape"]["properties"],
    }

    def rows(shape: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
        return ((f"`{name}`", str(told["description"]).replace("|", "\\|")) for name, told in shape.items())

    return "\n\n".join(f"{where}:\n\n{_table(('key', 'meaning'), rows(shape))}" for where, shape in shapes.items())


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(name, command) for name, command in walk())


def walk(group: click.Group = main, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its whole name, in the order of the alphabet."""
    for name, command in sorted(group.commands.items()):
        whole = f"{before}{name}"
        if isinstance(command, click.Group):
            yield from walk(command, f"{whole} ")
        else:
            yield whole, command


def _command(name: str, command: click.Command) -> str:
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join(["flex-router", name, *arguments])
    told = re.sub(r"\s*\n\s*", "\n", (command.help or "").strip())
    text = f"## {name}\n\n    {usage}\n\n{told}"
    options = [one for one in command.params if isinstance(one, click.Option)]
    if not options:
        return text
    return text + "\n\n" + _table(("option", "default", "meaning"), map(_option, options))


def _option(option: click.Option) -> tuple[str, str, str]:
    value = "" if option.is_flag else " " + option.make_metavar(click.Context(main))
    shown = f"`{option.default}`" if not option.is_flag and isinstance(option.default, str | int | float) else ""
    return f"`{option.opts[0]}{value}`".replace("|", "\\|"), shown, option.help or ""


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "bounds": ("reference/settings.md", bounds),
    "body EscalationBody": ("reference/http.md", lambda: _body(EscalationBody)),
    "body TransferBody": ("reference/http.md", lambda: _body(TransferBody, without=EscalationBody)),
    "problems": ("reference/http.md", problems),
    "events": ("explanation/life-of-an-invite.md", events),
    "keys": ("reference/rules.md", keys),
    "commands": ("reference/cli.md", commands),
}


def with_part(name: str, text: str) -> str:
    """The page ``text`` with one part of it made anew."""
    made = f"\n\n{PARTS[name][1]()}\n\n"
    pattern = rf"(<!-- {name}: [^\n]*-->).*?(<!-- end of {name.split()[0]} -->)"
    found, count = re.subn(pattern, lambda match: match[1] + made + match[2], text, flags=re.DOTALL)
    assert count == 1, f"{PARTS[name][0]} has {count} places for {name}"
    return found


if __name__ == "__main__":
    for part, (page, _) in PARTS.items():
        (DOCS / page).write_text(with_part(part, (DOCS / page).read_text(encoding="utf-8")), encoding="utf-8")
