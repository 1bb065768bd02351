"""Whatever is wrong is told by name; nothing is stored, nothing is called, nothing personal is repeated."""

import json
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import sid
from tests.flow.world import Answer, World

CANARY = "Zq7-canary-Zq7"
Send = Callable[[World, str], requests.Response]


@pytest.fixture
def untouched(world: World) -> Iterator[World]:
    calls = len(world.calls("POST "))
    keys = set(world.redis.keys("*"))
    yield world
    assert len(world.calls("POST ")) == calls, "Twilio was called"
    assert set(world.redis.keys("*")) - {"flex:{00}:directory"} == keys - {"flex:{00}:directory"}


def post(world: World, data: bytes | str, content_type: str = "application/json", **headers: str) -> Answer:
    bearer = {"Authorization": f"Bearer {world.token}", "Content-Type": content_type, **headers}
    response = requests.post(f"{world.url}/v1/escalations", data=data, headers=bearer, timeout=10)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert CANARY not in response.text
    return Answer(response.status_code, response.json())


BODIES = [
    ("malformed json", '{"conversation_sid": ', 400, None),
    ("not an object", "[]", 400, None),
    ("empty", "", 400, None),
    ("nothing said", "{}", 422, "conversation_sid"),
    ("wrong type", {"conversation_sid": 7}, 422, "conversation_sid"),
    ("sid of another kind", {"conversation_sid": sid("UO", 1)}, 422, "conversation_sid"),
    ("path in a sid", {"conversation_sid": "CH/../../" + "a" * 25}, 422, "conversation_sid"),
    ("newline behind a sid", {"conversation_sid": sid("CH", 1) + "\n"}, 422, "conversation_sid"),
    ("unknown field", {"conversation_sid": sid("CH", 1), "atributes": {CANARY: CANARY}}, 422, "atributes"),
    ("attributes not an object", {"conversation_sid": sid("CH", 1), "attributes": [CANARY]}, 422, "attributes"),
    (
        "reserved attribute",
        {"conversation_sid": sid("CH", 1), "attributes": {"router_rule": CANARY}},
        422,
        "attributes.router_rule",
    ),
    ("channel without interaction", {"channel_sid": sid("UO", 1)}, 422, "interaction_sid"),
    ("channel type", {"conversation_sid": sid("CH", 1), "channel_type": CANARY}, 422, "channel_type"),
    ("transfer field", {"conversation_sid": sid("CH", 1), "mode": "cold"}, 422, "mode"),
    ("too many attributes", {"conversation_sid": sid("CH", 1), "attributes": {"a": CANARY * 400}}, 422, "attributes"),
]


@pytest.mark.parametrize(("body", "status", "field"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_bad_body_names_its_field(untouched: World, body: object, status: int, field: str | None) -> None:
    answer = post(untouched, body if isinstance(body, str) else json.dumps(body))
    assert answer.status == status
    if field:
        assert field in [error["field"] for error in answer["errors"]]  # type: ignore[attr-defined]


def test_attributes_and_ours_must_fit_together(untouched: World) -> None:
    body = {"conversation_sid": sid("CH", 1), "attributes": {"a": "x" * 3350}}
    answer = post(untouched, json.dumps(body))
    assert (answer.status, [error["field"] for error in answer["errors"]]) == (422, ["attributes"])  # type: ignore[attr-defined]


def test_large_body_is_refused(untouched: World) -> None:
    assert post(untouched, b'{"reason": "' + b"x" * 1_000_000 + b'"}').status == 413


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/jsonp", ""])
def test_wrong_content_type_is_refused(untouched: World, content_type: str) -> None:
    assert post(untouched, "{}", content_type).status == 415


def test_chunked_body_is_refused(untouched: World) -> None:
    parts = urlsplit(untouched.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(
            b"POST /v1/escalations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nAuthorization: Bearer " + untouched.token.encode() + b"\r\n\r\n"
            b"2\r\n{}\r\n0\r\n\r\n"
        )
        status = connection.recv(4096).split(b" ", 2)[1]
    assert status == b"411"


def test_missing_credentials_are_told(untouched: World) -> None:
    answer = requests.post(f"{untouched.url}/v1/escalations", json={}, timeout=10)
    assert (answer.status_code, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize("token", ["x", "tests.", "tests.wrong", ".", "demo.x" * 50], ids=range(5))
def test_wrong_key_is_refused(untouched: World, token: str) -> None:
    answer = requests.post(
        f"{untouched.url}/v1/escalations", json={}, headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.status_code == 401


def test_forged_signature_is_refused(untouched: World) -> None:
    body = json.dumps({"conversation_sid": sid("CH", 1)}).encode()
    assert untouched.studio(body, "application/json", token="not the token").status == 403


def test_changed_body_is_refused(untouched: World) -> None:
    import hashlib

    from tests.flow.world import sign

    signed = b'{"conversation_sid": "CH1"}'
    url = f"{untouched.url}/v1/escalations?bodySHA256={hashlib.sha256(signed).hexdigest()}"
    headers = {"X-Twilio-Signature": sign(url, untouched.info["auth_token"]), "Content-Type": "application/json"}
    answer = requests.post(url, data=signed.replace(b"CH1", b"CH2"), headers=headers, timeout=10)
    assert answer.status_code == 403


def test_unsigned_event_is_refused(untouched: World) -> None:
    answer = requests.post(f"{untouched.url}/v1/events/taskrouter", data={"EventType": "task.canceled"}, timeout=10)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=open", "state"),
        ("kind=x", "kind"),
        ("limit=0", "limit"),
        ("limit=²", "limit"),
        ("cursor=!", "cursor"),
        ("sid=1", "sid"),
    ],
)
def test_bad_query_names_its_parameter(world: World, query: str, field: str) -> None:
    answer = world.get(f"invites?{query}")
    assert (answer.status, [error["field"] for error in answer["errors"]]) == (422, [field])  # type: ignore[attr-defined]


@pytest.mark.parametrize("invite_id", ["x", "iv_99_" + "a" * 32, "iv_01_" + "a" * 32])
def test_unknown_invite_is_not_found(world: World, invite_id: str) -> None:
    assert world.get(f"invites/{invite_id}").status == 404


def test_logs_hold_nothing_personal(world: World, caplog: pytest.LogCaptureFixture) -> None:
    conversation = world.customer()["conversation_sid"]
    world.fault("POST /v1/Interactions", status=400, when="before", times=1)
    for attributes in ({"name": CANARY}, {"name": CANARY, "topic": "billing"}):
        world.escalate(conversation, reason=CANARY, attributes=attributes, idempotency_key=CANARY)
        post(world, f'{{"conversation_sid": "{CANARY}", "{CANARY}": ')
    world.advance(90_000)
    world.turn()
    logged = caplog.text
    assert "invite." in logged
    assert CANARY not in logged
    assert world.token not in logged
    assert world.info["auth_token"] not in logged
