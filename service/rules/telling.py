"""A decision told line by line, for people at a terminal: the rules passed over, the one that matched, what follows."""

from collections.abc import Iterator, Mapping

from service.model import Release, Route
from service.rules.decide import RuleTrace, decide, explain
from service.rules.resolve import Directory, plan_for
from service.rules.ruleset import RuleSet, Step

LET_GO: Mapping[Release, str] = {
    Release.ON_ACCEPT: "the agent who transfers goes once the newcomer is there",
    Release.QUEUED: "the agent who transfers goes once the task is in its queue",
    Release.IMMEDIATELY: "the agent who transfers goes at once",
}


def told(ruleset: RuleSet, facts: Mapping[str, object], directory: Directory | None) -> Iterator[str]:
    """The lines. With a directory targets are shown with their SIDs; one that is gone ends the telling with that."""
    *before, last = explain(ruleset, facts)
    for trace in before:
        yield from _passed_over(trace)
    yield from _matched(last, ruleset)
    yield from _followed(ruleset, directory, facts)


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
    if rule.give_up_s is not None:
        lines.append(f"    no further one once {rule.give_up_s} s have passed")
    if rule.release is not None:
        lines.append(f"    {LET_GO[rule.release]} (where a cold transfer does not say otherwise)")
    return [*lines, f"    after the last: {last}{', with a farewell message' if rule.farewell else ''}"]


def _written(step: Step) -> str:
    worker = f"whoever {'.'.join(map(str, step.worker_fact))} names" if step.worker_fact else ""
    parts = {
        "worker": worker or (step.worker.text if step.worker else ""),
        "queue": step.queue.text if step.queue else "",
        "workflow": step.workflow.text,
    }
    return _line(parts, step)


def _resolved(route: Route) -> str:
    parts = {
        "worker": f"{route.worker} ({route.worker_sid})" if route.worker_sid else "",
        "queue": f"{route.queue} ({route.queue_sid})" if route.queue_sid else "",
        "workflow": f"{route.workflow} ({route.workflow_sid})",
    }
    return _line(parts, route)


def _line(parts: Mapping[str, str], step: Step | Route) -> str:
    named = [f"{what} {name}" for what, name in parts.items() if name]
    named += [f"priority {step.priority}"] if step.priority is not None else []
    named += [f"for {step.timeout_s} s at most"] if step.timeout_s is not None else []
    named += [f"unless {' '.join(step.skip_if.split())}"] if step.skip_if else []
    named += [f"asked again every {step.recheck_s} s"] if step.recheck_s is not None else []
    return ", ".join(named)
