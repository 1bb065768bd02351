"""What is allowed in a rules file but is seldom meant: rules that never match, steps that are never tried, and more."""

from collections.abc import Iterator
from itertools import pairwise

from service.rules.faults import Fault, Place
from service.rules.lint_conditions import Alternatives, alternatives, includes, may_change, suspicions
from service.rules.ruleset import Rule, RuleSet, Step

Warned = Iterator[tuple[Place, str]]


def lint(ruleset: RuleSet) -> tuple[Fault, ...]:
    """A warning for everything suspicious, in the order of the file."""
    rules = (*ruleset.rules, ruleset.default)
    found = [*_never_reached(ruleset), *(warned for rule in rules for warned in _rule(rule))]
    return tuple(ruleset.source.fault(place, message) for place, message in sorted(found, key=lambda one: one[0]))


def _rule(rule: Rule) -> Warned:
    if rule.when:
        for one in suspicions(rule.when.expression.tree):
            yield rule.when.places(one.position, one.length), one.message
    if rule.percent == 0:
        yield rule.place, "with percent: 0 this rule never matches"
    yield from _ladder(rule)
    yield from _rechecks(rule)


def _never_reached(ruleset: RuleSet) -> Warned:
    before: list[tuple[Rule, Alternatives]] = []
    for rule in ruleset.rules:
        ways = alternatives(rule.when.expression.tree if rule.when else None)
        above = next((other for other, wide in before if includes(wide, ways)), None)
        if above:
            yield rule.place, f"this rule is never reached: {above.name!r} above it matches whenever this one would"
        elif rule.percent is None or rule.percent >= 100:
            before.append((rule, ways))


def _ladder(rule: Rule) -> Warned:
    for one, two in pairwise(rule.steps):
        if _target(one) == _target(two):
            yield two.place, "this step asks the same target as the one before it"
    spent_s = 0
    for step in rule.steps:
        if rule.give_up_s is not None and spent_s >= rule.give_up_s:
            yield step.place, f"this step is never tried: the ones before it take {spent_s} s, give_up_after is less"
            return
        if step.timeout_s is None:
            return
        spent_s += step.timeout_s


def _rechecks(rule: Rule) -> Warned:
    for step in rule.steps:
        if step.recheck_s is None or step.skip_if is None:
            continue
        if step is rule.steps[-1]:
            yield step.place, "recheck can never move this task on: no other step follows"
        elif step.timeout_s is not None and step.timeout_s <= step.recheck_s:
            message = f"the task lapses after {step.timeout_s} s, before recheck ({step.recheck_s} s) has asked once"
            yield step.place, message
        elif not may_change(step.skip_if):
            message = "recheck asks in vain: this skip_if is about the request alone, so it never changes"
            yield step.place, message


def _target(step: Step) -> tuple[object, ...]:
    named = (step.workflow, step.queue, step.worker)
    return (*(one.text if one else None for one in named), step.worker_fact)
