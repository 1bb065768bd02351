"""Where tasks go: filters, steps, time-outs, skip_if, known workers, who is offered what."""

import json
from collections.abc import Mapping

import pytest

from service.sandbox.clock import iso
from service.sandbox.refusals import Refused
from service.sandbox.shapes_taskrouter import task_json
from service.sandbox.state import Task
from service.sandbox.workflow import parse_configuration
from service.sandbox.world import World
from tests.sandbox.scenes import (
    START,
    does,
    event_types,
    pass_time,
    queue_sid,
    rings_at,
    routing,
    standing_world,
    waiting_task,
    worker,
    workflow_task,
)

SUPPORT, BILLING, EVERYONE = queue_sid("support"), queue_sid("billing"), queue_sid("everyone")


def configuration(*filters: dict[str, object], default: str | None = None) -> str:
    routing: dict[str, object] = {"filters": list(filters)}
    if default:
        routing["default_filter"] = {"queue": default}
    return json.dumps({"task_routing": routing})


def filtered(expression: str, *targets: Mapping[str, object]) -> dict[str, object]:
    return {"filter_friendly_name": "tested", "expression": expression, "targets": list(targets)}


@pytest.fixture
def world() -> World:
    return standing_world()


@pytest.mark.parametrize(
    ("attributes", "queue"),
    [
        pytest.param({"topic": "billing"}, BILLING, id="first filter matches"),
        pytest.param({"topic": "billing", "vip": True}, BILLING, id="the first one wins"),
        pytest.param({"vip": True}, SUPPORT, id="second filter matches"),
        pytest.param({"topic": None}, EVERYONE, id="null matches nothing"),
        pytest.param({}, EVERYONE, id="default"),
    ],
)
def test_first_matching_filter_takes_the_task(world: World, attributes: dict[str, object], queue: str) -> None:
    filters = (
        filtered("topic == 'billing'", {"queue": BILLING}),
        filtered("vip == true OR task.vip == true", {"queue": SUPPORT}),
    )
    task = workflow_task(world, configuration(*filters, default=EVERYONE), attributes)
    assert (task.queue_sid, task.status) == (queue, "pending")


def test_no_matching_filter_ends_the_task(world: World) -> None:
    task = workflow_task(world, configuration(filtered("1==2", {"queue": BILLING})), {})
    assert event_types(world, task) == ["task.created", "workflow.entered", "workflow.timeout", "task.canceled"]
    assert task.reason == "Task canceled on Workflow timeout"


def test_step_timeouts_count_from_task_age(world: World) -> None:
    steps = ({"queue": BILLING, "timeout": 10}, {"queue": SUPPORT, "timeout": 20}, {"queue": EVERYONE})
    task = workflow_task(world, configuration(filtered("1==1", *steps)), {})
    seen = []
    for _ in range(4):
        seen.append(task.queue_sid)
        pass_time(world, 9.9)
    assert seen == [BILLING, BILLING, SUPPORT, SUPPORT]  # at 0, 9.9, 19.8 and 29.7 s
    assert task.queue_sid == EVERYONE


def test_last_step_over_cancels_the_task(world: World) -> None:
    steps = ({"queue": BILLING, "timeout": 10}, {"queue": SUPPORT, "timeout": 20})
    task = workflow_task(world, configuration(filtered("1==1", *steps)), {})
    pass_time(world, 30)
    assert event_types(world, task)[3:] == [
        "task-queue.entered",
        "task-queue.timeout",
        "task-queue.moved",
        "task-queue.entered",
        "task-queue.timeout",
        "workflow.timeout",
        "task.canceled",
    ]


def test_last_step_over_tries_the_default_filter(world: World) -> None:
    only = filtered("1==1", {"queue": BILLING, "timeout": 10})
    task = workflow_task(world, configuration(only, default=EVERYONE), {})
    pass_time(world, 10)
    assert (task.queue_sid, task.status) == (EVERYONE, "pending")


def test_step_sets_the_priority(world: World) -> None:
    task = workflow_task(world, configuration(filtered("1==1", {"queue": BILLING, "priority": 7})), {})
    assert task.priority == 7


@pytest.mark.parametrize(
    ("condition", "online", "queue"),
    [
        pytest.param("workers.available == 0", [], SUPPORT, id="nobody available"),
        pytest.param("workers.available == 0", ["bob"], BILLING, id="somebody available"),
        pytest.param("workers.available == 0", ["dave"], SUPPORT, id="available in another queue"),
        pytest.param("urgent == true", [], SUPPORT, id="a task attribute"),
        pytest.param("1==1", ["bob"], BILLING, id="not asked if taken at once"),
    ],
)
def test_skip_if_passes_a_step(world: World, condition: str, online: list[str], queue: str) -> None:
    for name in online:
        does(world, name, "online")
    steps = ({"queue": BILLING, "skip_if": condition}, {"queue": SUPPORT})
    task = workflow_task(world, configuration(filtered("1==1", *steps)), {"urgent": True})
    assert task.queue_sid == queue


def test_skip_if_in_last_step_ends_the_task(world: World) -> None:
    step = {"queue": BILLING, "skip_if": "workers.available == 0"}
    task = workflow_task(world, configuration(filtered("1==1", step)), {})
    assert event_types(world, task)[-2:] == ["workflow.skipped", "task.canceled"]


def test_skip_if_in_last_step_tries_the_default(world: World) -> None:
    step = {"queue": BILLING, "skip_if": "workers.available == 0"}
    task = workflow_task(world, configuration(filtered("1==1", step), default=EVERYONE), {})
    assert task.queue_sid == EVERYONE


