"""What is suspicious about a single condition, and which condition includes another. Blind to YAML and to routes."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.rules.expression import compile_expression
from service.rules.expression.parser import IS_OPEN
from service.rules.expression.tree import And, Compare, ListLiteral, Literal, Node, Not, Operand, Or, Path

CHANGING = (IS_OPEN, "queues", "last_worker")
NEVER_MISSING = ("request.kind", "request.has_interaction", IS_OPEN)
MIRRORED = {"==": "==", "!=": "!=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
MOST_ALTERNATIVES = 64


@dataclass(frozen=True)
class Suspicion:
    """Something that is allowed but is seldom meant: offset and length in the condition's text."""

    position: int
    length: int
    message: str


def suspicions(node: Node, *, always: frozenset[str] = frozenset()) -> Iterator[Suspicion]:
    """Everything suspicious under ``node``; the facts in ``always`` are never missing."""
    yield from _mixed(node)
    yield from _also_missing(node, always)
    yield from _contradictions(node)


def _mixed(node: Node) -> Iterator[Suspicion]:
    for term in _terms(node):
        if isinstance(node, Or) and isinstance(term, And) and not term.bracketed:
            message = "AND and OR without brackets: AND binds first; put brackets around what belongs together"
            yield Suspicion(term.start, term.end - term.start, message)
        yield from _mixed(term)


def _also_missing(node: Node, sure: frozenset[str]) -> Iterator[Suspicion]:
    """``!=`` and ``NOT IN`` hold where the fact is missing. ``sure`` are facts that another part makes certain."""
    if isinstance(node, Compare):
        path, constant = _sides(node)[0], _sides(node)[2]
        null = isinstance(constant, Literal) and constant.value is None
        if node.operator in ("!=", "NOT IN") and isinstance(path, Path) and not null and _may_miss(path, sure):
            message = f"this also holds where {path.name} is missing; if it must be there, add AND {path.name} != null"
            yield Suspicion(node.start, node.end - node.start, message)
    elif not isinstance(node, Not):
        found = frozenset(name for term in _terms(node) for name in _made_sure(term))
        for term in _terms(node):
            yield from _also_missing(term, sure | found if isinstance(node, And) else sure)


def _may_miss(path: Path, sure: frozenset[str]) -> bool:
    return path.name not in sure and path.name not in NEVER_MISSING and path.steps[0] not in NEVER_MISSING


def _made_sure(term: Node) -> Iterator[str]:
    """The facts that must be there for ``term`` to hold."""
    if isinstance(term, Compare):
        path, operator, constant = _sides(term)
        null = isinstance(constant, Literal) and constant.value is None
        if isinstance(path, Path) and (operator == "!=") is null and operator != "NOT IN":
            yield path.name


def _contradictions(node: Node) -> Iterator[Suspicion]:
    if isinstance(node, And):
        allowed: dict[str, frozenset[object]] = {}
        for term in node.terms:
            name, values = _among(term)
            if name and not (values & allowed.get(name, values)):
                message = f"no value of {name} fits both this and what stands before it, so this never holds"
                yield Suspicion(term.start, term.end - term.start, message)
            if name:
                allowed[name] = values & allowed.get(name, values)
    for term in _terms(node):
        yield from _contradictions(term)


def _terms(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Compare):
        return ()
    return (node.term,) if isinstance(node, Not) else node.terms


def _sides(node: Compare) -> tuple[Operand, str, Operand]:
    """The comparison with its key, if it has one, on the left."""
    if isinstance(node.right, Path) and not isinstance(node.left, Path) and node.operator in MIRRORED:
        return node.right, MIRRORED[node.operator], node.left
    return node.left, node.operator, node.right


def _among(node: Node) -> tuple[str, frozenset[object]]:
    """The key that must be one of some constants, and those; no name where the comparison says something else."""
    if isinstance(node, Compare):
        path, operator, constant = _sides(node)
        if isinstance(path, Path) and operator == "==" and isinstance(constant, Literal):
            return path.name, frozenset([_typed(constant.value)])
        if isinstance(path, Path) and operator == "IN" and isinstance(constant, ListLiteral):
            return path.name, frozenset(map(_typed, constant.values))
    return "", frozenset()


def _typed(value: object) -> object:
    """A constant such that true and 1 differ, and 1 and 1.0 do not."""
    return (isinstance(value, bool), value)


Atom = tuple[str, object]  # a key with the constants it may be; or an empty name with any other comparison
Alternatives = tuple[frozenset[Atom], ...]


def alternatives(node: Node | None) -> Alternatives:
    """The ways in which a condition can hold, each a set of comparisons that must all do; None: it always holds."""
    if node is None:
        return (frozenset(),)
    if isinstance(node, Or):
        return tuple(way for term in node.terms for way in alternatives(term))
    if not isinstance(node, And):
        name, values = _among(node)
        return (frozenset([(name, values or _bare(node))]),)
    ways: Alternatives = (frozenset(),)
    for term in node.terms:
        found = alternatives(term)
        if len(ways) * len(found) > MOST_ALTERNATIVES:
            return (frozenset([("", _bare(node))]),)
        ways = tuple(one | two for one in ways for two in found)
    return ways


def includes(wide: Alternatives, narrow: Alternatives) -> bool:
    """Whether ``wide`` certainly holds wherever ``narrow`` does."""
    return all(any(_follows(way, given) for way in wide) for given in narrow)


def _follows(way: frozenset[Atom], given: frozenset[Atom]) -> bool:
    return all(atom in given or _wider(atom, given) for atom in way)


def _wider(atom: Atom, given: frozenset[Atom]) -> bool:
    name, values = atom
    return bool(name) and isinstance(values, frozenset) and any(
        other == name and isinstance(fewer, frozenset) and fewer <= values for other, fewer in given
    )  # fmt: skip


def _bare(node: Node) -> object:
    """What ``node`` says, without its places."""
    if isinstance(node, Compare):
        left, operator, right = _sides(node)
        return (_bare_operand(left), operator, _bare_operand(right))
    return (type(node).__name__, *(_bare(term) for term in _terms(node)))


def _bare_operand(operand: Operand) -> object:
    if isinstance(operand, Path):
        return operand.name
    if isinstance(operand, ListLiteral):
        return tuple(map(_typed, operand.values))
    return _typed(operand.value)


def may_change(condition: str) -> bool:
    """Whether a step's condition can answer otherwise later on: it asks for live facts or for a calendar."""
    return any(path.steps[0] in CHANGING for path in compile_expression(condition, dialect="rules").paths)
