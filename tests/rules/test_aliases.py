"""One rules file for several environments."""

import pytest

from service.rules.aliases import parse_aliases, unknown_aliases, unused_aliases, with_aliases
from service.rules.faults import RulesError
from service.rules.reading import parse_rules
from service.rules.resolve import QUEUE, TASK_CHANNEL, WORKER, WORKFLOW, Directory, plan_for, unresolved
from tests.conftest import sid

PRODUCTION = Directory(
    workflows={"Transfers PROD": sid("WW", 1)},
    queues={"Billing L1": sid("WQ", 1), "billing": sid("WQ", 2)},
    workers={"alice@example.com": sid("WK", 1)},
    task_channels={"chat": sid("TC", 1)},
)
TEXT = f"""\
version: 1
workflows: {{transfers: Transfers PROD}}
queues: {{billing: Billing L1, old: {sid("WQ", 2)}}}
workers: {{alice: alice@example.com}}
task_channels: {{web: chat}}
"""
RULES = parse_rules("version: 1\nvia: transfers\ndefault: {queue: billing, worker: alice, task_channel: web}\n")


def test_rules_find_what_the_aliases_say() -> None:
    directory = with_aliases(PRODUCTION, parse_aliases(TEXT))
    (route,) = plan_for(RULES.default, RULES, directory, {}).steps
    assert (route.workflow_sid, route.workflow) == (sid("WW", 1), "Transfers PROD")
    assert (route.queue_sid, route.queue) == (sid("WQ", 1), "Billing L1")
    assert (route.worker_sid, route.worker, route.task_channel) == (sid("WK", 1), "alice@example.com", "chat")


def test_aliases_hide_no_other_name() -> None:
    directory = with_aliases(PRODUCTION, parse_aliases(TEXT))
    names = ((WORKFLOW, "Transfers PROD"), (QUEUE, "Billing L1"), (WORKER, "alice@example.com"), (TASK_CHANNEL, "chat"))
    assert all(directory.sid_of(kind, name) is not None for kind, name in names)
    assert directory.sid_of(QUEUE, "old") == sid("WQ", 2)


def test_without_aliases_names_are_the_workspaces() -> None:
    assert with_aliases(PRODUCTION, parse_aliases("version: 1\n")) == PRODUCTION
    assert len(unresolved(RULES, PRODUCTION)) == 3


def test_alias_of_nothing_is_told_in_its_place() -> None:
    aliases = parse_aliases(TEXT.replace("Billing L1", "Biling L1"), file="aliases.prod.yaml")
    (fault,) = unknown_aliases(aliases, PRODUCTION)
    assert (fault.file, fault.line, fault.column) == ("aliases.prod.yaml", 3, 19)
    assert "the workspace has no queue 'Biling L1'" in fault.message
    assert "did you mean 'Billing L1'?" in fault.message
    assert with_aliases(PRODUCTION, aliases).sid_of(QUEUE, "billing") == sid("WQ", 2)


def test_good_aliases_have_no_fault() -> None:
    assert unknown_aliases(parse_aliases(TEXT), PRODUCTION) == ()


def test_alias_that_no_rule_names_is_told() -> None:
    (fault,) = unused_aliases(parse_aliases(TEXT), RULES)
    assert "the rules name no queue 'old'" in fault.message
    assert fault.line == 3


def test_alias_of_a_queue_that_is_only_asked_about_is_used() -> None:
    rule = "{name: a, when: 'queues[\"old\"].waiting > 1', route: {queue: billing, worker: alice, task_channel: web}}"
    rules = parse_rules(f"version: 1\nvia: transfers\nrules: [{rule}]\ndefault: {{queue: billing}}\n")
    assert unused_aliases(parse_aliases(TEXT), rules) == ()


FAULTY = {
    "empty": ("", 1, 1, "the file is empty"),
    "no-version": ("queues: {a: b}", 1, 1, "version is missing"),
    "section-misspelled": ("version: 1\nqueue: {a: b}", 2, 1, "did you mean 'queues'"),
    "number": ("version: 1\nqueues: {a: 5}", 2, 13, "queues must be the name or SID in the workspace"),
    "list": ("version: 1\nqueues: [a]", 2, 9, "queues must be the name or SID"),
    "twice": ("version: 1\nqueues: {a: b, a: c}", 2, 16, "already given in line 2"),
}


@pytest.mark.parametrize(("text", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_is_found_in_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_aliases(text)
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)
