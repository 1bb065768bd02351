"""Live facts: looked up only when a condition that names them is reached, once each; null where they cannot be had."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from service.model import Kind, RoutingRequest
from service.rules.decide import decide, explain, facts_of
from service.rules.faults import RulesError
from service.rules.reading import parse_rules
from service.rules.resolve import Directory, plan_for, unresolved
from service.rules.ruleset import RuleSet
from tests.conftest import sid


@dataclass
class Counted:
    """Live facts that remember what was asked."""

    queues: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    worker: Mapping[str, object] | None = None
    asked: list[str] = field(default_factory=list)

    def queue(self, name: str) -> Mapping[str, object] | None:
        """The figures of one queue."""
        self.asked.append(name)
        return self.queues.get(name)

    def last_worker(self) -> Mapping[str, object] | None:
        """The worker."""
        self.asked.append("worker")
        return self.worker


RULES = """\
version: 1
via: t
rules:
  - {name: sms, when: request.channel_type == "sms", route: {queue: a}}
  - name: quiet
    when: request.channel_type == "web" AND queues["a"].waiting < 5 AND queues["a"].available > 0
    route: {queue: a}
  - name: sticky
    when: last_worker.available == true AND last_worker.minutes_ago <= 60
    route: {worker: {fact: last_worker.sid}}
    fallback: [{queue: b, skip_if: 'queues["b"].available == 0 OR queues["c"].longest_wait_s > 60'}]
default: {workflow: t}
"""
WEB = RoutingRequest(Kind.ESCALATION, channel_type="web")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return parse_rules(RULES)


def decided(rules: RuleSet, live: Counted, request: RoutingRequest = WEB) -> str:
    """The name of the rule."""
    return decide(rules, facts_of(request, rules, live=live)).name


def test_nothing_is_asked_before_a_rule_that_needs_it(rules: RuleSet) -> None:
    live = Counted()
    assert decided(rules, live, RoutingRequest(Kind.ESCALATION, channel_type="sms")) == "sms"
    assert live.asked == []


def test_condition_that_fails_earlier_asks_nothing(rules: RuleSet) -> None:
    live = Counted()
    decided(rules, live, RoutingRequest(Kind.ESCALATION, channel_type="email"))
    assert live.asked == ["worker"]


def test_each_thing_is_asked_once_a_decision(rules: RuleSet) -> None:
    live = Counted({"a": {"waiting": 1, "available": 0}}, {"available": True, "minutes_ago": 5, "sid": "WK1"})
    facts = facts_of(WEB, rules, live=live)
    assert decide(rules, facts).name == "sticky"
    explain(rules, facts)
    assert live.asked == ["a", "worker"]


FIGURES = {
    "quiet": ({"a": {"waiting": 4, "available": 1}}, None, "quiet"),
    "busy": ({"a": {"waiting": 5, "available": 1}}, None, "default"),
    "figure-missing": ({"a": {"waiting": 4}}, None, "default"),
    "queue-not-to-be-had": ({}, None, "default"),
    "worker-there": ({}, {"available": True, "minutes_ago": 60}, "sticky"),
    "worker-away": ({}, {"available": False, "minutes_ago": 60}, "default"),
    "worker-long-ago": ({}, {"available": True, "minutes_ago": 61}, "default"),
    "worker-stale": ({}, {"available": None, "minutes_ago": 1}, "default"),
}


@pytest.mark.parametrize(("queues", "worker", "rule"), FIGURES.values(), ids=FIGURES)
def test_live_facts_decide(
    rules: RuleSet, queues: dict[str, dict[str, object]], worker: dict[str, object] | None, rule: str
) -> None:
    assert decided(rules, Counted(queues, worker)) == rule


def test_missing_figure_is_shown_as_null(rules: RuleSet) -> None:
    trace = explain(rules, facts_of(WEB, rules, live=Counted()))[1]
    assert [part.seen for part in trace.because] == [(('queues["a"].waiting', "null"),)]


def test_without_a_source_everything_is_null(rules: RuleSet) -> None:
    assert decide(rules, facts_of(WEB, rules)).name == "default"
    assert facts_of(WEB).keys() == facts_of(WEB, rules).keys()


DIRECTORY = Directory(
    workflows={"t": sid("WW", 1)},
    queues={name: sid("WQ", number) for number, name in enumerate("abc")},
    workers={"alice": sid("WK", 1)},
)


def test_last_worker_is_a_target(rules: RuleSet) -> None:
    live = Counted({}, {"sid": sid("WK", 1), "available": True, "minutes_ago": 1})
    facts = facts_of(WEB, rules, live=live)
    plan = plan_for(decide(rules, facts), rules, DIRECTORY, facts)
    assert plan.steps[0].worker == "alice"
    assert plan.steps[1].skip_if == 'queues["b"].available == 0 OR queues["c"].longest_wait_s > 60'


def test_queue_that_does_not_exist_is_told_where_it_is_asked(rules: RuleSet) -> None:
    directory = Directory(DIRECTORY.workflows, {"b": sid("WQ", 1)}, DIRECTORY.workers)
    found = unresolved(rules, directory)
    told = [(fault.line, fault.column, fault.length) for fault in found if "queue 'a'" in fault.message]
    assert told == [(4, 69, 1), (6, 53, 1), (6, 81, 1), (7, 20, 1)]
    assert [(fault.line, fault.column) for fault in found if "queue 'c'" in fault.message] == [(11, 75)]


UNKNOWN = {
    "figure": ("queues['a'].waitng > 1", "no figure of a queue 'waitng' (there are: waiting,"),
    **{
        f"{figure}-is-a-number": (f"queues['a'].{figure} == 'x'", "a number is compared with a text")
        for figure in ("waiting", "longest_wait_s", "available", "eligible", "age_s")
    },
    "figure-no-boolean": ("queues['a'].waiting == true", "a number is compared with a boolean"),
    "worker-fact": ("last_worker.id == 'a'", "did you mean 'last_worker.sid'"),
    "worker-alone": ("last_worker == null", "there is no fact 'last_worker'"),
    "worker-type": ("last_worker.minutes_ago == 'a'", "a number is compared with a text"),
    "index": ("last_worker[0] == 'a'", "there is no fact 'last_worker'"),
}


@pytest.mark.parametrize(("when", "said"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_live_fact_is_told(when: str, said: str) -> None:
    rule = f'{{name: a, when: "{when}", route: {{workflow: w}}}}'
    with pytest.raises(RulesError) as caught:
        parse_rules(f"version: 1\nrules: [{rule}]\ndefault: {{workflow: w}}")
    assert said in caught.value.faults[0].message
