"""The routes of a rule into steps: which targets go together, what a queue or worker needs, Twilio's limits.

Twilio lets a task wait 1 to 1,209,600 s ("TaskRouter resource limits"). How large its attributes may be: ``carried``.
Whether the targets exist in the workspace is for ``resolve`` to say.
"""

import json
import re
from decimal import Decimal

from service.rules.carried import FLEX_ROOM, MOST_CHARACTERS
from service.rules.checking import checked
from service.rules.conditions import Context, asked_queues, named_activities, read_condition
from service.rules.document import Tree
from service.rules.expression import MAX_LENGTH, Expression
from service.rules.expression.tree import ListLiteral, comparisons_in
from service.rules.farewell import calendars_in, mistakes_in
from service.rules.faults import Place
from service.rules.ruleset import Condition, Named, Step
from service.rules.shape import SECONDS, FallenShape, RouteShape, WorkerFact

MAX_TIMEOUT_S = 1_209_600
TIMEOUT = (1, MAX_TIMEOUT_S, "1s to 14d (1209600 seconds)")
RECHECK = (5, 86_400, "5s to 24h (86400 seconds)")  # figures of a queue are kept for 5 s: sooner there is nothing new
MAX_ATTRIBUTES = MOST_CHARACTERS - FLEX_ROOM
RESERVED = ("router_", "flex")  # our own steering attributes, and those Flex writes
KEY = re.compile(r"\w+(\.\w+)+")


def read_steps(item: Tree, shape: FallenShape | None, context: Context) -> tuple[Step, ...]:
    """The steps of a rule or of the default: its route, then its fallbacks. Faults are added to ``context``."""
    route, fallback = item.children.get("route"), item.children.get("fallback")
    routes = [route] if route else []
    routes += fallback.children.values() if fallback else ()
    if shape and shape.farewell:
        _farewell(item, shape, context)
    steps = [read_step(each, context) for each in routes]
    return tuple(step for step in steps if step)


def _farewell(item: Tree, shape: FallenShape, context: Context) -> None:
    if shape.on_lapse == "leave":
        context.fault(item.keys["farewell"], "a farewell is only sent where on_lapse is close")
    written, text = item.children["farewell"], shape.farewell or ""
    for mistake in mistakes_in(text, context.vocabulary.calendars):
        context.fault(written.within(context.source, mistake.position, mistake.length), mistake.message)
    for name in calendars_in(text):
        if name in context.calendars and not context.calendars[name].opens_weekly:
            context.fault(written.place, f"the week of the calendar {name!r} has no moment at which it opens")


def read_step(tree: Tree, context: Context) -> Step | None:
    """The step that one route describes, or None if it has a fault."""
    route = checked(RouteShape, tree, context.source, [])  # its faults are told with the rule it belongs to
    if route is None:
        return None
    workflow = _named(tree, "workflow") or context.via
    before = len(context.found)
    _targets(route, tree, context)
    timeout_s = seconds_in(tree, "timeout", context)
    condition = read_condition(tree.children.get("skip_if"), context)
    skip_if = _complete(condition, tree, context) if condition else None
    recheck_s = _recheck_s(route, tree, context)
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
        skip_if=skip_if,
        recheck_s=recheck_s,
        asks=asked_queues([condition]),
        activities=named_activities([condition]),
        place=Place(tree.place.line, tree.place.column),
    )


def _complete(condition: Condition, tree: Tree, context: Context) -> str:
    """The text of a condition with its named lists written out."""
    text = _lists_written_out(condition.expression)
    if len(text) > MAX_LENGTH:
        message = f"with its lists written out it has more than {MAX_LENGTH} characters, too many to keep with a plan"
        context.fault(tree.children["skip_if"].place, message)
    return text


def _lists_written_out(expression: Expression) -> str:
    text = expression.text
    for comparison in reversed(list(comparisons_in(expression.tree))):
        for operand in (comparison.right, comparison.left):
            if isinstance(operand, ListLiteral) and text[operand.start] != "[":
                values = ", ".join(_constant(value) for value in operand.values)
                text = f"{text[: operand.start]}[{values}]{text[operand.end :]}"
    return text


def _constant(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value).lower()


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


def _recheck_s(route: RouteShape, tree: Tree, context: Context) -> int | None:
    if route.recheck is not None and route.skip_if is None:
        context.fault(tree.keys["recheck"], "recheck asks skip_if again: give this step a skip_if, or leave it out")
    return seconds_in(tree, "recheck", context, limits=RECHECK)


def seconds_in(tree: Tree, key: str, context: Context, *, limits: tuple[int, int, str] = TIMEOUT) -> int | None:
    """The time under ``key`` in seconds, None if there is none. Its form has been checked with the structure.

    ``limits`` are the shortest and the longest in seconds, and both in words.
    """
    if key not in tree.children:
        return None
    written = str(tree.children[key].value)
    unit = SECONDS.get(written[-1], 0)
    seconds = int(written[:-1]) * unit if unit else int(written)
    shortest, longest, told = limits
    if not shortest <= seconds <= longest:
        context.fault(tree.children[key].place, f"{key} goes from {told}")
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
