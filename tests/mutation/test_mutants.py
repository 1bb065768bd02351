"""The changes that the mutation tool makes, and that it tells a test that notices from one that does not."""

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import main
from tests.mutation.mutants import mutants_of, mutated

CHANGES: dict[str, tuple[str, list[str]]] = {
    "order": ("a < b", ["a <= b", "a >= b", "pass"]),
    "equality": ("a == b", ["a != b", "pass"]),
    "membership": ("a not in b", ["a in b", "pass"]),
    "chain": ("a is b is not c", ["a is not b is not c", "a is b is c", "pass"]),
    "any": ("a or b", ["a and b", "pass"]),
    "opposite": ("not a", ["bool(a)", "pass"]),
    "choice": ("a if b else c", ["c if b else a", "pass"]),
    "sum": ("a + b", ["a - b", "pass"]),
    "number": ("f(1)", ["2", "pass"]),
    "boolean": ("f(True)", ["False", "pass"]),
    "word": ("f('key')", ["'key·'", "pass"]),
    "text-for-people": ("f('two words')", ["pass"]),
    "nothing": ("f(None, '')", ["pass"]),
    "docstring": ("'''doc'''", []),
    "annotation": ("a: 'int' = b", []),
    "signature": ("def f(a: 'int' = 1) -> 'str':\n    return a", ["2", "return None"]),
    "decorator": ("@cache(1)\ndef f():\n    pass", []),
    "description": ("f(description='word', repr=False)", ["pass"]),
    "names-for-others": ("__all__ = ['word']", []),
    "put-together": ("f(f'x{a:02}y')", ["pass"]),
    "return-nothing": ("def f():\n    return None", []),
    "raise": ("raise a", ["pass"]),
    "condition": ("if a:\n    b = c", ["if not a: …"]),
    "loop": ("while f():\n    continue", ["while not f(): …", "pass"]),
}


@pytest.mark.parametrize(("source", "changes"), CHANGES.values(), ids=CHANGES)
def test_source_is_changed_in_these_ways(source: str, changes: list[str]) -> None:
    assert sorted(one.after for one in mutants_of("m.py", source)) == sorted(changes)


def test_one_thing_is_changed_and_nothing_moves() -> None:
    source = "x = 1\n\n\ndef f(a):\n    return a < 1 and a != 1\n"
    for mutant in mutants_of("m.py", source):
        tree = mutated(source, mutant)
        pairs = zip(ast.unparse(tree).splitlines(), ast.unparse(ast.parse(source)).splitlines(), strict=True)
        assert sum(one != other for one, other in pairs) == 1
        assert [node.lineno for node in tree.body] == [1, 4]


def test_change_tells_where_it_is() -> None:
    (mutant, *_) = mutants_of("m.py", "x = (\n    a\n    < b\n)\n")
    assert str(mutant) == "m.py:2: a < b  →  a <= b"
    assert (mutant.last_line, mutant.statement_line) == (3, 1)


SOURCE = (
    '"""Code."""\n\n\ndef least(a: int) -> int:\n    return a if a > 3 else 3\n\n\ndef unused() -> int:\n    return 7\n'
)
TESTS = '"""Tests."""\n\nfrom pack.code import least\n\n\ndef test_least() -> None:\n    assert least(2) == 3\n'


def test_gaps_are_told_and_fill_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"pack/__init__.py": "", "pack/code.py": SOURCE, "tests/test_code.py": TESTS}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["pack", "--tests", "tests", "--jobs", "1"]) == 1
    told = capfd.readouterr().out
    assert "survived  pack/code.py:5: a > 3  →  a >= 3" in told
    assert "survived  pack/code.py:9: return 7  →  return None" in told
    assert "survived  pack/code.py:5: return" not in told
    assert (tmp_path / "pack/code.py").read_text() == SOURCE
