"""The text of a condition into an expression, each complaint in its place; and what all parts of a file are read by."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from service.rules.calendars import Calendar
from service.rules.document import Tree
from service.rules.expression import ExpressionError, compile_expression
from service.rules.expression.parser import QUEUES
from service.rules.expression.tree import Compare, ListLiteral, Literal, Path, comparisons_in
from service.rules.faults import Fault, Place, Source
from service.rules.live import ACTIVITY
from service.rules.ruleset import Condition, Named
from service.rules.vocabulary import Vocabulary


@dataclass(frozen=True)
class Context:
    """What every part of the file is read with."""

    source: Source
    found: list[Fault]
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    lists: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    via: Named | None = None

    def fault(self, place: Place, message: str) -> None:
        self.found.append(self.source.fault(place, message))


def read_condition(written: Tree | None, context: Context) -> Condition | None:
    """The condition, or None if there is none or it has a fault. What is no text is told with the structure."""
    if written is None or not isinstance(written.value, str) or written.text is None:
        return None
    places = partial(written.within, context.source)
    try:
        expression = compile_expression(written.text, dialect="rules", lists=context.lists)
    except ExpressionError as error:
        context.fault(places(error.position, error.length), error.message)
        return None
    for complaint in context.vocabulary.complaints(expression):
        context.fault(places(complaint.position, complaint.length), complaint.message)
    return Condition(expression, places)


def asked_queues(conditions: Iterable[Condition | None]) -> tuple[Named, ...]:
    """The queues whose figures the conditions ask for, as they are written there."""
    return tuple(
        Named(str(path.steps[1]), _name_place(condition, path))
        for condition in conditions
        if condition
        for path in condition.expression.paths
        if path.lazy and path.steps[0] == QUEUES
    )


def named_activities(conditions: Iterable[Condition | None]) -> tuple[Named, ...]:
    """The activities that the conditions compare the last worker's with, as they are written there."""
    return tuple(
        Named(text, condition.places(constant.start, constant.end - constant.start))
        for condition in conditions
        if condition
        for comparison in comparisons_in(condition.expression.tree)
        for constant in _compared_with_activity(comparison)
        for text in (constant.values if isinstance(constant, ListLiteral) else (constant.value,))
        if isinstance(text, str)
    )


def _compared_with_activity(comparison: Compare) -> Iterator[Literal | ListLiteral]:
    """The constants of a comparison that asks which activity it is; CONTAINS and MATCHES ask for parts of a name."""
    if comparison.operator in ("==", "!=", "IN", "NOT IN"):
        for one, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
            if isinstance(one, Path) and one.name == ACTIVITY and not isinstance(other, Path):
                yield other


def _name_place(condition: Condition, path: Path) -> Place:
    written = condition.expression.text[path.start : path.end]
    opening = min(at for at in (written.find("'"), written.find('"')) if at >= 0)
    closing = written.rindex(written[opening])
    return condition.places(path.start + opening + 1, max(1, closing - opening - 1))
