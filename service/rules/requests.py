"""A request as the API takes it, already parsed as JSON, into the value that is decided on: for trying rules out."""

from collections.abc import Mapping
from typing import TypeVar

from service.model import CHANNEL_TYPES, RELEASES, Kind, Mode, Origin, RoutingRequest, Target, is_sid
from service.rules.expression.faults import did_you_mean

SIDS: Mapping[str, str] = {"conversation_sid": "CH", "interaction_sid": "KD", "channel_sid": "UO"}
TEXTS = ("reason", "idempotency_key", "execution_sid")
FIELDS = ("kind", *SIDS, "channel_type", *TEXTS, "attributes", "from", "to", "mode", "release")
TARGETS = ("worker", "queue", "workflow")
E = TypeVar("E", Kind, Mode)


def request_of(body: object) -> RoutingRequest:
    """The request that ``body`` describes; every field may be missing, and kind is then escalation.

    Raises ``ValueError`` naming the field and what is allowed, never its value.
    """
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    for name in body:
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r} (allowed: {', '.join(FIELDS)}){did_you_mean(name, FIELDS)}")
    origin, to = _object(body, "from"), _object(body, "to")
    return RoutingRequest(
        kind=_choice(body, "kind", Kind) or Kind.ESCALATION,
        conversation_sid=_sid(body, "conversation_sid"),
        interaction_sid=_sid(body, "interaction_sid"),
        channel_sid=_sid(body, "channel_sid"),
        channel_type=_one_of(body, "channel_type", CHANNEL_TYPES),
        reason=_text(body, "reason"),
        attributes=_object(body, "attributes"),
        idempotency_key=_text(body, "idempotency_key"),
        execution_sid=_text(body, "execution_sid"),
        origin=Origin(_text(origin, "worker_sid"), _text(origin, "participant_sid")) if origin else None,
        to=_target(to) if to else None,
        mode=_choice(body, "mode", Mode),
        release=RELEASES.get(_one_of(body, "release", tuple(RELEASES)) or ""),
    )


def _object(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object")
    return value


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


def _sid(body: Mapping[str, object], name: str) -> str | None:
    value = _text(body, name)
    if value is not None and not is_sid(value, SIDS[name]):
        raise ValueError(f"{name} must be {SIDS[name]} and 32 hexadecimal digits")
    return value


def _one_of(body: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str | None:
    value = _text(body, name)
    if value is not None and value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}{did_you_mean(value, allowed)}")
    return value


def _choice(body: Mapping[str, object], name: str, allowed: type[E]) -> E | None:
    known = tuple(str(one) for one in allowed if one != Kind.ADOPTED)
    value = _one_of(body, name, known)
    return allowed(value) if value is not None else None


def _target(to: Mapping[str, object]) -> Target:
    if len(to) != 1 or (kind := next(iter(to))) not in TARGETS:
        raise ValueError("to must hold exactly one of worker, queue and workflow")
    return Target(kind, _text(to, kind) or "")
