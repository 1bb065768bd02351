"""Somebody asks for an agent in the second in which their conversation is closed: it is made, or they are told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.flow.acts import errand, remove, served
from tests.flow.world import PATIENCE_S, World

DAY_S = 90_000
CLOSES = "POST */Channels/UO*"
CLOSED = "45354"


def test_request_while_it_is_closed_hears_that_it_is_over(world: World) -> None:
    first = lapsed(world)
    closes = held_up(world, CLOSES, 0.6)
    world.reconciler.step()
    closes()
    answer = world.escalate(str(first["conversation_sid"]), attributes={"topic": "tax"}, idempotency_key="second")
    world.reconciler.drain()
    assert (answer.status, CLOSED in str(answer["detail"])) == (422, True)
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def test_request_that_came_after_the_look_keeps_its_conversation(world: World) -> None:
    """Its create has no effect at first, so that Twilio shows nothing of it: only our record tells of it."""
    first = lapsed(world)
    world.fault("POST */Invites", status=503, when="before", times=1)
    looks = held_up(world, "GET /v1/Conversations/*", 0.8)  # after our records were read
    world.reconciler.step()
    looks()
    second = world.escalate(str(first["conversation_sid"]), attributes={"topic": "tax"}, idempotency_key="second")
    world.reconciler.drain()
    assert second.status == 202
    assert world.conversation(str(first["conversation_sid"]))["state"] == "active"
    world.turn_until(second["id"], "pending")
    world.turn_until(first["id"], "released")


def test_request_while_it_is_ended_hears_that_it_is_over(world: World) -> None:
    first = served(world)
    closes = held_up(world, CLOSES, 0.6)
    ending = threading.Thread(target=lambda: errand(world, "end", first))
    ending.start()
    closes()
    answer = world.escalate(str(first["conversation_sid"]), attributes={"topic": "tax"}, idempotency_key="second")
    ending.join()
    assert (answer.status, CLOSED in str(answer["detail"])) == (422, True)
    assert world.conversation(str(first["conversation_sid"]))["state"] == "closed"


@contextmanager
def no_hand_free(world: World) -> Iterator[None]:
    """What is asked for meanwhile is stored, and left to the reconciler."""
    taken = 0
    while world.desk.hands.acquire(blocking=False):
        taken += 1
    yield
    world.desk.hands.release(taken)


def test_nobody_is_promised_an_agent_between_the_rounds_of_an_end(world: World) -> None:
    """An invite whose create is in doubt is waited for: what came then would be called off in the next round."""
    conversation = str(world.customer(interaction=True)["conversation_sid"])
    world.advance(0)  # until its events have been heard: the channel is known
    world.fault("POST */Invites", status=503, when="before", times=1)
    doubtful = world.escalate(conversation)
    assert doubtful.status == 202
    with no_hand_free(world):
        ended = errand(world, "end", doubtful)
    assert ended["state"] == "taken"
    world.reconciler.step()  # one round
    world.reconciler.drain()
    answer = world.escalate(conversation, attributes={"topic": "tax"}, idempotency_key="second")
    assert (answer.status, answer["type"]) == (503, "/problems/closing")
    world.turn_until_errand(ended["id"], "done")
    assert world.conversation(conversation)["state"] == "closed"


def test_request_of_that_moment_keeps_the_last_agent_from_ending_it(world: World) -> None:
    """``last: end`` ends it because nobody else is there or asked for. By the time it is marked, somebody is."""
    first = served(world)
    people = held_up(world, "GET */Participants*", 0.6)
    leaving = threading.Thread(target=lambda: remove(world, first, "alice", last="end"))
    leaving.start()
    people()  # our records were read before
    second = world.escalate(str(first["conversation_sid"]), attributes={"topic": "tax"}, idempotency_key="second")
    leaving.join()
    assert second.status in (201, 202)
    world.turn_until(second["id"], "pending")
    assert world.conversation(str(first["conversation_sid"]))["state"] == "active"


def test_whoever_closes_for_long_is_not_waited_for(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    with world.reconciler.parts.closings.closing("somebody", str(conversation)):
        answer = world.escalate(conversation, idempotency_key="one")
        assert (answer.status, answer["type"]) == (503, "/problems/closing")
        other = world.escalate(conversation, idempotency_key="one", reason="another body")
        assert (other.status, "try again" in str(other["detail"])) == (409, True)
    again = world.escalate(conversation, idempotency_key="one")  # with the same key, as the answer says
    assert again.status == 201


def lapsed(world: World) -> dict[str, object]:
    """A conversation that nobody has come to, about to be closed."""
    made = world.escalate(world.customer()["conversation_sid"])
    world.turn()
    world.advance(DAY_S)
    return made.json


def held_up(world: World, calls: str, seconds: float) -> Callable[[], None]:
    """The next call of that kind at Twilio is held up; what comes back waits until one is."""
    world.fault(calls, delay_s=seconds, when="before", times=1)

    def wait() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not next(one["hits"] for one in world.control("GET", "faults")["faults"] if one["match"] == calls):
            assert time.monotonic() < deadline, f"no {calls} has come"
            time.sleep(0.01)

    return wait
