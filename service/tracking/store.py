"""The open invites in Redis: create, move, claim, find. Knows keys and scripts; decides nothing.

All times are Redis' own clock, so that processes whose clocks differ agree on what is due.
Every method may raise StoreUnavailableError.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from service.errors import ClosingError, StoreUnavailableError
from service.metrics.record import store_failed
from service.model import ErrandState, Invite, State, Thread, is_sid
from service.tracking.closings import CLOSING_AGAIN_S, closing_of
from service.tracking.connection import fault_of, lua, store_faults
from service.tracking.hits import hit_of
from service.tracking.lifecycle import TRANSITIONS
from service.tracking.records import (
    PARTITIONS,
    adopted_invite_id,
    anchored,
    fields_of,
    invite_of,
    key,
    partition_of_id,
)
from service.tracking.scripts import KEEP, NONE, RANKS, Change, Said, Scripts, Step, milliseconds, moves_of, said
from service.tracking.together import Call, Plain, all_together, together

__all__ = ["KEEP", "NONE", "Change", "Filters", "Link", "Outcome", "Step", "Store", "adopted_id", "step_of"]

THREAD_KEPT_S = 30 * 86_400
_THREAD = ("interaction", "channel", "conversation", "task")


@dataclass(frozen=True)
class Outcome:
    """What a script said: a word, the state that holds now, and Redis' time (epoch ms).

    ``first``: this move has given the guard's field its value.
    """

    word: str  # created exists | moved ignored duplicate guarded missing
    state: State | None
    now_ms: int
    first: bool = False

    @property
    def moved(self) -> bool:
        """True if this call changed the record."""
        return self.word in ("moved", "created")


Place = tuple[str, str, Thread]  # an invite's id, its task, and where it plays


@dataclass(frozen=True)
class Link:
    """Asks for what a SID leads to: a ``task`` to its invite's id, a ``chan`` to its conversation."""

    name: str
    sid: str

    @property
    def key(self) -> str:
        """Where the answer is kept."""
        return anchored(self.name, self.sid)


WINDOW = 256  # due ids of a partition among which those that come first are sought; costs the store 0.1 ms
_PATIENT = [RANKS[state] for state in (State.PENDING, State.ACCEPTED, ErrandState.PARKED)]

_MOVES = {signal: moves_of(row) for signal, row in TRANSITIONS.items()}


def step_of(invite_id: str, signal: str, change: Change) -> Step:
    """A move of an invite along the row ``signal`` of the transition table."""
    return Step(invite_id, f"inv:{invite_id}", _MOVES[signal], change)


@dataclass(frozen=True)
class Filters:
    """What a listing is narrowed to; None does not narrow."""

    state: str | None = None
    kind: str | None = None
    rule: str | None = None
    channel_sid: str | None = None
    conversation_sid: str | None = None

    def match(self, invite: Invite) -> bool:
        """True if the invite passes every filter given."""
        pairs = (
            (self.state, invite.state),
            (self.kind, invite.kind),
            (self.rule, invite.plan.rule),
            (self.channel_sid, invite.channel_sid),
            (self.conversation_sid, invite.conversation_sid),
        )
        return all(wanted is None or wanted == held for wanted, held in pairs)


