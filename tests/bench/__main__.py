"""What a decision and an event cost, as ratios against a baseline in the same run: ``make bench``.

Each figure is the median of several rounds, in which measured code and baseline take turns, so that a machine that
slows down slows both. Absolute times depend on the machine; the ratios are what to compare.
"""

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from service.model import Kind, RoutingRequest, TaskEvent
from service.rules.decide import decide, explain, facts_of
from service.rules.reading import parse_rules
from service.tracking.arrival import Pace, take_event
from service.tracking.connection import connect
from service.tracking.embedded import start_embedded
from service.tracking.store import Store
from tests.conftest import sid

ROUNDS = 9


def main() -> None:
    """Measure and print one table."""
    print(f"Python {platform.python_version()} on {platform.machine()}, {ROUNDS} rounds, medians\n")
    print(f"{'what':<46}{'µs':>9}  {'baseline':<34}{'µs':>9}{'ratio':>8}")
    decisions()
    with tempfile.TemporaryDirectory() as directory:
        store = start_embedded(Path(directory))
        try:
            events(store.url)
        finally:
            store.close()


def decisions() -> None:
    """The last rule matches: our compiled function against the same conditions written by hand."""
    for count, times in ((100, 2000), (1000, 200)):
        ruleset = parse_rules(_rules(count), file="bench.yaml")
        last = count - 1
        facts = facts_of(RoutingRequest(Kind.ESCALATION, attributes={"topic": f"t{last}", "value": count}))
        by_hand = _by_hand(count)
        assert decide(ruleset, facts).name == f"r{last}"
        assert by_hand(facts) == last
        name = f"decide, {count} rules, last matches"
        _row(name, partial(decide, ruleset, facts), "by hand", partial(by_hand, facts), times)
        if count == 100:
            _row("explain, 100 rules", partial(explain, ruleset, facts), "decide", partial(decide, ruleset, facts), 50)
    text = _rules(1000)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    bare = partial(yaml.load, text, loader)
    _row("load 1,000 rules", lambda: parse_rules(text, file="x"), "bare yaml", bare, 1)


def _rules(count: int) -> str:
    rules = "\n".join(
        f"  - {{name: r{n}, when: 'attributes.topic == \"t{n}\" AND attributes.value > {n}', route: {{workflow: w}}}}"
        for n in range(count)
    )
    return f"version: 1\nrules:\n{rules}\ndefault: {{workflow: w}}\n"


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


def events(url: str) -> None:
    """One event that moves an invite, one that is a duplicate, one that is foreign; against a bare script call."""
    client = connect(url)
    store = Store(client, keep_s=600)
    pace = Pace(10, 300)
    numbers = iter(range(10**9))
    attributes = {"flexInteractionSid": sid("KD", 1), "flexInteractionChannelSid": sid("UO", 1)}

    def event(number: int, task: int, **more: object) -> TaskEvent:
        carried = {**attributes, "conversationSid": sid("CH", task), **more}
        return TaskEvent(sid("EV", number), "task.created", 0, sid("WS", 1), sid("WT", task), attributes=carried)

    known = event(0, 1)
    take_event(store, known, pace)
    noop = client.register_script("return {'ignored', '', 0}")
    foreign = TaskEvent(sid("EV", 1), "task.created", 0, sid("WS", 1), sid("WT", 5))

    def bare() -> None:
        noop(keys=["{00}:a"], args=["b"])

    _row("event, duplicate", lambda: take_event(store, known, pace), "one bare EVALSHA", bare, 300)
    _row("event, ignored (new event, same state)", lambda: take_event(store, event(next(numbers) + 9, 1), pace),
         "one bare EVALSHA", bare, 300)  # fmt: skip
    _row("event, task of another kind", lambda: take_event(store, foreign, pace), "one bare EVALSHA", bare, 300)


def _row(name: str, measured: Callable[[], object], against: str, baseline: Callable[[], object], times: int) -> None:
    pairs = [(_time(measured, times), _time(baseline, times)) for _ in range(ROUNDS)]
    ours = statistics.median(pair[0] for pair in pairs)
    theirs = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    print(f"{name:<46}{ours * 1e6:>9.1f}  {against:<34}{theirs * 1e6:>9.1f}{ratio:>8.2f}")


def _time(call: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


if __name__ == "__main__":
    main()
