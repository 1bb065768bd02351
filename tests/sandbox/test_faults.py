"""Faults over real HTTP: what is answered, and whether the call had its effect."""

import time

import pytest
import requests

from tests.sandbox.calls import Caller


def tasks_made(caller: Caller, conversation_sid: str) -> int:
    return len(caller.told("GET", f"/conversations/{conversation_sid}")["tasks"])


def customer(caller: Caller) -> str:
    sid: str = caller.told("POST", "/conversations", {"channel_type": "sms"})["conversation_sid"]
    return sid


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_forced_status_has_effect_only_after(caller: Caller, when: str, made: int, status: int) -> None:
    sid = customer(caller)
    caller.told("POST", "/faults", {"match": "POST /v1/Interactions", "status": status, "when": when, "times": 1})
    response = caller.escalate(sid)
    assert (response.status_code, response.json()["status"]) == (status, status)
    assert tasks_made(caller, sid) == made


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_reset_tears_the_connection(caller: Caller, when: str, made: int) -> None:
    sid = customer(caller)
    caller.told("POST", "/faults", {"match": "POST /v1/Interactions", "reset": True, "when": when, "times": 1})
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        caller.escalate(sid)
    assert tasks_made(caller, sid) == made
    assert caller.escalate(sid).status_code == 200


def test_delay_holds_the_answer_back(caller: Caller) -> None:
    caller.told("POST", "/faults", {"match": "GET */Tasks", "delay_s": 0.3})
    began = time.monotonic()
    assert caller.get(f"{caller.workspace}/Tasks").status_code == 200
    assert time.monotonic() - began >= 0.3


def test_delay_does_not_hold_others_back(caller: Caller) -> None:
    caller.told("POST", "/faults", {"match": "GET */Tasks", "delay_s": 5})
    with pytest.raises(requests.Timeout):
        caller.session.get(f"{caller.base_url}{caller.workspace}/Tasks", timeout=0.1)
    began = time.monotonic()
    assert caller.get(f"{caller.workspace}/Workers").status_code == 200
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "match", ["Tasks", "GET /v1/Workspaces/*/Tasks", "/v1/Workspaces/*/Tasks", "GET */Tasks", "*/Task?"]
)
def test_match_is_a_glob_or_a_part(caller: Caller, match: str) -> None:
    caller.told("POST", "/faults", {"match": match, "status": 503})
    assert caller.get(f"{caller.workspace}/Tasks").status_code == 503
    assert caller.get(f"{caller.workspace}/Workers").status_code == 200


def test_times_limits_the_hits(caller: Caller) -> None:
    caller.told("POST", "/faults", {"match": "Workers", "status": 503, "times": 2})
    assert [caller.get(f"{caller.workspace}/Workers").status_code for _ in range(3)] == [503, 503, 200]
    assert caller.told("GET", "/faults")["faults"][0]["hits"] == 2


def test_skip_spares_the_first(caller: Caller) -> None:
    caller.told("POST", "/faults", {"match": "Workers", "status": 503, "skip": 2, "times": 1})
    assert [caller.get(f"{caller.workspace}/Workers").status_code for _ in range(4)] == [200, 200, 503, 200]
    caller.get(f"{caller.workspace}/Tasks")
    assert caller.told("GET", "/faults")["faults"][0]["skip"] == 2


def test_probability_hits_some(caller: Caller) -> None:
    caller.told("POST", "/faults", {"match": "Workers", "status": 503, "probability": 0.5})
    seen = {caller.get(f"{caller.workspace}/Workers").status_code for _ in range(40)}
    assert seen == {200, 503}


def test_own_body_and_headers_are_answered(caller: Caller) -> None:
    fault = {"match": "Workers", "status": 429, "headers": {"Retry-After": "2"}, "body": "slow down"}
    caller.told("POST", "/faults", fault)
    response = caller.get(f"{caller.workspace}/Workers")
    assert (response.text, response.headers["Retry-After"]) == ("slow down", "2")


def test_lag_hides_what_is_new(caller: Caller) -> None:
    _, task = caller.waiting()
    caller.told("POST", "/faults", {"match": "GET */Tasks", "lag_s": 30})
    assert caller.get(f"{caller.workspace}/Tasks").json()["tasks"] == []
    caller.told("POST", "/clock", {"advance_s": 30})
    assert [one["sid"] for one in caller.get(f"{caller.workspace}/Tasks").json()["tasks"]] == [task]


def test_faults_can_be_withdrawn(caller: Caller) -> None:
    first = caller.told("POST", "/faults", {"match": "Workers", "status": 503})["id"]
    caller.told("POST", "/faults", {"match": "Tasks", "status": 503})
    caller.told("DELETE", f"/faults/{first}")
    assert caller.get(f"{caller.workspace}/Workers").status_code == 200
    assert caller.told("DELETE", "/faults") == {"cleared": 1}
    assert caller.get(f"{caller.workspace}/Tasks").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        pytest.param({"status": 500}, "match", id="no match"),
        pytest.param({"match": "x"}, "status", id="no effect"),
        pytest.param({"match": "x", "status": 42}, "status", id="no status"),
        pytest.param({"match": "x", "status": True}, "status", id="status no number"),
        pytest.param({"match": "x", "status": 500, "when": "during"}, "when", id="when"),
        pytest.param({"match": "x", "status": 500, "times": 0}, "times", id="times"),
        pytest.param({"match": "x", "status": 500, "skip": -1}, "skip", id="skip"),
        pytest.param({"match": "x", "status": 500, "probability": 2}, "probability", id="probability"),
        pytest.param({"match": "x", "delay_s": -1}, "delay_s", id="delay"),
        pytest.param({"match": "x", "reset": "yes"}, "reset", id="reset"),
        pytest.param({"match": "x", "status": 500, "headers": "no"}, "headers", id="headers"),
        pytest.param({"match": "x", "status": 500, "chance": 1}, "chance", id="unknown"),
    ],
)
def test_wrong_fault_is_refused_by_name(caller: Caller, wanted: dict[str, object], field: str) -> None:
    response = caller.control("POST", "/faults", wanted)
    assert (response.status_code, response.json()["field"]) == (400, field)
    assert caller.told("GET", "/faults") == {"faults": []}


def test_log_tells_what_was_sent(caller: Caller) -> None:
    sid, _ = caller.waiting(priority=3)
    entry = caller.log(kind="api", match="POST /v1/Interactions")[0]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/Interactions", 200)
    assert sid in entry["form"]["Channel"]
    assert caller.log(after=entry["seq"]) == []
