"""Agents leave, and are taken off: the customer is never left alone by it."""

import threading

from tests.flow.acts import NOTHING_WRONG, agents, leave, live_tasks, remove, served, sid_of, state, transfer
from tests.flow.world import Answer, World


def test_one_of_two_leaves(world: World) -> None:
    first = served(world, "bob")
    gone = leave(world, first, "alice")
    assert (gone.status, gone["state"], gone["outcome"]) == (200, "done", "left")
    assert agents(world, first) == ["bob"]
    assert state(world, first) == "active"


def test_last_one_is_refused(world: World) -> None:
    first = served(world)
    answer = leave(world, first, "alice")
    assert answer.status == 409
    assert "nobody else is on the channel" in str(answer["detail"])
    assert agents(world, first) == ["alice"]


def test_last_one_is_turned_into_a_transfer(world: World) -> None:
    first = served(world)
    gone = leave(world, first, "alice", last="transfer", to={"queue": "billing"})
    assert (gone.status, gone["outcome"]) == (200, "transferred")
    world.turn()
    assert agents(world, first) == []  # released once the task is in its queue
    task = live_tasks(world, first)
    assert len(task) == 1
    assert world.invite(gone["successor"])["task_sid"] == task[0]
    assert world.judge() == NOTHING_WRONG


def test_two_leaving_at_once_leave_one(world: World) -> None:
    first = served(world, "bob")
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda name=name: answers.append(leave(world, first, name)))
        for name in ("alice", "bob")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert len(agents(world, first)) == 1
    assert world.judge() == NOTHING_WRONG


def test_other_who_leaves_by_flex_is_replaced(world: World) -> None:
    """The look after the closing finds the customer alone, and asks for somebody by the rules."""
    first = served(world, "bob")
    world.fault("POST */Participants/UT*", delay_s=1.5, when="after", times=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(leave(world, first, "alice")))
    thread.start()
    while agents(world, first) != ["bob"]:
        pass
    world.agent("bob", "drop")
    thread.join()
    assert answers[0]["outcome"] == "transferred"
    world.turn()
    assert len(live_tasks(world, first)) == 1


def test_agent_with_a_transfer_under_way_does_not_stay(world: World) -> None:
    """Bob has accepted alice's cold transfer and leaves before she was let go: she is on her way out."""
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    answer = leave(world, first, "bob")
    assert answer.status == 409
    world.turn()
    assert agents(world, first) == ["bob"]


def test_leaving_twice_is_harmless(world: World) -> None:
    first = served(world, "bob")
    leave(world, first, "alice")
    again = leave(world, first, "alice")
    assert (again.status, again["outcome"]) == (200, "left")
    assert agents(world, first) == ["bob"]


def test_removed_last_agent_is_replaced(world: World) -> None:
    first = served(world, by="bob", attributes={"topic": "billing"})
    gone = remove(world, first, "bob")
    assert gone["outcome"] == "transferred"
    world.turn()
    assert agents(world, first) == []
    assert world.invite(gone["successor"])["rule"] == "billing"  # by what the old task carried
    assert world.judge() == NOTHING_WRONG


def test_removed_last_agent_may_end_it(world: World) -> None:
    first = served(world)
    assert remove(world, first, "alice", last="end")["outcome"] == "ended"
    assert state(world, first) == "closed"
    assert world.judge() == NOTHING_WRONG


def test_removed_one_of_two_is_gone(world: World) -> None:
    first = served(world, "bob")
    assert remove(world, first, "bob")["outcome"] == "removed"
    assert agents(world, first) == ["alice"]


def test_unknown_transfer_target_is_refused_whole(world: World) -> None:
    first = served(world)
    answer = leave(world, first, "alice", last="transfer", to={"queue": "biling"})
    assert answer.status in (409, 422)
    world.turn()
    assert agents(world, first) == ["alice"]


def test_nobody_taking_it_after_leaving_is_rescued(world: World) -> None:
    first = served(world)
    gone = leave(world, first, "alice", last="transfer", to={"queue": "billing"})
    world.turn()
    world.advance(90_000)
    world.turn_until(gone["successor"], "closed")
    assert state(world, first) == "closed"
    assert world.judge()["orphaned"] == []


def test_errand_is_shown_with_its_history(world: World) -> None:
    first = served(world, "bob")
    gone = leave(world, first, "alice", reason="end of shift")
    shown = world.get(f"errands/{gone['id']}")
    assert (shown["kind"], shown["state"], shown["outcome"]) == ("leave", "done", "left")
    assert sid_of(world, "alice") in str(shown.json)


def test_refusal_by_twilio_is_told_and_ends_the_errand(world: World) -> None:
    """A fault that no repetition mends must not hold up those behind it in the line."""
    first = served(world, "bob")
    world.fault("POST */Participants/UT*", status=400, times=1)
    answer = leave(world, first, "alice")
    assert answer.status == 409
    assert agents(world, first) == ["alice", "bob"]
    stays = world.reconciler.parts.store.get(str(first["id"]))
    assert stays is not None
    assert not stays.let_go  # if she goes later, it is her own doing
    assert leave(world, first, "bob").status == 200
