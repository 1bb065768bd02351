"""A script and plain commands in one round trip, on a real server."""

import pytest
import redis

from service.tracking.together import Call, together

SCRIPT = "redis.call('APPEND', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[1])"
KEY = "flex:{00}:word"


def test_commands_stand_around_the_script(client: "redis.Redis") -> None:
    call = Call(SCRIPT, [KEY], ["b"])
    assert together(client, call, before=lambda pipe: pipe.set(KEY, "a"), after=lambda pipe: pipe.strlen(KEY)) == (
        "ab",
        [2],
    )


def test_forgotten_script_runs_once_all_the_same(client: "redis.Redis") -> None:
    together(client, Call(SCRIPT, [KEY], ["a"]))
    client.script_flush()
    assert together(client, Call(SCRIPT, [KEY], ["b"]))[0] == "ab"


def test_fault_of_a_command_is_raised(client: "redis.Redis") -> None:
    with pytest.raises(redis.ResponseError):
        together(client, Call(SCRIPT, [KEY], ["a"]), after=lambda pipe: pipe.lpush(KEY, "b"))
