"""The ``Routing`` of an Interaction or Invite: JSON in, checked against the workspace, out comes what it asks for.

Which combinations are legal: "Invites Subresource" and "Park an Interaction". Nothing is changed in here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from service.sandbox.refusals import Refused
from service.sandbox.tasks import DEFAULT_TIMEOUT_S, MOST_TIMEOUT_S
from service.sandbox.world import World

MOST_PRIORITY = 2**31 - 1


@dataclass(frozen=True)
class Asked:
    """What ``Routing.properties`` asks for, resolved. ``sent`` is what came, for the control plane."""

    workflow_sid: str
    task_channel_sid: str
    priority: int
    timeout: int
    queue_sid: str | None
    worker_sid: str | None
    attributes: dict[str, object]
    sent: dict[str, object]

    @property
    def place(self) -> tuple[str, str, int, int, str | None, str | None]:
        """The fields of a task, in the order of ``NewTask`` after its attributes."""
        return self.workflow_sid, self.task_channel_sid, self.priority, self.timeout, self.queue_sid, self.worker_sid


def read_routing(world: World, routing: Mapping[str, object]) -> Asked:
    """Raises Refused naming the property that is at fault."""
    properties = routing.get("properties")
    if not isinstance(properties, Mapping):
        raise Refused("Routing.properties is required")
    if properties.get("workspace_sid") != world.workspace.sid:
        raise Refused("Routing.properties.workspace_sid is missing or not a workspace of this account")
    queue_sid, worker_sid = _queue_and_worker(world, properties)
    return Asked(
        workflow_sid=_workflow(world, properties),
        task_channel_sid=_task_channel(world, properties),
        priority=_integer(properties, "priority", 0, (0, MOST_PRIORITY)),
        timeout=_integer(properties, "timeout", DEFAULT_TIMEOUT_S, (1, MOST_TIMEOUT_S)),
        queue_sid=queue_sid,
        worker_sid=worker_sid,
        attributes=_attributes(properties.get("attributes")),
        sent=dict(properties),
    )


def _workflow(world: World, properties: Mapping[str, object]) -> str:
    sid = properties.get("workflow_sid")
    if sid is None:
        if len(world.workflows) != 1:
            raise Refused("Routing.properties.workflow_sid is required: the workspace has several workflows")
        return next(iter(world.workflows))
    if sid not in world.workflows:
        raise Refused("Routing.properties.workflow_sid is not a workflow of this workspace")
    return str(sid)


def _queue_and_worker(world: World, properties: Mapping[str, object]) -> tuple[str | None, str | None]:
    queue, worker = properties.get("queue_sid"), properties.get("worker_sid")
    if queue is not None and queue not in world.queues:
        raise Refused("Routing.properties.queue_sid is not a TaskQueue of this workspace")
    if worker is not None and worker not in world.workers:
        raise Refused("Routing.properties.worker_sid is not a Worker of this workspace")
    if worker is not None and queue is None:
        raise Refused("Routing.properties.queue_sid is required together with worker_sid")
    if queue is not None and worker is None and world.switches.queue_only_invite == "refuse":
        raise Refused("Routing.properties.worker_sid is required together with queue_sid")
    return str(queue) if queue else None, str(worker) if worker else None


def _task_channel(world: World, properties: Mapping[str, object]) -> str:
    sid, name = properties.get("task_channel_sid"), properties.get("task_channel_unique_name")
    if sid is not None:
        if sid not in world.task_channels:
            raise Refused("Routing.properties.task_channel_sid is not a TaskChannel of this workspace")
        return str(sid)
    found = world.task_channel_named(str(name or "default"))
    if found is None:
        raise Refused("Routing.properties.task_channel_unique_name is not a TaskChannel of this workspace")
    return found.sid


def _integer(properties: Mapping[str, object], name: str, default: int, limits: tuple[int, int]) -> int:
    value = properties.get(name)
    if value is None:
        return default
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or not limits[0] <= int(text) <= limits[1]:
        raise Refused(f"Routing.properties.{name} must be an integer from {limits[0]} to {limits[1]}")
    return int(text)


def _attributes(value: object) -> dict[str, object]:
    if value is None:
        return {}
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Refused("Routing.properties.attributes must be a JSON object")
    return parsed
