"""What the operators mean: total functions over JSON values. The one definition that interpreter and compiler share."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from service.rules.expression.lazy import Lazy
from service.rules.expression.pattern import compile_pattern

OBJECTS = (dict, MappingProxyType, Lazy)  # what counts as a JSON object
ARRAYS = (list, tuple)
NUMBERS = (int, float)
EMPTY: Mapping[str, object] = MappingProxyType({})


def kind(value: object) -> str:
    """``null``, ``boolean``, ``number``, ``text`` or ``list``; empty for anything that cannot be compared."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, NUMBERS):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, ARRAYS) else ""


def scalar(value: object) -> str:
    """The kind of a value that scalar operators take; empty for arrays, objects and everything else."""
    found = kind(value)
    return "" if found == "list" else found


def equal(left: object, right: object) -> bool:
    """``==``: the same kind of scalar and the same value."""
    found = scalar(left)
    return found != "" and found == scalar(right) and left == right


def differs(left: object, right: object) -> bool:
    """``!=``: two scalars of one kind with different values, or exactly one of two scalars is null."""
    one, two = scalar(left), scalar(right)
    if not one or not two:
        return False
    if one == two:
        return left != right
    return "null" in (one, two)


def _ordered(left: object, right: object) -> bool:
    found = kind(left)
    return found in ("number", "text") and found == kind(right)


def greater(left: object, right: object) -> bool:
    """``>``."""
    return _ordered(left, right) and left > right  # type: ignore[operator]  # _ordered made sure of it


def at_least(left: object, right: object) -> bool:
    """``>=``."""
    return _ordered(left, right) and left >= right  # type: ignore[operator]


def less(left: object, right: object) -> bool:
    """``<``."""
    return greater(right, left)


def at_most(left: object, right: object) -> bool:
    """``<=``."""
    return at_least(right, left)


def is_in(left: object, right: object) -> bool:
    """``IN``: the scalar on the left is one of the array on the right."""
    return scalar(left) != "" and isinstance(right, ARRAYS) and any(equal(left, item) for item in right)


def not_in(left: object, right: object) -> bool:
    """``NOT IN``: there is an array on the right, and the scalar on the left is none of it."""
    return scalar(left) != "" and isinstance(right, ARRAYS) and not any(equal(left, item) for item in right)


def has(left: object, right: object) -> bool:
    """``HAS``: ``IN`` read from the other side. Never holds where the left is no array."""
    return is_in(right, left)


def contains(left: object, right: object) -> bool:
    """``CONTAINS``: the text on the right stands somewhere in the text on the left."""
    return isinstance(left, str) and isinstance(right, str) and right in left


def matches(left: object, right: object) -> bool:
    """``MATCHES``: the whole text on the left fits the pattern on the right (checked when it was parsed)."""
    return isinstance(left, str) and isinstance(right, str) and compile_pattern(right).fits(left)


def item(value: object, index: int) -> object:
    """``value[index]``, null where there is no such item."""
    return value[index] if isinstance(value, ARRAYS) and index < len(value) else None


OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
    "==": equal,
    "!=": differs,
    ">": greater,
    ">=": at_least,
    "<": less,
    "<=": at_most,
    "IN": is_in,
    "NOT IN": not_in,
    "HAS": has,
    "CONTAINS": contains,
    "MATCHES": matches,
}
