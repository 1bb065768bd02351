"""Read TaskRouter's Events API and hear everything in it, as if the callback had brought it now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from service.errors import RouterError
from service.model import TaskEvent
from service.reconcile.hear import hear
from service.reconcile.parts import Parts
from service.tracking.lifecycle import CAUGHT_UP, EVENT_SIGNALS

log = structlog.stdlib.get_logger("service.catch_up")

A_DAY_MINUTES = 24 * 60
MOST_MINUTES = 43_200  # attributes are gone from older events ("Events resource")


@dataclass(frozen=True)
class Heard:
    """How many events were read, how many were news, and when the newest happened (epoch ms by Twilio's clock)."""

    read: int
    news: int
    newest_ms: int | None


def replay(parts: Parts, *, since: datetime | None = None, minutes: int = A_DAY_MINUTES) -> Heard:
    """Hear everything since that time by Twilio's clock, or of the last ``minutes``. Raises a Twilio or store fault."""
    events = _in_order(parts, since, minutes)
    words = [_hear(parts, event) for event in events]
    newest = max((event.at_ms for event in events), default=None)
    return Heard(len(events), sum(word == "moved" for word in words), newest)


def _hear(parts: Parts, event: TaskEvent) -> str:
    try:
        return hear(parts, event, source="catch_up").word
    except RouterError:
        raise
    except Exception:
        log.exception("event.broken", event_sid=event.sid, type=event.type)  # the others must still be heard
        return "broken"


def _in_order(parts: Parts, since: datetime | None, minutes: int) -> list[TaskEvent]:
    """Oldest first; what ended unserved after all else, so that it is judged with the rest known already."""
    found = {event.sid: event for event_type in CAUGHT_UP for event in _of_type(parts, event_type, since, minutes)}
    return sorted(found.values(), key=lambda event: (EVENT_SIGNALS[event.type] == "lapsed", event.at_ms, event.sid))


def _of_type(parts: Parts, event_type: str, since: datetime | None, minutes: int) -> Iterator[TaskEvent]:
    if since is None:
        return parts.taskrouter.events(event_type=event_type, minutes=minutes)
    return parts.taskrouter.events(event_type=event_type, since=since)
