"""How fast, and how heavy: ``python -m tests.bench [--only PART] [--rounds N] [--quick]``; ``make bench`` runs it all.

Each figure is the median of several rounds, in which whatever is measured and its baseline take turns, forwards and
backwards, so that a machine that slows down slows all of them. Absolute figures depend on the machine; the ratios are
what to compare. The table is printed, and all of it is kept as JSON in ``build/bench``.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import escalations, events, reconcile, rules, scaling, starting
from tests.bench.machine import Cores, cores, described
from tests.bench.table import Row, as_text

ROUNDS = 5
RESULTS = Path("build/bench")
Measure = Callable[..., list[Row]]

# Part → what measures it, how much of everything in a round, and how much of it in a quick one.
PARTS: Mapping[str, tuple[Measure, Mapping[str, int], Mapping[str, int]]] = {
    "rules": (rules.measure, {}, {}),
    "events": (events.measure, {"count": 4200}, {"count": 210}),
    "requests": (escalations.measure, {"count": 960}, {"count": 64}),
    "reconcile": (reconcile.measure, {}, {"most": 2000}),
    "starting": (starting.measure, {}, {"count": 300}),
    "scaling": (scaling.measure, {}, {"count": 210}),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and keep. Returns 1 if a limit is not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"one of: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many; {ROUNDS} unless told")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    given = parser.parse_args(arguments)
    mine = cores()
    os.sched_setaffinity(0, mine.others)
    machine = described()
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    found = {part: _measured(part, mine, given.rounds, quick=given.quick) for part in given.only or PARTS}
    RESULTS.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine, "rounds": given.rounds, "quick": given.quick}
    kept |= {"parts": {part: [one.to_json() for one in rows] for part, rows in found.items()}}
    file = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nkept in {file}")
    return int(any(one.kept is False for rows in found.values() for one in rows))


def _measured(part: str, mine: Cores, rounds: int, *, quick: bool) -> list[Row]:
    measure, usual, little = PARTS[part]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        rows = measure(Path(directory), mine, rounds=rounds, **(little if quick else usual))
    print(as_text(f"{part} ({time.monotonic() - began:.0f} s)", rows), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
