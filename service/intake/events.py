"""What all ways in for TaskRouter's events share: which are ours, and what is said of those that were taken."""

from collections.abc import Iterable, Sequence

import structlog

from service.metrics import record
from service.model import TaskEvent
from service.tracing import note
from service.tracking.arrival import Arrival
from service.tracking.arrivals import Taken

log = structlog.stdlib.get_logger("service.event")

TASKROUTER, STREAMS = "/v1/events/taskrouter", "/v1/events/streams"
SOURCES = {TASKROUTER: "callback", STREAMS: "streams"}
ENDPOINTS = {TASKROUTER: "hooks.taskrouter", STREAMS: "hooks.streams"}  # as metrics name these addresses


def of_workspace(events: Iterable[TaskEvent], workspace_sid: str, *, source: str) -> list[TaskEvent]:
    """Those of our workspace; the others are counted, and that is all."""
    ours = []
    for event in events:
        if event.workspace_sid == workspace_sid:
            ours.append(event)
        else:
            record.event_heard(source, event.type, "other_workspace", at_ms=event.at_ms)
    return ours


def told(events: Sequence[TaskEvent], found: Sequence[Taken], **more: str) -> Exception | None:
    """Log what has moved (with ``more`` in each line), and return the first fault there is."""
    for event, taken in zip(events, found, strict=True):
        if not isinstance(taken, Arrival):
            continue
        note(invite=taken.invite_id)
        if taken.word == "moved":
            log.info(
                "event.moved", invite=taken.invite_id, state=taken.state, task=event.task_sid, by=event.type, **more
            )
    return next((taken for taken in found if isinstance(taken, Exception)), None)
