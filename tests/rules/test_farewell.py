"""Placeholders in the farewell message."""

from datetime import datetime

import pytest

from service.rules.farewell import farewell_text
from service.rules.faults import RulesError
from service.rules.reading import parse_rules

CALENDARS = parse_rules(
    """\
version: 1
calendars:
  support: {timezone: Europe/Berlin, week: {mon-fri: "08:00-12:00"}}
  always: {timezone: UTC, week: {mon-sun: "00:00-24:00"}}
default: {workflow: w}
"""
).calendars
NOW = datetime.fromisoformat("2026-12-04T20:00+00:00")  # a Friday

WRITTEN = {
    "plain": ("Bye.", "Bye."),
    "usual-form": ("On {opens_at:support}.", "On Monday 7 December, 08:00."),
    "own-form": ("{opens_at:support:%d.%m.%y um %H:%M Uhr}", "07.12.26 um 08:00 Uhr"),
    "twice": ("{opens_at:support:%H}{opens_at:support:%a}", "08Mon"),
    "brackets": ("{{a}} {opens_at:support:%M}", "{a} 00"),
    "never-opens": ("{opens_at:always}", "–"),
    "calendar-gone": ("{opens_at:sales}", "–"),
    "unreadable": ("{a} {", "{a} {"),
}


@pytest.mark.parametrize(("text", "sent"), WRITTEN.values(), ids=WRITTEN)
def test_placeholders_are_filled_in(text: str, sent: str) -> None:
    assert farewell_text(text, CALENDARS, NOW) == sent


HEAD = (
    "version: 1\ncalendars:\n  support: {timezone: UTC, week: {mon: '08:00-12:00'}}\n"
    "  always: {timezone: UTC, week: {mon-sun: '00:00-24:00'}}\ndefault:\n  route: {workflow: w}\n"
)
FAULTY = {
    "unknown-placeholder": ("We {open} soon", 7, 17, "written {opens_at:CALENDAR}"),
    "unknown-calendar": ("a {opens_at:suport}", 7, 16, "did you mean 'support'"),
    "stray-bracket": ("a } b", 7, 16, "written twice"),
    "not-closed": ("a {opens_at:support", 7, 16, "written twice"),
    "odd-form": (
        "a {opens_at:support:%Q}",
        7,
        16,
        "% may be followed by one of d, m, Y, y, H, I, M, p, A, a, B, b, Z\n",
    ),
    "form-ends-in-percent": ("{opens_at:support:%}", 7, 14, "% may be followed by"),
    "never-opens": ("{opens_at:always}", 7, 13, "has no moment at which it opens"),
}


LENGTHS = {
    "We {open} soon": 6,
    "a {opens_at:suport}": 17,
    "a {opens_at:support:%Q}": 21,
    "{opens_at:support:%}": 20,
    "{opens_at:always}": 19,
}
"""Where more than one character is at fault; with the quotes where it is the message as a whole."""


@pytest.mark.parametrize(("text", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_is_found_in_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(f"{HEAD}  farewell: '{text}'")
    (fault,) = caught.value.faults
    assert said in f"{fault.message}\n"
    assert (fault.line, fault.column, fault.length) == (line, column, LENGTHS.get(text, 1))


def test_file_without_calendars_has_none_to_offer() -> None:
    with pytest.raises(RulesError, match=r"no calendar 'sales' \(there are: none\)"):
        parse_rules("version: 1\ndefault: {route: {workflow: w}, farewell: 'a {opens_at:sales}'}")


def test_message_with_known_placeholders_is_taken() -> None:
    text = f"{HEAD}  farewell: We open {{opens_at:support}} or {{{{later}}}}.\n"
    assert parse_rules(text).default.farewell == "We open {opens_at:support} or {{later}}."