@pytest.mark.parametrize(
    ("key", "value", "offered_to"),
    [
        pytest.param("known_worker_sid", "sid", "carol", id="by sid"),
        pytest.param("known_worker_friendly_name", "name", "carol", id="by name"),
        pytest.param("known_worker_sid", None, None, id="null waits"),
        pytest.param("known_worker_sid", "WK" + "0" * 32, None, id="unknown waits"),
    ],
)
def test_known_worker_alone_is_offered_the_task(
    world: World, key: str, value: str | None, offered_to: str | None
) -> None:
    for name in ("alice", "bob", "carol"):
        does(world, name, "online")
    named = {"sid": worker(world, "carol").sid, "name": "carol"}
    step = {"queue": EVERYONE, key: "task.agent", "timeout": 60}
    task = workflow_task(world, configuration(filtered("1==1", step)), {"agent": named.get(value or "", value)})
    assert rings_at(world, task) == offered_to


def test_target_expression_compares_worker_with_task(world: World) -> None:
    for name in ("bob", "carol"):
        does(world, name, "online")
    step = {"queue": EVERYONE, "expression": "worker.tier >= task.level AND worker.sid NOT IN task.been"}
    attributes = {"level": 2, "been": [worker(world, "alice").sid]}
    assert rings_at(world, workflow_task(world, configuration(filtered("1==1", step)), attributes)) == "carol"


def test_longest_idle_worker_is_offered_first(world: World) -> None:
    for name in ("dave", "alice"):
        does(world, name, "online")
        pass_time(world, 5)
    assert rings_at(world, waiting_task(world)) == "dave"


def test_higher_priority_is_taken_first(world: World) -> None:
    low = waiting_task(world)
    high = waiting_task(world, routing(world, priority=10))
    world.workers = {one.sid: one for one in [worker(world, "alice")]}
    world.workers[next(iter(world.workers))].channels[low.task_channel_sid].capacity = 1
    does(world, "alice", "online")
    assert (rings_at(world, high), rings_at(world, low)) == ("alice", None)


def test_full_worker_is_offered_nothing_more(world: World) -> None:
    does(world, "alice", "online")
    tasks = [waiting_task(world) for _ in range(4)]
    assert [task.status for task in tasks] == ["reserved", "reserved", "reserved", "pending"]


def test_freed_worker_is_offered_what_waits(world: World) -> None:
    does(world, "alice", "online")
    tasks = [waiting_task(world) for _ in range(4)]
    does(world, "alice", "accept", tasks[0])
    does(world, "alice", "complete", tasks[0])
    assert rings_at(world, tasks[3]) == "alice"


def test_capacity_is_counted_per_task_channel(world: World) -> None:
    does(world, "alice", "online")
    for _ in range(3):
        waiting_task(world)
    assert rings_at(world, waiting_task(world, routing(world, task_channel_unique_name="voice"))) == "alice"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="nothing"),
        pytest.param("[1", id="no JSON"),
        pytest.param('{"task_routing": {"filters": [{"expression": "1==1"}]}}', id="no targets"),
        pytest.param(configuration(filtered("topic ==", {"queue": BILLING})), id="no expression"),
        pytest.param(configuration(filtered("1==1", {"queue": BILLING, "timeuot": 1})), id="unknown key"),
        pytest.param(
            configuration(
                filtered("1==1", {"queue": BILLING, "known_worker_sid": "a", "known_worker_friendly_name": "b"})
            ),
            id="known twice",
        ),
    ],
)
def test_broken_configuration_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_configuration(text)


def in_queue(world: World, task: Task) -> tuple[object, object, object]:
    told = task_json(world, task)
    return told["task_queue_sid"], told["task_queue_friendly_name"], told["task_queue_entered_date"]


def test_task_tells_the_queue_it_is_in(world: World) -> None:
    steps = ({"queue": BILLING, "timeout": 10}, {"queue": SUPPORT, "timeout": 20}, {"queue": EVERYONE})
    task = workflow_task(world, configuration(filtered("1==1", *steps)), {})
    seen = []
    for _ in range(3):
        seen.append((*in_queue(world, task), task_json(world, task)["date_updated"]))
        pass_time(world, 15)  # at 10 s and at 30 s it moves on
    assert seen == [
        (BILLING, "billing", iso(START), iso(START)),
        (SUPPORT, "support", iso(START + 10), iso(START + 10)),
        (EVERYONE, "everyone", iso(START + 30), iso(START + 30)),
    ]


def test_each_queue_is_told_by_an_event(world: World) -> None:
    steps = ({"queue": BILLING, "timeout": 10}, {"queue": SUPPORT})
    task = workflow_task(world, configuration(filtered("1==1", *steps)), {})
    pass_time(world, 10)
    entered = [one for one in world.events_of_task[task.sid] if one.type == "task-queue.entered"]
    names = ("TaskQueueSid", "TaskQueueName", "TaskQueueEnteredDate")
    assert [tuple(one.data[name] for name in names) for one in entered] == [
        (BILLING, "billing", str(int(START))),
        (SUPPORT, "support", str(int(START) + 10)),
    ]


def test_direct_task_is_in_its_queue_at_once(world: World) -> None:
    bob = worker(world, "bob").sid
    task = waiting_task(world, routing(world, queue_sid=BILLING, worker_sid=bob))
    assert in_queue(world, task) == (BILLING, "billing", iso(START))
    assert event_types(world, task)[:2] == ["task.created", "task-queue.entered"]


def test_task_in_no_queue_says_so(world: World) -> None:
    task = workflow_task(world, configuration(filtered("1==2", {"queue": BILLING})), {})
    assert in_queue(world, task) == (None, None, None)
    assert "task_queue" not in str(task_json(world, task)["links"])
