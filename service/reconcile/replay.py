"""Read TaskRouter's Events API and hear everything in it, as if the callback had brought it now."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from service.errors import RouterError
from service.model import TaskEvent
from service.reconcile.hear import hear_all
from service.reconcile.parts import Parts
from service.tracking.arrival import Arrival
from service.tracking.lifecycle import CAUGHT_UP, EVENT_SIGNALS

log = structlog.stdlib.get_logger("service.catch_up")

A_DAY_MINUTES = 24 * 60
TRIES = 4
LONGEST_PAUSE_S = 5
AT_ONCE = 100  # events that go to the store together
MOST_MINUTES = 43_200  # attributes are gone from older events ("Events resource")

T = TypeVar("T")


@dataclass(frozen=True)
class Heard:
    """How many events were read, how many were news, and when the newest happened (epoch ms by Twilio's clock)."""

    read: int
    news: int
    newest_ms: int | None


def replay(
    parts: Parts,
    *,
    since: datetime | None = None,
    minutes: int = A_DAY_MINUTES,
    stopping: Callable[[], bool] = lambda: False,
) -> Heard:
    """Hear everything since that time by Twilio's clock, or of the last ``minutes``.

    Raises a Twilio or store fault, or StoppedError once ``stopping`` says so; what was heard stays heard.

    Type by type, so that only one type's events are in memory; those that end a task unserved come last, so that it
    is judged with the rest known already. A fault costs the piece at hand, which is tried again: over a bad line, or
    a busy day, the whole would never come to its end in one go.
    """
    read, news, newest = 0, 0, None
    for event_type in sorted(CAUGHT_UP, key=lambda one: EVENT_SIGNALS[one] == "lapsed"):
        events = _patiently(partial(_in_order, parts, event_type, since, minutes))
        for first in range(0, len(events), AT_ONCE):
            if stopping():
                raise StoppedError("this process stops; another one, or the next, reads it again")
            some = events[first : first + AT_ONCE]
            read += len(some)
            news += _hear(parts, some)
            newest = max(newest or 0, *(event.at_ms for event in some))
    return Heard(read, news, newest)


class StoppedError(RouterError):
    """The process is to stop, and does not wait until all is read."""


def _patiently(do: Callable[[], T]) -> T:
    """``do``, again after a moment where a fault may pass; it must be able to run twice."""
    for _ in range(TRIES - 1):
        try:
            return do()
        except RouterError as error:
            if not error.retryable:
                raise
            time.sleep(min(error.retry_after_s or 1, LONGEST_PAUSE_S))
    return do()


def _hear(parts: Parts, events: list[TaskEvent]) -> int:
    """How many of them were news. Those that fail are given again after a moment, the others are not."""
    news = 0

    def hear_rest() -> None:
        nonlocal news, events
        found = list(zip(events, hear_all(parts, events, source="catch_up"), strict=True))
        news += sum(isinstance(taken, Arrival) and taken.word == "moved" for _, taken in found)
        events = [event for event, taken in found if isinstance(taken, RouterError)]
        for event, taken in found:
            if isinstance(taken, Exception) and not isinstance(taken, RouterError):
                log.error("event.broken", event_sid=event.sid, type=event.type, exc_info=taken)
        for _, taken in found:
            if isinstance(taken, RouterError):
                raise taken

    _patiently(hear_rest)
    return news


def _in_order(parts: Parts, event_type: str, since: datetime | None, minutes: int) -> list[TaskEvent]:
    """All of one type, oldest first."""
    found = {event.sid: event for event in _of_type(parts, event_type, since, minutes)}
    return sorted(found.values(), key=lambda event: (event.at_ms, event.sid))


def _of_type(parts: Parts, event_type: str, since: datetime | None, minutes: int) -> Iterator[TaskEvent]:
    if since is None:
        return parts.taskrouter.events(event_type=event_type, minutes=minutes)
    return parts.taskrouter.events(event_type=event_type, since=since)
