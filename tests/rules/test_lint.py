"""What is allowed but seldom meant: told in its place, and nothing else is."""

from pathlib import Path

import pytest

from service.rules.commands import lint_text
from service.rules.expression import compile_expression
from service.rules.lint import lint
from service.rules.lint_conditions import alternatives
from service.rules.reading import parse_rules

HEAD = "version: 1\nvia: t\ndefault: {workflow: w}\nlists: {l: [a, b]}\nrules:\n"


def told(text: str) -> list[tuple[int, int, str]]:
    """Line, column and message of each warning."""
    return [(one.line, one.column, one.message) for one in lint(parse_rules(HEAD + text))]


def rule(when: str, more: str = "", name: str = "a") -> str:
    """One rule on two lines."""
    return f"  - {{name: {name}, route: {{workflow: w}}{more},\n     when: '{when}'}}\n"


LIVE = """skip_if: 'queues["q"].available == 0'"""
SUSPICIOUS = {
    "mixed": (rule("attributes.a == 1 OR attributes.b == 1 AND attributes.c == 1"), 7, 34, "AND and OR without"),
    "mixed-deep": (
        rule("NOT (attributes.x == 1 AND (attributes.a == 1 AND attributes.b == 2 OR attributes.c == 1))"),
        7,
        41,
        "AND and OR without",
    ),
    "unequal": (rule('attributes.a != "x"'), 7, 13, "also holds where attributes.a is missing"),
    "unequal-mirrored": (rule('"x" != attributes.a'), 7, 13, "also holds where attributes.a is missing"),
    "not-in": (rule("attributes.a NOT IN lists.l"), 7, 13, "if it must be there, add AND attributes.a != null"),
    "unequal-request-fact": (rule('request.reason != "x"'), 7, 13, "request.reason is missing"),
    "unequal-live": (rule('queues["q"].waiting != 0'), 7, 13, 'queues["q"].waiting is missing'),
    "unequal-in-or": (
        rule('attributes.a != null OR attributes.a != "x"'),
        7,
        37,
        "also holds where attributes.a is missing",
    ),
    "contradiction": (rule("attributes.a == 1 AND attributes.a == 2"), 7, 35, "no value of attributes.a fits both"),
    "contradiction-with-list": (
        rule('attributes.b == 1 AND (attributes.a IN lists.l AND "c" == attributes.a)'),
        7,
        64,
        "no value of attributes.a",
    ),
    "contradiction-of-types": (rule("attributes.a == true AND attributes.a == 1"), 7, 38, "no value of attributes.a"),
    "percent-zero": (rule("attributes.a == 1", ", percent: 0"), 6, 12, "with percent: 0 this rule never matches"),
    "same-target": (
        rule("attributes.a == 1", ", fallback: [{queue: q}, {queue: q, priority: 5}]"),
        6,
        60,
        "the same target as the one before",
    ),
    "equal-to-the-route": (
        rule("attributes.a == 1", ", fallback: [{workflow: w, timeout: 5m}]"),
        6,
        48,
        "the same target as the one before",
    ),
    "recheck-of-the-last": (
        rule("attributes.a == 1", f", fallback: [{{queue: q, {LIVE}, recheck: 30s}}]"),
        6,
        48,
        "can never move this task on",
    ),
    "recheck-too-late": (
        rule("attributes.a == 1", f", fallback: [{{queue: q, {LIVE}, recheck: 30s, timeout: 30s}}, {{queue: r}}]"),
        6,
        48,
        "lapses after 30 s, before recheck (30 s) has asked once",
    ),
    "recheck-in-vain": (
        rule("attributes.a == 1", ", fallback: [{queue: q, skip_if: attributes.b == 1, recheck: 30s}, {queue: r}]"),
        6,
        48,
        "about the request alone, so it never changes",
    ),
    "after-giving-up": (
        "  - {name: a, route: {queue: q, timeout: 2m}, give_up_after: 2m, fallback: [{queue: r}, {queue: s}]}\n",
        6,
        77,
        "never tried: the ones before it take 120 s",
    ),
}


