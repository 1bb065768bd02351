"""Opening hours: whether a calendar is open at a moment, and when it opens next. Pure; the moment is handed in.

Spans are read off the wall clock of the calendar's zone. Where that clock is put back, the hour that comes twice
belongs to a span both times, and to one that ends where this hour begins not at all; where it is put forward, a span
that begins in the hour that is left out begins when the clock jumps. A span over midnight belongs to the day on which
it begins: closing that day closes it, closing the next day does not. A single date goes before a public holiday, and
that before the week.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.rules.public_holidays import Feasts

DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
SEARCHED_DAYS = 400
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, order=True)
class Span:
    """From when until when, in minutes after midnight of the day it begins on; an end past 1440 is on the next day."""

    start_min: int
    end_min: int


@dataclass(frozen=True)
class Calendar:
    """One team's opening hours. ``week`` holds the spans of seven days from Monday on."""

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    feasts: Feasts | None = None
    dates: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on that day."""
        if day in self.dates:
            return self.dates[day]
        return () if self.holiday(day) else self.week[day.weekday()]

    def holiday(self, day: date) -> str | None:
        """The name of the public holiday that closes that day, or None."""
        return self.feasts.name_of(day) if self.feasts else None

    def is_open(self, now: datetime) -> bool:
        """Whether it is open at ``now``, which must know its zone."""
        today = now.astimezone(self.zone).date()
        opened = (span for day in (today - timedelta(days=1), today) for span in self._moments(day))
        return any(start <= now < end for start, end in opened)

    def opens_at(self, now: datetime) -> datetime | None:
        """The next moment after ``now`` at which it goes from closed to open, in its own zone.

        None if there is none within 400 days.
        """
        today = now.astimezone(self.zone).date()
        for ahead in range(SEARCHED_DAYS):
            for start, _ in self._moments(today + timedelta(days=ahead)):
                if start > now and not self.is_open(start - MINUTE):
                    return start.astimezone(self.zone)
        return None

    def _moments(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for span in self.spans_on(day):
            yield _moment(day, span.start_min, self.zone, fold=0), _end(day, span.end_min, self.zone)

    @property
    def opens_weekly(self) -> bool:
        """Whether its week has an opening at all: not if it is always closed, nor if it never closes."""
        spans = [
            (number * DAY_MIN + span.start_min, number * DAY_MIN + span.end_min)
            for number, day in enumerate(self.week)
            for span in day
        ]
        around = [*spans, *((start - WEEK_MIN, end - WEEK_MIN) for start, end in spans)]
        return any(not any(other < start <= end for other, end in around) for start, _ in spans)


def _end(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When a span is over: the first time that the clock shows its end, unless the span's last minute comes twice."""
    first, second = (_moment(day, minute - 1, zone, fold=fold) for fold in (0, 1))
    return _moment(day, minute, zone, fold=int(first != second))


def _moment(day: date, minute: int, zone: ZoneInfo, *, fold: int) -> datetime:
    """When the clock of ``zone`` shows that minute of the day, in UTC; ``fold`` 1: the second time it does, if it does.

    If the clock leaves that minute out: when it first shows a later one.
    """
    wall = datetime.combine(day, time()) + minute * MINUTE
    found = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if _wall(found, zone) == wall:
        return found
    found = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # before the jump
    while _wall(found, zone) < wall:
        found += MINUTE
    return found


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
