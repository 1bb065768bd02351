"""What was asked of Twilio stands in the history of whatever it was asked for, with what came of it and Twilio's id."""

import re
from collections.abc import Iterator

import pytest

from service.flex.calls import Kept
from service.reconcile.calls_told import lines_of
from service.tracking.embedded import EmbeddedStore
from tests.conftest import sid
from tests.flow.acts import park, served
from tests.flow.kept import kept_world, renewed
from tests.flow.world import World

HOURS_S = 90_000


@pytest.fixture(scope="module")
def house(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(house: World) -> World:
    return renewed(house)


def calls(world: World, record_id: object) -> list[str]:
    """The calls in a record's history, without times and ids."""
    parts = world.reconciler.parts
    records = parts.errands if str(record_id).startswith("er_") else parts.store
    found = records.get(str(record_id))
    assert found is not None
    return [one.call.partition(" in ")[0] for one in found.history if one.call]


def words(world: World, record_id: object) -> list[str]:
    found = world.reconciler.parts.store.get(str(record_id))
    assert found is not None
    return [one.what.partition(" ")[0] for one in found.history]


def test_create_is_told_with_its_time_and_twilios_id(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    found = world.reconciler.parts.store.get(str(made["id"]))
    assert found is not None
    (told,) = [one.call for one in found.history if one.call]
    assert re.fullmatch(r"create interaction: 200 in \d+ ms RQ[0-9a-f]{32}", told)


def test_call_is_told_before_what_came_of_it(world: World) -> None:
    world.control("POST", "callbacks", {"lost": True})
    made = world.escalate(world.customer()["conversation_sid"])
    assert words(world, made["id"]) == ["asked", "called", "created"]


def test_call_is_told_where_an_event_was_faster(world: World) -> None:
    world.fault("POST /v1/Interactions", when="after", delay_s=1, times=1)
    made = world.escalate(world.customer()["conversation_sid"])
    assert calls(world, made["id"]) == ["create interaction: 200"]
    assert words(world, made["id"]).index("task.created") < words(world, made["id"]).index("called")


@pytest.mark.parametrize(
    ("how", "outcome"), [({"status": 503}, "503"), ({"reset": True}, "lost"), ({"status": 429}, "429")]
)
def test_call_that_failed_is_told_and_the_next_one_too(world: World, how: dict[str, object], outcome: str) -> None:
    world.fault("POST /v1/Interactions", when="before", times=1, **how)
    made = world.escalate(world.customer()["conversation_sid"])
    world.turn_until(made["id"], "pending")
    assert calls(world, made["id"]) == [f"create interaction: {outcome}", "create interaction: 200"]


def test_refusal_is_told(world: World) -> None:
    world.fault("POST /v1/Interactions", status=400, times=1, headers={"Twilio-Request-Id": sid("RQ", 9)})
    refused = world.escalate(world.customer()["conversation_sid"])
    assert refused.status == 422
    (listed,) = world.reconciler.parts.store.newest(before=None, most=2)
    assert calls(world, listed[1]) == ["create interaction: 400"]


def test_close_is_told(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    world.advance(HOURS_S)
    world.turn_until(made["id"], "closed")
    assert calls(world, made["id"])[-1] == "close channel: 200"


def test_cancel_is_told(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    world.post(f"invites/{made['id']}/cancel", {})
    assert "cancel task: 200" in calls(world, made["id"])


def test_errand_tells_its_calls(world: World) -> None:
    parked = park(world, served(world))
    world.turn_until_errand(parked["id"], "parked")
    told = calls(world, parked["id"])
    assert "close participant: 200" in told
    assert any(one.startswith("create webhook: ") for one in told)


def test_looks_that_succeed_are_not_told(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    before = calls(world, made["id"])
    found = world.reconciler.parts.store.get(str(made["id"]))
    assert found is not None
    world.reconciler.parts.store.touch(found.id, found.state, due=0)
    world.turn()
    assert calls(world, made["id"]) == before


def test_look_that_fails_is_told_once_in_a_row(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    world.fault("GET */Tasks/*", status=503)
    for _ in range(3):
        found = world.reconciler.parts.store.get(str(made["id"]))
        assert found is not None
        world.reconciler.parts.store.touch(found.id, found.state, due=0)
        world.turn()
    assert calls(world, made["id"])[1:] == ["fetch task: 503", "fetch task: 503"]  # a read is made twice


def test_timeline_has_the_calls(world: World) -> None:
    made = world.escalate(world.customer()["conversation_sid"])
    events = world.get(f"conversations/{made['conversation_sid']}")["events"]
    assert [one for one in events if str(one["what"]).startswith("called create interaction: 200")]  # type: ignore[attr-defined]


def test_of_a_failing_record_only_what_succeeds_is_told() -> None:
    kept = [Kept("create invite: 503 in 9 ms", failed=True), Kept("create invite: 201 in 9 ms", failed=False)]
    assert lines_of(kept, failing=True) == ["called create invite: 201 in 9 ms"]
    assert len(lines_of(kept, failing=False)) == 2
