"""Percentages: stable by conversation, independent between rules."""

import pytest

from service.model import Kind, RoutingRequest
from service.rules.decide import decide, explain, facts_of
from service.rules.reading import parse_rules
from service.rules.ruleset import RuleSet
from service.rules.splits import place_in_split
from tests.conftest import sid

CONVERSATIONS = [sid("CH", number) for number in range(4000)]


def rules(percent: object, when: str = "") -> RuleSet:
    """One rule for that share, then the default."""
    condition = f", when: {when}" if when else ""
    rule = f"{{name: new-desk, percent: {percent}{condition}, route: {{workflow: w}}}}"
    return parse_rules(f"version: 1\nrules: [{rule}]\ndefault: {{workflow: w}}\n")


def decided(ruleset: RuleSet, request: RoutingRequest) -> str:
    """The name of the rule for a request."""
    return decide(ruleset, facts_of(request, ruleset)).name


def dealt(ruleset: RuleSet) -> set[str]:
    """The conversations that the rule applies to."""
    return {one for one in CONVERSATIONS if decided(ruleset, RoutingRequest(Kind.ESCALATION, one)) == "new-desk"}


@pytest.mark.parametrize(("percent", "expected"), [(0, 0), (0.5, 20), (10, 400), (50, 2000), (100, 4000)])
def test_share_of_conversations_is_near_the_number(percent: float, expected: int) -> None:
    assert abs(len(dealt(rules(percent))) - expected) <= 4 * (expected * (100 - percent) / 100) ** 0.5


def test_larger_share_only_adds_conversations() -> None:
    assert dealt(rules(10)) < dealt(rules(20))


def test_places_are_the_same_for_ever() -> None:
    assert round(place_in_split("new-desk", CONVERSATIONS[1]), 6) == 24.547514


def test_rules_are_dealt_independently() -> None:
    both = [(place_in_split("a", one) < 50, place_in_split("b", one) < 50) for one in CONVERSATIONS]
    assert abs(both.count((True, True)) - 1000) < 120


def test_condition_and_share_must_both_hold() -> None:
    ruleset = rules(100, when="request.reason == 'x'")
    assert decided(ruleset, RoutingRequest(Kind.ESCALATION, CONVERSATIONS[0], reason="x")) == "new-desk"
    assert decided(ruleset, RoutingRequest(Kind.ESCALATION, CONVERSATIONS[0])) == "default"


def test_request_is_dealt_by_its_channel_otherwise() -> None:
    found = [decided(rules(50), RoutingRequest(Kind.ESCALATION, channel_sid=sid("UO", n))) for n in range(200)]
    assert 60 < found.count("new-desk") < 140


def test_request_without_a_sid_is_in_no_share() -> None:
    assert decided(rules(100), RoutingRequest(Kind.ESCALATION)) == "default"


def test_trace_tells_the_place_in_the_split() -> None:
    ruleset = rules(10, when="request.kind == 'escalation'")
    facts = facts_of(RoutingRequest(Kind.ESCALATION, CONVERSATIONS[1]), ruleset)
    (passed, _) = explain(ruleset, facts)
    assert [(part.text, part.outcome) for part in passed.because] == [("percent: 10", False)]
    assert passed.because[0].seen[0][1].startswith("24.547")


def test_trace_of_a_match_tells_condition_and_share() -> None:
    ruleset = rules(30, when="request.kind == 'escalation'")
    facts = facts_of(RoutingRequest(Kind.ESCALATION, CONVERSATIONS[1]), ruleset)
    (matched,) = explain(ruleset, facts)
    assert [part.text for part in matched.because] == ["request.kind == 'escalation'", "percent: 30"]
