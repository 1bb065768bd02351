"""Twilio is away for a while: who asks is answered at once, and all that was asked for is made once it is back."""

import threading
import time

from service.model import State
from tests.flow.world import World

DOWN = "POST /v1/Interactions"


def test_requests_are_taken_at_once_while_calls_are_held_back(world: World) -> None:
    world.fault(DOWN, status=503, when="before")
    invites: list[object] = []
    deadline = time.monotonic() + 30
    while len(world.calls(DOWN)) == len(invites):  # until a request is answered without a call
        assert time.monotonic() < deadline, "calls go on and on"
        answer = world.escalate(world.customer()["conversation_sid"])
        assert answer.status == 202
        invites.append(answer["id"])
        time.sleep(0.1)
    held = world.reconciler.parts.store.get(str(invites[-1]))
    assert held is not None
    assert held.attempt == 0  # no call was begun, so none is waited for longer and longer
    world.control("DELETE", "faults")
    for invite_id in invites:
        _turn_until_made(world, invite_id)
    assert world.judge()["double_invited"] == []


def _turn_until_made(world: World, invite_id: object) -> None:
    """With waits of its own: a request that has been held back is due again after its pause."""
    store = world.reconciler.parts.store
    deadline = time.monotonic() + 45
    while world.invite(invite_id)["state"] != "pending":
        assert time.monotonic() < deadline, "never made"
        invite = store.get(str(invite_id))
        assert invite is not None
        store.touch(invite.id, invite.state, due=0)
        world.turn()
        time.sleep(0.1)


def test_reconciler_stops_calling_a_dead_twilio(world: World) -> None:
    """A hundred due records in an outage are not a hundred waits, nor a hundred calls when it is back."""
    made = [world.escalate(world.customer()["conversation_sid"]) for _ in range(20)]
    world.fault("GET *", when="before", status=503)
    store = world.reconciler.parts.store
    before = len(world.calls("GET "))
    for _ in range(3):
        for invite in made:
            store.touch(str(invite["id"]), store.get(str(invite["id"])).state, due=0)  # type: ignore[union-attr]
        world.turn()
        time.sleep(0.6)  # an outage that lasts; a blip does not count
    assert len(world.calls("GET ")) - before < 3 * len(made)
    world.control("DELETE", "faults")


def test_many_lost_answers_are_looked_for_together(world: World) -> None:
    """The events cannot be searched for one invite: if each read all of them for itself, none would come to an end."""
    world.fault(DOWN, status=503, when="before", times=40)
    waiting = [world.escalate(world.customer()["conversation_sid"]) for _ in range(30)]
    assert {answer.status for answer in waiting} == {202}
    world.control("DELETE", "faults")
    before = len(world.calls("/Events"))
    for answer in waiting:
        _turn_until_made(world, answer["id"])
    readings = len(world.calls("/Events")) - before
    assert 0 < readings < len(waiting) / 2
    assert world.judge()["double_invited"] == []


def test_task_that_died_before_its_answer_came_is_found_in_the_events(world: World) -> None:
    """Beside others whose answers were lost, of which some were never made: each is told by the same reading."""
    world.control("POST", "callbacks", {"lost": True})
    world.fault(DOWN, status=503, when="after", times=1)
    died = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "ladder"})
    world.advance(400)  # its minute is up, and five minutes later the task is gone
    world.fault(DOWN, status=503, when="before", times=1)
    never = world.escalate(world.customer()["conversation_sid"])
    _turn_until_made(world, never["id"])
    world.turn_while(lambda: world.invite(died["id"])["state"] == "requested")
    assert world.invite(died["id"])["task_sid"]
    assert world.judge()["double_invited"] == []


def test_due_work_is_left_alone_while_nothing_answers(world: World) -> None:
    """To postpone a whole backlog again and again would cost more than working it off; once Twilio is back, all of it
    is done at once."""
    made = [str(world.escalate(world.customer()["conversation_sid"])["id"]) for _ in range(60)]
    store, reconciler = world.reconciler.parts.store, world.reconciler
    world.fault("GET *", when="before", status=503)
    _make_due(world, made)
    world.turn_while(lambda: reconciler.parts.http.held_in_a_row < reconciler.workers and _make_due(world, made))
    _make_due(world, made)
    taken = 0
    for _ in range(10):
        taken += reconciler.step()
        reconciler.drain()
    assert taken <= 10
    world.control("DELETE", "faults")
    stop = threading.Event()
    loop = threading.Thread(target=reconciler.run, args=(stop,))
    loop.start()
    deadline = time.monotonic() + 45
    while any(_due_ms(world, one) <= store.now_ms() for one in made) and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.set()
    loop.join()
    looked_at = [one for one in store.get_many(made) if not one.trouble]  # the others were postponed
    assert len(looked_at) > len(made) / 2


def _make_due(world: World, invite_ids: list[str]) -> bool:
    for one in invite_ids:
        world.reconciler.parts.store.touch(one, State.PENDING, due=0)
    return True


def _due_ms(world: World, invite_id: str) -> int:
    found = world.reconciler.parts.store.get(invite_id)
    assert found is not None
    return found.due_ms or 0
