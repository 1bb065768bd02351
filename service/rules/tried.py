"""The tests that stand beside a rules file, tried on rules that are in force: for whoever asks without a command line.

What comes out is what ``rules test`` says. It is worked out once for each pair of rules and tests. Nothing is timed, so
no clock comes in.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from service.rules.faults import RulesError
from service.rules.loading import read_text
from service.rules.ruleset import RuleSet
from service.rules.trial_file import read_trials
from service.rules.trials import Result, run_trials, uncovered

LARGEST = 200_000  # bytes of a test file that is tried here: a second of one core, once after each change

Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Tried:
    """What came of the tests. ``fault``: why they could not be tried; "" if they were."""

    file: str
    fault: str = ""
    cases: int = 0
    failed: tuple[Result, ...] = ()
    missing: tuple[str, ...] = ()  # the parts of the rules that no passing case has shown
    parts: int = 0

    @property
    def good(self) -> bool:
        """Whether every case holds, and every rule and every step is shown by one."""
        return not (self.fault or self.failed or self.missing)


class Beside:
    """The test file of a rules file: ``rules.test.yaml`` for ``rules.yaml``. Safe to share between threads."""

    def __init__(self, rules: Path) -> None:
        self.path = rules.with_name(f"{rules.stem}.test{rules.suffix}")
        self._turn = threading.Lock()
        self._of: tuple[str, Stamp] | None = None
        self._tried: Tried | None = None

    def tried(self, ruleset: RuleSet) -> Tried | None:
        """What the file's cases say of ``ruleset``; None if there is no such file. Never raises."""
        with self._turn:
            of = (ruleset.sha256, self._stamp())
            if of != self._of:
                self._tried, self._of = self._try(ruleset, of[1]), of
            return self._tried

    def _stamp(self) -> Stamp:
        try:
            status = self.path.stat()
        except OSError:
            return ()
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _try(self, ruleset: RuleSet, stamp: Stamp) -> Tried | None:
        file = self.path.name
        if not stamp:
            return None
        if stamp[1] > LARGEST:
            return Tried(file, f"too large to be tried here (more than {LARGEST:,} bytes): flex-router rules test")
        try:
            trials = read_trials(read_text(self.path), file, ruleset)
        except RulesError as error:
            return Tried(file, str(error))
        results = run_trials(ruleset, trials, lambda: 0.0)
        missing, parts = uncovered(ruleset, results)
        return Tried(file, "", len(results), tuple(one for one in results if not one.passed), missing, parts)
