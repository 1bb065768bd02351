"""What a task is given to carry: whose word counts, what stays behind, how it is measured."""

import json
from collections.abc import Iterable

import pytest

from service.flex.attributes import (
    FLEX_KEYS,
    carried_over,
    characters,
    most_characters,
    task_attributes,
    without_flex_sids,
)
from service.model import Invite, Kind, Plan, Route, RoutingRequest, State
from tests.conftest import sid

OLD: dict[str, object] = {
    "flexInteractionSid": sid("KD", 1),
    "flexInteractionChannelSid": sid("UO", 1),
    "flexChannelInviteSid": sid("KG", 1),
    "router_invite_id": "iv_01_x",
    "router_on_lapse": "leave",
    "router_workers_present": [],
    "router_queue": None,
    "conversationSid": sid("CH", 1),
    "conversations": {"conversation_id": sid("KD", 1)},
    "customers": {"email": None},
    "topic": "tax",
    "flexible": True,
    "my_router_note": 1,
    "flexSidekick": 2,
}


def test_flex_sids_and_our_keys_stay_behind() -> None:
    assert carried_over(OLD) == {
        "conversationSid": sid("CH", 1),
        "conversations": {"conversation_id": sid("KD", 1)},
        "customers": {"email": None},
        "topic": "tax",
        "flexible": True,
        "my_router_note": 1,
        "flexSidekick": 2,
    }


def test_flex_sids_alone_can_be_left_out() -> None:
    assert OLD.keys() - without_flex_sids(OLD).keys() == {
        "flexInteractionSid",
        "flexInteractionChannelSid",
        "flexChannelInviteSid",
    }


def invite(kind: Kind = Kind.TRANSFER, on_lapse: str = "close", **request: object) -> Invite:
    """A record whose request has these fields."""
    asked = RoutingRequest(kind, **request)  # type: ignore[arg-type]  # fields by name
    return Invite("iv_01_y", kind, State.REQUESTED, 0, asked, Plan("tax", "ab", (), on_lapse))


ROUTE = Route(sid("WW", 1), "w", attributes={"b": "rule", "conversations": {"outcome": "rule"}})


def test_each_goes_over_the_one_before() -> None:
    carried = {"a": "old", "b": "old", "c": "old", "conversations": {"conversation_id": "KD"}}
    found = task_attributes(invite(attributes={"b": "caller", "c": "caller"}, carried=carried), ROUTE)
    assert (found["a"], found["b"], found["c"]) == ("old", "rule", "caller")
    assert found["conversations"] == {"conversation_id": "KD", "outcome": "rule"}


def test_ours_cannot_be_overwritten() -> None:
    theirs = {"router_invite_id": "x", "router_queue": "x", "router_workers_present": ["x"]}
    route = Route(sid("WW", 1), "w", queue_sid=sid("WQ", 1), queue="q", attributes=theirs)
    found = task_attributes(invite(attributes=theirs, carried=theirs), route)
    assert (found["router_invite_id"], found["router_queue"]) == ("iv_01_y", "q")
    assert found["router_workers_present"] == []


def test_steering_attributes_say_what_is_meant() -> None:
    route = Route(sid("WW", 1), "w", sid("WQ", 1), "q", sid("WK", 1), "alice")
    assert task_attributes(invite(Kind.ESCALATION), route) == {
        "router_invite_id": "iv_01_y",
        "router_kind": "escalation",
        "router_rule": "tax",
        "router_target": "worker",
        "router_queue": "q",
        "router_queue_sid": sid("WQ", 1),
        "router_worker_sid": sid("WK", 1),
        "router_workers_present": [],
    }


def test_leaving_open_is_known_from_the_task() -> None:
    assert task_attributes(invite(on_lapse="leave"), ROUTE)["router_on_lapse"] == "leave"
    assert "router_on_lapse" not in task_attributes(invite(), ROUTE)


def test_workers_present_are_listed_once_and_sorted() -> None:
    found = task_attributes(invite(), ROUTE, present=(sid("WK", 2), sid("WK", 1), sid("WK", 2)))
    assert found["router_workers_present"] == [sid("WK", 1), sid("WK", 2)]


SIZES: dict[str, tuple[dict[str, object], int]] = {
    "empty": ({}, 2),
    "umlaut-counts-one": ({"a": "ü"}, 10),
    "white-space-counts": ({"a": [1, 2]}, 13),
}


@pytest.mark.parametrize(("attributes", "size"), SIZES.values(), ids=SIZES)
def test_size_is_that_of_the_plain_text(attributes: dict[str, object], size: int) -> None:
    assert characters(attributes) == size


def test_worker_is_null_and_not_a_word() -> None:
    assert '"router_worker_sid": null' in json.dumps(task_attributes(invite(), ROUTE))


SOME = FLEX_KEYS - {"customers"}
ROOMS = {"new": ((), 3396), "with-some-of-flex": (SOME, 3396), "carried-on": (FLEX_KEYS, 3896)}


@pytest.mark.parametrize(("names", "most"), ROOMS.values(), ids=ROOMS)
def test_room_is_kept_for_what_flex_adds(names: Iterable[str], most: int) -> None:
    assert most_characters(dict.fromkeys(names)) == most
