"""Requests as Twilio and apps send them, as the bytes that go over the wire; each event is one of its own."""

import base64
import hmac
import json
from collections.abc import Mapping
from hashlib import sha1, sha256
from urllib.parse import urlencode

ACCOUNT, TOKEN, WORKSPACE = "AC" + "0" * 32, "b" * 32, "WS" + "6" * 32
PUBLIC_BASE_URL = "https://router.example.com"
EVENTS, STREAMS = "/v1/events/taskrouter", "/v1/events/streams"

# A task's life, in the order in which TaskRouter tells it.
LIFE = ("task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered", "reservation.created",
        "reservation.accepted", "task.completed")  # fmt: skip
ENVIRON = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_WORKSPACE_SID": WORKSPACE,
    "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
}

_now_s = 1_795_000_000
_numbers = iter(range(1, 10**12))


def sid(prefix: str, number: int) -> str:
    """A SID of that kind; the same for the same number."""
    return f"{prefix}{number:032x}"


def flex_attributes(number: int) -> dict[str, object]:
    """What Flex puts on the task of conversation ``number`` ("Interactions API" overview)."""
    address = f"+1555{number:07d}"
    return {
        "flexChannelInviteSid": sid("KG", number),
        "flexInteractionSid": sid("KD", number),
        "flexInteractionChannelSid": sid("UO", number),
        "conversationSid": sid("CH", number),
        "channelType": "sms",
        "taskCreateSource": "interaction",
        "direction": "inbound",
        "initiatedBy": "customer",
        "customerName": "Customer",
        "customerAddress": address,
        "from": address,
        "customers": {"name": "Customer", "phone": address, "email": None},
        "conversations": {
            "conversation_id": sid("KD", number),
            "media": [{"type": "ChatTranscript", "sid": sid("CH", number)}],
        },
    }


def event_fields(kind: str, task: int, attributes: Mapping[str, object]) -> dict[str, str]:
    """The fields of one event callback ("TaskRouter Events reference", and bodies that were captured)."""
    fields = {
        "Sid": sid("EV", next(_numbers)), "EventType": kind, "AccountSid": ACCOUNT, "WorkspaceSid": WORKSPACE,
        "WorkspaceName": "Flex Task Assignment", "EventDescription": kind, "ResourceType": kind.partition(".")[0],
        "ResourceSid": sid("WT", task), "Timestamp": str(_now_s), "TimestampMs": str(_now_s * 1000 + 123),
        "TaskSid": sid("WT", task), "TaskAttributes": json.dumps(attributes, separators=(",", ":")),
        "TaskAge": "50", "TaskPriority": "0", "TaskAssignmentStatus": "pending", "TaskVersion": "5",
        "TaskDateCreated": str(_now_s), "TaskQueueEnteredDate": str(_now_s), "TaskChannelSid": sid("TC", 1),
        "TaskChannelUniqueName": "chat", "TaskQueueSid": sid("WQ", 1), "TaskQueueName": "Everyone",
        "TaskQueueTargetExpression": "1==1", "WorkflowSid": sid("WW", 1), "WorkflowName": "Assign to Anyone",
    }  # fmt: skip
    if kind.startswith("reservation."):
        fields |= {
            "ReservationSid": sid("WR", task), "WorkerSid": sid("WK", task % 500), "WorkerName": "agent_one",
            "WorkerAttributes": '{"roles":["agent"]}', "WorkerActivitySid": sid("WA", 1),
            "WorkerActivityName": "Available",
        }  # fmt: skip
    return fields


def event(kind: str, task: int, attributes: Mapping[str, object]) -> bytes:
    """One event callback, signed."""
    return signed_form(EVENTS, event_fields(kind, task, attributes))


def worker_event(number: int) -> bytes:
    """An event of a type that the filter leaves out: it is about no task."""
    fields = {
        "Sid": sid("EV", next(_numbers)), "EventType": "worker.activity.update", "AccountSid": ACCOUNT,
        "WorkspaceSid": WORKSPACE, "WorkspaceName": "Flex Task Assignment", "ResourceType": "worker",
        "ResourceSid": sid("WK", number), "Timestamp": str(_now_s), "TimestampMs": str(_now_s * 1000 + 123),
        "WorkerSid": sid("WK", number), "WorkerName": "agent_one",
        "WorkerAttributes": json.dumps({"skills": ["a"] * 150}),
        "WorkerActivitySid": sid("WA", 1), "WorkerActivityName": "Available",
        "WorkerTimeInPreviousActivity": "50", "WorkerPreviousActivitySid": sid("WA", 2),
    }  # fmt: skip
    return signed_form(EVENTS, fields)


def signed_form(path: str, fields: Mapping[str, str]) -> bytes:
    """A form with Twilio's signature over it ("Security")."""
    text = PUBLIC_BASE_URL + path + "".join(name + fields[name] for name in sorted(fields))
    body = urlencode(fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": _signed(text)}
    return wire("POST", path, headers | {"I-Twilio-Idempotency-Token": sid("", 1)}, body)


def signed_batch(events: list[dict[str, str]]) -> bytes:
    """A delivery of an Event Streams sink, signed."""
    envelopes = [
        {
            "specversion": "1.0", "type": f"com.twilio.taskrouter.{one['EventType']}", "source": "/taskrouter",
            "id": one["Sid"], "time": "2026-11-18T12:26:40.000Z", "datacontenttype": "application/json",
            "data": {"payload": {_snake(name): value for name, value in one.items()}},
        }
        for one in events
    ]  # fmt: skip
    body = json.dumps(envelopes).encode()

    path = f"{STREAMS}?bodySHA256={sha256(body).hexdigest()}"
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": _signed(PUBLIC_BASE_URL + path)}
    return wire("POST", path, headers, body)


def wire(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire, with what every client adds."""
    usual = {"Host": "router.example.com", "Accept": "*/*", "User-Agent": "TwilioProxy/1.1"}
    lines = [f"{name}: {value}" for name, value in {**usual, **headers, "Content-Length": str(len(body))}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


def _signed(text: str) -> str:
    return base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), sha1)).decode()


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
