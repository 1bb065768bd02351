"""A conversation is parked: its agent goes, it stays open, and it is woken by the customer, by a timer, or by an app.

Sources: "Park an Interaction". The wake-up webhook stands before the agent goes, and stays until an invite stands: a
message at any moment between is heard, and an invite that fails leaves the conversation parked and listening. Those
webhooks are not repeated by Twilio, so a parked conversation is also looked at now and then.
"""

from contextlib import suppress
from dataclasses import replace

from service.errors import InvalidFieldsError, RouterError, TwilioRefusedError
from service.flex.attributes import characters, most_characters
from service.flex.gateway import Participant
from service.model import Errand, ErrandState, Invite, Kind, Plan, RoutingRequest, State, Target
from service.reconcile.attended import find_person, kept_attributes
from service.reconcile.errands.leaving import invite_for
from service.reconcile.errands.listening import listen, listen_no_more, mark, take_back
from service.reconcile.errands.settling import Gone, agents_present, invites_of, log, refuse, settle, take_off
from service.reconcile.observe import has_step
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.rules.carried import laid_over
from service.rules.resolve import resolve_target
from service.tracking.errand_records import carried_text
from service.tracking.lifecycle import LIVE
from service.tracking.records import new_invite_id

SAME_AGENT_S = 120  # how long the agent who parked is asked before the rules' own steps
OURS = 800  # characters that our attributes and the rule's may need beside the carried ones
LOOK_S = 2.0
_RETRY_S = (5.0, 15.0, 60.0, 300.0)
_SYSTEM = "system"
_ATTENDED = "an agent has come by another way"


