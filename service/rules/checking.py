"""Holds a part of a document to a pydantic shape: a checked value, or a fault at the exact key or value.

Every field's description is at once the editor's help and the fault's text. What the shapes are is for others to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from service.rules.document import Tree
from service.rules.expression.faults import did_you_mean
from service.rules.faults import Fault, Place, Source


class Shape(BaseModel):
    """What all shapes share: frozen, no coercion, no unknown keys, and no input in error texts.

    ``OWNERS`` are the shapes of the mappings inside it, by the key that leads to them; under the keys in ``NULLABLE``
    a value may be null.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)
    OWNERS: ClassVar[Mapping[str, "type[Shape]"]] = {}
    NULLABLE: ClassVar[frozenset[str]] = frozenset()


S = TypeVar("S", bound=Shape)
Told = dict[Place, str]


@cache
def _help(shape: type[Shape]) -> Mapping[str, str]:
    """What each key may hold, anywhere in ``shape``."""
    parts = (shape, *shape.OWNERS.values())
    return {name: field.description or name for part in parts for name, field in part.model_fields.items()}


def checked(shape: type[S], tree: Tree, source: Source, found: list[Fault]) -> S | None:
    """``tree`` as ``shape``, or None with every reason added to ``found``."""
    if not isinstance(tree.value, dict):
        found.append(source.fault(tree.place, "keys and values are expected here"))
        return None
    told: Told = dict(_empty(tree, shape))
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
    at, owner, field, place, help_for = tree, shape, "", tree.place, _help(shape)
    for step in steps[:-1] if kind in ("missing", "extra_forbidden") else steps:
        if step not in at.children:
            continue
        place = at.keys[str(step)] if at.children[step].value is None and step in at.keys else at.children[step].place
        at, owner = at.children[step], shape.OWNERS.get(str(step), owner)
        field = str(step) if step in help_for else field
    name = str(steps[-1])
    if kind == "missing":
        return Place(place.line, place.column), f"{name} is missing; it must be {help_for[name]}"
    if kind == "extra_forbidden":
        return at.keys[name], unknown_key(name, owner.model_fields)
    return place, f"{field} must be {help_for[field]}"


def unknown_key(name: str, known: Iterable[str]) -> str:
    """What to say of a key that is not among those known."""
    return f"there is no key {name!r} here (allowed: {', '.join(known)}){did_you_mean(name, known)}"


def _empty(tree: Tree, shape: type[Shape]) -> Iterator[tuple[Place, str]]:
    """Keys without a value, which YAML reads as null: nearly always a slip."""
    for key, child in tree.children.items():
        if child.value is None and isinstance(key, str):
            yield tree.keys[key], f"{key} has no value; give one or leave the key out"
        elif key not in shape.NULLABLE:
            yield from _empty(child, shape)
