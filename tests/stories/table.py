"""Tables of how many runs ended well: a row for each story, a column for each kind of fault."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One run of a story. ``fault`` is empty where it ended well; ``struck``: what was to fail was reached."""

    story: str
    kind: str
    call: str
    struck: bool
    fault: str = ""
    seconds: float = 0.0


def table(runs: Sequence[Run], kinds: Sequence[str]) -> str:
    """Runs that ended well / runs, in each cell; the last row and column are sums."""
    rows = list(dict.fromkeys(run.story for run in runs))
    width = max(len(row) for row in [*rows, "story"])
    lines = ["  ".join([f"{'story':<{width}}", *(f"{kind:>12}" for kind in [*kinds, "all"])])]
    for row in [*rows, ""]:
        mine = [run for run in runs if row in ("", run.story)]
        cells = [_cell([run for run in mine if run.kind == kind]) for kind in kinds]
        lines.append("  ".join([f"{row or 'all':<{width}}", *(f"{cell:>12}" for cell in [*cells, _cell(mine)])]))
    unstruck = sum(not run.struck for run in runs)
    lines.append(f"{sum(run.seconds for run in runs):.0f} s; not reached in {unstruck} of {len(runs)} runs")
    return "\n".join(lines)


def told(runs: Iterable[Run]) -> str:
    """What went wrong, run by run."""
    return "\n\n".join(f"{run.story} · {run.kind} · {run.call}:\n{run.fault}" for run in runs if run.fault)


def _cell(runs: Sequence[Run]) -> str:
    return f"{sum(not run.fault for run in runs)}/{len(runs)}" if runs else "-"
