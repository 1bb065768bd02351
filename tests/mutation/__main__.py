"""How much of what could be wrong in a package its tests would notice.

    python -m tests.mutation service/rules                              # every mutant: takes an hour or two
    python -m tests.mutation service/rules --sample 450 --seed 1        # some of each module
    python -m tests.mutation service/rules --module ladder --jobs 2     # all of one module

Each mutant is one small wrong change (``mutants``), tried in memory (``trial``) with the tests that reach its line.
What survives is listed, and is either a gap in the tests or changes nothing: the latter are kept in ``equivalent.yaml``
with the reason, and are not counted. The exit code is 1 if anything survives that is not listed there.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import yaml

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import SURVIVED, UNREACHED, Reach, reach_of, sources, tried, warm_up

EQUIVALENT = Path(__file__).parent / "equivalent.yaml"
LEAST = 6  # of each module in a sample, however small it is

Outcome = tuple[Mutant, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try, tell, and answer the exit code."""
    wanted = _arguments(arguments)
    tests = wanted.tests or wanted.package.replace("service/", "tests/", 1)
    if not (Path(wanted.package).exists() and Path(tests).exists()):
        print(f"there is no {wanted.package} with tests in {tests} below {Path.cwd()}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        warm_up(scratch)
        return 1 if _run(wanted, tests) else 0


def _run(wanted: argparse.Namespace, tests: str) -> list[Mutant]:
    """Try them all and tell; what survives unexplained."""
    began = time.monotonic()
    reach = reach_of(wanted.package, tests)
    texts = sources(wanted.package)
    equivalent = _equivalent(texts)
    everything = [
        mutant
        for module, text in texts.items()
        if wanted.module in (None, Path(module).stem)
        for mutant in mutants_of(module, text)
    ]
    chosen = _sample(everything, wanted.sample, wanted.seed)
    print(f"{len(reach.tests)} tests, {len(everything)} mutants, {len(chosen)} to try", flush=True)
    outcomes = list(_tried(chosen, texts, reach, wanted.jobs))
    survivors = _told(outcomes, equivalent)
    print(f"{time.monotonic() - began:.0f} s, {wanted.jobs} at a time, seed {wanted.seed}")
    return survivors


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", help="a package or module below the repository, such as service/rules")
    parser.add_argument("--tests", help="its tests; tests/… for service/… if not given")
    parser.add_argument("--module", help="only the modules of this name, without .py")
    parser.add_argument("--sample", type=int, help=f"so many, spread over all modules, at least {LEAST} of each")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    return parser.parse_args(arguments)


def _sample(everything: Sequence[Mutant], most: int | None, seed: int) -> list[Mutant]:
    """Of each module its share, the same ones each time."""
    if most is None or most >= len(everything):
        return list(everything)
    by_module: dict[str, list[Mutant]] = {}
    for mutant in everything:
        by_module.setdefault(mutant.module, []).append(mutant)
    chosen: list[Mutant] = []
    for module, mutants in sorted(by_module.items()):
        share = max(LEAST, round(most * len(mutants) / len(everything)))
        dealt = random.Random(f"{seed} {module}")
        chosen += sorted(dealt.sample(mutants, min(share, len(mutants))), key=lambda one: (one.line, one.number))
    return chosen


def _tried(chosen: Sequence[Mutant], texts: Mapping[str, str], reach: Reach, jobs: int) -> Iterator[Outcome]:
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        waiting = {}
        for mutant in chosen:
            rounds = reach.of(mutant)
            usual_s = sum(reach.seconds.get(test, 0.0) for tests in rounds for test in tests)
            waiting[pool.submit(tried, mutant, texts[mutant.module], rounds, usual_s)] = mutant
        for number, done in enumerate(as_completed(waiting), start=1):
            outcome = done.result()
            if outcome in (SURVIVED, UNREACHED):
                print(f"{number:>6} of {len(chosen)}: {outcome}  {waiting[done]}", file=sys.stderr, flush=True)
            yield waiting[done], outcome


def _told(outcomes: Sequence[Outcome], equivalent: Mapping[tuple[str, int, str], str]) -> list[Mutant]:
    """Print what became of them; the survivors that nobody has explained."""
    alive = [mutant for mutant, outcome in outcomes if outcome in (SURVIVED, UNREACHED)]
    explained = [mutant for mutant in alive if _key(mutant) in equivalent]
    survivors = sorted((one for one in alive if one not in explained), key=lambda one: (one.module, one.line))
    counted = len(outcomes) - len(explained)
    caught = counted - len(survivors)
    _by_module(outcomes, explained)
    for mutant in survivors:
        print(f"survived  {mutant}")
    score = f"{100 * caught / counted:.1f} %" if counted else "nothing to try"
    kinds = Counter(outcome for _, outcome in outcomes)
    print(f"\nscore {score}: {caught} of {counted} caught, {len(explained)} more change nothing")
    print(", ".join(f"{number} {kind}" for kind, number in kinds.most_common()))
    return survivors


def _by_module(outcomes: Sequence[Outcome], explained: Sequence[Mutant]) -> None:
    tried_of, caught_of = Counter[str](), Counter[str]()
    for mutant, outcome in outcomes:
        if mutant not in explained:
            tried_of[mutant.module] += 1
            caught_of[mutant.module] += outcome not in (SURVIVED, UNREACHED)
    print()
    for module, number in sorted(tried_of.items()):
        print(f"{caught_of[module]:>5} of {number:<5} {module}")
    print()


def _equivalent(texts: Mapping[str, str]) -> dict[tuple[str, int, str], str]:
    """The changes that are known to change nothing, by module, line and change: why.

    A line is given by its text, so that it is found wherever it has moved to.
    """
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    found = {}
    for one in listed:
        lines = texts.get(one["module"], "").splitlines()
        for number, line in enumerate(lines, start=1):
            if line.strip() == one["line"]:
                found[(one["module"], number, one["change"])] = one["why"]
    return found


def _key(mutant: Mutant) -> tuple[str, int, str]:
    return (mutant.module, mutant.line, f"{mutant.before} → {mutant.after}")


if __name__ == "__main__":
    raise SystemExit(main())
