"""Names and types in conditions: what can never hold is told, what can is left alone."""

import pytest

from service.rules.expression import compile_expression
from service.rules.vocabulary import Vocabulary

DECLARED = {
    "attributes.tier": "text",
    "attributes.n": "number",
    "attributes.vip": "boolean",
    "attributes.tags": "list",
    "attributes.customer.city": "text",
}
LISTS = {"tiers": ("gold", "platinum")}


def complaints(text: str, declared: dict[str, str] | None) -> list[tuple[str, str]]:
    """What is said of ``text``, with the part of it that it is said of."""
    expression = compile_expression(text, dialect="rules", lists=LISTS)
    found = Vocabulary(declared).complaints(expression)
    return [(text[one.position : one.position + one.length], one.message) for one in found]


SENSIBLE = [
    "request.kind == 'transfer' AND request.to.kind != null",
    "request.kind IN ['transfer', 'escalation']",
    "request.has_interaction == true",
    "attributes.customer.city CONTAINS 'x'",
    "attributes.tags HAS 'x' OR 'x' IN attributes.tags",
    "attributes.tags[0] > 5",
    "attributes.n >= 5 AND 5 != attributes.n",
    "attributes.n IN [1, 'x']",
    "attributes.tier MATCHES 'a' AND attributes.tier < 'b'",
    "attributes.vip == null",
    "null IN attributes.tags",
    "1 == 1",
    "attributes.tier IN []",
    "attributes.tier IN lists.tiers",
]


@pytest.mark.parametrize("text", SENSIBLE)
def test_sensible_condition_is_left_alone(text: str) -> None:
    assert complaints(text, DECLARED) == []


TOLD = {
    "fact-misspelled": ("request.knd == 'transfer'", "request.knd", "did you mean 'request.kind'"),
    "fact-far-off": ("zzz.yyy == 1", "zzz.yyy", "there is no fact 'zzz.yyy'"),
    "attribute-undeclared": ("attributes.teir == 'x'", "attributes.teir", "not declared under facts; did you mean"),
    "attribute-without-prefix": ("tier == 'x'", "tier", "did you mean 'attributes.tier'"),
    "attribute-without-prefix-unknown": ("qqq == 'x'", "qqq", "attributes are written attributes.qqq"),
    "attributes-alone": ("attributes == 'x'", "attributes", "name one attribute"),
    "value-unknown": ("request.kind == 'transfr'", "request.kind == 'transfr'", "did you mean 'transfer'"),
    "value-unknown-first": ("'cool' == request.mode", "'cool' == request.mode", "did you mean 'cold'"),
    "value-unknown-in-list": (
        "request.channel_type IN ['sms', 'smoke']",
        "request.channel_type IN ['sms', 'smoke']",
        "is one of web, sms",
    ),
    "number-with-text": ("attributes.n == '5'", "attributes.n == '5'", "a number is compared with a text"),
    "order-of-texts-and-numbers": ("attributes.tier > 5", "attributes.tier > 5", "a text is compared with a number"),
    "order-of-boolean": ("attributes.vip > 0", "attributes.vip > 0", "one side is a boolean"),
    "order-of-null": ("attributes.n > null", "attributes.n > null", "one side is a null"),
    "list-equals": ("attributes.tags == 'x'", "attributes.tags == 'x'", "use HAS or IN"),
    "in-a-text": ("'x' IN attributes.tier", "'x' IN attributes.tier", "needs a list on its right"),
    "list-in-list": ("attributes.tags IN ['x']", "attributes.tags IN ['x']", "a single value on its left"),
    "number-in-texts": ("attributes.n IN lists.tiers", "attributes.n IN lists.tiers", "a list without any"),
    "null-in-texts": ("null IN lists.tiers", "null IN lists.tiers", "a list without any"),
    "text-has": ("attributes.tier HAS 'x'", "attributes.tier HAS 'x'", "HAS needs a list on its left"),
    "has-list": ("attributes.tags HAS ['x']", "attributes.tags HAS ['x']", "a single value on its right"),
    "list-contains": ("attributes.tags CONTAINS 'x'", "attributes.tags CONTAINS 'x'", "compares texts"),
    "number-matches": ("attributes.n MATCHES 'x'", "attributes.n MATCHES 'x'", "compares texts"),
}


@pytest.mark.parametrize(("text", "part", "said"), TOLD.values(), ids=TOLD)
def test_condition_that_never_holds_is_told(text: str, part: str, said: str) -> None:
    ((told_of, message),) = complaints(text, DECLARED)
    assert told_of == part
    assert said in message


def test_any_attribute_goes_where_none_is_declared() -> None:
    assert complaints("attributes.anything.at_all > 5", None) == []


def test_every_unknown_fact_is_told() -> None:
    found = complaints("attributes.a == attributes.b OR x.y == 1", DECLARED)
    assert [part for part, _ in found] == ["attributes.a", "attributes.b", "x.y"]


TYPES = {
    **dict.fromkeys(
        ("request.kind", "request.reason", "request.channel_type", "request.mode", "request.to.kind"), "text"
    ),
    **dict.fromkeys(("from.worker_sid", "from.participant_sid", "last_worker.sid", "last_worker.activity"), "text"),
    **dict.fromkeys(("request.has_interaction", "last_worker.available"), "boolean"),
}


@pytest.mark.parametrize(("name", "kind"), TYPES.items(), ids=TYPES)
def test_every_fact_has_its_type(name: str, kind: str) -> None:
    ((_, message),) = complaints(f"{name} == 5", None)
    assert message == f"a {kind} is compared with a number, so this never holds"


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    ((_, message),) = complaints("zzz.yyy == 1", DECLARED)
    assert message == "there is no fact 'zzz.yyy'"
