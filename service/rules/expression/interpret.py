"""Walks a tree with facts in hand: plainly, as the compiled form's slow twin, and telling what was seen on the way."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.rules.expression.meaning import OBJECTS, OPERATORS, item
from service.rules.expression.tree import And, Compare, ListLiteral, Literal, Node, Not, Operand, Path

SHOWN = 80  # characters of a value in a trace


@dataclass(frozen=True)
class Trace:
    """One condition as it was met: what was written, whether it held, the values it saw, the parts it is made of.

    Parts that were not looked at, because an earlier one had decided, are absent.
    """

    text: str
    outcome: bool
    seen: tuple[tuple[str, str], ...] = ()
    parts: "tuple[Trace, ...]" = ()

    def deciding(self) -> "Iterator[Trace]":
        """The comparisons that made the outcome what it is."""
        if not self.parts:
            yield self
        elif len(self.parts) == 1:
            yield from self.parts[0].deciding()
        else:
            for part in self.parts:
                if part.outcome is self.outcome:
                    yield from part.deciding()


def interpret(node: Node, facts: Mapping[str, object]) -> bool:
    """Whether ``node`` holds for ``facts``."""
    if isinstance(node, Compare):
        return OPERATORS[node.operator](value_of(node.left, facts), value_of(node.right, facts))
    if isinstance(node, Not):
        return not interpret(node.term, facts)
    if isinstance(node, And):
        return all(interpret(term, facts) for term in node.terms)
    return any(interpret(term, facts) for term in node.terms)


def value_of(operand: Operand, facts: Mapping[str, object]) -> object:
    """The value an operand stands for; null where a key leads nowhere."""
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, ListLiteral):
        return operand.values
    return lookup(operand.steps, facts)


def lookup(steps: tuple[str | int, ...], facts: Mapping[str, object]) -> object:
    """The value at the end of ``steps``, null where one leads nowhere."""
    value: object = facts.get(str(steps[0]))
    for step in steps[1:]:
        value = _walk(value, step)
    return value


def _walk(value: object, step: str | int) -> object:
    if isinstance(step, int):
        return item(value, step)
    return value.get(step) if isinstance(value, OBJECTS) else None


def explain(node: Node, text: str, facts: Mapping[str, object], *, values: bool = True) -> Trace:
    """As ``interpret``, keeping what was looked at; and what was seen there, unless the ``values`` are not wanted.

    ``text`` is what ``node`` was parsed from.
    """
    written = text[node.start : node.end]
    if isinstance(node, Compare):
        return Trace(written, interpret(node, facts), seen=tuple(_seen(node, facts)) if values else ())
    if isinstance(node, Not):
        inner = explain(node.term, text, facts, values=values)
        return Trace(written, not inner.outcome, parts=(inner,))
    deciding = not isinstance(node, And)
    parts: list[Trace] = []
    for term in node.terms:
        parts.append(explain(term, text, facts, values=values))
        if parts[-1].outcome is deciding:
            return Trace(written, deciding, parts=tuple(parts))
    return Trace(written, not deciding, parts=tuple(parts))


def _seen(node: Compare, facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for operand in (node.left, node.right):
        if isinstance(operand, Path):
            yield operand.name, shown(lookup(operand.steps, facts))


def shown(value: object, limit: int = SHOWN) -> str:
    """A value as JSON, cut to ``limit`` characters; what JSON cannot say is named by its type."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=lambda odd: f"({type(odd).__name__})")
    except (ValueError, TypeError, RecursionError):
        text = f"({type(value).__name__})"
    return text if len(text) <= limit else text[: limit - 1] + "…"
