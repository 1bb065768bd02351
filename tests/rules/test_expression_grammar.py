"""What can be written, what cannot, and where the fault is said to be."""

import pytest

from service.rules.expression import MAX_DEPTH, MAX_LENGTH, MAX_LIST, Dialect, ExpressionError, compile_expression

LISTS = {"paid_tiers": ("gold", "platinum")}

READABLE = {
    "match-all": ("1 == 1", {}, True),
    "text-in-single-quotes": ("tier == 'gold'", {"tier": "gold"}, True),
    "text-in-double-quotes": ('tier == "gold"', {"tier": "gold"}, True),
    "constant-on-the-left": ("'gold' == tier", {"tier": "gold"}, True),
    "constant-on-the-left-is-less": ("3 < n", {"n": 4}, True),
    "constant-on-the-left-is-more": ("3 >= n", {"n": 4}, False),
    "single-equals-sign": ("n = 1", {"n": 1}, True),
    "no-blanks": ("n>=1 AND(m<2)", {"n": 1, "m": 1}, True),
    "keywords-in-lower-case": ("a == 1 and b in [2] or c has 3", {"c": [3]}, True),
    "and-binds-before-or": ("a == 1 OR b == 1 AND c == 1", {"a": 1}, True),
    "brackets-bind-first": ("(a == 1 OR b == 1) AND c == 1", {"a": 1}, False),
    "nested-keys": ("task.customer.tier == 'gold'", {"task": {"customer": {"tier": "gold"}}}, True),
    "array-index": ("object.array[2] == 'c'", {"object": {"array": ["a", "b", "c"]}}, True),
    "array-index-past-the-end": ("array[3] == 'c'", {"array": ["a"]}, False),
    "index-of-no-array": ("array[0] == 'c'", {"array": "c"}, False),
    "keyword-after-a-dot": ("task.in.has == 1", {"task": {"in": {"has": 1}}}, True),
    "negative-number": ("n > -2.5", {"n": -2}, True),
    "boolean": ("vip == true", {"vip": True}, True),
    "list-with-several-types": ("x IN ['a', 1, true]", {"x": 1}, True),
    "empty-list": ("x NOT IN []", {"x": 1}, True),
    "escaped-quote": (r"x == 'it\'s'", {"x": "it's"}, True),
    "escaped-letters": (r"x == 'a\n\t\\\u00e9'", {"x": "a\n\t\\é"}, True),
    "escaped-as-in-json": (r"x == '\/\r\"'", {"x": '/\r"'}, True),
    "line-breaks": ("a == 1\n  AND b == 2\n", {"a": 1, "b": 2}, True),
    "null-is-a-missing-key": ("x == null", {"x": None}, True),
}


@pytest.mark.parametrize(("text", "facts", "outcome"), READABLE.values(), ids=READABLE)
def test_taskrouters_grammar_is_read(text: str, facts: dict[str, object], outcome: bool) -> None:
    assert compile_expression(text).matches(facts) is outcome


EXTENSIONS = {
    "not": ("NOT a == 1", {"a": 2}, True),
    "not-binds-before-and": ("NOT a == 1 AND b == 1", {"a": 2, "b": 2}, False),
    "not-twice": ("NOT NOT a == 1", {"a": 1}, True),
    "null": ("a == NULL", {}, True),
    "null-in-a-list": ("a IN [1, null]", {}, True),
    "matches": (r'a MATCHES "[A-Z]{2}\\d+"', {"a": "AB12"}, True),
    "named-list": ("a IN lists.paid_tiers", {"a": "gold"}, True),
    "calendar": ("is_open('a b')", {"is_open": {"a b": True}}, True),
    "calendar-compared": ("is_open('a') == false AND NOT is_open('b')", {"is_open": {"a": False}}, True),
    "queue-figure": ('queues["a"].waiting > 3', {"queues": {"a": {"waiting": 4}}}, True),
    "last-worker": ("last_worker.available == true", {"last_worker": {"available": True}}, True),
    "named-list-on-the-left": ("lists.paid_tiers HAS a", {"a": "gold"}, True),
}


