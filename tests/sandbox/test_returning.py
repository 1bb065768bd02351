"""Agents who leave, pause, resume, or fail while they come; and how a conversation goes on."""

import pytest

from service.sandbox.acts import customer_writes
from service.sandbox.channels import update_channel
from service.sandbox.conversations import end_conversation
from service.sandbox.customers import Arrival, customer_arrives
from service.sandbox.refusals import ControlRefused
from service.sandbox.seats import agents_on
from service.sandbox.state import Task
from service.sandbox.world import World
from tests.sandbox.calls import Caller
from tests.sandbox.scenes import (
    channel_of,
    conversation_of,
    does,
    event_types,
    invite,
    pass_time,
    queue_sid,
    rings_at,
    routing,
    standing_world,
    waiting_task,
    worker,
)

FORTNIGHT_S = 14 * 86_400


@pytest.fixture
def world() -> World:
    return standing_world()


def held(world: World, *, topic: str = "billing") -> Task:
    """A task that alice has."""
    task = waiting_task(world, routing(world, attributes={"topic": topic, "router_invite_id": "I1"}))
    does(world, "alice", "accept", task)
    return task


def together(world: World) -> tuple[Task, Task]:
    """A conversation that alice and bob attend."""
    first = held(world)
    does(world, "alice", "offline")  # the next task is not to ring at hers again
    second = invite(world, channel_of(world, first))
    does(world, "bob", "accept", second)
    return first, second


def latest(world: World, task: Task) -> Task:
    """The newest task of that one's channel."""
    return world.tasks_of(channel_of(world, task))[-1]


def write(world: World, task: Task) -> None:
    with world.turn():
        customer_writes(world, conversation_of(world, task), "I am back")


def test_leaving_agent_wraps_up_first(world: World) -> None:
    task = held(world)
    does(world, "alice", "leave")
    wanted = ["reservation.wrapup", "task.wrapup", "reservation.completed", "task.completed"]
    assert event_types(world, task)[-4:] == wanted
    assert (channel_of(world, task).status, agents_on(channel_of(world, task))) == ("inactive", [])


def test_reply_after_leaving_makes_a_task_for_anybody(world: World) -> None:
    task = held(world)
    does(world, "alice", "leave")
    does(world, "alice", "offline")
    does(world, "carol", "online")
    write(world, task)
    again = latest(world, task)
    assert (channel_of(world, task).status, rings_at(world, again)) == ("active", "carol")
    assert (again.attributes["topic"], "router_invite_id" in again.attributes) == ("billing", False)


def test_reply_to_the_same_number_comes_back_too(world: World) -> None:
    wanted = Arrival("sms", "+15550001111", "+12125550100", "Hi")
    with world.turn():
        made = customer_arrives(world, wanted, interaction=True)
        update_channel(world, world.channels[str(made["channel_sid"])], "inactive", {"status": "closed"})
    with world.turn():
        customer_arrives(world, wanted, interaction=False)
    channel = world.channels[str(made["channel_sid"])]
    assert (channel.status, len(world.tasks_of(channel))) == ("active", 2)


@pytest.mark.parametrize(
    ("choice", "status", "others"),
    [pytest.param("agent", "active", 1, id="who leaves"), pytest.param("everybody", "inactive", 0, id="all")],
)
def test_leaving_takes_whom_the_switch_says(choice: str, status: str, others: int) -> None:
    world = standing_world(leave_takes=choice)
    task, _ = together(world)
    does(world, "alice", "leave")
    assert (channel_of(world, task).status, len(agents_on(channel_of(world, task)))) == (status, others)


def test_last_one_to_leave_makes_it_inactive(world: World) -> None:
    task, _ = together(world)
    does(world, "alice", "leave")
    does(world, "bob", "leave")
    assert channel_of(world, task).status == "inactive"


def test_pausing_agent_goes_and_the_thread_stays(world: World) -> None:
    task = held(world)
    does(world, "alice", "pause")
    assert (channel_of(world, task).status, conversation_of(world, task).state) == ("pause", "active")
    assert (task.status, agents_on(channel_of(world, task))) == ("completed", [])
    assert worker(world, "alice").reservations == []  # capacity is released


def test_pausing_leaves_a_colleague_in_place(world: World) -> None:
    task, _ = together(world)
    does(world, "alice", "pause")
    assert (channel_of(world, task).status, len(agents_on(channel_of(world, task)))) == ("active", 1)


def test_message_into_a_pause_changes_nothing(world: World) -> None:
    task = held(world)
    does(world, "alice", "pause")
    write(world, task)
    assert (channel_of(world, task).status, latest(world, task)) == ("pause", task)


