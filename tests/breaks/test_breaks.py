"""The table of deliberate breaks fits the code, and each of them is caught by the test that it names."""

import os
import random
from pathlib import Path

import pytest

from tests.breaks.__main__ import main
from tests.breaks.table import PROMISES, Break, breaks, faults

ROWS = {row.name: row for row in breaks()}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_break_fits_the_code(repository: Path, row: Break) -> None:
    assert faults(repository, row) == []


def test_every_promise_is_broken_often_enough() -> None:
    rows = breaks()
    assert len(rows) == len(ROWS), "two rows of one name"
    assert {row.promise for row in rows} == set(PROMISES)
    assert len(rows) >= 15


@pytest.mark.parametrize(
    "spoilt",
    [{"old": "no such line"}, {"old": "import"}, {"new": "def ("}, {"test": "tests/breaks/test_breaks.py::test_no"}],
    ids=["old-gone", "old-often", "new-unreadable", "test-gone"],
)
def test_row_that_does_not_fit_is_told(repository: Path, spoilt: dict[str, str]) -> None:
    assert faults(repository, Break(**{**vars(ROWS["grace"]), **spoilt})) != []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_every_break_is_caught() -> None:
    """BREAKS=5 tries so many of them, BREAKS_SEED says which."""
    most = int(os.environ.get("BREAKS") or len(ROWS))
    chosen = random.Random(os.environ.get("BREAKS_SEED") or "1").sample(sorted(ROWS), min(most, len(ROWS)))
    assert main([part for name in chosen for part in ("--only", name)]) == 0
