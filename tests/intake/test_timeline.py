"""The timeline's parts: who held the customer when, every step in order, and never more than fits an answer."""

import json
from dataclasses import replace

import pytest

from service.intake.timeline import events, held, newest_that_fit
from service.model import EMPTY_PLAN, Entry, Invite, Kind, RoutingRequest, State
from tests.conftest import sid

WK = sid("WK", 1)
INVITE = Invite("iv_1", Kind.ESCALATION, State.ACCEPTED, 1, RoutingRequest(Kind.ESCALATION), EMPTY_PLAN, worker_sid=WK)
AT = {second: f"1970-01-01T00:00:0{second}.000Z" for second in range(10)}


def told(*lines: tuple[int, str], worker_sid: str | None = WK) -> Invite:
    history = tuple(Entry(second * 1000, state, "x") for second, state in lines)
    return replace(INVITE, history=history, worker_sid=worker_sid)


@pytest.mark.parametrize(
    ("lines", "span"),
    [
        (((1, "requested"), (2, "accepted")), (2, None)),
        (((1, "pending"), (2, "accepted"), (3, "accepted"), (4, "completed")), (2, 4)),
        (((2, "accepted"), (5, "lapsed"), (6, "closed")), (2, 5)),
        (((2, "accepted"), (7, "released")), (2, 7)),
    ],
    ids=["still there", "completed", "lapsed", "released"],
)
def test_agent_holds_from_accept_to_end(lines: tuple[tuple[int, str], ...], span: tuple[int, int | None]) -> None:
    begun, over = span
    assert held([told(*lines)]) == [{"worker_sid": WK, "from": AT[begun], "to": None if over is None else AT[over]}]


@pytest.mark.parametrize(
    "invite",
    [told((1, "requested"), (2, "lapsed")), told((2, "accepted"), worker_sid=None), told()],
    ids=["never accepted", "worker unknown", "no history"],
)
def test_nobody_holds_without_an_accept(invite: Invite) -> None:
    assert held([invite]) == []


def test_spans_stand_in_order() -> None:
    late, early = told((5, "accepted")), told((1, "accepted"), (4, "completed"))
    assert [span["from"] for span in held([late, early])] == [AT[1], AT[5]]


def test_events_of_all_records_stand_in_order() -> None:
    one, other = told((1, "requested"), (4, "accepted")), replace(told((2, "requested")), id="iv_2")
    assert [(line["at"], line["id"]) for line in events([one, other])] == [
        (AT[1], "iv_1"),
        (AT[2], "iv_2"),
        (AT[4], "iv_1"),
    ]


@pytest.mark.parametrize("room", [0, 50, 500, 5000])
def test_newest_rows_are_kept(room: int) -> None:
    rows: list[dict[str, object]] = [{"number": number, "text": "é" * 20} for number in range(40)]
    kept = newest_that_fit(rows, room)
    assert kept == rows[len(rows) - len(kept) :]
    assert len(json.dumps(kept)) <= max(room, 2)
    assert len(kept) == len(rows) or len(json.dumps(rows[len(rows) - len(kept) - 1 :])) > room
