"""Times, durations and numbers as people read them. Pure; all times are UTC, as in the logs."""

from datetime import UTC, datetime

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def span(seconds: float) -> str:
    """A duration in at most two units: ``45 s``, ``4 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = max(0, round(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        return _two(whole // HOUR_S, "h", whole % HOUR_S // MINUTE_S, "min")
    return _two(whole // DAY_S, "d", whole % DAY_S // HOUR_S, "h")


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"


def exactly(seconds: int) -> str:
    """A time that somebody has set, as they would say it, nothing rounded: ``90 s``, ``10 min``, ``12 h``, ``7 d``."""
    for length, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def moment(at_ms: int | None, now_ms: int) -> dict[str, str] | None:
    """A time for a page: ``iso`` for machines, ``text`` for people (with the day if it is another), and ``away``."""
    if at_ms is None:
        return None
    at, now = (datetime.fromtimestamp(ms / 1000, tz=UTC) for ms in (at_ms, now_ms))
    day = "" if at.date() == now.date() else f"{at.day} {at:%b} "
    away_s = (now_ms - at_ms) / 1000
    away = f"{span(away_s)} ago" if away_s >= 0 else f"in {span(-away_s)}"
    return {"iso": at.isoformat(timespec="milliseconds"), "text": f"{day}{at:%H:%M:%S}", "away": away}


def many(count: int, one: str, several: str | None = None) -> str:
    """A count with its noun: ``1 invite``, ``3 invites``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
