"""Rounds in which subjects take turns, and the rows that come of them."""

import statistics
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One figure: medians over all rounds; the ratio is the median of the rounds' own ratios.

    ``limit`` is what the ratio, or where there is no baseline the value, is to reach: ("least" or "most", figure).
    """

    what: str
    value: float
    unit: str
    against: str = ""
    baseline: float | None = None
    ratio: float | None = None
    spread: float = 0.0  # of the values: (largest - smallest) / median
    limit: tuple[str, float] | None = None

    @property
    def kept(self) -> bool | None:
        """Whether the limit is reached; None where there is none."""
        if self.limit is None:
            return None
        kind, figure = self.limit
        shown = self.value if self.ratio is None else self.ratio
        return shown >= figure if kind == "least" else shown <= figure

    def to_json(self) -> dict[str, object]:
        """All of it, and whether the limit is reached."""
        return {**asdict(self), "kept": self.kept}


def interleaved(subjects: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Each subject measured once a round, forwards and backwards in turn: whoever slows the machine slows all."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name in list(subjects)[:: -1 if number % 2 else 1]:
            found[name].append(subjects[name]())
    return found


def warmed(
    subjects: Mapping[str, Measure], rounds: int, *kept: MutableMapping[Any, list[Any]]
) -> dict[str, list[float]]:
    """``interleaved`` after a first time of each, which is no one's usual time; what that has ``kept`` is forgotten."""
    for subject in subjects.values():
        subject()
    for lists in kept:
        lists.clear()
    return interleaved(subjects, rounds)


def row(
    what: str,
    values: Sequence[float],
    unit: str,
    *,
    against: str = "",
    baseline: Sequence[float] = (),
    limit: tuple[str, float] | None = None,
) -> Row:
    """The row of values that were measured, and of the baseline in the same rounds."""
    middle = statistics.median(values)
    spread = (max(values) - min(values)) / middle if middle else 0.0
    if not baseline:
        return Row(what, middle, unit, spread=spread, limit=limit)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(values, baseline, strict=True))
    return Row(what, middle, unit, against, statistics.median(baseline), ratio, spread, limit)


def as_text(title: str, rows: Sequence[Row]) -> str:
    """A table for people."""
    lines = [f"\n{title}", f"{'':<58}{'median':>10} {'':<10}{'±':>5}  {'against':<38}{'median':>10}{'ratio':>8}  limit"]
    lines += [_line(one) for one in rows]
    return "\n".join(lines)


def _line(one: Row) -> str:
    against = f"{one.against:<38}{_number(one.baseline):>10}{one.ratio:>8.2f}" if one.ratio is not None else " " * 56
    text = f"{one.what:<58}{_number(one.value):>10} {one.unit:<10}{one.spread / 2:>5.0%}  {against}"
    if one.limit is not None:
        kind, figure = one.limit
        text += f"  {'≥' if kind == 'least' else '≤'} {figure:g}{'' if one.kept else '  MISSED'}"
    return text.rstrip()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