def test_resuming_agent_has_the_new_task_at_once(world: World) -> None:
    task = held(world)
    does(world, "alice", "pause")
    does(world, "bob", "online")
    pass_time(world, 60)
    does(world, "alice", "resume")
    again = latest(world, task)
    assert (channel_of(world, task).status, again.status, again.attributes["topic"]) == (
        "active",
        "assigned",
        "billing",
    )
    assert [one.routing and one.routing["task_sid"] for one in agents_on(channel_of(world, task))] == [again.sid]


def test_resuming_without_room_routes_to_anybody(world: World) -> None:
    task = held(world)
    does(world, "alice", "pause")
    for _ in range(3):
        held(world, topic="other")
    does(world, "dave", "online")
    does(world, "alice", "resume")
    assert (channel_of(world, task).status, rings_at(world, latest(world, task))) == ("active", "dave")


def test_resume_names_the_task_that_was_paused(world: World) -> None:
    first, second = held(world), held(world)
    for task in (first, second):
        does(world, "alice", "pause", task)
    does(world, "alice", "resume", second)
    assert (channel_of(world, first).status, channel_of(world, second).status) == ("pause", "active")


@pytest.mark.parametrize("limit", [None, 3600.0])
def test_pause_ends_after_its_limit(limit: float | None) -> None:
    world = standing_world() if limit is None else standing_world(pause_s=limit)
    task = held(world)
    does(world, "alice", "pause")
    seen = []
    for seconds in ((limit or FORTNIGHT_S) - 1, 1):
        pass_time(world, seconds)
        seen.append((channel_of(world, task).status, len(world.tasks_of(channel_of(world, task)))))
    assert seen == [("pause", 1), ("active", 2)]


def test_resumed_conversation_has_no_limit_left(world: World) -> None:
    task = held(world)
    does(world, "alice", "pause")
    does(world, "alice", "resume")
    again = latest(world, task)
    does(world, "alice", "drop", again)
    pass_time(world, FORTNIGHT_S)
    assert latest(world, task) is again


def test_earlier_pause_does_not_end_a_later_one(world: World) -> None:
    task = held(world)
    does(world, "alice", "offline")
    asked = invite(world, channel_of(world, task))
    does(world, "alice", "pause", task)
    pass_time(world, 60)
    does(world, "bob", "accept", asked)  # whoever comes makes it active
    does(world, "bob", "pause", asked)
    pass_time(world, FORTNIGHT_S - 60)
    assert (channel_of(world, task).status, latest(world, task)) == ("pause", asked)
    pass_time(world, 60)
    assert channel_of(world, task).status == "active"


@pytest.mark.parametrize("how", ["channel", "conversation"])
def test_closed_pause_is_over_for_good(world: World, how: str) -> None:
    task = held(world)
    does(world, "alice", "pause")
    with world.turn():
        if how == "channel":
            update_channel(world, channel_of(world, task), "closed", {"status": "closed"})
        else:
            end_conversation(world, conversation_of(world, task))
    pass_time(world, FORTNIGHT_S)
    assert latest(world, task) is task


def test_only_who_paused_may_resume(world: World) -> None:
    held(world)
    does(world, "alice", "pause")
    with pytest.raises(ControlRefused, match="nothing is paused by bob"):
        does(world, "bob", "resume")


def test_failed_setup_gives_the_task_to_the_next(world: World) -> None:
    for name in ("alice", "bob"):
        does(world, name, "online")
    task = waiting_task(world)
    does(world, "alice", "fail_setup", task)
    assert event_types(world, task)[-3:] == ["reservation.canceled", "task.updated", "reservation.created"]
    assert rings_at(world, task) == "bob"
    assert agents_on(channel_of(world, task)) == []


def test_failed_setup_cancels_where_switched() -> None:
    world = standing_world(failed_setup="canceled")
    task = waiting_task(world)
    does(world, "alice", "fail_setup", task)
    assert event_types(world, task)[-2:] == ["reservation.canceled", "task.canceled"]
    assert task.reason == f"RoutingTarget not available for Reservation acceptance: {worker(world, 'alice').sid}"


def test_failed_setup_cancels_a_direct_invite(world: World) -> None:
    does(world, "bob", "online")
    direct = routing(world, queue_sid=queue_sid("everyone"), worker_sid=worker(world, "bob").sid)
    task = waiting_task(world, direct)
    does(world, "bob", "fail_setup", task)
    assert task.status == "canceled"


