"""Until when the calls of this thread must have ended. Nothing here waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("twilio_deadline", default=None)


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """All calls made inside must end within ``seconds`` from now; a tighter budget around it stays in force."""
    wanted = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(wanted if outer is None else min(outer, wanted))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """Until the deadline; below zero once it is over, infinite if there is none."""
    deadline = _deadline.get()
    return float("inf") if deadline is None else deadline - time.monotonic()
