"""How faults are shown."""

import pytest

from service.rules.faults import Fault, RulesError, source_of

RENDERED = {
    "word": (
        Fault("r.yaml", 14, 9, "wrong", "    when: teir", 4),
        "r.yaml:14:9: wrong\n   14 |     when: teir\n      |         ^^^^",
    ),
    "tab-before": (Fault("r.yaml", 2, 3, "wrong", "\tabc", 1), "r.yaml:2:3: wrong\n    2 | \tabc\n      | \t ^"),
    "wide-before": (Fault("r.yaml", 2, 3, "wrong", "漢字x", 1), "r.yaml:2:3: wrong\n    2 | 漢字x\n      |     ^"),
    "wide-under": (Fault("r.yaml", 2, 1, "wrong", "漢字x", 2), "r.yaml:2:1: wrong\n    2 | 漢字x\n      | ^^^^"),
    "behind-the-end": (Fault("r.yaml", 2, 4, "wrong", "abc", 1), "r.yaml:2:4: wrong\n    2 | abc\n      |    ^"),
    "no-line": (Fault("r.yaml", 1, 1, "wrong"), "r.yaml:1:1: wrong"),
}


@pytest.mark.parametrize(("fault", "text"), RENDERED.values(), ids=RENDERED)
def test_fault_is_shown_with_a_caret(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_long_line_is_cut_around_the_fault() -> None:
    head, line, carets = str(Fault("r.yaml", 1, 3001, "wrong", "x" * 3000 + "teir" + "y" * 3000, 4)).splitlines()
    assert head == "r.yaml:1:3001: wrong"
    assert len(line) < 130
    assert line[carets.index("^") : carets.rindex("^") + 1] == "teir"


def test_faults_come_in_the_order_of_the_file() -> None:
    error = RulesError([Fault("r", 9, 1, "c"), Fault("r", 2, 7, "b"), Fault("r", 2, 3, "a")])
    assert str(error) == "r:2:3: a\nr:2:7: b\nr:9:1: c"


def test_only_the_end_of_a_line_is_left_out() -> None:
    assert source_of("a·\r\nb \n", "r").line(1) == "a·"
    assert source_of("a·\r\nb \n", "r").line(2) == "b "


def test_summary_shows_ten_places_at_most() -> None:
    error = RulesError([Fault("r", number, 1, "c") for number in range(1, 13)])
    assert error.summary == "12 faults in the rules file, at " + ", ".join(f"{number}:1" for number in range(1, 11))


def test_one_character_is_meant_where_no_length_is_given() -> None:
    assert source_of("abc", "r").place(1).length == 1
    assert str(Fault("r", 1, 1, "wrong", "abc")).endswith("| ^")


def test_summary_shows_places_and_no_text() -> None:
    error = RulesError([Fault("r", 2, 7, "b", "secret"), Fault("r", 9, 1, "c", "secret")])
    assert error.summary == "2 faults in the rules file, at 2:7, 9:1"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_lines_are_counted_as_editors_do(end: str) -> None:
    source = source_of(f"one{end}{end}three", "r")
    assert [source.line(number) for number in (1, 2, 3, 4)] == ["one", "", "three", ""]
    place = source.place(source.text.index("ree"), 99)
    assert (place.line, place.column, place.length) == (3, 3, 3)
    first = source.place(source.text.index("three"))
    assert (first.line, first.column) == (3, 1)
