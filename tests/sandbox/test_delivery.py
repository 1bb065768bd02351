"""Callbacks over real HTTP: signatures, tries, order, and what can be made to go wrong."""

import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.request_validator import RequestValidator

from service.sandbox.posting import Rules, rules_of
from tests.sandbox.calls import Caller, eventually
from tests.sandbox.receiver import Receiver

EVENTS = "/v1/events/taskrouter"
LIFE = ["task.created", "workflow.entered", "workflow.target-matched", "task-queue.entered"]


def subscribe(caller: Caller, url: str, events: str = "") -> None:
    wanted = {"EventCallbackUrl": url, "EventsFilter": events}
    assert caller.post(caller.workspace, wanted).status_code == 200


def validator_of(caller: Caller) -> Any:
    """The SDK's own; its methods have no types."""
    return RequestValidator(caller.info["auth_token"])  # type: ignore[no-untyped-call]


def outcome(caller: Caller) -> dict[str, Any]:
    """The log's only callback, once it is over."""
    eventually(lambda: caller.log(kind="callback"))
    return caller.log(kind="callback")[0]


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@pytest.mark.parametrize("ending", ["", "?from=sandbox&x=%20", "#rc=5&rp=all"])
def test_signature_satisfies_the_sdk(caller: Caller, receiver: Receiver, ending: str) -> None:
    subscribe(caller, f"{receiver.url}{EVENTS}{ending}")
    caller.waiting()
    eventually(lambda: len(receiver.posted) == 4)
    posted = receiver.posted[0]
    validator = validator_of(caller)
    signature = posted.headers["X-Twilio-Signature"]
    assert validator.validate(receiver.url + posted.path, posted.form, signature)
    assert not validator.validate(receiver.url + posted.path, {**posted.form, "TaskAge": "99"}, signature)
    assert "#" not in posted.path


def test_events_of_a_task_arrive_in_order(caller: Caller, receiver: Receiver) -> None:
    subscribe(caller, receiver.url + EVENTS)
    tasks = [caller.waiting()[1] for _ in range(5)]
    eventually(lambda: len(receiver.posted) == 20)
    for task in tasks:
        assert [one.form["EventType"] for one in receiver.posted if one.form["TaskSid"] == task] == LIFE


@pytest.mark.parametrize(
    ("fragment", "status", "tries"),
    [
        pytest.param("", 500, 1, id="5xx is not repeated by default"),
        pytest.param("", 404, 1, id="4xx is not repeated by default"),
        pytest.param("#rc=2&rp=5xx", 500, 3, id="5xx repeated when asked"),
        pytest.param("#rc=2&rp=5xx", 404, 1, id="4xx not repeated when 5xx is asked"),
        pytest.param("#rc=2&rp=4xx,ct", 404, 3, id="4xx repeated when asked"),
        pytest.param("#rc=5&rp=all", 503, 6, id="five retries at most"),
        pytest.param("#rc=0&rp=all", 500, 1, id="no retries when asked"),
        pytest.param("#rc=5&rp=all", 204, 1, id="success is not repeated"),
    ],
)
def test_tries_follow_the_fragment(caller: Caller, receiver: Receiver, fragment: str, status: int, tries: int) -> None:
    receiver.answers = lambda _: status
    subscribe(caller, f"{receiver.url}{EVENTS}{fragment}", "task.created")
    caller.waiting()
    assert outcome(caller)["outcome"] == ("delivered" if status == 204 else "failed")
    assert len(receiver.posted) == tries


@pytest.mark.parametrize(("fragment", "tries"), [("", 2), ("#rc=3", 4), ("#rc=3&rp=5xx", 1)])
def test_no_connection_is_tried_again(caller: Caller, fragment: str, tries: int) -> None:
    subscribe(caller, f"http://127.0.0.1:{unused_port()}{EVENTS}{fragment}", "task.created")
    caller.waiting()
    assert [one["error"] for one in outcome(caller)["tries"]] == ["NewConnectionError"] * tries


