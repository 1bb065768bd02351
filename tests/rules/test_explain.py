"""What a trace tells of a condition: which comparisons decided, and what they saw."""

import pytest

from service.rules.expression import compile_expression, shown

FACTS = {"tier": "silver", "n": 3, "tags": ["x"], "deep": {"key": None}}

DECIDING = {
    "comparison-alone": ("tier == 'gold'", [("tier == 'gold'", False)]),
    "first-false-of-all": ("n > 1 AND tier == 'gold' AND n > 9", [("tier == 'gold'", False)]),
    "all-true-of-all": ("n > 1 AND n > 2", [("n > 1", True), ("n > 2", True)]),
    "all-false-of-any": ("tier == 'gold' OR n > 9", [("tier == 'gold'", False), ("n > 9", False)]),
    "first-true-of-any": ("tier == 'gold' OR n > 1 OR n > 2", [("n > 1", True)]),
    "under-not": ("NOT (n > 1 OR n > 2)", [("n > 1", True)]),
    "nested": ("n > 1 AND (tier == 'a' OR n > 9)", [("tier == 'a'", False), ("n > 9", False)]),
}


@pytest.mark.parametrize(("text", "deciding"), DECIDING.values(), ids=DECIDING)
def test_trace_names_the_deciding_comparisons(text: str, deciding: list[tuple[str, bool]]) -> None:
    trace = compile_expression(text, dialect="rules").explain(FACTS)
    assert [(part.text, part.outcome) for part in trace.deciding()] == deciding


def test_trace_shows_values_by_name() -> None:
    trace = compile_expression("n < deep.key").explain(FACTS)
    assert trace.seen == (("n", "3"), ("deep.key", "null"))


@pytest.mark.parametrize("joint", ["AND", "OR"])
def test_trace_of_a_whole_has_the_whole_text(joint: str) -> None:
    text = f"n > 9 {joint} tier == 'gold'"
    assert compile_expression(f"({text})").explain(FACTS).text == text


def test_trace_leaves_out_what_was_not_looked_at() -> None:
    trace = compile_expression("n > 9 AND tier == 'gold'").explain(FACTS)
    assert [part.text for part in trace.parts] == ["n > 9"]


SHOWN = {
    "text": ("gold", '"gold"'),
    "missing": (None, "null"),
    "boolean": (True, "true"),
    "list": (["a", 1], '["a", 1]'),
    "umlaut": ("ü", '"ü"'),
    "long": ("x" * 200, '"' + "x" * 78 + "…"),
    "no-json": (object(), '"(object)"'),
    "number-too-long-to-write": (10**5000, "(int)"),
}


@pytest.mark.parametrize(("value", "text"), SHOWN.values(), ids=SHOWN)
def test_value_is_shown_as_short_json(value: object, text: str) -> None:
    assert shown(value) == text


def test_value_within_itself_is_named() -> None:
    value: list[object] = []
    value.append(value)
    assert shown(value) == "(list)"
