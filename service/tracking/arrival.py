"""A TaskRouter event arrives: find its invite, or adopt its task, and move along the table. The same path serves the
callback, Event Streams and the catch-up, so it does not matter which of them brings an event first, or how often.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from service.model import EMPTY_PLAN, Invite, Kind, Plan, RoutingRequest, State, TaskEvent, Thread
from service.tracking.lifecycle import EVENT_SIGNALS
from service.tracking.records import is_invite_id
from service.tracking.store import NONE, Change, Link, Outcome, Place, Step, Store, adopted_id, step_of

FOREIGN, IRRELEVANT = "foreign", "irrelevant"
_GUARD = "task_sid"
_RULE_NAME = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True)
class Pace:
    """Seconds from a move until the record is looked at next."""

    grace_s: float
    look_s: float

    def due_after(self, signal: str, kind: Kind) -> float | str:
        """When a record that ``signal`` has moved is due."""
        if signal == "lapsed":
            return self.grace_s
        if signal == "completed":
            return NONE
        if signal in ("created", "accepted") and kind is Kind.TRANSFER:
            return 0  # the agent who transferred may have to be let go
        return self.look_s


@dataclass(frozen=True)
class Arrival:
    """What became of an event: a word, and the invite it belongs to (None if it is not ours to follow)."""

    word: str  # moved created ignored duplicate foreign irrelevant
    invite_id: str | None = None
    state: State | None = None
    first: bool = False  # the first event of its task


def take_event(store: Store, event: TaskEvent, pace: Pace) -> Arrival:
    """Record one event. Raises StoreUnavailableError; then nothing was recorded and the event may be given again."""
    if event.type not in EVENT_SIGNALS or event.task_sid is None:
        return Arrival(IRRELEVANT)
    thread = Thread.of(event.attributes)
    invite_id, outcome = _first_try(store, event, event.task_sid, thread, pace)
    if invite_id is None or outcome is None:
        return Arrival(FOREIGN)
    if outcome.word == "guarded" and thread is not None:
        # Our id on another task: transfer plugins copy the attributes of the old task. It is followed on its own.
        event = replace(event, attributes=_without_ours(event.attributes))
        invite_id = adopted_id(thread.conversation_sid, thread.channel_sid, event.task_sid or "")
        outcome = store.take(_step(invite_id, event, thread, pace))
    if outcome.word == "missing":
        if thread is None:
            return Arrival(FOREIGN)
        _adopt(store, invite_id, event.task_sid or "", event.attributes, thread, pace)
        outcome = store.take(_step(invite_id, event, thread, pace))
    arrival = Arrival(outcome.word, invite_id, outcome.state, first=outcome.first)
    if (place := place_of(event, arrival)) is not None:
        store.remember(place)
    return arrival


def _without_ours(attributes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if not name.startswith("router_")}


def place_of(event: TaskEvent, arrival: Arrival) -> Place | None:
    """What is to be remembered with the first event of a task, and once more when it is taken: what a dying process has
    left out is made up for."""
    if arrival.word != "moved" or not (arrival.first or EVENT_SIGNALS[event.type] == "accepted"):
        return None
    thread = Thread.of(event.attributes)
    return (arrival.invite_id, event.task_sid, thread) if arrival.invite_id and event.task_sid and thread else None


def wish_of(event: TaskEvent, pace: Pace) -> Step | Link | None:
    """What is asked of the store first: the move of the invite that the event is about, as far as its attributes tell;
    else whose task it is. None if an event of this type changes nothing.

    The id stands in the attributes, or follows from the task, if others made it.
    """
    if event.type not in EVENT_SIGNALS or event.task_sid is None:
        return None
    thread, ours = Thread.of(event.attributes), event.attributes.get("router_invite_id")
    if isinstance(ours, str) and is_invite_id(ours):
        return _step(ours, event, thread, pace)
    if thread is None:
        return Link("task", event.task_sid)
    return _step(adopted_id(thread.conversation_sid, thread.channel_sid, event.task_sid), event, thread, pace)


def _first_try(
    store: Store, event: TaskEvent, task_sid: str, thread: Thread | None, pace: Pace
) -> tuple[str | None, Outcome | None]:
    """The invite that the event is about, and what has become of its move; none for a task that is none of Flex's.

    Only where there is no such record, or no attributes, the task is looked up: they may be missing from an event, or
    have been replaced by another application.
    """
    wish, outcome = wish_of(event, pace), None
    if isinstance(wish, Step):
        outcome = store.take(wish)
        if outcome.word != "missing" or event.attributes.get("router_invite_id") == wish.record_id:
            return wish.record_id, outcome
    linked = store.id_of_task(task_sid)
    if linked:
        return linked, store.take(_step(linked, event, thread, pace))
    return (wish.record_id, outcome) if isinstance(wish, Step) else (None, None)


def _step(invite_id: str, event: TaskEvent, thread: Thread | None, pace: Pace) -> Step:
    signal = EVENT_SIGNALS[event.type]
    kind = Kind.TRANSFER if event.attributes.get("router_kind") == Kind.TRANSFER else Kind.ADOPTED
    fields = {"task_sid": event.task_sid or "", "trouble": ""} | _thread_fields(thread)
    if signal in ("lapsed", "completed"):
        fields["ended_at_ms"] = str(event.at_ms)
    if signal == "lapsed":
        fields["reason"] = event.type
    if signal == "accepted" and event.worker_sid:
        fields["worker_sid"] = event.worker_sid
    change = Change(
        due=pace.due_after(signal, kind),
        guard=(_GUARD, event.task_sid or ""),
        fields=fields,
        event_sid=event.sid,
        what=f"{event.type} {event.worker_sid}" if "worker_sid" in fields else event.type,
    )
    return step_of(invite_id, signal, change)


def adopt_task(store: Store, task_sid: str, attributes: Mapping[str, object], pace: Pace) -> bool:
    """Track a live task that a look at Twilio has shown and no event has told of. False if it is none of Flex's:
    then no event of it will be heard."""
    thread = Thread.of(attributes)
    if thread is None:
        return False
    linked = store.id_of_task(task_sid)
    if linked is not None and store.get(linked) is not None:  # a link may outlive its record, on another cluster node
        return True
    ours = attributes.get("router_invite_id")
    record = store.get(str(ours)) if is_invite_id(ours) else None
    if is_invite_id(ours) and record is None:  # the store has forgotten it: under its own id, as an event would
        _adopt(store, str(ours), task_sid, attributes, thread, pace)
    elif record is None or not _is_of(store, record, task_sid, thread, pace):
        invite_id = adopted_id(thread.conversation_sid, thread.channel_sid, task_sid)
        _adopt(store, invite_id, task_sid, _without_ours(attributes), thread, pace)
    return True


def _is_of(store: Store, record: Invite, task_sid: str, thread: Thread, pace: Pace) -> bool:
    """True if the record follows the task: one whose create has not been answered yet does from now on."""
    if record.state is not State.REQUESTED or record.task_sid is not None:
        return record.task_sid == task_sid
    change = Change(
        due=pace.due_after("created", record.kind),
        guard=(_GUARD, task_sid),
        fields={"task_sid": task_sid, "trouble": ""} | _thread_fields(thread),
        what="created",
    )
    outcome = store.take(step_of(record.id, "created", change))
    if outcome.moved:
        store.remember((record.id, task_sid, thread))
    return outcome.word != "guarded"  # meanwhile it may have come to follow another


def _adopt(
    store: Store, invite_id: str, task_sid: str, attributes: Mapping[str, object], thread: Thread, pace: Pace
) -> None:
    """Track a task that we have no record of: made by others, or by us before the store was lost."""
    kind = attributes.get("router_kind")
    request = RoutingRequest(
        kind=Kind(str(kind)) if kind in (Kind.ESCALATION, Kind.TRANSFER) else Kind.ADOPTED,
        conversation_sid=thread.conversation_sid,
        interaction_sid=thread.interaction_sid,
        channel_sid=thread.channel_sid,
    )
    invite = Invite(
        id=invite_id, kind=request.kind, state=State.PENDING, created_at_ms=0, request=request,
        plan=_plan_in(attributes),
        interaction_sid=thread.interaction_sid, channel_sid=thread.channel_sid,
        conversation_sid=thread.conversation_sid, invite_sid=thread.invite_sid, task_sid=task_sid,
    )  # fmt: skip
    if store.create(invite, due_in_s=pace.look_s, also_closing=True).moved:
        store.remember((invite_id, task_sid, thread))


def _plan_in(attributes: Mapping[str, object]) -> Plan:
    """What is left of the plan in the task's attributes, which others may have written."""
    rule, on_lapse = attributes.get("router_rule"), attributes.get("router_on_lapse")
    named = isinstance(rule, str) and _RULE_NAME.fullmatch(rule) is not None
    return replace(EMPTY_PLAN, rule=str(rule) if named else "", on_lapse="leave" if on_lapse == "leave" else "close")


def _thread_fields(thread: Thread | None) -> dict[str, str]:
    if thread is None:
        return {}
    pairs = {
        "interaction_sid": thread.interaction_sid,
        "channel_sid": thread.channel_sid,
        "conversation_sid": thread.conversation_sid,
        "invite_sid": thread.invite_sid,
    }
    return {name: value for name, value in pairs.items() if value}
