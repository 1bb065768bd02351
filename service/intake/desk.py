"""What a request is served with: the rulebook, and the parts that make an invite."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook

LONGEST_TASK_S = 15 * 86_400  # a task may wait for 14 days ("TaskRouter resource limits")
WAITED = "flex_router.waited_s"  # in the WSGI environment: for how long the request has waited for a thread


@dataclass(frozen=True)
class Desk:
    """One per web process; safe to share between threads."""

    parts: Parts
    book: Rulebook
    request_budget_s: float
    keep_s: int  # how long a finished record is remembered, and with it the key that has led to it
    hands: threading.BoundedSemaphore  # requests that may wait for Twilio at once; fewer than there are threads

    @property
    def key_s(self) -> int:
        """For how many seconds a key is bound: as long as a task may wait, and then as long as its record is kept."""
        return LONGEST_TASK_S + self.keep_s

    def seconds_left(self, spent_s: float) -> float:
        """For the calls of a request that has been here for ``spent_s``; there is always a moment for one."""
        return max(0.1, self.request_budget_s - spent_s)

    @contextmanager
    def hand(self) -> Iterator[bool]:
        """True inside if this request may wait; there must always be threads left for events."""
        free = self.hands.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.hands.release()