@pytest.mark.parametrize(("text", "line", "column", "said"), SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_suspicion_is_told_in_its_place(text: str, line: int, column: int, said: str) -> None:
    ((at_line, at_column, message),) = told(text)
    assert said in message
    assert (at_line, at_column) == (line, column)


NEVER = {
    "same": ("attributes.a == 1", "attributes.a == 1"),
    "same-otherwise-written": ("attributes.a == 1 AND attributes.b == 2", "2 = attributes.b and (1 == attributes.a)"),
    "narrower": ("attributes.a == 1", "attributes.a == 1 AND attributes.b == 1"),
    "one-of-several": ("attributes.a == 1 OR attributes.b == 1", "attributes.b == 1"),
    "value-of-a-list": ("attributes.a IN lists.l", 'attributes.a == "b"'),
    "part-of-a-list": ("attributes.a IN lists.l", 'attributes.a IN ["b"]'),
    "two-ways": ("attributes.a == 1 OR attributes.b == 1",
                 "(attributes.a == 1 OR attributes.b == 1) AND attributes.c > 1"),
    **{f"mirrored-{less}": (f"attributes.a {less} 5", f"5 {more} attributes.a")
       for less, more in (("<", ">"), ("<=", ">="), (">", "<"), (">=", "<="))},
    "not": ("NOT attributes.a CONTAINS \"x\"", "NOT attributes.a CONTAINS \"x\" AND attributes.b == 1"),
}  # fmt: skip


@pytest.mark.parametrize(("above", "below"), NEVER.values(), ids=NEVER)
def test_rule_that_is_never_reached_is_told(above: str, below: str) -> None:
    found = told(rule(above) + rule(below, name="b"))
    assert found == [(8, 12, "this rule is never reached: 'a' above it matches whenever this one would")]


WAYS = " AND ".join(f"(attributes.a{n} == 1 OR attributes.b{n} == 1)" for n in range(7))
REACHED = {
    "wider": ("attributes.a == 1 AND attributes.b == 1", "attributes.a == 1"),
    "other-value": ("attributes.a == 1", "attributes.a == 2"),
    "true-is-not-one": ("attributes.a == 1", "attributes.a == true"),
    "longer-list": ('attributes.a IN ["a"]', "attributes.a IN lists.l"),
    "other-operator": ("attributes.a > 1", "attributes.a >= 1"),
    "other-list": ("NOT attributes.a NOT IN [1]", "NOT attributes.a NOT IN [2]"),
    "longer-number": ("attributes.a > 1", "attributes.a > 10"),
    "only-one-way": ("attributes.a == 1", "attributes.a == 1 OR attributes.b == 1"),
    "too-many-ways-to-say": (WAYS, f"{WAYS} AND attributes.c == 1"),
}


@pytest.mark.parametrize(("above", "below"), REACHED.values(), ids=REACHED)
def test_rule_that_can_be_reached_is_left_alone(above: str, below: str) -> None:
    assert told(rule(above) + rule(below, name="b")) == []


def test_rule_below_a_share_is_left_alone() -> None:
    assert told(rule("attributes.a == 1", ", percent: 10") + rule("attributes.a == 1", name="b")) == []


def test_rule_below_the_whole_share_is_told() -> None:
    assert len(told(rule("attributes.a == 1", ", percent: 100") + rule("attributes.a == 1", name="b"))) == 1


INNOCENT = {
    "brackets": "attributes.a == 1 OR (attributes.b == 1 AND attributes.c == 1)",
    "brackets-around-or": "(attributes.a == 1 OR attributes.b == 1) AND attributes.c == 1",
    "unequal-null": "attributes.a != null",
    "unequal-but-there": 'attributes.a != null AND attributes.a != "x"',
    "unequal-but-compared": 'attributes.a > "a" AND attributes.a != "x"',
    "never-missing": 'request.kind != "transfer" AND request.has_interaction != true',
    "calendar": 'request.kind == "transfer" AND attributes.a != null',
    "not": 'NOT attributes.a != "x"',
    "two-keys": "attributes.a != attributes.b AND attributes.a == 1 AND attributes.b == 1",
    "same-value-twice": "attributes.a == 1 AND attributes.a IN [1, 2]",
}


@pytest.mark.parametrize("when", INNOCENT.values(), ids=INNOCENT)
def test_innocent_condition_is_left_alone(when: str) -> None:
    assert told(rule(when)) == []


def test_ladder_within_its_time_is_left_alone() -> None:
    ladder = "fallback: [{queue: r, timeout: 1m}, {queue: s}, {queue: r}], give_up_after: 10m"
    assert told(f"  - {{name: a, route: {{queue: q, timeout: 2m}}, {ladder}}}\n") == []


def test_ladder_without_a_timeout_is_left_alone() -> None:
    assert told("  - {name: a, route: {queue: q}, fallback: [{queue: r}], give_up_after: 1m}\n") == []


def test_recheck_that_can_move_on_is_left_alone() -> None:
    live = (LIVE, "skip_if: 'NOT is_open(\"c\")'", "skip_if: last_worker.available == false")
    steps = ", ".join(f"{{queue: q{n}, {skip_if}, recheck: 30s, timeout: 1m}}" for n, skip_if in enumerate(live))
    text = f"  - {{name: a, route: {{queue: q}}, fallback: [{steps}, {{queue: r}}]}}\n"
    assert lint(parse_rules("calendars: {c: {timezone: Europe/London}}\n" + HEAD + text)) == ()


def test_warnings_come_in_the_order_of_the_file() -> None:
    text = rule("attributes.a == 1") + rule("attributes.b != 1", name="b") + rule("attributes.a == 1", name="c")
    assert [line for line, _, _ in told(text)] == [9, 10]
    text += rule("attributes.c != 1", name="d")
    assert [line for line, _, _ in told(text)] == [9, 10, 13]


def test_suspicion_covers_what_it_is_about() -> None:
    text = rule("attributes.a == 1 OR attributes.b == 1 AND attributes.c == 1 OR attributes.d == 1")
    (fault,) = lint(parse_rules(HEAD + text))
    assert fault.source_line[fault.column - 1 :][: fault.length] == "attributes.b == 1 AND attributes.c == 1"


def test_ways_that_are_too_many_are_not_counted_out() -> None:
    both = [f"(a{n} == 1 OR b{n} == 1)" for n in range(40)]
    assert len(alternatives(compile_expression(" AND ".join(both[:6])).tree)) == 64
    assert len(alternatives(compile_expression(" AND ".join(both[:7])).tree)) == 1
    assert len(alternatives(compile_expression(" AND ".join(both)).tree)) == 1


def test_delivered_rules_are_not_suspicious(repository: Path) -> None:
    path = repository / "config" / "rules.yaml"
    assert lint_text(path) == (0, f"{path}: nothing suspicious\n")


def test_warnings_are_shown_with_carets(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + rule("attributes.a != 1"))
    code, text = lint_text(path)
    assert code == 1
    assert text.splitlines()[1:3] == ["    7 |      when: 'attributes.a != 1'}", "      |             " + "^" * 17]
    assert text.endswith(f"1 warning in {path}\n")


def test_warnings_stand_below_each_other(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + rule("attributes.a != 1") + rule("attributes.b != 1", name="b"))
    one, two = lint(parse_rules(path.read_text(), file=path.name))
    assert lint_text(path) == (1, f"{one}\n{two}\n\n2 warnings in {path}\n")


def test_faulty_file_is_not_linted(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1")
    assert lint_text(path)[0] == 1
    assert "default is missing" in lint_text(path)[1]
