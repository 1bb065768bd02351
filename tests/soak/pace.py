"""Lets no more customers in than the machine can bear.

All processes of a run share its cores with the local Twilio and with the people. Without this, a slow machine falls
behind with its looks, more and more conversations stay open, each of which wants its looks: what is found then is the
machine.
"""

import threading
from contextlib import suppress

import redis

from service.tracking.records import PARTITIONS, key

BEHIND_S = 10.0  # so long overdue, and nobody new comes
LOOK_S = 2.0


class Pace:
    """A thread of its own, from ``begin`` to ``end``. ``closed_s``: how long nobody was let in."""

    def __init__(self, store_url: str) -> None:
        self.closed_s = 0.0
        self._url = store_url
        self._room, self._over = threading.Event(), threading.Event()
        self._room.set()
        self._thread = threading.Thread(target=self._run, name="pace", daemon=True)

    def begin(self) -> None:
        """Look at the store from now on."""
        self._thread.start()

    def end(self) -> None:
        """Let everybody in who still waits, and look no more."""
        self._over.set()
        self._thread.join()
        self._room.set()

    def wait(self, stopped: threading.Event) -> None:
        """Return once there is room, or the run is over."""
        while not self._room.wait(LOOK_S) and not stopped.is_set():
            pass

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            with suppress(redis.RedisError, OSError):  # a fault of the storm; it was as it was
                if overdue_s(self._url) > BEHIND_S:
                    self._room.clear()
                    self.closed_s += LOOK_S
                else:
                    self._room.set()


def overdue_s(store_url: str) -> float:
    """How long the oldest record that is due has waited."""
    with redis.Redis.from_url(store_url, socket_timeout=LOOK_S) as client:
        pipe = client.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipe.zrange(key(partition, "due"), 0, 0, withscores=True)
        earliest = [found[0][1] for found in pipe.execute() if found]
        seconds, micros = client.time()
    now_s = float(seconds) + float(micros) / 1e6
    return max((now_s - ms / 1000 for ms in earliest), default=0.0)
