"""Errand ↔ the flat fields of its Redis hash. No I/O. Keys stand in ``records``."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace

from service.model import Ask, Errand, ErrandKind, ErrandState, Last, Origin, Release, Target
from service.tracking.records import PARTITIONS, history_of, partition_of, refuse_later

ERRAND_VERSION = "1"

_ID = re.compile(r"er_([0-9]{2})_[0-9a-f]{32}")
_TEXTS = ("interaction_sid", "channel_sid", "conversation_sid", "asked_by", "channel_type", "successor", "reason",
          "outcome", "worker_sid", "last_message_sid", "wake_wanted", "trouble")  # fmt: skip
_NUMBERS = ("created_at_ms", "attempt", "parked_at_ms")


def new_errand_id(channel_sid: str) -> str:
    """A fresh id in the partition of the channel: errands of one channel wait in one line."""
    return f"er_{partition_of(channel_sid):02d}_{secrets.token_hex(16)}"


def is_errand_id(text: object) -> bool:
    """True if ``text`` has the form of an errand's id with an existing partition."""
    match = _ID.fullmatch(text) if isinstance(text, str) else None
    return match is not None and int(match[1]) < PARTITIONS


def errand_fields(errand: Errand) -> dict[str, str]:
    """The record as written by a create. Unset texts are left out; times come from the store itself."""
    fields = {name: str(value) for name in _TEXTS if (value := getattr(errand, name)) is not None}
    return fields | {
        "v": ERRAND_VERSION,
        "kind": errand.kind,
        "state": errand.state,
        "ask": _json(asdict(replace(errand.ask, attributes=dict(errand.ask.attributes)))),
        "carried": carried_text(errand.carried),
    }


def carried_text(attributes: Mapping[str, object]) -> str:
    """The attributes of the task that was put down, as the record keeps them."""
    return _json(dict(attributes))


def errand_of(fields: Mapping[str, str], due_ms: int | None) -> Errand:
    """The record as read. Raises StoreUnavailableError if a later version has written it; KeyError or ValueError if it
    is not one of ours.
    """
    refuse_later(fields, ERRAND_VERSION)
    texts = {name: fields.get(name) or None for name in _TEXTS}
    numbers = {name: int(fields[name]) for name in _NUMBERS if fields.get(name)}
    return Errand(
        id=fields["id"],
        kind=ErrandKind(fields["kind"]),
        state=ErrandState(fields["state"]),
        ask=_ask_of(json.loads(fields["ask"])),
        carried=json.loads(fields.get("carried") or "{}"),
        due_ms=due_ms,
        history=history_of(fields),
        **texts,  # type: ignore[arg-type]  # names and types are those of the record
        **numbers,  # type: ignore[arg-type]
    )


def _ask_of(data: dict[str, object]) -> Ask:
    made = dict(data)
    for name, kind in (("who", Origin), ("to", Target)):
        if isinstance(value := data.get(name), dict):
            made[name] = kind(**value)
    for name, enum in (("last", Last), ("release", Release)):
        if isinstance(word := data.get(name), str):
            made[name] = enum(word)
    return Ask(**made)  # type: ignore[arg-type]  # the dict was written by errand_fields


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
