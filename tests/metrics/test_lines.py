"""What is logged: one line a decision or transition, with the id of its request, and Twilio's own where it failed."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
import requests
import structlog

from service.app import create_app
from service.intake.watch import HEADER, request_id_of
from service.logs import set_up_logging
from tests.conftest import sid
from tests.flow.world import World

GIVEN = "req-2026.11_22"


@pytest.fixture(autouse=True)
def logging_is_left_as_it_was() -> Iterator[None]:
    yield
    set_up_logging("DEBUG", "json")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "Lines":
    return Lines(caplog)


class Lines:
    """The lines of the service so far, as the dictionaries that they were written from."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def named(self, *names: str, but: str = "service.sandbox") -> list[dict[str, object]]:
        """Those of these events, or all of them."""
        records = [one for one in self._caplog.records if one.name.startswith("service.")]
        found = [dict(one.msg) for one in records if isinstance(one.msg, dict) and not one.name.startswith(but)]
        return [line for line in found if not names or line["event"] in names]


def test_request_id_is_given_back(world: World) -> None:
    answer = requests.get(f"{world.url}/livez", headers={HEADER: GIVEN}, timeout=20)
    assert answer.headers[HEADER] == GIVEN


@pytest.mark.parametrize(
    "given",
    [None, "", "short", "x" * 65, "spaces are not taken", "semi;colons", "umlaut-ü-123", "line\nbreak"],
    ids=["none", "empty", "short", "long", "spaces", "signs", "umlaut", "line_break"],
)
def test_unfit_request_id_is_replaced(given: str | None) -> None:
    made = request_id_of(given)
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert request_id_of(given) != made


def test_problem_carries_the_request_id(world: World) -> None:
    answer = requests.post(f"{world.url}/v1/escalations", json={}, headers={HEADER: GIVEN}, timeout=20)
    assert (answer.status_code, answer.headers[HEADER]) == (401, GIVEN)


def test_every_line_of_a_request_has_its_id(world: World, lines: Lines) -> None:
    world.escalate(world.customer()["conversation_sid"], headers={HEADER: GIVEN})
    told = lines.named("request.taken", "invite.created", "twilio.call")
    mine = [line for line in told if line.get("request_id") == GIVEN]
    assert {line["event"] for line in mine} >= {"request.taken", "twilio.call"}


def test_id_does_not_outlive_its_request(world: World) -> None:
    """The thread goes on to serve others; here it is the test's own."""
    answer = create_app(world.settings).test_client().get("/livez", headers={HEADER: GIVEN})
    assert answer.headers[HEADER] == GIVEN
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_failed_call_keeps_twilios_id(world: World, lines: Lines) -> None:
    headers = {"Twilio-Request-Id": sid("RQ", 7)}
    world.fault("POST /v1/Interactions", status=503, when="before", times=1, headers=headers)
    world.escalate(world.customer()["conversation_sid"])
    (line,) = [one for one in lines.named("twilio.call") if one["outcome"] == 503]
    assert (line["level"], line["operation"]) == ("warning", "create interaction")
    assert line["twilio_request_id"] == sid("RQ", 7)


def test_strange_twilio_id_is_not_logged(world: World, lines: Lines) -> None:
    world.fault(
        "POST /v1/Interactions", status=503, when="before", times=1, headers={"Twilio-Request-Id": "not an id, Ada!"}
    )
    world.escalate(world.customer()["conversation_sid"])
    (line,) = [one for one in lines.named("twilio.call") if one["outcome"] == 503]
    assert "Ada" not in json.dumps(line)


@pytest.mark.parametrize(
    ("how", "outcome", "level"),
    [({"status": 404}, 404, "debug"), ({"status": 400}, 400, "info"), ({"status": 429}, 429, "warning"),
     ({"status": 401}, 401, "warning"), ({"reset": True}, "lost", "warning")],
    ids=["gone", "refused", "too_many", "credentials", "no_answer"],
)  # fmt: skip
def test_call_is_logged_as_loud_as_it_matters(
    world: World, lines: Lines, how: dict[str, object], outcome: object, level: str
) -> None:
    world.fault("POST /v1/Interactions", when="before", times=1, **how)
    world.escalate(world.customer()["conversation_sid"])
    (line,) = [
        one
        for one in lines.named("twilio.call")
        if (one["operation"], one["outcome"]) == ("create interaction", outcome)
    ]
    assert line["level"] == level


def test_served_conversation_takes_four_lines(world: World, lines: Lines) -> None:
    set_up_logging("INFO", "json")
    logging.getLogger("service").addHandler(handler := _Keeping())
    try:
        answer = world.escalate(world.customer()["conversation_sid"])
        world.agent("alice", "accept")
        world.await_state(answer["id"], "accepted")
        world.agent("alice", "complete")
        world.await_state(answer["id"], "completed")
        world.turn()
    finally:
        logging.getLogger("service").removeHandler(handler)
    told = [(line["event"], line.get("state")) for line in handler.lines if line["invite"] == answer["id"]]
    assert len(told) == len(handler.lines)
    created = {("event.moved", "pending"), ("invite.created", None)}  # whichever comes first tells of it
    assert len(told) == 4
    assert set(told) - created == {("request.taken", None), ("event.moved", "accepted"), ("event.moved", "completed")}


class _Keeping(logging.Handler):
    """Keeps the lines of the service, without those of the local Twilio."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, dict) and not record.name.startswith("service.sandbox"):
            self.lines.append(dict(record.msg))


def test_part_has_a_level_of_its_own() -> None:
    set_up_logging("WARNING,service.reconcile=DEBUG,service.flex=ERROR", "json")
    levels = [
        logging.getLogger(name).getEffectiveLevel() for name in ("service.app", "service.reconcile", "service.flex")
    ]
    assert levels == [logging.WARNING, logging.DEBUG, logging.ERROR]


def test_level_of_a_part_does_not_stay() -> None:
    set_up_logging("INFO,service.reconcile=DEBUG", "json")
    set_up_logging("INFO", "json")
    assert logging.getLogger("service.reconcile").getEffectiveLevel() == logging.INFO
