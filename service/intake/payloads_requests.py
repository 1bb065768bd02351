"""The body of a routing request → one frozen ``RoutingRequest``, or every fault in it at once. No I/O, no Flask.

What was decided beyond the fields themselves (``payloads_shape``):

* ``null`` in JSON and an empty value in a form mean "not given": Studio fills an unset variable with nothing.
* A form has the same names, flat: ``attributes`` and ``to`` as JSON texts, ``from_worker_sid`` for ``from.worker_sid``.
* ``flex…Sid`` attributes belong to an earlier task and would mislead whoever reads the new one: left out, silently.
* An error names fields and limits, and never repeats a value.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256

from pydantic import ValidationError

from service.errors import FieldError, InvalidFieldsError
from service.flex.attributes import without_flex_sids
from service.intake.payloads_faults import FLAT_ORIGIN, field_fault, header_faults, joint_faults, shown
from service.intake.payloads_json import FORM, JSON, media_type_of, parse_json, read_form, read_json_object
from service.intake.payloads_shape import EscalationBody, TransferBody
from service.model import NOTHING, RELEASES, Kind, Mode, Origin, Release, RoutingRequest, Target

MOST_ERRORS = 50

_SHAPES: dict[Kind, type[EscalationBody]] = {Kind.ESCALATION: EscalationBody, Kind.TRANSFER: TransferBody}


@dataclass(frozen=True)
class _Read:
    """A body as read: names and values nested as in JSON, what was wrong so far, and whether it was a flat form."""

    data: dict[str, object]
    faults: list[FieldError]
    flat: bool


def parse_routing_request(
    kind: Kind, content_type: str | None, body: bytes, *, idempotency_header: str | None = None
) -> RoutingRequest:
    """Read an escalation or a transfer, as JSON or as a form.

    Raises UnsupportedMediaTypeError, BadRequestError (the bytes cannot be read) or InvalidFieldsError (every field at
    fault, under the name the caller gave it).
    """
    body_read = _read(content_type, body, nest=kind is Kind.TRANSFER)
    key, faults = header_faults(idempotency_header, body_read.data)
    if key is not None:
        body_read.data["idempotency_key"] = key
    body_read.faults.extend(faults)
    return _request(kind, body_read)


def parse_decision_request(content_type: str | None, body: bytes) -> RoutingRequest:
    """Read the body of a dry run: that of an escalation or transfer, and ``kind`` to say which (escalation if not).

    Raises as ``parse_routing_request`` does.
    """
    body_read = _read(content_type, body, nest=True)
    kind = body_read.data.pop("kind", Kind.ESCALATION)
    if kind not in tuple(_SHAPES):
        body_read.faults.append(FieldError("kind", "must be 'escalation' or 'transfer'"))
        kind = Kind.TRANSFER  # the wider shape, so that no other field is blamed for it
    return _request(Kind(str(kind)), body_read)


def body_fingerprint(request: RoutingRequest) -> str:
    """SHA-256 (hex) of what a request asks for, its idempotency key and what we have added to it left out.

    Equal for equal requests in any spelling: JSON or form, in any order of names, defaults said or not.
    """
    fields = {**replace(request, idempotency_key=None).__dict__, "attributes": dict(request.attributes)}
    del fields["carried"]
    if request.mode is Mode.COLD and request.release is None:
        fields["release"] = Release.ON_ACCEPT  # what it means where no rule says otherwise
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=lambda value: value.__dict__)
    return sha256(canonical.encode()).hexdigest()


def release_of(word: str | None) -> Release | None:
    """The release that a caller's word means; None where nothing was said, for then the rule decides."""
    return None if word is None else RELEASES[word]


def _read(content_type: str | None, body: bytes, *, nest: bool) -> _Read:
    if media_type_of(content_type, (JSON, FORM)) == JSON:
        data = {name: value for name, value in read_json_object(body).items() if value is not None}
        return _Read(data, [], flat=False)
    pairs = read_form(body)
    counts = Counter(name for name, _ in pairs)
    faults = [FieldError(shown(name), "is given more than once") for name, count in counts.items() if count > 1]
    data, more = _unfolded({name: value for name, value in pairs if value}, nest=nest)
    return _Read(data, faults + more, flat=True)


def _unfolded(fields: dict[str, str], *, nest: bool) -> tuple[dict[str, object], list[FieldError]]:
    """A form's flat names as the nested ones of JSON."""
    data: dict[str, object] = dict(fields)
    faults = []
    for name in fields.keys() & {"attributes", "to"}:
        try:
            data[name] = parse_json(fields[name])
        except ValueError as error:
            del data[name]
            faults.append(FieldError(name, str(error)))
    if nest and "from" in data:
        del data["from"]
        faults.append(FieldError("from", "is from_worker_sid or from_participant_sid in a form"))
    origin = {name: data.pop(flat) for flat, name in FLAT_ORIGIN.items() if nest and flat in data}
    return data | ({"from": origin} if origin else {}), faults


def _request(kind: Kind, body_read: _Read) -> RoutingRequest:
    faults, shape = body_read.faults, None
    try:
        shape = _SHAPES[kind].model_validate(body_read.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = faults + [field_fault(item, _SHAPES[kind]) for item in found]
    faults = list(dict.fromkeys([*faults, *joint_faults(body_read.data)]))
    if faults or shape is None:
        named = tuple(_as_written(fault, flat=body_read.flat) for fault in faults[:MOST_ERRORS])
        raise InvalidFieldsError("See errors for each field and what is allowed", errors=named)
    return _built(kind, shape)


def _as_written(fault: FieldError, *, flat: bool) -> FieldError:
    return replace(fault, field=fault.field.replace("from.", "from_", 1)) if flat else fault


def _built(kind: Kind, shape: EscalationBody) -> RoutingRequest:
    request = RoutingRequest(
        kind=kind,
        conversation_sid=shape.conversation_sid,
        interaction_sid=shape.interaction_sid,
        channel_sid=shape.channel_sid,
        channel_type=shape.channel_type,
        reason=shape.reason,
        attributes=without_flex_sids(shape.attributes) if shape.attributes else NOTHING,
        idempotency_key=shape.idempotency_key,
        execution_sid=shape.execution_sid,
    )
    return _with_transfer(request, shape) if isinstance(shape, TransferBody) else request


def _with_transfer(request: RoutingRequest, shape: TransferBody) -> RoutingRequest:
    mode = Mode(shape.mode or Mode.COLD)
    return replace(
        request,
        origin=Origin(shape.from_.worker_sid, shape.from_.participant_sid) if shape.from_ else None,
        to=next(Target(kind, name) for kind, name in shape.to if name) if shape.to else None,
        mode=mode,
        release=release_of(shape.release) if mode is Mode.COLD else None,
    )
