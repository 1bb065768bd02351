"""Random expressions, the text they are written as, and facts that are as odd as JSON and careless callers can make."""

from hypothesis import strategies as st

from service.rules.expression.tree import And, Compare, ListLiteral, Literal, Node, Not, Operand, Or, Path

NAMES = ("a", "b", "in_", "Größe")
TEXTS = ("", "a", "b", "ab", "A", '"', "'", "\\", "x\ny", "\u00fc", "1", "true")

constants = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 10**30]),
    st.sampled_from([0.0, 1.0, 0.5, -2.25]),
    st.sampled_from(TEXTS),
    st.text(max_size=5),
)
literals = constants.map(lambda value: Literal(value, 0, 0))
lists = st.lists(constants, max_size=4).map(lambda values: ListLiteral(tuple(values), 0, 0))
paths = st.tuples(
    st.sampled_from(NAMES), st.lists(st.one_of(st.sampled_from(NAMES), st.integers(0, 2)), max_size=2)
).map(lambda parts: Path((parts[0], *parts[1]), 0, 0))
patterns = st.sampled_from(["a*", "[ab]+", ".", "(a|b)?", "(?i)AB"]).map(lambda text: Literal(text, 0, 0))
operands = st.one_of(paths, paths, literals, lists)
operators = st.sampled_from(["==", "!=", ">", ">=", "<", "<=", "IN", "NOT IN", "HAS", "CONTAINS"])
comparisons: st.SearchStrategy[Node] = st.one_of(
    st.builds(Compare, operands, operators, operands, st.just(0), st.just(0)),
    st.builds(Compare, operands, st.just("MATCHES"), patterns, st.just(0), st.just(0)),
)
conditions: st.SearchStrategy[Node] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner, st.just(0), st.just(0)),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple), st.just(0), st.just(0)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple), st.just(0), st.just(0)),
    ),
    max_leaves=6,
)

odd = st.sampled_from([float("nan"), float("inf"), 10**400, b"a", object(), {1}, 1j, range(3), ("a", 1), "\ud83d"])
values: st.SearchStrategy[object] = st.recursive(
    st.one_of(constants, odd),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)
facts = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)


def written(node: Node) -> str:
    """``node`` as text, with brackets around everything inside something else."""
    if isinstance(node, Compare):
        return f"{operand_text(node.left)} {node.operator} {operand_text(node.right)}"
    if isinstance(node, Not):
        return f"NOT ({written(node.term)})"
    word = " AND " if isinstance(node, And) else " OR "
    return word.join(f"({written(term)})" for term in node.terms)


def operand_text(operand: Operand) -> str:
    """A key or constant as text."""
    if isinstance(operand, Path):
        return operand.name
    if isinstance(operand, ListLiteral):
        return f"[{', '.join(constant_text(value) for value in operand.values)}]"
    return constant_text(operand.value)


def constant_text(value: object) -> str:
    """A constant as text."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def bare(node: Node) -> object:
    """``node`` without its places, with the type of every constant, so that 1 and 1.0 and true differ."""
    if isinstance(node, Compare):
        return (node.operator, bare_operand(node.left), bare_operand(node.right))
    if isinstance(node, Not):
        return ("NOT", bare(node.term))
    return (type(node).__name__, *(bare(term) for term in node.terms))


def bare_operand(operand: Operand) -> object:
    """A key or constant without its place."""
    if isinstance(operand, Path):
        return ("key", *operand.steps)
    if isinstance(operand, ListLiteral):
        return tuple((type(value), value) for value in operand.values)
    return (type(operand.value), operand.value)
