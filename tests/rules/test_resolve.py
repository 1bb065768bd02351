"""Targets into SIDs: by name, by SID, by a fact; and what is said where there is no such thing."""

from dataclasses import replace

import pytest

from service.errors import ConfigurationError, InvalidFieldsError
from service.model import Plan, Target
from service.rules.decide import decide
from service.rules.reading import parse_rules
from service.rules.resolve import Directory, plan_for, resolve_target, unresolved


def sid(prefix: str, number: int) -> str:
    """A SID of that kind."""
    return f"{prefix}{number:032x}"


DIRECTORY = Directory(
    workflows={"everyone": sid("WW", 1), "transfers": sid("WW", 2)},
    queues={"support": sid("WQ", 1), "billing": sid("WQ", 2)},
    workers={"alice": sid("WK", 1), "bob": sid("WK", 2)},
    task_channels={"chat": sid("TC", 1)},
)
HEAD = "version: 1\nvia: transfers\n"


def plan(default: str, facts: dict[str, object] | None = None, directory: Directory = DIRECTORY) -> Plan:
    """The plan of a file that has only a default."""
    ruleset = parse_rules(f"{HEAD}default: {default}\n")
    return plan_for(decide(ruleset, facts or {}), ruleset, directory, facts or {})


def test_workflow_by_name_becomes_its_sid() -> None:
    (route,) = plan("{workflow: everyone, priority: 5, timeout: 1m, attributes: {a: 1}}").steps
    assert (route.workflow_sid, route.workflow, route.target) == (sid("WW", 1), "everyone", "workflow")
    assert (route.priority, route.timeout_s, route.attributes, route.task_channel) == (5, 60, {"a": 1}, None)


def test_route_keeps_what_its_step_asks() -> None:
    (route,) = plan("{workflow: everyone, skip_if: 'queues[\"billing\"].available == 0', recheck: 30s}").steps
    assert (route.skip_if, route.recheck_s) == ('queues["billing"].available == 0', 30)


def test_workflow_by_sid_gets_its_name() -> None:
    (route,) = plan(f"{{workflow: {sid('WW', 1)}}}").steps
    assert (route.workflow_sid, route.workflow) == (sid("WW", 1), "everyone")


def test_queue_travels_through_via() -> None:
    (route,) = plan("{queue: support}").steps
    assert (route.workflow, route.queue_sid, route.queue, route.target) == (
        "transfers",
        sid("WQ", 1),
        "support",
        "queue",
    )


def test_worker_travels_through_its_own_workflow() -> None:
    (route,) = plan("{workflow: everyone, worker: alice}").steps
    assert (route.workflow, route.worker_sid, route.worker, route.target) == (
        "everyone",
        sid("WK", 1),
        "alice",
        "worker",
    )


def test_direct_route_has_all_three() -> None:
    (route,) = plan("{queue: support, worker: alice, direct: true}").steps
    assert (route.direct, route.workflow, route.queue, route.worker) == (True, "transfers", "support", "alice")


@pytest.mark.parametrize("written", ["chat", sid("TC", 1)], ids=["name", "sid"])
def test_task_channel_is_given_by_unique_name(written: str) -> None:
    (route,) = plan(f"{{workflow: everyone, task_channel: {written}}}").steps
    assert route.task_channel == "chat"


def test_plan_carries_what_the_rule_says() -> None:
    found = plan("{route: {workflow: everyone}, on_lapse: close, farewell: Bye.}")
    assert (found.rule, found.on_lapse, found.farewell) == ("default", "close", "Bye.")
    assert len(found.rules_sha256) == 64


FACT = "{worker: {fact: attributes.agent}, queue: support, direct: true}"
WORKERS: dict[str, tuple[dict[str, object], str | None]] = {
    "by-name": ({"agent": "bob"}, sid("WK", 2)),
    "by-sid": ({"agent": sid("WK", 2)}, sid("WK", 2)),
    "missing": ({}, None),
    "null": ({"agent": None}, None),
    "number": ({"agent": 5}, None),
    "unknown-name": ({"agent": "eve"}, None),
    "unknown-sid": ({"agent": sid("WK", 9)}, None),
    "sid-of-a-queue": ({"agent": sid("WQ", 1)}, None),
}


@pytest.mark.parametrize(("attributes", "worker_sid"), WORKERS.values(), ids=WORKERS)
def test_worker_of_a_fact_is_found(attributes: dict[str, object], worker_sid: str | None) -> None:
    (route,) = plan(FACT, {"attributes": attributes}).steps
    assert route.worker_sid == worker_sid
    assert route.direct is (worker_sid is not None)
    assert route.queue == "support"


@pytest.mark.parametrize(("attributes", "worker_sid"), WORKERS.values(), ids=WORKERS)
def test_step_without_its_worker_is_passed_over(attributes: dict[str, object], worker_sid: str | None) -> None:
    steps = plan(f"{{route: {FACT}, fallback: [{{workflow: everyone}}]}}", {"attributes": attributes}).steps
    assert [step.workflow for step in steps] == (["transfers"] if worker_sid else []) + ["everyone"]


