"""Lives of tasks and reservations: time limits, answers, what ends them and what is told."""

import pytest

from service.sandbox.refusals import Refused
from service.sandbox.tasks import cancel, complete, delete, set_attributes, wrap
from service.sandbox.world import World
from tests.sandbox.scenes import (
    does,
    event_types,
    pass_time,
    queue_sid,
    rings_at,
    routing,
    standing_world,
    waiting_task,
    worker,
)


@pytest.fixture
def world() -> World:
    return standing_world()


def direct(world: World, name: str) -> dict[str, object]:
    return routing(world, queue_sid=queue_sid("everyone"), worker_sid=worker(world, name).sid)


def test_unanswered_task_is_canceled_at_its_timeout(world: World) -> None:
    task = waiting_task(world, routing(world, timeout=300))
    pass_time(world, 299)
    assert task.status == "pending"
    pass_time(world, 1)
    assert (task.status, task.reason) == ("canceled", "Task TTL Exceeded")


def test_default_timeout_is_one_day(world: World) -> None:
    task = waiting_task(world)
    seen = []
    for seconds in (86_399, 1):
        pass_time(world, seconds)
        seen.append(task.status)
    assert seen == ["pending", "canceled"]


def test_ended_task_vanishes_after_five_minutes(world: World) -> None:
    task = waiting_task(world, routing(world, timeout=10))
    pass_time(world, 10 + 299)
    assert world.task(task.sid) is task
    pass_time(world, 1)
    with pytest.raises(Refused, match="was not found"):
        world.task(task.sid)


def test_rung_out_worker_goes_offline(world: World) -> None:
    does(world, "alice", "online")
    task = waiting_task(world)
    pass_time(world, 120)
    activity = world.activities[worker(world, "alice").activity_sid]
    assert (activity.friendly_name, task.status) == ("Offline", "pending")
    assert event_types(world, task)[-1] == "reservation.timeout"


def test_rung_out_task_goes_to_the_next(world: World) -> None:
    for name in ("alice", "bob"):
        does(world, name, "online")
    task = waiting_task(world)
    pass_time(world, 120)
    assert rings_at(world, task) == "bob"


def test_declined_task_goes_to_the_next(world: World) -> None:
    for name in ("alice", "bob"):
        does(world, name, "online")
    task = waiting_task(world)
    does(world, "alice", "decline")
    assert rings_at(world, task) == "bob"


def test_declining_worker_is_not_asked_again(world: World) -> None:
    does(world, "alice", "online")
    task = waiting_task(world)
    does(world, "alice", "decline")
    pass_time(world, 60)
    assert (task.status, event_types(world, task)[-1]) == ("pending", "reservation.rejected")


def test_declined_direct_task_is_canceled(world: World) -> None:
    task = waiting_task(world, direct(world, "bob"))
    does(world, "bob", "decline")
    assert event_types(world, task)[-2:] == ["reservation.rejected", "task.canceled"]


@pytest.mark.parametrize(("choice", "status"), [("cancel", "canceled"), ("pending", "pending")])
def test_direct_task_rings_out_as_switched(choice: str, status: str) -> None:
    world = standing_world(direct_ring_out=choice)
    does(world, "bob", "online")
    task = waiting_task(world, direct(world, "bob"))
    pass_time(world, 120)
    assert task.status == status


def test_direct_task_waits_for_its_worker_only(world: World) -> None:
    does(world, "alice", "online")
    task = waiting_task(world, direct(world, "bob"))
    assert task.status == "pending"
    does(world, "bob", "online")
    assert rings_at(world, task) == "bob"


def test_assigned_task_is_deleted_after_a_day(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    pass_time(world, 86_400)
    assert event_types(world, task)[-1] == "task.system-deleted"
    assert task.vanished


def test_accepted_task_outlives_its_timeout(world: World) -> None:
    task = waiting_task(world, routing(world, timeout=60))
    does(world, "alice", "accept")
    pass_time(world, 3600)
    assert task.status == "assigned"


def test_accept_in_setup_outlasts_the_ringing(world: World) -> None:
    world = standing_world(accept_setup_s=200.0)
    task = waiting_task(world)
    does(world, "alice", "accept")
    pass_time(world, 199)
    assert task.status == "reserved"
    pass_time(world, 1)
    assert (task.status, event_types(world, task)[-1]) == ("assigned", "reservation.accepted")


def test_failed_setup_cancels_the_reservation() -> None:
    world = standing_world(accept_fails=True)
    does(world, "alice", "online")
    does(world, "bob", "online")
    task = waiting_task(world)
    does(world, "alice", "accept")
    assert "reservation.canceled" in event_types(world, task)
    assert rings_at(world, task) == "bob"


def test_failed_setup_of_direct_task_cancels_it() -> None:
    world = standing_world(accept_fails=True)
    task = waiting_task(world, direct(world, "bob"))
    does(world, "bob", "accept")
    assert task.reason.startswith("RoutingTarget not available for Reservation acceptance: WK")


def test_cancel_of_ringing_task_ends_its_reservation(world: World) -> None:
    does(world, "alice", "online")
    task = waiting_task(world)
    cancel(world, task, "not needed")
    assert event_types(world, task)[-2:] == ["reservation.canceled", "task.canceled"]
    assert worker(world, "alice").reservations == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param("cancel", "not pending or reserved", id="cancel"),
        pytest.param("wrap", "not assigned", id="wrap"),
        pytest.param("complete", "not assigned or wrapping", id="complete"),
    ],
)
def test_ended_task_cannot_be_changed(world: World, change: str, message: str) -> None:
    task = waiting_task(world)
    cancel(world, task, "over")
    changes = {"cancel": lambda: cancel(world, task, "again"), "wrap": lambda: wrap(world, task)}
    with pytest.raises(Refused, match=message):
        changes.get(change, lambda: complete(world, task))()


def test_wrapping_then_complete_tells_all_four(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    wrap(world, task)
    complete(world, task)
    assert event_types(world, task)[-4:] == [
        "reservation.wrapup",
        "task.wrapup",
        "reservation.completed",
        "task.completed",
    ]


def test_deleted_task_is_gone_at_once(world: World) -> None:
    task = waiting_task(world)
    delete(world, task)
    assert (task.sid in world.listed, event_types(world, task)[-1]) == (False, "task.deleted")


def test_system_deleted_follows_an_end_if_switched() -> None:
    world = standing_world(system_deleted_after_end=True)
    task = waiting_task(world, routing(world, timeout=10))
    pass_time(world, 310)
    assert event_types(world, task)[-2:] == ["task.canceled", "task.system-deleted"]


def test_too_long_attributes_are_refused(world: World) -> None:
    task = waiting_task(world)
    with pytest.raises(Refused, match="4096"):
        set_attributes(world, task, {"note": "x" * 4097})


def test_long_advance_happens_in_order(world: World) -> None:
    for name in ("alice", "bob", "carol", "dave"):
        does(world, name, "online")
    tasks = [waiting_task(world, routing(world, timeout=90_000)) for _ in range(3)]
    pass_time(world, 90_000)
    moments = [event.created for event in world.events]
    assert moments == sorted(moments)
    assert all(event_types(world, task).count("reservation.timeout") == 4 for task in tasks)
