"""The calendars of a rules file: what can be written, and what is said of anything else."""

import sys
from datetime import UTC, date, datetime

import pytest

from service.rules.calendars import Calendar, Span
from service.rules.faults import RulesError
from service.rules.reading import parse_rules

TOP = "version: 1\ndefault: {workflow: w}\ncalendars:\n"


def calendar(inside: str) -> Calendar:
    """The one calendar that ``inside`` describes."""
    return parse_rules(f"{TOP}  c: {{timezone: Europe/London, {inside}}}").calendars["c"]


NINE = (Span(540, 1020),)
WEEKS = {
    "range": ("mon-fri: '9:00-17:00'", (NINE,) * 5 + ((),) * 2),
    "one-day": ("SUN: 09:00-17:00", ((),) * 6 + (NINE,)),
    "several-days": ("'mon, wed': 09:00-17:00", (NINE, (), NINE, *((),) * 4)),
    "over-the-weekend": ("sat-mon: 09:00–17:00", (NINE, *((),) * 4, NINE, NINE)),
    "several-spans-in-order": ("mon: ['13:00-17:00', '08:00-12:00']", ((Span(480, 720), Span(780, 1020)), *((),) * 6)),
    "over-midnight": ("mon: 22:00-06:00", ((Span(1320, 1800),), *((),) * 6)),
    "all-day": ("mon: 00:00-24:00", ((Span(0, 1440),), *((),) * 6)),
    "closed": ("mon-sun: closed", ((),) * 7),
    "last-minute-of-an-hour": ("mon: 08:59-23:59", ((Span(539, 1439),), *((),) * 6)),
    **{
        day: (f"{day}: 09:00-17:00", (*((),) * at, NINE, *((),) * (6 - at)))
        for at, day in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    },
}


@pytest.mark.parametrize(("written", "week"), WEEKS.values(), ids=WEEKS)
def test_week_is_read(written: str, week: tuple[tuple[Span, ...], ...]) -> None:
    assert calendar(f"week: {{{written}}}").week == week


def test_dates_are_read() -> None:
    found = calendar("dates: {2026-12-24: 08:00-14:00, 2026-12-25: closed}")
    assert found.dates == {date(2026, 12, 24): (Span(480, 840),), date(2026, 12, 25): ()}


FAULTY = {
    "no-mapping": ("calendars: [a]", 3, 12, "calendars must be opening hours"),
    "name-odd": ("calendars: {a b: {timezone: UTC}}", 3, 13, "1 to 64 letters"),
    "timezone-missing": ("calendars: {a: {week: {}}}", 3, 16, "timezone is missing"),
    "timezone-misspelled": ("calendars: {a: {timezone: Europe/Lodnon}}", 3, 27, "did you mean 'Europe/London'"),
    "timezone-far-off": ("calendars: {a: {timezone: qqqq}}", 3, 27, "(as in Europe/London)"),
    "timezone-number": ("calendars: {a: {timezone: 5}}", 3, 27, "timezone must be the name of a time zone"),
    "key-misspelled": ("calendars: {a: {timezone: UTC, weeks: {}}}", 3, 32, "did you mean 'week'"),
    "day-unknown": ("calendars: {a: {timezone: UTC, week: {mo: closed}}}", 3, 39, "a day is mon, tue"),
    "day-range-unknown": ("calendars: {a: {timezone: UTC, week: {mon-fry: closed}}}", 3, 39, "a day is mon, tue"),
    "day-twice": ("calendars: {a: {timezone: UTC, week: {mon-fri: closed, wed: closed}}}", 3, 56, "wed already has"),
    "span-odd": ("calendars: {a: {timezone: UTC, week: {mon: 8-17}}}", 3, 44, "a time span such as 08:00-17:30"),
    "span-number": ("calendars: {a: {timezone: UTC, week: {mon: 8}}}", 3, 44, "week must be days"),
    "span-hour": ("calendars: {a: {timezone: UTC, week: {mon: 24:00-25:00}}}", 3, 44, "all day is 00:00-24:00"),
    "span-minute": ("calendars: {a: {timezone: UTC, week: {mon: 08:60-10:00}}}", 3, 44, "a time span"),
    "span-to-minute": ("calendars: {a: {timezone: UTC, week: {mon: 08:00-09:60}}}", 3, 44, "a time span"),
    "span-past-midnight": ("calendars: {a: {timezone: UTC, week: {mon: 08:00-24:30}}}", 3, 44, "a time span"),
    "span-empty": ("calendars: {a: {timezone: UTC, week: {mon: 08:00-08:00}}}", 3, 44, "all day is 00:00-24:00"),
    "span-overlaps": (
        "calendars: {a: {timezone: UTC, week: {mon: ['08:00-12:00', '11:00-13:00']}}}",
        3,
        60,
        "overlaps another one",
    ),
    "date-unknown": ("calendars: {a: {timezone: UTC, dates: {2026-02-30: closed}}}", 3, 40, "a day that exists"),
    "date-without-dashes": ("calendars: {a: {timezone: UTC, dates: {20261224: closed}}}", 3, 40, "written 2026-12-24"),
    "date-by-its-week": ("calendars: {a: {timezone: UTC, dates: {2026-W52-4: closed}}}", 3, 40, "written 2026-12-24"),
    "date-twice-in-other-words": (
        "calendars: {a: {timezone: UTC, dates: {2026-12-24: closed, 20261224: '08:00-10:00'}}}",
        3,
        60,
        "written 2026-12-24",
    ),
    "holidays-text": ("calendars: {a: {timezone: UTC, holidays: GB}}", 3, 42, "holidays must be a country"),
    "country-missing": ("calendars: {a: {timezone: UTC, holidays: {}}}", 3, 42, "country is missing"),
    "named-unknown": (
        "calendars: {support: {timezone: UTC}}\nrules: [{name: a, when: is_open('suport'), route: {workflow: w}}]",
        4,
        25,
        "there is no calendar 'suport' (there are: support); did you mean 'support'?",
    ),
    "named-where-none-is": (
        "rules: [{name: a, when: is_open('suport'), route: {workflow: w}}]",
        3,
        25,
        "there is no calendar 'suport' (there are: none)",
    ),
    "compared-with-a-text": (
        "calendars: {c: {timezone: UTC}}\nrules: [{name: a, when: is_open('c') == 'yes', route: {workflow: w}}]",
        4,
        25,
        "a boolean is compared with a text",
    ),
}


