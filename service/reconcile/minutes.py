"""Once a minute one reconciler writes down how things stand, so that the console can show the last hours, and forgets
what no rule of today has decided for long."""

from service.model import ErrandState, State
from service.reconcile.parts import Parts
from service.reconcile.rulebook import NAMED_TARGET, Rulebook
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


def forget_rules(parts: Parts, book: Rulebook) -> None:
    """Hits of rules that the file has no more go after a while; without rules none do. Raises StoreUnavailableError."""
    ruleset = book.current
    if ruleset is not None:
        names = {rule.name for rule in (*ruleset.rules, ruleset.default)}
        parts.hits.forget(besides=names | {NAMED_TARGET}, now_ms=parts.store.now_ms())


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
