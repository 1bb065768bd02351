"""How often each rule has decided, and when last. Counted by the script that writes the record of a new request: once,
however often the request is repeated, by any number of processes, and without a round trip of its own.

A rule is known by its name. One that the file has no more is forgotten a month after its last hit; in a store that was
emptied the count begins anew. Key: ``flex:{NN}:hits``, in the partition of the record; its fields: see ``create.lua``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import redis

from service.model import Invite
from service.tracking.connection import store_faults
from service.tracking.records import PARTITIONS, key

FORGOTTEN_AFTER_MS = 30 * 86_400_000
_AT, _SINCE = " at", " since"  # no name of a rule has a space in it

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Hit:
    """A rule's count, and when it last decided (epoch ms by Redis' clock)."""

    count: int
    last_ms: int


@dataclass(frozen=True)
class Tally:
    """The hits of all rules, and since when they are counted; None: there was none yet."""

    hits: Mapping[str, Hit]
    since_ms: int | None


def hit_of(invite: Invite) -> str:
    """The rule that has just decided a new record; "" for a later step of a plan, and for a task that others made."""
    return invite.plan.rule if invite.predecessor is None and invite.plan.rules_sha256 else ""


class Hits:
    """Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def read(self) -> Tally:
        """All of them; one round trip."""
        return tallied(self._fields())

    def forget(self, *, besides: Collection[str], now_ms: int) -> None:
        """Forget the rules that are not among ``besides`` and have not decided anything for a month."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition, fields in enumerate(self._fields()):
                old = [name for name in _rules(fields) if name not in besides and _is_old(fields, name, now_ms)]
                if old:
                    pipe.hdel(key(partition, "hits"), *old, *(name + _AT for name in old))
            pipe.execute()

    def _fields(self) -> list[Fields]:
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition in range(PARTITIONS):
                pipe.hgetall(key(partition, "hits"))
            return pipe.execute()


def tallied(partitions: list[Fields]) -> Tally:
    """The partitions' fields added up. Pure."""
    counts: dict[str, int] = {}
    lasts: dict[str, int] = {}
    for fields in partitions:
        for name in _rules(fields):
            counts[name] = counts.get(name, 0) + int(fields[name])
            lasts[name] = max(lasts.get(name, 0), _last_ms(fields, name))
    since = [int(fields[_SINCE]) for fields in partitions if _SINCE in fields]
    return Tally({name: Hit(count, lasts[name]) for name, count in counts.items()}, min(since, default=None))


def _rules(fields: Fields) -> list[str]:
    return [name for name in fields if " " not in name]


def _last_ms(fields: Fields, name: str) -> int:
    return int(fields.get(name + _AT, 0))


def _is_old(fields: Fields, name: str, now_ms: int) -> bool:
    return now_ms - _last_ms(fields, name) > FORGOTTEN_AFTER_MS
