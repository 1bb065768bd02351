"""What the service does when far more is asked of it than it can do at once: real processes, one table.

    python -m tests.overload                          # all four: about ten minutes
    python -m tests.overload --only flood             # or outage, restart, acks
    python -m tests.overload --scale 0.1              # a tenth of the numbers
    python -m tests.overload --json overload.json

Figures are printed and depend on the machine, and on what else runs on it. The exit code is 1 where a promise did not
hold: something was lost, made twice, left unanswered, or took memory without bounds.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.overload.acks import FOR_S, acks
from tests.overload.flood import flood
from tests.overload.outage import outage
from tests.overload.restart import restart
from tests.overload.rig import Rig
from tests.overload.tally import Tally, table, write

FLOOD, STANDING, OPEN = 2000, 5000, 10_000
BEHIND_PROXY = 256  # connections that a proxy may keep open to us
SCENARIOS: dict[str, Callable[[Rig, float], list[Tally]]] = {
    "flood": lambda rig, scale: [
        flood(rig, count=int(FLOOD * scale), connections=BEHIND_PROXY, kept_open=True),
        flood(rig, count=int(FLOOD * scale), connections=int(FLOOD * scale), kept_open=False),
    ],
    "outage": lambda rig, scale: [outage(rig, count=int(STANDING * scale))],
    "restart": lambda rig, scale: [restart(rig, count=int(OPEN * scale))],
    "acks": lambda rig, scale: acks(rig, for_s=max(3, int(FOR_S * scale))),
}


def run(names: Sequence[str], scale: float) -> list[Tally]:
    """Each in a house of its own; progress goes to standard error."""
    tallies = []
    for name in names:
        began, load = time.monotonic(), os.getloadavg()[0]
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="overload-") as directory, Rig(Path(directory)) as rig:
            found = SCENARIOS[name](rig, scale)
        for tally in found:
            tally.note("load of the machine, before and after", f"{load:.1f}, {os.getloadavg()[0]:.1f}")
        print(f"{table(found)}\n{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        tallies += found
    return tallies


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, tell, and answer the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="one of them; may be given again")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual numbers")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    wanted = parser.parse_args(arguments)
    tallies = run(wanted.only or list(SCENARIOS), wanted.scale)
    print(table(tallies))
    if wanted.json:
        write(tallies, wanted.json)
    return int(any(tally.broken for tally in tallies))


if __name__ == "__main__":
    raise SystemExit(main())