def test_retries_carry_one_idempotency_token(caller: Caller, receiver: Receiver) -> None:
    receiver.answers = lambda number: 500 if number < 2 else 204
    subscribe(caller, f"{receiver.url}{EVENTS}#rc=5&rp=all", "task.created")
    caller.waiting()
    eventually(lambda: len(receiver.posted) == 3)
    tokens = [one.headers.get("I-Twilio-Idempotency-Token") for one in receiver.posted]
    assert tokens[0] is None
    assert tokens[1] is not None
    assert tokens[1] == tokens[2]


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        pytest.param("http://a.example/x", Rules(), id="none"),
        pytest.param("http://a.example/x#rc=9&rp=all", Rules(5, frozenset({"4xx", "5xx", "ct", "rt"})), id="at most 5"),
        pytest.param("http://a.example/x#ct=50&rt=99999&tt=2000", Rules(1, frozenset({"ct"}), 0.1, 15, 2), id="times"),
        pytest.param("http://a.example/x#rc=many", Rules(), id="unreadable"),
    ],
)
def test_fragment_is_read_within_limits(url: str, rules: Rules) -> None:
    assert rules_of(url) == rules


def test_lost_callbacks_do_not_arrive(caller: Caller, receiver: Receiver) -> None:
    caller.told("POST", "/callbacks", {"lost": True})
    subscribe(caller, receiver.url + EVENTS)
    caller.waiting()
    caller.told("DELETE", "/callbacks")
    caller.waiting()
    eventually(lambda: len(receiver.posted) == 4)
    assert [one["outcome"] for one in caller.log(kind="callback")][:4] == ["lost"] * 4


def test_doubled_callbacks_arrive_twice(caller: Caller, receiver: Receiver) -> None:
    caller.told("POST", "/callbacks", {"doubled": 1})
    subscribe(caller, receiver.url + EVENTS, "task.created")
    caller.waiting()
    eventually(lambda: len(receiver.posted) == 2)
    assert receiver.posted[0].form == receiver.posted[1].form


def test_reordered_callback_is_overtaken(caller: Caller, receiver: Receiver) -> None:
    subscribe(caller, receiver.url + EVENTS, "task.created,task.canceled")
    caller.told("POST", "/callbacks", {"reordered": 1})
    _, task = caller.waiting()
    caller.told("POST", "/callbacks", {})
    caller.post(f"{caller.workspace}/Tasks/{task}", {"AssignmentStatus": "canceled", "Reason": "tested"})
    eventually(lambda: len(receiver.posted) == 2)
    assert receiver.types() == ["task.canceled", "task.created"]


def test_late_callback_comes_after_its_delay(caller: Caller, receiver: Receiver) -> None:
    caller.told("POST", "/callbacks", {"late_s": 0.3})
    subscribe(caller, receiver.url + EVENTS, "task.created")
    caller.waiting()
    caller.told("POST", "/clock", {"advance_s": 0})
    assert receiver.posted == []
    eventually(lambda: receiver.types() == ["task.created"])


@pytest.mark.parametrize(
    ("wanted", "field"), [({"lost": 2}, "lost"), ({"late_s": "soon"}, "late_s"), ({"losst": 1}, "losst")]
)
def test_wrong_mishap_is_refused_by_name(caller: Caller, wanted: Mapping[str, object], field: str) -> None:
    response = caller.control("POST", "/callbacks", wanted)
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_clock_waits_for_its_callbacks(caller: Caller, receiver: Receiver) -> None:
    subscribe(caller, receiver.url + EVENTS, "task.canceled")
    for _ in range(10):
        caller.waiting(timeout=60)
    caller.told("POST", "/clock", {"advance_s": 60})
    assert receiver.types() == ["task.canceled"] * 10


def test_stream_delivery_is_signed_by_its_hash(caller: Caller, receiver: Receiver) -> None:
    caller.told("POST", "/streams", {"url": f"{receiver.url}/v1/events/streams"})
    caller.waiting()
    eventually(lambda: len(receiver.posted) == 4)
    posted = receiver.posted[0]
    assert "bodySHA256=" in urlsplit(posted.path).query
    validator = validator_of(caller)
    assert validator.validate(receiver.url + posted.path, posted.body.decode(), posted.headers["X-Twilio-Signature"])
    assert json.loads(posted.body)[0]["type"].startswith("com.twilio.taskrouter.")
