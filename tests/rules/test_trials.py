"""Tests of rules: what passes, what fails and how it is told, what is covered, and mistakes in the test file."""

from itertools import count
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from service.rules.commands import rules_of, run_tests
from service.rules.faults import RulesError
from service.rules.reading import parse_rules
from service.rules.trial_file import read_trials
from service.rules.trial_report import report
from service.rules.trials import Result, run_trials

RULES = parse_rules(
    """\
version: 1
via: t
calendars: {c: {timezone: Europe/London, week: {mon-fri: "08:00-20:00"}}}
rules:
  - name: vip
    when: attributes.tier == "gold" AND is_open("c")
    route: {worker: {fact: last_worker.sid}, priority: 9, timeout: 20s, attributes: {a: 1}}
    fallback:
      - {queue: b, skip_if: 'queues["b"].available == 0', recheck: 30s}
      - {workflow: t, task_channel: chat}
    give_up_after: 5m
    farewell: We open {opens_at:c}.
  - {name: tenth, percent: 10, route: {queue: q, worker: alice, direct: true}, on_lapse: leave}
default: {workflow: t}
"""
)
HEAD = "version: 1\nnow: 2026-11-24T10:00+00:00\nbase: {attributes: {tier: gold, n: 1}}\ntests:\n"
VIP = "  - {name: one, expect: {rule: vip}}\n"


def results(text: str) -> tuple[Result, ...]:
    """What comes of the tests in ``text``; the clock goes one second forward at each look."""
    ticks = count()
    return run_trials(RULES, read_trials(HEAD + text, "t.yaml", RULES), lambda: float(next(ticks)))


def differences(text: str) -> list[str]:
    """What differs in the only case."""
    (result,) = results(text)
    return list(result.differences)


PASSING = {
    "rule": "{rule: vip}",
    "route": "{route: {workflow: t, timeout: 20s, priority: 9, queue: null, attributes: {a: 1}}}",
    "seconds": "{route: {timeout: 20}, give_up_after: 300}",
    "steps": "{steps: [{recheck: null}, {queue: b, recheck: 30s}, {task_channel: chat}], give_up_after: 5m}",
    "farewell": "{farewell: 'We open Wednesday 25 November, 08:00.', on_lapse: close}",
}


@pytest.mark.parametrize("expect", PASSING.values(), ids=PASSING)
def test_expectation_that_is_met_passes(expect: str) -> None:
    live = "{last_worker: {sid: alice}}"
    assert differences(f"  - {{name: one, live: {live}, expect: {expect}}}") == []


FAILING = {
    "rule": ("{rule: tenth}", ["rule: expected tenth, found vip"]),
    "nothing-there": ("{route: {queue: q}}", ["route.queue: expected q, found nothing"]),
    "something-there": (
        "{farewell: null}",
        ["farewell: expected nothing, found We open Wednesday 25 November, 08:00."],
    ),
    "deep": ("{steps: [{attributes: {a: true}}, {}, {}]}", ["steps[0].attributes.a: expected True, found 1"]),
    "fewer-steps": ("{steps: [{}]}", ["steps: expected 1 items, found 3 items"]),
    "no-steps": ("{steps: []}", ["steps: expected none, found 3 items"]),
    "two": ("{rule: tenth, give_up_after: 4m}", ["rule: expected tenth, found vip",
                                                "give_up_after: expected 240, found 300"]),
}  # fmt: skip


@pytest.mark.parametrize(("expect", "said"), FAILING.values(), ids=FAILING)
def test_expectation_that_is_not_met_is_told(expect: str, said: list[str]) -> None:
    assert differences(f"  - {{name: one, live: {{last_worker: {{sid: a}}}}, expect: {expect}}}") == said


def test_named_worker_is_shown() -> None:
    text = "  - {name: a, given: {attributes: {tier: null}}, in_share: {tenth: true}, expect: {route: {worker: %s}}}"
    assert differences(text % "alice") == []
    assert differences(text % "bob") == ["route.worker: expected bob, found alice"]


def test_step_without_its_worker_is_not_tried() -> None:
    assert differences("  - {name: one, expect: {steps: [{queue: b}, {workflow: t}]}}") == []


def test_last_step_is_tried_where_all_are_skipped() -> None:
    step = "{queue: %s, skip_if: 'attributes.n == 1'}"
    rules = parse_rules(f"version: 1\nvia: t\ndefault: {{route: {step % 'a'}, fallback: [{step % 'b'}]}}\n")
    text = HEAD + "  - {name: one, expect: {steps: [{queue: b}], route: {queue: b}}}\n"
    (result,) = run_trials(rules, read_trials(text, "t.yaml", rules), lambda: 0.0)
    assert result.differences == ()


