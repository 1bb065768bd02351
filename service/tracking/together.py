"""One script and the plain commands that go with it, in one round trip. Knows no key.

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


def together(
    client: "redis.Redis", call: Call, *, before: Fill | None = None, after: Fill | None = None
) -> tuple[Any, list[Any]]:
    """The script's answer, and the answers to what ``after`` has filled in. Raises what redis-py raises.

    By the script's name; a server that does not know it has not run it, and is sent its text with all the rest again.
    """
    try:
        return _together(client, call, ("EVALSHA", _name(call.script)), before, after)
    except NoScriptError:
        return _together(client, call, ("EVAL", call.script), before, after)


def _together(
    client: "redis.Redis", call: Call, form: tuple[str, str], before: Fill | None, after: Fill | None
) -> tuple[Any, list[Any]]:
    pipe = client.pipeline(transaction=False)
    if before is not None:
        before(pipe)
    place = len(pipe)
    # by execute_command: a cluster's pipeline has no evalsha, for it cannot load a script; it can run one
    pipe.execute_command(*form, len(call.keys), *call.keys, *call.arguments)  # type: ignore[no-untyped-call]
    if after is not None:
        after(pipe)
    answers = pipe.execute()
    return answers[place], answers[place + 1 :]


@cache
def _name(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
