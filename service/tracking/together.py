"""Several scripts, or one and the plain commands that go with it, in one round trip. Knows no key.

A pipeline is no transaction: the commands are done in their order on each server, and one that fails does not keep
back those after it. So what goes with a script must be harmless by itself, and harmless twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from typing import Any

import redis
from redis.exceptions import NoScriptError

Fill = Callable[[Any], None]  # puts commands into a pipeline


@dataclass(frozen=True)
class Call:
    """A script's text, keys and arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int]


Plain = tuple[str | int, ...]  # a command that is no script, by its words


def all_together(client: "redis.Redis", commands: Sequence[Call | Plain]) -> list[Any]:
    """The answers to many commands, or the exceptions that stand in their places. Raises where none came."""
    answers = _asked(client, [_words(one, known=True) for one in commands])
    unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    again = _asked(client, [_words(commands[place], known=False) for place in unknown]) if unknown else []
    for place, answer in zip(unknown, again, strict=True):
        answers[place] = answer
    return answers


def _asked(client: "redis.Redis", commands: Sequence[Plain]) -> list[Any]:
    pipe = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)  # type: ignore[no-untyped-call]
    return pipe.execute(raise_on_error=False)


def _words(command: Call | Plain, *, known: bool) -> Plain:
    if not isinstance(command, Call):
        return command
    form = ("EVALSHA", _name(command.script)) if known else ("EVAL", command.script)
    return (*form, len(command.keys), *command.keys, *command.arguments)


def together(
    client: "redis.Redis", call: Call, *, before: Fill | None = None, after: Fill | None = None
) -> tuple[Any, list[Any]]:
    """The script's answer, and the answers to what ``after`` has filled in. Raises what redis-py raises.

    By the script's name; a server that does not know it has not run it, and is sent its text with all the rest again.
    """
    try:
        return _together(client, call, True, before, after)
    except NoScriptError:
        return _together(client, call, False, before, after)


def _together(
    client: "redis.Redis", call: Call, known: bool, before: Fill | None, after: Fill | None
) -> tuple[Any, list[Any]]:
    pipe = client.pipeline(transaction=False)
    if before is not None:
        before(pipe)
    place = len(pipe)
    # by execute_command: a cluster's pipeline has no evalsha, for it cannot load a script; it can run one
    pipe.execute_command(*_words(call, known=known))  # type: ignore[no-untyped-call]
    if after is not None:
        after(pipe)
    answers = pipe.execute()
    return answers[place], answers[place + 1 :]


@cache
def _name(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
