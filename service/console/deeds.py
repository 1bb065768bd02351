"""What an operator may do, each with a preview: cancel, re-route, end, wake, look now, retry a whole group. No Flask.

Everything goes the way that an app's call goes, so the same checks hold and the same history is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from service.console.house import STATES
from service.console.office import Office
from service.console.record_view import CANCELABLE, acts_on, target_of
from service.console.stuck_view import RETRIED, Group, stuck_groups
from service.console.words import many
from service.errors import ConflictError, NotFoundError, RouterError
from service.flex.attributes import without_flex_sids
from service.flex.http import budget
from service.intake.callers import Caller
from service.intake.errands import Named, take_errand, wake_parked
from service.intake.payloads_errands import ErrandRequest
from service.intake.requests import take
from service.intake.timeline import thread_of
from service.model import Ask, Errand, ErrandKind, Invite, Kind, RoutingRequest
from service.reconcile.cancel import cancel
from service.reconcile.fitting import fitting_decision
from service.tracking.census import OPEN_STATES
from service.tracking.errand_records import is_errand_id
from service.tracking.records import is_invite_id

log = structlog.stdlib.get_logger("service.console")

CALLER = Caller("console:operator")  # who it was stands in the audit trail; records and logs hold no names
_WHY = "asked for in the console"


@dataclass(frozen=True)
class Preview:
    """What a person is asked to confirm. ``lines``: what will happen; ``facts``: what it concerns."""

    act: str
    on: str
    title: str
    button: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    grave: bool = False  # it cannot be taken back, and a customer notices
    back: str = "now"


@dataclass(frozen=True)
class Done:
    """What came of it: a word for the audit trail, and where to go on. ``on``: what it was done to, if no record."""

    outcome: str
    sid: str | None = None
    on: str = ""


def preview(office: Office, act: str, on: str) -> Preview:
    """Raises NotFoundError for what is not there, ConflictError where it cannot be done now, and store faults."""
    if act == "retry-group":
        return _group_preview(_group(office, on))
    record = _record(office, on)
    _check(record, act)
    shown = _PREVIEWS[act](office, record)
    return replace(shown, facts=_facts(record), back=f"find?sid={record.conversation_sid or record.id}")


def do(office: Office, act: str, on: str) -> Done:
    """Do it. Raises as ``preview`` does, and Twilio's faults."""
    if act == "retry-group":
        return _retry_group(office, _group(office, on, most=RETRIED))
    record = _record(office, on)
    _check(record, act)
    done = _DEEDS[act](office, record)
    return replace(done, sid=done.sid or record.conversation_sid or record.id)


def _record(office: Office, on: str) -> Invite | Errand:
    parts = office.desk.parts
    found: Invite | Errand | None = None
    if is_invite_id(on):
        found = parts.store.get(on)
    elif is_errand_id(on):
        found = parts.errands.get(on)
    if found is None:
        raise NotFoundError("There is no record of this id, or it ended too long ago.")
    return found


def _check(record: Invite | Errand, act: str) -> None:
    if act not in _DEEDS:
        raise NotFoundError("There is no such action.")
    if act not in [word for word, _ in acts_on(record)]:
        raise ConflictError(f"It is {STATES[record.state]} by now, and this cannot be done with it any more.")


def _facts(record: Invite | Errand) -> tuple[tuple[str, str], ...]:
    facts = [("record", record.id), ("state", STATES[record.state])]
    facts += [("conversation", record.conversation_sid)] if record.conversation_sid else []
    if isinstance(record, Invite):
        facts += [("rule", record.plan.rule)] if record.plan.rule else []
        facts += [("step", target_of(record.route))] if record.route else []
        facts += [("task", record.task_sid)] if record.task_sid else []
    return tuple(facts)


# -- cancel


def _cancel_preview(_: Office, record: Invite | Errand) -> Preview:
    lines = (
        "The task at Twilio is canceled: no agent is asked any more.",
        "A moment later the channel is looked at. If nobody is on it and nobody else is asked, the conversation is "
        "closed.",
    )
    return Preview("cancel", record.id, "Cancel this invite?", "Cancel the invite", lines, (), grave=True)


def _cancel(office: Office, record: Invite | Errand) -> Done:
    assert isinstance(record, Invite)
    with budget(office.desk.request_budget_s):
        cancel(office.desk.parts, record, now_ms=office.desk.parts.store.now_ms(), by=CALLER.id)
    return Done("canceled")


# -- re-route


def _reroute_preview(office: Office, record: Invite | Errand) -> Preview:
    assert isinstance(record, Invite)
    decision = fitting_decision(office.desk.book, _again(office, record), explained=True)
    first = decision.plan.steps[decision.step]
    lines = (
        "The task at Twilio is canceled, and the same request is decided anew by the rules as they are now.",
        f"They say now: rule {decision.plan.rule}, and first {target_of(first)}.",
        "The customer waits on in the same conversation; the place in the old queue is lost.",
    )
    return Preview("reroute", record.id, "Ask anew by the rules?", "Re-route", lines, ())


