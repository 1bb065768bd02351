"""Which processes work on this store: each signs now and then, and for whom that was long ago something is wrong.

Nothing depends on it but what people are shown: due work is claimed, not assigned.

    flex:{00}:roll   hash   <host>:<pid> → JSON row; struck out a while after its last sign
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import redis

from service.tracking.connection import store_faults
from service.tracking.records import key

WEB, RECONCILE = "web", "reconcile"
KEPT_MS = {WEB: 600_000, RECONCILE: 3_600_000}  # that the last reconcile process has died must be seen for long

_ROLL = key(0, "roll")


@dataclass(frozen=True)
class Sign:
    """One process. ``pid``: of web, that of the server whose workers share one row. ``at_ms`` by Redis' clock."""

    kind: str  # web | reconcile
    host: str
    pid: int
    version: str
    rules: str  # the first digits of the SHA-256 of the rules that it decides by; "" without rules
    started_ms: int
    at_ms: int = 0

    @property
    def name(self) -> str:
        """Under which it signs."""
        return f"{self.host}:{self.pid}"

    def is_old(self, now_ms: int) -> bool:
        """Whether it is to be struck out."""
        return now_ms - self.at_ms > KEPT_MS[self.kind]


class Roll:
    """Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def write(self, sign: Sign, *, now_ms: int) -> None:
        """Sign at Redis' time ``now_ms``, and strike out whose sign is too old."""
        row = json.dumps(asdict(sign) | {"at_ms": now_ms}, separators=(",", ":"))
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(_ROLL, sign.name, row)
            pipe.hvals(_ROLL)
            old = [one.name for one in _signs(pipe.execute()[1]) if one.is_old(now_ms)]
            if old:
                self._redis.hdel(_ROLL, *old)

    def strike(self, name: str) -> None:
        """This process ends in an orderly way."""
        with store_faults():
            self._redis.hdel(_ROLL, name)

    def read(self, now_ms: int) -> list[Sign]:
        """Who has signed of late: the kinds together, the oldest process first."""
        with store_faults():
            signs = _signs(self._redis.hvals(_ROLL))
        found = [one for one in signs if not one.is_old(now_ms)]
        return sorted(found, key=lambda one: (one.kind, one.started_ms, one.name))


def _signs(rows: Iterable[str | bytes]) -> list[Sign]:
    """A later version may have written more than is known here."""
    return [Sign(**{name: told[name] for name in _FIELDS}) for told in map(json.loads, rows)]


_FIELDS = tuple(one.name for one in fields(Sign))
