"""What the pages are made of: which acts a record allows, why something is stuck, how a trace is told."""

import json
from dataclasses import replace

import pytest

from service.console.find_view import call_of, conversation_view, standing
from service.console.open_view import Wanted, wanted_of
from service.console.record_view import acts_on, errand_card, invite_card, invite_row, trace_of
from service.console.rules_view import body_of
from service.console.stuck_view import grouped, headline_of, why_stuck
from service.errors import InvalidFieldsError
from service.model import (
    Ask,
    Entry,
    Errand,
    ErrandKind,
    ErrandState,
    Invite,
    Kind,
    Plan,
    Route,
    RoutingRequest,
    State,
)
from tests.conftest import sid

NOW_MS = 1_700_000_000_000
ID = "iv_00_" + "0" * 32

INVITE = Invite(
    id=ID, kind=Kind.ESCALATION, state=State.PENDING, created_at_ms=NOW_MS, conversation_sid=sid("CH", 1),
    request=RoutingRequest(Kind.ESCALATION, conversation_sid=sid("CH", 1), attributes={"secret": "canary"}),
    plan=Plan("billing", "0" * 64, (Route(sid("WW", 1), "transfers", sid("WQ", 1), "billing"),)),
    interaction_sid=sid("KD", 1), channel_sid=sid("UO", 1), task_sid=sid("WT", 1), due_ms=NOW_MS + 1000,
)  # fmt: skip
ERRAND = Errand(
    id="er_00_" + "0" * 32, kind=ErrandKind.PARK, state=ErrandState.PARKED, created_at_ms=NOW_MS, ask=Ask(),
    interaction_sid=sid("KD", 1), channel_sid=sid("UO", 1), conversation_sid=sid("CH", 1),
)  # fmt: skip


def words(record: Invite | Errand) -> list[str]:
    return [word for word, _ in acts_on(record)]


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        (State.REQUESTED, ["reroute", "cancel", "end", "retry"]),
        (State.PENDING, ["reroute", "cancel", "end", "retry"]),
        (State.ACCEPTED, ["end", "retry"]),
        (State.LAPSED, ["reroute", "cancel", "end", "retry"]),
        (State.FAILED, ["retry"]),
        (State.CANCELED, ["retry"]),
        (State.CLOSED, []),
        (State.COMPLETED, []),
    ],
)
def test_state_says_what_may_be_done(state: State, acts: list[str]) -> None:
    assert words(replace(INVITE, state=state)) == acts


def test_nothing_is_ended_without_a_channel() -> None:
    assert words(replace(INVITE, channel_sid=None)) == ["reroute", "cancel", "retry"]


def test_what_is_not_due_cannot_be_looked_at() -> None:
    assert words(replace(INVITE, state=State.FAILED, due_ms=None)) == []


@pytest.mark.parametrize(
    ("state", "acts"),
    [(ErrandState.PARKED, ["wake", "end", "retry"]), (ErrandState.TAKEN, ["end", "retry"]), (ErrandState.DONE, [])],
)
def test_errand_says_what_may_be_done(state: ErrandState, acts: list[str]) -> None:
    assert words(replace(ERRAND, state=state)) == acts


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, None),
        ({"trouble": "Twilio failed (503)"}, "Twilio failed (503)"),
        ({"due_ms": NOW_MS - 60_000}, "it is due, and nobody works on it"),
        ({"due_ms": NOW_MS - 1000}, None),
        ({"state": State.FAILED, "reason": "create invite: Twilio answered 400"}, "create invite: Twilio answered 400"),
        ({"state": State.REQUESTED}, None),
        ({"state": State.REQUESTED, "created_at_ms": NOW_MS - 40_000}, "the invite is not made at Twilio yet"),
        ({"state": State.PENDING, "created_at_ms": NOW_MS - 10**8}, None),
        (
            {"state": State.LAPSED, "history": (Entry(NOW_MS - 130_000, "lapsed", "lapsed"),)},
            "its channel is looked at again and again",
        ),
        ({"state": State.LAPSED, "created_at_ms": 0, "history": (Entry(NOW_MS - 1000, "lapsed", "lapsed"),)}, None),
        (
            {
                "state": State.LAPSED,
                "history": (
                    Entry(NOW_MS - 130_000, "lapsed", "lapsed"),
                    Entry(NOW_MS - 1000, "lapsed", "called fetch channel: 503 in 9 ms"),
                ),
            },
            "its channel is looked at again and again",
        ),
    ],
)
def test_cause_is_found_in_the_record(change: dict[str, object], cause: str | None) -> None:
    assert why_stuck(replace(INVITE, **change), NOW_MS) == cause  # type: ignore[arg-type]  # fields of an invite


def test_stuck_records_are_grouped_by_cause() -> None:
    records = [replace(INVITE, id=f"iv_00_{number:032x}", trouble=f"cause {number % 3}") for number in range(7)]
    groups = grouped([*records, INVITE], NOW_MS)
    assert [(group.cause, len(group.records)) for group in groups] == [("cause 0", 3), ("cause 1", 2), ("cause 2", 2)]
    assert len({group.key for group in groups}) == 3


@pytest.mark.parametrize(
    ("cause", "headline"),
    [
        ("it is due, and nobody works on it", "It is due, and nobody works on it"),
        ("flex-api.twilio.com has stopped answering", "flex-api.twilio.com has stopped answering"),
        ("", ""),
    ],
)
def test_cause_is_told_as_a_heading(cause: str, headline: str) -> None:
    assert headline_of(cause) == headline


