"""The ``calendars:`` of a rules file into calendars: days, time spans, zones and dates, each fault in its place."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from service.rules.calendars import DAY_MIN, Calendar, Span
from service.rules.document import Tree
from service.rules.expression.faults import did_you_mean
from service.rules.faults import Fault, Source
from service.rules.public_holidays import Feasts, HolidaysError, feasts_of
from service.rules.shape import MAX_SPANS, SPANS

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DATE = re.compile(r"\d{4}-\d\d-\d\d")  # one spelling a day: another would silently go before the first
SPAN = re.compile(r"(\d{1,2}):(\d{2}) ?[-–] ?(\d{1,2}):(\d{2})")
CLOSED = "closed"


def read_calendars(tree: Tree, source: Source, found: list[Fault]) -> Mapping[str, Calendar]:
    """The calendars of that section; those with faults are left out."""
    read: dict[str, Calendar] = {}
    for name, place in tree.keys.items():
        if not NAME.fullmatch(name):
            found.append(source.fault(place, "a calendar's name has 1 to 64 letters, digits, - and _"))
        calendar = _calendar(tree.children[name], source, found)
        if calendar:
            read[name] = calendar
    return read


def _calendar(tree: Tree, source: Source, found: list[Fault]) -> Calendar | None:
    before = len(found)
    zone = _zone(tree.children.get("timezone"), source, found)
    week = _week(_part(tree, "week"), source, found)
    dates = _dates(_part(tree, "dates"), source, found)
    feasts = _feasts(_part(tree, "holidays"), source, found)
    return Calendar(zone, week, feasts, dates) if zone and len(found) == before else None


def _part(tree: Tree, key: str) -> Tree:
    """What stands under ``key``, or something empty; that it is of the wrong kind is told with the structure."""
    return tree.children.get(key) or Tree({}, tree.place)


def _zone(tree: Tree | None, source: Source, found: list[Fault]) -> ZoneInfo | None:
    if tree is None or not isinstance(tree.value, str):
        return None
    zones = _zones()
    if tree.value in zones:
        return ZoneInfo(tree.value)
    message = f"there is no time zone {tree.value!r}{did_you_mean(tree.value, zones) or ' (as in Europe/London)'}"
    found.append(source.fault(tree.place, message))
    return None


@cache
def _zones() -> frozenset[str]:
    """All zones there are; asking reads a thousand files."""
    return frozenset(available_timezones())


def _week(tree: Tree, source: Source, found: list[Fault]) -> tuple[tuple[Span, ...], ...]:
    week: dict[int, tuple[Span, ...]] = {}
    for key, place in tree.keys.items():
        days = _days(key)
        if not days:
            message = "a day is mon, tue, wed, thu, fri, sat or sun; several are mon-fri or sat,sun"
            found.append(source.fault(place, message))
        twice = [DAYS[day] for day in days if day in week]
        if twice:
            found.append(source.fault(place, f"{', '.join(twice)} already has its hours in this week"))
        week.update(dict.fromkeys(days, _spans(tree.children[key], source, found)))
    return tuple(week.get(day, ()) for day in range(7))


def _days(key: str) -> list[int]:
    """The numbers (Monday is 0) of the days that a key names; none if it cannot be understood."""
    days: list[int] = []
    for part in key.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            return []
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days += [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]
    return days


def _dates(tree: Tree, source: Source, found: list[Fault]) -> Mapping[date, tuple[Span, ...]]:
    dates: dict[date, tuple[Span, ...]] = {}
    for key, place in tree.keys.items():
        spans = _spans(tree.children[key], source, found)
        try:
            dates[_date(key)] = spans
        except ValueError:
            found.append(source.fault(place, "a date is a day that exists, written 2026-12-24"))
    return dates


def _date(text: str) -> date:
    """The day. Raises ValueError."""
    if not DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _spans(tree: Tree, source: Source, found: list[Fault]) -> tuple[Span, ...]:
    """The spans of one day, in order."""
    if tree.value == CLOSED:
        return ()
    read: list[tuple[Span, Tree]] = []
    for item in list(tree.children.values())[:MAX_SPANS] if isinstance(tree.value, list) else (tree,):
        span = _span(item.value) if isinstance(item.value, str) else None
        if span:
            read.append((span, item))
        elif isinstance(item.value, str):
            found.append(source.fault(item.place, f"{SPANS} is expected here; all day is 00:00-24:00"))
    read.sort(key=lambda pair: pair[0])
    for (one, _), (two, item) in pairwise(read):
        if two.start_min < one.end_min:
            found.append(source.fault(item.place, "this span overlaps another one of the same day"))
    return tuple(span for span, _ in read)


def _span(text: str) -> Span | None:
    match = SPAN.fullmatch(text)
    if match is None:
        return None
    hour, minute, to_hour, to_minute = map(int, match.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or start >= DAY_MIN or end > DAY_MIN or start == end:
        return None
    return Span(start, end if end > start else end + DAY_MIN)


def _feasts(tree: Tree, source: Source, found: list[Fault]) -> Feasts | None:
    country, subdivision = tree.children.get("country"), tree.children.get("subdivision")
    if country is None or not isinstance(country.value, str):
        return None
    part = subdivision if subdivision and isinstance(subdivision.value, str) else None
    try:
        return feasts_of(country.value, str(part.value) if part else None)
    except HolidaysError as error:
        at = part if part and error.field == "subdivision" else country
        found.append(source.fault(at.place, str(error)))
        return None
