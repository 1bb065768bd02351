"""The sandbox's own time: real time plus whatever was advanced, and the timers that hang on it.

Not thread-safe: whoever touches it holds the world's lock. Times are seconds since the epoch.
"""

import heapq
import itertools
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime


def steady_time() -> Callable[[], float]:
    """Epoch seconds as they are now on this machine, and from then on steady: never backwards, never a leap."""
    ahead = time.time() - time.monotonic()
    return lambda: ahead + time.monotonic()


class Timer:
    """Something that is to happen at ``when``, unless it is canceled before."""

    __slots__ = ("act", "live", "when")

    def __init__(self, when: float, act: Callable[[], None]) -> None:
        self.when = when
        self.act = act
        self.live = True

    def cancel(self) -> None:
        """It shall not happen."""
        self.live = False


class Clock:
    """Time that can be advanced. While a timer acts, ``now`` is that timer's own time: history stays exact."""

    def __init__(self, real: Callable[[], float] | None = None) -> None:
        """``real``: tells epoch seconds that never go backwards."""
        self._real = real or steady_time()
        self._ahead = 0.0
        self._standing: float | None = None
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self.after_each: Callable[[], None] = lambda: None

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._real() + self._ahead if self._standing is None else self._standing

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        """Do ``act`` at ``when`` (epoch seconds); in the past means at once, on the next turn."""
        timer = Timer(when, act)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        return timer

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Do ``act`` in ``seconds``."""
        return self.at(self.now() + seconds, act)

    def advance(self, seconds: float) -> None:
        """Move on, and let everything in between happen, in order, each at its own time."""
        self._ahead += seconds
        self.fire_due()

    def fire_due(self) -> None:
        """Let everything happen that is due by now."""
        limit = self._real() + self._ahead
        while self._heap and self._heap[0][0] <= limit:
            when, _, timer = heapq.heappop(self._heap)
            if timer.live:
                self._fire(timer, max(when, self._standing or 0.0))

    def _fire(self, timer: Timer, when: float) -> None:
        self._standing = when
        try:
            timer.act()
            self.after_each()
        finally:
            self._standing = None

    def earliest(self) -> float:
        """When the next timer is due; infinity if there is none. One that was canceled may count."""
        return self._heap[0][0] if self._heap else math.inf

    def due_in(self) -> float | None:
        """Real seconds until the next timer; None if there is none."""
        while self._heap and not self._heap[0][2].live:
            heapq.heappop(self._heap)
        return max(0.0, self._heap[0][0] - self.now()) if self._heap else None

    def clear(self) -> None:
        """Forget all timers. Time itself never runs backwards."""
        self._heap.clear()


def iso(seconds: float) -> str:
    """``2026-11-22T16:05:00Z``, as TaskRouter and Conversations write dates."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(seconds: float) -> str:
    """The same with milliseconds, for the control plane."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Epoch seconds of an ISO-8601 date; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
