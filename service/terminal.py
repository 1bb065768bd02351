"""How the commands talk to whoever typed them: results to stdout, all else to stderr. Nothing is decided here."""

import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import click

from service.errors import ConfigurationError

_SPAN = re.compile(r"(\d{1,4})([hd])")

RULES = click.Path(path_type=Path)
P = ParamSpec("P")
R = TypeVar("R")


def faults_shown(command: Callable[P, R]) -> Callable[P, R]:
    """A wrong configuration ends the command with all its faults, one a line, and exit code 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigurationError as error:
            click.echo("The configuration is not valid:", err=True)
            for fault in error.faults:
                click.echo(f"  {fault}", err=True)
            sys.exit(2)

    return guarded


def end(answer: tuple[int, str]) -> NoReturn:
    """The end of a command: its text and its exit code."""
    click.echo(answer[1].rstrip("\n"))
    sys.exit(answer[0])


def moment(text: str, now: datetime, *, option: str) -> datetime:
    """``12h`` or ``7d`` before ``now``, or a date or time in ISO 8601 (UTC unless it says otherwise).

    Raises ConfigurationError for anything else.
    """
    span = _SPAN.fullmatch(text)
    if span:
        return now - timedelta(hours=int(span[1]) * (24 if span[2] == "d" else 1))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        forms = "12h, 7d, 2026-11-01 or 2026-11-01T08:00+01:00"
        raise ConfigurationError((f"{option} must be like {forms}",)) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def gunicorn_config() -> Path:
    """The configuration of the web server. Raises ConfigurationError if there is none."""
    given = os.environ.get("GUNICORN_CONFIG")
    beside = Path(__file__).parent.parent / "config" / "gunicorn.conf.py"
    path = Path(given) if given else beside if beside.exists() else Path("config/gunicorn.conf.py")
    if not path.exists():
        raise ConfigurationError((f"{path} is missing: start from the project's folder, or set GUNICORN_CONFIG",))
    return path


def aside(line: str) -> None:
    """What is no part of the result."""
    click.echo(line, err=True)


def progress(line: str) -> None:
    """For whoever waits at a terminal."""
    if sys.stderr.isatty():
        click.echo(f"… {line}", err=True)


def agreement(*, yes: bool) -> Callable[[str], bool] | None:
    """Who is asked before something is changed: nobody, a person, or nobody because nobody is there."""
    if yes:
        return lambda question: True
    return (lambda question: click.confirm(question, err=True)) if sys.stdin.isatty() else None


def bar(what: str, done: int, of: int | None) -> None:
    """For whoever waits at a terminal: one line that is written over."""
    if sys.stderr.isatty():
        filled = 30 * done // of if of else 0
        shown = f"[{'#' * filled}{'.' * (30 - filled)}] {done} of {of} {what}" if of else f"{done} {what}"
        click.echo(f"\r{shown:<72}", err=True, nl=done == of)
