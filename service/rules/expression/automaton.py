"""Matches a text against a position automaton: one bit a position, so that a step costs no more than their number."""

from collections.abc import Iterator
from dataclasses import dataclass

Range = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CharacterTest:
    """Which characters fit one position. The unions of ranges and negated ranges cover all of the syntax."""

    ranges: tuple[Range, ...] = ()
    outside: tuple[tuple[Range, ...], ...] = ()  # each: fits everything but these (``\\D`` within a set)
    negate: bool = False

    def fits(self, character: str) -> bool:
        inside = _within(character, self.ranges) or any(not _within(character, out) for out in self.outside)
        return inside is not self.negate


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern ready for use: one bit a position."""

    first: int
    last: int
    nullable: bool
    follow: tuple[int, ...]
    tests: tuple[CharacterTest, ...]
    ignore_case: bool

    def fits(self, text: str) -> bool:
        """True if the whole of ``text`` fits."""
        if not text:
            return self.nullable
        fitting: dict[str, int] = {}
        active, reachable = 0, self.first
        for character in text:
            if character not in fitting:
                fitting[character] = self._positions(character)
            active = reachable & fitting[character]
            if not active:
                return False
            reachable = 0
            for position in bits(active):
                reachable |= self.follow[position]
        return active & self.last != 0

    def _positions(self, character: str) -> int:
        cases = {character, character.lower(), character.upper()} if self.ignore_case else {character}
        found = 0
        for position, test in enumerate(self.tests):
            if any(len(case) == 1 and test.fits(case) for case in cases):
                found |= 1 << position
        return found


def _within(character: str, ranges: tuple[Range, ...]) -> bool:
    return any(low <= character <= high for low, high in ranges)


def bits(mask: int) -> Iterator[int]:
    """The positions of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
