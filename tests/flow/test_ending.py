"""A conversation is ended on request, whatever is in flight."""

from tests.flow.acts import NOTHING_WRONG, errand, park, served, state, transfer
from tests.flow.world import World


def test_end_closes_and_lets_agents_wrap_up(world: World) -> None:
    first = served(world)
    ended = errand(world, "end", first)
    assert (ended.status, ended["outcome"]) == (200, "ended")
    seen = world.conversation(str(first["conversation_sid"]))
    assert (seen["state"], seen["tasks"][0]["assignment_status"]) == ("closed", "wrapping")
    assert world.judge() == NOTHING_WRONG


def test_end_without_wrapup_completes(world: World) -> None:
    first = served(world)
    errand(world, "end", first, wrapup=False)
    seen = world.conversation(str(first["conversation_sid"]))
    assert (seen["state"], seen["tasks"][0]["assignment_status"]) == ("closed", "completed")


def test_invite_in_flight_is_called_off_first(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    errand(world, "end", first)
    assert world.invite(moved["id"])["state"] == "canceled"
    paths = [entry["path"] for entry in world.calls("POST /v1/")]
    cancel = next(number for number, path in enumerate(paths) if path.endswith(f"/Tasks/{moved['task_sid']}"))
    close = next(number for number, path in enumerate(paths) if path.endswith(f"/Channels/{first['channel_sid']}"))
    assert cancel < close
    world.turn()
    assert state(world, first) == "closed"


def test_create_in_doubt_is_waited_for(world: World) -> None:
    """The answer to the invite was lost: ending waits until it is known, then ends that too."""
    first = served(world)
    world.fault("POST */Invites", reset=True, when="after", times=1)
    transfer(world, first, to={"worker": "bob"})
    ended = errand(world, "end", first)
    assert ended.status in (200, 202)
    world.turn_until_errand(ended["id"], "done")
    assert state(world, first) == "closed"
    assert world.judge() == NOTHING_WRONG


def test_parked_conversation_is_ended(world: World) -> None:
    first = served(world)
    parked = park(world, first)
    assert errand(world, "end", first)["outcome"] == "ended"
    world.turn()
    assert world.get(f"errands/{parked['id']}")["state"] == "done"
    assert state(world, first) == "closed"


def test_second_end_is_harmless(world: World) -> None:
    first = served(world)
    errand(world, "end", first)
    again = errand(world, "end", first)
    assert (again.status, again["state"]) == (200, "done")


def test_channel_that_closed_by_itself_is_no_fault(world: World) -> None:
    first = served(world)
    world.agent("alice", "complete")
    assert errand(world, "end", first)["state"] == "done"
