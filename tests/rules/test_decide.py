"""Which rule matches, and what is told of those that did not."""

import json

import pytest

from service.model import Kind, Mode, Origin, RoutingRequest, Target
from service.rules.decide import decide, explain, facts_of
from service.rules.reading import parse_rules
from service.rules.ruleset import RuleSet

RULES = """\
version: 1
rules:
  - {name: vip, when: attributes.tier == "gold" AND attributes.n > 5, route: {workflow: a}}
  - {name: sms, when: request.channel_type == "sms" OR request.reason CONTAINS "text", route: {workflow: b}}
  - {name: handover, when: request.kind == "transfer", route: {workflow: c}}
default: {workflow: d}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return parse_rules(RULES)


DECIDED = {
    "first": (RoutingRequest(Kind.ESCALATION, attributes={"tier": "gold", "n": 6}), "vip"),
    "first-of-two": (RoutingRequest(Kind.TRANSFER, channel_type="sms"), "sms"),
    "last": (RoutingRequest(Kind.TRANSFER, attributes={"tier": "gold", "n": "6"}), "handover"),
    "none": (RoutingRequest(Kind.ESCALATION), "default"),
}


@pytest.mark.parametrize(("request_", "rule"), DECIDED.values(), ids=DECIDED)
def test_first_matching_rule_is_decided(rules: RuleSet, request_: RoutingRequest, rule: str) -> None:
    facts = facts_of(request_)
    assert decide(rules, facts).name == rule
    assert explain(rules, facts)[-1].rule == rule
    assert [trace.matched for trace in explain(rules, facts)][-1]


def test_trace_tells_why_rules_were_passed_over(rules: RuleSet) -> None:
    facts = facts_of(RoutingRequest(Kind.TRANSFER, channel_type="web", attributes={"tier": "gold", "n": 2}))
    assert [trace.to_json() for trace in explain(rules, facts)] == [
        {
            "rule": "vip",
            "matched": False,
            "because": [{"condition": "attributes.n > 5", "held": False, "saw": {"attributes.n": "2"}}],
        },
        {
            "rule": "sms",
            "matched": False,
            "because": [
                {"condition": 'request.channel_type == "sms"', "held": False, "saw": {"request.channel_type": '"web"'}},
                {"condition": 'request.reason CONTAINS "text"', "held": False, "saw": {"request.reason": "null"}},
            ],
        },
        {
            "rule": "handover",
            "matched": True,
            "because": [
                {"condition": 'request.kind == "transfer"', "held": True, "saw": {"request.kind": '"transfer"'}}
            ],
        },
    ]


def test_trace_ends_with_the_default(rules: RuleSet) -> None:
    last = explain(rules, facts_of(RoutingRequest(Kind.ESCALATION)))[-1]
    assert last.to_json() == {"rule": "default", "matched": True, "because": []}


def test_facts_say_all_that_conditions_can_name() -> None:
    request = RoutingRequest(
        kind=Kind.TRANSFER,
        interaction_sid="KD1",
        channel_type="web",
        reason="because",
        attributes={"a": [1]},
        origin=Origin("WK1", "UT1"),
        to=Target("queue", "x"),
        mode=Mode.WARM,
    )
    assert json.loads(json.dumps(facts_of(request))) == {
        "request": {
            "kind": "transfer",
            "reason": "because",
            "channel_type": "web",
            "mode": "warm",
            "has_interaction": True,
            "to": {"kind": "queue"},
        },
        "from": {"worker_sid": "WK1", "participant_sid": "UT1"},
        "attributes": {"a": [1]},
    }


def test_facts_that_are_not_there_are_null() -> None:
    facts = facts_of(RoutingRequest(Kind.ESCALATION))
    assert facts["from"] == {"worker_sid": None, "participant_sid": None}
    assert facts["request"] == {
        "kind": "escalation",
        "reason": None,
        "channel_type": None,
        "mode": None,
        "has_interaction": False,
        "to": {"kind": None},
    }
