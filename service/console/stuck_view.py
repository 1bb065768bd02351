"""*Stuck*: what does not get on, grouped by cause. Why it is stuck is pure; a bounded part of the store is read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from service.console.house import STATES
from service.console.office import Office
from service.console.open_view import records_of
from service.console.record_view import errand_row, invite_row
from service.console.words import span
from service.model import Errand, ErrandState, Invite, State
from service.tracking.census import OPEN_STATES

LOOKED_AT = 100  # records a state, the oldest ones, for the page
RETRIED = 1000  # and for a bulk retry
SAMPLE = 5
REFUSED_LOOKED_AT, REFUSED_SHOWN = 1000, 25

OVERDUE_MS = 15_000  # longer than a busy reconciler takes to get there
OVERDUE = "it is due, and nobody works on it"
SLOW_MS: Mapping[str, int] = {
    State.REQUESTED: 30_000,
    State.LAPSED: 120_000,
    State.CANCELED: 120_000,
    ErrandState.TAKEN: 30_000,
    ErrandState.WAKING: 60_000,
}
SLOW: Mapping[str, str] = {
    State.REQUESTED: "the invite is not made at Twilio yet",
    State.LAPSED: "its channel is looked at again and again",
    State.CANCELED: "called off, and its channel not judged yet",
    ErrandState.TAKEN: "the errand is under way for long",
    ErrandState.WAKING: "the invite after its waking does not stand yet",
}


@dataclass(frozen=True)
class Group:
    """Records in one state that are stuck for one cause, the oldest first."""

    state: str
    cause: str
    records: tuple[Invite | Errand, ...]

    @property
    def key(self) -> str:
        """A name that stays while state and cause stay."""
        return sha256(f"{self.state}\n{self.cause}".encode()).hexdigest()[:16]


def why_stuck(record: Invite | Errand, now_ms: int) -> str | None:
    """Why a record does not get on; None if nothing is wrong with it."""
    if record.trouble:
        return record.trouble
    if record.due_ms is not None and now_ms - record.due_ms > OVERDUE_MS:
        return OVERDUE
    if record.state is State.FAILED:
        return record.reason or "refused"
    slow_ms = SLOW_MS.get(record.state)
    since = next((one.at_ms for one in reversed(record.history) if not one.call), record.created_at_ms)
    return SLOW[record.state] if slow_ms is not None and now_ms - since > slow_ms else None


def grouped(records: Iterable[Invite | Errand], now_ms: int) -> list[Group]:
    """The stuck ones among ``records``, the largest group first."""
    groups: dict[tuple[str, str], list[Invite | Errand]] = {}
    for record in records:
        if cause := why_stuck(record, now_ms):
            groups.setdefault((str(record.state), cause), []).append(record)
    made = [Group(state, cause, tuple(found)) for (state, cause), found in groups.items()]
    return sorted(made, key=lambda group: (-len(group.records), group.state, group.cause))


def stuck_groups(office: Office, *, now_ms: int, most: int = LOOKED_AT, state: str | None = None) -> list[Group]:
    """The groups among the oldest ``most`` records of each state. Raises StoreUnavailableError."""
    found: list[Invite | Errand] = []
    for one in OPEN_STATES if state is None else (state,):
        rows = office.openings.page((one,), most=most).rows
        found += records_of(office, [row[1] for row in rows]).values()
    return grouped(found, now_ms)


def stuck_view(office: Office) -> dict[str, Any]:
    """Everything on the page. Raises StoreUnavailableError."""
    now_ms = office.desk.parts.store.now_ms()
    counted = office.desk.parts.census.take(now_ms)
    groups = stuck_groups(office, now_ms=now_ms)
    over = [STATES[state] for state, count in counted.open.items() if count > LOOKED_AT and state in SLOW_MS]
    return {
        "groups": [_group(group, now_ms) for group in groups],
        "refused": [invite_row(one, now_ms) for one in _refused(office)],
        "looked_at": LOOKED_AT,
        "more_in": over,
        "open": sum(counted.open.values()),
        "lag": span(counted.lag_s),
        "due": counted.due,
    }


def _group(group: Group, now_ms: int) -> dict[str, Any]:
    rows = [errand_row(r, now_ms) if isinstance(r, Errand) else invite_row(r, now_ms) for r in group.records[:SAMPLE]]
    return {
        "key": group.key,
        "state": group.state,
        "words": STATES[group.state],
        "cause": group.cause,
        "headline": headline_of(group.cause),
        "due": group.cause == OVERDUE,
        "count": len(group.records),
        "oldest": span((now_ms - min(one.created_at_ms for one in group.records)) / 1000),
        "rows": rows,
    }


def headline_of(cause: str) -> str:
    """A cause as a heading; one that begins with a name of a machine stays as it is."""
    return cause[:1].upper() + cause[1:] if cause.partition(" ")[0].isalpha() else cause


def _refused(office: Office) -> list[Invite]:
    """The newest invites that Twilio has refused and about which nothing is left to do."""
    store = office.desk.parts.store
    ids = [row[1] for row in store.newest(before=None, most=REFUSED_LOOKED_AT)]
    failed = store.get_many(office.openings.with_field(("state",), State.FAILED, ids)[:REFUSED_SHOWN])
    return [one for one in failed if one.due_ms is None]