def _reroute(office: Office, record: Invite | Errand) -> Done:
    """Cancel first, then ask anew: the other way round two tasks would ring at once."""
    assert isinstance(record, Invite)
    request = _again(office, record)
    # what would be refused is refused before anything is canceled
    fitting_decision(office.desk.book, request, explained=True)
    _cancel(office, record)
    try:
        take(office.desk, request, caller=CALLER)
    except RouterError as error:
        log.error("console.half_done", invite=record.id, why=error.detail)
        raise ConflictError(
            f"The old invite was canceled, but no new one could be made: {error.detail}. Escalate the conversation "
            "again, or it will be closed."
        ) from None
    return Done("rerouted")


def _again(office: Office, invite: Invite) -> RoutingRequest:
    """The request of an invite, to be decided by the rules alone. The key makes a second click the same request."""
    if invite.state not in CANCELABLE:
        raise ConflictError(f"It is {STATES[invite.state]} by now.")
    request = replace(
        invite.request,
        idempotency_key=f"console-reroute-{invite.id}",
        execution_sid=None,
        to=None,
        conversation_sid=invite.conversation_sid,
        interaction_sid=invite.interaction_sid,
        channel_sid=invite.channel_sid,
    )
    if invite.kind is not Kind.ADOPTED:
        return request
    return replace(request, kind=Kind.ESCALATION, attributes=_attributes_of_task(office, invite))


def _attributes_of_task(office: Office, invite: Invite) -> Mapping[str, object]:
    """What the task that others made carries: the only facts there are for the rules."""
    with budget(office.desk.request_budget_s / 2):
        task = office.desk.parts.taskrouter.task(invite.task_sid) if invite.task_sid else None
    return without_flex_sids(dict(task.attributes)) if task else {}


# -- end


def _end_preview(_: Office, record: Invite | Errand) -> Preview:
    lines = (
        "Invites that still wait are called off.",
        "The channel and the conversation are closed for everybody, also for an agent who is on it; agents wrap up.",
        "The customer's next message begins a new conversation.",
    )
    return Preview("end", record.id, "End this conversation?", "End the conversation", lines, (), grave=True)


def _end(office: Office, record: Invite | Errand) -> Done:
    wanted = ErrandRequest(ErrandKind.END, Ask(reason=_WHY))
    errand = take_errand(office.desk, wanted, _named(office, record))
    return Done(f"end: {errand.state}")


def _named(office: Office, record: Invite | Errand) -> Named:
    sid = record.conversation_sid
    thread = thread_of(office.desk.parts, sid) if sid else None
    if sid is None or thread is None:
        raise ConflictError("No channel of this conversation is known, so it cannot be ended from here.")
    return Named(sid, *thread, CALLER)


# -- wake, look now


def _wake_preview(_: Office, record: Invite | Errand) -> Preview:
    lines = ("The rules decide who is asked, as if the customer had written; who parked it may be asked first.",)
    return Preview("wake", record.id, "Wake this conversation?", "Wake it", lines, ())


def _wake(office: Office, record: Invite | Errand) -> Done:
    wake_parked(office.desk, ErrandRequest(None, Ask(reason=_WHY)), _named(office, record))
    return Done("woken")


def _retry_preview(_: Office, record: Invite | Errand) -> Preview:
    lines = ("It becomes due at once: the reconciler looks at Twilio and does what is to be done, as it would later.",)
    return Preview("retry", record.id, "Look at it now?", "Look now", lines, ())


def _retry(office: Office, record: Invite | Errand) -> Done:
    _make_due(office, record)
    return Done("due now")


def _make_due(office: Office, record: Invite | Errand) -> bool:
    """False if it has moved on meanwhile."""
    if isinstance(record, Errand):
        return office.desk.parts.errands.touch(record.id, record.state, due=0).moved
    return office.desk.parts.store.touch(record.id, record.state, due=0).moved


def _group(office: Office, on: str, *, most: int | None = None) -> Group:
    """``on`` is ``state:key``."""
    state, _, key = on.partition(":")
    now_ms = office.desk.parts.store.now_ms()
    if state in OPEN_STATES:
        for group in stuck_groups(office, now_ms=now_ms, state=state, most=most or RETRIED):
            if group.key == key:
                return group
    raise NotFoundError("Nothing is stuck for this cause any more.")


def _group_preview(group: Group) -> Preview:
    count = many(len(group.records), "record")
    lines = (
        f"{count} that {'is' if len(group.records) == 1 else 'are'} stuck for this cause become due at once: the "
        "reconciler tries each again, as it would later. Twilio's limits are kept.",
    )
    facts = (("state", STATES[group.state]), ("cause", group.cause), ("records", str(len(group.records))))
    on = f"{group.state}:{group.key}"
    return Preview("retry-group", on, f"Try {count} again?", f"Retry {count}", lines, facts, back="stuck")


def _retry_group(office: Office, group: Group) -> Done:
    moved = sum(_make_due(office, record) for record in group.records)
    return Done(f"{moved} due now", on=f"{STATES[group.state]}: {group.cause}")


Look = Callable[[Office, Invite | Errand], Preview]
Deed = Callable[[Office, Invite | Errand], Done]
_PREVIEWS: Mapping[str, Look] = {
    "cancel": _cancel_preview,
    "reroute": _reroute_preview,
    "end": _end_preview,
    "wake": _wake_preview,
    "retry": _retry_preview,
}
_DEEDS: Mapping[str, Deed] = {"cancel": _cancel, "reroute": _reroute, "end": _end, "wake": _wake, "retry": _retry}
ACTS = frozenset({*_DEEDS, "retry-group"})
