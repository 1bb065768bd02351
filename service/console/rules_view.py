"""*Rules*: the rules in force, how often each has decided, what their tests say, the opening times, and what a request
would be given. Pure, but for the trial.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.console.record_view import target_of
from service.console.words import exactly, many, moment
from service.errors import InvalidFieldsError
from service.intake.payloads import parse_decision_request
from service.model import CHANNEL_TYPES, Kind, Release
from service.reconcile.fitting import fitting_decision
from service.reconcile.rulebook import NAMED_TARGET, Decision, Rulebook
from service.rules.calendars import Calendar
from service.rules.decide import RuleTrace
from service.rules.ruleset import Rule, RuleSet, Step
from service.rules.tried import Tried
from service.tracking.hits import Tally

MOST_TRACED = 60
MOST_FAILED = 20
LONGEST_ATTRIBUTES = 20_000
FIELDS = ("kind", "channel_type", "reason", "conversation_sid", "from_worker_sid", "attributes")

_RELEASES: Mapping[Release, str] = {
    Release.ON_ACCEPT: "when the newcomer is there",
    Release.QUEUED: "when the task is in its queue",
    Release.IMMEDIATELY: "at once",
}


def rules_view(
    book: Rulebook, *, tally: Tally | None, tried: Tried | None, now_ms: int, now: datetime
) -> dict[str, Any]:
    """Everything on the page but the trial. ``tally`` None: the store is away; ``tried`` None: there are no tests."""
    fault = book.rules.fault
    ruleset = book.current
    hits = _hits(tally, now_ms) if tally else {}
    return {
        "file": book.rules.path.name,
        "fault": fault.summary if fault else None,
        "faults": [str(one) for one in fault.faults[:20]] if fault else [],
        "loaded": moment(book.rules.loaded_at_ms, now_ms) if ruleset else None,
        "sha256": ruleset.sha256 if ruleset else None,
        "rules": [_rule(rule, number) | {"hit": hits.get(rule.name)} for number, rule in enumerate(_all(ruleset), 1)],
        "counted": tally is not None,
        "counted_since": moment(tally.since_ms, now_ms) if tally else None,
        "named": hits.get(NAMED_TARGET),
        "tests": _tests(tried) if tried else None,
        "calendars": [_calendar(name, one, now) for name, one in ruleset.calendars.items()] if ruleset else [],
        "kinds": [str(kind) for kind in Kind if kind is not Kind.ADOPTED],
        "channel_types": CHANNEL_TYPES,
    }


def _all(ruleset: RuleSet | None) -> tuple[Rule, ...]:
    return (*ruleset.rules, ruleset.default) if ruleset else ()


def _hits(tally: Tally, now_ms: int) -> dict[str, dict[str, Any]]:
    """By rule: how often it has decided, its share of all that was decided, and when it last did."""
    total = sum(hit.count for hit in tally.hits.values())
    return {
        name: {
            "count": many(hit.count, "hit"),
            "share": f"{100 * hit.count / total:.0f} %",
            "last": moment(hit.last_ms, max(now_ms, hit.last_ms)),  # the store's clock may be a little ahead
        }
        for name, hit in tally.hits.items()
    }


def _tests(tried: Tried) -> dict[str, Any]:
    """What the tests of the rules say, in the words of ``rules test``."""
    failed = [
        {"name": one.trial.name, "place": f"{tried.file}:{one.trial.place.line}", "differences": one.differences[:5]}
        for one in tried.failed[:MOST_FAILED]
    ]
    covered = 100 * (tried.parts - len(tried.missing)) / tried.parts if tried.parts else 0
    return {
        "file": tried.file,
        "good": tried.good,
        "fault": tried.fault,
        "cases": many(tried.cases, "case"),
        "failures": len(tried.failed),
        "failed": failed,
        "covered": f"{covered:.0f} %",
        "missing": tried.missing[:MOST_FAILED],
    }


def _rule(rule: Rule, number: int) -> dict[str, Any]:
    notes = [f"for {rule.percent:g} % of conversations"] if rule.percent is not None else []
    notes += [f"gives up after {exactly(rule.give_up_s)}"] if rule.give_up_s is not None else []
    notes += [f"the old agent goes {_RELEASES[rule.release]}"] if rule.release else []
    notes.append("then closed" if rule.on_lapse == "close" else "then left open")
    return {
        "number": number,
        "name": rule.name,
        "when": " ".join(rule.when.expression.text.split()) if rule.when else "",
        "steps": [_step(step) for step in rule.steps],
        "notes": notes,
        "farewell": rule.farewell,
    }


def _step(step: Step) -> dict[str, str]:
    if step.worker_fact:
        target = f"worker named by {'.'.join(map(str, step.worker_fact))}"
    elif step.worker:
        target = f"worker {step.worker.text}"
    else:
        target = f"queue {step.queue.text}" if step.queue else f"workflow {step.workflow.text}"
    notes = [f"priority {step.priority}"] if step.priority is not None else []
    notes += [f"for {exactly(step.timeout_s)}"] if step.timeout_s is not None else []
    notes += [f"skipped if {' '.join(step.skip_if.split())}"] if step.skip_if else []
    return {"target": target, "notes": ", ".join(notes)}


def _calendar(name: str, calendar: Calendar, now: datetime) -> dict[str, Any]:
    opens = calendar.opens_at(now)
    here = now.astimezone(calendar.zone)
    return {
        "name": name,
        "zone": calendar.zone.key,
        "here": f"{here:%A %H:%M}",
        "open": calendar.is_open(now),
        "opens": f"{opens:%A} {opens.day} {opens:%B, %H:%M}" if opens else None,
    }


def body_of(form: Mapping[str, str]) -> bytes:
    """A trial's form as the body of a decision request. Raises InvalidFieldsError for attributes that are no JSON."""
    given = {name: form.get(name, "").strip() for name in FIELDS}
    body: dict[str, object] = {name: value for name, value in given.items() if value and name in FIELDS[:4]}
    if given["from_worker_sid"] and given["kind"] == Kind.TRANSFER:
        body["from"] = {"worker_sid": given["from_worker_sid"]}
    body.setdefault("conversation_sid", "CH" + "0" * 32)  # one is required, and rules seldom ask for it
    if given["attributes"]:
        try:
            body["attributes"] = json.loads(given["attributes"][:LONGEST_ATTRIBUTES])
        except (ValueError, RecursionError):
            raise InvalidFieldsError('attributes must be a JSON object, like {"topic": "billing"}') from None
    return json.dumps(body).encode()


def trial(book: Rulebook, form: Mapping[str, str]) -> dict[str, Any]:
    """What the rules say to a made-up request; nothing is created. Raises InvalidFieldsError and what deciding raises.

    What the old agent's task carries is left out: it is the customer's, and the page tells only what was typed in.
    """
    wanted = parse_decision_request("application/json", body_of(form))
    return trial_view(fitting_decision(book, wanted, explained=True))


def _because(trace: RuleTrace) -> list[dict[str, Any]]:
    return trace.to_json()["because"]  # type: ignore[return-value]  # a list, by its definition


def trial_view(decision: Decision) -> dict[str, Any]:
    """A decision as the page tells it."""
    passed, last = decision.trace[:-1], decision.trace[-1:]
    steps = [
        {"target": target_of(route), "first": number == decision.step}
        for number, route in enumerate(decision.plan.steps)
    ]
    told = [one.to_json() for one in passed[-MOST_TRACED:]]
    return {
        "rule": decision.plan.rule,
        "steps": steps,
        "because": [part for one in last for part in _because(one)],
        "passed": told,
        "left_out": len(passed) - len(told),
        "on_lapse": decision.plan.on_lapse,
    }
