"""*Now*: the sentence, the figures, the charts of the last hours, and the last invites that came to nothing. Pure."""

from collections.abc import Sequence
from typing import Any

from service.console.house import STATES, Finding, House, findings, level_of
from service.console.words import moment, span
from service.tracking.census import Counted
from service.tracking.hours import End, Minute

HOURS = (1, 6, 12)
GAP_MS = 150_000  # where rows are further apart than this, nobody has counted in between

# By whether it was asked of late, and whether that went wrong.
_TWILIO = {(False, False): "…", (True, False): "answers", (True, True): "is away", (False, True): "is away"}
ENDINGS = {"closed": "closed", "released": "let go", "superseded": "next step"}


def now_view(
    house: House, minutes: Sequence[Minute], ends: Sequence[End], *, now_ms: int, hours: int
) -> dict[str, Any]:
    """Everything on the page."""
    found = findings(house)
    counted = house.counted
    return {
        "level": level_of(found),
        "known": counted is not None,  # else the store is away, and an empty list says nothing
        "headline": found[0],
        "more": found[1:],
        "tiles": _tiles(house, counted) if counted else [],
        "states": _states(counted) if counted else [],
        "charts": _charts(minutes, hours) if minutes else [],
        "hours": hours,
        "choices": HOURS,
        "ends": [_end(end, now_ms) for end in ends],
        "at": moment(now_ms, now_ms),
    }


def _tiles(house: House, counted: Counted) -> list[dict[str, str]]:
    waiting = counted.open["requested"] + counted.open["pending"]
    oldest_s = max(counted.oldest_s.get("requested", 0), counted.oldest_s.get("pending", 0))
    settling = counted.open["lapsed"] + counted.open["failed"] + counted.open["canceled"]
    parked = counted.open["parked"] + counted.open["waking"]
    caught = counted.catch_up_age_s
    return [
        _tile("Waiting", f"{waiting:,}", f"longest {span(oldest_s)}" if waiting else "nobody", "open?state=waiting"),
        _tile("With an agent", f"{counted.open['accepted']:,}", "attended", "open?state=accepted"),
        _tile("Being judged", f"{settling:,}", "nobody came, or called off", "open?state=settling"),
        _tile("Parked", f"{parked:,}", "wait for the customer", "open?state=parked"),
        _tile("Behind", span(counted.lag_s), f"{counted.due:,} due now", "stuck"),
        _tile("Caught up", "not yet" if caught is None else f"{span(caught)} ago", "events read anew", "system"),
        _tile("Twilio", _TWILIO[house.twilio_asked, bool(house.twilio_fault)], "asked by us", "system"),
    ]


def _tile(name: str, value: str, note: str, link: str) -> dict[str, str]:
    return {"name": name, "value": value, "note": note, "link": link}


def _states(counted: Counted) -> list[dict[str, str]]:
    return [
        {
            "state": state,
            "words": STATES[state],
            "count": f"{count:,}",
            "oldest": span(counted.oldest_s[state]) if state in counted.oldest_s else "–",
        }
        for state, count in counted.open.items()
        if count
    ]


def _charts(minutes: Sequence[Minute], hours: int) -> list[dict[str, Any]]:
    rows = _with_gaps(minutes)
    times = [row[0] for row in rows]
    charts = [
        _chart(
            "Customers", "", times, {"waiting": [row[1] for row in rows], "with an agent": [row[2] for row in rows]}
        ),
        _chart("Longest wait", "min", times, {"longest wait": [row[3] for row in rows]}),
        _chart("Behind", "s", times, {"behind": [row[4] for row in rows]}),
    ]
    for chart in charts:  # the whole stretch, also where little of it has been counted
        chart["data"]["from"], chart["data"]["to"] = times[-1] - hours * 3600, times[-1]
    return charts


Row = tuple[int, float | None, float | None, float | None, float | None]


def _with_gaps(minutes: Sequence[Minute]) -> list[Row]:
    """Seconds since the epoch and the figures; a row of nothing where no minute was written, so that lines break."""
    rows: list[Row] = []
    for before, minute in zip([None, *minutes], minutes, strict=False):
        if before is not None and minute.at_ms - before.at_ms > GAP_MS:
            rows.append((before.at_ms // 1000 + 60, None, None, None, None))
        figures = (minute.waiting, minute.attended, round(minute.oldest_s / 60, 1), round(minute.lag_s, 1))
        rows.append((minute.at_ms // 1000, *figures))
    return rows


def _chart(title: str, unit: str, times: list[int], lines: dict[str, list[float | None]]) -> dict[str, Any]:
    after = f" {unit}" if unit else ""
    told = []
    for name, values in lines.items():
        known = [value for value in values if value is not None]
        told.append(f"{name}: last {known[-1]:g}{after}, at most {max(known):g}{after}")
    data = {"unit": unit, "names": list(lines), "data": [times, *lines.values()]}
    return {"title": title, "told": "; ".join(told), "lines": told, "data": data}


def _end(end: End, now_ms: int) -> dict[str, Any]:
    return {
        "at": moment(end.at_ms, now_ms),
        "how": ENDINGS.get(end.how, end.how),
        "state": end.how,
        "why": end.why,
        "sid": end.conversation_sid or end.invite_id,
    }


__all__ = ["HOURS", "Finding", "now_view"]
