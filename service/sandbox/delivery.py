"""Callbacks on their way: in order within a lane, off the world's lock; and what may be made to go wrong with them."""

import heapq
import itertools
import json
import queue
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from service.sandbox.faults import number
from service.sandbox.journal import Journal
from service.sandbox.posting import EVERYTHING, MOST_RETRIES, Poster, Rules, rules_of
from service.sandbox.refusals import ControlRefused
from service.sandbox.state import Outgoing

LANES = 16
HELD_BACK_S = 0.3  # a reordered callback is overtaken by what is sent within this time
LONGEST_LATE_S = 3600
CONVERSATIONS = Rules(retries=0, read_s=5.0, total_s=5.0)  # "Conversations Webhooks": a timeout of five seconds


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong with callbacks: the first three are probabilities, ``late_s`` real seconds."""

    lost: float = 0.0
    doubled: float = 0.0
    reordered: float = 0.0
    late_s: float = 0.0


def read_mishaps(wanted: Mapping[str, object]) -> Mishaps:
    """Raises ControlRefused naming the field at fault. ``true`` stands for 1."""
    names = [item.name for item in fields(Mishaps)]
    for name in wanted:
        if name not in names:
            raise ControlRefused(f"unknown field; known are {', '.join(names)}", field=name)
    given = {name: float(value) if isinstance(value, bool) else value for name, value in wanted.items()}
    return Mishaps(**{name: number(given, name, LONGEST_LATE_S if name == "late_s" else 1) for name in names})


def _rules(outgoing: Outgoing) -> Rules:
    if outgoing.json:  # Event Streams delivers at least once; four hours of retries would outlive every test
        return Rules(retries=MOST_RETRIES, policies=EVERYTHING)
    return rules_of(outgoing.url) if outgoing.overrides else CONVERSATIONS


class Delivery:
    """Threads that post. ``send`` never blocks."""

    def __init__(self, poster: Poster, journal: Journal, seed: int) -> None:
        self.mishaps = Mishaps()
        self._poster = poster
        self._journal = journal
        self._random = random.Random(seed)
        self._lanes: list[queue.SimpleQueue[Outgoing | None]] = [queue.SimpleQueue() for _ in range(LANES)]
        self._state = threading.Condition()
        self._under_way = 0
        self._late: list[tuple[float, int, Outgoing]] = []
        self._order = itertools.count()
        self._closed = False
        for lane in self._lanes:
            threading.Thread(target=self._work, args=(lane,), name="sandbox-callbacks", daemon=True).start()
        threading.Thread(target=self._release_late, name="sandbox-late-callbacks", daemon=True).start()

    def send(self, outgoing: Outgoing) -> None:
        """Post it soon, once, unless a mishap is ordered."""
        mishaps = self.mishaps
        if self._happens(mishaps.lost):
            self._note(outgoing, [], "lost")
            return
        delay = mishaps.late_s + (HELD_BACK_S if self._happens(mishaps.reordered) else 0.0)
        for _ in range(2 if self._happens(mishaps.doubled) else 1):
            self._dispatch(outgoing, delay)

    def wait_idle(self, seconds: float) -> bool:
        """True once nothing is under way; late ones do not count. False if ``seconds`` were not enough."""
        with self._state:
            return self._state.wait_for(lambda: self._under_way == 0, seconds)

    def drop_late(self) -> None:
        """Forget what is held back."""
        with self._state:
            self._late.clear()

    def close(self) -> None:
        """Stop the threads; what is still waiting is dropped."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        for lane in self._lanes:
            lane.put(None)

    def _happens(self, probability: float) -> bool:
        return probability > 0 and (probability >= 1 or self._random.random() < probability)

    def _dispatch(self, outgoing: Outgoing, delay: float) -> None:
        with self._state:
            if delay:
                heapq.heappush(self._late, (time.monotonic() + delay, next(self._order), outgoing))
                self._state.notify_all()
            else:
                self._enqueue(outgoing)

    def _enqueue(self, outgoing: Outgoing) -> None:
        self._under_way += 1
        self._lanes[hash(outgoing.lane) % LANES].put(outgoing)

    def _release_late(self) -> None:
        with self._state:
            while not self._closed:
                now = time.monotonic()
                while self._late and self._late[0][0] <= now:
                    self._enqueue(heapq.heappop(self._late)[2])
                self._state.wait(self._late[0][0] - now if self._late else None)

    def _work(self, lane: "queue.SimpleQueue[Outgoing | None]") -> None:
        while (outgoing := lane.get()) is not None:
            try:
                self._post(outgoing)
            finally:
                with self._state:
                    self._under_way -= 1
                    self._state.notify_all()

    def _post(self, outgoing: Outgoing) -> None:
        tries = self._poster.post(outgoing, _rules(outgoing))
        status = tries[-1].get("status")
        self._note(outgoing, tries, "delivered" if isinstance(status, int) and status < 400 else "failed")

    def _note(self, outgoing: Outgoing, tries: list[dict[str, object]], outcome: str) -> None:
        entry = {
            "method": outgoing.method,
            "path": urlsplit(outgoing.url).path,
            "url": outgoing.url,
            "status": tries[-1].get("status") if tries else None,
            "event_type": outgoing.event_type,
            "event_sid": outgoing.event_sid,
            "task_sid": outgoing.task_sid,
            "form": dict(outgoing.form),
            "json": json.loads(outgoing.json) if outgoing.json else None,
            "tries": tries,
            "outcome": outcome,
        }
        self._journal.add("callback", entry)
