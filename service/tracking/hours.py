"""The last hours as figures, one row a minute, and the last conversations that came to nothing: short rings for whoever
looks at the console. Both are bounded; what falls off is told nowhere else than in the logs.

    flex:{00}:minutes           list   newest first, one JSON row a minute; at most MINUTES_KEPT
    flex:{00}:minute:<number>   string who writes that minute (minutes since the epoch by Redis' clock); two minutes
    flex:{00}:ends              list   newest first, one JSON row an end; at most ENDS_KEPT
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import redis

from service.tracking.connection import store_faults
from service.tracking.records import key

MINUTES_KEPT = 12 * 60
ENDS_KEPT = 200
MINUTE_MS = 60_000

_MINUTES = key(0, "minutes")
_ENDS = key(0, "ends")


@dataclass(frozen=True)
class Minute:
    """The store as it was in one minute. ``at_ms`` by Redis' clock."""

    at_ms: int
    waiting: int  # invites that nobody has accepted
    attended: int  # invites that an agent has accepted
    settling: int  # records between their end and the judgement on their channel
    parked: int
    oldest_s: float  # age of the oldest waiting invite
    lag_s: float  # for how long the longest due record has been waiting for a hand


@dataclass(frozen=True)
class End:
    """How an invite ended that nobody had taken: closed, released or superseded, and the verdict's reason."""

    at_ms: int
    invite_id: str
    conversation_sid: str | None
    how: str
    why: str


class Hours:
    """The two rings. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def take_turn(self, now_ms: int) -> bool:
        """True for one caller in each minute, over all processes."""
        with store_faults():
            return bool(self._redis.set(key(0, f"minute:{now_ms // MINUTE_MS}"), 1, nx=True, px=2 * MINUTE_MS))

    def write(self, minute: Minute) -> None:
        """Put a row in front; the oldest falls off."""
        self._push(_MINUTES, asdict(minute), MINUTES_KEPT)

    def read(self, most: int) -> list[Minute]:
        """At most ``most`` of the newest rows, oldest first."""
        return [Minute(**row) for row in reversed(list(self._rows(_MINUTES, most)))]

    def note_end(self, end: End) -> None:
        """Put an end in front, at Redis' time."""
        with store_faults():
            seconds, micros = self._redis.time()
        at_ms = int(seconds) * 1000 + int(micros) // 1000
        self._push(_ENDS, asdict(end) | {"at_ms": at_ms}, ENDS_KEPT)

    def ends(self, most: int) -> list[End]:
        """At most ``most`` of the last ends, newest first."""
        return [End(**row) for row in self._rows(_ENDS, most)]

    def _push(self, name: str, row: dict[str, object], keep: int) -> None:
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.lpush(name, json.dumps(row, separators=(",", ":")))
            pipe.ltrim(name, 0, keep - 1)
            pipe.execute()

    def _rows(self, name: str, most: int) -> Iterator[dict[str, Any]]:
        with store_faults():
            texts = self._redis.lrange(name, 0, most - 1)
        for text in texts:
            yield json.loads(text)
