"""Event records and what is sent of them: parameters, filters, the two spellings, Event Streams."""

import json

import pytest

from service.sandbox.streams import cloud_event
from service.sandbox.text_forms import snake
from service.sandbox.world import World
from tests.sandbox.scenes import does, pass_time, routing, sent_by, standing_world, waiting_task

ALWAYS = {
    "Sid",
    "EventType",
    "AccountSid",
    "WorkspaceSid",
    "WorkspaceName",
    "EventDescription",
    "ResourceType",
    "ResourceSid",
    "Timestamp",
    "TimestampMs",
}
OF_A_TASK = {
    "TaskSid",
    "TaskAttributes",
    "TaskAge",
    "TaskPriority",
    "TaskAssignmentStatus",
    "TaskVersion",
    "TaskDateCreated",
    "TaskChannelSid",
    "TaskChannelUniqueName",
    "WorkflowSid",
    "WorkflowName",
}
OF_A_WORKER = {"WorkerSid", "WorkerName", "WorkerAttributes", "WorkerActivitySid", "WorkerActivityName"}


@pytest.fixture
def world() -> World:
    return standing_world()


@pytest.mark.parametrize(
    ("event_type", "names"),
    [
        pytest.param("task.created", OF_A_TASK, id="task"),
        pytest.param("task-queue.entered", OF_A_TASK | {"TaskQueueSid", "TaskQueueName"}, id="queue"),
        pytest.param("reservation.created", OF_A_TASK | OF_A_WORKER | {"ReservationSid"}, id="reservation"),
        pytest.param("worker.activity.update", OF_A_WORKER | {"WorkerPreviousActivityName"}, id="worker"),
        pytest.param("task.canceled", OF_A_TASK | {"TaskCanceledReason", "Reason"}, id="canceled"),
    ],
)
def test_callback_carries_its_parameters(world: World, event_type: str, names: set[str]) -> None:
    sent = sent_by(world)
    does(world, "alice", "online")
    waiting_task(world, routing(world, timeout=300))
    pass_time(world, 300)
    form = next(dict(one.form) for one in sent if one.event_type == event_type)
    assert (ALWAYS | names) - set(form) == set()
    assert all(isinstance(value, str) for value in form.values())


def test_filter_lets_only_its_events_out(world: World) -> None:
    world.workspace.events_filter = "task.created,task.canceled"
    sent = sent_by(world)
    waiting_task(world, routing(world, timeout=60))
    pass_time(world, 60)
    assert [one.event_type for one in sent] == ["task.created", "task.canceled"]


def test_without_callback_url_nothing_is_sent(world: World) -> None:
    world.workspace.event_callback_url = ""
    sent = sent_by(world)
    task = waiting_task(world)
    assert (sent, len(world.events_of_task[task.sid])) == ([], 4)


def test_task_version_grows_with_each_event(world: World) -> None:
    task = waiting_task(world)
    assert [event.data["TaskVersion"] for event in world.events_of_task[task.sid]] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("event_type", ["workflow.entered", "workflow.target-matched"])
def test_bare_workflow_events_lack_the_attributes(event_type: str) -> None:
    world = standing_world(bare_workflow_events=True)
    task = waiting_task(world)
    data = next(event.data for event in world.events_of_task[task.sid] if event.type == event_type)
    assert {"TaskAttributes", "TaskQueueSid"} & set(data) == set()
    assert data["TaskSid"] == task.sid


def test_stream_event_has_snake_case_payload(world: World) -> None:
    task = waiting_task(world)
    envelope = cloud_event(world, world.events_of_task[task.sid][0])
    data = envelope["data"]
    assert isinstance(data, dict)
    assert (envelope["type"], data["payload"]["task_sid"]) == ("com.twilio.taskrouter.task.created", task.sid)


def test_sink_gets_every_event_too(world: World) -> None:
    world.stream_url = "http://service.example.com/v1/events/streams"
    sent = sent_by(world)
    waiting_task(world)
    streamed = [json.loads(one.json)[0]["data"]["sid"] for one in sent if one.json]
    assert streamed == [one.event_sid for one in sent if not one.json]


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("TaskSid", "task_sid"),
        ("TaskQueueTargetExpression", "task_queue_target_expression"),
        ("TimestampMs", "timestamp_ms"),
    ],
)
def test_names_are_spelled_in_snake_case(name: str, spelled: str) -> None:
    assert snake(name) == spelled
