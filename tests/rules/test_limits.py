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
    began = time.process_time()
    try:
        read_rules(path)
        reason = ""
    except RulesError as error:
        reason = str(error)
    assert time.process_time() - began < MOST_S
    assert said in reason


def test_hostile_text_meets_a_pattern_in_linear_time() -> None:
    text = WHEN % 'attributes.a MATCHES "(a*)*b|(a|a)*c|(.*,){20}d"'
    ruleset = parse_rules(text)
    began = time.process_time()
    request = RoutingRequest(Kind.ESCALATION, attributes={"a": "a" * 4_000})
    assert decide(ruleset, facts_of(request)).name == "default"
    assert time.process_time() - began < MOST_S


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
