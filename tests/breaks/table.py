"""The kept table of deliberate breaks, and what of code and tests it names. Reads files, and imports nothing of them.

A row that does not fit the code any more is a fault of the table: ``python -m tests.breaks`` would try something else
than it says.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TABLE = Path(__file__).parent / "breaks.yaml"
PROMISES = {
    1: "one request, one invite",
    2: "nobody waits for nobody",
    3: "never hang up on a served customer",
    4: "prompt",
    5: "explainable",
    6: "private",
}


@dataclass(frozen=True)
class Break:
    """One row: what is broken, how, and the test that must then fail."""

    name: str
    promise: int
    broken: str
    file: str
    old: str
    new: str
    test: str

    def broken_text(self, text: str) -> str:
        """The file's text with the break in it. Raises ValueError unless ``old`` stands in it exactly once."""
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: what is to be replaced stands {found} times in {self.file}")
        return text.replace(self.old, self.new)


def breaks() -> list[Break]:
    """All rows, in the order of the table. Raises TypeError for a row with a missing or unknown column."""
    return [Break(**row) for row in yaml.safe_load(TABLE.read_text(encoding="utf-8"))]


def faults(root: Path, row: Break) -> list[str]:
    """What of a row does not fit the project in ``root``; [] if it can be tried."""
    found = []
    try:
        text = row.broken_text((root / row.file).read_text(encoding="utf-8"))
        if row.file.endswith(".py"):
            ast.parse(text)
    except (OSError, ValueError, SyntaxError) as error:
        found.append(str(error))
    if row.old == row.new:
        found.append("nothing is changed")
    file, _, test = row.test.partition("::")
    if test not in _tests_of(root / file):
        found.append(f"there is no {row.test}")
    return found


@cache
def _tests_of(file: Path) -> frozenset[str]:
    if not file.exists():
        return frozenset()
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))