@pytest.mark.parametrize(("text", "facts", "outcome"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_rules_dialect_reads_the_extensions(text: str, facts: dict[str, object], outcome: bool) -> None:
    assert compile_expression(text, dialect="rules", lists=LISTS).matches(facts) is outcome


FAULTY: dict[str, tuple[Dialect, str, int, int, str]] = {
    "empty": ("rules", "  ", 0, 1, "an expression is needed"),
    "key-alone": ("rules", "a == 1 AND vip", 11, 3, "a comparison is needed"),
    "key-alone-in-brackets": ("rules", "(vip)", 1, 3, "a comparison is needed"),
    "ends-early": ("rules", "a ==", 4, 1, "ends too early"),
    "ends-after-and": ("rules", "a == 1 AND", 10, 1, "ends too early"),
    "operator-missing": ("rules", "a 'x'", 2, 3, "an operator is expected"),
    "operator-misspelled": ("rules", "a CONTIANS 'x'", 2, 8, "did you mean 'CONTAINS'"),
    "conjunction-misspelled": ("rules", "a == 1 ADN b == 1", 7, 3, "did you mean 'AND'"),
    "number-after-the-end": ("rules", "a == 1 2", 7, 1, "AND, OR or the end"),
    "constant-after-the-dot": ("rules", "a.1 == 2", 2, 1, "a name is expected after the dot"),
    "bracket-not-closed": ("rules", "b == 1 OR (a == 1", 10, 1, "not closed"),
    "bracket-closes-nothing": ("rules", "a == 1)", 6, 1, "closes nothing"),
    "bracket-with-two-comparisons": ("rules", "(a == 1 b == 2)", 8, 1, "AND, OR or the end"),
    "chained": ("rules", "1 < a < 3", 6, 1, "cannot be chained"),
    "chained-by-word": ("rules", "a IN [1] IN [2]", 9, 2, "cannot be chained"),
    "hyphen": ("rules", "order-value > 1", 5, 1, "hyphens are not allowed"),
    "text-not-closed": ("rules", "a == 'gold", 5, 5, "no closing '"),
    "unknown-escape": ("rules", r"a == 'x\q'", 7, 2, "after a backslash"),
    "escape-at-the-end": ("rules", "a == 'x\\", 7, 2, "after a backslash"),
    "list-not-closed": ("rules", "a IN [1, 2", 5, 1, "not closed"),
    "list-not-closed-after-comma": ("rules", "a IN [1,", 5, 1, "not closed"),
    "list-without-comma": ("rules", "a IN [1 2]", 8, 1, "a comma or ]"),
    "key-in-a-list": ("rules", "a IN [b]", 6, 1, "a list holds"),
    "index-no-number": ("rules", "a[b] == 1", 1, 1, "whole number"),
    "index-negative": ("rules", "a[-1] == 1", 1, 1, "whole number"),
    "index-not-closed": ("rules", "a[1 == 1", 1, 1, "whole number"),
    "number-with-letters": ("rules", "a == 12abc", 5, 3, "a text needs quotes"),
    "number-too-large": ("rules", f"a == {'9' * 400}.0", 5, 402, "too large"),
    "foreign-and": ("rules", "a == 1 && b == 1", 7, 2, "did you mean AND?"),
    "foreign-and-single": ("rules", "a == 1 & b == 1", 7, 1, "& is not understood; did you mean AND?"),
    "foreign-or-single": ("rules", "a == 1 | b == 1", 7, 1, "| is not understood; did you mean OR?"),
    "foreign-not": ("rules", "!a", 0, 1, "! is not understood; did you mean !=?"),
    **{
        f"operand-{word}": ("rules", f"{word} == 1", 0, len(word), "cannot stand here")
        for word in ("AND", "OR", "IN", "CONTAINS", "MATCHES")
    },
    "foreign-or": ("rules", "a == 1 || b == 1", 7, 2, "did you mean OR?"),
    "foreign-unequal": ("rules", "a <> 1", 2, 2, "did you mean !=?"),
    "curly-quotes": ("rules", "a == \u201cx\u201d", 5, 1, "this quote"),
    "strange-character": ("rules", "a == #", 5, 1, "not understood here"),
    "keyword-as-operand": ("rules", "HAS == 1", 0, 3, "cannot stand here"),
    "not-before-has": ("rules", "a NOT HAS 1", 2, 3, "write NOT before it"),
    "unknown-list": ("rules", "a IN lists.paid_teirs", 5, 16, "did you mean 'paid_tiers'"),
    "list-without-name": ("rules", "a IN lists", 5, 5, "lists.NAME"),
    "unknown-function": ("rules", "upper(a) == 'A'", 0, 5, "there is no upper(…)"),
    "calendar-without-quotes": ("rules", "a == 1 AND is_open(support)", 19, 7, "a calendar in quotes"),
    "calendar-not-closed": ("rules", "is_open('support' AND a == 1", 18, 3, ") is expected here"),
    "queue-without-brackets": ("rules", "queues.x.waiting > 1", 0, 6, 'written queues["name"].waiting'),
    "queue-without-quotes": ("rules", "queues[x].waiting > 1", 7, 1, "a queue in quotes"),
    "queue-not-closed": ("rules", "queues['x'.waiting > 1", 10, 1, "] is expected here"),
    "queue-without-figure": ("rules", "queues['x'] > 1", 12, 1, "one figure of the queue"),
    "queue-alone": ("rules", "queues['x'].waiting", 0, 19, "a comparison is needed"),
    "pattern-no-text": ("rules", "a MATCHES b", 10, 1, "a pattern in quotes"),
    "pattern-faulty": ("rules", "a MATCHES '(b'", 10, 4, "a ( is not closed"),
    "pattern-too-long": ("rules", f"a MATCHES '{'b' * 201}'", 10, 203, "200 characters"),
    "extension-not": ("taskrouter", "NOT a == 1", 0, 3, "only in NOT IN"),
    "extension-not-has": ("taskrouter", "a NOT HAS 1", 2, 3, "only IN can follow NOT"),
    "extension-matches": ("taskrouter", "a MATCHES 'b'", 2, 7, "does not know MATCHES"),
    "extension-null-in-list": ("taskrouter", "a IN [null]", 6, 4, "a list holds"),
    "extension-function": ("taskrouter", "is_open('x') == true", 0, 7, "there is no is_open(…)"),
}


@pytest.mark.parametrize(("dialect", "text", "position", "length", "said"), FAULTY.values(), ids=FAULTY)
def test_fault_is_named_at_its_place(dialect: Dialect, text: str, position: int, length: int, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, dialect=dialect, lists=LISTS)
    assert said in caught.value.message
    assert (caught.value.position, caught.value.length) == (position, length)
    assert f"(at character {position + 1})" in str(caught.value)


LIMITS = {
    "length": ("a == 1 " + " " * (MAX_LENGTH - 7), " ", f"{MAX_LENGTH} characters"),
    "brackets": ("(" * MAX_DEPTH + "a == 1" + ")" * MAX_DEPTH, "", "levels deep"),
    "negations": ("NOT " * MAX_DEPTH + "a == 1", "", "levels deep"),
    "list": ("a IN [" + "1," * (MAX_LIST - 1) + "1]", "", f"{MAX_LIST} values"),
}


@pytest.mark.parametrize(("text", "more", "said"), LIMITS.values(), ids=LIMITS)
def test_limit_holds_and_no_more(text: str, more: str, said: str) -> None:
    compile_expression(text, dialect="rules")
    beyond = text + more if more else text.replace("(a", "((a").replace("NOT a", "NOT NOT a").replace("1]", "1,1]")
    with pytest.raises(ExpressionError, match=said):
        compile_expression(beyond, dialect="rules")


def test_one_character_is_at_fault_where_no_length_is_given() -> None:
    assert ExpressionError("wrong", 3).length == 1


def test_names_are_listed_once_in_order() -> None:
    expression = compile_expression("b.c == 1 AND a[0] IN b.c OR a.d == b.c")
    assert expression.names == ("b.c", "a[0]", "a.d")


def test_brackets_side_by_side_are_no_depth() -> None:
    text = " OR ".join(["(a == 1)", "NOT a == 2"] * 40)
    assert compile_expression(text, dialect="rules").matches({"a": 1})


def test_long_chain_is_no_depth() -> None:
    text = " AND ".join(["a == 1"] * 370)
    assert compile_expression(text).matches({"a": 1})
