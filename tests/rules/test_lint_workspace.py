"""Our routes against live workflows, and TaskRouter's own traps in them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.rules.commands import lint_text
from service.rules.expression import compile_expression
from service.rules.lint_workspace import lint_workspace
from service.rules.possible import possible
from service.rules.reading import parse_rules
from service.rules.resolve import Directory
from tests.conftest import sid

QUEUES = {name: sid("WQ", number) for number, name in enumerate(("everyone", "billing", "support"))}
DIRECTORY = Directory(
    workflows={"transfers": sid("WW", 1), "everyone": sid("WW", 2)}, queues=QUEUES, workers={"alice": sid("WK", 1)}
)
HEAD = "version: 1\nvia: transfers\n"
NOT_THERE_YET = "worker.sid NOT IN task.router_workers_present"


def workflow(*filters: Mapping[str, object], default: str | None = None) -> dict[str, object]:
    """The workflow ``transfers`` as the REST API answers it."""
    routing = {"filters": list(filters), **({"default_filter": {"queue": QUEUES[default]}} if default else {})}
    return {
        "sid": sid("WW", 1),
        "friendly_name": "transfers",
        "configuration": json.dumps({"task_routing": routing}),
    }


def to_queue(name: str, expression: str = "", /, **target: object) -> dict[str, object]:
    """A filter that leads to one queue; what is given by name belongs to its target."""
    expression = expression or f"router_target == 'queue' AND router_queue == '{name}'"
    targets = [{"queue": QUEUES[name], "expression": NOT_THERE_YET, **target}]
    return {"filter_friendly_name": f"to {name}", "expression": expression, "targets": targets}


def told(route: str, *workflows: Mapping[str, object]) -> list[str]:
    """The warnings for a file that has only this route."""
    found = lint_workspace(parse_rules(f"{HEAD}default: {route}\n"), workflows, DIRECTORY)
    return [str(one).splitlines()[0] for one in found]


CAUGHT = {
    "queue": ("{queue: billing}", workflow(to_queue("support"), to_queue("billing"))),
    "queue-by-sid": (f"{{queue: {QUEUES['billing']}}}", workflow(to_queue("billing"))),
    "bare-or-under-task": ("{queue: billing}", workflow(to_queue("billing", "task.router_queue == 'billing'"))),
    "by-our-attribute": ("{queue: billing, attributes: {lang: de}}", workflow(to_queue("billing", "lang == 'de'"))),
    "by-the-default": ("{queue: billing}", workflow(to_queue("support"), default="billing")),
    "workflow-by-the-default": ("{workflow: transfers}", workflow(to_queue("support"), default="everyone")),
    "perhaps-by-the-callers": ("{queue: billing}", workflow(to_queue("support", "topic == 'x'"))),
    "perhaps-under-task": ("{queue: billing}", workflow(to_queue("support", "task.topic == 'x'"))),
    "worker": (
        "{worker: alice}",
        workflow(to_queue("everyone", "router_target == 'worker'", known_worker_sid="task.router_worker_sid")),
    ),
    "worker-by-name": (
        "{worker: alice}",
        workflow(to_queue("everyone", "router_target == 'worker'", known_worker_friendly_name="task.agent_name")),
    ),
    "worker-of-a-fact": (
        "{worker: {fact: attributes.a}}",
        workflow(to_queue("everyone", "router_target == 'worker'", known_worker_sid="task.router_worker_sid")),
    ),
    "direct": ("{queue: billing, worker: alice, direct: true}", workflow(to_queue("support"))),
    "filter-for-all": ("{queue: billing}", workflow(to_queue("billing", " "))),
    "workflow-not-listed": ("{workflow: everyone}", workflow()),
    "workflow-unknown": ("{workflow: nowhere}", workflow()),
}


@pytest.mark.parametrize(("route", "resource"), CAUGHT.values(), ids=CAUGHT)
def test_route_that_is_caught_is_left_alone(route: str, resource: dict[str, object]) -> None:
    assert told(route, resource) == []


MISSED = {
    "no-filter": (
        "{queue: billing}",
        workflow(to_queue("support")),
        "no filter of workflow 'transfers' would catch this route, and it has no default filter",
    ),
    "renamed-queue": (
        "{queue: billing}",
        workflow(to_queue("billing", "router_target == 'queue' AND router_queue == 'Billing'"), default="everyone"),
        "only the default filter of workflow 'transfers' would catch this route",
    ),
    "other-queue": (
        "{queue: billing}",
        workflow(to_queue("support", "router_target == 'queue'")),
        "catches this route by filter 'to support', which leads to other queues",
    ),
    "no-filter-for-workers": (
        "{worker: alice}",
        workflow(to_queue("support"), default="everyone"),
        "only the default filter of workflow 'transfers'",
    ),
    "worker-not-held-for": (
        "{worker: alice}",
        workflow(to_queue("everyone", "router_target == 'worker'")),
        "the filter 'to everyone' that catches this route has no target with known_worker_sid",
    ),
    "rule-attribute-differs": (
        "{workflow: transfers, attributes: {lang: fr}}",
        workflow(to_queue("billing", "lang == 'de' OR lang == 'en'")),
        "no filter of workflow 'transfers'",
    ),
}


@pytest.mark.parametrize(("route", "resource", "said"), MISSED.values(), ids=MISSED)
def test_route_that_is_missed_is_told(route: str, resource: dict[str, object], said: str) -> None:
    (message,) = told(route, resource)
    assert message.startswith("rules.yaml:3:10: ")
    assert said in message


ANSWERS = {
    "known": ("a == 1", True),
    "known-under-task": ("task.a == 2", False),
    "not-known": ("x == 1", None),
    "task-alone": ("task == 1", None),
    "both-known": ("a == b", False),
    "one-known": ("a == x", None),
    "constants": ("1 == 1", True),
    "and-decided": ("x == 1 AND a == 2", False),
    "and-open": ("x == 1 AND a == 1", None),
    "or-decided": ("x == 1 OR a == 1", True),
    "or-open": ("x == 1 OR a == 2", None),
    "or-none": ("b == 1 OR a == 2", False),
    "not-decided": ("NOT a == 1", False),
    "not-open": ("NOT x == 1", None),
}


@pytest.mark.parametrize(("text", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_condition_over_partly_known_facts_is_judged(text: str, answer: bool | None) -> None:
    assert possible(compile_expression(text, dialect="rules").tree, {"a": 1, "b": None}) is answer


TRAPS = {
    "hyphen": ("order-value > 1", "hyphens are not allowed"),
    "extension": ("NOT a == 1", "TaskRouter knows NOT only in NOT IN"),
    "mixed": ("a == 1 OR b == 1 AND c == 1", "AND and OR without brackets"),
    "unequal": ("a != 1", "also holds where a is missing"),
    "has-on-a-text": ("'skills' HAS 'a'", "HAS needs an array on its left; this is a text"),
    "in-a-text": ("a IN 'b'", "IN needs an array on its right; this is a text"),
    "contains-on-a-list": ("['a'] CONTAINS a", "for arrays there is HAS"),
    "null-in-quotes": ("a == 'null'", "null, true and false are not texts"),
    "true-in-quotes": ("'true' == a", "null, true and false are not texts"),
    "false-in-quotes": ("a == 'false'", "null, true and false are not texts"),
    "worker-in-a-filter": ("worker.skills HAS 'a'", "a filter sees the task only"),
}


@pytest.mark.parametrize(("expression", "said"), TRAPS.values(), ids=TRAPS)
def test_trap_in_a_filter_is_told(expression: str, said: str) -> None:
    (message,) = told("{workflow: transfers}", workflow(to_queue("billing", expression), default="everyone"))
    assert message.startswith("workflow transfers, filter to billing:1:")
    assert said in message


def test_worker_of_a_target_has_a_sid_but_perhaps_no_skill() -> None:
    parts = "worker.sid NOT IN task.router_workers_present AND worker.name != 'x' AND worker.skill != 'y'"
    (message,) = told("{workflow: transfers}", workflow(to_queue("billing", expression=parts), default="everyone"))
    assert "worker.skill != null" in message


def test_target_may_name_the_worker() -> None:
    resource = workflow(to_queue("billing", "a == 1", skip_if="1 == 1"), default="everyone")
    resource["configuration"] = str(resource["configuration"]).replace("1 == 1", "worker.skills HAS 'a'")
    assert told("{workflow: transfers}", resource) == []


TARGETS = {
    "skip-if": ({"skip_if": "a == 'null'"}, "filter f, skip_if:1:1: this compares with a word in quotes"),
    "expression": ({"expression": "a !="}, "filter f, target:1:5: the expression ends too early"),
    "known-worker-hyphen": ({"known_worker_sid": "task.agent-sid"}, "so task.agent-sid names nobody"),
}


@pytest.mark.parametrize(("target", "said"), TARGETS.values(), ids=TARGETS)
def test_trap_in_a_target_is_told(target: dict[str, object], said: str) -> None:
    one = {"friendly_name": "f", "expression": "a == 1", "targets": [{"queue": QUEUES["billing"], **target}]}
    (message,) = told("{workflow: transfers}", workflow(one, default="everyone"))
    assert said in message


def test_target_that_keeps_the_task_is_told() -> None:
    targets = [{"queue": QUEUES["billing"], "timeout": 5}, {"queue": QUEUES["support"]}, {"queue": QUEUES["everyone"]}]
    (message,) = told("{workflow: transfers}", workflow({"expression": "a == 1", "targets": targets}))
    assert "a target without a timeout keeps the task" in message


@pytest.mark.parametrize("expression", ["", "1 == 1"], ids=["empty", "constant"])
def test_filter_before_others_that_takes_all_is_told(expression: str) -> None:
    everyone = {"expression": expression, "targets": [{"queue": QUEUES["everyone"]}]}
    (message,) = told("{workflow: transfers}", workflow(everyone, to_queue("billing")))
    assert message.startswith("workflow transfers, filter (no name):1:1: this filter takes every task")


def test_fault_points_into_the_expression() -> None:
    ruleset = parse_rules(f"{HEAD}default: {{workflow: transfers}}\n")
    (fault,) = lint_workspace(ruleset, [workflow(to_queue("billing", "a == 1 AND b == 'null'"))], DIRECTORY)
    assert str(fault).splitlines()[1:] == ["    1 | a == 1 AND b == 'null'", "      |            " + "^" * 11]


def test_configuration_may_be_an_object() -> None:
    resource = {**workflow(), "configuration": {"task_routing": {"filters": []}}}
    assert len(told("{queue: billing}", resource)) == 1


UNREADABLE = {"no-json": "{", "no-object": "[]", "no-routing": "{}", "missing": None,
              "no-queue": '{"task_routing": {"filters": [{"targets": [{}]}]}}'}  # fmt: skip


@pytest.mark.parametrize("configuration", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_configuration_is_told(tmp_path: Path, configuration: str | None) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(f"{HEAD}default: {{queue: billing}}\n")
    resource = {"sid": sid("WW", 1), "configuration": configuration}
    code, text = lint_text(path, directory=DIRECTORY, workflows=[resource])
    assert (code, text) == (2, f"the configuration of workflow {sid('WW', 1)} cannot be read\n")


OFFERED_AGAIN = {
    "one": (workflow(to_queue("billing", expression=""), to_queue("support")), "by 'to billing': add `worker.sid NOT"),
    "several": (
        workflow(*(to_queue(name, "router_queue == 'x'", expression="1 == 1") for name in ("billing", "support"))),
        "by 'to billing', 'to support': add",
    ),
    "as-many-as-are-named": (
        workflow(*(to_queue("billing", f"router_queue == '{n}'", expression="1 == 1") for n in range(5))),
        "by " + ", ".join(["'to billing'"] * 5) + ": add",
    ),
    "many": (
        workflow(*(to_queue("billing", f"task.router_queue_sid == '{n}'", expression="1 == 1") for n in range(6))),
        "by " + ", ".join(["'to billing'"] * 5) + " …: add",
    ),
}


@pytest.mark.parametrize(("resource", "said"), OFFERED_AGAIN.values(), ids=OFFERED_AGAIN)
def test_filter_that_rings_those_who_are_there_is_told(resource: dict[str, object], said: str) -> None:
    (message,) = told("{workflow: everyone}", resource)
    assert message.startswith(
        "workflow transfers:1:1: agents who are on a conversation already are asked onto it again"
    )
    assert said in message


def test_second_target_may_ring_those_who_are_there() -> None:
    targets = [{"queue": QUEUES["billing"], "timeout": 5, "expression": NOT_THERE_YET}, {"queue": QUEUES["support"]}]
    one = {"expression": "router_target == 'queue'", "friendly_name": "f", "targets": targets}
    (message,) = told("{workflow: everyone}", workflow(one))
    assert "by 'f': add" in message


NOT_MEANT = {
    "for-workers": to_queue("everyone", "router_target == 'worker'", expression=""),
    "not-steered": to_queue("billing", "topic == 'x'", expression=""),
    "for-all": to_queue("billing", " ", expression=""),
    "unreadable": to_queue("billing", "router_target ==", expression=""),
    "without-targets": {"expression": "router_target == 'queue'", "targets": []},
}


@pytest.mark.parametrize("one", NOT_MEANT.values(), ids=NOT_MEANT)
def test_filter_that_no_queue_route_takes_is_left_alone(one: dict[str, object]) -> None:
    assert told("{workflow: everyone}", workflow(one)) == []


def test_only_the_workflow_under_via_is_asked() -> None:
    rules = parse_rules("version: 1\ndefault: {workflow: everyone}\n")
    assert lint_workspace(rules, [workflow(to_queue("billing", expression=""))], DIRECTORY) == ()
