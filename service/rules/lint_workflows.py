"""TaskRouter's own traps in the expressions and targets of a workflow. Points into the expression, as for our own."""

from collections.abc import Iterator

from service.rules.expression import Expression, ExpressionError, compile_expression
from service.rules.expression.meaning import kind
from service.rules.expression.tree import Compare, ListLiteral, Literal, Path, comparisons_in
from service.rules.faults import Fault
from service.rules.lint_conditions import suspicions
from service.rules.workflows import Workflow, WorkflowFilter

ANY_TASK = "1 == 1"
EVERY_WORKER_HAS = frozenset({"worker.sid", "worker.name", "worker.friendly_name"})


def lint_workflow(workflow: Workflow) -> Iterator[Fault]:
    """A warning for everything in a workflow that does not do what it seems to."""
    for number, one in enumerate(workflow.filters):
        where = f"workflow {workflow.name}, filter {one.name}"
        yield from _traps(one.expression, where, on_task=True)
        for target in one.targets:
            yield from _traps(target.expression, f"{where}, target", on_task=False)
            yield from _traps(target.skip_if, f"{where}, skip_if", on_task=False)
        yield from _targets(one, where)
        if _always(one) and number + 1 < len(workflow.filters):
            yield Fault(where, 1, 1, "this filter takes every task: the filters after it are never reached", ANY_TASK)


def parsed(expression: str) -> Expression | None:
    """The expression, or None if it is empty (then it always holds) or TaskRouter would not take it."""
    try:
        return compile_expression(expression) if expression.strip() else None
    except ExpressionError:
        return None


def _always(one: WorkflowFilter) -> bool:
    expression = parsed(one.expression)
    return not one.expression.strip() or (expression is not None and not expression.names and expression.matches({}))


def _targets(one: WorkflowFilter, where: str) -> Iterator[Fault]:
    for target in one.targets[:-1]:
        if not target.has_timeout:
            message = "a target without a timeout keeps the task: the targets after it are never tried"
            yield Fault(where, 1, 1, message, one.expression)
    for target in one.targets:
        attribute = target.known_worker.removeprefix("task.")
        if target.known_worker.startswith("task.") and "-" in attribute:
            message = f"hyphens are not allowed in names, so {target.known_worker} names nobody"
            yield Fault(where, 1, 1, message, target.known_worker, len(target.known_worker))


def _traps(text: str, where: str, *, on_task: bool) -> Iterator[Fault]:
    try:
        expression = compile_expression(text) if text.strip() else None
    except ExpressionError as error:
        yield Fault(where, 1, error.position + 1, error.message, text, error.length)
        return
    if expression is None:
        return
    for one in suspicions(expression.tree, always=frozenset() if on_task else EVERY_WORKER_HAS):
        yield Fault(where, 1, one.position + 1, one.message, text, one.length)
    for comparison in comparisons_in(expression.tree):
        message = _trap(comparison, on_task=on_task)
        if message:
            yield Fault(where, 1, comparison.start + 1, message, text, comparison.end - comparison.start)


def _trap(comparison: Compare, *, on_task: bool) -> str | None:
    sides = (comparison.left, comparison.right)
    if comparison.operator == "HAS" and isinstance(comparison.left, Literal):
        return f"HAS needs an array on its left; this is a {kind(comparison.left.value)}, so it never holds"
    if comparison.operator in ("IN", "NOT IN") and isinstance(comparison.right, Literal):
        return f"{comparison.operator} needs an array on its right; this is a {kind(comparison.right.value)}"
    if comparison.operator == "CONTAINS" and any(isinstance(side, ListLiteral) for side in sides):
        return "CONTAINS looks for a text in a text; for arrays there is HAS"
    if any(isinstance(side, Literal) and side.value in ("null", "true", "false") for side in sides):
        return "this compares with a word in quotes; null, true and false are not texts"
    if on_task and any(isinstance(side, Path) and side.steps[0] == "worker" for side in sides):
        return "a filter sees the task only: worker.… is null here and belongs into a target's expression"
    return None
