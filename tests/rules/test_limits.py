"""Hostile and oversized files are refused with a reason, quickly; many threads may decide by the same rules."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.model import Kind, RoutingRequest
from service.rules.decide import decide, facts_of
from service.rules.faults import RulesError
from service.rules.loading import read_rules
from service.rules.reading import parse_rules
from tests.conftest import sid

TOP = "version: 1\ndefault: {workflow: w}\n"
MEASURED = sys.gettrace() is not None  # then coverage is being measured, and everything takes a multiple
MOST_S = 10.0 if MEASURED else 1.0


def deep(opening: str, closing: str, levels: int) -> str:
    """Brackets within brackets."""
    return opening * levels + closing * levels


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [*{two}, *{two}, *{two}, *{two}, *{two}, *{two}, *{two}, *{two}, *{two}]\n"
    for two, one in zip("abcdefgh", "bcdefghi", strict=True)
)
WHEN = TOP + "rules: [{name: a, route: {workflow: w}, when: '%s'}]\n"
HOSTILE = {
    "two-megabytes": (TOP + "#" * 2_097_152, "1000000 bytes at most"),
    "two-megabytes-of-rules": (TOP + "rules:\n" + "  - {name: a, route: {workflow: w}}\n" * 62_000, "bytes at most"),
    "as-large-as-may-be": (
        TOP + "rules:\n" + "  - {name: a, route: {workflow: w}}\n" * 27_000,
        "40000 keys and values",
    ),
    "many-rules": (TOP + "rules:\n" + "  - {name: a, route: {workflow: w}}\n" * 3_000, "up to 1000 rules"),
    "deep-lists": (TOP + "lists: {a: " + deep("[", "]", 100_000) + "}", "20 levels deep"),
    "deep-mappings": (TOP + "lists: " + "{a: " * 100_000 + "1" + "}" * 100_000, "20 levels deep"),
    "deep-indentation": (TOP + "".join(" " * level + "a:\n" for level in range(1200)), "20 levels deep"),
    "bomb": (BOMB, "anchors (&) and aliases (*) are not supported"),
    "long-list": (TOP + f"lists: {{a: [{'x, ' * 10_000}x]}}", "500 values at most"),
    "long-list-in-a-condition": (WHEN % f"attributes.a IN [{'1, ' * 1_300}1]", "500 values at most"),
    "long-list-of-spans": (
        TOP + f"calendars: {{a: {{timezone: UTC, week: {{mon: [{'08:00-09:00, ' * 10_000}'08:00-09:00']}}}}}}",
        "up to 24 of them",
    ),
    "many-calendars": (
        TOP + "calendars:\n" + "".join(f"  a{n}: {{timezone: UTC}}\n" for n in range(5_000)),
        "by name, up to 100",
    ),
    "long-condition": (WHEN % ("attributes.a == 1 OR " * 5_000 + "attributes.a == 1"), "4096 characters at most"),
    "deep-condition": (WHEN % ("(" * 1_500 + "attributes.a == 1" + ")" * 1_500), "32 levels deep"),
    "pattern-bomb": (WHEN % 'attributes.a MATCHES "(((a{90}){90}){90}){90}"', "has more than 256 characters"),
    "nested-pattern": (WHEN % ('attributes.a MATCHES "' + "(" * 90 + "a" + ")" * 90 + '"'), "16 deep"),
    "huge-number": (WHEN % ("attributes.a == " + "9" * 4_000), ""),
    "huge-scalar": (TOP + "via: " + "x" * 900_000, "via must be the name or SID"),
    "many-mistakes": (TOP + "rules:\n" + "  - {nme: a}\n" * 1_000, "there is no key 'nme'"),
}


@pytest.mark.parametrize(("text", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_file_is_refused_quickly(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    began = time.thread_time()  # of this thread alone: other tests of this process may leave something running
    try:
        read_rules(path)
        reason = ""
    except RulesError as error:
        reason = str(error)
    assert time.thread_time() - began < MOST_S
    assert said in reason


RULE = "version: 1\nrules: [{name: a, route: {workflow: w}, %s}]\ndefault: {workflow: w}\n"


def spans(count: int) -> str:
    """So many time spans of a minute each."""
    return ", ".join(f"'00:{2 * n:02}-00:{2 * n + 1:02}'" for n in range(count))


def whole(more: str = "", route: str = "workflow: w") -> str:
    """A file whose default has this route, and what else stands beside it."""
    return f"version: 1\ndefault: {{route: {{{route}}}}}\n{more}\n"


EDGES: dict[str, tuple[str, str]] = {
    "priority-least": (whole(route="workflow: w, priority: 0"), whole(route="workflow: w, priority: -1")),
    "priority-most": (
        whole(route="workflow: w, priority: 2147483647"),
        whole(route="workflow: w, priority: 2147483648"),
    ),
    "timeout-least": (whole(route="workflow: w, timeout: 1s"), whole(route="workflow: w, timeout: 0s")),
    "timeout-most": (whole(route="workflow: w, timeout: 14d"), whole(route="workflow: w, timeout: 1209601")),
    "recheck-least": (
        whole(route="workflow: w, skip_if: attributes.a == 1, recheck: 5s"),
        whole(route="workflow: w, skip_if: attributes.a == 1, recheck: 4s"),
    ),
    "recheck-most": (
        whole(route="workflow: w, skip_if: attributes.a == 1, recheck: 24h"),
        whole(route="workflow: w, skip_if: attributes.a == 1, recheck: 86401"),
    ),
    "attributes": (  # a letter counts as one, whatever it is
        whole(route="workflow: w, attributes: {a: " + "ü" * 3387 + "}"),
        whole(route="workflow: w, attributes: {a: " + "ü" * 3388 + "}"),
    ),
    "name": (
        whole(route=f"workflow: {'w' * 256}"),
        whole(route=f"workflow: {'w' * 257}"),
    ),
    "fallbacks": (
        f"version: 1\ndefault: {{route: {{workflow: w}}, fallback: [{'{workflow: w},' * 9}]}}",
        f"version: 1\ndefault: {{route: {{workflow: w}}, fallback: [{'{workflow: w},' * 10}]}}",
    ),
    "farewell": (
        f"version: 1\ndefault: {{route: {{workflow: w}}, farewell: {'x' * 1600}}}",
        f"version: 1\ndefault: {{route: {{workflow: w}}, farewell: {'x' * 1601}}}",
    ),
    "list": (whole("lists: {a: [" + "1," * 500 + "]}"), whole("lists: {a: [" + "1," * 501 + "]}")),
    "percent-least": (RULE % "percent: 0", RULE % "percent: -1"),
    "percent-most": (RULE % "percent: 100", RULE % "percent: 100.5"),
    "spans": (
        whole("calendars: {c: {timezone: UTC, week: {mon: [" + spans(24) + "]}}}"),
        whole("calendars: {c: {timezone: UTC, week: {mon: [" + spans(25) + "]}}}"),
    ),
    "calendars": (
        whole("calendars: {" + "".join(f"c{n}: {{timezone: UTC}}, " for n in range(100)) + "}"),
        whole("calendars: {" + "".join(f"c{n}: {{timezone: UTC}}, " for n in range(101)) + "}"),
    ),
    "rule-name": (RULE.replace("name: a", f"name: {'a' * 64}") % "percent: 1",
                  RULE.replace("name: a", f"name: {'a' * 65}") % "percent: 1"),
}  # fmt: skip


@pytest.mark.parametrize(("allowed", "beyond"), EDGES.values(), ids=EDGES)
def test_limit_itself_is_allowed_and_no_more(allowed: str, beyond: str) -> None:
    parse_rules(allowed)
    with pytest.raises(RulesError):
        parse_rules(beyond)


def test_hostile_text_meets_a_pattern_in_linear_time() -> None:
    text = WHEN % 'attributes.a MATCHES "(a*)*b|(a|a)*c|(.*,){20}d"'
    ruleset = parse_rules(text)
    began = time.thread_time()
    request = RoutingRequest(Kind.ESCALATION, attributes={"a": "a" * 4_000})
    assert decide(ruleset, facts_of(request)).name == "default"
    assert time.thread_time() - began < MOST_S


RULES = "\n".join(
    f"  - {{name: r{n}, when: 'attributes.n == {n} OR queues[\"q{n % 3}\"].waiting == {n}', route: {{workflow: w}}}}"
    for n in range(20)
)
THREADS, EACH = 8, 1_250 if MEASURED else 12_500


def test_threads_share_rules_without_a_wrong_answer() -> None:
    ruleset = parse_rules(f"{TOP}rules:\n  - {{name: tenth, percent: 1, route: {{workflow: w}}}}\n{RULES}\n")
    requests = [RoutingRequest(Kind.ESCALATION, sid("CH", n), attributes={"n": n % 30}) for n in range(500)]
    expected = [decide(ruleset, facts_of(one, ruleset)).name for one in requests]
    assert {"tenth", "r0", "r19", "default"} <= set(expected)
    ruleset = parse_rules(ruleset.source.text)  # nothing compiled yet: the threads meet that too

    def wrong(start: int) -> int:
        numbers = [(start + step * 7) % len(requests) for step in range(EACH)]
        return sum(decide(ruleset, facts_of(requests[n], ruleset)).name != expected[n] for n in numbers)

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(wrong, range(THREADS))) == 0
