"""The farewell message: which placeholders it may have, and what they become at the moment it is sent.

``{opens_at:support}`` is the time at which that calendar opens next, on the clock of its zone ("Monday 28 December,
08:00"); ``{opens_at:support:%d.%m. %H:%M}`` the same in a form of one's own. ``{{`` and ``}}`` are single brackets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from service.rules.calendars import Calendar
from service.rules.expression.faults import did_you_mean

PIECE = re.compile(r"(?P<double>\{\{|\}\})|\{(?P<inside>[^{}]*)\}|(?P<stray>[{}])")
OPENS_AT = re.compile(r"opens_at:(?P<calendar>[A-Za-z0-9_-]+)(?::(?P<form>.*))?", re.DOTALL)
DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
DIRECTIVES = "dmYyHIMpAaBbZ"
UNKNOWN_TIME = "–"  # no opening within 400 days, or the calendar is gone since the message was stored


@dataclass(frozen=True)
class Mistake:
    """What is wrong with part of a message: offset and length in its text."""

    position: int
    length: int
    message: str


def mistakes_in(text: str, calendars: Iterable[str]) -> Iterator[Mistake]:
    """Every placeholder that cannot be filled in. ``calendars`` are the names there are."""
    known = tuple(calendars)
    for piece in PIECE.finditer(text):
        message = _mistake(piece, known)
        if message:
            yield Mistake(piece.start(), piece.end() - piece.start(), message)


def _mistake(piece: re.Match[str], known: tuple[str, ...]) -> str | None:
    if piece["double"]:
        return None
    found = OPENS_AT.fullmatch(piece["inside"] or "")
    if found is None:
        return "a placeholder is written {opens_at:CALENDAR}; a bracket itself is written twice, as {{ or }}"
    if found["calendar"] not in known:
        there = ", ".join(known) or "none"
        tail = did_you_mean(found["calendar"], known)
        return f"there is no calendar {found['calendar']!r} (there are: {there}){tail}"
    wrong = [letter for letter in DIRECTIVE.findall(found["form"] or "") if letter not in DIRECTIVES or not letter]
    return f"in the form of a time % may be followed by one of {', '.join(DIRECTIVES)}" if wrong else None


def calendars_in(text: str) -> tuple[str, ...]:
    """The calendars whose opening time a message tells."""
    found = (OPENS_AT.fullmatch(piece["inside"] or "") for piece in PIECE.finditer(text))
    return tuple(one["calendar"] for one in found if one)


def farewell_text(text: str, calendars: Mapping[str, Calendar], now: datetime) -> str:
    """The message as it is sent at ``now``, which must know its zone. A time that cannot be told becomes a dash."""

    def filled(piece: re.Match[str]) -> str:
        found = OPENS_AT.fullmatch(piece["inside"] or "")
        if found is None:
            return piece[0][0] if piece["double"] else piece[0]
        calendar = calendars.get(found["calendar"])
        opening = calendar.opens_at(now) if calendar else None
        return _written(opening, found["form"]) if opening else UNKNOWN_TIME

    return PIECE.sub(filled, text)


def _written(moment: datetime, form: str | None) -> str:
    return moment.strftime(form) if form else f"{moment:%A} {moment.day} {moment:%B, %H:%M}"