def on_hold(caller: Caller, name: str) -> tuple[str, list[str]]:
    """The task, and its reservation's status while its setup takes five minutes, and after."""
    _, task = caller.waiting()
    caller.told("POST", f"/agents/alice/{name}", {"task_sid": task, "on_hold_s": 300})
    seen = []
    for seconds in (299, 1):
        caller.told("POST", "/clock", {"advance_s": seconds})
        told = caller.get(f"{caller.workspace}/Tasks/{task}/Reservations").json()["reservations"]
        seen.append(told[-1]["reservation_status"])
    return task, seen


@pytest.mark.parametrize(("name", "after"), [("accept", "accepted"), ("fail_setup", "canceled")])
def test_reservation_on_hold_does_not_ring_out(caller: Caller, name: str, after: str) -> None:
    assert on_hold(caller, name)[1] == ["pending", after]


def test_second_accept_while_on_hold_is_refused(caller: Caller) -> None:
    _, task = caller.waiting()
    caller.told("POST", "/agents/alice/accept", {"task_sid": task, "on_hold_s": 300})
    path = f"{caller.workspace}/Tasks/{task}/Reservations"
    reservation = caller.get(path).json()["reservations"][0]["sid"]
    response = caller.post(f"{path}/{reservation}", {"ReservationStatus": "accepted"})
    assert (response.status_code, "onHold" in response.json()["message"]) == (400, True)


def acts(caller: Caller, *wanted: dict[str, object]) -> list[dict[str, object]]:
    told: list[dict[str, object]] = caller.told("POST", "/acts", {"acts": list(wanted)})["acts"]
    return told


def test_two_leave_in_the_same_instant(caller: Caller) -> None:
    sid, first = caller.waiting()
    caller.told("POST", "/agents/alice/accept", {"task_sid": first})
    caller.told("POST", "/agents/alice/offline")
    report = caller.told("GET", f"/conversations/{sid}")
    invites = f"/v1/Interactions/{report['interaction_sid']}/Channels/{report['channel_sid']}/Invites"
    second = caller.post(invites, {"Routing": caller.routing()}).json()["routing"]["properties"]["sid"]
    caller.told("POST", "/agents/bob/accept", {"task_sid": second})
    done = acts(caller, {"worker": "alice", "act": "drop"}, {"worker": "bob", "act": "drop", "task_sid": second})
    assert [(one["worker"], one["assignment_status"], one["error"]) for one in done] == [
        ("alice", "completed", None),
        ("bob", "completed", None),
    ]
    counts = [span["agents"] for span in caller.told("GET", f"/conversations/{sid}/attendance")["spans"]]
    assert counts == [0, 1, 1, 2, 0]  # never one of two


def test_act_that_fails_does_not_stop_the_next(caller: Caller) -> None:
    caller.waiting()
    done = acts(caller, {"worker": "bob", "act": "leave"}, {"worker": "alice", "act": "accept"})
    assert "bob" in str(done[0]["error"])
    assert (done[1]["error"], done[1]["assignment_status"]) == (None, "assigned")


@pytest.mark.parametrize(
    ("wanted", "status", "field"),
    [
        pytest.param({}, 400, "acts", id="none"),
        pytest.param({"acts": []}, 400, "acts", id="empty"),
        pytest.param({"acts": ["leave"]}, 400, "acts", id="no object"),
        pytest.param({"acts": [{"act": "leave"}]}, 400, "worker", id="no worker"),
        pytest.param({"acts": [{"worker": "alice"}]}, 400, "act", id="no act"),
        pytest.param({"acts": [{"worker": "alice", "act": "leave", "when": 1}]}, 400, "when", id="unknown field"),
        pytest.param({"acts": [{"worker": "alice", "act": "sleep"}]}, 404, None, id="unknown act"),
        pytest.param({"acts": [{"worker": "zoe", "act": "leave"}]}, 404, None, id="unknown worker"),
        pytest.param({"acts": [{"worker": "alice", "act": "leave", "on_hold_s": 1}]}, 400, "on_hold_s", id="hold"),
    ],
)
def test_wrong_acts_are_refused_before_any_is_done(
    caller: Caller, wanted: dict[str, object], status: int, field: str | None
) -> None:
    told = wanted.get("acts")
    if isinstance(told, list) and told:
        wanted = {"acts": [{"worker": "alice", "act": "online"}, *told]}
    response = caller.control("POST", "/acts", wanted)
    assert (response.status_code, response.json()["field"]) == (status, field)
    workers = caller.get(f"{caller.workspace}/Workers").json()["workers"]
    assert not any(one["available"] for one in workers)
