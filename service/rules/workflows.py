"""A TaskRouter workflow as lint needs it: filters and their targets, out of what the REST API answers. Pure.

Keys as in Twilio's "Workflow Overview": ``task_routing.filters[]`` with ``filter_friendly_name``, ``expression`` and
``targets[]`` of ``queue``, ``timeout``, ``skip_if``, ``known_worker_sid`` …; ``task_routing.default_filter.queue``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkflowTarget:
    """One routing step: its queue (WQ), and who it is held for, as it is written there."""

    queue_sid: str
    expression: str = ""
    skip_if: str = ""
    known_worker: str = ""
    has_timeout: bool = False


@dataclass(frozen=True)
class WorkflowFilter:
    """Tasks that fit ``expression`` (empty: all) go through ``targets``."""

    name: str
    expression: str
    targets: tuple[WorkflowTarget, ...]


@dataclass(frozen=True)
class Workflow:
    """One workflow of the workspace; ``default_queue_sid`` is None if it has no default filter."""

    sid: str
    name: str
    filters: tuple[WorkflowFilter, ...]
    default_queue_sid: str | None


def read_workflow(resource: Mapping[str, object]) -> Workflow:
    """The workflow that a REST answer describes; ``configuration`` may be a text, as Twilio gives it, or an object.

    Raises ``ValueError`` if there is no configuration in it that can be read.
    """
    written = resource.get("configuration")
    try:
        routing = (json.loads(written) if isinstance(written, str) else written)["task_routing"]  # type: ignore[index]
        filters = tuple(_filter(item) for item in routing.get("filters") or ())
        default = (routing.get("default_filter") or {}).get("queue")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"the configuration of workflow {resource.get('sid')} cannot be read") from None
    return Workflow(str(resource.get("sid")), str(resource.get("friendly_name")), filters, default)


def _filter(item: Mapping[str, object]) -> WorkflowFilter:
    name = item.get("filter_friendly_name") or item.get("friendly_name") or "(no name)"
    targets = item.get("targets")
    listed = targets if isinstance(targets, list) else []
    return WorkflowFilter(str(name), str(item.get("expression") or ""), tuple(map(_target, listed)))


def _target(item: Mapping[str, object]) -> WorkflowTarget:
    known = item.get("known_worker_sid") or item.get("known_worker_friendly_name") or ""
    return WorkflowTarget(
        queue_sid=str(item["queue"]),
        expression=str(item.get("expression") or ""),
        skip_if=str(item.get("skip_if") or ""),
        known_worker=str(known),
        has_timeout=item.get("timeout") is not None,
    )
