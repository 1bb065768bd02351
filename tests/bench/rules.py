"""What a decision costs, against the same conditions as a person would write them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import yaml

from service.model import Kind, RoutingRequest
from service.rules.decide import decide, explain, facts_of, stored_trace
from service.rules.reading import parse_rules
from tests.bench.escalations import rules_text
from tests.bench.machine import Cores
from tests.bench.table import Row, interleaved, row

BY_HAND = "the same written by hand"


def measure(_: Path, __: Cores, *, rounds: int) -> list[Row]:
    """The rows of the rules."""
    rows: list[Row] = []
    for count, times in ((100, 2000), (1000, 200)):
        ruleset = parse_rules(rules_text(count), file="bench.yaml")
        last = count - 1
        facts = facts_of(RoutingRequest(Kind.ESCALATION, attributes={"topic": f"t{last}", "value": count}))
        by_hand = _by_hand(count)
        assert decide(ruleset, facts).name == f"r{last}"
        assert by_hand(facts) == last
        ours, theirs = partial(decide, ruleset, facts), partial(by_hand, facts)
        rows.append(_pair(f"decide, {count:,} rules, the last matches", ours, BY_HAND, theirs, times, rounds))
        if count == 100:
            told, kept = partial(explain, ruleset, facts), partial(stored_trace, ruleset, facts)
            rows.append(_pair("the trace that is kept, 100 rules", kept, "decide", ours, 50, rounds))
            rows.append(_pair("the whole trace, 100 rules", told, "decide", ours, 50, rounds))
    text = rules_text(1000)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded, bare = partial(parse_rules, text, file="x"), partial(yaml.load, text, loader)
    rows.append(_pair("load 1,000 rules", loaded, "bare YAML", bare, 1, rounds))
    return rows


def _by_hand(count: int) -> Callable[[object], int]:
    """What a person would write: look the facts up once and compare."""
    lines = ["def pick(facts):", "    attributes = facts.get('attributes') or {}"]
    lines += ["    topic, value = attributes.get('topic'), attributes.get('value')"]
    for number in range(count):
        lines += [
            f"    if topic == 't{number}' and isinstance(value, (int, float)) and value > {number}: return {number}"
        ]
    scope: dict[str, Callable[[object], int]] = {}
    exec("\n".join(lines), scope)  # noqa: S102  text of our own, a few lines above
    return scope["pick"]


def _pair(
    what: str, ours: Callable[[], object], against: str, theirs: Callable[[], object], times: int, rounds: int
) -> Row:
    found = interleaved({"ours": lambda: _us(ours, times), "theirs": lambda: _us(theirs, times)}, rounds)
    return row(what, found["ours"], "µs", against=against, baseline=found["theirs"])


def _us(call: Callable[[], object], times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        call()
    return (perf_counter() - began) / times * 1e6
