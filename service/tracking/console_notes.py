"""What the console keeps in the store: who has done what, and how often signing in has failed from an address.

flex:{00}:console-acts       list    newest first, one JSON row an act; at most ACTS_KEPT
flex:{NN}:tries:<address>    string  failures in a row; forgotten after an hour. The address is a hash
flex:{NN}:rest:<address>     string  present while no further try is looked at
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256

import redis

from service.tracking.connection import store_faults
from service.tracking.records import anchored, key

ACTS_KEPT = 500
FREE_TRIES = 5
TRIES_KEPT_S = 3600
LONGEST_REST_S = 60  # behind a proxy all people have one address: nobody may lock the others out for long

_ACTS = key(0, "console-acts")


@dataclass(frozen=True)
class Act:
    """One line of the audit trail. ``what`` and ``outcome`` are words of ours, ``on`` a SID or an id."""

    at_ms: int
    who: str
    role: str
    what: str
    on: str
    outcome: str


class ConsoleNotes:
    """Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def write(self, act: Act) -> None:
        """Put an act in front; the oldest falls off."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.lpush(_ACTS, json.dumps(asdict(act), separators=(",", ":")))
            pipe.ltrim(_ACTS, 0, ACTS_KEPT - 1)
            pipe.execute()

    def acts(self, most: int) -> list[Act]:
        """At most ``most`` of the last acts, newest first."""
        with store_faults():
            return [Act(**json.loads(text)) for text in self._redis.lrange(_ACTS, 0, most - 1)]

    def rest_s(self, address: str) -> float:
        """How long no try from this address is looked at (seconds); 0 if one is."""
        with store_faults():
            left_ms = int(self._redis.pttl(_of("rest", address)))
        return max(0, left_ms) / 1000

    def failed(self, address: str) -> None:
        """A try has failed: after a few the next one has to wait, each time twice as long."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.incr(_of("tries", address))
            pipe.expire(_of("tries", address), TRIES_KEPT_S)
            tries = int(pipe.execute()[0])
            if tries >= FREE_TRIES:
                rest_s = min(2 ** min(tries - FREE_TRIES + 1, 20), LONGEST_REST_S)
                self._redis.set(_of("rest", address), 1, ex=rest_s)

    def succeeded(self, address: str) -> None:
        """Forget its failures."""
        with store_faults():
            self._redis.delete(_of("tries", address))


def _of(name: str, address: str) -> str:
    return anchored(name, sha256(address.encode()).hexdigest()[:32])
