"""Tries breaks in a copy of the project: one at a time, with the one test that must fail. The tree stays untouched.

A break is caught when its test fails, and fails as a test: an error while it is collected or set up would be caught by
anything, and says nothing of the promise.
"""

import compileall
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from xml.etree import ElementTree

from tests.breaks.table import Break

ROOT = Path(__file__).parent.parent.parent
COPIED = ("config", "docs", "service", "tests", "Dockerfile", "Makefile", "README.md", "docker-compose.yml",
          "pyproject.toml", "requirements.lock")  # fmt: skip
LONGEST_S = 150.0  # for one test that hangs beyond its own time limit
CAUGHT, PASSED, SPOILT = "caught", "NOT caught", "NOT caught (no test ran)"
PYTEST = ("-q", "-n0", "-x", "-pno:cacheprovider", "-pno:randomly")


@dataclass(frozen=True)
class Outcome:
    """What became of one break, and how long its test took (seconds, starting it included)."""

    row: Break
    word: str
    seconds: float
    told: str = ""  # the failing assertion, or what pytest printed where nothing was caught


@dataclass(frozen=True)
class _Tests:
    failed: int
    errors: int
    ran: int
    told: str
    seconds: float


class Copy:
    """The project once more, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "project"
        for name in COPIED:
            source, target = ROOT / name, self.root / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        # By its hash, for a change within the same second of the same length would go unnoticed otherwise.
        for name in ("service", "tests"):
            mode = PycInvalidationMode.CHECKED_HASH
            compileall.compile_dir(self.root / name, quiet=2, workers=1, invalidation_mode=mode)

    def whole(self, rows: Sequence[Break]) -> str:
        """Run every test that is named, unbroken; what pytest said of it where one fails, else ""."""
        tests = list(dict.fromkeys(row.test for row in rows))
        done = self._run(tests, within_s=LONGEST_S + 5 * len(tests))
        return "" if done.ran and not (done.failed or done.errors) else done.told

    def tried(self, row: Break) -> Outcome:
        """Break, run the row's test, mend."""
        file = self.root / row.file
        text = file.read_text(encoding="utf-8")
        file.write_text(row.broken_text(text), encoding="utf-8")
        try:
            done = self._run([row.test], within_s=LONGEST_S)
        finally:
            file.write_text(text, encoding="utf-8")
        word = CAUGHT if done.failed and not done.errors else PASSED if done.ran and not done.errors else SPOILT
        return Outcome(row, word, done.seconds, done.told)

    def _run(self, tests: Sequence[str], *, within_s: float) -> _Tests:
        report = self.root / "report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *PYTEST, f"--junitxml={report}", *tests]
        if len(tests) > 1:
            command.remove("-x")
        environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.root),
        }
        began = time.monotonic()
        try:
            printed = subprocess.run(
                command, cwd=self.root, env=environ, capture_output=True, text=True, timeout=within_s, check=False
            ).stdout
        except subprocess.TimeoutExpired:
            printed = f"no end within {within_s:.0f} s"
        return _read(report, printed, time.monotonic() - began)


def _read(report: Path, printed: str, seconds: float) -> _Tests:
    if not report.exists():
        return _Tests(0, 0, 0, printed, seconds)
    suite = next(ElementTree.parse(report).iter("testsuite"))  # noqa: S314  # pytest wrote it a moment ago
    failed, errors, ran = (int(suite.get(name, "0")) for name in ("failures", "errors", "tests"))
    first = next((one.get("message", "") for one in suite.iter("failure")), "")
    return _Tests(failed, errors, ran, first.splitlines()[0] if failed and not errors and first else printed, seconds)
