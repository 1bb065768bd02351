"""Requests as they are written for trying rules out: everything the API takes, and what is said of anything else."""

import pytest

from service.rules.requests import request_of
from tests.conftest import sid

WHOLE: dict[str, object] = {
    "kind": "transfer",
    "conversation_sid": sid("CH", 1),
    "interaction_sid": sid("KD", 1),
    "channel_sid": sid("UO", 1),
    "channel_type": "web",
    "reason": "r",
    "attributes": {"a": 1},
    "idempotency_key": "k",
    "execution_sid": "FN1",
    "from": {"worker_sid": "WK1"},
    "to": {"queue": "q"},
    "mode": "cold",
    "release": "on_accept",
}


def test_request_is_read_whole() -> None:
    request = request_of(WHOLE)
    assert (request.kind, request.mode, request.release) == ("transfer", "cold", "on_accept")
    assert (request.conversation_sid, request.interaction_sid, request.channel_sid) == (
        sid("CH", 1),
        sid("KD", 1),
        sid("UO", 1),
    )
    assert (request.channel_type, request.reason, request.attributes) == ("web", "r", {"a": 1})
    assert (request.idempotency_key, request.execution_sid) == ("k", "FN1")
    assert request.origin is not None
    assert request.origin.worker_sid == "WK1"
    assert request.to is not None
    assert (request.to.kind, request.to.name) == ("queue", "q")


def test_empty_request_is_an_escalation() -> None:
    request = request_of({})
    assert (request.kind, request.origin, request.to, request.mode) == ("escalation", None, None, None)


UNREADABLE: dict[str, tuple[object, str]] = {
    "no-object": ([], "an object is expected"),
    "unknown-field": ({"atributes": {}}, "did you mean 'attributes'"),
    "kind-unknown": ({"kind": "wish"}, "kind must be one of escalation, transfer"),
    "kind-adopted": ({"kind": "adopted"}, "kind must be one of escalation, transfer"),
    "mode-unknown": ({"mode": "hot"}, "mode must be one of cold, warm"),
    "release-unknown": ({"release": "never"}, "release must be one of accepted, queued, immediately, on_accept"),
    "channel-type-misspelled": ({"channel_type": "smss"}, "did you mean 'sms'?"),
    "reason-no-text": ({"reason": 5}, "reason must be a text"),
    "attributes-no-object": ({"attributes": [1]}, "attributes must be an object"),
    "two-targets": ({"to": {"queue": "a", "worker": "b"}}, "exactly one of worker, queue and workflow"),
    "odd-target": ({"to": {"skill": "a"}}, "exactly one of worker, queue and workflow"),
    "odd-sid": ({"channel_sid": "CH1"}, "channel_sid must be UO and 32 hexadecimal digits"),
}


@pytest.mark.parametrize(("body", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_request_is_told(body: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        request_of(body)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["worker", "queue", "workflow"])
def test_target_may_be_of_each_kind(kind: str) -> None:
    to = request_of({"kind": "transfer", "to": {kind: "x"}}).to
    assert to is not None
    assert (to.kind, to.name) == (kind, "x")
