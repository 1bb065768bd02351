"""Errands: every fault at once, named as written; what is not said gets its default."""

import json

import pytest

from service.errors import BadRequestError, InvalidFieldsError, UnsupportedMediaTypeError
from service.intake.payloads_errands import ErrandRequest, ask_fingerprint, parse_errand_request
from service.model import Ask, ErrandKind, Last, Origin, Release, Target
from tests.conftest import sid

JSON = "application/json;charset=utf-8"
CH, KD, WK, UT = (sid(prefix, 1) for prefix in ("CH", "KD", "WK", "UT"))
LEAVE, REMOVE, END, PARK, WAKE = ErrandKind.LEAVE, ErrandKind.REMOVE, ErrandKind.END, ErrandKind.PARK, None


def parse(kind: ErrandKind | None, fields: object, *, header: str | None = None) -> ErrandRequest:
    return parse_errand_request(kind, JSON, json.dumps(fields).encode(), idempotency_header=header)


def faults_of(kind: ErrandKind | None, fields: object, *, header: str | None = None) -> dict[str, str]:
    with pytest.raises(InvalidFieldsError) as caught:
        parse(kind, fields, header=header)
    return {fault.field: fault.message for fault in caught.value.errors}


@pytest.mark.parametrize(
    ("kind", "fields", "ask"),
    [
        (LEAVE, {}, Ask()),
        (LEAVE, {"from": {"worker_sid": WK}}, Ask(who=Origin(worker_sid=WK))),
        (
            LEAVE,
            {"last": "transfer", "to": {"queue": "billing"}, "release": "accepted", "attributes": {"topic": "x"}},
            Ask(
                last=Last.TRANSFER,
                to=Target("queue", "billing"),
                release=Release.ON_ACCEPT,
                attributes={"topic": "x"},
            ),
        ),
        (REMOVE, {"participant": {"participant_sid": UT}}, Ask(who=Origin(participant_sid=UT), last=Last.TRANSFER)),
        (
            REMOVE,
            {"participant": {"worker_sid": WK}, "last": "end"},
            Ask(who=Origin(worker_sid=WK), last=Last.END),
        ),
        (END, {}, Ask(wrapup=True)),
        (END, {"wrapup": False, "reason": "done"}, Ask(wrapup=False, reason="done")),
        (PARK, {}, Ask(same_agent_s=86_400)),
        (
            PARK,
            {"from": {"participant_sid": UT}, "wake_after_s": 60, "same_agent_s": 0, "attributes": {"a": 1}},
            Ask(who=Origin(participant_sid=UT), wake_after_s=60, same_agent_s=0, attributes={"a": 1}),
        ),
        (WAKE, {"reason": "paid"}, Ask(reason="paid")),
    ],
    ids=str,
)
def test_errand_is_read_with_its_defaults(kind: ErrandKind | None, fields: dict[str, object], ask: Ask) -> None:
    assert parse(kind, fields).ask == ask


def test_null_counts_as_not_given() -> None:
    fields = {"from": None, "wake_after_s": None, "same_agent_s": None, "attributes": None, "channel_type": None}

    assert parse(PARK, fields) == parse(PARK, {})


def test_old_flex_sids_are_left_out() -> None:
    assert parse(PARK, {"attributes": {"flexInteractionSid": KD, "topic": "x"}}).ask.attributes == {"topic": "x"}


