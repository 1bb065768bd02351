"""Activities in conditions: their names are the workspace's, or those that an alias file gives them."""

import pytest

from service.model import Kind, RoutingRequest
from service.rules.aliases import parse_aliases, unknown_aliases, unused_aliases, with_aliases
from service.rules.decide import decide, facts_of
from service.rules.reading import parse_rules
from service.rules.resolve import Directory, unresolved
from service.rules.ruleset import RuleSet
from service.rules.trial_file import read_trials
from service.rules.trials import run_trials
from tests.conftest import sid

DIRECTORY = Directory(
    workflows={"w": sid("WW", 1)}, activities={"Offline": sid("WA", 1), "Lunch": sid("WA", 2), "Zoo": sid("WA", 3)}
)


def rules(condition: str) -> RuleSet:
    """One rule with this condition."""
    head = "version: 1\nlists: {away: [Lunch, Ofline]}\nrules:\n"
    return parse_rules(f"{head}- {{name: a, when: '{condition}', route: {{workflow: w}}}}\ndefault: {{workflow: w}}\n")


def missing(ruleset: RuleSet, directory: Directory = DIRECTORY) -> list[tuple[int, int, str]]:
    """Column, length and text of every fault."""
    return [(fault.column, fault.length, fault.message) for fault in unresolved(ruleset, directory)]


KNOWN = {
    "equal": 'last_worker.activity == "Lunch"',
    "unequal": 'last_worker.activity != "Offline"',
    "turned-round": '"Lunch" == last_worker.activity',
    "among": 'last_worker.activity IN ["Lunch", "Offline"]',
    "null": "last_worker.activity == null",
    "other-fact": 'attributes.activity == "Dinner"',
    "part-of-a-name": 'last_worker.activity CONTAINS "unch"',
    "pattern": 'last_worker.activity MATCHES "Lun.*"',
}


@pytest.mark.parametrize("condition", KNOWN.values(), ids=KNOWN)
def test_activity_of_the_workspace_is_accepted(condition: str) -> None:
    assert missing(rules(condition)) == []


UNKNOWN = {
    "equal": ('last_worker.activity == "Lunhc"', 44, 7, "no activity 'Lunhc'", "did you mean 'Lunch'?"),
    "unequal": ('last_worker.activity != "lunch"', 44, 7, "no activity 'lunch'", "did you mean 'Lunch'?"),
    "turned-round": ('"X" != last_worker.activity', 20, 3, "no activity 'X'", "(there are: Lunch, Offline, Zoo)"),
    "among": ('last_worker.activity IN ["Zoo", "Offlin"]', 44, 17, "no activity 'Offlin'", "'Offline'?"),
    "not-among": ('last_worker.activity NOT IN ["Offlin"]', 48, 10, "no activity 'Offlin'", "'Offline'?"),
    "by-list": ("last_worker.activity IN lists.away", 44, 10, "no activity 'Ofline'", "'Offline'?"),
    "by-sid": (f'last_worker.activity == "{sid("WA", 1)}"', 44, 36, "no activity 'WA", ""),
    "under-not": ('NOT (request.mode == "warm" OR last_worker.activity == "Zo")', 75, 4, "no activity 'Zo'", "'Zoo'?"),
}


@pytest.mark.parametrize(("condition", "column", "length", "said", "more"), UNKNOWN.values(), ids=UNKNOWN)
def test_activity_unknown_to_the_workspace_is_told(
    condition: str, column: int, length: int, said: str, more: str
) -> None:
    ((at, long, message),) = missing(rules(condition))
    assert (at, long) == (column, length)
    assert said in message
    assert more in message


def test_activity_of_a_step_is_told_too() -> None:
    step = "{workflow: w, skip_if: 'last_worker.activity == \"Lnch\"'}"
    ((_, _, message),) = missing(parse_rules(f"version: 1\ndefault: {step}\n"))
    assert "no activity 'Lnch'" in message


def test_nothing_is_said_where_no_activities_are_known() -> None:
    assert missing(rules('last_worker.activity == "x"'), Directory(workflows={"w": sid("WW", 1)})) == []


ALIASES = f"version: 1\nactivities: {{Lunch: Zoo, Away: {sid('WA', 1)}}}\n"


def test_alias_stands_for_an_activity() -> None:
    directory = with_aliases(DIRECTORY, parse_aliases(ALIASES))
    assert missing(rules('last_worker.activity IN ["Lunch", "Away", "Offline"]'), directory) == []


CALLED = {
    "alias-first": (sid("WA", 1), "Offline", "Away"),
    "alias-of-a-name-that-is-taken": (sid("WA", 3), "Zoo", "Lunch"),
    "hidden-by-an-alias": (sid("WA", 2), "Lunch", None),
    "new-since": (sid("WA", 9), "Break", "Break"),
}


@pytest.mark.parametrize(("activity_sid", "written", "called"), CALLED.values(), ids=CALLED)
def test_activity_has_the_name_that_rules_know(activity_sid: str, written: str, called: str | None) -> None:
    directory = with_aliases(DIRECTORY, parse_aliases(ALIASES))
    assert directory.activity(activity_sid, written) == called


def test_alias_of_no_activity_is_told() -> None:
    (fault,) = unknown_aliases(parse_aliases("version: 1\nactivities: {Lunch: Mittag}\n"), DIRECTORY)
    assert fault.file == "aliases.yaml"
    assert "the workspace has no activity 'Mittag'" in fault.message


def test_alias_that_no_condition_names_is_told() -> None:
    aliases = parse_aliases(ALIASES)
    (fault,) = unused_aliases(aliases, rules('last_worker.activity == "Away"'))
    assert "the rules name no activity 'Lunch'" in fault.message


class AtLunch:
    """The customer's last worker is at lunch."""

    def queue(self, name: str) -> None:
        """Not to be had."""

    def last_worker(self) -> dict[str, object]:
        """Who it is."""
        return {"sid": sid("WK", 1), "available": False, "activity": "Lunch", "minutes_ago": 1}


def test_rule_asks_for_the_activity() -> None:
    request = RoutingRequest(Kind.ESCALATION)
    for activity, rule in (("Lunch", "a"), ("Offline", "default")):
        ruleset = rules(f'last_worker.activity == "{activity}"')
        assert decide(ruleset, facts_of(request, ruleset, live=AtLunch())).name == rule


def test_test_of_rules_gives_an_activity() -> None:
    ruleset = rules('last_worker.activity == "Lunch"')
    text = (
        "version: 1\nnow: 2026-11-24T10:00+00:00\n"
        "tests: [{live: {last_worker: {activity: Lunch}}, expect: {rule: a}}]\n"
    )
    (result,) = run_trials(ruleset, read_trials(text, "t.yaml", ruleset), lambda: 0.0)
    assert result.passed
