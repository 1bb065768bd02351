"""Flex tokens: given out by the control plane, judged by the address that Twilio's own validator asks."""

import base64
import re

import pytest
import requests

from service.sandbox.server import SandboxOptions, start_sandbox
from tests.sandbox.calls import Caller


def given(caller: Caller, worker: str = "alice", /, **wanted: object) -> str:
    token: str = caller.told("POST", f"/agents/{worker}/token", wanted)["token"]
    return token


def good(caller: Caller, token: str) -> bool:
    answered: bool = caller.validate(token).json()["valid"]
    return answered


def test_good_token_tells_who_it_is(caller: Caller) -> None:
    told = caller.validate(given(caller, roles=["agent", "supervisor"])).json()
    assert (told["valid"], told["code"], told["message"]) == (True, 0, None)
    assert (told["worker_sid"], told["roles"]) == (caller.info["workers"]["alice"], ["agent", "supervisor"])
    assert (told["identity"], told["realm_user_id"]) == ("alice", "alice")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["expiration"])


def test_token_looks_like_a_jwe(caller: Caller) -> None:
    token = given(caller)
    header, key, *rest = token.split(".")
    assert (len(rest), key) == (3, "")
    assert base64.urlsafe_b64decode(header + "==").startswith(b'{"alg": "dir"')
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)


def test_role_is_agent_unless_said(caller: Caller) -> None:
    assert caller.validate(given(caller)).json()["roles"] == ["agent"]


def test_identity_is_written_as_flex_does(caller: Caller) -> None:
    caller.post(f"{caller.workspace}/Workers", {"FriendlyName": "user@example.com"})
    told = caller.validate(given(caller, "user@example.com")).json()
    assert (told["identity"], told["realm_user_id"]) == ("user_40example_2Ecom", "user@example.com")


def test_token_dies_by_the_sandbox_clock(caller: Caller) -> None:
    token = given(caller, expires_in_s=600)
    seen = []
    for seconds in (500, 101):
        caller.told("POST", "/clock", {"advance_s": seconds})
        seen.append(good(caller, token))
    assert seen == [True, False]


@pytest.mark.parametrize(
    ("method", "named"),
    [("DELETE", {}), ("POST", {"revoked": True})],
    ids=["deleted", "revoked"],
)
def test_all_tokens_of_an_agent_are_revoked(caller: Caller, method: str, named: dict[str, object]) -> None:
    mine, hers = [given(caller), given(caller)], given(caller, "carol")
    assert caller.told(method, "/agents/alice/token", named) == {"revoked": 2}
    assert [good(caller, token) for token in (*mine, hers)] == [False, False, True]
    assert caller.told(method, "/agents/alice/token", named) == {"revoked": 0}


def test_one_token_of_an_agent_is_revoked(caller: Caller) -> None:
    first, second = given(caller), given(caller)
    assert caller.told("DELETE", "/agents/alice/token", {"token": first}) == {"revoked": 1}
    assert (good(caller, first), good(caller, second)) == (False, True)


def test_bad_token_tells_nothing_but_that(caller: Caller) -> None:
    expired = given(caller, expires_in_s=1)
    caller.told("POST", "/clock", {"advance_s": 2})
    codes = []
    for token in ("made.up.by.some.body", expired):
        response = caller.validate(token)
        told = response.json()
        codes.append(told.pop("code"))
        assert (response.status_code, told.pop("valid"), bool(told.pop("message"))) == (200, False, True)
        assert set(told.values()) == {None}
    assert codes == [20101, 20104]


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": 7}, ["token"], "token"])
def test_request_without_a_token_is_refused(caller: Caller, body: object) -> None:
    url = f"{caller.base_url}/v1/Accounts/{caller.info['account_sid']}/Tokens/validate"
    response = caller.session.post(url, json=body, timeout=30)
    assert (response.status_code, response.json()["message"]) == (400, "token is required")


def test_validation_needs_the_account_itself(caller: Caller) -> None:
    token = given(caller)
    assert caller.validate(token, "AC" + "0" * 32).status_code == 404
    caller.session.auth = (caller.info["account_sid"], "wrong")
    response = caller.validate(token)
    assert (response.status_code, response.json()["code"]) == (401, 20003)


def test_validation_works_with_an_api_key() -> None:
    running = start_sandbox(SandboxOptions(port=0, api_key="SK" + "1" * 32, api_secret="of-the-key"))
    try:
        caller = Caller(running.base_url)
        caller.session.auth = ("SK" + "1" * 32, "of-the-key")
        assert good(caller, given(caller))
    finally:
        running.close()


def test_validation_can_be_made_to_fail(caller: Caller) -> None:
    token = given(caller)
    caller.told("POST", "/faults", {"match": "POST */Tokens/validate", "status": 503, "times": 1})
    assert [caller.validate(token).status_code for _ in range(2)] == [503, 200]
    caller.told("POST", "/faults", {"match": "Tokens/validate", "reset": True})
    with pytest.raises(requests.ConnectionError):
        caller.validate(token)


def test_token_stands_nowhere_in_the_log(caller: Caller) -> None:
    token = given(caller)
    caller.validate(token)
    entries = caller.log(match="Tokens/validate")
    assert len(entries) == 1
    assert token not in str(entries)


def test_reset_takes_all_tokens_back(caller: Caller) -> None:
    token = given(caller)
    caller.told("POST", "/reset")
    assert not good(caller, token)


@pytest.mark.parametrize(
    ("path", "wanted", "status", "field"),
    [
        pytest.param("alice", {"roles": "agent"}, 400, "roles", id="roles no list"),
        pytest.param("alice", {"roles": [""]}, 400, "roles", id="role empty"),
        pytest.param("alice", {"expires_in_s": -1}, 400, "expires_in_s", id="life"),
        pytest.param("alice", {"role": ["agent"]}, 400, "role", id="unknown field"),
        pytest.param("alice", {"revoked": "yes"}, 400, "revoked", id="no truth value"),
        pytest.param("zoe", {}, 404, None, id="unknown worker"),
    ],
)
def test_wrong_wish_for_a_token_is_refused(
    caller: Caller, path: str, wanted: object, status: int, field: str | None
) -> None:
    response = caller.control("POST", f"/agents/{path}/token", wanted)
    assert (response.status_code, response.json()["field"]) == (status, field)
