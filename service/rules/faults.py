"""What is wrong with a rules file, and exactly where: collected, never raised one by one, and shown as compilers do."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = 110  # characters of a source line that are shown


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands: line and column from 1, and how many characters of that line it covers."""

    line: int = 1
    column: int = 1
    length: int = 1


@dataclass(frozen=True)
class Fault:
    """One fault: its place (line and column from 1), what is wrong and what is allowed, and the line itself."""

    file: str
    line: int
    column: int
    message: str
    source_line: str = ""
    length: int = 1

    def __str__(self) -> str:
        """``file:line:column: message``, then the source line with a caret under the fault."""
        head = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.source_line.strip():
            return head
        start = max(0, self.column - 1 - WINDOW // 2) if len(self.source_line) > WINDOW else 0
        shown = self.source_line[start : start + WINDOW]
        before, under = shown[: self.column - 1 - start], shown[self.column - 1 - start :][: self.length]
        carets = "^" * max(1, sum(_width(character) for character in under))
        margin = f"{self.line:>5} | "
        return f"{head}\n{margin}{shown}\n{' ' * (len(margin) - 2)}| {_blank(before)}{carets}"


class RulesError(Exception):
    """A rules file that cannot be used. ``faults`` holds every fault found, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        super().__init__("\n".join(str(fault) for fault in self.faults))

    @property
    def summary(self) -> str:
        """One line without source text, for a readiness answer or a log: how many faults, and where they stand."""
        places = ", ".join(f"{fault.line}:{fault.column}" for fault in self.faults[:10])
        return f"{count(len(self.faults), 'fault')} in the rules file, at {places}"


@dataclass(frozen=True)
class Source:
    """The text of a rules file, able to say where an offset stands."""

    file: str
    text: str
    starts: tuple[int, ...]  # the offset at which each line begins

    def place(self, offset: int, length: int = 1) -> Place:
        """The place of ``length`` characters from ``offset``, cut at the end of their line."""
        line = bisect_right(self.starts, offset)
        column = offset - self.starts[line - 1] + 1
        if line < len(self.starts) and offset + length < self.starts[line] - 1:  # surely ends before the line does
            return Place(line, column, max(1, length))
        return Place(line, column, max(1, min(length, len(self.line(line)) - column + 1)))

    def line(self, number: int) -> str:
        """The line of that number (from 1) without its end; empty past the last."""
        if number > len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")

    def fault(self, place: Place, message: str) -> Fault:
        """A fault at ``place``."""
        return Fault(self.file, place.line, place.column, message, self.line(place.line), place.length)


def source_of(text: str, file: str) -> Source:
    """``text`` as a source; lines end as editors count them (CR, LF or both)."""
    starts, at = [0], 0
    for line in text.replace("\r\n", "\n\n").replace("\r", "\n").split("\n")[:-1]:
        at += len(line) + 1
        if not text.startswith("\r\n", at - 1):  # the first half of a two-character line end begins no line
            starts.append(at)
    return Source(file, text, tuple(starts))


def count(number: int, noun: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _blank(text: str) -> str:
    return "".join("\t" if character == "\t" else " " * _width(character) for character in text)
