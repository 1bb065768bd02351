"""Turns conditions into one Python function, out of ``ast`` nodes.

No source text is ever put together, and the function sees no builtins, only the facts and the names bound here.

Every key is read once, at the top, except lazy ones: those are read when the first comparison with them is reached. A
comparison with a constant, which is nearly every one, becomes plain Python. Everything else calls the operator in
``meaning``.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from service.rules.expression.interpret import lookup
from service.rules.expression.meaning import EMPTY, NUMBERS, OBJECTS, OPERATORS, item
from service.rules.expression.tree import And, Compare, ListLiteral, Literal, Node, Not, Operand, Path, paths_in

Decide = Callable[[Mapping[str, object]], int]
Steps = tuple[str | int, ...]

ORDERS: Mapping[str, type[ast.cmpop]] = {">": ast.Gt, ">=": ast.GtE, "<": ast.Lt, "<=": ast.LtE}
MIRRORED = {"==": "==", "!=": "!=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
OPERATOR_NAMES = {operator: f"operator{number}" for number, operator in enumerate(OPERATORS)}


UNREAD = object()  # in a lazy key's variable until it is read


def compile_conditions(conditions: Sequence[Sequence[Node]]) -> Decide:
    """A function from facts to the index of the first of ``conditions`` of which all parts hold, or their number."""
    writer = _Writer()
    keys = [path for parts in conditions for part in parts for path in paths_in(part)]
    body: list[ast.stmt] = [reading for path in keys for reading in writer.read(path)]
    for index, parts in enumerate(conditions):
        body += writer.branch(parts, ast.Return(ast.Constant(index)))
    body.append(ast.Return(ast.Constant(len(conditions))))
    return _function(body, writer.bound)


def _function(body: list[ast.stmt], bound: dict[str, object]) -> Decide:
    arguments = ast.arguments([], [ast.arg("facts")], None, [], [], None, [])
    definition = ast.FunctionDef("decide", arguments, body, [], None)
    module = ast.fix_missing_locations(ast.Module([definition], []))
    names: dict[str, object] = {"__builtins__": {}, **bound}
    exec(compile(module, "<rules>", "exec"), names)  # noqa: S102  # a tree of our own making, and nothing else in scope
    return cast(Decide, names["decide"])


class _Writer:
    """Writes the nodes of one function, and remembers which keys have been read and which constants bound."""

    def __init__(self) -> None:
        self.variables: dict[Steps, str] = {}
        self.bound: dict[str, object] = {
            "isinstance": isinstance,
            "item": item,
            "lookup": lookup,
            "UNREAD": UNREAD,
            "EMPTY": EMPTY,
            "OBJECTS": OBJECTS,
            "NUMBERS": NUMBERS,
            "str": str,
            **{name: OPERATORS[operator] for operator, name in OPERATOR_NAMES.items()},
        }

    def read(self, path: Path) -> list[ast.stmt]:
        """The statements that make the variable of a key, and put its value there if it is not lazy."""
        if not path.lazy:
            return self.read_now(path.steps)
        return [] if path.steps in self.variables else [self.assign(path.steps, _name("UNREAD"))]

    def read_now(self, steps: Steps) -> list[ast.stmt]:
        """The statements that put the value of a key, and of every key on the way to it, into variables."""
        if steps in self.variables:
            return []
        before = self.read_now(steps[:-1]) if len(steps) > 1 else []
        return [*before, self.assign(steps, self.reached(steps))]

    def assign(self, steps: Steps, value: ast.expr) -> ast.stmt:
        self.variables[steps] = f"v{len(self.variables)}"
        return ast.Assign([ast.Name(self.variables[steps], ast.Store())], value)

    def branch(self, parts: Sequence[Node], answer: ast.stmt) -> list[ast.stmt]:
        written = [self.condition(part) for part in parts]
        if not written:
            return [answer]
        return [ast.If(written[0] if len(written) == 1 else ast.BoolOp(ast.And(), written), [answer], [])]

    def reached(self, steps: Steps) -> ast.expr:
        last = ast.Constant(steps[-1])
        if len(steps) == 1:
            return _call(ast.Attribute(_name("facts"), "get", ast.Load()), last)
        parent = _name(self.variables[steps[:-1]])
        if isinstance(steps[-1], int):
            return _call(_name("item"), parent, last)
        owner = ast.IfExp(_is(parent, "OBJECTS"), parent, _name("EMPTY"))
        return _call(ast.Attribute(owner, "get", ast.Load()), last)

    def condition(self, node: Node) -> ast.expr:
        if isinstance(node, Compare):
            return self.comparison(node)
        if isinstance(node, Not):
            return ast.UnaryOp(ast.Not(), self.condition(node.term))
        joint = ast.And() if isinstance(node, And) else ast.Or()
        return ast.BoolOp(joint, [self.condition(term) for term in node.terms])

    def comparison(self, node: Compare) -> ast.expr:
        left, operator, right = node.left, node.operator, node.right
        if isinstance(left, Literal) and isinstance(right, Path) and operator in MIRRORED:
            left, operator, right = right, MIRRORED[operator], left
        compared = self.plain(left, operator, right) or self.called(left, operator, right)
        first = [self.now_read(operand) for operand in (left, right) if isinstance(operand, Path) and operand.lazy]
        return ast.BoolOp(ast.And(), [*first, compared]) if first else compared

    def now_read(self, path: Path) -> ast.expr:
        """Always true, and the key's value is in its variable afterwards."""
        name = self.variables[path.steps]
        value = _call(_name("lookup"), self.constant(path.steps), _name("facts"))
        fetched = ast.NamedExpr(ast.Name(name, ast.Store()), value)
        known = ast.Compare(_name(name), [ast.IsNot()], [_name("UNREAD")])
        return ast.BoolOp(ast.Or(), [known, ast.Compare(fetched, [ast.IsNot()], [_name("UNREAD")])])

    def called(self, left: Operand, operator: str, right: Operand) -> ast.expr:
        return _call(_name(OPERATOR_NAMES[operator]), self.value(left), self.value(right))

    def value(self, operand: Operand) -> ast.expr:
        if isinstance(operand, Path):
            return _name(self.variables[operand.steps])
        return ast.Constant(operand.value) if isinstance(operand, Literal) else self.constant(operand.values)

    def constant(self, value: object) -> ast.expr:
        name = f"k{len(self.bound)}"
        self.bound[name] = value
        return _name(name)

    def plain(self, left: Operand, operator: str, right: Operand) -> ast.expr | None:
        """Plain Python for a key compared with a constant, or None where there is no form that says the same."""
        if not isinstance(left, Path):
            return None
        seen = _name(self.variables[left.steps])
        if isinstance(right, ListLiteral) and operator == "IN":
            return self.member(seen, right)
        if not isinstance(right, Literal):
            return None
        if operator == "==":
            return _plain_equal(seen, right.value)
        if operator == "!=" and isinstance(right.value, str):
            return _differs_from_text(seen, right.value)
        if operator in ORDERS and type(right.value) in NUMBERS:
            return _ordered(seen, ORDERS[operator](), right.value)
        return None

    def member(self, seen: ast.expr, values: ListLiteral) -> ast.expr | None:
        if not all(isinstance(value, str) for value in values.values):
            return None
        within = ast.Compare(seen, [ast.In()], [self.constant(frozenset(values.values))])
        return ast.BoolOp(ast.And(), [_is(seen, "str"), within])


