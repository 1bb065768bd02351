"""Attendance: who looked after a conversation, and when nobody did."""

import itertools

import pytest

from service.sandbox.acts import act
from service.sandbox.attendance import attendance_report
from service.sandbox.channels import update_channel
from service.sandbox.interactions import create_invite
from service.sandbox.seats import agents_on, close_participant
from service.sandbox.state import ATTENDANCES_KEPT, Conversation, Task
from service.sandbox.tasks import cancel
from service.sandbox.world import World
from tests.sandbox.calls import Caller
from tests.sandbox.scenes import (
    START,
    arrival,
    channel_of,
    conversation_of,
    does,
    escalate,
    invite,
    pass_time,
    routing,
    standing_world,
    waiting_task,
    worker,
)


@pytest.fixture
def world() -> World:
    return standing_world()


def spans(world: World, conversation: Conversation) -> list[tuple[int, int | None, int, int]]:
    """From and to in seconds since the start, agents, live tasks."""
    told = attendance_report(world, conversation)["spans"]
    assert isinstance(told, list)
    return [(*_seconds(span), span["agents"], span["live_tasks"]) for span in told]


def unattended(world: World, conversation: Conversation) -> list[tuple[int, int | None]]:
    told = attendance_report(world, conversation)["unattended"]
    assert isinstance(told, list)
    return [_seconds(span) for span in told]


def _seconds(span: dict[str, int | None]) -> tuple[int, int | None]:
    start, end = span["from_ms"], span["to_ms"]
    assert start is not None
    return start // 1000 - int(START), None if end is None else end // 1000 - int(START)


def attended(world: World) -> Task:
    """A task that alice accepted after ten seconds."""
    task = waiting_task(world)
    pass_time(world, 10)
    does(world, "alice", "accept")
    return task


def test_task_and_agent_are_noted_in_turn(world: World) -> None:
    task = attended(world)
    pass_time(world, 20)
    does(world, "alice", "complete")
    assert spans(world, conversation_of(world, task)) == [(0, 10, 0, 1), (10, 30, 1, 1), (30, None, 0, 0)]
    assert unattended(world, conversation_of(world, task)) == []


def test_conversation_outside_flex_has_no_attendance(world: World) -> None:
    conversation = arrival(world)
    pass_time(world, 60)
    assert attendance_report(world, conversation) == {"spans": [], "unattended": [], "truncated": False}


def test_parked_conversation_is_unattended_on_purpose(world: World) -> None:
    task = attended(world)
    does(world, "alice", "drop")
    pass_time(world, 50)
    invite(world, channel_of(world, task))
    report = attendance_report(world, conversation_of(world, task))["spans"]
    assert isinstance(report, list)
    assert [span["parked"] for span in report] == [False, False, True, False]
    assert unattended(world, conversation_of(world, task)) == [(10, 60)]


def test_ended_task_leaves_nobody_until_closed(world: World) -> None:
    task = waiting_task(world, routing(world, timeout=60))
    pass_time(world, 90)
    with world.turn():
        update_channel(world, channel_of(world, task), "closed", {"status": "closed"})
    assert unattended(world, conversation_of(world, task)) == [(60, 90)]
    assert spans(world, conversation_of(world, task))[-1] == (90, None, 0, 0)


def test_gap_within_one_turn_is_none(world: World) -> None:
    task = attended(world)
    channel = channel_of(world, task)
    with world.turn():
        close_participant(world, channel, agents_on(channel)[0])
        create_invite(world, channel, routing(world))
    assert unattended(world, conversation_of(world, task)) == []


def test_gap_between_two_turns_is_told(world: World) -> None:
    task = attended(world)
    channel = channel_of(world, task)
    with world.turn():
        close_participant(world, channel, agents_on(channel)[0])
    invite(world, channel)
    assert unattended(world, conversation_of(world, task)) == [(10, 10)]  # of no length, and told all the same


def test_time_flies_but_each_change_keeps_its_own(world: World) -> None:
    task = waiting_task(world, routing(world, timeout=60))
    pass_time(world, 90_000)
    assert unattended(world, conversation_of(world, task)) == [(60, None)]


def test_tasks_of_all_channels_count_together(world: World) -> None:
    task = attended(world)
    escalate(world, conversation_of(world, task))
    assert spans(world, conversation_of(world, task))[-1] == (10, None, 1, 2)


def test_two_who_leave_together_leave_once(world: World) -> None:
    task = attended(world)
    does(world, "alice", "offline")  # the next task is not to ring at hers again
    other = invite(world, channel_of(world, task))
    does(world, "bob", "accept", other)
    pass_time(world, 5)
    with world.turn():
        for name in ("alice", "bob"):
            act(world, worker(world, name), "drop", None)
    assert spans(world, conversation_of(world, task))[-2:] == [(10, 15, 2, 2), (15, None, 0, 0)]


def test_what_changes_nothing_is_not_noted(world: World) -> None:
    task = waiting_task(world)
    for name in ("alice", "bob", "carol"):  # each is offered the task, and declines
        does(world, name, "decline", task)
    assert spans(world, conversation_of(world, task)) == [(0, None, 0, 1)]


def test_notes_of_a_conversation_are_bounded(world: World) -> None:
    task = waiting_task(world)
    for _ in range(ATTENDANCES_KEPT):
        extra = invite(world, channel_of(world, task))
        with world.turn():
            cancel(world, extra, "tested")
    report = attendance_report(world, conversation_of(world, task))
    assert isinstance(report["spans"], list)
    assert (len(report["spans"]), report["truncated"]) == (ATTENDANCES_KEPT, True)


def test_spans_follow_each_other_without_a_hole(caller: Caller) -> None:
    sid, _ = caller.waiting()
    for name in ("accept", "drop"):
        caller.told("POST", f"/agents/alice/{name}")
    told = caller.told("GET", f"/conversations/{sid}/attendance")
    assert all(before["to_ms"] == after["from_ms"] for before, after in itertools.pairwise(told["spans"]))
    assert told["spans"][-1]["to_ms"] is None
    assert told["unattended"] == [{"from_ms": told["spans"][-1]["from_ms"], "to_ms": None}]
    now_ms = caller.told("GET", "/clock")["now_epoch_ms"]
    assert 0 <= now_ms - told["spans"][0]["from_ms"] < 60_000


def test_attendance_of_nobody_is_not_found(caller: Caller) -> None:
    assert caller.control("GET", "/conversations/CH1/attendance").status_code == 404