def park(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> None:
    """Carry out ``park``. Raises Gone if the channel is over, or a Twilio fault; all of it can be repeated."""
    people = agents_present(parts, errand)
    person = find_person(people, errand.ask.who)
    if person is None:
        _park_without(parts, errand)
        return
    fault = _objection(parts, errand, people, person)
    if fault:
        if errand.attempt:  # begun before we died
            take_back(parts, errand)
        refuse(parts, errand, fault)
        return
    errand = _note(parts, errand, person)
    listen(parts, errand)
    _end_earlier_parks(parts, errand)
    mark(parts, errand, on=True)
    take_off(parts, errand, person)
    _rest(parts, errand, "parked")


def _park_without(parts: Parts, errand: Errand) -> None:
    """The agent is not there: they never were, or have gone since this was begun. Then nothing may refuse it."""
    if errand.attempt == 0:
        if parts.errands.touch(errand.id, ErrandState.TAKEN, guard=("attempt", "0")).moved:  # not begun by another
            refuse(parts, errand, "this agent is not on the channel")
        return
    with suppress(TwilioRefusedError):  # a look tries again
        listen(parts, errand)
    mark(parts, errand, on=True)
    _rest(parts, errand, "parked")


def _end_earlier_parks(parts: Parts, errand: Errand) -> None:
    """Somebody has come by another way and parks anew: one message is not to wake two parks."""
    for other in parts.errands.of_anchor(errand.channel_sid):
        if other.id != errand.id and other.state in (ErrandState.PARKED, ErrandState.WAKING):
            _unpark(parts, other, reason="parked anew")


def _objection(parts: Parts, errand: Errand, people: list[Participant], person: Participant) -> str | None:
    if len(people) > 1:
        return "another agent attends: leave instead"
    waits = (State.REQUESTED, State.PENDING)
    if open_invite := next((one for one in invites_of(parts, errand) if one.state in waits), None):
        return f"the invite {open_invite.id} is open: cancel it first"
    if errand.attempt == 0 and person.task_sid:
        kept = laid_over(kept_attributes(parts, person.task_sid), errand.ask.attributes)
        size, most = characters(kept), most_characters(kept) - OURS
        if size > most:
            return f"the task's attributes make {size} characters; at most {most} can be kept"
    return None


def _note(parts: Parts, errand: Errand, person: Participant) -> Errand:
    """What will be needed once the agent's task is gone, written before anything is done."""
    carried = kept_attributes(parts, person.task_sid) if person.task_sid else {}
    last = parts.conversations.last_message(errand.conversation_sid) if errand.conversation_sid else None
    fields = {
        "attempt": str(errand.attempt + 1),
        "worker_sid": person.worker_sid or "",
        "carried": carried_text(carried),
        "last_message_sid": last.sid if last else "",
    }
    parts.errands.touch(errand.id, ErrandState.TAKEN, fields=fields)
    return replace(errand, worker_sid=person.worker_sid, carried=carried, attempt=errand.attempt + 1)


def _rest(parts: Parts, errand: Errand, what: str) -> None:
    fields = {"parked_at_ms": str(errand.parked_at_ms or parts.store.now_ms())}
    parts.errands.move(errand.id, "parked", due=_next_look_s(parts, errand, 0.0), fields=fields, what=what)
    parts.errands.leave_line(errand.channel_sid, errand.id)
    log.info("errand.parked", errand=errand.id, channel=errand.channel_sid)
    now = parts.errands.get(errand.id)
    if now is not None and now.wake_wanted:  # the customer wrote while we were at it
        wake(parts, now, by=now.wake_wanted)


def _next_look_s(parts: Parts, errand: Errand, rested_s: float) -> float:
    timer_s = errand.ask.wake_after_s
    return parts.parked_look_s if timer_s is None else max(0.0, min(parts.parked_look_s, timer_s - rested_s))


def wake(parts: Parts, errand: Errand, *, by: str) -> bool:
    """Mark a parked errand for waking; True for the one call of several that did it. Store only, no Twilio."""
    fields = {"wake_wanted": by, "successor": ""}
    woken = parts.errands.move(errand.id, "waking", due=0, fields=fields, what=f"waking by {by}").moved
    if woken:
        log.info("errand.waking", errand=errand.id, by=by)
    return woken


def look_at_parked(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> None:
    """The timer has rung, or a parked conversation is compared with Twilio: a message may have gone unheard."""
    if _is_attended(parts, errand):
        _unpark(parts, errand, reason=_ATTENDED)
        return
    rested_s = (now_ms - (errand.parked_at_ms or now_ms)) / 1000
    timer_s = errand.ask.wake_after_s
    by = errand.wake_wanted or ("timer" if timer_s is not None and rested_s >= timer_s else None)
    if by or _has_written(parts, errand):
        wake(parts, errand, by=by or "message")
        return
    listen(parts, errand)
    parts.errands.touch(errand.id, ErrandState.PARKED, due=max(1.0, _next_look_s(parts, errand, rested_s)))


def _has_written(parts: Parts, errand: Errand) -> bool:
    last = parts.conversations.last_message(errand.conversation_sid) if errand.conversation_sid else None
    return last is not None and last.sid != errand.last_message_sid and last.author != _SYSTEM


def carry_on_waking(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> None:
    """Make the invite of a woken conversation, and see that it stands before the waking webhook is taken away."""
    if errand.successor is None:
        _ask_somebody(parts, book, errand, now_ms=now_ms)
        return
    last = _end_of_chain(parts, errand.successor)
    if last is None:  # its id was written, and then we died
        _ask_somebody(parts, book, errand, now_ms=now_ms)
    elif last.state is State.REQUESTED or (last.task_sid is None and has_step(last)):
        parts.errands.touch(errand.id, ErrandState.WAKING, due=LOOK_S)
    elif last.task_sid is None and last.state is not State.COMPLETED:
        _sleep_again(parts, errand)
    else:
        _unpark(parts, errand, reason=f"by {errand.wake_wanted}", successor=errand.successor)


def _ask_somebody(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> None:
    if _is_attended(parts, errand):
        _unpark(parts, errand, reason=_ATTENDED)
        return
    if (other := _answering(parts, errand)) is not None:
        _unpark(parts, errand, reason=f"the invite {other.id} is open", successor=other.id)
        return
    wanted = errand.successor or new_invite_id(errand.conversation_sid or errand.channel_sid)
    noted = parts.errands.touch(
        errand.id, ErrandState.WAKING, due=LOOK_S, guard=("successor", wanted), fields={"successor": wanted}
    )
    if noted.moved:
        invite = _invite(parts, book, replace(errand, successor=wanted), now_ms=now_ms)
        parts.store.create(invite, due_in_s=0)


def _is_attended(parts: Parts, errand: Errand) -> bool:
    """True if an agent is there. Raises Gone if channel or conversation is over: nobody can write there any more."""
    if agents_present(parts, errand):
        return True
    if errand.conversation_sid and parts.conversations.state(errand.conversation_sid) == "closed":
        raise Gone
    return False


def _answering(parts: Parts, errand: Errand) -> Invite | None:
    """Another invite by which somebody is asked already, or has come."""
    for invite in invites_of(parts, errand):
        if invite.id == errand.successor or invite.state not in LIVE:
            continue
        task = parts.taskrouter.task(invite.task_sid) if invite.task_sid else None
        if invite.state is State.REQUESTED or (task is not None and task.live):
            return invite
    return None


def _invite(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> Invite:
    request = RoutingRequest(
        kind=Kind.ESCALATION,
        conversation_sid=errand.conversation_sid,
        interaction_sid=errand.interaction_sid,
        channel_sid=errand.channel_sid,
        channel_type=errand.channel_type,
        reason=errand.ask.reason,
        attributes=laid_over(errand.carried, errand.ask.attributes),
    )
    try:
        invite = invite_for(book, errand, request, errand.successor or "")
    except InvalidFieldsError as error:  # the rules have grown since: somebody must come all the same
        log.warning("errand.attributes_dropped", errand=errand.id, why=error.detail)
        invite = invite_for(book, errand, replace(request, attributes={}), errand.successor or "")
    plan = _same_agent_first(parts, book, errand, invite.plan, now_ms=now_ms)
    return invite if plan is None else replace(invite, plan=plan, step=0)


def _same_agent_first(parts: Parts, book: Rulebook, errand: Errand, plan: Plan, *, now_ms: int) -> Plan | None:
    """The plan with the agent who parked before the rules' own steps; None if not wanted, not recent or impossible."""
    rested_s = (now_ms - (errand.parked_at_ms or now_ms)) / 1000
    ruleset = book.current
    if errand.worker_sid is None or ruleset is None or rested_s >= errand.ask.same_agent_s:
        return None
    try:
        if not parts.statistics.worker_available(errand.worker_sid):
            return None
        route = resolve_target(Target("worker", errand.worker_sid), ruleset, book.names.fresh())
    except (RouterError, InvalidFieldsError) as error:
        log.info("errand.same_agent_unsure", errand=errand.id, why=error.detail)
        return None
    channel = plan.steps[0].task_channel if plan.steps else None
    first = replace(route, timeout_s=SAME_AGENT_S, task_channel=channel)
    return replace(plan, steps=(first, *plan.steps))


def _sleep_again(parts: Parts, errand: Errand) -> None:
    """Twilio would not have the invite: parked as before and listening, and tried again by and by."""
    with suppress(TwilioRefusedError):  # a look tries again
        listen(parts, errand)
    attempt = errand.attempt + 1
    due = _RETRY_S[min(attempt, len(_RETRY_S)) - 1]
    fields = {"attempt": str(attempt), "successor": ""}
    parts.errands.move(errand.id, "parked", due=due, fields=fields, what="waking failed")
    log.error("errand.waking_failed", errand=errand.id, again_in_s=due)


def _unpark(parts: Parts, errand: Errand, *, reason: str, successor: str | None = None) -> None:
    mark(parts, errand, on=False)
    listen_no_more(parts, errand)
    settle(parts, errand, "woken", reason=reason, successor=successor)


def _end_of_chain(parts: Parts, invite_id: str) -> Invite | None:
    invite = parts.store.get(invite_id)
    while invite is not None and invite.state is State.SUPERSEDED and invite.successor:
        invite = parts.store.get(invite.successor) or replace(invite, successor=None)
    return invite
