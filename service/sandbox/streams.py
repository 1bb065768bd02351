"""Event Streams: the same events as CloudEvents, for a webhook sink. Building only; ``posting`` signs and sends.

Source: "Event types: TaskRouter" (the envelope, ``data.payload`` in snake_case). A delivery here always has one event.
"""

import json

from service.sandbox.clock import iso_ms
from service.sandbox.sids import named_sid
from service.sandbox.state import Event, Outgoing
from service.sandbox.text_forms import snake
from service.sandbox.world import World

SCHEMA = "https://events-schemas.twilio.com/TaskRouter.WDSEvent/4"
NUMBERS = ("task_age", "task_priority", "task_version")


def to_sink(world: World, event: Event) -> Outgoing | None:
    """The delivery to the sink; None if there is no sink."""
    if not world.stream_url:
        return None
    body = json.dumps([cloud_event(world, event)])
    lane = event.data.get("TaskSid", event.resource_sid)
    task_sid = event.data.get("TaskSid", "")
    return Outgoing(world.stream_url, (), event.type, event.sid, lane, task_sid, json=body)


def cloud_event(world: World, event: Event) -> dict[str, object]:
    """The envelope and what is in it."""
    return {
        "specversion": "1.0",
        "type": f"com.twilio.taskrouter.{event.type}",
        "source": named_sid("AB", "stream"),
        "id": event.sid.replace("EV", "NO", 1),
        "dataschema": SCHEMA,
        "datacontenttype": "application/json",
        "time": iso_ms(event.created),
        "data": {
            "sid": event.sid,
            "name": "".join(part.capitalize() for part in event.type.replace("-", ".").split(".")),
            "account_sid": world.account.sid,
            "timestamp": iso_ms(event.created),
            "level": "INFO",
            "group": event.resource_type,
            "product_name": "TaskRouter",
            "publisher": world.workspace.friendly_name,
            "publisher_metadata": "{}",
            "payload_type": "application/json",
            "payload": _payload(world, event),
        },
    }


def _payload(world: World, event: Event) -> dict[str, object]:
    own = {snake(name): value for name, value in event.data.items()}
    numbers = {name: int(own[name]) for name in NUMBERS if name in own}
    dates = {name: iso_ms(int(own[name])) for name in ("task_date_created",) if name in own}
    return {
        "sid": event.sid,
        "eventtype": event.type,
        "account_sid": world.account.sid,
        "workspace_sid": world.workspace.sid,
        "workspace_name": world.workspace.friendly_name,
        "timestamp": iso_ms(event.created),
        "timestamp_ms": int(event.created * 1000),
        **own,
        **numbers,
        **dates,
    }
