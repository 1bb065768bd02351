"""Targets as they were written into the SIDs that Twilio is given, against the names that a workspace has.

Pure: the directory is handed in; who reads it from Twilio, and how old it may be, is not known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from service.errors import ConfigurationError, FieldError, InvalidFieldsError
from service.model import Plan, Route, Target, is_sid
from service.rules.expression.faults import nearest
from service.rules.expression.interpret import lookup
from service.rules.faults import Fault
from service.rules.ruleset import Named, Rule, RuleSet, Step


@dataclass(frozen=True)
class TargetKind:
    """A kind of target: what people call it, and how its SIDs begin."""

    word: str
    prefix: str


@dataclass(frozen=True)
class Directory:
    """What a workspace has: SIDs by friendly name (task channels: by unique name).

    A kind with nothing in it counts as not known: then SIDs are taken as they are, and names cannot be resolved.
    """

    workflows: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)
    workers: Mapping[str, str] = field(default_factory=dict)
    task_channels: Mapping[str, str] = field(default_factory=dict)
    activities: Mapping[str, str] = field(default_factory=dict)

    def sid_of(self, what: TargetKind, name: str) -> str | None:
        """The SID that ``name``, itself a name or SID, stands for; None if there is no such thing."""
        known = self.names(what)
        if name in known:
            return known[name]
        return name if name in known.values() or (not known and is_sid(name, what.prefix)) else None

    def names(self, what: TargetKind) -> Mapping[str, str]:
        """SIDs by name of everything of one kind."""
        by_prefix = {
            "WW": self.workflows,
            "WQ": self.queues,
            "WK": self.workers,
            "TC": self.task_channels,
            "WA": self.activities,
        }
        return by_prefix[what.prefix]

    def activity(self, sid: str, written: str) -> str | None:
        """What the rules call an activity: an alias of it before its own name, ``written``.

        None if that name is the alias of another one: then the rules have no word for it.
        """
        names = [name for name, other in self.activities.items() if other == sid]
        return names[-1] if names else None if written in self.activities else written

    def name_of(self, what: TargetKind, sid: str, written: str) -> str:
        """The friendly name behind ``sid``; ``written`` where the directory has none."""
        return next((name for name, other in self.names(what).items() if other == sid), written)


WORKFLOW = TargetKind("workflow", "WW")
QUEUE = TargetKind("queue", "WQ")
WORKER = TargetKind("worker", "WK")
TASK_CHANNEL = TargetKind("task channel", "TC")
ACTIVITY = TargetKind("activity", "WA")  # no target: a word that conditions compare with
KINDS = {"workflow": WORKFLOW, "queue": QUEUE, "worker": WORKER}


def unresolved(ruleset: RuleSet, directory: Directory) -> tuple[Fault, ...]:
    """A fault for every target that the workspace does not have, with the nearest name that it does have.

    ``via`` is judged even where no rule uses it, because named targets of transfers travel through it.
    """
    written = dict.fromkeys(targets_in(ruleset))
    return tuple(
        ruleset.source.fault(named.place, missing(kind, named.text, directory))
        for kind, named in written
        if not _is_there(kind, named.text, directory)
    )


def _is_there(kind: TargetKind, text: str, directory: Directory) -> bool:
    """Activities are compared by name, so no SID will do; and where none are known, nothing can be said of them."""
    if kind is ACTIVITY:
        return not directory.activities or text in directory.activities
    return directory.sid_of(kind, text) is not None


def targets_in(ruleset: RuleSet) -> Iterator[tuple[TargetKind, Named]]:
    """Everything that the rules name, with its kind: targets, queues whose figures are asked for, activities."""
    if ruleset.via:
        yield WORKFLOW, ruleset.via
    for rule in (*ruleset.rules, ruleset.default):
        yield from ((QUEUE, asked) for asked in rule.asks)
        yield from ((ACTIVITY, named) for named in rule.activities)
        for step in rule.steps:
            yield from _targets_of(step)


def _targets_of(step: Step) -> Iterator[tuple[TargetKind, Named]]:
    found = ((WORKFLOW, step.workflow), (QUEUE, step.queue), (WORKER, step.worker), (TASK_CHANNEL, step.task_channel))
    for kind, named in found:
        if named:
            yield kind, named
    yield from ((QUEUE, asked) for asked in step.asks)
    yield from ((ACTIVITY, named) for named in step.activities)


def missing(kind: TargetKind, name: str, directory: Directory) -> str:
    """What to say of a name or SID that a workspace does not have, with the nearest one that it has."""
    known = directory.names(kind)
    if not known:
        return f"the workspace's {kind.word}s are not known here; give a SID ({kind.prefix}…) in place of a name"
    near = nearest(name, known)
    there = ", ".join(sorted(known)[:20])
    tail = f"; did you mean {near!r}?" if near else ""
    return f"the workspace has no {kind.word} {name!r} (there are: {there}){tail}"


def plan_for(rule: Rule, ruleset: RuleSet, directory: Directory, facts: Mapping[str, object]) -> Plan:
    """What ``rule``, one of the rule set's or its default, says for these facts, with every target as a SID.

    A step whose ``worker: {fact: …}`` is null, or names nobody the workspace has, is passed over if another step
    follows. The last step is always kept: then it goes to its queue, or its workflow, without a worker. Raises
    ``ConfigurationError`` if a target is gone from the workspace (``unresolved`` tells beforehand).
    """
    routes = [_route(rule.name, step, directory, facts) for step in rule.steps]
    steps = [
        route
        for number, (step, route) in enumerate(zip(rule.steps, routes, strict=True), start=1)
        if number == len(routes) or step.worker_fact is None or route.worker_sid is not None
    ]
    return Plan(
        rule=rule.name,
        rules_sha256=ruleset.sha256,
        steps=tuple(steps),
        on_lapse=rule.on_lapse,
        farewell=rule.farewell,
        release=rule.release,
        give_up_s=rule.give_up_s,
    )


def _route(rule: str, step: Step, directory: Directory, facts: Mapping[str, object]) -> Route:
    worker_sid = _worker_sid(rule, step, directory, facts)
    workflow_sid = _sid(rule, WORKFLOW, step.workflow, directory)
    queue_sid = _sid(rule, QUEUE, step.queue, directory) if step.queue else None
    return Route(
        workflow_sid=workflow_sid,
        workflow=directory.name_of(WORKFLOW, workflow_sid, step.workflow.text),
        queue_sid=queue_sid,
        queue=directory.name_of(QUEUE, queue_sid, step.queue.text) if step.queue and queue_sid else None,
        worker_sid=worker_sid,
        worker=directory.name_of(WORKER, worker_sid, worker_sid) if worker_sid else None,
        direct=step.direct and worker_sid is not None,
        task_channel=_task_channel(rule, step, directory),
        priority=step.priority,
        timeout_s=step.timeout_s,
        attributes=step.attributes,
        skip_if=step.skip_if,
        recheck_s=step.recheck_s,
    )


def _worker_sid(rule: str, step: Step, directory: Directory, facts: Mapping[str, object]) -> str | None:
    if step.worker:
        return _sid(rule, WORKER, step.worker, directory)
    name = lookup(step.worker_fact, facts) if step.worker_fact else None
    return directory.sid_of(WORKER, name) if isinstance(name, str) else None


def _task_channel(rule: str, step: Step, directory: Directory) -> str | None:
    """The unique name, which is what Twilio is given (``task_channel_unique_name``)."""
    if step.task_channel is None:
        return None
    sid = _sid(rule, TASK_CHANNEL, step.task_channel, directory)
    return directory.name_of(TASK_CHANNEL, sid, step.task_channel.text)


def _sid(rule: str, kind: TargetKind, named: Named, directory: Directory) -> str:
    sid = directory.sid_of(kind, named.text)
    if sid is None:
        reason = f"the workspace no longer has the {kind.word} that it names in line {named.place.line}"
        raise ConfigurationError((f"rule {rule}: {reason}",))
    return sid


def resolve_target(target: Target, ruleset: RuleSet, directory: Directory) -> Route:
    """The route to a target that a transfer names. Queues and workers travel through the file's ``via`` workflow.

    Raises ``InvalidFieldsError`` on ``to.queue``, ``to.worker`` or ``to.workflow`` if the workspace has no such thing,
    or if there is no ``via``. It names what there is, but no worker: those are people.
    """
    kind = KINDS[target.kind]
    sid = directory.sid_of(kind, target.name)
    if sid is None:
        raise _no_target(target, kind, directory)
    name = directory.name_of(kind, sid, sid)
    if kind is WORKFLOW:
        return Route(sid, name)
    via_sid, via = _via(target, ruleset, directory)
    if kind is QUEUE:
        return Route(via_sid, via, queue_sid=sid, queue=name)
    return Route(via_sid, via, worker_sid=sid, worker=name)


def _via(target: Target, ruleset: RuleSet, directory: Directory) -> tuple[str, str]:
    sid = directory.sid_of(WORKFLOW, ruleset.via.text) if ruleset.via else None
    if ruleset.via is None or sid is None:
        message = f"a {target.kind} can only be named where the rules file names a workflow under via; name a workflow"
        raise _invalid(target, message)
    return sid, directory.name_of(WORKFLOW, sid, ruleset.via.text)


def _no_target(target: Target, kind: TargetKind, directory: Directory) -> InvalidFieldsError:
    message = f"the workspace has no {kind.word} of that name or SID"
    known = directory.names(kind)
    if not known:
        message = f"only a SID ({kind.prefix} and 32 hexadecimal digits) can be given here"
    elif kind is not WORKER:
        near = nearest(target.name, known)
        message += f"; did you mean {near!r}?" if near else f"; there are: {', '.join(sorted(known)[:20])}"
    return _invalid(target, message)


def _invalid(target: Target, message: str) -> InvalidFieldsError:
    field = f"to.{target.kind}"
    return InvalidFieldsError(f"{field} cannot be used", errors=(FieldError(field, message),))
