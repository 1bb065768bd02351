"""The two scripts that write records: create and transition. They know keys and arguments, not what the records are.

All times are Redis' own clock, so that processes whose clocks differ agree on what is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis

from service.model import ErrandState, State
from service.tracking.connection import lua, store_faults
from service.tracking.records import key, partition_of_id
from service.tracking.together import Call, Plain, together

EVENT_KEPT_S = 25 * 3600  # longer than the catch-up ever looks back
LINE_KEPT_S = 86_400
LISTED_S = 30 * 86_400  # longer than a task waits (14 days), is attended, and its record kept after that

# Stored as they are: a state keeps its number for good.
RANKS = {str(state): rank for rank, state in [*enumerate(State, 1), *enumerate(ErrandState, 51)]}
RANK_STEP = 10**13  # above every time in ms; all of it stays a whole number in a sorted set's double

KEEP, NONE = "keep", "none"


@dataclass(frozen=True)
class Change:
    """What a transition writes beside the state.

    ``due``: seconds from now, KEEP, or NONE to take the record off the due index and let it expire. ``guard``: a field
    that must be unset or hold this value. ``event_sid`` is taken once and then a duplicate. ``what``: the history's
    words, a line each; a change without them leaves none.
    """

    due: float | str = KEEP
    guard: tuple[str, str] | None = None
    fields: Mapping[str, str] | None = None
    event_sid: str | None = None
    what: str = ""


@dataclass(frozen=True)
class Step:
    """One move of the record ``record_id``, whose key is ``name`` in its partition. ``moves``: see ``moves_of``."""

    record_id: str
    name: str
    moves: str
    change: Change


@dataclass(frozen=True)
class Said:
    """A script's answer: a word, the state that holds now ("" if there is no record), and Redis' time (epoch ms).

    ``first``: this move has given the guard's field its value.
    """

    word: str  # created exists closing | moved ignored duplicate guarded missing
    state: str
    now_ms: int
    first: bool = False


class Scripts:
    """Cheap to make; safe to share between threads. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis", *, keep_s: int) -> None:
        """``keep_s``: how long a record is remembered once nothing is left to do about it."""
        self._redis = client
        self._keep_ms = keep_s * 1000
        self._create = client.register_script(lua("create"))
        self._transition = client.register_script(lua("transition"))

    def create(
        self,
        record_id: str,
        names: list[str],
        *,
        due_in_s: float,
        fields: Mapping[str, str],
        rule: str = "",
        unless: str = "",
        links: Sequence[Call | Plain] = (),
    ) -> Said:
        """Write a new record. ``names``: of the record, of the list of all (the record's again if it is in none), and
        of the line it joins if any.

        ``rule``: whose hit it is, if it is one. ``unless``: the name of a key; while it is there, nothing is written.
        The ``links`` go before it, in the same round trip: they are harmless without a record.
        """
        partition = partition_of_id(record_id)
        record, everything, *line = names
        hits = "hits" if rule else record
        keys = [key(partition, name) for name in (record, "due", everything, "open", hits, unless or record, *line)]
        rank = RANKS[fields["state"]]
        pairs = [part for pair in fields.items() for part in pair]
        delay, line_ms, listed_ms = milliseconds(due_in_s), milliseconds(LINE_KEPT_S), milliseconds(LISTED_S)
        arguments: list[str | int] = [record_id, delay, rank, line_ms, listed_ms, rule, *pairs]
        with store_faults():
            if not links:
                return said(self._create(keys=keys, args=arguments))
            return said(together(self._redis, [*links, Call(lua("create"), keys, arguments)])[-1])

    def transition(self, step: Step, *, links: Sequence[Call | Plain] = ()) -> Said:
        """Move a record. The ``links`` go after it, in the same round trip."""
        call = self.call(step)
        with store_faults():
            if not links:
                return said(self._transition(keys=call.keys, args=call.arguments))
            return said(together(self._redis, [call, *links])[0])

    def call(self, step: Step) -> Call:
        """The script of ``transition`` with its keys and arguments, for who sends several of them together."""
        partition, change = partition_of_id(step.record_id), step.change
        record = key(partition, step.name)
        event = key(partition, f"ev:{change.event_sid}") if change.event_sid else record
        pairs = [part for pair in (change.fields or {}).items() for part in pair]
        delay = change.due if isinstance(change.due, str) else milliseconds(change.due)
        remember = EVENT_KEPT_S * 1000 if change.event_sid else 0
        what = change.what.encode("ascii", "replace").decode()  # the script cuts it into pieces, at any byte
        arguments = [step.moves, delay, self._keep_ms, remember, *(change.guard or ("", "")), what, *pairs]
        return Call(lua("transition"), [record, key(partition, "due"), event, key(partition, "open")], arguments)


def moves_of(row: Mapping[State, State] | Mapping[ErrandState, ErrandState]) -> str:
    """A row of a table as the script reads it: from which state to which, and what rank that has."""
    return " ".join(f"{before}>{after}={RANKS[after]}" for before, after in row.items())


def milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds, never below zero."""
    return max(0, int(seconds * 1000))


def said(answer: list[object]) -> Said:
    """What a script has answered."""
    word, state, now, *first = answer
    return Said(str(word), str(state or ""), int(str(now)), first == [1])
