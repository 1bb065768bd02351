"""The tests beside a rules file, tried on the rules in force: what ``rules test`` says, without a command line."""

import re
from pathlib import Path

import pytest

from service.rules.commands import run_tests
from service.rules.loading import read_rules
from service.rules.ruleset import RuleSet
from service.rules.tried import LARGEST, Beside, Tried

RULES = """
version: 1
rules:
  - {name: billing, when: attributes.topic == "billing", route: {workflow: billing}, fallback: [{workflow: everyone}]}
default: {workflow: everyone}
"""
TESTS = """
version: 1
now: 2026-11-24T10:00+00:00
tests:
  - {name: billing, given: {attributes: {topic: billing}}, expect: {rule: billing, steps: [{}, {}]}}
  - {name: the rest, expect: {rule: default}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "rules.test.yaml").write_text(TESTS)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path / "rules.yaml"


@pytest.fixture
def ruleset(path: Path) -> RuleSet:
    return read_rules(path)


def tried(path: Path, ruleset: RuleSet) -> Tried:
    found = Beside(path).tried(ruleset)
    assert found is not None
    return found


def test_good_tests_say_so(path: Path, ruleset: RuleSet) -> None:
    assert tried(path, ruleset) == Tried("rules.test.yaml", cases=2, parts=3)
    assert tried(path, ruleset).good


@pytest.mark.parametrize(
    "changed",
    [
        TESTS,
        TESTS.replace("rule: default", "rule: billing"),
        TESTS.replace("steps: [{}, {}]", "on_lapse: close"),
        TESTS.replace("rule: default", "rule: defalt"),
        "nonsense",
    ],
    ids=["good", "a case fails", "a step is not shown", "unknown rule", "no tests"],
)
def test_it_says_what_the_command_says(path: Path, ruleset: RuleSet, changed: str) -> None:
    tests = path.with_name("rules.test.yaml")
    tests.write_text(changed)
    code, text = run_tests(tests, path, seconds=lambda: 0.0)
    found = tried(path, ruleset)
    assert found.good == (code == 0)
    if found.fault:
        assert found.fault in text
    else:
        counts = re.findall(r"(\d+) cases, (\d+) failed", text)
        assert counts == [(str(found.cases), str(len(found.failed)))]
        assert all(f"not covered: {part}" in text for part in found.missing)


def test_failure_names_the_case_and_its_place(path: Path, ruleset: RuleSet) -> None:
    path.with_name("rules.test.yaml").write_text(TESTS.replace("rule: default", "rule: billing"))
    (failed,) = tried(path, ruleset).failed
    assert (failed.trial.name, failed.trial.place.line) == ("the rest", 6)
    assert failed.differences == ("rule: expected billing, found default",)


def test_rules_in_force_are_tried_and_not_the_file(path: Path, ruleset: RuleSet) -> None:
    path.write_text("version: 1\ndefault: {workflow: everyone}\n")
    assert tried(path, ruleset).good


def test_rules_without_tests_have_no_result(path: Path, ruleset: RuleSet) -> None:
    path.with_name("rules.test.yaml").unlink()
    assert Beside(path).tried(ruleset) is None


def test_changed_tests_are_tried_again(path: Path, ruleset: RuleSet) -> None:
    beside = Beside(path)
    assert beside.tried(ruleset) is beside.tried(ruleset), "it is worked out once"
    path.with_name("rules.test.yaml").write_text(TESTS.replace("rule: default", "rule: billing"))
    found = beside.tried(ruleset)
    assert found is not None
    assert len(found.failed) == 1


def test_changed_rules_are_tried_again(path: Path, ruleset: RuleSet) -> None:
    beside = Beside(path)
    beside.tried(ruleset)
    path.write_text(RULES.replace('"billing"', '"invoices"'))
    found = beside.tried(read_rules(path))
    assert found is not None
    assert [one.trial.name for one in found.failed] == ["billing"]


def test_huge_file_is_left_to_the_command(path: Path, ruleset: RuleSet) -> None:
    path.with_name("rules.test.yaml").write_text(TESTS + "#" * LARGEST)
    assert "flex-router rules test" in tried(path, ruleset).fault