def test_skipped_step_is_not_tried() -> None:
    live = "{queues: {b: {available: 0}}, last_worker: {sid: w}}"
    assert differences(f"  - {{name: one, live: {live}, expect: {{steps: [{{worker: w}}, {{queue: null}}]}}}}") == []


WHY_NOT = {
    "met": ("{vip: is_open}", []),
    "other-reason": (
        "{vip: attributes.tier}",
        ['why_not.vip: expected attributes.tier, but what stopped it was: is_open("c")'],
    ),
    "not-passed-over": ("{tenth: percent}", ["why_not.tenth: the rule was not passed over"]),
}


@pytest.mark.parametrize(("why_not", "said"), WHY_NOT.values(), ids=WHY_NOT)
def test_reason_is_compared(why_not: str, said: list[str]) -> None:
    text = f"  - {{name: a, now: 2026-11-24T23:00+00:00, in_share: {{tenth: true}}, why_not: {why_not}}}"
    assert differences(text) == said


SHARES = {"in": ("{tenth: true}", "tenth"), "out": ("{tenth: false}", "default")}


@pytest.mark.parametrize(("in_share", "rule"), SHARES.values(), ids=SHARES)
def test_share_is_chosen_by_the_test(in_share: str, rule: str) -> None:
    given = "{attributes: {tier: null}}"
    assert differences(f"  - {{name: a, given: {given}, in_share: {in_share}, expect: {{rule: {rule}}}}}") == []


def test_share_is_dealt_where_the_test_says_nothing() -> None:
    given = "{attributes: {tier: null}, conversation_sid: CH000000000000000000000000000000%02x}"
    text = "".join(f"  - {{name: a, given: {given % number}, expect: {{rule: tenth}}}}\n" for number in range(40))
    assert 0 < sum(result.passed for result in results(text)) < 20


TABLE = """\
  - name: hours
    given: {attributes: {n: 2}}
    expect: {rule: vip}
    cases:
      - {name: day}
      - {now: 2026-11-24T21:00+00:00, in_share: {tenth: false}, expect: {rule: default}}
      - {given: {attributes: {tier: silver}}, in_share: {tenth: true}, expect: {rule: tenth}}
"""


def test_cases_are_laid_over_their_test() -> None:
    found = results(TABLE)
    assert [result.trial.name for result in found] == ["hours / day", "hours / 2", "hours / 3"]
    assert all(result.passed for result in found)
    assert found[2].trial.request.attributes == {"tier": "silver", "n": 2}


def test_report_tells_failures_time_and_coverage() -> None:
    good, text = report(RULES, results(VIP + "  - {name: two, expect: {rule: tenth}}\n"), "t.yaml")
    assert not good
    assert text.splitlines() == [
        "ok    one (1000.0 ms)",
        "FAIL  two (1000.0 ms)",
        "      t.yaml:6:5: rule: expected tenth, found vip",
        "",
        "2 cases, 1 failed; 17 % of rules and steps covered",
        "  not covered: rule vip, step 2",
        "  not covered: rule vip, skip_if of step 2",
        "  not covered: rule vip, step 3",
        "  not covered: rule tenth",
        "  not covered: rule default",
        "  at least 100 % must be covered",
    ]


COVERING = """\
  - {name: a, live: {queues: {b: {available: 0}}}, expect: {steps: [{workflow: t}]}}
  - {name: b, expect: {steps: [{queue: b}, {workflow: t}]}}
  - {name: c, given: {attributes: {tier: null}}, in_share: {tenth: true}, expect: {rule: tenth}}
  - {name: d, given: {attributes: {tier: null}}, in_share: {tenth: false}, expect: {rule: default}}
"""


def test_every_rule_step_and_condition_can_be_covered() -> None:
    good, text = report(RULES, results(COVERING), "t.yaml")
    assert good
    assert "4 cases, 0 failed; 100 % of rules and steps covered" in text


def test_failing_case_covers_nothing() -> None:
    _, text = report(RULES, results(COVERING.replace("rule: default", "rule: vip")), "t.yaml")
    assert "not covered: rule default" in text


def test_case_that_expects_nothing_of_steps_covers_none() -> None:
    _, text = report(RULES, results(VIP), "t.yaml")
    assert "not covered: rule vip, step 2" in text


def test_lower_coverage_can_be_enough() -> None:
    assert report(RULES, results(VIP), "t.yaml", least_percent=10)[0]


def test_coverage_or_passing_alone_is_not_enough() -> None:
    assert not report(RULES, results(VIP), "t.yaml")[0]
    assert not report(RULES, results(VIP.replace("rule: vip", "rule: tenth")), "t.yaml", least_percent=0)[0]


