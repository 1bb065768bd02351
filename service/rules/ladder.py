"""Which step of a ladder is tried next: its conditions are asked when its turn comes, not before."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from service.model import Route
from service.rules.expression import Expression, ExpressionError, compile_expression


def next_step(
    steps: Sequence[Route], start: int, facts: Mapping[str, object], present: Collection[str] = ()
) -> int | None:
    """The index of the first step from ``start`` on that is not passed over; None if none is left.

    ``facts`` are those of this moment (``facts_of``), ``present`` the workers (WK) who are on the conversation already:
    none of them is asked onto it. None for a new request (start 0) means that every step would be passed over: then the
    last one is tried all the same, because somebody must be asked.
    """
    for at in range(start, len(steps)):
        if steps[at].worker_sid not in present and not step_is_skipped(steps[at].skip_if, facts):
            return at
    return None


def step_is_skipped(skip_if: str | None, facts: Mapping[str, object]) -> bool:
    """Whether a step's condition, as ``Step.skip_if`` holds it, is true now.

    Live facts that cannot be had are null, so that a comparison with a number does not hold: then the step is tried. A
    text that this version cannot read (a plan may outlive it) skips nothing either.
    """
    condition = _compiled(skip_if) if skip_if else None
    return condition is not None and condition.matches(facts)


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Expression | None:
    try:
        return compile_expression(text, dialect="rules")
    except ExpressionError:
        return None
