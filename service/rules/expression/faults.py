"""What is wrong with an expression, and where. Nothing here looks at facts."""

from collections.abc import Iterable
from difflib import get_close_matches


class ExpressionError(ValueError):
    """An expression that cannot be used.

    ``position`` is the offset of the fault in the text (from 0), ``length`` how many characters it covers (at least 1),
    ``message`` what is wrong and what is allowed.
    """

    def __init__(self, message: str, position: int, length: int = 1) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.message = message
        self.position = position
        self.length = max(1, length)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` is most likely a misspelling of, upper and lower case aside."""
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A tail for an error message: a suggestion, or nothing where none is near enough."""
    name = nearest(word, known)
    return f"; did you mean {name!r}?" if name else ""
