"""An event is heard: recorded for its invite, and what it teaches beyond that is remembered."""

from service.metrics import record
from service.model import State, TaskEvent, Thread
from service.reconcile.parts import Parts
from service.tracking.arrival import Arrival, take_event
from service.tracking.figures import customer_key


def hear(parts: Parts, event: TaskEvent, *, source: str = "callback") -> Arrival:
    """Take one event that came by ``source`` (callback, streams, catch_up). Raises StoreUnavailableError; then it may
    be given again."""
    arrival = take_event(parts.store, event, parts.pace)
    record.event_heard(source, event.type, arrival.word, at_ms=event.at_ms)
    if arrival.word == "moved" and arrival.state is State.LAPSED:
        record.lapsed(event.type)
    if arrival.word == "moved" and arrival.state is State.ACCEPTED and event.worker_sid:
        parts.figures.remember_worker(_whose(event), event.worker_sid)
    return arrival


def _whose(event: TaskEvent) -> list[str]:
    thread = Thread.of(event.attributes)
    names = [thread.conversation_sid] if thread and thread.conversation_sid else []
    address = event.attributes.get("customerAddress")
    return [*names, customer_key(address)] if isinstance(address, str) and address else names
