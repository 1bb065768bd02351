"""When a cold transfer lets its agent go: what a rule says of it, in a plan, a test, a replay and an explanation."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.model import Plan, Release
from service.rules.commands import explain_text
from service.rules.faults import RulesError
from service.rules.reading import parse_rules
from service.rules.replay import read_requests, replay
from service.rules.requests import request_of
from service.rules.resolve import Directory, plan_for
from service.rules.ruleset import RuleSet
from service.rules.trial_file import read_trials
from service.rules.trials import run_trials
from tests.conftest import sid

SPELLINGS: dict[str, Release] = {
    "accepted": Release.ON_ACCEPT,
    "on_accept": Release.ON_ACCEPT,
    "queued": Release.QUEUED,
    "immediately": Release.IMMEDIATELY,
}


def rules(release: str) -> RuleSet:
    """One rule, and a default, both with that line."""
    said = f"release: {release}" if release else "on_lapse: close"
    return parse_rules(
        f"version: 1\nrules:\n  - {{name: one, when: attributes.a == 1, route: {{workflow: w}}, {said}}}\n"
        f"default: {{route: {{workflow: w}}, {said}}}\n"
    )


def plan(ruleset: RuleSet) -> Plan:
    """What the only rule says."""
    return plan_for(ruleset.rules[0], ruleset, Directory(workflows={"w": sid("WW", 1)}), {})


@pytest.mark.parametrize(("word", "release"), SPELLINGS.items(), ids=SPELLINGS)
def test_release_of_a_rule_reaches_its_plan(word: str, release: Release) -> None:
    assert plan(rules(word)).release is release
    assert rules(word).default.release is release


def test_rule_that_does_not_say_leaves_it_open() -> None:
    assert plan(rules("")).release is None
    assert rules("").default.release is None


def test_giving_up_is_not_taken_for_a_release() -> None:
    text = "version: 1\ndefault: {route: {workflow: w}, give_up_after: 90s, release: queued}\n"
    ruleset = parse_rules(text)
    found = plan_for(ruleset.default, ruleset, Directory(workflows={"w": sid("WW", 1)}), {})
    assert (found.give_up_s, found.release, found.farewell) == (90, Release.QUEUED, None)


@pytest.mark.parametrize("wrong", ["later", "true", "[queued]", "Queued"])
def test_unknown_release_is_refused(wrong: str) -> None:
    with pytest.raises(RulesError) as caught:
        rules(wrong)
    assert "release must be accepted, queued or immediately: when the agent" in str(caught.value)


def test_release_beside_a_route_belongs_to_the_rule() -> None:
    with pytest.raises(RulesError, match="there is no key 'release' here"):
        parse_rules("version: 1\ndefault: {workflow: w, release: queued}\n")


@pytest.mark.parametrize(("word", "release"), SPELLINGS.items(), ids=SPELLINGS)
def test_release_of_a_request_is_read(word: str, release: Release) -> None:
    assert request_of({"kind": "transfer", "release": word}).release is release


def trial(expected: str, written: str) -> tuple[str, ...]:
    """What differs in a test that expects a release."""
    ruleset = rules(written)
    text = f"version: 1\nnow: 2026-11-24T10:00+00:00\ntests: [{{expect: {{release: {expected}}}}}]\n"
    (result,) = run_trials(ruleset, read_trials(text, "t.yaml", ruleset), lambda: 0.0)
    return result.differences


@pytest.mark.parametrize(
    ("expected", "written"), [("queued", "queued"), ("on_accept", "accepted"), ("accepted", "")], ids=str
)
def test_expected_release_passes_in_any_spelling(expected: str, written: str) -> None:
    assert trial(expected, written) == ()


@pytest.mark.parametrize("expected", ["immediately", "null", "7"])
def test_other_release_than_expected_is_told(expected: str) -> None:
    (said,) = trial(expected, "queued")
    assert said.startswith("release: expected ")
    assert said.endswith(", found queued")


def test_replay_tells_another_release() -> None:
    past = read_requests(json.dumps({"at": "2026-11-24T10:00:00Z", "attributes": {"a": 1}}))
    (change,) = replay(past, rules(""), rules("immediately")).changes
    assert change.after == change.before.replace("close)", "close, release immediately)")


def test_replay_finds_no_change_in_the_default_written_out() -> None:
    past = read_requests(json.dumps({"at": "2026-11-24T10:00:00Z", "attributes": {"a": 1}}))
    assert replay(past, rules(""), rules("accepted")).changes == ()


TOLD = {
    "accepted": "goes once the newcomer is there",
    "queued": "goes once the task is in its queue",
    "immediately": "goes at once",
}


@pytest.mark.parametrize(("word", "said"), TOLD.items(), ids=TOLD)
def test_explanation_tells_the_release(tmp_path: Path, word: str, said: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rules(word).source.text)
    code, text = explain_text(path, "{}", now=datetime(2026, 11, 24, tzinfo=UTC))
    assert code == 0
    assert said in text
