"""Figures of a run: rows of a table that also go to a file, and what of the promises was broken."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.overload.generator import Answer

ALLOWED = (200, 201, 202, 429, 503)
SHED = (429, 503)
LOOK_S = 0.25


@dataclass
class Tally:
    """Of one scenario. ``broken``: what was promised and did not hold."""

    name: str
    rows: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def note(self, what: str, value: object) -> None:
        """One row; numbers are rounded for people."""
        self.rows[what] = round(value, 3) if isinstance(value, float) else value

    def promise(self, holds: bool, what: str) -> None:
        """Something that must hold on any machine."""
        if not holds:
            self.broken.append(what)

    def wait(self, what: str, holds: Callable[[], bool], *, within_s: float) -> None:
        """Note after how many seconds it holds; a promise is broken if it does not within ``within_s``."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within_s:
                self.note(what, f"never, within {within_s:.0f}")
                self.broken.append(f"{what}: never")
                return
            time.sleep(LOOK_S)
        self.note(what, time.monotonic() - began)

    def answers(self, given: Sequence[Answer], what: str = "answers") -> None:
        """How many of each status, and how long they took."""
        kinds = sorted({(one.status, one.fault) for one in given})
        counted = [f"{sum((one.status, one.fault) == kind for one in given)} × {kind[0] or kind[1]}" for kind in kinds]
        self.note(what, ", ".join(counted))
        for name, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0)):
            self.note(f"{what}: {name} s", at(share, [one.seconds for one in given]))


def at(share: float, seconds: Sequence[float]) -> float:
    """The value below which ``share`` of them lie; NaN of none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))] if ordered else math.nan


def table(tallies: Sequence[Tally]) -> str:
    """One table for people."""
    width = max((len(what) for tally in tallies for what in tally.rows), default=0)
    lines = []
    for tally in tallies:
        lines.append(f"\n{tally.name}")
        lines += [f"  {what:<{width}}  {value}" for what, value in tally.rows.items()]
        lines += [f"  BROKEN: {what}" for what in tally.broken] or ["  every promise kept"]
    return "\n".join(lines)


def write(tallies: Sequence[Tally], file: Path) -> None:
    """The same for machines."""
    file.write_text(json.dumps({tally.name: {**tally.rows, "broken": tally.broken} for tally in tallies}, indent=2))
