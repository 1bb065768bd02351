"""What an expression was understood as: small frozen nodes, each knowing the offsets it was written at."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, number, boolean or null."""

    value: str | int | float | bool | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """A list of constants, written out or named (``lists.NAME``)."""

    values: tuple[object, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Path:
    """A key: names walk into objects, numbers into arrays.

    A ``lazy`` one is only read when its comparison is reached. ``spelled`` is how it is written where that is not its
    names with dots between them.
    """

    steps: tuple[str | int, ...]
    start: int
    end: int
    lazy: bool = False
    spelled: str = ""

    @property
    def name(self) -> str:
        """The key as it is written: ``task.skills[0]``."""
        first, *rest = self.steps
        joined = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)
        return self.spelled or f"{first}{joined}"


Operand = Literal | ListLiteral | Path


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the operator between them, spelled as in ``meaning.OPERATORS``."""

    left: Operand
    operator: str
    right: Operand
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    term: "Node"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more conditions. ``bracketed``: brackets stand around them."""

    terms: "tuple[Node, ...]"
    start: int
    end: int
    bracketed: bool = False


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more conditions. ``bracketed``: brackets stand around them."""

    terms: "tuple[Node, ...]"
    start: int
    end: int
    bracketed: bool = False


Node = Compare | Not | And | Or


def comparisons_in(node: Node) -> Iterator[Compare]:
    """Every comparison under ``node``, in order of writing."""
    if isinstance(node, Compare):
        yield node
    elif isinstance(node, Not):
        yield from comparisons_in(node.term)
    else:
        for term in node.terms:
            yield from comparisons_in(term)


def paths_in(node: Node) -> Iterator[Path]:
    """Every use of a key under ``node``, in order of writing."""
    for comparison in comparisons_in(node):
        for operand in (comparison.left, comparison.right):
            if isinstance(operand, Path):
                yield operand
