"""The structure of a rules file: which keys there are and what they hold. The JSON Schema for editors comes from here.

The only module that uses pydantic. It turns a part of the document into a checked shape, or into faults at the exact
key or value; what the parts mean together is for ``ruleset`` to judge. Every field's description is at once the
editor's help and the fault's text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from service.rules.document import Tree
from service.rules.expression.faults import did_you_mean
from service.rules.faults import Fault, Place, Source

MAX_RULES = 1000
MAX_FALLBACKS = 10
LATER = {
    "calendars": "calendars are",
    "skip_if": "skip_if is",
    "recheck": "recheck is",
    "percent": "percentages are",
    "percentage": "percentages are",
}


class Shape(BaseModel):
    """What all parts share: frozen, no coercion, no unknown keys, and no input in error texts."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class WorkerFact(Shape):
    """A worker named by the request itself."""

    fact: str = Field(min_length=1, description="the name of a fact that holds a worker's SID or name")


Named = Annotated[str, Field(min_length=1, max_length=256)]
WorkerShape = Annotated[
    Annotated[Named, Tag("(name)")] | Annotated[WorkerFact, Tag("(fact)")],
    Discriminator(lambda value: "(fact)" if isinstance(value, dict | WorkerFact) else "(name)"),
]  # the tags turn up among the steps to an error: in brackets none can be taken for a key


class RouteShape(Shape):
    """Where the task goes."""

    workflow: Named | None = Field(None, description="the friendly name or SID (WW…) of a workflow")
    queue: Named | None = Field(None, description="the friendly name or SID (WQ…) of a task queue")
    worker: WorkerShape | None = Field(
        None, description="the friendly name or SID (WK…) of a worker, or {fact: name of the fact that holds it}"
    )
    direct: bool = Field(False, description="true or false; true names queue and worker to Twilio without steering")
    task_channel: Named | None = Field(None, description="the unique name or SID (TC…) of a task channel")
    priority: int | None = Field(None, ge=0, le=2**31 - 1, description="a whole number from 0 to 2147483647")
    timeout: Annotated[str, Field(pattern=r"^[0-9]{1,8}[smhd]?$")] | int | None = Field(
        None, description="a time such as 20s, 2m, 12h or 14d, or plain seconds"
    )
    attributes: dict[str, Any] | None = Field(None, description="attributes that are put on the task, by name")


class FallenShape(Shape):
    """What a rule and the default share: the steps after the first, and what follows the last."""

    fallback: list[RouteShape] = Field(
        default_factory=list,
        max_length=MAX_FALLBACKS,
        description=f"a list of up to {MAX_FALLBACKS} routes, each tried when the one before it lapsed",
    )
    on_lapse: Literal["close", "leave"] = Field("close", description="close or leave")
    farewell: Annotated[str, Field(min_length=1, max_length=1600)] | None = Field(
        None, description="the text of a message, 1 to 1600 characters, sent before the conversation is closed"
    )


class DefaultShape(FallenShape):
    """What happens when no rule matches, written out."""

    route: RouteShape = Field(description="where the task goes: at least a workflow, queue or worker")


class RuleShape(DefaultShape):
    """One rule."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = Field(
        description="a name of 1 to 64 characters out of a-z, 0-9 and -"
    )
    when: str | None = Field(None, description="a condition; without it the rule always matches")


class HeadShape(Shape):
    """What stands in a rules file beside the rules."""

    version: Literal[1] = Field(description="1")
    facts: dict[str, Literal["text", "number", "boolean", "list"]] = Field(
        default_factory=dict, description="the type (text, number, boolean or list) of each attribute, by name"
    )
    lists: dict[str, list[str | int | float | bool]] = Field(
        default_factory=dict, description="lists of texts, numbers, true and false, by name"
    )
    via: Named | None = Field(
        None, description="the name or SID (WW…) of the workflow that carries tasks to a queue or worker"
    )


class FileShape(HeadShape):
    """A whole rules file."""

    rules: list[RuleShape] = Field(
        default_factory=list, max_length=MAX_RULES, description=f"a list of up to {MAX_RULES} rules, first match wins"
    )
    default: RouteShape | DefaultShape = Field(description="the route, or {route, fallback, …}, when no rule matches")


OWNERS: Mapping[str, type[Shape]] = {"route": RouteShape, "fallback": RouteShape, "worker": WorkerFact}
HELP: Mapping[str, str] = {
    name: field.description or name
    for shape in (FileShape, RuleShape, RouteShape, WorkerFact)
    for name, field in shape.model_fields.items()
}
S = TypeVar("S", bound=Shape)
Told = dict[Place, str]


def checked(shape: type[S], tree: Tree, source: Source, found: list[Fault]) -> S | None:
    """``tree`` as ``shape``, or None with every reason added to ``found``."""
    if not isinstance(tree.value, dict):
        found.append(source.fault(tree.place, "keys and values are expected here"))
        return None
    told: Told = dict(_empty(tree))
    valid = None
    try:
        valid = shape.model_validate(tree.value)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False, include_context=False):
            told.setdefault(*_told(shape, tree, detail["type"], detail["loc"]))
    found.extend(source.fault(place, message) for place, message in told.items())
    return None if told else valid


def _told(shape: type[Shape], tree: Tree, kind: str, steps: tuple[str | int, ...]) -> tuple[Place, str]:
    """The place and message of one of pydantic's errors. Steps that are not in the document name a form of a union."""
    at, owner, field, place = tree, shape, "", tree.place
    for step in steps[:-1] if kind in ("missing", "extra_forbidden") else steps:
        if step not in at.children:
            continue
        place = at.keys[str(step)] if at.children[step].value is None and step in at.keys else at.children[step].place
        at, owner, field = at.children[step], OWNERS.get(str(step), owner), str(step) if step in HELP else field
    name = str(steps[-1])
    if kind == "missing":
        return Place(place.line, place.column), f"{name} is missing; it must be {HELP[name]}"
    if kind == "extra_forbidden":
        return at.keys[name], unknown_key(name, owner.model_fields)
    return place, f"{field} must be {HELP[field]}"


def unknown_key(name: str, known: Iterable[str]) -> str:
    """What to say of a key that is not among those known."""
    if name in LATER:
        return f"{LATER[name]} not available in this version"
    return f"there is no key {name!r} here (allowed: {', '.join(known)}){did_you_mean(name, known)}"


def _empty(tree: Tree) -> Iterator[tuple[Place, str]]:
    """Keys without a value, which YAML reads as null: nearly always a slip. Task attributes may be null."""
    for key, child in tree.children.items():
        if child.value is None and isinstance(key, str):
            yield tree.keys[key], f"{key} has no value; give one or leave the key out"
        elif key != "attributes":
            yield from _empty(child)


def schema_text() -> str:
    """The JSON Schema of a rules file, for editors, as ``config/rules.schema.json`` holds it."""
    schema = _without_null(FileShape.model_json_schema())
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Routing rules"}
    return json.dumps(schema, indent=2) + "\n"


def _without_null(part: Any) -> Any:
    """A key that is optional here may be left out, but not be null."""
    if isinstance(part, list):
        return [_without_null(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _without_null(value) for key, value in part.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **{key: value for key, value in kept.items() if key != "anyOf"}}
    return {**kept, "anyOf": choices} if choices else kept
