"""How quickly events were acknowledged, as the prober has noted it: all the time, and while Twilio was away."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.soak.gusts import AWAY, OUTAGE
from tests.soak.storm import Note

Ack = tuple[float, float, int]  # epoch seconds, milliseconds, status


@dataclass(frozen=True)
class Acks:
    """Of one stretch of the run; times are milliseconds."""

    about: str
    count: int
    failed: str  # status × how often
    median_ms: float
    p99_ms: float


def read_acks(log: Path) -> list[Ack]:
    """What the prober has noted; a line that was cut off is left out."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) == 3 and words[2].isdigit():
            found.append((float(words[0]), float(words[1]), int(words[2])))
    return found


def summed_up(acks: Sequence[Ack], notes: Sequence[Note]) -> list[Acks]:
    """Three rows: always; while Twilio was away in the storm; while it was away and nothing else was wrong."""
    away, outages = ([note for note in notes if note.name == name] for name in (AWAY, OUTAGE))
    return [
        _row("all the time", acks),
        _row("Twilio away in the storm", [ack for ack in acks if _within(ack, away)]),
        _row("Twilio away, all else well", [ack for ack in acks if _within(ack, outages)]),
    ]


def _within(ack: Ack, notes: Sequence[Note]) -> bool:
    return any(note.began <= ack[0] and ack[0] + ack[1] / 1000 <= note.ended for note in notes)


def _row(about: str, acks: Sequence[Ack]) -> Acks:
    times = sorted(ms for _, ms, status in acks if _taken(status))
    failed = Counter(status for _, _, status in acks if not _taken(status))
    said = ", ".join(f"{count} × {status or 'no answer'}" for status, count in failed.most_common()) or "none"
    if not times:
        return Acks(about, 0, said, 0.0, 0.0)
    return Acks(about, len(times), said, times[len(times) // 2], times[int(len(times) * 0.99)])


def _taken(status: int) -> bool:
    return 200 <= status < 300
