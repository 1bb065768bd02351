"""The patterns of ``MATCHES``: a small part of regular expressions, matched in linear time against customers' text.

The pattern must fit the whole text. Allowed: plain characters, ``.``, sets ``[a-z]`` ``[^…]``, ``\\d \\w \\s`` and
their opposites, groups, ``|``, ``* + ?``, ``{m}`` ``{m,}`` ``{m,n}``, and ``(?i)`` at the start to ignore case. Nothing
that needs backtracking comes in: the pattern becomes a position automaton (Glushkov), and a text of n characters costs
at most n steps of at most 256 positions each, however hostile it is.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from service.rules.expression.automaton import CharacterTest, Pattern, Range, bits

MAX_PATTERN = 200  # characters
MAX_POSITIONS = 256  # characters after {m,n} is written out
MAX_REPEAT = 100
MAX_GROUPS = 16  # groups inside one another

CLASSES: dict[str, tuple[Range, ...]] = {
    "d": (("0", "9"),),
    "w": (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_")),
    "s": ((" ", " "), ("\t", "\r")),
}
SPECIAL = frozenset(r".[]()|*+?{}\^$")


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """The pattern written as ``text``. Raises ``PatternError``."""
    ignore_case = text.startswith("(?i)")
    reader = _PatternReader(text, 4 if ignore_case else 0)
    whole = reader.either()
    if reader.at < len(text):
        raise PatternError(f"the ) at character {reader.at + 1} closes nothing")
    follow, tests = tuple(reader.follow), tuple(reader.tests)
    return Pattern(whole.first, whole.last, whole.nullable, follow, tests, ignore_case)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the automaton: where it can begin and end, and whether it may be empty."""

    nullable: bool = True
    first: int = 0
    last: int = 0


@dataclass(slots=True)
class _PatternReader:
    """Reads a pattern left to right while it builds the automaton."""

    text: str
    at: int
    depth: int = 0
    follow: list[int] = field(default_factory=list)
    tests: list[CharacterTest] = field(default_factory=list)

    @property
    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def either(self) -> _Part:
        part = self.sequence()
        while self.here == "|":
            self.take()
            other = self.sequence()
            part = _Part(part.nullable or other.nullable, part.first | other.first, part.last | other.last)
        return part

    def sequence(self) -> _Part:
        part = _Part()
        while self.here and self.here not in "|)":
            part = self.then(part, self.repeated())
        return part

    def then(self, one: _Part, two: _Part) -> _Part:
        self.link(one.last, two.first)
        first = one.first | two.first if one.nullable else one.first
        last = two.last | one.last if two.nullable else two.last
        return _Part(one.nullable and two.nullable, first, last)

    def link(self, sources: int, targets: int) -> None:
        for position in bits(sources):
            self.follow[position] |= targets

    def repeated(self) -> _Part:
        start = self.at
        part = self.atom()
        if self.here not in ("*", "+", "?", "{"):
            return part
        least, most = self.counts()
        end = self.at
        if self.here and self.here in "*+?{":
            raise PatternError(f"only one of * + ? {{ }} may follow a character (character {self.at + 1})")
        whole = self.copies(start, part, least, most)
        self.at = end
        return whole

    def counts(self) -> tuple[int, int | None]:
        mark = self.take()
        if mark != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[mark]
        least_text, comma, most_text = self.braces().partition(",")
        if not least_text.isdecimal() or (most_text and not most_text.isdecimal()):
            raise PatternError("a repetition is written {2}, {2,} or {2,5}")
        least = int(least_text)
        most = (int(most_text) if most_text else None) if comma else least
        if max(least, most or 0) > MAX_REPEAT or (most is not None and not least <= most > 0):
            raise PatternError(f"a repetition goes from the smaller to the larger number, {MAX_REPEAT} at most")
        return least, most

    def braces(self) -> str:
        end = self.text.find("}", self.at)
        if end < 0:
            raise PatternError("a { is not closed; for the character itself write \\{")
        inside, self.at = self.text[self.at : end], end + 1
        return inside

    def copies(self, start: int, part: _Part, least: int, most: int | None) -> _Part:
        parts = [part, *(self.again(start) for _ in range(max(least, most or 1) - 1))]
        if most is None:
            self.link(parts[-1].last, parts[-1].first)
        whole = _Part()
        for number, copy in enumerate(parts):
            whole = self.then(whole, copy if number < least else _Part(True, copy.first, copy.last))
        return whole

    def again(self, start: int) -> _Part:
        self.at = start
        return self.atom()

    def atom(self) -> _Part:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return self.position(self.set())
        if character == ".":
            return self.position(CharacterTest(negate=True))
        if character == "\\":
            return self.position(self.escape())
        if character in "^$":
            raise PatternError("^ and $ are not needed, the whole text is matched; for the character itself write \\$")
        if character in SPECIAL:
            raise PatternError(f"nothing to repeat or close before the {character} at character {self.at}")
        return self.position(CharacterTest(((character, character),)))

    def position(self, test: CharacterTest) -> _Part:
        if len(self.tests) >= MAX_POSITIONS:
            raise PatternError(f"with its repetitions written out it has more than {MAX_POSITIONS} characters")
        bit = 1 << len(self.tests)
        self.tests.append(test)
        self.follow.append(0)
        return _Part(False, bit, bit)

    def group(self) -> _Part:
        if self.here == "?":
            raise PatternError("(?…) is not supported, only (?i) at the start")
        self.depth += 1
        if self.depth > MAX_GROUPS:
            raise PatternError(f"groups may go {MAX_GROUPS} deep at most")
        before = len(self.tests)
        part = self.either()
        if self.take() != ")":
            raise PatternError("a ( is not closed")
        if len(self.tests) == before:
            raise PatternError("a group may not be empty")
        self.depth -= 1
        return part

    def escape(self) -> CharacterTest:
        letter = self.take()
        if letter.lower() in CLASSES and letter:
            return CharacterTest(CLASSES[letter.lower()], negate=letter.isupper())
        return CharacterTest(((_escaped(letter), _escaped(letter)),))

    def set(self) -> CharacterTest:
        negate = self.here == "^"
        self.at += negate
        ranges: list[Range] = []
        outside: list[tuple[Range, ...]] = []
        while self.here != "]" or not (ranges or outside):
            self.member(ranges, outside)
        self.take()
        return CharacterTest(tuple(ranges), tuple(outside), negate)

    def member(self, ranges: list[Range], outside: list[tuple[Range, ...]]) -> None:
        low = self.take()
        if not low:
            raise PatternError("a [ is not closed")
        if low == "\\" and self.here.lower() in CLASSES and self.here:
            letter = self.take()
            if letter.isupper():
                outside.append(CLASSES[letter.lower()])
            else:
                ranges.extend(CLASSES[letter])
            return
        low = _escaped(self.take()) if low == "\\" else low
        high = self.high() or low
        if high < low:
            raise PatternError(f"the range {low}-{high} runs backwards")
        ranges.append((low, high))

    def high(self) -> str:
        if self.here != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return ""
        self.take()
        character = self.take()
        return _escaped(self.take()) if character == "\\" else character


def _escaped(letter: str) -> str:
    if not letter or letter.isalnum():
        raise PatternError("after a backslash only d w s D W S or a punctuation mark is allowed")
    return letter
