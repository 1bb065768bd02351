"""Who works on the store has signed; who has not for long is struck out, a reconcile process later than web."""

import json
from dataclasses import replace

import pytest
import redis

from service.tracking.roll import KEPT_MS, RECONCILE, WEB, Roll, Sign

SIGN = Sign(RECONCILE, "host-1", 7, "0.1.0", "abcdef012345", started_ms=1000)
NOW_MS = 1_800_000_000_000


@pytest.fixture
def roll(client: "redis.Redis") -> Roll:
    return Roll(client)


def test_sign_comes_back_with_its_time(roll: Roll) -> None:
    roll.write(SIGN, now_ms=NOW_MS)
    assert roll.read(NOW_MS) == [replace(SIGN, at_ms=NOW_MS)]


def test_process_has_one_row(roll: Roll) -> None:
    for later in range(3):
        roll.write(replace(SIGN, rules=f"{later}"), now_ms=NOW_MS + later)
    (found,) = roll.read(NOW_MS)
    assert (found.rules, found.at_ms) == ("2", NOW_MS + 2)


def test_processes_are_told_by_machine_and_number(roll: Roll) -> None:
    others = [replace(SIGN, host="host-2"), replace(SIGN, pid=8), replace(SIGN, kind=WEB, pid=9, started_ms=5)]
    for sign in (SIGN, *others):
        roll.write(sign, now_ms=NOW_MS)
    assert [(one.kind, one.name) for one in roll.read(NOW_MS)] == [
        (RECONCILE, "host-1:7"),
        (RECONCILE, "host-1:8"),
        (RECONCILE, "host-2:7"),
        (WEB, "host-1:9"),
    ]


@pytest.mark.parametrize("kind", KEPT_MS)
def test_old_sign_is_struck_out_by_the_next(roll: Roll, client: "redis.Redis", kind: str) -> None:
    roll.write(replace(SIGN, kind=kind), now_ms=NOW_MS)
    kept_ms = KEPT_MS[kind]
    assert len(roll.read(NOW_MS + kept_ms)) == 1
    assert roll.read(NOW_MS + kept_ms + 1) == []
    roll.write(replace(SIGN, host="host-2"), now_ms=NOW_MS + kept_ms + 1)
    assert client.hkeys("flex:{00}:roll") == ["host-2:7"]


def test_process_that_ends_is_struck_out(roll: Roll) -> None:
    roll.write(SIGN, now_ms=NOW_MS)
    roll.strike(SIGN.name)
    assert roll.read(NOW_MS) == []


def test_row_of_a_later_version_is_read(roll: Roll, client: "redis.Redis") -> None:
    roll.write(SIGN, now_ms=NOW_MS)
    told = json.loads(str(client.hget("flex:{00}:roll", SIGN.name)))
    client.hset("flex:{00}:roll", SIGN.name, json.dumps(told | {"colour": "green"}))
    assert [one.name for one in roll.read(NOW_MS)] == [SIGN.name]