@pytest.mark.parametrize(("text", "line", "column", "said"), FAULTY.values(), ids=FAULTY)
def test_mistake_is_found_in_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules("version: 1\ndefault: {workflow: w}\n" + text)
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_faulty_calendar_may_still_be_named() -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(f"{TOP}  c: {{timezone: Nowhere/None}}\nrules: [{{name: a, when: is_open('c'), route: {{}}}}]")
    assert [fault.line for fault in caught.value.faults] == [4, 5]
    assert "needs at least" in caught.value.faults[1].message


def test_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)  # what Python does where a package is not installed
    with pytest.raises(RulesError, match="public holidays need the package holidays") as caught:
        calendar("holidays: {country: GB}")
    assert (caught.value.faults[0].line, caught.value.faults[0].column) == (4, 52)


def test_country_may_have_its_other_code() -> None:
    pytest.importorskip("holidays")
    found = calendar("week: {mon-sun: 08:00-20:00}, holidays: {country: GBR}")
    assert not found.is_open(datetime(2026, 12, 25, 12, tzinfo=UTC))


def test_country_without_parts_has_none_to_offer() -> None:
    pytest.importorskip("holidays")
    with pytest.raises(RulesError, match=r"MC has no subdivision 'X' \(there are: none\)"):
        calendar("holidays: {country: MC, subdivision: X}")


def test_public_holidays_close_a_calendar() -> None:
    pytest.importorskip("holidays")
    found = calendar("week: {mon-sun: 08:00-20:00}, holidays: {country: GB, subdivision: ENG}")
    assert found.holiday(date(2026, 12, 25)) == "Christmas Day"
    days = [found.is_open(datetime(2026, 12, day, 12, tzinfo=UTC)) for day in (24, 25, 28, 29)]
    assert days == [True, False, False, True]


def test_single_date_opens_a_public_holiday() -> None:
    pytest.importorskip("holidays")
    found = calendar("week: {mon-sun: 08:00-20:00}, holidays: {country: GB}, dates: {2026-12-25: 10:00-12:00}")
    assert found.is_open(datetime(2026, 12, 25, 11, tzinfo=UTC))


UNKNOWN = {
    "country": ("{country: UK2}", 4, 52, "there is no country 'UK2'"),
    "subdivision": ("{country: GB, subdivision: LON}", 4, 69, "GB has no subdivision 'LON' (there are: "),
}


@pytest.mark.parametrize(("written", "line", "column", "said"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_country_is_told(written: str, line: int, column: int, said: str) -> None:
    pytest.importorskip("holidays")
    with pytest.raises(RulesError) as caught:
        calendar(f"holidays: {written}")
    (fault,) = caught.value.faults
    assert said in fault.message
    assert (fault.line, fault.column) == (line, column)
