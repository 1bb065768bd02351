"""The errands in Redis: create, move, find, and the line in which those of one channel wait for their turn.

They share the due index with the invites: one loop looks after both. Every method may raise StoreUnavailableError.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import redis

from service.model import Errand, ErrandState
from service.tracking.connection import store_faults
from service.tracking.errand_records import errand_fields, errand_of
from service.tracking.lifecycle import ERRAND_TRANSITIONS
from service.tracking.records import anchored, key, partition_of_id
from service.tracking.scripts import KEEP, Change, Said, Scripts, Step, moves_of

FOUND_FOR_S = 200 * 86_400  # a channel that nobody touches is deleted after 180 days ("Park an Interaction")


@dataclass(frozen=True)
class ErrandOutcome:
    """What a script said: a word, the state that holds now, and Redis' time (epoch ms)."""

    word: str  # created exists | moved ignored guarded missing
    state: ErrandState | None
    now_ms: int

    @property
    def moved(self) -> bool:
        """True if this call changed the record."""
        return self.word in ("moved", "created")


class Errands:
    """The tracked errands. Cheap to make; safe to share between threads."""

    def __init__(self, client: "redis.Redis", *, keep_s: int) -> None:
        """``keep_s``: how long a finished record is remembered."""
        self._redis = client
        self._scripts = Scripts(client, keep_s=keep_s)

    def create(self, errand: Errand, *, due_in_s: float) -> ErrandOutcome:
        """Write a new record, last in the line of its channel. Says ``exists`` if that id is there."""
        names = [anchored("ers", sid) for sid in (errand.conversation_sid, errand.channel_sid) if sid]
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.sadd(name, errand.id)
                pipe.expire(name, FOUND_FOR_S)
            pipe.execute()
        record = f"er:{errand.id}"
        keys = [record, record, f"line:{errand.channel_sid}"]  # nobody lists them all
        said = self._scripts.create(errand.id, keys, due_in_s=due_in_s, fields=errand_fields(errand))
        return _outcome(said)

    def get(self, errand_id: str) -> Errand | None:
        """The record, or None if there is none (any more)."""
        return next(iter(self.get_many([errand_id])), None)

    def get_many(self, errand_ids: Iterable[str]) -> list[Errand]:
        """The records that exist, in the order asked for."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for errand_id in errand_ids:
                partition = partition_of_id(errand_id)
                pipe.hgetall(key(partition, f"er:{errand_id}"))
                pipe.zscore(key(partition, "due"), errand_id)
            answers = pipe.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return [errand_of(fields, None if due is None else int(due)) for fields, due in pairs if fields.get("ask")]

    def of_anchor(self, sid: str) -> list[Errand]:
        """All remembered errands of one conversation or channel, oldest first."""
        with store_faults():
            ids = self._redis.smembers(anchored("ers", sid))
        found = self.get_many(sorted(str(name) for name in ids))
        return sorted(found, key=lambda errand: (errand.created_at_ms, errand.id))

    def move(
        self,
        errand_id: str,
        signal: str,
        *,
        due: float | str = KEEP,
        fields: Mapping[str, str] | None = None,
        what: str | None = None,
    ) -> ErrandOutcome:
        """Move the record along the row ``signal`` of ERRAND_TRANSITIONS."""
        change = Change(due, fields=fields, what=what or signal)
        return _outcome(
            self._scripts.transition(Step(errand_id, f"er:{errand_id}", moves_of(ERRAND_TRANSITIONS[signal]), change))
        )

    def touch(
        self,
        errand_id: str,
        state: ErrandState,
        *,
        due: float | str = KEEP,
        guard: tuple[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        what: str = "",
    ) -> ErrandOutcome:
        """Change fields or the due time of a record that is still in ``state``."""
        change = Change(due, guard, fields, what=what)
        return _outcome(self._scripts.transition(Step(errand_id, f"er:{errand_id}", moves_of({state: state}), change)))

    def tell(self, errand_id: str, what: str) -> None:
        """Add lines to the record's history, whatever its state is; nothing else changes."""
        moves = moves_of({state: state for state in ErrandState})
        self._scripts.transition(Step(errand_id, f"er:{errand_id}", moves, Change(what=what)))

    def first_in_line(self, channel_sid: str) -> str | None:
        """The id of the errand whose turn it is."""
        with store_faults():
            first = self._redis.lindex(anchored("line", channel_sid), 0)
        return str(first) if first else None

    def leave_line(self, channel_sid: str, errand_id: str) -> None:
        """Make room for the next one."""
        with store_faults():
            self._redis.lrem(anchored("line", channel_sid), 0, errand_id)


def _outcome(said: Said) -> ErrandOutcome:
    return ErrandOutcome(said.word, ErrandState(said.state) if said.state else None, said.now_ms)
