"""The addresses that Twilio's events come to. Nothing here calls Twilio: an event is stored, or it is not ours."""

import structlog
from flask import Blueprint, Response, request

from service.intake.door import EVENT_BYTES, Door, read_body
from service.intake.payloads import parse_cloud_events, parse_message_form, parse_taskrouter_form
from service.metrics import record
from service.model import TaskEvent, is_sid
from service.reconcile.errands.work import heard_message
from service.reconcile.hear import hear
from service.reconcile.parts import Parts
from service.tracing import note

log = structlog.stdlib.get_logger("service.event")

FAULT = "flex_router.fault"  # in the WSGI environment: what has gone wrong before Flask was asked

_SOURCES = {"hooks.taskrouter": "callback", "hooks.streams": "streams"}


def hooks(parts: Parts, door: Door, workspace_sid: str) -> Blueprint:
    """The blueprint of the event callbacks."""
    blue = Blueprint("hooks", __name__)
    blue.after_request(_count_refused)

    @blue.post("/v1/events/taskrouter")
    def taskrouter() -> tuple[str, int]:
        if FAULT in request.environ:  # the short way has got as far as the store
            raise request.environ[FAULT]
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        event = parse_taskrouter_form(body)
        if event is not None:
            take(parts, event, workspace_sid, source="callback")
        return "", 204

    @blue.post("/v1/events/streams")
    def streams() -> tuple[str, int]:
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        for event in parse_cloud_events(body):
            take(parts, event, workspace_sid, source="streams")
        return "", 204

    @blue.post("/v1/events/conversations")
    def messages() -> tuple[str, int]:
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        conversation_sid = parse_message_form(body)
        if conversation_sid is not None:
            heard_message(
                parts,
                errand_id=request.args.get("errand"),
                conversation_sid=conversation_sid,
                interaction_sid=_sid("interaction", "KD"),
                channel_sid=_sid("channel", "UO"),
            )
        return "", 204

    return blue


def _sid(name: str, prefix: str) -> str | None:
    value = request.args.get(name)
    return value if is_sid(value, prefix) else None


def _count_refused(response: Response) -> Response:
    if response.status_code == 403:
        record.event_refused(_SOURCES.get(request.endpoint or "", "other"))
    return response


def take(parts: Parts, event: TaskEvent, workspace_sid: str, *, source: str) -> None:
    """Store one event, if it is of our workspace. Raises StoreUnavailableError; then it may be given again."""
    if event.workspace_sid != workspace_sid:
        record.event_heard(source, event.type, "other_workspace", at_ms=event.at_ms)
        return
    arrival = hear(parts, event, source=source)
    note(invite=arrival.invite_id)
    if arrival.word == "moved":
        log.info("event.moved", invite=arrival.invite_id, state=arrival.state, task=event.task_sid, by=event.type)
