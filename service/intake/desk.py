"""What a request is served with: the rulebook, and the parts that make an invite."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook

WAITED = "flex_router.waited_s"  # in the WSGI environment: for how long the request has waited for a thread


@dataclass(frozen=True)
class Desk:
    """One per web process; safe to share between threads."""

    parts: Parts
    book: Rulebook
    request_budget_s: float
    keep_s: int  # how long a key that a caller gave is remembered
    hands: threading.BoundedSemaphore  # requests that may wait for Twilio at once; fewer than there are threads

    @contextmanager
    def hand(self) -> Iterator[bool]:
        """True inside if this request may wait; there must always be threads left for events."""
        free = self.hands.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.hands.release()
