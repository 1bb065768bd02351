"""What a transfer takes over from the old task: below what its caller says, and visible to the rules."""

import pytest

from service.model import Kind, RoutingRequest
from service.rules.carried import attributes_of, laid_over
from service.rules.decide import decide, facts_of
from service.rules.reading import parse_rules

ATTRIBUTES: dict[str, tuple[dict[str, object] | None, dict[str, object], dict[str, object]]] = {
    "not-read": (None, {"a": 1}, {"a": 1}),
    "nothing-there": ({}, {"a": 1}, {"a": 1}),
    "both": ({"a": 1, "b": 1}, {"b": 2, "c": 2}, {"a": 1, "b": 2, "c": 2}),
    "null-goes-over": ({"a": 1}, {"a": None}, {"a": None}),
    "objects-are-replaced": ({"o": {"a": 1}}, {"o": {"b": 2}}, {"o": {"b": 2}}),
    "link-is-merged": (
        {"conversations": {"conversation_id": "KD1", "outcome": "old"}},
        {"conversations": {"outcome": "new"}},
        {"conversations": {"conversation_id": "KD1", "outcome": "new"}},
    ),
    "customers-are-merged": (
        {"customers": {"email": "e", "phone": "p"}},
        {"customers": {"phone": "q"}},
        {"customers": {"email": "e", "phone": "q"}},
    ),
    "link-replaced-by-no-object": ({"conversations": {"a": 1}}, {"conversations": "x"}, {"conversations": "x"}),
    "link-over-no-object": ({"conversations": "x"}, {"conversations": {"a": 1}}, {"conversations": {"a": 1}}),
    "link-alone": ({"conversations": {"a": 1}}, {}, {"conversations": {"a": 1}}),
}


@pytest.mark.parametrize(("carried", "given", "whole"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_caller_goes_over_what_is_carried(
    carried: dict[str, object] | None, given: dict[str, object], whole: dict[str, object]
) -> None:
    assert attributes_of(RoutingRequest(Kind.TRANSFER, attributes=given, carried=carried)) == whole


def test_laying_over_changes_neither() -> None:
    below: dict[str, object] = {"conversations": {"a": 1}}
    above: dict[str, object] = {"conversations": {"b": 1}, "x": 1}
    laid_over(below, above)
    assert (below, above) == ({"conversations": {"a": 1}}, {"conversations": {"b": 1}, "x": 1})


def test_rules_see_what_is_carried() -> None:
    rules = parse_rules(
        "version: 1\nrules: [{name: tax, when: attributes.topic == 'tax', route: {workflow: w}}]\n"
        "default: {workflow: w}\n"
    )
    request = RoutingRequest(Kind.TRANSFER, carried={"topic": "tax"})
    assert decide(rules, facts_of(request, rules)).name == "tax"
    assert decide(rules, facts_of(RoutingRequest(Kind.TRANSFER), rules)).name == "default"
