"""The addresses that Twilio's events come to. Nothing here calls Twilio: an event is stored, or it is not ours.

Plain TaskRouter events do not come as far as this: the ``front`` takes them.
"""

from collections.abc import Iterable

from flask import Blueprint, Response, request

from service.intake.door import EVENT_BYTES, Door, read_body
from service.intake.events import ENDPOINTS, SOURCES, STREAMS, TASKROUTER, of_workspace, told
from service.intake.payloads import parse_cloud_events, parse_message_form, parse_taskrouter_form
from service.metrics import record
from service.model import TaskEvent, is_sid
from service.reconcile.errands.work import heard_message
from service.reconcile.hear import hear_all
from service.reconcile.parts import Parts

FAULT = "flex_router.fault"  # in the WSGI environment: what has gone wrong before Flask was asked, and where

_SOURCES = {ENDPOINTS[path]: source for path, source in SOURCES.items()}


def hooks(parts: Parts, door: Door, workspace_sid: str) -> Blueprint:
    """The blueprint of the event callbacks."""
    blue = Blueprint("hooks", __name__)
    blue.after_request(_count_refused)

    @blue.post(TASKROUTER)
    def taskrouter() -> tuple[str, int]:
        event = parse_taskrouter_form(signed_body())
        take([event] if event is not None else [])
        return "", 204

    @blue.post(STREAMS)
    def streams() -> tuple[str, int]:
        take(parse_cloud_events(signed_body()))
        return "", 204

    def signed_body() -> bytes:
        if FAULT in request.environ:  # the front has got as far as the store
            fault, trace = request.environ[FAULT]
            raise fault.with_traceback(trace)  # events that went together share it: each would add to the others' trace
        body = read_body(request, most=EVENT_BYTES)
        door.admit_signed(request, body)
        return body

    def take(events: Iterable[TaskEvent]) -> None:
        source = SOURCES[request.path]
        ours = of_workspace(events, workspace_sid, source=source)
        fault = told(ours, hear_all(parts, ours, source=source))
        if fault is not None:
            raise fault

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
