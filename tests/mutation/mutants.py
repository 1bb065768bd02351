"""Small wrong changes to a module's source, one at a time: what a test ought to notice. Pure; runs nothing.

Changed are comparisons, ``and``/``or``/``not``, conditions, arithmetic, numbers, booleans, words and returned values;
statements that do something are left out. Docstrings, annotations, decorators (frozen, cached) and texts for people
(descriptions, any text with a space in it) stay as they are: what a message says is judged by reading it.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

Changed = tuple[str, ast.AST]

_ORDER: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SAID_ELSEWHERE = ("description", "repr", "compare")  # arguments for people, or that no answer depends on
_MARK = "·"  # put behind a word, it makes another one


@dataclass(frozen=True)
class Mutant:
    """One change: of the ``number``-th node of its module, in a line, from one text to another."""

    module: str  # path below the repository
    line: int
    number: int
    variant: int
    before: str
    after: str
    last_line: int  # of the whole expression or statement
    statement_line: int  # of the statement that it stands in

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  →  {self.after}"


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every change there is, in the order of the source."""
    tree = ast.parse(source)
    statements = _statement_lines(tree)
    found = []
    for number, node in _nodes(tree):
        for variant, (after, _) in enumerate(_changes(node)):
            line = getattr(node, "lineno", 1)
            last = getattr(node, "end_lineno", None) or line
            before = _shown(ast.unparse(node))
            found.append(Mutant(module, line, number, variant, before, _shown(after), last, statements[number]))
    return sorted(found, key=lambda one: (one.line, one.number, one.variant))


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module's tree with that one change; line numbers stay those of the source."""
    tree = ast.parse(source)
    node = dict(_nodes(tree))[mutant.number]
    _, other = list(_changes(node))[mutant.variant]
    ast.copy_location(other, node)
    _Replace(node, other).visit(tree)
    return ast.fix_missing_locations(tree)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _nodes(tree: ast.Module) -> Iterator[tuple[int, ast.AST]]:
    """The nodes that may be changed, numbered in the order of ``ast.walk``."""
    untouched: set[int] = set()
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in untouched:
            continue
        for part in _left_alone(node):
            untouched.update(id(one) for one in ast.walk(part))
        yield number, node


def _left_alone(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations, docstrings, decorators, the literal parts of texts that are put together."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
        yield node.body[0]
    if isinstance(node, ast.FunctionDef):
        yield from (
            one
            for one in (node.returns, *(arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg)))
            if one
        )
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield from node.decorator_list
    if isinstance(node, ast.AnnAssign):
        yield node.annotation
    if isinstance(node, ast.keyword) and node.arg in _SAID_ELSEWHERE:
        yield node.value
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in node.values if isinstance(part, ast.Constant))
        yield from (
            part.format_spec for part in node.values if isinstance(part, ast.FormattedValue) and part.format_spec
        )


def _changes(node: ast.AST) -> Iterator[Changed]:
    """What a node may be changed to, each with its text."""
    for other in _others(node):
        ast.fix_missing_locations(ast.copy_location(other, node))
        yield ast.unparse(other), other


def _others(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        yield from _compared(node)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.stmt):
        yield from _statements(node)


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for at, operator in enumerate(node.ops):
        for other in _ORDER[type(operator)]:
            yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and value and " " not in value:
        yield ast.Constant(value + _MARK)


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Break):
        yield ast.Pass()
    elif isinstance(node, ast.If | ast.While) and isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
        other = copy.copy(node)
        other.test = ast.UnaryOp(ast.Not(), node.test)
        yield other


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _statement_lines(tree: ast.Module) -> dict[int, int]:
    """The line of the statement around each node, by the node's number."""
    lines: dict[int, int] = {}
    for statement in ast.walk(tree):  # inner statements come after those around them
        if isinstance(statement, ast.stmt):
            lines.update((id(node), statement.lineno) for node in ast.walk(statement))
    return {number: lines.get(id(node), 1) for number, node in enumerate(ast.walk(tree))}


def _shown(text: str) -> str:
    first, *rest = text.splitlines()
    short = first if len(first) <= 90 else f"{first[:90]}…"
    return f"{short} …" if rest else short
