"""What comparisons mean between values of every type."""

import pytest

from service.rules.expression import compile_expression

MEANING = {
    # equality
    "equal-texts": ("a == 'x'", "x", True),
    "case-differs": ("a == 'x'", "X", False),
    "number-and-text-are-not-equal": ("a == '1'", 1, False),
    "number-and-text-do-not-differ": ("a != '1'", 1, False),
    "text-and-number-do-not-differ": ("a != 1", "1", False),
    "whole-and-decimal": ("a == 1.0", 1, True),
    "boolean-is-no-number": ("a == 1", True, False),
    "boolean-is-no-zero": ("a == 0", False, False),
    "number-is-no-boolean": ("a == true", 1, False),
    "boolean-and-number-do-not-differ": ("a != 1", True, False),
    "booleans-differ": ("a != true", False, True),
    "numbers-differ": ("a != 2", 3, True),
    "missing-differs-from-text": ("a != 'x'", None, True),
    "missing-differs-from-number": ("a != 1", None, True),
    "missing-equals-missing": ("a == b", None, True),
    "missing-does-not-differ-from-missing": ("a != b", None, False),
    "list-equals-nothing": ("a == a", ["x"], False),
    "list-differs-from-nothing": ("a != 'x'", ["y"], False),
    "object-equals-nothing": ("a == a", {"x": 1}, False),
    # order
    "more": ("a > 5.1", 6, True),
    "not-more": ("a > 6", 6, False),
    "at-least": ("a >= 6", 6, True),
    "less": ("a < 6", 5.5, True),
    "at-most": ("a <= 6", 6, True),
    "texts-in-order": ("a > 'a'", "b", True),
    "texts-at-least": ("a >= 'b'", "b", True),
    "texts-at-most": ("a <= 'b'", "b", True),
    "text-is-not-more-than-number": ("a > 5", "6", False),
    "boolean-has-no-order": ("a > 0", True, False),
    "missing-has-no-order": ("a < 5", None, False),
    "list-has-no-order": ("a < 5", [1], False),
    "huge-number": ("a > 1.5", 10**400, True),
    # arrays
    "has": ("a HAS 'x'", ["x", "y"], True),
    "has-not": ("a HAS 'z'", ["x", "y"], False),
    "text-has-nothing": ("a HAS 'x'", "x", False),
    "missing-has-nothing": ("a HAS 'x'", None, False),
    "has-boolean-is-no-number": ("a HAS 1", [True], False),
    "has-no-list": ("a HAS ['x']", [["x"]], False),
    "in": ("a IN ['x', 'y']", "x", True),
    "number-in": ("a IN [1, 2]", 2, True),
    "number-in-texts": ("a IN ['1', '2']", 2, False),
    "missing-in": ("a IN ['x']", None, False),
    "list-in": ("a IN ['x']", ["x"], False),
    "in-its-own-facts": ("'x' IN a", ["x"], True),
    "in-a-text": ("'x' IN a", "x", False),
    "not-in": ("a NOT IN ['x']", "y", True),
    "not-not-in": ("a NOT IN ['x']", "x", False),
    "missing-not-in": ("a NOT IN ['x']", None, True),
    "not-in-a-text": ("'x' NOT IN a", "y", False),
    "not-in-what-is-missing": ("'x' NOT IN a", None, False),
    "list-not-in": ("a NOT IN ['x']", ["y"], False),
    "object-not-in": ("a NOT IN ['x']", {"y": 1}, False),
    # texts
    "contains": ("a CONTAINS 'ell'", "hello", True),
    "contains-not": ("a CONTAINS 'ELL'", "hello", False),
    "contained": ("'hello' CONTAINS a", "ell", True),
    "list-contains-nothing": ("a CONTAINS 'x'", ["x"], False),
    "text-contains-no-number": ("a CONTAINS 1", "1", False),
    "missing-contains-nothing": ("a CONTAINS ''", None, False),
}


@pytest.mark.parametrize(("text", "value", "outcome"), MEANING.values(), ids=MEANING)
def test_comparison_means_what_is_documented(text: str, value: object, outcome: bool) -> None:
    expression = compile_expression(text)
    facts = {} if value is None else {"a": value}
    assert expression.matches(facts) is outcome
    assert expression.interpret(facts) is outcome


def test_key_of_no_object_is_null() -> None:
    assert not compile_expression("a.b.c == 'x'").matches({"a": "text"})
    assert compile_expression("a.b.c == null", dialect="rules").matches({"a": ["list"]})
