"""Which rule matches, and what is told of those that did not."""

import json

import pytest

from service.model import Kind, Mode, Origin, RoutingRequest, Target
from service.rules.decide import decide, explain, facts_of, stored_trace
from service.rules.expression import Lazy
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
    facts = {name: value for name, value in facts_of(request).items() if not isinstance(value, Lazy)}
    assert json.loads(json.dumps(facts)) == {
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


def test_stored_trace_tells_conditions_and_no_values(rules: RuleSet) -> None:
    secret = {"tier": "gold", "n": 2, "name": "Jane Doe"}
    facts = facts_of(RoutingRequest(Kind.TRANSFER, reason="Jane", attributes=secret), rules)
    assert json.loads(stored_trace(rules, facts)) == {
        "rule": "handover",
        "because": [['request.kind == "transfer"', True]],
        "passed": [
            ["vip", ["attributes.n > 5", False]],
            ["sms", ['request.channel_type == "sms"', False], ['request.reason CONTAINS "text"', False]],
        ],
        "left_out": 0,
        "unknown": [],
    }


def test_stored_trace_names_unknown_live_facts() -> None:
    when = "last_worker.available == true OR queues['q'].waiting > 1"
    ruleset = parse_rules(f'version: 1\nrules: [{{name: a, when: "{when}", route: {{workflow: a}}}}]\n'
                          "default: {workflow: d}\n")  # fmt: skip
    told = json.loads(stored_trace(ruleset, facts_of(RoutingRequest(Kind.ESCALATION), ruleset)))
    assert told["unknown"] == ["last_worker.available", 'queues["q"].waiting']


LONG = " OR ".join(f'attributes.a == "{"é" * 200}{number}"' for number in range(15))
LENGTHS = {
    "many-rules": ("attributes.a == 1", 100, "{}", 12),
    "long-conditions": ('attributes.a == "' + "x" * 500 + '"', 30, "{}", 10),
    "huge-conditions": (LONG, 3, "{}", 0),
    "control-characters": (r'attributes.a == "' + r"\u0001" * 500 + '"', 30, "{}", 2),
}


@pytest.mark.parametrize(("when", "count", "attributes", "least"), LENGTHS.values(), ids=LENGTHS)
def test_stored_trace_stays_small(when: str, count: int, attributes: str, least: int) -> None:
    listed = [{"name": f"r{n}", "when": when, "route": {"workflow": "w"}} for n in range(count)]
    ruleset = parse_rules(json.dumps({"version": 1, "default": {"workflow": "w"}, "rules": listed}, ensure_ascii=False))
    text = stored_trace(ruleset, facts_of(RoutingRequest(Kind.ESCALATION, attributes=json.loads(attributes)), ruleset))
    told = json.loads(text)
    assert len(text.encode()) <= 2048
    assert len(told["passed"]) >= least
    assert len(told["passed"]) + told["left_out"] == count


def test_stored_trace_of_a_huge_match_tells_the_rule() -> None:
    when = " AND ".join(f'attributes.a{n} != "{"x" * 200}"' for n in range(18))
    listed = [{"name": "huge", "when": when, "route": {"workflow": "w"}}]
    ruleset = parse_rules(json.dumps({"version": 1, "default": {"workflow": "w"}, "rules": listed}))
    text = stored_trace(ruleset, facts_of(RoutingRequest(Kind.ESCALATION), ruleset))
    assert json.loads(text)["rule"] == "huge"
    assert len(text) <= 2048
