"""Opening hours through nights, clock changes and single days."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.rules.calendars import Calendar, Span

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
OFFICE = (Span(8 * 60, 12 * 60), Span(13 * 60, 17 * 60))
NIGHT = (Span(22 * 60, 30 * 60),)
ALWAYS = (Span(0, 1440),)


def calendar(*spans: Span, zone: ZoneInfo = LONDON, dates: dict[date, tuple[Span, ...]] | None = None) -> Calendar:
    """The same spans on every day."""
    return Calendar(zone, (spans,) * 7, dates=dates or {})


def at(text: str) -> datetime:
    """A moment with its zone."""
    return datetime.fromisoformat(text)


OPEN = {
    "before": ("2026-11-24T07:59:59+00:00", False),
    "at-the-opening": ("2026-11-24T08:00:00+00:00", True),
    "before-lunch": ("2026-11-24T11:59:59+00:00", True),
    "at-lunch": ("2026-11-24T12:00:00+00:00", False),
    "after-lunch": ("2026-11-24T13:00:00+00:00", True),
    "at-the-end": ("2026-11-24T17:00:00+00:00", False),
    "in-another-zone": ("2026-11-24T09:30:00+01:00", True),
    "in-summer": ("2026-07-01T07:30:00+00:00", True),
    "in-summer-too-late": ("2026-07-01T16:30:00+00:00", False),
}


@pytest.mark.parametrize(("moment", "is_open"), OPEN.values(), ids=OPEN)
def test_calendar_is_open_in_its_spans(moment: str, is_open: bool) -> None:
    assert calendar(*OFFICE).is_open(at(moment)) is is_open


NIGHTS = {
    "evening": ("2026-11-24T23:00:00+00:00", True),
    "early-morning": ("2026-11-24T05:59:00+00:00", True),
    "morning": ("2026-11-24T06:00:00+00:00", False),
    "afternoon": ("2026-11-24T21:59:00+00:00", False),
    "evening-that-is-closed": ("2026-12-24T23:00:00+00:00", False),
    "morning-of-the-closed-day": ("2026-12-24T05:00:00+00:00", True),
    "morning-after-the-closed-day": ("2026-12-25T05:00:00+00:00", False),
}


@pytest.mark.parametrize(("moment", "is_open"), NIGHTS.values(), ids=NIGHTS)
def test_night_belongs_to_the_day_it_begins_on(moment: str, is_open: bool) -> None:
    assert calendar(*NIGHT, dates={date(2026, 12, 24): ()}).is_open(at(moment)) is is_open


def test_week_has_its_own_spans_a_day() -> None:
    week = ((), *((Span(600, 660),),) * 4, ALWAYS, ())
    found = Calendar(LONDON, week)
    days = [found.is_open(datetime(2026, 11, day, 10, 30, tzinfo=UTC)) for day in range(23, 30)]
    assert days == [False, True, True, True, True, True, False]


def test_single_day_goes_before_the_week() -> None:
    found = calendar(*OFFICE, dates={date(2026, 12, 24): (Span(600, 660),)})
    assert [found.is_open(datetime(2026, 12, 24, hour, 30, tzinfo=UTC)) for hour in (9, 10, 11)] == [False, True, False]


# London goes forward at 01:00 UTC on 2026-03-29 (01:00 to 02:00 is left out), back at 01:00 UTC on 2026-10-25.
CHANGES = {
    "left-out-start-waits-for-the-jump": (Span(90, 300), "2026-03-29T00:59:00+00:00", False),
    "left-out-start-is-the-jump": (Span(90, 300), "2026-03-29T01:00:00+00:00", True),
    "left-out-end-lasts-until-the-jump": (Span(0, 90), "2026-03-29T00:59:00+00:00", True),
    "left-out-end-is-the-jump": (Span(0, 90), "2026-03-29T01:00:00+00:00", False),
    "first-of-two-hours": (Span(90, 300), "2026-10-25T00:30:00+00:00", True),
    "before-the-first-of-two-hours": (Span(90, 300), "2026-10-25T00:29:00+00:00", False),
    "second-of-two-hours": (Span(0, 90), "2026-10-25T01:29:00+00:00", True),
    "after-the-second-of-two-hours": (Span(0, 90), "2026-10-25T01:30:00+00:00", False),
}


@pytest.mark.parametrize(("span", "moment", "is_open"), CHANGES.values(), ids=CHANGES)
def test_clock_change_moves_no_span(span: Span, moment: str, is_open: bool) -> None:
    assert calendar(span).is_open(at(moment)) is is_open


# Berlin goes back at 01:00 UTC on the same day: 02:00 to 03:00 comes twice.
ENDS_AT_THE_CHANGE = {
    "over-midnight-before": (LONDON, Span(18 * 60, 25 * 60), "2026-10-24T23:59:00+00:00", True),
    "over-midnight-at-the-end": (LONDON, Span(18 * 60, 25 * 60), "2026-10-25T00:00:00+00:00", False),
    "over-midnight-in-the-first-hour": (LONDON, Span(18 * 60, 25 * 60), "2026-10-25T00:30:00+00:00", False),
    "same-day-before": (BERLIN, Span(0, 120), "2026-10-24T23:59:00+00:00", True),
    "same-day-in-the-first-hour": (BERLIN, Span(0, 120), "2026-10-25T00:30:00+00:00", False),
    "a-minute-into-the-second-hour": (BERLIN, Span(0, 121), "2026-10-25T01:00:00+00:00", True),
    "whole-second-hour": (BERLIN, Span(0, 180), "2026-10-25T01:59:00+00:00", True),
}


@pytest.mark.parametrize(("zone", "span", "moment", "is_open"), ENDS_AT_THE_CHANGE.values(), ids=ENDS_AT_THE_CHANGE)
def test_span_that_ends_where_the_clock_goes_back_lasts_no_longer(
    zone: ZoneInfo, span: Span, moment: str, is_open: bool
) -> None:
    assert calendar(span, zone=zone).is_open(at(moment)) is is_open


OPENINGS = {
    "later-today": ("2026-11-24T07:00:00+00:00", "2026-11-24T08:00:00+00:00"),
    "after-lunch": ("2026-11-24T12:00:00+00:00", "2026-11-24T13:00:00+00:00"),
    "while-open": ("2026-11-24T09:00:00+00:00", "2026-11-24T13:00:00+00:00"),
    "at-an-opening": ("2026-11-24T13:00:00+00:00", "2026-11-25T08:00:00+00:00"),
    "tomorrow-in-summer": ("2026-03-28T20:00:00+00:00", "2026-03-29T08:00:00+01:00"),
}


@pytest.mark.parametrize(("moment", "opening"), OPENINGS.values(), ids=OPENINGS)
def test_next_opening_is_told(moment: str, opening: str) -> None:
    found = calendar(*OFFICE).opens_at(at(moment))
    assert found == at(opening)
    assert found is not None
    assert found.tzinfo is LONDON


def test_span_that_goes_on_is_no_opening() -> None:
    week = ((Span(480, 1440),), (Span(0, 600),), *((),) * 5)
    assert Calendar(LONDON, week).opens_at(at("2026-11-23T07:00:00+00:00")) == at("2026-11-23T08:00:00+00:00")
    assert Calendar(LONDON, week).opens_at(at("2026-11-23T09:00:00+00:00")) == at("2026-11-30T08:00:00+00:00")


@pytest.mark.parametrize("spans", [ALWAYS, ()], ids=["always-open", "always-closed"])
def test_calendar_that_never_opens_has_no_next_opening(spans: tuple[Span, ...]) -> None:
    assert calendar(*spans).opens_at(at("2026-11-24T07:00:00+00:00")) is None


WEEKS = {
    "office": ((OFFICE,) * 5 + ((),) * 2, True),
    "night": ((NIGHT,) * 7, True),
    "always": ((ALWAYS,) * 7, False),
    "never": (((),) * 7, False),
    "always-but-monday-morning": (((Span(60, 1440),), *(ALWAYS,) * 6), True),
    "always-by-nights": (((Span(720, 2160),),) * 7, False),
}


@pytest.mark.parametrize(("week", "opens"), WEEKS.values(), ids=WEEKS)
def test_week_opens_if_it_is_ever_closed(week: tuple[tuple[Span, ...], ...], opens: bool) -> None:
    assert Calendar(BERLIN, week).opens_weekly is opens


LOOKED_AHEAD = {"last-day": (date(2027, 12, 29), True), "day-after": (date(2027, 12, 30), False)}


@pytest.mark.parametrize(("opens", "found"), LOOKED_AHEAD.values(), ids=LOOKED_AHEAD)
def test_opening_is_looked_for_on_400_days(opens: date, found: bool) -> None:
    rarely = calendar(zone=ZoneInfo("UTC"), dates={opens: OFFICE})
    assert (rarely.opens_at(datetime(2026, 11, 25, tzinfo=UTC)) is not None) is found
