"""A record of TaskRouter's Events API as the same TaskEvent that a callback becomes. No I/O."""

from collections.abc import Mapping

from twilio.rest.taskrouter.v1.workspace.event import EventInstance

from service.flex.gateway import parse_attributes
from service.model import TaskEvent, is_sid


def task_event(record: EventInstance) -> TaskEvent | None:
    """None for events that are not about a task, and for records without what every event must have."""
    data = record.event_data if isinstance(record.event_data, Mapping) else {}
    task_sid = data.get("task_sid")
    if not (is_sid(record.sid, "EV") and is_sid(task_sid, "WT") and record.event_type):
        return None
    return TaskEvent(
        sid=str(record.sid),
        type=record.event_type,
        at_ms=_at_ms(record),
        workspace_sid=record.workspace_sid or str(data.get("workspace_sid", "")),
        task_sid=str(task_sid),
        reservation_sid=_sid(data, "reservation_sid", "WR"),
        worker_sid=_sid(data, "worker_sid", "WK"),
        reason=_text(data.get("task_canceled_reason") or data.get("reason")),
        task_channel=_text(data.get("task_channel_unique_name")),
        attributes=parse_attributes(data.get("task_attributes")),
    )


def _at_ms(record: EventInstance) -> int:
    if record.event_date_ms is not None:
        return int(record.event_date_ms)
    return int(record.event_date.timestamp() * 1000) if record.event_date else 0


def _sid(data: Mapping[str, object], name: str, prefix: str) -> str | None:
    value = data.get(name)
    return str(value) if is_sid(value, prefix) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
