"""Twilio's events as they are sent to us: TaskRouter's → ``TaskEvent``, and messages. Pure: no I/O, no Flask.

Lenient where Twilio may add or leave out ("Webhooks security": new parameters may appear at any time), strict where a
value is used: every SID is checked. Field names: "TaskRouter Events reference" for the callback's form, the event type
pages of Event Streams for CloudEvents.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from service.errors import BadRequestError
from service.intake.forms import Pairs, form_pairs
from service.intake.payloads_json import check_pairs, parse_loosely, read_form, read_json
from service.model import TaskEvent, is_sid
from service.tracking.lifecycle import EVENT_SIGNALS

MOST_REASON = 200
STREAM_PREFIX = "com.twilio.taskrouter."

_ABOUT_TASKS = ("task.", "reservation.", "workflow.", "task-queue.")
_TYPE = re.compile(r"[a-z][a-z.-]{1,62}")
_DIGITS = re.compile(r"[0-9]{1,16}")

# What is read of an event, by its name in Event Streams, and as the callback spells that.
_NAMES = (
    "event_type", "sid", "timestamp", "timestamp_ms", "workspace_sid", "task_sid", "reservation_sid", "worker_sid",
    "task_attributes", "task_channel_unique_name", "task_canceled_reason", "task_completed_reason", "reason",
)  # fmt: skip
_SENT_AS = tuple((name, name.title().replace("_", "").encode()) for name in _NAMES)


def parse_taskrouter_form(body: bytes, pairs: Pairs | None = None) -> TaskEvent | None:
    """Read one event callback. None if it is not about a task (workers, activities, a workflow's own changes).

    ``pairs`` are those of the body, where the caller has read them already. Attributes are read if the type can change
    anything here, and are empty otherwise. Raises BadRequestError if the event is about a task and lacks what every
    event has, or holds a SID that is none.
    """
    pairs = form_pairs(body) if pairs is None else pairs
    check_pairs(pairs)
    first = dict(reversed(pairs))  # of a name that is given twice
    named = {name: value.decode() for name, sent in _SENT_AS if (value := first.get(sent)) is not None}
    event_type = named.get("event_type")
    if not isinstance(event_type, str) or not _TYPE.fullmatch(event_type):
        raise BadRequestError("EventType must be the name of an event")
    return _event(event_type, named, fallback=body)


def parse_message_form(body: bytes) -> str | None:
    """Read one Conversations webhook: the conversation in which somebody has written, or None.

    What was written and by whom is not looked at. A message with Source API is ours or a bot's: it wakes nobody.
    Raises BadRequestError if it tells of a message and names no conversation. Source: "Conversations webhooks".
    """
    named = dict(reversed(read_form(body)))
    if named.get("EventType") != "onMessageAdded" or named.get("Source", "").upper() == "API":
        return None
    if not is_sid(named.get("ConversationSid"), "CH"):
        raise BadRequestError("ConversationSid must be CH followed by 32 hexadecimal digits")
    return named["ConversationSid"]


def parse_cloud_events(body: bytes) -> tuple[TaskEvent, ...]:
    """Read one delivery of an Event Streams webhook sink: those of its events that are about tasks, in its order.

    A sink delivers a JSON array, or with batching off a single event. An event that cannot be read is left out, for
    refusing it would refuse its neighbours too. Raises BadRequestError if the body is no such array.
    """
    value = read_json(body)
    envelopes = value if isinstance(value, list) else [value]
    read = [_cloud_event(envelope) for envelope in envelopes if isinstance(envelope, dict)]
    if len(read) != len(envelopes):
        raise BadRequestError("The body must be an array of CloudEvents")
    return tuple(event for event in read if event is not None)


def _cloud_event(envelope: Mapping[str, object]) -> TaskEvent | None:
    kind, data = envelope.get("type"), envelope.get("data")
    payload = data.get("payload") if isinstance(data, dict) else None
    if not (isinstance(kind, str) and kind.startswith(STREAM_PREFIX) and isinstance(payload, dict)):
        return None
    try:
        return _event(kind.removeprefix(STREAM_PREFIX), payload, fallback=str(envelope.get("id")).encode())
    except BadRequestError:
        return None


def _event(event_type: str, named: Mapping[str, object], *, fallback: bytes) -> TaskEvent | None:
    """``named`` in snake_case, as Event Streams has it; ``fallback`` is what makes an event without a SID its own."""
    if not event_type.startswith(_ABOUT_TASKS):
        return None
    task_sid, workspace_sid = _sid(named, "task_sid", "WT"), _sid(named, "workspace_sid", "WS")
    if task_sid is None:
        return None
    if workspace_sid is None:
        raise BadRequestError("WorkspaceSid is missing")
    return TaskEvent(
        # The reference does not list Sid, though real callbacks carry it: a stand-in keeps duplicates recognisable.
        sid=_sid(named, "sid", "EV") or f"EV{sha256(fallback).hexdigest()[:32]}",
        type=event_type,
        at_ms=_at_ms(named),
        workspace_sid=workspace_sid,
        task_sid=task_sid,
        reservation_sid=_sid(named, "reservation_sid", "WR"),
        worker_sid=_sid(named, "worker_sid", "WK"),
        reason=_reason(event_type, named),
        task_channel=_text(named.get("task_channel_unique_name")),
        # of the many events that change nothing here, they are not read: they are most of what an event weighs
        attributes=parse_loosely(named.get("task_attributes")) if event_type in EVENT_SIGNALS else {},
    )


def _sid(named: Mapping[str, object], name: str, prefix: str) -> str | None:
    value = named.get(name)
    if value in (None, ""):
        return None
    if not is_sid(value, prefix):
        spelled = name.title().replace("_", "")
        raise BadRequestError(f"{spelled} must be {prefix} followed by 32 hexadecimal digits")
    return str(value)


def _at_ms(named: Mapping[str, object]) -> int:
    """Epoch milliseconds. TimestampMs where there is one; else Timestamp, which is seconds in a callback and ISO 8601
    in Event Streams."""
    millis, stamp = str(named.get("timestamp_ms", "")), str(named.get("timestamp", ""))
    if _DIGITS.fullmatch(millis):
        return int(millis)
    if _DIGITS.fullmatch(stamp):
        return int(stamp) * 1000
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        raise BadRequestError("Timestamp is missing or is no time") from None
    if moment.tzinfo is None:
        raise BadRequestError("Timestamp lacks its zone")
    return int(moment.timestamp() * 1000)


def _reason(event_type: str, named: Mapping[str, object]) -> str | None:
    own = "task_completed_reason" if event_type == "task.completed" else "task_canceled_reason"
    text = _text(named.get(own)) or _text(named.get("reason"))
    return text[:MOST_REASON] if text else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
