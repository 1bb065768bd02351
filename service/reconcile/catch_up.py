"""Read TaskRouter's Events API for what the callback did not bring: lost events, and everything after an empty store.

Event times are Twilio's; the cursor is the newest of them that was seen, so our own clock does not matter.
"""

import logging
from datetime import UTC, datetime

import structlog

from service.errors import RouterError
from service.model import TaskEvent
from service.reconcile.hear import hear
from service.reconcile.parts import Parts
from service.tracking.lifecycle import CAUGHT_UP, EVENT_SIGNALS

log = structlog.stdlib.get_logger("service.catch_up")

OVERLAP_MS = 120_000  # events may appear in the API a little later than they happened
FIRST_READ_MINUTES = 24 * 60
CLOCKS_APART_MS = 15 * 60_000  # where no event tells Twilio's time, ours is taken, and may be wrong by this much


def catch_up(parts: Parts, *, every_s: float) -> int | None:
    """Take every event since the last time; None if it is another process's turn. Returns how many were news.

    Raises a Twilio or store fault, and then reads the same stretch again next time.
    """
    if not parts.notes.take_turn(every_s):
        return None
    try:
        cursor = parts.notes.read_cursor()
        events = _read(parts, cursor)
        words = [_hear(parts, event) for event in events]
        start = parts.store.now_ms() - CLOCKS_APART_MS if cursor is None else cursor
        parts.notes.write_cursor(max([start, *(event.at_ms for event in events)]))
    except RouterError:
        parts.notes.give_turn_back()
        raise
    news = sum(word == "moved" for word in words)
    log.log(logging.INFO if news else logging.DEBUG, "catch_up.done", read=len(words), news=news)
    return news


def _hear(parts: Parts, event: TaskEvent) -> str:
    try:
        return hear(parts, event).word
    except RouterError:
        raise
    except Exception:
        log.exception("event.broken", event_sid=event.sid, type=event.type)  # the others must still be heard
        return "broken"


def _read(parts: Parts, cursor: int | None) -> list[TaskEvent]:
    """Everything since the cursor, oldest first; what ended unserved after all else, so that it is judged with the rest
    known already."""
    found: dict[str, TaskEvent] = {}
    for event_type in CAUGHT_UP:
        if cursor is None:
            events = parts.taskrouter.events(event_type=event_type, minutes=FIRST_READ_MINUTES)
        else:
            since = datetime.fromtimestamp((cursor - OVERLAP_MS) / 1000, tz=UTC)
            events = parts.taskrouter.events(event_type=event_type, since=since)
        found.update((event.sid, event) for event in events)
    return sorted(found.values(), key=lambda event: (EVENT_SIGNALS[event.type] == "lapsed", event.at_ms, event.sid))
