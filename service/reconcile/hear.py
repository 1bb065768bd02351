"""Events are heard: recorded for their invites, and what they teach beyond that is remembered."""

from collections.abc import Sequence

from service.errors import StoreUnavailableError
from service.metrics import record
from service.model import State, TaskEvent, Thread
from service.reconcile.parts import Parts
from service.tracking.arrival import Arrival
from service.tracking.arrivals import Taken, take_events
from service.tracking.figures import customer_key


def hear(parts: Parts, event: TaskEvent, *, source: str = "callback") -> Arrival:
    """Take one event that came by ``source`` (callback, streams, catch_up). Raises StoreUnavailableError; then it may
    be given again."""
    [taken] = hear_all(parts, [event], source=source)
    if isinstance(taken, Exception):
        raise taken
    return taken


def hear_all(parts: Parts, events: Sequence[TaskEvent], *, source: str = "callback") -> list[Taken]:
    """Take several, in their order. Raises nothing: what could not be taken has its fault in its place, and may be
    given again."""
    found = take_events(parts.store, events, parts.pace)
    for event, taken in zip(events, found, strict=True):
        if isinstance(taken, Arrival):
            record.event_heard(source, event.type, taken.word, at_ms=event.at_ms)
            if taken.word == "moved" and taken.state is State.LAPSED:
                record.lapsed(event.type)
    return _with_workers(parts, events, found)


def _with_workers(parts: Parts, events: Sequence[TaskEvent], found: list[Taken]) -> list[Taken]:
    """Remember who has taken whom."""
    takers = {
        number: (_whose(event), event.worker_sid)
        for number, (event, taken) in enumerate(zip(events, found, strict=True))
        if isinstance(taken, Arrival) and taken.word == "moved" and taken.state is State.ACCEPTED and event.worker_sid
    }
    if not takers:
        return found
    try:
        parts.figures.remember_workers(takers.values())
    except StoreUnavailableError as error:
        return [error if number in takers else taken for number, taken in enumerate(found)]
    return found


def _whose(event: TaskEvent) -> list[str]:
    thread = Thread.of(event.attributes)
    names = [thread.conversation_sid] if thread and thread.conversation_sid else []
    address = event.attributes.get("customerAddress")
    return [*names, customer_key(address)] if isinstance(address, str) and address else names
