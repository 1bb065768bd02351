"""Cuts the text of an expression into tokens, each with its place. Knows spelling, not grammar."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from service.rules.expression.faults import ExpressionError


class Kind(StrEnum):
    """What a token is."""

    TEXT = "text"
    NUMBER = "number"
    WORD = "word"
    OPERATOR = "operator"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its spelling, its value where it is a constant, and the offsets it covers."""

    kind: Kind
    text: str
    start: int
    end: int
    value: object = None

    @property
    def keyword(self) -> str:
        """The word in upper case: TaskRouter takes ``and`` for ``AND``. Empty for everything but words."""
        return self.text.upper() if self.kind is Kind.WORD else ""


KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "HAS", "CONTAINS", "TRUE", "FALSE"})
RULES_KEYWORDS = KEYWORDS | {"MATCHES", "NULL"}
COMPARING = ("IN", "HAS", "CONTAINS", "MATCHES")
CONSTANT_WORDS: Mapping[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[^\W\d]\w*)
      | (?P<operator>[=!<>]=|[=<>])
      | (?P<mark>[()\[\],.])
    """,
    re.VERBOSE,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "/": "/", '"': '"', "'": "'"}
UNICODE_ESCAPE = re.compile(r"u([0-9a-fA-F]{4})")
CURLY_QUOTES = "\u201c\u201d\u2018\u2019\u0060"  # what word processors and chat programs make of a quote
FOREIGN = {"&&": "AND", "||": "OR", "<>": "!=", "!": "!=", "&": "AND", "|": "OR"}


def tokens(text: str) -> list[Token]:
    """All tokens of ``text``, then an end mark. Raises ``ExpressionError`` at the first character that fits nowhere."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        token, at = _next(text, at)
        if token:
            found.append(token)
    return [*found, Token(Kind.END, "", len(text), len(text))]


def _next(text: str, at: int) -> tuple[Token | None, int]:
    if text[at] in "\"'":
        token = _quoted(text, at)
        return token, token.end
    if text.startswith("<>", at):
        raise _foreign("<>", at)
    match = TOKEN.match(text, at)
    if match is None:
        raise _stray(text, at)
    kind, end = str(match.lastgroup), match.end()
    if kind == "space":
        return None, end
    if kind == "number":
        return _number(text, match.group(), at), end
    if kind == "word" and text.startswith("-", end):
        message = "hyphens are not allowed in names, TaskRouter does not support them; use an underscore"
        raise ExpressionError(message, end)
    return Token(Kind(kind), match.group(), at, end), end


def _number(text: str, digits: str, at: int) -> Token:
    end = at + len(digits)
    if end < len(text) and (text[end].isalnum() or text[end] in "_."):
        raise ExpressionError("a number is written 12 or 12.5; a text needs quotes", at, len(digits) + 1)
    value = float(digits) if "." in digits else int(digits)
    if isinstance(value, float) and not isfinite(value):
        raise ExpressionError("the number is too large", at, len(digits))
    return Token(Kind.NUMBER, digits, at, end, value)


def _quoted(text: str, start: int) -> Token:
    quote, at, parts = text[start], start + 1, []
    while at < len(text) and text[at] != quote:
        if text[at] == "\\":
            piece, at = _escape(text, at)
        else:
            piece, at = text[at], at + 1
        parts.append(piece)
    if at >= len(text):
        raise ExpressionError(f"the text that begins here has no closing {quote}", start, len(text) - start)
    return Token(Kind.TEXT, text[start : at + 1], start, at + 1, "".join(parts))


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at + 1 : at + 2]
    if letter in ESCAPES and letter:
        return ESCAPES[letter], at + 2
    unicode = UNICODE_ESCAPE.match(text, at + 1)
    if unicode:
        return chr(int(unicode.group(1), 16)), unicode.end()
    message = r"""allowed after a backslash are \ " ' / n t r and uXXXX; write a backslash itself as \\"""
    raise ExpressionError(message, at, 2)


def _stray(text: str, at: int) -> ExpressionError:
    for foreign in FOREIGN:
        if text.startswith(foreign, at):
            return _foreign(foreign, at)
    if text[at] in CURLY_QUOTES:
        return ExpressionError("this quote is not understood; use \" or '", at)
    return ExpressionError("this character is not understood here", at)


def _foreign(found: str, at: int) -> ExpressionError:
    return ExpressionError(f"{found} is not understood; did you mean {FOREIGN[found]}?", at, len(found))
