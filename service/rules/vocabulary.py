"""Which facts a condition may name, of which type they are, and whether what it does with them can ever hold.

Pure, and blind to YAML: complaints point into the condition's own text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.model import CHANNEL_TYPES
from service.rules.expression import Expression
from service.rules.expression.faults import did_you_mean
from service.rules.expression.meaning import kind
from service.rules.expression.parser import IS_OPEN
from service.rules.expression.tree import Compare, ListLiteral, Literal, Operand, Path, comparisons_in
from service.rules.live import QUEUE_FIGURES, WORKER_FACTS

ATTRIBUTES = "attributes"
REQUEST_FACTS: Mapping[str, str] = {
    "request.kind": "text",
    "request.reason": "text",
    "request.channel_type": "text",
    "request.mode": "text",
    "request.has_interaction": "boolean",
    "request.to.kind": "text",
    "from.worker_sid": "text",
    "from.participant_sid": "text",
    **WORKER_FACTS,
}
VALUES: Mapping[str, tuple[str, ...]] = {  # the facts that can only be one of these
    "request.kind": ("escalation", "transfer"),
    "request.channel_type": CHANNEL_TYPES,
    "request.mode": ("cold", "warm"),
    "request.to.kind": ("worker", "queue", "workflow"),
}
ORDERING = (">", ">=", "<", "<=")


@dataclass(frozen=True)
class Complaint:
    """What is wrong with part of a condition: offset and length in its text."""

    position: int
    length: int
    message: str


@dataclass(frozen=True)
class Vocabulary:
    """The facts of one rules file. ``declared`` maps names to types; None: nothing declared, any attribute goes.

    ``calendars`` are the names that ``is_open`` can be asked about.
    """

    declared: Mapping[str, str] | None = None
    calendars: tuple[str, ...] = ()

    def unknown(self, name: str) -> str | None:
        """Why ``name`` is no fact, or None if it is one. An index at its end, as in ``skills[0]``, is no part of it."""
        whole = name.partition("[")[0]
        declared = self.declared or {}
        if whole in REQUEST_FACTS or whole in declared:
            return None
        if whole == ATTRIBUTES:
            return "name one attribute, as in attributes.topic"
        if self.declared is None and whole.startswith(f"{ATTRIBUTES}."):
            return None
        known = [*REQUEST_FACTS, *declared]
        if whole.startswith(f"{ATTRIBUTES}."):
            return f"{whole} is not declared under facts{_suggestion(whole, known)}"
        return f"there is no fact {whole!r}{_suggestion(whole, known)}"

    def type_of(self, name: str) -> str:
        """The type of a fact; empty where it is not known."""
        return REQUEST_FACTS.get(name) or (self.declared or {}).get(name, "")

    def complaints(self, expression: Expression) -> Iterator[Complaint]:
        """Everything wrong with the names and types of a condition: misspelled facts, comparisons that never hold."""
        for comparison in comparisons_in(expression.tree):
            unknown = list(self._unknown_in(comparison))
            yield from unknown
            message = None if unknown else self._mistake(comparison)
            if message:
                yield Complaint(comparison.start, comparison.end - comparison.start, message)

    def _unknown_in(self, comparison: Compare) -> Iterator[Complaint]:
        for operand in (comparison.left, comparison.right):
            reason = self._unknown_key(operand) if isinstance(operand, Path) else None
            if reason:
                yield Complaint(operand.start, operand.end - operand.start, reason)

    def _unknown_key(self, path: Path) -> str | None:
        if not path.spelled:
            return self.unknown(path.name)
        asked, known = str(path.steps[-1]), self.calendars if path.steps[0] == IS_OPEN else tuple(QUEUE_FIGURES)
        if asked in known:
            return None
        what = "calendar" if path.steps[0] == IS_OPEN else "figure of a queue"
        return f"there is no {what} {asked!r} (there are: {', '.join(known) or 'none'}){did_you_mean(asked, known)}"

    def _mistake(self, comparison: Compare) -> str | None:
        left, right, operator = comparison.left, comparison.right, comparison.operator
        one, two = self._operand_type(left), self._operand_type(right)
        if operator in ORDERING:
            return _ordering(one, two, operator)
        if operator in ("==", "!="):
            return _equality(one, two, operator) or _value(left, right) or _value(right, left)
        if operator in ("IN", "NOT IN"):
            return _membership(one, two, operator) or _element(left, one, right)
        if operator == "HAS":
            return _having(one, two) or _element(right, two, left)
        return _texts(one, two, operator)

    def _operand_type(self, operand: Operand) -> str:
        if isinstance(operand, Path) and operand.spelled:
            return "boolean" if operand.steps[0] == IS_OPEN else QUEUE_FIGURES[str(operand.steps[-1])]
        if isinstance(operand, Path):
            return self.type_of(operand.name)
        return "list" if isinstance(operand, ListLiteral) else kind(operand.value)


def _suggestion(name: str, known: list[str]) -> str:
    tail = did_you_mean(name, known)
    if tail or "." in name:
        return tail
    nearby = [other for other in known if other.endswith(f".{name}")]
    return f"; did you mean {nearby[0]!r}?" if nearby else f" (attributes are written attributes.{name})"


def _ordering(one: str, two: str, operator: str) -> str | None:
    for found in (one, two):
        if found in ("boolean", "list", "null"):
            return f"{operator} compares two numbers or two texts; one side is a {found}, so this never holds"
    return _equality(one, two, operator)


def _equality(one: str, two: str, operator: str) -> str | None:
    if "list" in (one, two):
        return f"{operator} never holds for a list; use HAS or IN"
    if one and two and one != two and "null" not in (one, two):
        return f"a {one} is compared with a {two}, so this never holds"
    return None


def _value(fact: Operand, constant: Operand) -> str | None:
    """A text that this fact can never be."""
    if not isinstance(fact, Path) or not isinstance(constant, Literal) or not isinstance(constant.value, str):
        return None
    return _never(fact.name, (constant.value,))


def _never(name: str, constants: tuple[object, ...]) -> str | None:
    allowed = VALUES.get(name, ())
    for constant in constants if allowed else ():
        if constant not in allowed:
            return f"{name} is one of {', '.join(allowed)}{did_you_mean(str(constant), allowed)}"
    return None


def _membership(one: str, two: str, operator: str) -> str | None:
    if two not in ("list", ""):
        return f"{operator} needs a list on its right; this is a {two}"
    return f"{operator} needs a single value on its left; this is a list" if one == "list" else None


def _having(one: str, two: str) -> str | None:
    if one not in ("list", ""):
        return f"HAS needs a list on its left; this is a {one}, so it never holds"
    return "HAS needs a single value on its right; this is a list" if two == "list" else None


def _element(single: Operand, found: str, several: Operand) -> str | None:
    """Constants in a list among which a value of this type, or this fact, can never be."""
    if not isinstance(several, ListLiteral):
        return None
    kinds = {kind(value) for value in several.values}
    if found and kinds and found not in kinds:
        return f"a {found} is looked for in a list without any, so this never matches"
    return _never(single.name, several.values) if isinstance(single, Path) else None


def _texts(one: str, two: str, operator: str) -> str | None:
    for found in (one, two):
        if found not in ("text", ""):
            return f"{operator} compares texts; one side is a {found}, so this never holds"
    return None
