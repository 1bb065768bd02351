"""The addresses that Twilio's events come to. Nothing here calls Twilio: an event is stored, or it is not ours."""

import structlog
from flask import Blueprint, request

from service.intake.door import EVENT_BYTES, Door, read_body
from service.intake.payloads import parse_cloud_events, parse_taskrouter_form
from service.model import TaskEvent
from service.reconcile.hear import hear
from service.reconcile.parts import Parts

log = structlog.stdlib.get_logger("service.event")


def hooks(parts: Parts, door: Door, workspace_sid: str) -> Blueprint:
    """The blueprint of the event callbacks."""
    blue = Blueprint("hooks", __name__)

    @blue.post("/v1/events/taskrouter")
    def taskrouter() -> tuple[str, int]:
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        event = parse_taskrouter_form(body)
        if event is not None:
            _take(parts, event, workspace_sid)
        return "", 204

    @blue.post("/v1/events/streams")
    def streams() -> tuple[str, int]:
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        for event in parse_cloud_events(body):
            _take(parts, event, workspace_sid)
        return "", 204

    return blue


def _take(parts: Parts, event: TaskEvent, workspace_sid: str) -> None:
    if event.workspace_sid != workspace_sid:
        return
    arrival = hear(parts, event)
    if arrival.word == "moved":
        log.info("event.moved", invite=arrival.invite_id, state=arrival.state, task=event.task_sid, by=event.type)