def test_row_shows_no_attribute() -> None:
    assert "canary" not in json.dumps(invite_row(INVITE, NOW_MS))


def test_trace_is_told_with_what_stopped_each() -> None:
    stored = {
        "rule": "b",
        "because": [["x == 1", True]],
        "passed": [["a", ["y", False]]],
        "left_out": 4,
        "unknown": ["q"],
    }
    told = trace_of(json.dumps(stored))
    assert told is not None
    assert told["because"] == [{"text": "x == 1", "held": True}]
    assert told["passed"] == [{"rule": "a", "because": [{"text": "y", "held": False}]}]
    assert (told["left_out"], told["unknown"]) == (4, ["q"])


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_unreadable_trace_is_left_out(text: str) -> None:
    assert trace_of(text) is None


@pytest.mark.parametrize(
    ("invites", "errands", "text"),
    [
        ([INVITE], [], "Waiting for an agent, for 0 s."),
        ([replace(INVITE, state=State.ACCEPTED), INVITE], [], "With an agent, for 0 s."),
        ([replace(INVITE, state=State.CLOSED)], [], "Nothing is open. The last invite: closed."),
        ([INVITE], [ERRAND], "Parked: it waits"),
        ([], [], "Known, without any invite of ours."),
    ],
    ids=["waiting", "attended", "over", "parked", "empty"],
)
def test_story_begins_with_how_it_stands(invites: list[Invite], errands: list[Errand], text: str) -> None:
    assert standing(invites, errands, now_ms=NOW_MS).startswith(text)


def test_holder_is_told_from_accept_to_end() -> None:
    history = (Entry(NOW_MS - 60_000, "accepted", "accepted"), Entry(NOW_MS - 30_000, "completed", "completed"))
    held = replace(INVITE, state=State.COMPLETED, worker_sid=sid("WK", 1), history=history)
    (span,) = conversation_view(sid("CH", 1), None, [held], [], now_ms=NOW_MS)["held"]
    assert (span["worker_sid"], span["lasted"]) == (sid("WK", 1), "30 s")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("create invite: 200 in 35 ms RQ1", ("answered 200", False, "RQ1")),
        ("create invite: lost in 8000 ms", ("no answer came", True, "")),
        ("create invite: unsent in 3 ms", ("it could not be sent", True, "")),
        ("fetch task: 503 in 12 ms RQ2", ("answered 503", True, "RQ2")),
    ],
)
def test_call_of_twilio_is_told_with_what_came_of_it(text: str, told: tuple[str, bool, str]) -> None:
    found = call_of(text)
    assert found is not None
    assert (found["came"], found["failed"], found["request_id"]) == told


@pytest.mark.parametrize("text", ["", "nonsense", "create invite: in ms"])
def test_line_that_tells_of_no_call_is_none(text: str) -> None:
    assert call_of(text) is None


def test_worker_in_a_line_leads_to_them() -> None:
    history = (Entry(NOW_MS, "accepted", f"reservation.accepted {sid('WK', 1)}"),)
    (event,) = conversation_view(sid("CH", 1), None, [replace(INVITE, history=history)], [], now_ms=NOW_MS)["events"]
    assert (event["what"], event["worker_sid"]) == ("an agent accepted", sid("WK", 1))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"outcome": "woken", "reason": "by message"}, "Woken, by message."),
        ({"reason": "the channel is over"}, "The channel is over."),
        ({"wake_wanted": "timer"}, "It is to be woken: by timer."),
        ({}, ""),
    ],
)
def test_errand_is_told_in_a_sentence(changed: dict[str, str], told: str) -> None:
    assert errand_card(replace(ERRAND, **changed), NOW_MS)["told"] == told  # type: ignore[arg-type]  # fields of an errand


@pytest.mark.parametrize(
    ("asked_by", "app", "errand"), [("key:crm", "key:crm", ""), ("errand:er_1", "", "er_1"), (None, "", "")]
)
def test_whoever_asked_is_told(asked_by: str | None, app: str, errand: str) -> None:
    card = invite_card(replace(INVITE, asked_by=asked_by), NOW_MS)
    assert (card["asked_by"], card["errand"]) == (app, errand)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, Wanted()),
        (
            {"state": "parked", "kind": "transfer", "rule": " a ", "order": "newest"},
            Wanted("parked", "transfer", "a", True),
        ),
        ({"state": "nonsense", "kind": "x", "after": "x"}, Wanted()),
        ({"after": f"17.{ID}"}, Wanted(after=(17, ID))),
    ],
)
def test_choice_is_read_from_the_query(given: dict[str, str], wanted: Wanted) -> None:
    assert wanted_of(given) == wanted


def test_form_becomes_a_decision_request() -> None:
    form = {"kind": "transfer", "from_worker_sid": sid("WK", 1), "attributes": '{"a": 1}', "reason": " "}
    assert json.loads(body_of(form)) == {
        "kind": "transfer",
        "from": {"worker_sid": sid("WK", 1)},
        "conversation_sid": sid("CH", 0),
        "attributes": {"a": 1},
    }


def test_attributes_that_are_no_json_are_told() -> None:
    with pytest.raises(InvalidFieldsError, match="must be a JSON object"):
        body_of({"attributes": "{topic: billing}"})
