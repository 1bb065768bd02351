"""Routing requests: every fault at once, named as written, with nothing of the values; one meaning in JSON and form."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from service.errors import InvalidFieldsError, UnsupportedMediaTypeError
from service.intake.payloads import body_fingerprint, parse_decision_request, parse_routing_request
from service.intake.problems import problem
from service.model import Kind, Mode, Origin, Release, RoutingRequest, Target
from tests.conftest import sid

JSON = "application/json;charset=utf-8"
FORM = "application/x-www-form-urlencoded;charset=utf-8"
CH, KD, UO, FN, WK, UT = (sid(prefix, 1) for prefix in ("CH", "KD", "UO", "FN", "WK", "UT"))


def parse(fields: object, kind: Kind = Kind.ESCALATION, *, header: str | None = None) -> RoutingRequest:
    return parse_routing_request(kind, JSON, json.dumps(fields).encode(), idempotency_header=header)


def parse_form(fields: dict[str, str], kind: Kind = Kind.ESCALATION) -> RoutingRequest:
    return parse_routing_request(kind, FORM, urlencode(fields).encode())


def faults_of(fields: object, kind: Kind = Kind.ESCALATION, *, header: str | None = None) -> dict[str, str]:
    with pytest.raises(InvalidFieldsError) as caught:
        parse(fields, kind, header=header)
    return {fault.field: fault.message for fault in caught.value.errors}


def form_faults_of(fields: dict[str, str], kind: Kind = Kind.ESCALATION) -> dict[str, str]:
    with pytest.raises(InvalidFieldsError) as caught:
        parse_form(fields, kind)
    return {fault.field: fault.message for fault in caught.value.errors}


def test_full_escalation_is_read() -> None:
    request = parse(
        {
            "conversation_sid": CH,
            "interaction_sid": KD,
            "channel_sid": UO,
            "channel_type": "whatsapp",
            "reason": "asked for a person",
            "attributes": {"tier": "gold", "order": {"value": 12.5}},
            "idempotency_key": "k-1",
            "execution_sid": FN,
        }
    )

    assert request == RoutingRequest(
        kind=Kind.ESCALATION,
        conversation_sid=CH,
        interaction_sid=KD,
        channel_sid=UO,
        channel_type="whatsapp",
        reason="asked for a person",
        attributes={"tier": "gold", "order": {"value": 12.5}},
        idempotency_key="k-1",
        execution_sid=FN,
    )


def test_full_transfer_is_read() -> None:
    request = parse(
        {
            "conversation_sid": CH,
            "from": {"participant_sid": UT},
            "to": {"worker": "alice"},
            "mode": "cold",
            "release": "immediately",
        },
        Kind.TRANSFER,
    )

    assert (request.origin, request.to) == (Origin(participant_sid=UT), Target("worker", "alice"))
    assert (request.mode, request.release) == (Mode.COLD, Release.IMMEDIATELY)


@pytest.mark.parametrize(
    ("given_fields", "mode", "release"),
    [
        ({}, Mode.COLD, None),
        ({"mode": "cold"}, Mode.COLD, None),
        ({"mode": "warm"}, Mode.WARM, None),
        ({"release": "on_accept"}, Mode.COLD, Release.ON_ACCEPT),
        ({"release": "accepted"}, Mode.COLD, Release.ON_ACCEPT),
        ({"release": "queued"}, Mode.COLD, Release.QUEUED),
        ({"release": "immediately"}, Mode.COLD, Release.IMMEDIATELY),
    ],
    ids=["nothing", "cold", "warm", "on_accept", "accepted", "queued", "immediately"],
)
def test_transfer_defaults_to_cold(given_fields: dict[str, str], mode: Mode, release: Release | None) -> None:
    request = parse({"conversation_sid": CH, **given_fields}, Kind.TRANSFER)

    assert (request.mode, request.release) == (mode, release)


def test_escalation_has_no_mode() -> None:
    request = parse({"conversation_sid": CH})

    assert (request.mode, request.release, request.origin, request.to) == (None, None, None, None)


def test_form_means_the_same_as_json() -> None:
    nested = {
        "conversation_sid": CH,
        "attributes": {"a": [1, {"b": None}]},
        "from": {"worker_sid": WK},
        "to": {"queue": "support"},
    }
    flat = {
        "conversation_sid": CH,
        "attributes": json.dumps(nested["attributes"]),
        "from_worker_sid": WK,
        "to": json.dumps(nested["to"]),
    }

    assert parse_form(flat, Kind.TRANSFER) == parse(nested, Kind.TRANSFER)


def test_unset_values_count_as_absent() -> None:
    expected = parse({"conversation_sid": CH})

    assert parse({"conversation_sid": CH, "reason": None, "interaction_sid": None, "attributes": None}) == expected
    assert parse_form({"conversation_sid": CH, "reason": "", "channel_sid": ""}) == expected


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "conversation_sid"),
        ({"reason": "x"}, "conversation_sid"),
        ({"interaction_sid": KD}, "channel_sid"),
        ({"channel_sid": UO}, "interaction_sid"),
        ({"conversation_sid": CH, "channel_sid": UO}, "interaction_sid"),
        ({"conversation_sid": CH, "interaction_sid": KD}, "channel_sid"),
    ],
    ids=str,
)
def test_incomplete_place_names_what_lacks(fields: dict[str, str], field: str) -> None:
    assert list(faults_of(fields)) == [field]


@pytest.mark.parametrize("name", ["conversation_sid", "interaction_sid", "channel_sid", "execution_sid"])
@pytest.mark.parametrize(
    "value",
    [sid("WT", 1), "", "CH", CH + "0", CH[:-1], CH + "\n", " " + CH, f"../{CH}", CH.lower(), CH[:-1] + "g", 5, [CH]],
    ids=repr,
)
def test_malformed_sid_is_refused(name: str, value: object) -> None:
    faults = faults_of({"conversation_sid": CH, "interaction_sid": KD, "channel_sid": UO, name: value})

    assert list(faults) == [name]
    assert faults[name] == "must be text" or "32 hexadecimal digits" in faults[name]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("channel_type", "telegram", "'web', 'sms'"),
        ("channel_type", ["web"], "'web', 'sms'"),
        ("reason", "x" * 201, "at most 200 characters"),
        ("reason", "", "must not be empty"),
        ("reason", "a\nb", "one line"),
        ("reason", "a\u0000", "one line"),
        ("reason", 7, "must be text"),
        ("reason", True, "must be text"),
        ("idempotency_key", "", "must not be empty"),
        ("idempotency_key", "x" * 256, "at most 255 characters"),
        ("idempotency_key", "a b", "visible ASCII"),
        ("idempotency_key", "é", "visible ASCII"),
        ("attributes", [], "must be an object"),
        ("attributes", "{}", "must be an object"),
        ("attributes", {"a": "x" * 3396}, "at most 3396 characters"),
        ("attributes", {"a": "é" * 3396}, "at most 3396 characters"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_wrong_value_says_what_is_allowed(name: str, value: object, told: str) -> None:
    faults = faults_of({"conversation_sid": CH, name: value})

    assert list(faults) == [name]
    assert told in faults[name]


def test_values_at_the_limits_are_taken() -> None:
    request = parse(
        {
            "conversation_sid": CH,
            "reason": "x" * 200,
            "idempotency_key": "!~" + "x" * 253,
            "attributes": {"a": "x" * (3396 - len('{"a": ""}'))},
        }
    )

    assert len(request.idempotency_key or "") == 255


def test_all_faults_come_at_once() -> None:
    faults = faults_of(
        {"channel_sid": CH, "reason": 1, "attributes": {"router_x": 1}, "colour": "red", "mode": "cold"}, header="a b"
    )

    assert set(faults) == {
        "channel_sid", "interaction_sid", "reason", "attributes.router_x", "colour", "mode", "Idempotency-Key",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("conversationSid", "did you mean conversation_sid?"),
        ("chanel_type", "did you mean channel_type?"),
        ("colour", "allowed are conversation_sid, "),
        ("to", "belongs to a transfer"),
        ("from", "belongs to a transfer"),
        ("from_worker_sid", "belongs to a transfer"),
        ("release", "belongs to a transfer"),
        ("kind", "is not known"),
    ],
)
def test_unknown_field_is_refused_by_name(name: str, told: str) -> None:
    faults = faults_of({"conversation_sid": CH, name: "x"})

    assert list(faults) == [name]
    assert told in faults[name]


@pytest.mark.parametrize("name", ["", "Zoë Smith", "+15550000001", "a" * 65, "a.b", "\u0000"], ids=repr)
def test_odd_names_are_not_repeated(name: str) -> None:
    assert list(faults_of({"conversation_sid": CH, name: 1})) == ["(not a plain name)"]


def test_many_faults_stay_a_short_answer() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        parse({f"field_{number}": 1 for number in range(200)})

    assert len(json.dumps(problem(caught.value)[0])) < 64 * 1024


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"to": "support"}, "to", "must be an object"),
        ({"to": {}}, "to", "exactly one of worker, queue, workflow"),
        ({"to": {"queue": "a", "worker": "b"}}, "to", "exactly one of"),
        ({"to": {"queue": None}}, "to", "exactly one of"),
        ({"to": {"queue": ""}}, "to.queue", "must not be empty"),
        ({"to": {"queue": 5}}, "to.queue", "must be text"),
        ({"to": {"queue": sid("WK", 1)}}, "to.queue", "WQ"),
        ({"to": {"worker": sid("WQ", 1)}}, "to.worker", "WK"),
        ({"to": {"workflow": sid("WK", 1)}}, "to.workflow", "WW"),
        ({"to": {"queue": "a", "team": "b"}}, "to.team", "allowed are worker, queue, workflow"),
        ({"from": "alice"}, "from", "must be an object"),
        ({"from": {}}, "from", "exactly one of worker_sid, participant_sid"),
        ({"from": {"worker_sid": WK, "participant_sid": UT}}, "from", "exactly one of"),
        ({"from": {"worker_sid": UT}}, "from.worker_sid", "WK followed by"),
        ({"from_worker_sid": WK}, "from_worker_sid", "in JSON it is from.worker_sid"),
        ({"mode": "hot"}, "mode", "'cold' or 'warm'"),
        ({"release": "later"}, "release", "'accepted', 'queued', 'immediately'"),
        ({"mode": "warm", "release": "on_accept"}, "release", "mode cold"),
    ],
    ids=str,
)
def test_wrong_transfer_names_the_field(fields: dict[str, object], field: str, told: str) -> None:
    faults = faults_of({"conversation_sid": CH, **fields}, Kind.TRANSFER)

    assert told in faults[field]


@pytest.mark.parametrize("value", [sid("WQ", 7), "tier2-billing", "Künde 1", "../queues"])
def test_target_goes_by_sid_or_name(value: str) -> None:
    assert parse({"conversation_sid": CH, "to": {"queue": value}}, Kind.TRANSFER).to == Target("queue", value)


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"attributes": "{"}, "attributes", "not valid JSON at line 1, column 2"),
        ({"attributes": "[]"}, "attributes", "must be an object"),
        ({"attributes": '{"a":1,"a":2}'}, "attributes", "given twice"),
        ({"to": "support"}, "to", "not valid JSON"),
        ({"to": '{"queue":""}'}, "to.queue", "must not be empty"),
        ({"from": '{"worker_sid":"x"}'}, "from", "from_worker_sid"),
        ({"from_worker_sid": "x"}, "from_worker_sid", "WK followed by"),
        ({"from.worker_sid": "x"}, "(not a plain name)", "is not known"),
    ],
    ids=str,
)
def test_wrong_form_names_the_flat_field(fields: dict[str, str], field: str, told: str) -> None:
    faults = form_faults_of({"conversation_sid": CH, **fields}, Kind.TRANSFER)

    assert list(faults) == [field]
    assert told in faults[field]


def test_form_field_given_twice_is_refused() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        parse_routing_request(Kind.ESCALATION, FORM, f"conversation_sid={CH}&conversation_sid={CH}".encode())

    assert [fault.field for fault in caught.value.errors] == ["conversation_sid"]


def test_other_media_types_are_refused() -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        parse_routing_request(Kind.ESCALATION, "text/plain", b"{}")


def test_old_flex_sids_are_left_out() -> None:
    old = {"flexInteractionSid": KD, "flexInteractionChannelSid": UO, "flexChannelInviteSid": sid("KG", 1)}

    request = parse({"conversation_sid": CH, "attributes": {**old, "flexible": 1, "topic": "x"}})

    assert request.attributes == {"flexible": 1, "topic": "x"}


@pytest.mark.parametrize("header", ["abc", '"abc"', " abc "])
def test_key_may_come_as_header(header: str) -> None:
    assert parse({"conversation_sid": CH}, header=header).idempotency_key == "abc"
    assert parse({"conversation_sid": CH, "idempotency_key": "abc"}, header=header).idempotency_key == "abc"


@pytest.mark.parametrize("header", ["", '""', "a b", "é", "x" * 256, "other"], ids=lambda text: repr(text)[:10])
def test_wrong_header_key_is_refused(header: str) -> None:
    assert list(faults_of({"conversation_sid": CH, "idempotency_key": "abc"}, header=header)) == ["Idempotency-Key"]


@pytest.mark.parametrize("kind", ["escalation", "transfer"])
def test_decision_body_says_its_kind(kind: str) -> None:
    body = json.dumps({"conversation_sid": CH, "kind": kind}).encode()

    assert parse_decision_request(JSON, body) == parse({"conversation_sid": CH}, Kind(kind))


def test_decision_is_an_escalation_by_default() -> None:
    body = json.dumps({"conversation_sid": CH, "kind": None}).encode()

    assert parse_decision_request(JSON, body) == parse({"conversation_sid": CH})


@pytest.mark.parametrize("kind", ["adopted", "", 5, ["transfer"]], ids=repr)
def test_unknown_kind_of_decision_is_refused(kind: object) -> None:
    body = json.dumps({"conversation_sid": CH, "kind": kind, "mode": "cold"}).encode()

    with pytest.raises(InvalidFieldsError) as caught:
        parse_decision_request(JSON, body)
    assert [fault.field for fault in caught.value.errors] == ["kind"]


def test_decision_takes_a_transfer_as_form() -> None:
    flat = {"kind": "transfer", "conversation_sid": CH, "from_worker_sid": WK}

    assert parse_decision_request(FORM, urlencode(flat).encode()).origin == Origin(worker_sid=WK)


def test_fingerprint_ignores_spelling_and_key() -> None:
    one = parse({"conversation_sid": CH, "attributes": {"a": 1, "b": 2}, "idempotency_key": "k"}, Kind.TRANSFER)
    other = parse({"mode": "cold", "attributes": {"b": 2, "a": 1}, "conversation_sid": CH}, Kind.TRANSFER)

    assert body_fingerprint(one) == body_fingerprint(other)


@pytest.mark.parametrize("word", ["on_accept", "accepted"])
def test_fingerprint_is_that_of_the_usual_release(word: str) -> None:
    said = parse({"conversation_sid": CH, "release": word}, Kind.TRANSFER)

    assert body_fingerprint(said) == body_fingerprint(parse({"conversation_sid": CH}, Kind.TRANSFER))


def test_fingerprint_leaves_out_what_was_carried() -> None:
    request = parse({"conversation_sid": CH}, Kind.TRANSFER)

    assert body_fingerprint(replace(request, carried={"topic": "x"})) == body_fingerprint(request)


@pytest.mark.parametrize(
    "change",
    [
        {"conversation_sid": sid("CH", 2)},
        {"reason": "x"},
        {"attributes": {"a": 1}},
        {"attributes": {"a": "1"}},
        {"channel_type": "sms"},
        {"execution_sid": FN},
        {"from": {"worker_sid": WK}},
        {"to": {"queue": "a"}},
        {"to": {"worker": "a"}},
        {"mode": "warm"},
        {"release": "immediately"},
        {"release": "queued"},
    ],
    ids=str,
)
def test_fingerprint_tells_requests_apart(change: dict[str, object]) -> None:
    plain = parse({"conversation_sid": CH}, Kind.TRANSFER)

    assert body_fingerprint(parse({"conversation_sid": CH, **change}, Kind.TRANSFER)) != body_fingerprint(plain)


def test_fingerprint_tells_kinds_apart() -> None:
    body = {"conversation_sid": CH}

    assert body_fingerprint(parse(body)) != body_fingerprint(parse(body, Kind.TRANSFER))
