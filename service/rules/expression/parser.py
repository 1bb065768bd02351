"""Tokens into a tree: the grammar of both dialects and their limits, by recursive descent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal as OneOf
from typing import cast

from service.rules.expression.faults import ExpressionError, did_you_mean
from service.rules.expression.pattern import MAX_PATTERN, PatternError, compile_pattern
from service.rules.expression.tokens import (
    COMPARING,
    CONSTANT_WORDS,
    KEYWORDS,
    RULES_KEYWORDS,
    Kind,
    Token,
    tokens,
)
from service.rules.expression.tree import And, Compare, ListLiteral, Literal, Node, Not, Operand, Or, Path

Dialect = OneOf["taskrouter", "rules"]

IS_OPEN, QUEUES, LAST_WORKER = "is_open", "queues", "last_worker"  # facts that are looked up, not handed in

MAX_LENGTH = 4096  # characters in one expression
MAX_DEPTH = 32  # brackets and NOT inside one another
MAX_LIST = 500  # constants in one list


def parse(text: str, *, dialect: Dialect, lists: Mapping[str, tuple[object, ...]]) -> Node:
    """The tree of ``text``. Raises ``ExpressionError`` at the first fault."""
    if len(text) > MAX_LENGTH:
        message = f"an expression may have {MAX_LENGTH} characters at most, this one has {len(text)}"
        raise ExpressionError(message, MAX_LENGTH, len(text) - MAX_LENGTH)
    reader = _Reader(tokens(text), extended=dialect == "rules", lists=lists)
    if reader.here.kind is Kind.END:
        raise ExpressionError("an expression is needed; one that always holds is 1 == 1", 0)
    tree = reader.either()
    reader.finish()
    return tree


class _Reader:
    """Reads one expression; a class only because every step moves the same place forward."""

    def __init__(self, found: list[Token], *, extended: bool, lists: Mapping[str, tuple[object, ...]]) -> None:
        self.found, self.extended, self.lists = found, extended, lists
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        return self.found[self.at]

    @property
    def keywords(self) -> frozenset[str]:
        return RULES_KEYWORDS if self.extended else KEYWORDS

    def take(self) -> Token:
        token = self.here
        self.at += token.kind is not Kind.END
        return token

    def ahead(self, text: str) -> bool:
        return self.here.kind in (Kind.MARK, Kind.OPERATOR) and self.here.text == text

    def fault(self, message: str, token: Token | None = None) -> ExpressionError:
        token = token or self.here
        return ExpressionError(message, token.start, token.end - token.start)

    def finish(self) -> None:
        if self.here.kind is Kind.END:
            return
        if self.ahead(")"):
            raise self.fault("this bracket closes nothing")
        if self._operator_ahead():
            raise self.fault("comparisons cannot be chained; join two of them with AND")
        tail = did_you_mean(self.here.text, ("AND", "OR")) if self.here.kind is Kind.WORD else ""
        raise self.fault(f"AND, OR or the end is expected here{tail}")

    def either(self) -> Node:
        terms = [self.all()]
        while self.here.keyword == "OR":
            self.take()
            terms.append(self.all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms), terms[0].start, terms[-1].end)

    def all(self) -> Node:
        terms = [self.term()]
        while self.here.keyword == "AND":
            self.take()
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else And(tuple(terms), terms[0].start, terms[-1].end)

    def term(self) -> Node:
        if self.here.keyword == "NOT":
            return self.negation()
        if self.ahead("("):
            return self.bracket()
        return self.comparison()

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fault(f"brackets and NOT may go {MAX_DEPTH} levels deep at most", token)

    def negation(self) -> Node:
        token = self.take()
        if not self.extended:
            raise self.fault("TaskRouter knows NOT only in NOT IN", token)
        self.deeper(token)
        term = self.term()
        self.depth -= 1
        return Not(term, token.start, term.end)

    def bracket(self) -> Node:
        opening = self.take()
        self.deeper(opening)
        inner = self.either()
        if not self.ahead(")"):
            if self.here.kind is Kind.END:
                raise self.fault("this bracket is not closed", opening)
            self.finish()
        self.take()
        self.depth -= 1
        return inner if isinstance(inner, Compare | Not) else replace(inner, bracketed=True)

    def comparison(self) -> Node:
        left = self.operand()
        if isinstance(left, Path) and left.spelled and left.steps[0] == IS_OPEN and not self._operator_ahead():
            return Compare(left, "==", Literal(True, left.start, left.end), left.start, left.end)
        operator = self.operator(left)
        right_at = self.here
        right = self.operand()
        if operator == "MATCHES":
            self.pattern(right, right_at)
        return Compare(left, operator, right, left.start, right.end)

    def _operator_ahead(self) -> bool:
        return self.here.kind is Kind.OPERATOR or self.here.keyword in (*COMPARING, "NOT")

    def operator(self, left: Operand) -> str:
        token = self.take()
        if token.kind is Kind.OPERATOR:
            return "==" if token.text == "=" else token.text
        if token.keyword == "NOT":
            return self.not_in(token)
        if token.keyword == "MATCHES" and not self.extended:
            raise self.fault("TaskRouter does not know MATCHES", token)
        if token.keyword in COMPARING:
            return token.keyword
        raise self.no_operator(left, token)

    def not_in(self, token: Token) -> str:
        if self.here.keyword != "IN":
            hint = "; for the opposite of a comparison write NOT before it" if self.extended else ""
            raise self.fault(f"only IN can follow NOT here{hint}", token)
        self.take()
        return "NOT IN"

    def no_operator(self, left: Operand, token: Token) -> ExpressionError:
        if token.kind is Kind.END or token.keyword in ("AND", "OR") or token.text in (")",):
            where = Token(Kind.WORD, "", left.start, left.end)
            return self.fault("this stands alone; a comparison is needed, as in name == true", where)
        known = "== != > >= < <= IN, NOT IN, HAS, CONTAINS" + (", MATCHES" if self.extended else "")
        tail = did_you_mean(token.text, COMPARING) if token.kind is Kind.WORD else ""
        return self.fault(f"an operator is expected here ({known}){tail}", token)

    def operand(self) -> Operand:
        token = self.here
        if token.kind in (Kind.TEXT, Kind.NUMBER):
            return self.constant()
        if self.ahead("["):
            return self.list()
        if token.kind is not Kind.WORD:
            what = "the expression ends too early; " if token.kind is Kind.END else ""
            raise self.fault(f"{what}a key, text, number, true, false or list is expected here")
        if token.keyword in self.keywords:
            return self.constant()
        return self.key()

    def constant(self) -> Literal:
        token = self.take()
        if token.kind is Kind.WORD:
            if token.keyword not in CONSTANT_WORDS:
                raise self.fault(f"{token.text} cannot stand here; a key or a constant is expected", token)
            return Literal(CONSTANT_WORDS[token.keyword], token.start, token.end)
        return Literal(cast("str | int | float", token.value), token.start, token.end)

    def list(self) -> ListLiteral:
        opening = self.take()
        values: list[object] = []
        while not self.ahead("]"):
            if values:
                self.comma(opening)
            values.append(self.element(opening))
            if len(values) > MAX_LIST:
                raise self.fault(f"a list may have {MAX_LIST} values at most", opening)
        return ListLiteral(tuple(values), opening.start, self.take().end)

    def comma(self, opening: Token) -> None:
        if self.here.kind is Kind.END:
            raise self.fault("this list is not closed", opening)
        if not self.ahead(","):
            raise self.fault("a comma or ] is expected here")
        self.take()

    def element(self, opening: Token) -> object:
        token = self.here
        if token.kind is Kind.END:
            raise self.fault("this list is not closed", opening)
        if token.kind in (Kind.TEXT, Kind.NUMBER) or token.keyword in CONSTANT_WORDS.keys() & self.keywords:
            return self.constant().value
        raise self.fault("a list holds texts in quotes, numbers, true and false")

    def key(self) -> Operand:
        first = self.take()
        if self.ahead("("):
            return self.opening_hours(first)
        if self.extended and first.text == QUEUES:
            return self.queue(first)
        steps: list[str | int] = [first.text]
        while self.ahead(".") or self.ahead("["):
            steps.append(self.index() if self.ahead("[") else self.step())
        lazy = self.extended and first.text == LAST_WORKER
        path = Path(tuple(steps), first.start, self.found[self.at - 1].end, lazy)
        return self.named_list(path) if self.extended and first.text == "lists" else path

    def opening_hours(self, first: Token) -> Path:
        if not self.extended or first.text != IS_OPEN:
            raise self.fault(f"there is no {first.text}(…)", first)
        self.take()
        name = self.quoted(")", 'the name of a calendar in quotes is expected, as in is_open("support")')
        return Path((IS_OPEN, name), first.start, self.found[self.at - 1].end, True, f'{IS_OPEN}("{name}")')

    def queue(self, first: Token) -> Path:
        if not self.ahead("["):
            raise self.fault('a queue is written queues["name"].waiting', first)
        self.take()
        name = self.quoted("]", 'the name of a queue in quotes is expected, as in queues["support"].waiting')
        if not self.ahead("."):
            raise self.fault('one figure of the queue is expected, as in queues["support"].waiting')
        figure = self.step()
        end = self.found[self.at - 1].end
        return Path((QUEUES, name, figure), first.start, end, True, f'{QUEUES}["{name}"].{figure}')

    def quoted(self, closing: str, otherwise: str) -> str:
        token = self.take()
        if token.kind is not Kind.TEXT:
            raise self.fault(otherwise, token)
        if not self.ahead(closing):
            raise self.fault(f"{closing} is expected here")
        self.take()
        return cast(str, token.value)

    def step(self) -> str:
        self.take()
        if self.here.kind is not Kind.WORD:
            raise self.fault("a name is expected after the dot")
        return self.take().text

    def index(self) -> int:
        opening = self.take()
        token = self.take()
        if not isinstance(token.value, int) or token.value < 0 or not self.ahead("]"):
            raise self.fault("in [ ] after a key only a whole number from 0 is allowed", opening)
        self.take()
        return token.value

    def named_list(self, path: Path) -> ListLiteral:
        where = Token(Kind.WORD, path.name, path.start, path.end)
        if len(path.steps) != 2 or not isinstance(path.steps[1], str):
            raise self.fault("a named list is written lists.NAME", where)
        name = path.steps[1]
        if name not in self.lists:
            known = ", ".join(self.lists) or "none are defined"
            raise self.fault(f"there is no list {name!r} (lists: {known}){did_you_mean(name, self.lists)}", where)
        return ListLiteral(self.lists[name], path.start, path.end)

    def pattern(self, right: Operand, token: Token) -> None:
        if not isinstance(right, Literal) or not isinstance(right.value, str):
            raise self.fault("MATCHES needs a pattern in quotes on its right", token)
        if len(right.value) > MAX_PATTERN:
            raise self.fault(f"a pattern may have {MAX_PATTERN} characters at most", token)
        try:
            compile_pattern(right.value)
        except PatternError as error:
            raise self.fault(f"the pattern cannot be used: {error}", token) from None
