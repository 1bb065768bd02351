"""One conversation told from the store: who was asked, who held the customer, what became of a transfer."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from service.model import State
from service.tracking.embedded import EmbeddedStore
from service.tracking.records import new_invite_id
from tests.flow.acts import errand, leave, park, served, sid_of, transfer
from tests.flow.kept import kept_world, renewed
from tests.flow.test_openapi_answers import faults
from tests.flow.world import Answer, World

LIMIT = 64_000  # what Studio parses


@pytest.fixture(scope="module")
def house(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(house: World) -> World:
    return renewed(house)


def timeline(world: World, first: Answer, query: str = "") -> Answer:
    return world.get(f"conversations/{first['conversation_sid']}{query}")


def raw(world: World, path: str) -> requests.Response:
    return requests.get(f"{world.url}/v1/{path}", headers={"Authorization": f"Bearer {world.token}"}, timeout=20)


def handed_over(world: World) -> tuple[Answer, Answer]:
    """Alice had the customer, bob has them now."""
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    world.turn_until(first["id"], "completed")
    return first, moved


def test_timeline_tells_who_held_the_customer(world: World) -> None:
    first, moved = handed_over(world)
    told = timeline(world, first)
    spans = [(one["worker_sid"], one["to"] is None) for one in told["held"]]  # type: ignore[attr-defined]
    assert spans == [(sid_of(world, "alice"), False), (sid_of(world, "bob"), True)]
    assert [one["id"] for one in told["invites"]] == [first["id"], moved["id"]]  # type: ignore[attr-defined]
    assert (told["parked"], told["channel_sid"]) == (False, first["channel_sid"])


def test_events_are_those_of_the_histories(world: World) -> None:
    first, _ = handed_over(world)
    told = timeline(world, first)
    lines = [(one["id"], step) for one in told["invites"] for step in one["history"]]  # type: ignore[attr-defined]
    assert sorted((name, str(step)) for name, step in lines) == sorted(
        (one["id"], str({name: one[name] for name in ("at", "state", "what")}))
        for one in told["events"]  # type: ignore[attr-defined]
    )
    moments = [one["at"] for one in told["events"]]  # type: ignore[attr-defined]
    assert moments == sorted(moments)


def test_errands_stand_in_the_timeline(world: World) -> None:
    first = served(world, "bob")
    gone, rests = leave(world, first, "alice"), park(world, first, "bob")
    told = timeline(world, first)
    assert [one["id"] for one in told["errands"]] == [gone["id"], rests["id"]]  # type: ignore[attr-defined]
    assert told["parked"] is True
    errand(world, "wake", first)
    world.turn_until_errand(rests["id"], "done")
    assert timeline(world, first)["parked"] is False


def test_timeline_calls_nobody(world: World) -> None:
    first = served(world)
    before = len(world.calls(""))
    assert timeline(world, first).status == 200
    assert len(world.calls("")) == before


def test_live_asks_who_is_there(world: World) -> None:
    told = timeline(world, served(world), "?live=1")
    people = [(one["type"], one["worker_sid"]) for one in told["participants"]]  # type: ignore[attr-defined]
    assert ("agent", sid_of(world, "alice")) in people
    assert (told["channel_status"], told["live_reason"]) == ("active", None)


def test_live_without_twilio_says_why(world: World) -> None:
    first = served(world)
    world.fault("GET */Channels/*", status=503)
    told = timeline(world, first, "?live=1")
    assert (told.status, told["participants"], told["channel_status"]) == (200, None, None)
    assert "503" in str(told["live_reason"])


def test_unknown_query_is_refused(world: World) -> None:
    assert timeline(world, served(world), "?alive=1").status == 422


def test_answers_are_as_described(world: World) -> None:
    first, moved = handed_over(world)
    rests = park(world, first, "bob")
    name = first["conversation_sid"]
    for path, described in (
        (f"conversations/{name}", "/v1/conversations/{conversation_sid}"),
        (f"conversations/{name}?live=1", "/v1/conversations/{conversation_sid}"),
        (f"errands/{rests['id']}", "/v1/errands/{id}"),
        (f"transfers/{moved['id']}", "/v1/transfers/{id}"),
    ):
        answer = raw(world, path)
        assert answer.status_code == 200
        assert faults("GET", described, answer) == [], path


def test_long_story_stays_under_studios_limit(world: World) -> None:
    first = served(world)
    store = world.reconciler.parts.store
    record = store.get(str(first["id"]))
    assert record is not None
    for _ in range(60):
        last = new_invite_id(str(first["conversation_sid"]))
        store.create(replace(record, id=last, state=State.REQUESTED), due_in_s=600)
        for number in range(30):
            store.touch(last, State.REQUESTED, what=f"was looked at for the time {number}")
    answer = raw(world, f"conversations/{first['conversation_sid']}")
    told = answer.json()
    assert len(answer.content) < LIMIT
    assert told["omitted"]["invites"] > 0
    assert told["omitted"]["invites"] + len(told["invites"]) == 61
    assert told["omitted"]["events"] > 0
    assert told["events"][-1]["id"] == last


# -- what became of a transfer


def outcome(world: World, moved: Answer) -> str:
    return str(world.get(f"transfers/{moved['id']}")["outcome"])


def test_cold_transfer_is_told_from_asking_to_hand_over(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    words = [outcome(world, moved)]
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    words.append(outcome(world, moved))
    world.turn()
    words.append(outcome(world, moved))
    assert words == ["waiting", "changing_hands", "transferred"]


def test_untaken_transfer_is_kept(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    world.advance(3700)
    world.turn_until(moved["id"], "released")
    assert outcome(world, moved) == "kept"


def test_canceled_transfer_is_told(world: World) -> None:
    moved = transfer(world, served(world), to={"worker": "bob"})
    world.post(f"invites/{moved['id']}/cancel", {})
    assert outcome(world, moved) == "canceled"


def test_ladder_is_one_transfer(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, attributes={"topic": "ladder"})
    world.advance(70)
    heir = world.turn_until(moved["id"], "superseded")["successor"]
    told = [world.get(f"transfers/{name}").json for name in (moved["id"], heir)]
    assert told[0] == told[1]
    assert [one["id"] for one in told[0]["invites"]] == [moved["id"], heir]  # type: ignore[attr-defined]
    assert told[0]["outcome"] == "waiting"
