"""Read TaskRouter's Events API for what the callback did not bring, and after a store that has forgotten something,
find the open invites again.

Event times are Twilio's; the cursor is the newest of them that was seen, so our own clock does not matter.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from service.errors import RouterError, StoreUnavailableError
from service.metrics import record
from service.reconcile.parts import Parts
from service.reconcile.replay import A_DAY_MINUTES, MOST_MINUTES, Heard, replay
from service.reconcile.resync import notice, resync_some

log = structlog.stdlib.get_logger("service.catch_up")

OVERLAP_MS = 120_000  # events may appear in the API a little later than they happened
CLOCKS_APART_MS = 15 * 60_000  # where no event tells Twilio's time, ours is taken, and may be wrong by this much


def catch_up(parts: Parts, *, every_s: float, stopping: Callable[[], bool] = lambda: False) -> int | None:
    """Take every event since the last time; None if it is another process's turn. Returns how many were news.

    Raises a Twilio or store fault, or StoppedError once ``stopping`` says so; the same stretch is then read again next
    time.
    """
    if not parts.notes.take_turn(every_s):
        return None
    try:
        heard = _hear_all(parts, stopping)
    except RouterError:
        parts.notes.give_turn_back()
        raise
    record.caught_up("done")
    log.log(logging.INFO if heard.news else logging.DEBUG, "catch_up.done", read=heard.read, news=heard.news)
    if parts.notes.resync_wanted():
        resync_some(parts)  # a fault of it is one of the catch-up; the events are heard all the same
    return heard.news


def _hear_all(parts: Parts, stopping: Callable[[], bool]) -> Heard:
    now_ms = parts.store.now_ms()
    beats = parts.marks.read()
    forgotten = notice(parts.marks, beats, now_ms)
    if forgotten:
        log.warning("store.forgot", why=forgotten)
        parts.notes.want_resync(forgotten)  # before the marks that would hide it
        beats = parts.marks.begin_anew(beats)
    cursor = parts.notes.read_cursor()
    if cursor is None or forgotten:
        heard = replay(parts, minutes=_minutes_back(cursor, now_ms), stopping=stopping)
        cursor = now_ms - CLOCKS_APART_MS
    else:
        since = datetime.fromtimestamp((cursor - OVERLAP_MS) / 1000, tz=UTC)
        heard = replay(parts, since=since, stopping=stopping)
    took_ms = parts.store.now_ms() - now_ms  # what came while the types were read, one by one, is read again
    if not parts.marks.renew(now_ms, beats):
        raise StoreUnavailableError("the store has forgotten something while the events were read")
    parts.notes.write_cursor(max(cursor, (heard.newest_ms or cursor) - took_ms))
    parts.census.caught_up(now_ms)
    return heard


def _minutes_back(cursor: int | None, now_ms: int) -> int:
    """A day, or as far as the last catch-up is away if that is more."""
    away_ms = 0 if cursor is None else now_ms - cursor + CLOCKS_APART_MS
    return min(max(A_DAY_MINUTES, away_ms // 60_000), MOST_MINUTES)
