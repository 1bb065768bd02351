"""Whether a filter holds for a task of which only some attributes are known: yes, no, or it depends (None)."""

from collections.abc import Mapping

from service.rules.expression.interpret import interpret
from service.rules.expression.tree import And, Compare, Node, Not, Path

TASK = "task"


def possible(node: Node, known: Mapping[str, object]) -> bool | None:
    """The answer where the attributes in ``known`` are certain and all others are not.

    A filter names an attribute by its bare name or as ``task.NAME``.
    """
    if isinstance(node, Compare):
        paths = [side for side in (node.left, node.right) if isinstance(side, Path)]
        certain = all(_attribute(path) in known for path in paths)
        return interpret(node, {**known, TASK: known}) if certain else None
    if isinstance(node, Not):
        inner = possible(node.term, known)
        return None if inner is None else not inner
    answers = [possible(term, known) for term in node.terms]
    deciding = not isinstance(node, And)
    if deciding in answers:
        return deciding
    return None if None in answers else not deciding


def _attribute(path: Path) -> str | int:
    return path.steps[1] if path.steps[0] == TASK and len(path.steps) > 1 else path.steps[0]
