"""Once a minute the reconciler writes down how things stand, so that the console can show the last hours."""

from service.model import ErrandState, State
from service.reconcile.parts import Parts
from service.tracking.census import Counted
from service.tracking.hours import Minute

WAITING = (State.REQUESTED, State.PENDING)
SETTLING = (State.LAPSED, State.FAILED, State.CANCELED, ErrandState.TAKEN)
RESTING = (ErrandState.PARKED, ErrandState.WAKING)


def note_minute(parts: Parts) -> bool:
    """Write the row of this minute; False if another process has done so. Raises StoreUnavailableError."""
    now_ms = parts.store.now_ms()
    if not parts.hours.take_turn(now_ms):
        return False
    parts.hours.write(minute_of(parts.census.take(now_ms), now_ms))
    return True


def minute_of(counted: Counted, now_ms: int) -> Minute:
    """A census as one row. Pure."""
    return Minute(
        at_ms=now_ms,
        waiting=sum(counted.open[state] for state in WAITING),
        attended=counted.open[State.ACCEPTED],
        settling=sum(counted.open[state] for state in SETTLING),
        parked=sum(counted.open[state] for state in RESTING),
        oldest_s=max((counted.oldest_s.get(state, 0.0) for state in WAITING), default=0.0),
        lag_s=counted.lag_s,
    )
