"""Compares what callers of errands were told with what became of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.soak.calls import Json
from tests.soak.ledger import Chore

OVER = frozenset({"done", "refused"})
LATE_S = 30.0  # a timer may ring so much later than it should, faults and all


@dataclass(frozen=True)
class Errands:
    """All errands of a run. ``records``: by id, None for those that nobody knows any more."""

    chores: list[Chore] = field(default_factory=list)
    records: Mapping[str, Json | None] = field(default_factory=dict)
    looked_at: float = 0.0  # epoch seconds, when the records were read
    flushed_at: float = 0.0

    def forgotten(self, chore: Chore) -> bool:
        """The store was emptied after it had been asked for."""
        return bool(self.flushed_at) and chore.asked_before(self.flushed_at)

    def forgotten_parks(self) -> set[str]:
        """Conversations whose parks the emptied store took with it: only their customers' next messages wake them."""
        parks = [one for one in self.chores if one.kind == "park" and self.forgotten(one)]
        return {park.conversation for park in parks if all(self._made_anew(self.records.get(one)) for one in park.ids)}

    def _made_anew(self, record: Json | None) -> bool:
        return record is None or datetime.fromisoformat(record["created_at"]).timestamp() > self.flushed_at


def broken_errands(errands: Errands) -> Iterable[tuple[str, str]]:
    """What is wrong: the conversation, and what."""
    for chore in errands.chores:
        about = f"{chore.kind} {chore.number}"
        if len(chore.ids) > 1 and not errands.forgotten(chore):
            yield chore.conversation, f"{about} is {', '.join(sorted(chore.ids))}"
        for errand_id in sorted(chore.ids):
            record = errands.records.get(errand_id)
            wrong = _wrong(errands, chore, record)
            if wrong:
                yield chore.conversation, f"{about}: {errand_id} {wrong}"


def _wrong(errands: Errands, chore: Chore, record: Json | None) -> str | None:
    if record is None:
        return None if errands.forgotten(chore) else "has no record"
    state = record["state"]
    if state not in OVER and state != "parked":
        return f"is still {state} (due {record['due_at']})"
    if state == "parked" and _rings(record, errands.looked_at):
        return f"is still parked, and should have been woken at {record['wake_at']}"
    if state == "refused" and chore.told == 200:
        return f"was answered 200 and is refused ({record['reason']})"
    return None


def _rings(record: Json, now: float) -> bool:
    return bool(record["wake_at"]) and datetime.fromisoformat(record["wake_at"]).timestamp() + LATE_S < now
