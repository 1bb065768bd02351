"""The routes of a rule into steps: which targets go together, what a queue or worker needs, Twilio's limits.

Twilio lets a task wait 1 to 1,209,600 s and takes attributes of 4,096 characters ("TaskRouter resource limits").
Whether the targets exist in the workspace is for ``resolve`` to say.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.rules.document import Tree
from service.rules.faults import Fault, Place, Source
from service.rules.ruleset import Named, Step
from service.rules.shape import FallenShape, RouteShape, WorkerFact, checked
from service.rules.vocabulary import Vocabulary

MAX_TIMEOUT_S = 1_209_600
MAX_ATTRIBUTES = 4096
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RESERVED = ("router_", "flex")  # our own steering attributes, and those Flex writes
KEY = re.compile(r"\w+(\.\w+)+")


@dataclass(frozen=True)
class Context:
    """What every part of the file is read with."""

    source: Source
    found: list[Fault]
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    lists: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    via: Named | None = None

    def fault(self, place: Place, message: str) -> None:
        self.found.append(self.source.fault(place, message))


def read_steps(item: Tree, shape: FallenShape | None, context: Context) -> tuple[Step, ...]:
    """The steps of a rule or of the default: its route, then its fallbacks. Faults are added to ``context``."""
    route, fallback = item.children.get("route"), item.children.get("fallback")
    routes = [route] if route else []
    routes += fallback.children.values() if fallback else ()
    if shape and shape.farewell and shape.on_lapse == "leave":
        context.fault(item.keys["farewell"], "a farewell is only sent where on_lapse is close")
    steps = [read_step(each, context) for each in routes]
    return tuple(step for step in steps if step)


def read_step(tree: Tree, context: Context) -> Step | None:
    """The step that one route describes, or None if it has a fault."""
    route = checked(RouteShape, tree, context.source, [])  # its faults are told with the rule it belongs to
    if route is None:
        return None
    workflow = _named(tree, "workflow") or context.via
    before = len(context.found)
    _targets(route, tree, context)
    timeout_s = _timeout_s(route, tree, context)
    _attributes(route, tree, context)
    if workflow is None or len(context.found) > before:
        return None
    return Step(
        workflow=workflow,
        queue=_named(tree, "queue"),
        worker=_named(tree, "worker"),
        worker_fact=_worker_fact(route, tree, context),
        direct=route.direct,
        task_channel=_named(tree, "task_channel"),
        priority=route.priority,
        timeout_s=timeout_s,
        attributes=route.attributes or {},
    )


def _named(tree: Tree, key: str) -> Named | None:
    child = tree.children.get(key)
    return Named(child.value, child.place) if child and isinstance(child.value, str) else None


def _targets(route: RouteShape, tree: Tree, context: Context) -> None:
    start = Place(tree.place.line, tree.place.column)
    if route.workflow is None and route.queue is None and route.worker is None:
        context.fault(start, "a route needs at least a workflow, a queue or a worker")
    elif route.workflow is None and context.via is None:
        place = tree.keys["queue" if route.queue else "worker"]
        message = "a queue or worker is reached through a workflow: name it here, or once for all under via"
        context.fault(place, message)
    if route.direct and (route.queue is None or route.worker is None):
        context.fault(tree.keys["direct"], "direct needs both a queue and a worker")


def _worker_fact(route: RouteShape, tree: Tree, context: Context) -> tuple[str | int, ...] | None:
    if not isinstance(route.worker, WorkerFact):
        return None
    place = tree.children["worker"].children["fact"].place
    name = route.worker.fact
    reason = context.vocabulary.unknown(name) if KEY.fullmatch(name) else "a fact is named by dotted names"
    if not reason and context.vocabulary.type_of(name) not in ("text", ""):
        reason = f"a worker is named by a text, {name} is a {context.vocabulary.type_of(name)}"
    if reason:
        context.fault(place, reason)
    return tuple(name.split("."))


def _timeout_s(route: RouteShape, tree: Tree, context: Context) -> int | None:
    if route.timeout is None:
        return None
    written = str(route.timeout)
    unit = SECONDS.get(written[-1], 0)
    seconds = int(written[:-1]) * unit if unit else int(written)
    if not 1 <= seconds <= MAX_TIMEOUT_S:
        context.fault(tree.children["timeout"].place, "a timeout goes from 1s to 14d (1209600 seconds)")
    return seconds


def _attributes(route: RouteShape, tree: Tree, context: Context) -> None:
    if route.attributes is None:
        return
    for key, place in tree.children["attributes"].keys.items():
        if key.startswith(RESERVED):
            context.fault(place, f"attributes that begin with {' or '.join(RESERVED)} are reserved")
    size = len(json.dumps(route.attributes, ensure_ascii=False))
    if size > MAX_ATTRIBUTES:
        message = f"attributes may have {MAX_ATTRIBUTES} characters as JSON, these have {size}"
        context.fault(tree.keys["attributes"], message)
