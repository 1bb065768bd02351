"""TaskRouter's expression language: text in, a compiled condition out. No I/O, no clock, standard library only.

The grammar is that of Twilio's page "Using TaskRouter Expressions": ``== != > >= < <=``, ``IN``, ``NOT IN``, ``HAS``,
``CONTAINS``, ``AND``, ``OR`` and brackets; constants on either side, dotted keys and ``[index]``. Keywords may be in
any case, ``AND`` binds before ``OR``, a single ``=`` is read as ``==``. The dialect ``rules`` adds ``NOT``, ``null``,
``MATCHES "pattern"``, ``lists.NAME``, ``is_open("calendar")`` and ``queues["name"].waiting``; the dialect
``taskrouter`` refuses these, as TaskRouter does. Keys that begin with the last two, or with ``last_worker``, are read
only when their comparison is reached (``Lazy``).

What a comparison means (facts are JSON values; ``meaning`` holds the one definition):

* A key that is not there is null. ``null == null`` holds; null differs (``!=``) from every text, number and boolean.
* Text, number and boolean are never equal to each other, neither ``==`` nor ``!=`` holds between them: TaskRouter only
  says that such comparisons "should be avoided". A boolean is not a number.
* ``> >= < <=`` hold between two numbers or two texts (by code point), and never otherwise.
* Scalar operators on an array or object never hold, array operators without an array neither (both documented by
  Twilio). So ``x NOT IN y`` does not hold where ``y`` is missing.
* ``CONTAINS`` looks for a text in a text; upper and lower case differ.

Nothing raises at match time, whatever the facts are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from service.rules.expression.compiled import compile_conditions
from service.rules.expression.faults import ExpressionError
from service.rules.expression.interpret import Trace, explain, interpret, shown
from service.rules.expression.lazy import Lazy
from service.rules.expression.parser import MAX_DEPTH, MAX_LENGTH, MAX_LIST, Dialect, parse
from service.rules.expression.tree import Node, Path, paths_in

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_LIST",
    "Dialect",
    "Expression",
    "ExpressionError",
    "Lazy",
    "Trace",
    "compile_expression",
    "first_match",
    "shown",
]

NO_LISTS: Mapping[str, tuple[object, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class Expression:
    """One condition, parsed. ``text`` is what was written, ``tree`` what was understood."""

    text: str
    tree: Node = field(repr=False, compare=False)

    @cached_property
    def _first(self) -> Callable[[Mapping[str, object]], int]:
        return compile_conditions(((self.tree,),))

    def matches(self, facts: Mapping[str, object]) -> bool:
        """True if the condition holds for ``facts`` (JSON values by name; nested objects are dicts). Never raises."""
        return self._first(facts) == 0

    def interpret(self, facts: Mapping[str, object]) -> bool:
        """The same answer as ``matches``, by walking the tree: the twin that the compiled form is tested against."""
        return interpret(self.tree, facts)

    def explain(self, facts: Mapping[str, object], *, values: bool = True) -> Trace:
        """Each comparison that was looked at, its outcome and, unless not wanted, the values it saw (shortened)."""
        return explain(self.tree, self.text, facts, values=values)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every use of a key, in order of writing, with its position."""
        return tuple(paths_in(self.tree))

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names used, each once, in order of writing."""
        return tuple(dict.fromkeys(path.name for path in self.paths))


def compile_expression(
    text: str, *, dialect: Dialect = "taskrouter", lists: Mapping[str, tuple[object, ...]] = NO_LISTS
) -> Expression:
    """Parse one expression. ``lists`` are the constants behind ``lists.NAME`` (dialect ``rules`` only).

    Raises ``ExpressionError`` with the offset and length of the first fault: bad syntax, an extension that the dialect
    does not know, or a limit passed (4,096 characters, 32 levels, 500 values in a list).
    """
    return Expression(text, parse(text, dialect=dialect, lists=lists))


def first_match(conditions: Sequence[Sequence[Expression]]) -> Callable[[Mapping[str, object]], int]:
    """One compiled function for many conditions: it answers the index of the first that holds, or their number.

    Each is a row of expressions that must all hold; an empty one always does.
    """
    return compile_conditions(tuple(tuple(part.tree for part in parts) for parts in conditions))
