"""Live figures and last workers, shared between the processes: what was read, when, and whose turn it is to read again.

Key map: ``flex:{NN}:queue:<WQ>`` figures of a queue as JSON with the time they were read; ``flex:{NN}:queue-turn:<WQ>``
taken by who reads them anew; ``flex:{NN}:last:<who>`` the worker who last took a conversation or a customer.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import redis

from service.tracking.connection import store_faults
from service.tracking.records import anchored

KEPT_S = 300
WORKER_KEPT_S = 30 * 86_400


@dataclass(frozen=True)
class Aged:
    """Something that was read, and how many seconds ago by the store's clock."""

    value: dict[str, object]
    age_s: float


class Figures:
    """What was last read of TaskRouter's live figures. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def read(self, what: str) -> Aged | None:
        """The figures of a queue or worker (its SID), if they were read within the last five minutes."""
        name = anchored("queue", what)
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(name)
            pipe.pttl(name)
            text, left_ms = pipe.execute()
        return Aged(json.loads(text), max(0.0, KEPT_S - left_ms / 1000)) if text else None

    def write(self, what: str, value: dict[str, object]) -> None:
        """Share what has just been read."""
        with store_faults():
            self._redis.set(anchored("queue", what), json.dumps(value), ex=KEPT_S)

    def take_turn(self, what: str, *, for_s: float) -> bool:
        """True for one caller every ``for_s`` seconds: that one reads, the others use what there is."""
        with store_faults():
            return bool(self._redis.set(anchored("queue-turn", what), "1", nx=True, px=int(for_s * 1000)))

    def remember_workers(self, takers: Iterable[tuple[Iterable[str], str]]) -> None:
        """Who was taken by which worker: the conversation's SID and, where known, ``customer_key`` of the customer's
        address."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for whose, worker_sid in takers:
                for name in whose:
                    pipe.set(anchored("last", name), worker_sid, ex=WORKER_KEPT_S)
            pipe.execute()

    def last_worker(self, whose: Iterable[str]) -> tuple[str, float] | None:
        """The worker who last took one of these, and how many seconds ago; None if nobody is remembered."""
        for name in whose:
            with store_faults():
                pipe = self._redis.pipeline(transaction=False)
                pipe.get(anchored("last", name))
                pipe.ttl(anchored("last", name))
                worker_sid, left_s = pipe.execute()
            if worker_sid:
                return str(worker_sid), max(0.0, WORKER_KEPT_S - left_s)
        return None


def customer_key(address: str) -> str:
    """A customer's address as a name under which to remember something, without the address itself."""
    return sha256(address.encode()).hexdigest()
