"""The catch-up over a bad line: it repeats the piece that failed, and stops when the process does."""

import pytest

from service.reconcile.catch_up import catch_up
from service.reconcile.replay import StoppedError
from tests.flow.world import World

EVENTS = "GET */Events*"


def lost(world: World) -> object:
    """An invite whose callbacks were all lost, and whose task has timed out."""
    world.control("POST", "callbacks", {"lost": True})
    invite = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"})
    world.advance(3600)
    return invite["id"]


def test_one_fault_does_not_begin_it_all_again(world: World) -> None:
    invite_id = lost(world)
    world.fault(EVENTS, status=503, when="before", times=1)
    before = len(world.calls("/Events"))
    assert world.catch_up()
    assert world.invite(invite_id)["state"] == "lapsed"
    assert len(world.calls("/Events")) - before == 8 + 1  # a call for each type, and one more


def test_lasting_fault_gives_the_turn_back(world: World) -> None:
    invite_id = lost(world)
    world.fault(EVENTS, status=403, when="before")
    with pytest.raises(Exception, match="Twilio"):
        catch_up(world.reconciler.parts, every_s=600)
    world.control("DELETE", "faults")
    assert catch_up(world.reconciler.parts, every_s=600)
    assert world.invite(invite_id)["state"] == "lapsed"


def test_it_stops_with_its_process_and_the_next_one_reads_on(world: World) -> None:
    invite_id = lost(world)
    parts = world.reconciler.parts
    with pytest.raises(StoppedError):
        catch_up(parts, every_s=600, stopping=lambda: True)
    assert world.invite(invite_id)["state"] == "pending"
    assert catch_up(parts, every_s=600)
    assert world.invite(invite_id)["state"] == "lapsed"
