"""The stories as data: how each begins, what people then do, and how it has to end, whatever has failed meanwhile.

A check says which ends are allowed. Where a race may have two winners, each of them is an end of its own, and whole.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from service.model import State
from tests.flow.world import Answer
from tests.stories.stage import PATIENCE_S, Stage, together

BILLING = {"queue": "billing"}
BOB = {"worker": "bob"}
RINGS_S = 200
EIGHT: tuple[dict[str, str], ...] = (
    {"worker": "bob"},
    {"worker": "carol"},
    {"worker": "dave"},
    {"queue": "billing"},
    {"queue": "support"},
    {"queue": "tier2-billing"},
    {"queue": "everyone"},
    {"workflow": "everyone"},
)

Deed = Callable[[Stage], None]


@dataclass(frozen=True)
class Story:
    """``prepare`` runs undisturbed; from ``act`` on everything may fail. ``attended``: the customer is never alone."""

    name: str
    prepare: Deed
    act: Deed
    check: Deed
    attended: bool = True


def _alice(stage: Stage) -> None:
    stage.served()


def _alice_and_bob(stage: Stage) -> None:
    stage.served("bob")


# -- cold


def _to_bob(stage: Stage, name: str) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BOB)
    stage.act("bob", name, stage.ringing(moved))


def _accepted(stage: Stage) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BOB)
    stage.accept(moved, "bob")


def _declined(stage: Stage) -> None:
    _to_bob(stage, "decline")
    stage.advance(RINGS_S)


def _rung_out(stage: Stage) -> None:
    _to_bob(stage, "ignore")
    stage.advance(RINGS_S)


def _bob_has_it(stage: Stage) -> None:
    assert stage.agents() == ["bob"]
    assert len(stage.live_tasks()) == 1
    assert _outcome(stage) == "transferred"


def _alice_keeps_it(stage: Stage) -> None:
    assert stage.agents() == ["alice"]
    assert len(stage.live_tasks()) == 1
    assert _outcome(stage) == "kept"
    assert stage.invite(stage.told["moved"]).state is State.RELEASED


def _queued(stage: Stage) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BILLING, release="queued")
    stage.ringing(moved)
    stage.rest()


def _waits_in_the_queue(stage: Stage) -> None:
    assert stage.agents() == []
    invite = stage.invite(stage.told["moved"])
    assert stage.live_tasks() == [invite.task_sid]
    assert invite.old_agent_gone
    stage.accept(stage.told["moved"], "bob")
    stage.rest()
    _bob_has_it(stage)


def _outcome(stage: Stage) -> str:
    return str(stage.app.get(f"transfers/{stage.told['moved']['id']}")["outcome"])


# -- warm


def _join_and_leave(stage: Stage) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BOB, mode="warm")
    stage.accept(moved, "bob")
    stage.told["left"] = stage.leave("alice")


def _alice_has_left(stage: Stage) -> None:
    assert stage.agents() == ["bob"]
    assert len(stage.live_tasks()) == 1
    assert _ends(stage) == [("leave", "left")]


def _both_leave(stage: Stage) -> None:
    """Neither has gone by the time the other one is looked at."""
    slow = {"match": "POST */Participants/UT*", "delay_s": 0.2, "when": "before", "times": 2}
    stage.rig.control("POST", "faults", slow)
    together(lambda: stage.leave("alice"), lambda: stage.leave("bob"))


def _one_has_stayed(stage: Stage) -> None:
    assert len(stage.agents()) == 1
    assert len(stage.live_tasks()) == 1
    assert sorted(_ends(stage)) == [("leave", "left"), ("leave", "refused")]


def _eight_at_once(stage: Stage) -> None:
    calls = [lambda to=to: stage.transfer(to=to, mode="warm") for to in EIGHT]
    answers = together(*calls)
    stage.told |= {f"warm-{number}": answer for number, answer in enumerate(answers)}
    for answer in answers:
        stage.ringing(answer)


def _eight_are_tracked(stage: Stage) -> None:
    invites = [stage.invite(answer) for name, answer in stage.told.items() if name.startswith("warm-")]
    tasks = {invite.task_sid for invite in invites}
    assert len(tasks) == len(EIGHT)
    assert set(stage.live_tasks()) >= tasks
    assert len(stage.live_tasks()) == len(EIGHT) + 1
    for number, worker in enumerate(("bob", "carol", "dave")):
        stage.accept(stage.told[f"warm-{number}"], worker)
    for number in range(3, len(EIGHT)):
        assert stage.cancel(stage.told[f"warm-{number}"]).status == 200
    stage.rest()
    assert stage.agents() == ["alice", "bob", "carol", "dave"]
    ends = [str(stage.invite(stage.told[f"warm-{number}"]).state) for number in range(len(EIGHT))]
    assert ends == ["accepted"] * 3 + ["canceled"] * 5


# -- calling off


def _cancel_before(stage: Stage) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BOB)
    stage.ringing(moved)
    stage.told["canceled"] = stage.cancel(moved)


def _cancel_during(stage: Stage) -> None:
    """The cancel is on its way to Twilio when bob accepts."""
    moved = stage.told["moved"] = stage.transfer(to=BOB)
    task_sid = stage.ringing(moved)
    match = f"POST */Tasks/{task_sid}"
    slow = stage.rig.control("POST", "faults", {"match": match, "delay_s": 0.3, "when": "before", "times": 1})["id"]
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(stage.cancel(moved)), daemon=True)
    caller.start()
    stage.wait(lambda: bool(answers) or _has_struck(stage, slow), "the cancel is never made")
    stage.act("bob", "accept", task_sid)
    caller.join(PATIENCE_S)
    assert answers, "the cancel is never answered"
    stage.told["canceled"] = answers[0]


def _cancel_after(stage: Stage) -> None:
    moved = stage.told["moved"] = stage.transfer(to=BOB)
    stage.accept(moved, "bob")
    stage.told["canceled"] = stage.cancel(moved)


def _has_struck(stage: Stage, fault_id: str) -> bool:
    return any(one["id"] == fault_id and one["hits"] for one in stage.rig.control("GET", "faults")["faults"])


def _called_off(stage: Stage) -> None:
    assert (stage.told["canceled"].status, stage.told["canceled"]["state"]) == (200, "canceled")
    assert stage.invite(stage.told["moved"]).state is State.CANCELED
    assert stage.agents() == ["alice"]
    assert len(stage.live_tasks()) == 1
    assert _outcome(stage) == "canceled"


def _too_late(stage: Stage) -> None:
    assert stage.told["canceled"].status == 409
    _bob_has_it(stage)


def _one_winner(stage: Stage) -> None:
    (_called_off if stage.told["canceled"].status == 200 else _too_late)(stage)


# -- taking off, ending


def _remove_alice(stage: Stage) -> None:
    gone = stage.errand("remove", participant={"worker_sid": stage.sid_of("alice")})
    stage.told["moved"] = stage.told["removed"] = gone


def _somebody_is_asked(stage: Stage) -> None:
    assert _ends(stage) == [("remove", "transferred")]
    assert stage.agents() == []
    successor = stage.errands()[0].successor
    live = [invite.task_sid for invite in stage.invites() if invite.id == successor]
    assert stage.live_tasks() == live


def _end_it(stage: Stage) -> None:
    stage.told["moved"] = stage.transfer(to=BOB)
    stage.told["ended"] = stage.errand("end")


def _ended(stage: Stage) -> None:
    assert _ends(stage) == [("end", "ended")]
    report = stage.report()
    assert (report["state"], report["channel_status"]) == ("closed", "closed")
    assert stage.invite(stage.told["moved"]).state is State.CANCELED
    held, *others = [one["assignment_status"] for one in report["tasks"]]
    assert held == "wrapping"
    assert set(others) <= {"canceled", "completed"}


# -- parking


def _wake_by_message(stage: Stage) -> None:
    rests = stage.park("alice")
    stage.write()
    stage.write("Hello?")
    stage.until_errand(rests, "done")


def _wake_by_timer(stage: Stage) -> None:
    rests = stage.park("alice", wake_after_s=60)
    stage.grow_older(rests, 60)
    stage.until_errand(rests, "done")


def _wake_refused(stage: Stage) -> None:
    rests = stage.park("alice", same_agent_s=0)
    stage.rig.control("POST", "faults", {"match": "POST */Invites", "status": 400, "times": 1})
    stage.write()
    stage.until_errand(rests, "done")


def _woken(stage: Stage) -> None:
    assert _ends(stage) == [("park", "woken")]
    assert stage.agents() == []
    successor = next(invite for invite in stage.invites() if invite.id == stage.errands()[0].successor)
    assert stage.live_tasks() == [successor.task_sid]
    report = stage.report()
    assert (report["state"], report["webhooks"]) == ("active", [])
    assert "router_parked" not in report["attributes"]


def _ends(stage: Stage) -> list[tuple[str, str]]:
    """Kind and outcome of each errand."""
    return [(str(one.kind), one.outcome or str(one.state)) for one in stage.errands()]


STORIES = {
    story.name: story
    for story in (
        Story("cold to worker, accepted", _alice, _accepted, _bob_has_it),
        Story("cold to worker, declined", _alice, _declined, _alice_keeps_it),
        Story("cold to worker, rung out", _alice, _rung_out, _alice_keeps_it),
        Story("cold to queue", _alice, _queued, _waits_in_the_queue),
        Story("warm, then leave", _alice, _join_and_leave, _alice_has_left),
        Story("both leave at once", _alice_and_bob, _both_leave, _one_has_stayed),
        Story("cancel before accept", _alice, _cancel_before, _called_off),
        Story("cancel during accept", _alice, _cancel_during, _one_winner),
        Story("cancel after accept", _alice, _cancel_after, _too_late),
        Story("last agent removed", _alice, _remove_alice, _somebody_is_asked),
        Story("end with an invite in flight", _alice, _end_it, _ended, attended=False),
        Story("park, woken by message", _alice, _wake_by_message, _woken, attended=False),
        Story("park, woken by timer", _alice, _wake_by_timer, _woken, attended=False),
        Story("park, wake refused", _alice, _wake_refused, _woken, attended=False),
        Story("eight warm invites at once", _alice, _eight_at_once, _eight_are_tracked),
    )
}
