"""Past requests against two versions of the rules: what would have been decided otherwise. Pure; tells no values.

Each request is decided at the moment at which it came. Live facts of that moment are not known any more and are null,
with both versions; what a transfer names as its target is no matter of rules and is only counted.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from service.model import Kind, Release, RoutingRequest
from service.rules.decide import decide, facts_of
from service.rules.faults import count
from service.rules.requests import request_of
from service.rules.ruleset import Rule, RuleSet, Step

LISTED = 200


@dataclass(frozen=True)
class PastRequest:
    """One request of an export: the line it stands in, what was asked, and when."""

    line: int
    request: RoutingRequest
    at: datetime


@dataclass(frozen=True)
class Change:
    """A request that would be decided otherwise: the line, and rule and ladder before and after."""

    line: int
    before: str
    after: str


@dataclass(frozen=True)
class Replay:
    """What came of a replay; ``named`` requests are transfers that name their target."""

    same: int
    named: int
    changes: tuple[Change, ...]

    @property
    def text(self) -> str:
        """Counted by what changed into what, then listed by line."""
        total = self.same + self.named + len(self.changes)
        lines = [f"{count(total, 'request')}: {len(self.changes)} would be decided otherwise, {self.same} as before"]
        lines += [f"{count(self.named, 'transfer')} named a target and asked no rule"] if self.named else []
        kinds = Counter((change.before, change.after) for change in self.changes)
        for (before, after), number in kinds.most_common():
            lines += ["", f"{number:>7} × from  {before}", f"          to    {after}"]
        lines += [""] if self.changes else []
        lines += [f"  line {change.line}: {change.before}  →  {change.after}" for change in self.changes[:LISTED]]
        more = len(self.changes) - LISTED
        return "\n".join([*lines, *([f"  … and {more} more"] if more > 0 else [])]) + "\n"


def read_requests(text: str) -> tuple[PastRequest, ...]:
    """The requests of an export, one JSON object a line: a request's body as the API takes it, ``kind`` and ``at``.

    Raises ``ValueError`` naming the first line that cannot be read, and why, without its values.
    """
    return tuple(_requests(text))


def _requests(text: str) -> Iterator[PastRequest]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield _request(number, line)
            except ValueError as error:
                reason = "this is no JSON" if isinstance(error, json.JSONDecodeError) else error
                raise ValueError(f"line {number}: {reason}") from None


def _request(number: int, line: str) -> PastRequest:
    body = json.loads(line)
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    try:
        at = datetime.fromisoformat(str(body.pop("at", None)))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("at must be a moment with its zone, such as 2026-11-24T10:00:00Z")
    return PastRequest(number, request_of(body), at)


def replay(requests: Iterable[PastRequest], old: RuleSet, new: RuleSet) -> Replay:
    """Decides every request by both versions."""
    same = named = 0
    changes: list[Change] = []
    for past in requests:
        if past.request.kind is Kind.TRANSFER and past.request.to is not None:
            named += 1
            continue
        before, after = _decided(past, old), _decided(past, new)
        if before == after:
            same += 1
        else:
            changes.append(Change(past.line, before, after))
    return Replay(same, named, tuple(changes))


def _decided(past: PastRequest, ruleset: RuleSet) -> str:
    facts: Mapping[str, object] = facts_of(past.request, ruleset, now=past.at)
    return _told(decide(ruleset, facts))


def _told(rule: Rule) -> str:
    steps = ", then ".join(map(_step, rule.steps))
    release = "" if rule.release in (None, Release.ON_ACCEPT) else f", release {rule.release}"
    return f"{rule.name} ({steps}; then {rule.on_lapse}{release})"


def _step(step: Step) -> str:
    worker = step.worker.text if step.worker else ".".join(map(str, step.worker_fact or ()))
    named = {"worker": worker, "queue": step.queue.text if step.queue else "", "workflow": step.workflow.text}
    parts = [f"{what} {name}" for what, name in named.items() if name][:1]
    parts += [f"priority {step.priority}"] if step.priority is not None else []
    parts += [f"{step.timeout_s} s"] if step.timeout_s is not None else []
    parts += ["skip_if"] if step.skip_if else []
    parts += [f"recheck {step.recheck_s} s"] if step.recheck_s is not None else []
    return " ".join(parts)
