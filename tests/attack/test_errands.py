"""Leaving, removing and ending at the worst moment: two at once, a death between two lines, a Twilio that lies."""

import threading
import time
from dataclasses import replace

import pytest

from service.model import ErrandState
from service.reconcile.errands.work import work_errand
from service.tracking.errands import Errands
from tests.attack.lies import invite_of_others, lie, people_now
from tests.flow.acts import agents, errand, leave, live_tasks, remove, served, state, transfer
from tests.flow.test_closing import held_up
from tests.flow.world import Answer, World


def test_channel_not_shown_for_a_moment_is_not_left(world: World) -> None:
    first = served(world, "bob")
    world.fault("GET */Channels/UO????????????????????????????????", status=404, times=1)
    gone = leave(world, first, "alice")
    world.turn_until_errand(gone["id"], "done")
    assert agents(world, first) == ["bob"]


class Dying(Errands):
    """Errands of a process that dies when one of them is to be settled."""

    def move(self, *args, **more):  # type: ignore[no-untyped-def]
        raise SystemExit


def test_death_after_the_successor_keeps_the_release(world: World) -> None:
    """The agent who is removed stays until somebody has accepted, also if the errand is worked on twice."""
    first = served(world)
    parts, book = world.reconciler.parts, world.reconciler.book
    world.fault("GET */Participants*", status=503, times=2)  # a read is made twice
    taken = remove(world, first, "alice", to={"worker": "bob"}, release="accepted")
    assert taken["state"] == "taken"
    dying = replace(parts, errands=Dying(world.redis, keep_s=600))
    with pytest.raises(SystemExit):
        work_errand(dying, book, str(taken["id"]), now_ms=parts.store.now_ms())
    parts.errands.touch(str(taken["id"]), ErrandState.TAKEN, due=2)
    world.turn_while(lambda: not [t for t in live_tasks(world, first) if t != first["task_sid"]])
    done = world.turn_until_errand(taken["id"], "done")
    world.turn()
    assert (done["outcome"], agents(world, first)) == ("transferred", ["alice"])


def test_agent_gone_alone_is_replaced_although_attributes_are_too_long(world: World) -> None:
    first = served(world, "bob")
    world.fault("POST */Participants/UT*", delay_s=1.5, when="after", times=1)
    answers: list[Answer] = []
    more = {"last": "transfer", "attributes": {"note": "x" * 3300}}
    thread = threading.Thread(target=lambda: answers.append(leave(world, first, "alice", **more)))
    thread.start()
    while agents(world, first) != ["bob"]:
        time.sleep(0.02)
    world.agent("bob", "drop")
    thread.join()
    world.turn_while(lambda: not live_tasks(world, first))


def test_removing_who_is_leaving_asks_once(world: World) -> None:
    """Both hand the customer on: by one invite, though it is not made yet when the second begins."""
    first = served(world)
    leave(world, first, "alice", last="transfer", to={"queue": "billing"})
    remove(world, first, "alice")
    world.turn()
    time.sleep(2.5)
    world.turn()
    waiting = [sid for sid in live_tasks(world, first) if sid != first["task_sid"]]
    assert (agents(world, first), len(waiting)) == ([], 1)


def test_both_gone_after_a_lost_answer_are_replaced(world: World) -> None:
    """The closing's answer is lost, the other agent leaves by Flex, and the list of participants lags."""
    first = served(world, "bob")
    people = people_now(world, first)
    world.fault("POST */Participants/UT*", reset=True, when="after", times=1)
    gone = leave(world, first, "alice")
    assert gone["state"] == "taken"
    world.agent("bob", "drop")
    lie(world, "GET */Participants*", people, times=1)
    world.turn_until_errand(gone["id"], "done", "refused")
    world.turn_while(lambda: not live_tasks(world, first))


def test_end_believes_no_momentary_absence(world: World) -> None:
    first = served(world)
    world.fault("* */Channels/UO????????????????????????????????", status=404, times=2)
    ended = errand(world, "end", first, wrapup=False)
    if ended.status < 300:
        world.turn_until_errand(ended["id"], "done")
        assert (agents(world, first), state(world, first)) == ([], "closed")
    else:
        assert state(world, first) == "active"


def test_removed_worker_leaves_no_second_seat(world: World) -> None:
    first = served(world, "bob")
    invite_of_others(world, first.json, "chat")
    world.agent("bob", "offline")
    world.agent("alice", "accept")
    assert agents(world, first) == ["alice", "alice", "bob"]
    remove(world, first, "alice")
    world.turn()
    assert agents(world, first) == ["bob"]


def test_agent_whose_task_is_not_shown_is_not_hung_up_on(world: World) -> None:
    first = served(world, "bob")
    bobs = next(sid for sid in live_tasks(world, first) if sid != first["task_sid"])
    world.fault(f"GET */Tasks/{bobs}", status=404, times=2)
    gone = remove(world, first, "alice", last="end")
    assert (gone["outcome"], state(world, first), agents(world, first)) == ("removed", "active", ["bob"])


def test_agent_who_accepts_while_the_last_one_is_removed_stays(world: World) -> None:
    """He has come after the list of agents was read; and no event has told of it yet."""
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"}, mode="warm")
    world.control("POST", "callbacks", {"lost": True})
    looks = held_up(world, f"GET */Tasks/{first['task_sid']}", 0.6)
    leaving = threading.Thread(target=lambda: remove(world, first, "alice", last="end"))
    leaving.start()
    looks()
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    leaving.join()
    world.turn()
    assert (state(world, first), agents(world, first)) == ("active", ["bob"])


def test_agent_who_accepts_while_his_invite_is_called_off_stays(world: World) -> None:
    """His task was not shown when it was asked whether anybody may still come."""
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"}, mode="warm")
    world.control("POST", "callbacks", {"lost": True})
    world.fault(f"GET */Tasks/{moved['task_sid']}", status=404, times=1)
    calls_off = held_up(world, f"POST */Tasks/{moved['task_sid']}", 0.6)
    answers: list[Answer] = []
    leaving = threading.Thread(target=lambda: answers.append(remove(world, first, "alice", last="end")))
    leaving.start()
    calls_off()
    world.agent("bob", "accept", task_sid=str(moved["task_sid"]))
    leaving.join()
    world.turn_until_errand(answers[0]["id"], "done")
    assert (state(world, first), agents(world, first)) == ("active", ["bob"])