FAULTY = {
    "no-yaml": ("tests: [", 1, 9, "a value is expected here"),
    "no-tests": ("version: 1\ntests: []", 2, 8, "tests must be a list of tests"),
    "key-misspelled": (HEAD + "  - {name: a, expct: {rule: vip}}", 5, 15, "did you mean 'expect'"),
    "case-key-misspelled": (HEAD + "  - {name: a, cases: [{expct: {rule: vip}}]}", 5, 24, "did you mean 'expect'"),
    "outcome-misspelled": (HEAD + "  - {name: a, expect: {rul: vip}}", 5, 24, "did you mean 'rule'"),
    "rule-misspelled": (HEAD + "  - {name: a, expect: {rule: vipp}}", 5, 30, "there is no rule 'vipp'; did you mean"),
    "why-not-rule-misspelled": (HEAD + "  - {name: a, why_not: {vipp: x}}", 5, 25, "there is no rule 'vipp'"),
    "share-rule-misspelled": (
        HEAD + "  - {name: a, expect: {rule: vip}, in_share: {tent: true}}",
        5,
        47,
        "there is no rule 'tent'",
    ),
    "live-misspelled": (HEAD + "  - {name: a, expect: {rule: vip}, live: {queue: {}}}", 5, 43, "did you mean 'queues'"),
    "nothing-expected": (HEAD + "  - {name: a}", 5, 5, "nothing is expected here"),
    "no-cases": (HEAD + "  - {name: a, expect: {rule: vip}, cases: []}", 5, 43, "cases must be a list of cases"),
    "now-missing": ("version: 1\ntests: [{name: a, expect: {rule: vip}}]", 2, 9, "now must be a moment"),
    "now-without-zone": (
        HEAD + "  - {name: a, now: 2026-11-24T10:00, expect: {rule: vip}}",
        5,
        20,
        "now must be a moment with its zone",
    ),
    "now-of-the-file": (
        "version: 1\nnow: noon\ntests: [{name: a, expect: {rule: vip}}]",
        2,
        6,
        "now must be a moment with its zone",
    ),
    "request-field-unknown": (
        HEAD + "  - {name: a, given: {tier: gold}, expect: {rule: vip}}",
        5,
        15,
        "given: there is no field 'tier'",
    ),
    "base-odd": ("version: 1\nnow: 2026-11-24T10:00Z\nbase: {kind: a}\ntests: [{name: a, expect: {rule: vip}}]", 4, 9,
                 "given: kind must be one of"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_in_the_test_file_is_found(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        read_trials(text, "t.yaml", RULES)
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_mistake_that_cases_share_is_told_once() -> None:
    with pytest.raises(RulesError) as caught:
        read_trials(HEAD + "  - {name: a, expect: {rul: vip}, cases: [{name: b}, {name: c}]}", "t.yaml", RULES)
    assert len(caught.value.faults) == 1


@pytest.fixture
def delivered(repository: Path) -> Path:
    return repository / "config" / "rules.test.yaml"


def test_delivered_tests_pass_and_cover_all(delivered: Path) -> None:
    code, text = run_tests(delivered, rules_of(delivered), seconds=lambda: 0.0)
    assert code == 0, text
    assert "100 % of rules and steps covered" in text


def test_results_are_written_as_junit(tmp_path: Path) -> None:
    rules, tests, to = tmp_path / "rules.yaml", tmp_path / "rules.test.yaml", tmp_path / "out.xml"
    rules.write_text(RULES.source.text)
    tests.write_text(HEAD + VIP + "  - {name: 'a < b', expect: {rule: tenth, on_lapse: leave}}")
    code, _ = run_tests(tests, rules_of(tests), seconds=lambda: 0.0, junit_to=to)
    suite = fromstring(to.read_text())  # noqa: S314  written a line above
    assert code == 1
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite.findall("testcase")] == ["one", "a < b"]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert (failure.get("message"), len((failure.text or "").splitlines())) == ("rule: expected tenth, found vip", 2)
    assert "rule default" in [one.get("value") for one in suite.findall("properties/property")]


def test_faults_of_either_file_are_told(tmp_path: Path) -> None:
    rules, tests = tmp_path / "rules.yaml", tmp_path / "rules.test.yaml"
    rules.write_text("version: 1\n")
    tests.write_text("version: 1\n")
    assert run_tests(tests, rules, seconds=lambda: 0.0)[0] == 1
    rules.write_text(RULES.source.text)
    code, text = run_tests(tests, rules, seconds=lambda: 0.0)
    assert code == 2
    assert "rules.test.yaml:1:1: tests is missing" in text
