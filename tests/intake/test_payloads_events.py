"""TaskRouter's events from the callback's form and from Event Streams become the same value, or none."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequestError
from service.intake.payloads import parse_cloud_events, parse_message_form, parse_taskrouter_form
from service.model import TaskEvent
from tests.conftest import sid

WS, WT, EV, WR, WK = (sid(prefix, 1) for prefix in ("WS", "WT", "EV", "WR", "WK"))

CALLBACK = {
    "Sid": EV,
    "EventType": "reservation.accepted",
    "AccountSid": sid("AC", 0),
    "WorkspaceSid": WS,
    "ResourceType": "reservation",
    "ResourceSid": WR,
    "Timestamp": "1760000050",
    "TimestampMs": "1760000050123",
    "TaskSid": WT,
    "TaskAttributes": '{"router_invite_id": "iv_1", "customerName": "Zoë"}',
    "TaskChannelUniqueName": "chat",
    "ReservationSid": WR,
    "WorkerSid": WK,
    "SomethingNew": "?",
}
EVENT = TaskEvent(
    sid=EV,
    type="reservation.accepted",
    at_ms=1_760_000_050_123,
    workspace_sid=WS,
    task_sid=WT,
    reservation_sid=WR,
    worker_sid=WK,
    task_channel="chat",
    attributes={"router_invite_id": "iv_1", "customerName": "Zoë"},
)
STREAMED = {
    "specversion": "1.0",
    "type": "com.twilio.taskrouter.reservation.accepted",
    "source": "AB0",
    "id": "NO1",
    "data": {
        "sid": sid("EV", 9),
        "payload": {
            "sid": EV,
            "eventtype": "reservation.accepted",
            "timestamp": "2025-10-09T08:54:10.123Z",
            "workspace_sid": WS,
            "task_sid": WT,
            "task_attributes": CALLBACK["TaskAttributes"],
            "task_channel_unique_name": "chat",
            "reservation_sid": WR,
            "worker_sid": WK,
            "task_age": 50,
        },
    },
}


def form(**changes: str) -> bytes:
    return urlencode({**CALLBACK, **changes}).encode()


def form_without(*names: str) -> bytes:
    return urlencode({name: value for name, value in CALLBACK.items() if name not in names}).encode()


def stream(*payload_changes: dict[str, object], kind: str = str(STREAMED["type"])) -> bytes:
    data = STREAMED["data"]
    assert isinstance(data, dict)
    payloads = [data["payload"] | made for made in payload_changes]
    return json.dumps([STREAMED | {"type": kind, "data": {"payload": payload}} for payload in payloads]).encode()


def test_callback_becomes_an_event() -> None:
    assert parse_taskrouter_form(form()) == EVENT


def test_streamed_event_is_the_same_value() -> None:
    assert parse_cloud_events(stream({})) == (EVENT,)


def test_single_streamed_event_is_taken() -> None:
    assert parse_cloud_events(json.dumps(STREAMED).encode()) == (EVENT,)


@pytest.mark.parametrize(
    "kind",
    ["task.created", "task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout", "workflow.skipped",
     "task-queue.entered", "reservation.timeout"],
)  # fmt: skip
def test_event_about_a_task_is_taken(kind: str) -> None:
    event = parse_taskrouter_form(form(EventType=kind))

    assert event is not None
    assert event.type == kind
    assert parse_cloud_events(stream({}, kind=f"com.twilio.taskrouter.{kind}"))[0].type == kind


@pytest.mark.parametrize(
    "kind", ["worker.activity.update", "activity.created", "task-channel.updated", "workspace.deleted"]
)
def test_event_about_others_is_left_out(kind: str) -> None:
    assert parse_taskrouter_form(form(EventType=kind)) is None
    assert parse_cloud_events(stream({}, kind=f"com.twilio.taskrouter.{kind}")) == ()


def test_workflow_change_without_task_is_left_out() -> None:
    assert parse_taskrouter_form(form_without("TaskSid")) is None


@pytest.mark.parametrize(
    ("kind", "names", "reason"),
    [
        ("task.canceled", {"TaskCanceledReason": "hangup", "TaskCompletedReason": "done"}, "hangup"),
        ("task.completed", {"TaskCanceledReason": "hangup", "TaskCompletedReason": "done"}, "done"),
        ("task.canceled", {"Reason": "Task TTL Exceeded"}, "Task TTL Exceeded"),
        ("task.canceled", {"TaskCanceledReason": "", "Reason": "x" * 500}, "x" * 200),
        ("task.canceled", {}, None),
    ],
    ids=["canceled", "completed", "reason", "long", "none"],
)
def test_reason_is_that_of_the_event(kind: str, names: dict[str, str], reason: str | None) -> None:
    event = parse_taskrouter_form(form(EventType=kind, **names))

    assert event is not None
    assert event.reason == reason


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"a=%ff", "UTF-8"),
        (form_without("EventType"), "EventType"),
        (form(EventType="Task Canceled"), "EventType"),
        (form_without("WorkspaceSid"), "WorkspaceSid"),
        (form_without("Timestamp", "TimestampMs"), "Timestamp"),
        (form_without("TimestampMs").replace(b"1760000050", b"2025-10-09"), "Timestamp"),
        (form_without("TimestampMs").replace(b"1760000050", b"soon"), "Timestamp"),
        (form(TaskSid="WT1"), "TaskSid must be WT"),
        (form(TaskSid=WK), "TaskSid must be WT"),
        (form(WorkspaceSid="../x"), "WorkspaceSid must be WS"),
        (form(WorkerSid="x"), "WorkerSid must be WK"),
        (form(ReservationSid="x"), "ReservationSid must be WR"),
        (form(Sid="x"), "Sid must be EV"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_callback_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(BadRequestError, match=told) as caught:
        parse_taskrouter_form(body)
    assert "../x" not in caught.value.detail


def test_time_in_seconds_will_do() -> None:
    event = parse_taskrouter_form(form_without("TimestampMs"))

    assert event is not None
    assert event.at_ms == 1_760_000_050_000


@pytest.mark.parametrize("name", ["ReservationSid", "WorkerSid", "TaskChannelUniqueName", "TaskAttributes"])
def test_optional_field_may_be_missing_or_empty(name: str) -> None:
    assert parse_taskrouter_form(form_without(name)) == parse_taskrouter_form(form(**{name: ""}))


@pytest.mark.parametrize("attributes", ["{", "[1]", "null", '{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 5000])
def test_unreadable_attributes_count_as_none(attributes: str) -> None:
    event = parse_taskrouter_form(form(TaskAttributes=attributes))

    assert event is not None
    assert event.attributes == {}


def test_event_without_sid_gets_a_steady_one() -> None:
    bodies = (form_without("Sid"), form_without("Sid"), form_without("Sid", "SomethingNew"))
    first, again, other = (parse_taskrouter_form(body) for body in bodies)

    assert first is not None
    assert again is not None
    assert other is not None
    assert first.sid == again.sid != other.sid
    assert len(first.sid) == 34


def test_first_of_repeated_values_counts() -> None:
    assert parse_taskrouter_form(form() + b"&TaskSid=" + sid("WT", 2).encode()) == EVENT


@pytest.mark.parametrize("body", [b"", b"5", b'"x"', b"[1]", b"[{}, null]", b"[{}", b"\xff"], ids=repr)
def test_stream_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        parse_cloud_events(body)


@pytest.mark.parametrize(
    "change",
    [{"task_sid": "x"}, {"task_sid": 5}, {"task_sid": None}, {"workspace_sid": None}, {"timestamp": 0.5}, {"sid": [1]}],
    ids=str,
)
def test_unreadable_streamed_event_spares_its_neighbours(change: dict[str, object]) -> None:
    assert parse_cloud_events(stream({}, change, {"task_sid": sid("WT", 2)})) == (
        EVENT,
        *parse_cloud_events(stream({"task_sid": sid("WT", 2)})),
    )


@pytest.mark.parametrize("data", [None, [], {}, {"payload": None}, {"payload": []}], ids=str)
def test_envelope_without_payload_is_left_out(data: object) -> None:
    assert parse_cloud_events(json.dumps([STREAMED | {"data": data}, {}]).encode()) == ()


@given(body=st.binary() | st.builds(lambda tail: form() + b"&" + tail, st.binary()))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    outcomes: list[object] = []
    for read in (parse_taskrouter_form, parse_cloud_events):
        try:
            outcomes.append(read(body))
        except BadRequestError as error:
            outcomes.append(error)
    assert len(outcomes) == 2


MESSAGE = {"EventType": "onMessageAdded", "ConversationSid": sid("CH", 1), "Source": "SDK", "Body": "hello"}


@pytest.mark.parametrize("source", ["SDK", "SMS", "WHATSAPP", "chat", ""])
def test_message_names_its_conversation(source: str) -> None:
    assert parse_message_form(urlencode(MESSAGE | {"Source": source}).encode()) == sid("CH", 1)


def test_captured_message_is_read(payloads_dir: Path) -> None:
    body = (payloads_dir / "conversations" / "captured.onMessageAdded.0.form").read_bytes().strip()
    assert parse_message_form(body) == "CH8dccb45b337e4c6fbf5a3499dabd2f86"


@pytest.mark.parametrize(
    "fields", [{"Source": "API"}, {"Source": "api"}, {"EventType": "onMessageUpdated"}, {"EventType": ""}], ids=str
)
def test_message_of_ours_is_left_alone(fields: dict[str, str]) -> None:
    assert parse_message_form(urlencode(MESSAGE | fields).encode()) is None


@pytest.mark.parametrize("name", ["", "CH1", sid("UO", 1), sid("CH", 1) + "0"], ids=repr)
def test_message_without_conversation_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError, match="ConversationSid"):
        parse_message_form(urlencode(MESSAGE | {"ConversationSid": name}).encode())