def test_last_step_stays_without_its_worker() -> None:
    both = "{worker: {fact: attributes.agent}}"
    (route,) = plan(f"{{route: {both}, fallback: [{both}]}}", {"attributes": {}}).steps
    assert (route.workflow, route.target) == ("transfers", "workflow")


def test_sids_are_taken_where_nothing_is_known() -> None:
    (route,) = plan(f"{{workflow: {sid('WW', 7)}, worker: {sid('WK', 7)}}}", directory=Directory()).steps
    assert (route.workflow_sid, route.workflow, route.worker_sid) == (sid("WW", 7), sid("WW", 7), sid("WK", 7))


def test_target_gone_since_is_a_fault() -> None:
    with pytest.raises(
        ConfigurationError, match="rule default: the workspace no longer has the queue that it names in line 3"
    ):
        plan("{queue: gone}")


RULES = """\
version: 1
via: transfer
rules:
  - name: a
    when: request.kind == "transfer"
    route: {queue: suport, worker: alise}
    fallback: [{workflow: everyone, task_channel: chatt}, {queue: zzz}]
default: {workflow: everyone}
"""


def test_unresolved_targets_are_told_in_place() -> None:
    faults = unresolved(parse_rules(RULES), DIRECTORY)
    assert [(fault.line, fault.column, fault.length) for fault in faults] == [
        (2, 6, 8),
        (6, 20, 6),
        (6, 36, 5),
        (7, 51, 5),
        (7, 67, 3),
    ]
    said = [fault.message.partition(" (there are")[0] for fault in faults]
    assert said[:2] == ["the workspace has no workflow 'transfer'", "the workspace has no queue 'suport'"]
    assert "did you mean 'support'?" in faults[1].message
    assert "there are: billing, support" in faults[4].message


def test_twenty_names_are_offered_at_most() -> None:
    queues = {f"q{number:02}": sid("WQ", number) for number in range(30)}
    (fault,) = unresolved(parse_rules(HEAD + "default: {queue: zzz}"), replace(DIRECTORY, queues=queues))
    assert fault.message.endswith(f"(there are: {', '.join(sorted(queues)[:20])})")
    with pytest.raises(InvalidFieldsError) as caught:
        resolve_target(
            Target("queue", "zzz"), parse_rules(HEAD + "default: {queue: q01}"), replace(DIRECTORY, queues=queues)
        )
    assert caught.value.errors[0].message.endswith(f"there are: {', '.join(sorted(queues)[:20])}")


def test_nothing_is_unresolved_where_all_exists() -> None:
    assert unresolved(parse_rules(HEAD + "default: {queue: support}"), DIRECTORY) == ()


def test_name_cannot_be_resolved_without_names() -> None:
    (fault,) = unresolved(parse_rules("version: 1\ndefault: {workflow: everyone}"), Directory())
    assert "give a SID (WW…)" in fault.message


TARGETS = {
    "workflow": (Target("workflow", "everyone"), ("everyone", None, None)),
    "workflow-by-sid": (Target("workflow", sid("WW", 1)), ("everyone", None, None)),
    "queue": (Target("queue", "billing"), ("transfers", "billing", None)),
    "worker": (Target("worker", sid("WK", 2)), ("transfers", None, "bob")),
}


@pytest.mark.parametrize(("target", "names"), TARGETS.values(), ids=TARGETS)
def test_named_target_becomes_a_route(target: Target, names: tuple[str, str | None, str | None]) -> None:
    route = resolve_target(target, parse_rules(HEAD + "default: {workflow: everyone}"), DIRECTORY)
    assert (route.workflow, route.queue, route.worker) == names


NOWHERE = {
    "queue-misspelled": (Target("queue", "bilin"), DIRECTORY, "to.queue", "did you mean 'billing'?"),
    "workflow-unlike-any": (Target("workflow", "xyz"), DIRECTORY, "to.workflow", "there are: everyone, transfers"),
    "sid-of-another-kind": (Target("queue", sid("WK", 1)), DIRECTORY, "to.queue", "of that name or SID"),
    "names-unknown": (Target("queue", "billing"), Directory(), "to.queue", "only a SID (WQ and 32 hexadecimal"),
}


@pytest.mark.parametrize(("target", "directory", "field", "said"), NOWHERE.values(), ids=NOWHERE)
def test_target_that_is_nowhere_is_told(target: Target, directory: Directory, field: str, said: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        resolve_target(target, parse_rules(HEAD + "default: {workflow: everyone}"), directory)
    (error,) = caught.value.errors
    assert error.field == field
    assert said in error.message
    assert target.name not in error.message.replace("billing", "")


def test_workers_are_never_listed_to_callers() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        resolve_target(Target("worker", "alise"), parse_rules(HEAD + "default: {workflow: w}"), DIRECTORY)
    assert caught.value.errors[0].message == "the workspace has no worker of that name or SID"


@pytest.mark.parametrize("via", ["", "via: gone\n"], ids=["none", "unknown"])
def test_queue_cannot_be_named_without_via(via: str) -> None:
    rules = parse_rules(f"version: 1\n{via}default: {{workflow: everyone}}")
    with pytest.raises(InvalidFieldsError) as caught:
        resolve_target(Target("queue", "billing"), rules, DIRECTORY)
    assert caught.value.errors[0].field == "to.queue"
    assert "under via" in caught.value.errors[0].message
