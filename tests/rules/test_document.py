"""How YAML is read: values, refusals, and the place of every character."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.rules.document import Tree, read_document
from service.rules.faults import Fault, source_of


def read(text: str) -> tuple[Tree | None, list[Fault]]:
    """The document and its faults."""
    found: list[Fault] = []
    return read_document(source_of(text, "r.yaml"), found), found


VALUES = {
    "no-is-text": ("no", "no"),
    "yes-is-text": ("yes", "yes"),
    "time-is-text": ("17:00", "17:00"),
    "date-is-text": ("2026-12-24", "2026-12-24"),
    "octal-is-text": ("0123", "0123"),
    "exponent-is-text": ("1e3", "1e3"),
    "true": ("true", True),
    "false": ("False", False),
    "null": ("~", None),
    "nothing": ("", None),
    **{word: (word, True) for word in ("True", "TRUE")},
    **{word: (word, False) for word in ("false", "FALSE")},
    **{word: (word, None) for word in ("null", "Null", "NULL")},
    "tRue-is-text": ("tRue", "tRue"),
    "whole": ("-12", -12),
    "decimal": ("1.50", 1.5),
    "quoted-number": ("'12'", "12"),
    "quoted-true": ('"true"', "true"),
    "quoted-nothing": ("''", ""),
    "list": ("[a, 1]", ["a", 1]),
    "nested": ("{b: {c: d}}", {"b": {"c": "d"}}),
    "folded": (">-\n  one\n  two", "one two"),
    "literal": ("|\n  true\n", "true\n"),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_value_means_what_it_looks_like(text: str, value: object) -> None:
    tree, found = read(f"a: {text}")
    assert found == []
    assert tree is not None
    assert tree.value == {"a": value}
    assert type(tree.children["a"].value) is type(value)


REFUSED = {
    "empty": ("# nothing\n", 1, 1, "the file is empty"),
    "key-twice": ("a: 1\nb: 2\na: 3", 3, 1, "already given in line 1"),
    "key-twice-deeper": ("a: {b: 1, b: 2}", 1, 11, "already given in line 1"),
    "key-a-list": ("[a]: 1", 1, 1, "plain text"),
    "anchor": ("a: &x 1", 1, 4, "anchors"),
    "alias": ("a: *x", 1, 4, "anchors"),
    "bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", 1, 4, "anchors"),
    "tag": ("a: !!python/object:os.system x", 1, 4, "tags"),
    "too-deep": ("[" * 2000 + "]" * 2000, 1, 21, "20 levels"),
    "two-documents": ("a: 1\n---\nb: 1", 2, 1, "one document"),
    "colon-too-many": ("a: b: c", 1, 5, "a colon is not allowed here"),
    "text-after-quotes": ('a: "x" IN y', 1, 8, "after >-"),
    "quote-not-closed": ("a: 'x\n", 2, 1, "a quote is not closed"),
    "bracket-not-closed": ("a: [1, 2\nb: 3", 2, 2, "a comma or ]"),
    "tab": ("a:\n\tb: 1", 2, 1, "never with tabs"),
    "indentation": ("- a\nb: c", 2, 1, "indentation"),
    "directive": ("%YAML 3\n---\na", 1, 8, "digit"),
    "control-character": ("a: x\x01", 1, 5, "not allowed in a YAML file"),
    "half-a-character": ("a: \ud83d", 1, 4, "not allowed in a YAML file"),
}


@pytest.mark.parametrize(("text", "line", "column", "said"), REFUSED.values(), ids=REFUSED)
def test_unusable_yaml_is_refused_in_place(text: str, line: int, column: int, said: str) -> None:
    _, found = read(text)
    assert said in found[0].message
    assert (found[0].line, found[0].column) == (line, column)


PLACED = {
    "plain": "a: one  zz x",
    "plain-on-two-lines": "a: one\n   zz x",
    "single-quotes": "a: 'it''s  zz x'",
    "single-quotes-folded": "a: 'one\n\n  zz x'",
    "double-quotes": r'a: "\u0041\x41\n\"  zz x"',
    "double-quotes-continued": 'a: "one \\\n   zz x"',
    "folded": "a: >-\n    one\n      two\n\n    zz x\n",
    "folded-with-comment": "a: > # zz\n  one\n  zz x\n",
    "literal": "a: |\n    one\n\n    zz x\n",
    "literal-with-indent": "a: |2\n    one\n   zz x\n",
    "windows-line-ends": "b: 1\r\na: >-\r\n  one\r\n  zz x\r\n",
    "wide-characters": "é: 1\na: 漢字😀 zz x",
    "escaped-break-without-indentation": 'a: "one\\\nzz x"',
    "after-another": "b: zz\na: zz x",
}


@pytest.mark.parametrize("text", PLACED.values(), ids=PLACED)
def test_word_inside_a_scalar_is_placed_exactly(text: str) -> None:
    tree, found = read(text)
    assert found == []
    assert tree is not None
    scalar = tree.children["a"]
    assert scalar.text is not None
    place = scalar.within(source_of(text, "r.yaml"), scalar.text.index("zz"), 2)
    line = text.splitlines()[place.line - 1]
    assert line[place.column - 1 :].startswith("zz x")
    assert place.length == 2
    assert (place.line, place.column) == last_place_of("zz x", text)


def last_place_of(word: str, text: str) -> tuple[int, int]:
    """Line and column of the last occurrence."""
    before = text[: text.rindex(word)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def test_end_of_a_scalar_is_placed_behind_it() -> None:
    text = "a: 'one'\n"
    tree, _ = read(text)
    assert tree is not None
    place = tree.children["a"].within(source_of(text, "r.yaml"), 3, 1)
    assert (place.line, place.column) == (1, 8)


@given(
    st.text(alphabet="ab \n'\"\\:#é😀\t-", min_size=1, max_size=40),
    st.sampled_from(["'", '"', "|", ">", None]),
    st.integers(10, 30),
)
def test_every_letter_is_found_where_it_stands(value: str, style: str | None, width: int) -> None:
    text = yaml.dump({"key": value}, default_style=style, allow_unicode=True, width=width)
    tree, found = read(text)
    assert found == []
    assert tree is not None
    (scalar,) = tree.children.values()
    assert scalar.text == value
    places = [scalar.within(source_of(text, "r.yaml"), number, 1) for number in range(len(value))]
    lines = text.split("\n")
    for character, place in zip(value, places, strict=True):
        if character in "ab:#-'":  # the others may be written as escapes
            assert lines[place.line - 1][place.column - 1] == character


@given(st.text(alphabet="ab:[]{}-,'\"|>\n #&*!%@`?", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    tree, found = read(text)
    assert tree is not None or found
    assert all(fault.line >= 1 and fault.column >= 1 and str(fault) for fault in found)
