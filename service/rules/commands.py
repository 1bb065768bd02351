"""What ``rules check`` and ``rules explain`` say on the command line: plain text that reads well at three at night.

Nothing of a command-line library comes in here; a function takes arguments and answers an exit code and a text.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from service.errors import ConfigurationError
from service.model import CHANNEL_TYPES, Kind, Mode, Origin, Route, RoutingRequest, Target
from service.rules.decide import RuleTrace, decide, explain, facts_of
from service.rules.expression.faults import did_you_mean
from service.rules.faults import RulesError, count
from service.rules.loading import read_rules
from service.rules.resolve import Directory, plan_for, unresolved
from service.rules.ruleset import RuleSet, Step

GOOD, FAULTY, UNUSABLE = 0, 1, 2  # exit codes: in order; the rules have faults; the request cannot be read


def check(path: Path, directory: Directory | None = None) -> tuple[int, str]:
    """Whether the file can be used; with a directory, also whether the workspace has every target it names."""
    try:
        ruleset = read_rules(path)
        faults = unresolved(ruleset, directory) if directory else ()
        if faults:
            raise RulesError(faults)
    except RulesError as error:
        return FAULTY, f"{error}\n\n{count(len(error.faults), 'fault')} in {path}\n"
    names = "every target exists" if directory else "targets were not compared with a workspace"
    return GOOD, f"{path}: {count(len(ruleset.rules), 'rule')} and a default, no faults; {names}\n"


def explain_text(path: Path, request_json: str, *, directory: Directory | None = None) -> tuple[int, str]:
    """Which rule a request falls under, why, and what then follows step by step.

    ``request_json`` is an object with any of: kind (escalation by default), reason, channel_type, interaction_sid,
    attributes, from, to, mode, as in a request's body.
    """
    try:
        ruleset = read_rules(path)
    except RulesError as error:
        return FAULTY, f"{error}\n\n{count(len(error.faults), 'fault')} in {path}\n"
    try:
        request = request_of(request_json)
    except ValueError as error:
        return UNUSABLE, f"the request cannot be read: {error}\n"
    facts = facts_of(request)
    traces = explain(ruleset, facts)
    lines = [line for trace in traces[:-1] for line in _passed_over(trace)]
    try:
        lines += [*_matched(traces[-1], ruleset), *_followed(ruleset, directory, facts)]
    except ConfigurationError as error:
        return FAULTY, "\n".join([*lines, *error.faults]) + "\n"
    return GOOD, "\n".join(lines) + "\n"


FIELDS = ("kind", "reason", "channel_type", "interaction_sid", "attributes", "from", "to", "mode")


def request_of(text: str) -> RoutingRequest:
    """The request that an explanation is asked for. Raises ``ValueError`` naming the field and what is allowed."""
    body = json.loads(text)
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    for name in body:
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r} (allowed: {', '.join(FIELDS)}){did_you_mean(name, FIELDS)}")
    origin, to = _object(body, "from"), _object(body, "to")
    mode = _one_of(body, "mode", tuple(Mode))
    return RoutingRequest(
        kind=Kind(_one_of(body, "kind", (Kind.ESCALATION, Kind.TRANSFER)) or Kind.ESCALATION),
        interaction_sid=_text(body, "interaction_sid"),
        channel_type=_one_of(body, "channel_type", CHANNEL_TYPES),
        reason=_text(body, "reason"),
        attributes=_object(body, "attributes"),
        origin=Origin(_text(origin, "worker_sid"), _text(origin, "participant_sid")),
        to=_target(to) if to else None,
        mode=Mode(mode) if mode else None,
    )


def _object(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object")
    return value


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


def _one_of(body: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str | None:
    value = _text(body, name)
    if value is not None and value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}{did_you_mean(value, allowed)}")
    return value


def _target(to: Mapping[str, object]) -> Target:
    if len(to) != 1 or (kind := next(iter(to))) not in ("worker", "queue", "workflow"):
        raise ValueError("to must hold exactly one of worker, queue and workflow")
    return Target(kind, _text(to, kind) or "")


def _passed_over(trace: RuleTrace) -> list[str]:
    return [f"  passed over  {trace.rule}", *_reasons(trace)]


def _matched(trace: RuleTrace, ruleset: RuleSet) -> list[str]:
    if trace.because or trace.rule != "default":
        return [f"  MATCHES      {trace.rule}", *(_reasons(trace) or ["                 it has no condition"])]
    why = "no rule matches" if ruleset.rules else "there are no rules"
    return ["  MATCHES      default", f"                 {why}"]


def _reasons(trace: RuleTrace) -> list[str]:
    lines = []
    for part in trace.because:
        seen = ", ".join(f"{name} is {value}" for name, value in part.seen) or "nothing in it depends on the request"
        lines += [
            f"                 {'true ' if part.outcome else 'false'}  {part.text}",
            f"                        {seen}",
        ]
    return lines


def _followed(ruleset: RuleSet, directory: Directory | None, facts: Mapping[str, object]) -> list[str]:
    rule = decide(ruleset, facts)
    if directory:
        plan = plan_for(rule, ruleset, directory, facts)
        steps = [_resolved(route) for route in plan.steps]
    else:
        steps = [_written(step) for step in rule.steps]
    lines = ["", "  then"]
    lines += [f"    {number}. {step}" for number, step in enumerate(steps, start=1)]
    last = "the conversation is closed" if rule.on_lapse == "close" else "the conversation is left open"
    return [*lines, f"    after the last: {last}{', with a farewell message' if rule.farewell else ''}"]


def _written(step: Step) -> str:
    worker = f"whoever {'.'.join(map(str, step.worker_fact))} names" if step.worker_fact else ""
    parts = {
        "worker": worker or (step.worker.text if step.worker else ""),
        "queue": step.queue.text if step.queue else "",
        "workflow": step.workflow.text,
    }
    return _line(parts, step.priority, step.timeout_s)


def _resolved(route: Route) -> str:
    parts = {
        "worker": f"{route.worker} ({route.worker_sid})" if route.worker_sid else "",
        "queue": f"{route.queue} ({route.queue_sid})" if route.queue_sid else "",
        "workflow": f"{route.workflow} ({route.workflow_sid})",
    }
    return _line(parts, route.priority, route.timeout_s)


def _line(parts: Mapping[str, str], priority: int | None, timeout_s: int | None) -> str:
    named = [f"{what} {name}" for what, name in parts.items() if name]
    named += [f"priority {priority}"] if priority is not None else []
    named += [f"for {timeout_s} s at most"] if timeout_s is not None else []
    return ", ".join(named)
