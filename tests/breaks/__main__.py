"""Would anybody notice if a promise broke? Breaks the code on purpose, and runs the test that must then fail.

    python -m tests.breaks                     # every row of breaks.yaml: some minutes
    python -m tests.breaks --only grace        # one row, or several: --only grace --only hash-tag
    python -m tests.breaks --list              # what there is

Works in a copy of the project. First every named test is run there unbroken, and must pass. The exit code is 1 if a
break is not caught.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.breaks.table import PROMISES, Break, breaks, faults
from tests.breaks.trial import CAUGHT, ROOT, Copy, Outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, tell, and answer the exit code."""
    rows = breaks()
    wanted = _arguments(arguments, rows)
    chosen = [row for row in rows if not wanted.only or row.name in wanted.only]
    if wanted.list:
        print("\n".join(f"{row.promise}  {row.name:<28} {row.broken}" for row in chosen))
        return 0
    if stale := [f"{row.name}: {fault}" for row in chosen for fault in faults(ROOT, row)]:
        print("the table does not fit the code:", *stale, sep="\n  ", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="breaks-") as directory:
        copy = Copy(Path(directory))
        print(f"{len(chosen)} breaks; their tests on the whole copy …", file=sys.stderr, flush=True)
        if told := copy.whole(chosen):
            print(f"a test fails before anything is broken:\n{told}", file=sys.stderr)
            return 1
        outcomes = tried(copy, chosen)
    print(table(outcomes))
    return int(any(outcome.word != CAUGHT for outcome in outcomes))


def tried(copy: Copy, rows: Sequence[Break]) -> list[Outcome]:
    """Each row in turn; progress goes to standard error."""
    outcomes = []
    for number, row in enumerate(rows, start=1):
        outcomes.append(copy.tried(row))
        last = outcomes[-1]
        print(f"{number:>3}/{len(rows)} {row.name:<28} {last.word} {last.seconds:.1f} s", file=sys.stderr, flush=True)
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """By promise: what was broken, the test that must fail, and whether it did."""
    lines = []
    for promise, words in PROMISES.items():
        mine = [outcome for outcome in outcomes if outcome.row.promise == promise]
        lines += [f"\n{promise}. {words}"] if mine else []
        for outcome in mine:
            lines.append(f"  {outcome.word:<10} {outcome.seconds:5.1f} s  {outcome.row.broken}")
            lines.append(f"             {outcome.row.file}  ←  {outcome.row.test}")
            if outcome.word != CAUGHT:
                lines.append(outcome.told)
    caught = sum(outcome.word == CAUGHT for outcome in outcomes)
    spent = sum(outcome.seconds for outcome in outcomes)
    return "\n".join([*lines, f"\n{caught} of {len(outcomes)} caught, {spent:.0f} s"])


def _arguments(arguments: Sequence[str] | None, rows: Sequence[Break]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.breaks", description=(__doc__ or "").splitlines()[0])
    names = [row.name for row in rows]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="a row; may be given again")
    parser.add_argument("--list", action="store_true", help="show the rows and try nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
