"""A workflow's configuration: JSON text in, filters and targets out; and what its expressions can see. Pure.

Keys as in Twilio's "Workflow Overview": ``task_routing.filters[].{filter_friendly_name, expression, targets[]}``,
``targets[].{queue, expression, priority, timeout, skip_if, known_worker_sid, known_worker_friendly_name}``,
``task_routing.default_filter.queue``.
"""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache

from service.rules.expression import Expression as Condition
from service.rules.expression import ExpressionError, compile_expression
from service.sandbox.refusals import Refused
from service.sandbox.state import Task, Worker

TARGET_KEYS = frozenset(
    {
        "queue",
        "expression",
        "priority",
        "timeout",
        "skip_if",
        "order_by",
        "target_friendly_name",
        "known_worker_sid",
        "known_worker_friendly_name",
        "ignore_capacity",
    }
)


@dataclass(frozen=True)
class Expression:
    """A TaskRouter expression; an empty text always holds."""

    condition: Condition | None

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(text: str) -> "Expression":
        """Compile, once per text. Raises Refused if the text is no expression."""
        try:
            return Expression(compile_expression(text) if text.strip() else None)
        except ExpressionError as error:
            raise Refused(f"Invalid expression: {error}") from error

    def matches(self, facts: Mapping[str, object]) -> bool:
        """Whether it holds for these facts."""
        return self.condition is None or self.condition.matches(facts)


@dataclass(frozen=True)
class Target:
    """One routing step. ``timeout`` is this step's share in seconds; None waits for the task's own timeout."""

    queue_sid: str
    expression: Expression
    priority: int | None = None
    timeout: float | None = None
    skip_if: Expression | None = None
    known_worker: str | None = None
    known_by: str = "sid"


@dataclass(frozen=True)
class Filter:
    """Tasks that match ``expression`` go through ``targets`` in order."""

    name: str
    expression: Expression
    targets: tuple[Target, ...]


@lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[tuple[Filter, ...], str | None]:
    try:
        routing = json.loads(text)["task_routing"]
        filters = tuple(_filter(item) for item in routing.get("filters") or ())
        default = (routing.get("default_filter") or {}).get("queue")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"Configuration is not a workflow document ({type(error).__name__})") from error
    return filters, default


def parse_configuration(text: str) -> tuple[Filter, ...]:
    """The filters; the default filter, where there is one, comes last and matches everything. Raises Refused."""
    filters, default = _parsed(text)
    if default is None:
        return filters
    everything = Expression.of("")
    return (*filters, Filter("default_filter", everything, (Target(default, everything),)))


def check_configuration(text: str, queue_sids: Container[str]) -> None:
    """Raises Refused if it cannot be parsed or names a queue that is not there."""
    for one in parse_configuration(text):
        for target in one.targets:
            if target.queue_sid not in queue_sids:
                raise Refused(f"Configuration names a TaskQueue that does not exist: {target.queue_sid}")


def _filter(item: Mapping[str, object]) -> Filter:
    targets = item.get("targets")
    if not isinstance(targets, list) or not targets:
        raise Refused("Configuration has a filter without targets")
    name = item.get("filter_friendly_name") or item.get("friendly_name") or ""
    return Filter(str(name), Expression.of(str(item.get("expression") or "")), tuple(map(_target, targets)))


def _target(item: Mapping[str, object]) -> Target:
    unknown = sorted(set(item) - TARGET_KEYS)
    if unknown:
        raise Refused(f"Configuration has a target with an unknown key: {unknown[0]}")
    if "known_worker_sid" in item and "known_worker_friendly_name" in item:
        raise Refused("A target takes known_worker_sid or known_worker_friendly_name, not both")
    by = "friendly_name" if "known_worker_friendly_name" in item else "sid"
    known = item.get(f"known_worker_{by}")
    timeout, priority, skip = item.get("timeout"), item.get("priority"), item.get("skip_if")
    return Target(
        queue_sid=str(item["queue"]),
        expression=Expression.of(str(item.get("expression") or "")),
        priority=int(str(priority)) if priority is not None else None,
        timeout=float(str(timeout)) if timeout is not None else None,
        skip_if=Expression.of(str(skip)) if skip is not None else None,
        known_worker=str(known) if known is not None else None,
        known_by=by,
    )


def task_facts(task: Task) -> dict[str, object]:
    """What a filter's expression sees: the attributes by their bare names, and everything under ``task``."""
    whole = {**task.attributes, "sid": task.sid, "priority": task.priority}
    return {**task.attributes, "task": whole}


def worker_facts(worker: Worker, activity_name: str) -> dict[str, object]:
    """What a queue's expression sees: the attributes by their bare names, and everything under ``worker``."""
    own = {"sid": worker.sid, "name": worker.friendly_name, "friendly_name": worker.friendly_name}
    whole = {**worker.attributes, **own, "activity_name": activity_name}
    return {**whole, "worker": whole}


def known_worker(target: Target, task: Task) -> str | None:
    """The SID or name that the target is held for: a task attribute (``task.x``), or the text itself."""
    if target.known_worker is None:
        return None
    if not target.known_worker.startswith("task."):
        return target.known_worker
    value: object = task.attributes
    for part in target.known_worker.removeprefix("task.").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