def _plain_equal(seen: ast.expr, value: object) -> ast.expr | None:
    if value is None or isinstance(value, bool):
        return ast.Compare(seen, [ast.Is()], [ast.Constant(value)])
    if value in (0, 1):  # Python takes True for 1
        return None
    return ast.Compare(seen, [ast.Eq()], [ast.Constant(cast("str | int | float", value))])


def _differs_from_text(seen: ast.expr, value: str) -> ast.expr:
    differs = ast.Compare(seen, [ast.NotEq()], [ast.Constant(value)])
    missing = ast.Compare(seen, [ast.Is()], [ast.Constant(None)])
    return ast.BoolOp(ast.And(), [differs, ast.BoolOp(ast.Or(), [_is(seen, "str"), missing])])


def _ordered(seen: ast.expr, order: ast.cmpop, value: object) -> ast.expr:
    compared = ast.Compare(seen, [order], [ast.Constant(cast("int | float", value))])
    no_boolean = [ast.Compare(seen, [ast.IsNot()], [ast.Constant(flag)]) for flag in (True, False)]
    return ast.BoolOp(ast.And(), [_is(seen, "NUMBERS"), compared, *no_boolean])


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _call(function: ast.expr, *arguments: ast.expr) -> ast.Call:
    return ast.Call(function, list(arguments), [])


def _is(value: ast.expr, classes: str) -> ast.expr:
    return _call(_name("isinstance"), value, _name(classes))
