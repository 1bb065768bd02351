"""Several commands, scripts among them, in one round trip. Knows no key.

A pipeline is no transaction: the commands are done in their order on each server, and one that fails does not keep
back those after it. A script that a server has forgotten is sent again behind all the others. So what goes together
must be harmless by itself, harmless twice, and must not build on what another command of it has written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from typing import Any

import redis
from redis.exceptions import NoScriptError

Plain = tuple[str | int, ...]  # a command that is no script, by its words


@dataclass(frozen=True)
class Call:
    """A script's text, keys and arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int]


def together(client: "redis.Redis", commands: Sequence[Call | Plain]) -> list[Any]:
    """The answers. Raises what redis-py raises, also if one command has failed."""
    answers = all_together(client, commands)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def all_together(client: "redis.Redis", commands: Sequence[Call | Plain]) -> list[Any]:
    """The answers, or the exceptions that stand in their places. Raises what redis-py raises where none came.

    Scripts go by their names; a server that does not know one has not run it, and is sent its text.
    """
    answers = _asked(client, [_words(one, known=True) for one in commands])
    unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    again = _asked(client, [_words(commands[place], known=False) for place in unknown]) if unknown else []
    for place, answer in zip(unknown, again, strict=True):
        answers[place] = answer
    return answers


def _asked(client: "redis.Redis", commands: Sequence[Plain]) -> list[Any]:
    pipe = client.pipeline(transaction=False)
    for command in commands:
        # by execute_command: a cluster's pipeline has no evalsha, for it cannot load a script; it can run one
        pipe.execute_command(*command)  # type: ignore[no-untyped-call]
    return pipe.execute(raise_on_error=False)


def _words(command: Call | Plain, *, known: bool) -> Plain:
    if not isinstance(command, Call):
        return command
    form = ("EVALSHA", _name(command.script)) if known else ("EVAL", command.script)
    return (*form, len(command.keys), *command.keys, *command.arguments)


@cache
def _name(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
