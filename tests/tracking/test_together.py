"""Scripts and plain commands in one round trip, on a real server."""

import pytest
import redis

from service.tracking.together import Call, all_together, together

SCRIPT = "redis.call('APPEND', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[1])"
KEY = "flex:{00}:word"


def call(word: str) -> Call:
    return Call(SCRIPT, [KEY], [word])


def test_commands_are_done_in_their_order(client: "redis.Redis") -> None:
    client.script_load(SCRIPT)
    assert together(client, [("SET", KEY, "a"), call("b"), ("STRLEN", KEY)]) == [True, "ab", 2]


def test_forgotten_script_runs_once_all_the_same(client: "redis.Redis") -> None:
    together(client, [call("a")])
    client.script_flush()
    assert together(client, [call("b")]) == ["ab"]


def test_fault_of_a_command_is_raised(client: "redis.Redis") -> None:
    with pytest.raises(redis.ResponseError):
        together(client, [call("a"), ("LPUSH", KEY, "b")])


def test_fault_of_a_command_can_be_left_in_its_place(client: "redis.Redis") -> None:
    client.script_load(SCRIPT)
    first, second, third = all_together(client, [call("a"), ("LPUSH", KEY, "b"), call("c")])
    assert (first, third) == ("a", "ac")
    assert isinstance(second, redis.ResponseError)
