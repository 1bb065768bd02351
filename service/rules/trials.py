"""Tries the tests of a rules file: what the rules answer, what was expected instead, and which parts no test has shown.

Pure: the clock that a test is told is its own, and the one that measures how long it took is handed in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.model import RELEASES, Release
from service.rules.decide import decide, explain, facts_of
from service.rules.expression import Lazy
from service.rules.expression.interpret import lookup
from service.rules.farewell import farewell_text
from service.rules.ladder import step_is_skipped
from service.rules.ruleset import Rule, RuleSet, Step
from service.rules.shape import SECONDS
from service.rules.trial_file import Trial

TIMES = ("timeout", "recheck", "give_up_after")


@dataclass(frozen=True)
class Result:
    """What came of one case: what differed from what was expected, the parts of the rules it showed, its time."""

    trial: Trial
    differences: tuple[str, ...]
    shown: frozenset[str]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.differences


@dataclass(frozen=True)
class GivenLive:
    """The live facts of a test."""

    live: Mapping[str, Any]

    def queue(self, name: str) -> Mapping[str, object] | None:
        """The figures that the test gives."""
        found = (self.live.get("queues") or {}).get(name)
        return found if isinstance(found, dict) else None

    def last_worker(self) -> Mapping[str, object] | None:
        """The worker that the test gives."""
        found = self.live.get("last_worker")
        return found if isinstance(found, dict) else None


def run_trials(ruleset: RuleSet, trials: Sequence[Trial], seconds: Callable[[], float]) -> tuple[Result, ...]:
    """The result of every case. ``seconds`` is a clock that only ever goes forward."""
    results = []
    for trial in trials:
        began = seconds()
        differences, shown = _tried(ruleset, trial)
        results.append(Result(trial, tuple(differences), frozenset(shown), seconds() - began))
    return tuple(results)


def uncovered(ruleset: RuleSet, results: Sequence[Result]) -> tuple[tuple[str, ...], int]:
    """The parts that no passing case has shown, in the order of the file, and how many parts there are."""
    shown = {part for result in results if result.passed for part in result.shown}
    parts = [part for rule in (*ruleset.rules, ruleset.default) for part in _parts(rule)]
    return tuple(part for part in parts if part not in shown), len(parts)


def _parts(rule: Rule) -> Iterator[str]:
    """What tests must show of a rule: that it matches, each fallback tried, each skip_if true once."""
    yield f"rule {rule.name}"
    for number, step in enumerate(rule.steps, start=1):
        if number > 1:
            yield f"rule {rule.name}, step {number}"
        if step.skip_if:
            yield f"rule {rule.name}, skip_if of step {number}"


def _tried(ruleset: RuleSet, trial: Trial) -> tuple[list[str], list[str]]:
    facts = _facts(ruleset, trial)
    rule = decide(ruleset, facts)
    tried = list(_tried_steps(rule, facts)) or [len(rule.steps)]  # somebody must be asked
    outcome = _outcome(ruleset, rule, trial, [_written(rule.steps[number - 1], facts) for number in tried])
    differences = [*_differences(trial.expect, outcome, ""), *_why_not(ruleset, trial, facts)]
    shown = [f"rule {rule.name}"] if trial.expect else []
    if "steps" in trial.expect:
        shown += [f"rule {rule.name}, step {number}" for number in tried]
        skipped = [number for number, step in enumerate(rule.steps, 1) if step_is_skipped(step.skip_if, facts)]
        shown += [f"rule {rule.name}, skip_if of step {number}" for number in skipped]
    return differences, shown


def _facts(ruleset: RuleSet, trial: Trial) -> Mapping[str, object]:
    facts = facts_of(trial.request, ruleset, now=trial.now, live=GivenLive(trial.live))
    dealt = facts["percent"]

    def place(rule: str) -> object:
        if rule in trial.in_share:
            return 0.0 if trial.in_share[rule] else 100.0
        return dealt.get(rule) if isinstance(dealt, Lazy) else None

    return {**facts, "percent": Lazy(place)}


def _tried_steps(rule: Rule, facts: Mapping[str, object]) -> Iterator[int]:
    """The numbers of the steps that are tried if each before them lapses and the facts stay as they are."""
    for number, step in enumerate(rule.steps, start=1):
        nobody = step.worker_fact is not None and number < len(rule.steps) and _worker(step, facts) is None
        if not nobody and not step_is_skipped(step.skip_if, facts):
            yield number


def _worker(step: Step, facts: Mapping[str, object]) -> str | None:
    if step.worker:
        return step.worker.text
    found = lookup(step.worker_fact, facts) if step.worker_fact else None
    return found if isinstance(found, str) else None


def _written(step: Step, facts: Mapping[str, object]) -> dict[str, object]:
    return {
        "workflow": step.workflow.text,
        "queue": step.queue.text if step.queue else None,
        "worker": _worker(step, facts),
        "direct": step.direct,
        "task_channel": step.task_channel.text if step.task_channel else None,
        "priority": step.priority,
        "timeout": step.timeout_s,
        "recheck": step.recheck_s,
        "attributes": dict(step.attributes),
    }


def _outcome(ruleset: RuleSet, rule: Rule, trial: Trial, steps: list[dict[str, object]]) -> dict[str, object]:
    farewell = farewell_text(rule.farewell, ruleset.calendars, trial.now) if rule.farewell else None
    return {
        "rule": rule.name,
        "route": steps[0],
        "steps": steps,
        "on_lapse": rule.on_lapse,
        "farewell": farewell,
        "release": str(rule.release or Release.ON_ACCEPT),
        "give_up_after": rule.give_up_s,
    }


def _differences(expected: object, seen: object, where: str) -> Iterator[str]:
    """Where ``seen`` is not what was expected; of mappings only the keys that were named are compared."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key, value in expected.items():
            wanted = _seconds(value) if key in TIMES else _release(value) if key == "release" else value
            yield from _differences(wanted, seen.get(key), f"{where}.{key}" if where else key)
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for number, (one, two) in enumerate(zip(expected, seen, strict=True)):
            yield from _differences(one, two, f"{where}[{number}]")
    elif type(expected) is not type(seen) or expected != seen:
        yield f"{where}: expected {_shown(expected)}, found {_shown(seen)}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} items" if value else "none"
    return "nothing" if value is None else str(value)


def _release(value: object) -> object:
    """A moment of release in any spelling as the outcome has it; anything else as it is."""
    return str(RELEASES[value]) if isinstance(value, str) and value in RELEASES else value


def _seconds(value: object) -> object:
    """A time as the rules file may write it, in seconds; anything else as it is."""
    if isinstance(value, str) and value[:-1].isdecimal() and value[-1] in SECONDS:
        return int(value[:-1]) * SECONDS[value[-1]]
    return value


def _why_not(ruleset: RuleSet, trial: Trial, facts: Mapping[str, object]) -> Iterator[str]:
    if not trial.why_not:
        return
    passed_over = {trace.rule: trace for trace in explain(ruleset, facts)[:-1]}
    for rule, part in trial.why_not.items():
        if rule not in passed_over:
            yield f"why_not.{rule}: the rule was not passed over"
            continue
        reasons = [reason.text for reason in passed_over[rule].because]
        if not any(part in reason for reason in reasons):
            yield f"why_not.{rule}: expected {part}, but what stopped it was: {'; '.join(reasons)}"
