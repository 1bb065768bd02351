"""Whatever is sent, a routing request is read or refused, and no refusal repeats anything of it."""

import json
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequestError, InvalidFieldsError, RouterError
from service.intake.payloads import body_fingerprint, parse_routing_request
from service.intake.problems import problem
from service.model import Kind
from tests.conftest import sid

JSON = "application/json;charset=utf-8"
FORM = "application/x-www-form-urlencoded;charset=utf-8"
CH, KD, UO, WK = (sid(prefix, 1) for prefix in ("CH", "KD", "UO", "WK"))
CANARY = "canary7531"
FIELDS = (
    "conversation_sid", "interaction_sid", "channel_sid", "channel_type", "reason", "attributes", "idempotency_key",
    "execution_sid", "from", "to", "mode", "release", "kind", "unknown", "from_worker_sid", "from_participant_sid",
)  # fmt: skip
CANARIES: tuple[object, ...] = (
    CANARY,
    f"{CANARY}\n{CANARY}",
    [CANARY],
    {"worker_sid": CANARY, "participant_sid": CANARY},
    {"worker": f"{CANARY}\u0000", "queue": CANARY, "team": CANARY},
    {"router_": CANARY, "topic": CANARY * 500},
    CANARY * 100,
)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("canary", CANARIES, ids=lambda value: repr(value)[:25])
@pytest.mark.parametrize("kind", [Kind.ESCALATION, Kind.TRANSFER])
def test_no_value_is_ever_repeated(field: str, canary: object, kind: Kind) -> None:
    json_body = json.dumps({field: canary, "colour": CANARY}).encode()
    form_body = urlencode({field: canary if isinstance(canary, str) else json.dumps(canary), "colour": CANARY}).encode()
    for content_type, body in ((JSON, json_body), (FORM, form_body), (JSON, json_body[:-1]), (JSON, form_body)):
        with pytest.raises(RouterError) as caught:
            parse_routing_request(kind, content_type, body, idempotency_header=f"{CANARY} {CANARY}")
        assert CANARY not in json.dumps(problem(caught.value))
        assert CANARY not in str(caught.value)


KINDS = st.sampled_from([Kind.ESCALATION, Kind.TRANSFER])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([CH, KD, UO, WK, "cold", "k"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(fields=st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=6), kind=KINDS)
def test_any_object_is_read_or_refused(fields: dict[str, object], kind: Kind) -> None:
    with suppress(BadRequestError, InvalidFieldsError):
        request = parse_routing_request(kind, JSON, json.dumps(fields).encode())
        assert request.conversation_sid or (request.interaction_sid and request.channel_sid)
        assert len(body_fingerprint(request)) == 64


@given(body=st.binary(), content_type=st.sampled_from([JSON, FORM]), header=st.none() | st.text())
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str, header: str | None) -> None:
    with pytest.raises(RouterError) as caught:
        parse_routing_request(Kind.TRANSFER, content_type, body, idempotency_header=header)
    assert caught.value.status in (400, 422)
