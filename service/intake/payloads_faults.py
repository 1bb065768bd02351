"""What is wrong with a request's fields, said so that the caller can mend it and nobody's data is repeated. Pure.

Three kinds of fault: of one field (found by pydantic, worded here), of fields that do not go together, and of the
``Idempotency-Key`` header.
"""

import difflib
import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from service.errors import FieldError
from service.flex.attributes import characters, most_characters, without_flex_sids
from service.intake.payloads_shape import ALLOWED, EscalationBody, IdempotencyKey, OriginBody, TargetBody, TransferBody
from service.model import SID_PATTERN

RESERVED = "router_"
FLAT_ORIGIN = {"from_worker_sid": "worker_sid", "from_participant_sid": "participant_sid"}

_KEY_HEADER = "Idempotency-Key"
_KEY = TypeAdapter(IdempotencyKey)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TARGETS = {"worker": "WK", "queue": "WQ", "workflow": "WW"}
_NESTED: dict[object, type[BaseModel]] = {"from": OriginBody, "participant": OriginBody, "to": TargetBody}
_WORDS = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
}


def shown(name: object) -> str:
    """A name as an error may repeat it: only what looks like a name of a field, for it might be anything."""
    return name if isinstance(name, str) and _PLAIN_NAME.fullmatch(name) else "(not a plain name)"


def field_fault(item: ErrorDetails, shape: type[BaseModel]) -> FieldError:
    """One finding of pydantic in our words. ``shape`` is what the whole body was held against."""
    loc = item["loc"]
    name = ".".join(shown(part) for part in loc)
    if item["type"] == "extra_forbidden":
        return FieldError(name, _unknown(str(loc[-1]), _NESTED[loc[0]] if len(loc) > 1 else shape))
    return FieldError(name, _worded(item["type"], item.get("ctx", {})))


def joint_faults(data: Mapping[str, object]) -> Iterator[FieldError]:
    """Faults between fields. ``data`` is the body as read: parts of it may be of any type, those are left alone."""
    yield from _place_faults(data)
    yield from fact_faults(data)
    if data.get("mode") == "warm" and "release" in data:
        yield FieldError("release", "goes with mode cold; in a warm transfer the old agent stays")


def fact_faults(data: Mapping[str, object]) -> Iterator[FieldError]:
    """Faults inside ``attributes``, ``to`` and whoever is named, which routing requests and errands share."""
    yield from _attribute_faults(data.get("attributes"))
    for field in ("from", "participant"):
        yield from _one_of(field, data.get(field), ("worker_sid", "participant_sid"))
    yield from _one_of("to", data.get("to"), tuple(_TARGETS))
    yield from _target_faults(data.get("to"))


def header_faults(header: str | None, data: Mapping[str, object]) -> tuple[str | None, list[FieldError]]:
    """The key in an ``Idempotency-Key`` header (quoted or not), and what is wrong with it or beside the body's key."""
    if header is None:
        return None, []
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    try:
        _KEY.validate_python(key, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, [FieldError(_KEY_HEADER, _worded(item["type"], item.get("ctx", {}))) for item in found]
    if data.get("idempotency_key", key) != key:
        return None, [FieldError(_KEY_HEADER, "differs from idempotency_key in the body")]
    return key, []


def _worded(kind: str, context: Mapping[str, object]) -> str:
    if kind == "string_pattern_mismatch":
        return ALLOWED[str(context["pattern"])]
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    return _WORDS.get(kind, "is not of the allowed form")


def _unknown(name: str, shape: type[BaseModel]) -> str:
    names = _names(shape)
    if shape is EscalationBody and name in {*_names(TransferBody), *FLAT_ORIGIN}:
        return "belongs to a transfer"
    if shape is TransferBody and name in FLAT_ORIGIN:
        return f"is for forms; in JSON it is from.{FLAT_ORIGIN[name]}"
    near = difflib.get_close_matches(name[:64], names, n=1)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; allowed are {', '.join(names)}"


def _names(shape: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in shape.model_fields.items()]


def _place_faults(data: Mapping[str, object]) -> Iterator[FieldError]:
    has_interaction, has_channel = "interaction_sid" in data, "channel_sid" in data
    if has_interaction and not has_channel:
        yield FieldError("channel_sid", "is required with interaction_sid")
    elif has_channel and not has_interaction:
        yield FieldError("interaction_sid", "is required with channel_sid")
    elif not has_interaction and "conversation_sid" not in data:
        yield FieldError("conversation_sid", "is required, unless interaction_sid and channel_sid are given")


def _attribute_faults(attributes: object) -> Iterator[FieldError]:
    if not isinstance(attributes, dict):
        return
    for name in attributes:
        if name.startswith(RESERVED):
            yield FieldError(f"attributes.{shown(name)}", f"names that begin with {RESERVED} are reserved")
    kept = without_flex_sids(attributes)
    if characters(kept) > most_characters(kept):
        limit = f"{most_characters(kept)} characters of JSON (TaskRouter's limit, less what Flex adds)"
        yield FieldError("attributes", f"must be at most {limit}")


def _one_of(field: str, value: object, names: tuple[str, ...]) -> Iterator[FieldError]:
    if isinstance(value, dict) and sum(value.get(name) is not None for name in names) != 1:
        yield FieldError(field, f"must have exactly one of {', '.join(names)}")


def _target_faults(to: object) -> Iterator[FieldError]:
    """A SID of another kind is no name: better said here than "no such queue" later."""
    for name, prefix in _TARGETS.items():
        value = to.get(name) if isinstance(to, dict) else None
        if isinstance(value, str) and SID_PATTERN.fullmatch(value) and not value.startswith(prefix):
            yield FieldError(f"to.{name}", f"is a SID of another kind; give {prefix}… or a friendly name")