@pytest.mark.parametrize(
    ("kind", "fields", "field", "told"),
    [
        (LEAVE, {"from": "alice"}, "from", "must be an object"),
        (LEAVE, {"from": {}}, "from", "exactly one of worker_sid, participant_sid"),
        (LEAVE, {"from": {"worker_sid": UT}}, "from.worker_sid", "WK followed by"),
        (LEAVE, {"from": {"worker_sid": WK, "worker": WK}}, "from.worker", "did you mean worker_sid?"),
        (LEAVE, {"last": "end"}, "last", "'refuse' or 'transfer'"),
        (LEAVE, {"to": {"queue": "x"}}, "to", "goes with last = transfer"),
        (LEAVE, {"release": "queued"}, "release", "goes with last = transfer"),
        (LEAVE, {"attributes": {}}, "attributes", "goes with last = transfer"),
        (LEAVE, {"last": "transfer", "to": {"queue": WK}}, "to.queue", "WQ"),
        (LEAVE, {"last": "transfer", "to": {}}, "to", "exactly one of worker, queue, workflow"),
        (LEAVE, {"last": "transfer", "attributes": {"router_x": 1}}, "attributes.router_x", "reserved"),
        (LEAVE, {"participant": {"worker_sid": WK}}, "participant", "allowed are reason, "),
        (REMOVE, {}, "participant", "is required"),
        (REMOVE, {"participant": {"worker_sid": WK}, "last": "leave"}, "last", "'transfer', 'refuse' or 'end'"),
        (REMOVE, {"participant": {"worker_sid": WK}, "last": "end", "to": {"queue": "x"}}, "to", "last = transfer"),
        (REMOVE, {"participant": {"worker_sid": WK, "participant_sid": UT}}, "participant", "exactly one of"),
        (END, {"wrapup": "yes"}, "wrapup", "must be true or false"),
        (END, {"wrapp": True}, "wrapp", "did you mean wrapup?"),
        (PARK, {"wake_after_s": 59}, "wake_after_s", "at least 60"),
        (PARK, {"wake_after_s": 180 * 86_400}, "wake_after_s", "at most 14688000"),
        (PARK, {"wake_after_s": "60"}, "wake_after_s", "must be a whole number"),
        (PARK, {"wake_after_s": True}, "wake_after_s", "must be a whole number"),
        (PARK, {"same_agent_s": -1}, "same_agent_s", "at least 0"),
        (PARK, {"wake_after_s": 82_801, "channel_type": "whatsapp"}, "wake_after_s", "82800 (23 hours) on WhatsApp"),
        (PARK, {"channel_type": "telegram"}, "channel_type", "'web', 'sms'"),
        (PARK, {"attributes": {"a": "x" * 3396}}, "attributes", "at most 3396 characters"),
        (PARK, {"last": "end"}, "last", "is not known"),
        (WAKE, {"from": {"worker_sid": WK}}, "from", "is not known"),
        (WAKE, {"reason": "a\nb"}, "reason", "one line"),
    ],
    ids=str,
)
def test_wrong_errand_names_the_field(
    kind: ErrandKind | None, fields: dict[str, object], field: str, told: str
) -> None:
    faults = faults_of(kind, fields)

    assert list(faults) == [field]
    assert told in faults[field]


def test_longest_waits_are_taken() -> None:
    assert parse(PARK, {"wake_after_s": 82_800, "channel_type": "whatsapp"}).ask.wake_after_s == 82_800
    assert parse(PARK, {"wake_after_s": 170 * 86_400, "channel_type": "web"}).ask.wake_after_s == 170 * 86_400


def test_all_faults_come_at_once() -> None:
    faults = faults_of(PARK, {"from": {}, "wake_after_s": 1, "colour": "red", "reason": 5}, header="a b")

    assert set(faults) == {"from", "wake_after_s", "colour", "reason", "Idempotency-Key"}


def test_key_may_come_as_header() -> None:
    assert parse(END, {}, header='"abc"').idempotency_key == "abc"
    assert list(faults_of(END, {"idempotency_key": "x"}, header="abc")) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/x-www-form-urlencoded", b"reason=x", UnsupportedMediaTypeError),
        (JSON, b"", BadRequestError),
        (JSON, b"[]", BadRequestError),
        (JSON, b'{"a":1,"a":2}', BadRequestError),
    ],
    ids=["form", "empty", "array", "twice"],
)
def test_only_json_objects_are_read(content_type: str, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_errand_request(END, content_type, body)


def test_fingerprint_ignores_spelling_and_key() -> None:
    one = parse(PARK, {"attributes": {"a": 1, "b": 2}, "idempotency_key": "k"})
    other = parse(PARK, {"same_agent_s": 86_400, "attributes": {"b": 2, "a": 1}})

    assert ask_fingerprint(one, CH) == ask_fingerprint(other, CH)


@pytest.mark.parametrize(
    "other",
    [
        parse(PARK, {"same_agent_s": 5}),
        parse(PARK, {"attributes": {"a": 1}}),
        parse(PARK, {"from": {"worker_sid": WK}}),
        parse(LEAVE, {}),
        parse(WAKE, {}),
    ],
    ids=["time", "attributes", "from", "leave", "wake"],
)
def test_fingerprint_tells_errands_apart(other: ErrandRequest) -> None:
    assert ask_fingerprint(other, CH) != ask_fingerprint(parse(PARK, {}), CH)
    assert ask_fingerprint(other, CH) != ask_fingerprint(other, sid("CH", 2))
