"""The body of an errand → one frozen ``ErrandRequest``, or every fault in it at once. JSON only; no I/O, no Flask.

As in routing requests ``null`` means "not given", ``flex…Sid`` attributes are left out, and an error never repeats a
value. What is not said gets its default here, so that equal requests have equal fingerprints.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from pydantic import ValidationError

from service.errors import FieldError, InvalidFieldsError
from service.flex.attributes import without_flex_sids
from service.intake.payloads_errand_shape import (
    MOST_WHATSAPP_WAKE_S,
    SAME_AGENT_S,
    ActBody,
    EndBody,
    HandingOnBody,
    LeaveBody,
    ParkBody,
    RemoveBody,
    WakeBody,
)
from service.intake.payloads_faults import fact_faults, field_fault, header_faults
from service.intake.payloads_json import JSON, media_type_of, read_json_object
from service.intake.payloads_requests import release_of
from service.model import NOTHING, Ask, ErrandKind, Last, Origin, Target

_SHAPES: dict[ErrandKind, type[ActBody]] = {
    ErrandKind.LEAVE: LeaveBody,
    ErrandKind.REMOVE: RemoveBody,
    ErrandKind.END: EndBody,
    ErrandKind.PARK: ParkBody,
}
_USUAL_LAST = {ErrandKind.LEAVE: Last.REFUSE, ErrandKind.REMOVE: Last.TRANSFER}


@dataclass(frozen=True)
class ErrandRequest:
    """One errand as it was asked for; ``kind`` None: a parked conversation is to be woken."""

    kind: ErrandKind | None
    ask: Ask
    idempotency_key: str | None = None
    channel_type: str | None = None


def parse_errand_request(
    kind: ErrandKind | None, content_type: str | None, body: bytes, *, idempotency_header: str | None = None
) -> ErrandRequest:
    """Read the body of an errand, or with ``kind`` None that of a waking.

    Raises UnsupportedMediaTypeError, BadRequestError (the bytes cannot be read) or InvalidFieldsError (every field at
    fault, under the name the caller gave it).
    """
    media_type_of(content_type, (JSON,))
    data = {name: value for name, value in read_json_object(body).items() if value is not None}
    key, faults = header_faults(idempotency_header, data)
    if key is not None:
        data["idempotency_key"] = key
    shape = _shape(_SHAPES[kind] if kind else WakeBody, data, faults)
    channel_type = shape.channel_type if isinstance(shape, ParkBody) else None
    return ErrandRequest(kind, _ask(kind, shape), shape.idempotency_key, channel_type)


def ask_fingerprint(wanted: ErrandRequest, conversation_sid: str) -> str:
    """SHA-256 (hex) of what is asked of which conversation, the idempotency key left out."""
    ask = asdict(replace(wanted.ask, attributes=dict(wanted.ask.attributes)))
    fields = {"kind": wanted.kind or "wake", "conversation_sid": conversation_sid, "ask": ask}
    return sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def wake_faults(wake_after_s: object, channel_type: object) -> Iterator[FieldError]:
    """A time that the medium does not allow: after WhatsApp's window the agent who is woken could not answer."""
    if channel_type == "whatsapp" and isinstance(wake_after_s, int) and wake_after_s > MOST_WHATSAPP_WAKE_S:
        yield FieldError(
            "wake_after_s",
            f"must be at most {MOST_WHATSAPP_WAKE_S} (23 hours) on WhatsApp, where nothing but a template may be sent "
            "24 hours after the customer's last message",
        )


def _shape(kind: type[ActBody], data: dict[str, object], faults: list[FieldError]) -> ActBody:
    shape = None
    try:
        shape = kind.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = faults + [field_fault(item, kind) for item in found]
    faults = list(dict.fromkeys([*faults, *fact_faults(data), *_joint_faults(kind, data)]))
    if faults or shape is None:
        raise InvalidFieldsError("See errors for each field and what is allowed", errors=tuple(faults[:50]))
    return shape


def _joint_faults(kind: type[ActBody], data: Mapping[str, object]) -> Iterator[FieldError]:
    if issubclass(kind, HandingOnBody):
        usual = _USUAL_LAST[ErrandKind.LEAVE if kind is LeaveBody else ErrandKind.REMOVE]
        if data.get("last", usual) != Last.TRANSFER:
            for name in ("to", "release", "attributes"):
                if name in data:
                    yield FieldError(name, "goes with last = transfer")
    yield from wake_faults(data.get("wake_after_s"), data.get("channel_type"))


def _ask(kind: ErrandKind | None, shape: ActBody) -> Ask:
    ask = Ask(reason=shape.reason, who=_who(shape))
    if isinstance(shape, LeaveBody | RemoveBody):
        return replace(
            ask,
            last=Last(shape.last) if shape.last else _USUAL_LAST[kind or ErrandKind.LEAVE],
            to=next(Target(what, name) for what, name in shape.to if name) if shape.to else None,
            release=release_of(shape.release),
            attributes=_attributes(shape.attributes),
        )
    if isinstance(shape, ParkBody):
        return replace(
            ask,
            wake_after_s=shape.wake_after_s,
            same_agent_s=SAME_AGENT_S if shape.same_agent_s is None else shape.same_agent_s,
            attributes=_attributes(shape.attributes),
        )
    return replace(ask, wrapup=shape.wrapup is not False) if isinstance(shape, EndBody) else ask


def _who(shape: ActBody) -> Origin | None:
    named = shape.participant if isinstance(shape, RemoveBody) else getattr(shape, "from_", None)
    return Origin(named.worker_sid, named.participant_sid) if named else None


def _attributes(given: dict[str, object] | None) -> Mapping[str, object]:
    return without_flex_sids(given) if given else NOTHING
