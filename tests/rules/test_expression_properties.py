"""What holds for every expression and all facts."""

from hypothesis import example, given
from hypothesis import strategies as st

from service.rules.expression import ExpressionError, Trace, compile_expression, first_match
from service.rules.expression.tree import Node
from tests.rules.strategies import bare, conditions, facts, written


@given(conditions, facts)
def test_compiled_agrees_with_interpreted(tree: Node, known: dict[str, object]) -> None:
    expression = compile_expression(written(tree), dialect="rules")
    assert expression.matches(known) is expression.interpret(known)


@given(conditions)
def test_written_tree_is_read_back(tree: Node) -> None:
    assert bare(compile_expression(written(tree), dialect="rules").tree) == bare(tree)


@given(conditions, facts)
def test_trace_tells_the_same_outcome(tree: Node, known: dict[str, object]) -> None:
    expression = compile_expression(written(tree), dialect="rules")
    trace = expression.explain(known)
    assert trace.outcome is expression.matches(known)
    assert list(trace.deciding())
    assert all(len(value) <= 80 for part in leaves(trace) for _, value in part.seen)


def leaves(trace: Trace) -> list[Trace]:
    """The comparisons under a trace."""
    return [leaf for part in trace.parts for leaf in leaves(part)] if trace.parts else [trace]


@given(st.lists(st.lists(conditions, max_size=2), max_size=4), facts)
def test_first_match_is_the_first_that_holds(rows: list[list[Node]], known: dict[str, object]) -> None:
    conditions = [[compile_expression(written(tree), dialect="rules") for tree in row] for row in rows]
    holding = [number for number, row in enumerate(conditions) if all(one.interpret(known) for one in row)]
    assert first_match(conditions)(known) == (holding[0] if holding else len(conditions))


@given(st.text(alphabet="ab1.,[]()'\"\\=<>! -&ANDORT\n", max_size=30))
@example("a == '\\u12'")
@example("a == 1 NOT")
def test_any_text_is_read_or_refused_in_place(text: str) -> None:
    fault = refusal(text)
    assert fault is None or (0 <= fault.position <= len(text) and fault.length >= 1)


def refusal(text: str) -> ExpressionError | None:
    """Why ``text`` is refused; if it is not, it must match or not."""
    try:
        compile_expression(text, dialect="rules").matches({})
    except ExpressionError as error:
        return error
    return None
