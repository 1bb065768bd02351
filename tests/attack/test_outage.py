"""Twilio is away for a while: who asks is answered at once, and all that was asked for is made once it is back."""

import time

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