class Store:
    """The tracked invites. Cheap to make; safe to share between threads."""

    def __init__(self, client: "redis.Redis", *, keep_s: int) -> None:
        """``keep_s``: how long a finished record and an idempotency key are remembered."""
        self._redis = client
        self._scripts = Scripts(client, keep_s=keep_s)
        self._claim = client.register_script(lua("claim"))

    def ping(self) -> None:
        """Raises StoreUnavailableError unless Redis answers."""
        with store_faults():
            self._redis.ping()

    def close(self) -> None:
        """Close this process's connections; the next call opens new ones."""
        self._redis.close()

    def now_ms(self) -> int:
        """Redis' own time, epoch milliseconds."""
        with store_faults():
            seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    # -- one record

    def create(self, invite: Invite, *, due_in_s: float, also_closing: bool = False) -> Outcome:
        """Write a new record, due in ``due_in_s``. Says ``exists`` and changes nothing if that id is there.

        A record with ``attempt`` 1 counts as begun now: whoever writes it makes the first attempt at once. One that a
        rule has just decided is a hit of that rule (see ``hits``). Raises ClosingError while its conversation is being
        closed; ``also_closing``: it is written all the same, for its task is there already.
        """
        said = self._scripts.create(
            invite.id,
            [f"inv:{invite.id}", "all"],
            due_in_s=due_in_s,
            fields=fields_of(invite),
            rule=hit_of(invite),
            unless="" if also_closing else closing_of(invite),
            links=_found_by(invite.id, invite.conversation_sid, invite.channel_sid),
        )
        if said.word == "closing":
            raise ClosingError("the conversation is being closed; try again", retry_after_s=CLOSING_AGAIN_S)
        return _outcome(said)

    def index(self, invite_id: str, conversation_sid: str | None, channel_sid: str | None) -> None:
        """Let the invite be found by its conversation, or by its channel where that is all that is known."""
        with store_faults():
            together(self._redis, _found_by(invite_id, conversation_sid, channel_sid))

    def get(self, invite_id: str) -> Invite | None:
        """The record, or None if there is none (any more)."""
        return next(iter(self.get_many([invite_id])), None)

    def get_many(self, invite_ids: Iterable[str]) -> list[Invite]:
        """The records that exist, in the order asked for."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for invite_id in invite_ids:
                _read(pipe, invite_id)
            answers = pipe.execute()
        return _invites(answers)

    def move(
        self,
        invite_id: str,
        signal: str,
        *,
        due: float | str = KEEP,
        event_sid: str | None = None,
        guard: tuple[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        what: str | None = None,
    ) -> Outcome:
        """Move the record along the row ``signal`` of the transition table; ``what`` is the history's word for it."""
        return self.take(step_of(invite_id, signal, Change(due, guard, fields, event_sid, what or signal)))

    def take(self, step: Step) -> Outcome:
        """Move a record as ``step`` says."""
        return _outcome(self._scripts.transition(step))

    def confirm(self, invite_id: str, *, due: float | str, fields: Mapping[str, str], what: str = "created") -> Outcome:
        """Move the record along "created", and ``remember`` what the fields tell, in one round trip."""
        interaction, channel, conversation, task = (fields.get(f"{name}_sid") for name in _THREAD)
        thread = Thread(interaction, channel, conversation) if interaction and channel else None
        links = _taught(invite_id, task, thread) if thread else _found_by(invite_id, conversation, channel)
        step = step_of(invite_id, "created", Change(due, fields=fields, what=what))
        return _outcome(self._scripts.transition(step, links=links))

    def ask_all(self, asked: Sequence["Step | Link"]) -> list[Outcome | str | StoreUnavailableError | None]:
        """Many moves and look-ups in one round trip: outcomes, ids (None where there is none), or the fault of one."""
        commands = [self._scripts.call(one) if isinstance(one, Step) else ("GET", one.key) for one in asked]
        with store_faults():
            answers = all_together(self._redis, commands)
        return [_read_answer(answer) for answer in answers]

    def touch(
        self,
        invite_id: str,
        state: State,
        *,
        due: float | str = KEEP,
        guard: tuple[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        what: str = "",
    ) -> Outcome:
        """Change fields or the due time of a record that is still in ``state``."""
        change = Change(due, guard, fields, what=what)
        return self.take(Step(invite_id, f"inv:{invite_id}", moves_of({state: state}), change))

    def tell(self, invite_id: str, what: str) -> None:
        """Add lines to the record's history, whatever its state is; nothing else changes."""
        moves = moves_of({state: state for state in State})
        self.take(Step(invite_id, f"inv:{invite_id}", moves, Change(what=what)))

    # -- due work

    def claim(self, partition: int, *, lease_s: float, most: int, in_order: bool = False) -> tuple[int, list[str]]:
        """Redis' time (ms) and at most ``most`` ids that are due, each pushed ``lease_s`` ahead.

        Where more is due than that, work for which a customer waits (a request without a task, a lapse, an errand)
        comes before looks at what goes its way; ``in_order``: whoever has waited longest comes first.
        """
        window = 0 if in_order else WINDOW
        with store_faults():
            now, *ids = self._claim(
                keys=[key(partition, "due"), key(partition, "open")],
                args=[milliseconds(lease_s), most, window, *_PATIENT],
            )
        return int(now), ids

    def drop_due(self, invite_id: str) -> None:
        """Take an id without a record off the indexes."""
        partition = partition_of_id(invite_id)
        with store_faults():
            self._redis.zrem(key(partition, "due"), invite_id)
            self._redis.zrem(key(partition, "open"), invite_id)
            self._redis.zrem(key(partition, "all"), invite_id)

    def due_partitions(self) -> list[int]:
        """The partitions that have something due now (by Redis' clock), whoever waits longest first.

        Two round trips; what they cost does not grow with what is open.
        """
        with store_faults():
            now = self.now_ms()
            pipe = self._redis.pipeline(transaction=False)
            for partition in range(PARTITIONS):
                pipe.zrange(key(partition, "due"), 0, 0, withscores=True)
            first = [(heads[0][1], partition) for partition, heads in enumerate(pipe.execute()) if heads]
            return [partition for due_ms, partition in sorted(first) if due_ms <= now]

    # -- finding

    def link_task(self, task_sid: str, invite_id: str) -> None:
        """Let events that carry only the task SID find the invite."""
        with store_faults():
            self._redis.set(anchored("task", task_sid), invite_id, ex=THREAD_KEPT_S)

    def id_of_task(self, task_sid: str) -> str | None:
        """The invite of a task, if linked."""
        with store_faults():
            return _text(self._redis.get(anchored("task", task_sid)))

    def remember(self, *places: "Place") -> None:
        """Let invites be found by their tasks and threads, and conversations know their channels; in one round trip."""
        with store_faults():
            together(self._redis, [link for place in places for link in _taught(*place)])

    def thread_of(self, conversation_sid: str) -> tuple[str, str] | None:
        """Interaction and channel of a conversation, if known."""
        with store_faults():
            pair = self._redis.hmget(anchored("thread", conversation_sid), ["interaction_sid", "channel_sid"])
        return (str(pair[0]), str(pair[1])) if pair[0] and pair[1] else None

    def conversation_of(self, channel_sid: str) -> str | None:
        """The conversation of a channel, if known."""
        with store_faults():
            return _text(self._redis.get(anchored("chan", channel_sid)))

    def of_anchor(self, sid: str) -> list[Invite]:
        """All remembered invites of one conversation or channel; of a channel, all those of its conversation."""
        return self.of_anchors(sid)

    def of_anchors(self, *sids: str | None) -> list[Invite]:
        """All remembered invites of a conversation and its channel, each once, as far as the two are known."""
        anchors = list(dict.fromkeys(sid for sid in sids if sid))
        with store_faults():
            known = [] if any(is_sid(sid, "CH") for sid in anchors) else self._conversations_of(anchors)
            found = together(self._redis, [("SMEMBERS", anchored("of", sid)) for sid in (*anchors, *known)])
        return self.get_many(sorted({str(name) for names in found for name in names}))

    def _conversations_of(self, channel_sids: Sequence[str]) -> list[str]:
        found = together(self._redis, [("GET", anchored("chan", sid)) for sid in channel_sids])
        return [str(sid) for sid in found if sid]

    def newest(self, *, before: tuple[int, str] | None, most: int) -> list[tuple[int, str]]:
        """(created at ms, id) of the newest invites over all partitions, strictly before ``before``."""
        top: int | str = before[0] if before else "+inf"
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition in range(PARTITIONS):
                pipe.zrevrangebyscore(key(partition, "all"), top, "-inf", start=0, num=most + 1, withscores=True)
            rows = [(int(score), str(name)) for page in pipe.execute() for name, score in page]
        rows.sort(reverse=True)
        return [row for row in rows if before is None or row < before][:most]

    def forget_listed(self, invite_ids: Sequence[str]) -> None:
        """Take ids whose records have expired off the listing."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for invite_id in invite_ids:
                pipe.zrem(key(partition_of_id(invite_id), "all"), invite_id)
            pipe.execute()


def adopted_id(conversation_sid: str | None, channel_sid: str, task_sid: str) -> str:
    """The id under which a task that others made is tracked."""
    return adopted_invite_id(conversation_sid or channel_sid, task_sid)


def _text(value: object) -> str | None:
    return str(value) if value else None


def _read(pipe: Any, invite_id: str) -> None:
    partition = partition_of_id(invite_id)
    pipe.hgetall(key(partition, f"inv:{invite_id}"))
    pipe.zscore(key(partition, "due"), invite_id)


def _invites(answers: Sequence[Any]) -> list[Invite]:
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return [invite_of(fields, None if due is None else int(due)) for fields, due in pairs if fields.get("plan")]


def _found_by(invite_id: str, conversation_sid: str | None, channel_sid: str | None) -> list[Call | Plain]:
    anchor = conversation_sid or channel_sid
    if anchor is None:
        return []
    of = anchored("of", anchor)
    return [Call(lua("link"), [of, of], [invite_id, milliseconds(THREAD_KEPT_S), "", ""])]


def _taught(invite_id: str, task_sid: str | None, thread: Thread) -> list[Call | Plain]:
    """What lets an invite be found. The task is last: where it leads to the invite, the others do."""
    conversation, channel = thread.conversation_sid, thread.channel_sid
    links: list[Call | Plain] = _found_by(invite_id, conversation, channel)
    if conversation:
        keys = [anchored("of", conversation), anchored("thread", conversation)]
        told: list[str | int] = [invite_id, milliseconds(THREAD_KEPT_S), thread.interaction_sid, channel]
        links = [Call(lua("link"), keys, told), ("SET", anchored("chan", channel), conversation, "EX", THREAD_KEPT_S)]
    if task_sid:
        links.append(("SET", anchored("task", task_sid), invite_id, "EX", THREAD_KEPT_S))
    return links


def _outcome(told: Said) -> Outcome:
    return Outcome(told.word, State(told.state) if told.state else None, told.now_ms, told.first)


def _read_answer(answer: object) -> Outcome | str | StoreUnavailableError | None:
    if isinstance(answer, list):
        return _outcome(said(answer))
    if isinstance(answer, Exception):
        store_failed(answer)
        return fault_of(answer)
    return _text(answer)
