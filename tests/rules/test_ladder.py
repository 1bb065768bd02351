"""Which step is tried next."""

import pytest

from service.model import Kind, Route, RoutingRequest
from service.rules.decide import facts_of
from service.rules.faults import RulesError
from service.rules.ladder import next_step, step_is_skipped
from service.rules.reading import parse_rules
from service.rules.ruleset import RuleSet
from tests.conftest import sid

TEXT = r"""
version: 1
via: t
lists: {busy: ["a\\b", 'say "hi"', 1, 2.5, true, 12345678901234567.5]}
rules:
  - name: ladder
    route: {queue: a, skip_if: 'attributes.skip == "first"'}
    fallback:
      - {queue: b, skip_if: attributes.busy IN lists.busy AND lists.busy HAS attributes.busy}
      - {queue: c}
      - {queue: d, skip_if: "attributes.skip != null"}
    give_up_after: 10m
default: {route: {workflow: t}, give_up_after: 90}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return parse_rules(TEXT)


STEPS: dict[str, tuple[dict[str, object], int, int | None]] = {
    "first": ({}, 0, 0),
    "first-skipped": ({"skip": "first"}, 0, 1),
    "first-two-skipped": ({"skip": "first", "busy": 1}, 0, 2),
    "text-with-backslash": ({"busy": "a\\b"}, 1, 2),
    "text-with-quotes": ({"busy": 'say "hi"'}, 1, 2),
    "decimal": ({"busy": 2.5}, 1, 2),
    "boolean": ({"busy": True}, 1, 2),
    "not-in-the-list": ({"busy": "a"}, 1, 1),
    "last": ({}, 3, 3),
    "last-skipped": ({"skip": "x"}, 3, None),
    "past-the-end": ({}, 4, None),
}


@pytest.mark.parametrize(("attributes", "start", "step"), STEPS.values(), ids=STEPS)
def test_next_step_is_the_first_not_skipped(
    rules: RuleSet, attributes: dict[str, object], start: int, step: int | None
) -> None:
    facts = facts_of(RoutingRequest(Kind.ESCALATION, attributes=attributes), rules)
    routes = [Route(sid("WW", 1), "t", skip_if=one.skip_if) for one in rules.rules[0].steps]
    assert next_step(routes, start, facts) == step


WORKERS = [Route(sid("WW", 1), "t", worker_sid=worker) for worker in (sid("WK", 1), sid("WK", 2), None)]
THERE: dict[str, tuple[tuple[str, ...], int, int | None]] = {
    "nobody": ((), 0, 0),
    "first": ((sid("WK", 1),), 0, 1),
    "both": ((sid("WK", 2), sid("WK", 1)), 0, 2),
    "second-while-first-is-due": ((sid("WK", 2),), 0, 0),
    "second-in-its-turn": ((sid("WK", 2),), 1, 2),
    "somebody-else": ((sid("WK", 3),), 1, 1),
}


@pytest.mark.parametrize(("present", "start", "step"), THERE.values(), ids=THERE)
def test_worker_who_is_there_is_passed_over(present: tuple[str, ...], start: int, step: int | None) -> None:
    assert next_step(WORKERS, start, {}, present) == step


def test_nothing_is_left_where_only_those_there_are_named() -> None:
    assert next_step(WORKERS[:2], 0, {}, (sid("WK", 1), sid("WK", 2))) is None


def test_condition_of_a_step_carries_its_lists(rules: RuleSet) -> None:
    assert rules.rules[0].steps[1].skip_if == (
        r'attributes.busy IN ["a\\b", "say \"hi\"", 1, 2.5, true, 12345678901234568] AND '
        r'["a\\b", "say \"hi\"", 1, 2.5, true, 12345678901234568] HAS attributes.busy'
    )


def test_condition_that_cannot_be_read_skips_nothing() -> None:
    assert not step_is_skipped("attributes.a ==", {})
    assert not step_is_skipped(None, {})


def test_time_limit_is_read(rules: RuleSet) -> None:
    assert (rules.rules[0].give_up_s, rules.default.give_up_s) == (600, 90)


@pytest.mark.parametrize(("written", "seconds"), [("5s", 5), ("2m", 120), ("24h", 86_400), ("30", 30)])
def test_time_of_a_recheck_is_read(written: str, seconds: int) -> None:
    step = f"{{workflow: w, skip_if: 1 == 1, recheck: {written}}}"
    assert parse_rules(f"version: 1\ndefault: {step}").default.steps[0].recheck_s == seconds


HEAD = "version: 1\nlists: {long: [" + "a" * 400 + ", " + ", ".join(f"x{n:09}" for n in range(400)) + "]}\n"
FAULTY = {
    "skip-if-broken": ("skip_if: 'a =='", 3, 45, "ends too early"),
    "skip-if-unknown-fact": ("skip_if: atributes.a == 1", 3, 40, "there is no fact"),
    "skip-if-number": ("skip_if: 5", 3, 40, "skip_if must be a condition"),
    "recheck-alone": ("recheck: 30s", 3, 31, "recheck asks skip_if again: give this step a skip_if"),
    "recheck-too-short": ("skip_if: 1 == 1, recheck: 4s", 3, 57, "recheck goes from 5s to 24h"),
    "recheck-too-long": ("skip_if: 1 == 1, recheck: 86401", 3, 57, "recheck goes from 5s to 24h"),
    "recheck-odd": ("skip_if: 1 == 1, recheck: often", 3, 57, "recheck must be a time from 5s to 24h"),
    "skip-if-too-long": ("skip_if: attributes.a IN lists.long", 3, 40, "with its lists written out"),
}


@pytest.mark.parametrize(("part", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_is_found_in_its_place(part: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(f"{HEAD}default: {{workflow: everyone, {part}}}\n")
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)


@pytest.mark.parametrize(("written", "said"), [("0s", "give_up_after goes from 1s"), ("soon", "a time such as 10m")])
def test_odd_time_limit_is_told(written: str, said: str) -> None:
    with pytest.raises(RulesError, match=said):
        parse_rules(f"version: 1\ndefault: {{route: {{workflow: w}}, give_up_after: {written}}}")
