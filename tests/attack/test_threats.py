"""SECURITY.md says which test shows what; every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(repository: Path) -> list[list[str]]:
    text = (repository / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_threat_has_an_answer_and_a_test(repository: Path) -> None:
    found = rows(repository)
    assert len(found) > 20
    assert [row for row in found if len(row) != 3 or not all(row) or not NAMED.search(row[-1])] == []


def test_every_named_test_is_there(repository: Path) -> None:
    named = [pair for row in rows(repository) for pair in NAMED.findall(row[-1])]
    missing = [f"{path}::{name}" for path, name in named if name not in names_in(repository / path)]
    assert missing == []


@pytest.mark.parametrize("line", ["| a | b | `tests/attack/test_threats.py::test_nobody_wrote` |"])
def test_missing_test_would_be_found(repository: Path, line: str) -> None:
    (path, name), *_ = NAMED.findall(line)
    assert name not in names_in(repository / path)
