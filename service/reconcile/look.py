"""Compare an open invite with Twilio, because no event has told of it for a while, or an old agent is to be let go."""

from dataclasses import replace

import structlog

from service.errors import TwilioRefusedError
from service.flex.gateway import Participant
from service.metrics import record
from service.model import ErrandKind, ErrandState, Invite, Mode, Release, State
from service.reconcile.attended import find_person
from service.reconcile.errands.leaving import note_let_go
from service.reconcile.fulfil import find, pace_of, sids_of
from service.reconcile.parts import Parts
from service.reconcile.recheck import call_off, is_passed_over
from service.reconcile.rulebook import Rulebook
from service.tracking.lifecycle import EVENT_SIGNALS

log = structlog.stdlib.get_logger("service.invite")

SETUP_WAIT_S = 2.0
VANISHES_AFTER_MS = 330_000  # a task vanishes five minutes after its end ("Lifecycle of a Task"), and not before
_RECHECKED = "recheck"
_SIGNAL_OF_STATUS = {"assigned": "accepted", "wrapping": "accepted", "completed": "completed", "canceled": "lapsed"}


def look_at_open(parts: Parts, book: Rulebook, invite: Invite, *, now_ms: int) -> None:
    """Bring a ``pending`` or ``accepted`` invite in line with its task, then wait for the next look.

    A task that waits is called off where its step's ``recheck`` finds that the next step is to be tried.
    """
    if invite.task_sid is None:
        invite = _with_task(parts, invite, now_ms)
    held_back = waits_for_release(invite) and not release_old_agent(parts, invite)
    seen = _seen(parts, invite, now_ms) if invite.task_sid else None
    if seen is None and is_passed_over(parts, book, invite, now_ms=now_ms):
        call_off(parts, invite)
        seen = _seen(parts, invite, now_ms)  # whatever the answer was, this is what became of the task
        if seen and seen[0] == "lapsed":
            _pass_over(parts, invite, seen[1])
            return
    if seen is None:
        _wait(parts, invite, held_back=held_back)
        return
    signal, at_ms = seen
    fields = {"ended_at_ms": str(at_ms)} if at_ms is not None and signal in ("completed", "lapsed") else {}
    if signal == "lapsed":
        fields["reason"] = "seen at Twilio"
    due = parts.pace.due_after(signal, invite.kind)
    outcome = parts.store.move(invite.id, signal, due=due, fields=fields, what=f"{signal}, seen at Twilio")
    if outcome.moved:
        if signal == "lapsed":
            record.lapsed("look")
        log.info(f"invite.{outcome.state}", invite=invite.id, task=invite.task_sid, by="look")
    else:
        _wait(parts, invite, held_back=held_back)


def _wait(parts: Parts, invite: Invite, *, held_back: bool) -> None:
    pace = pace_of(parts, invite) if invite.state is State.PENDING else parts.pace
    parts.store.touch(invite.id, invite.state, due=SETUP_WAIT_S if held_back else pace.look_s)


def _seen(parts: Parts, invite: Invite, now_ms: int) -> tuple[str, int | None] | None:
    """The signal that the task's state gives, and since when (epoch ms by Twilio's clock); None if it gives none."""
    assert invite.task_sid is not None
    task = parts.taskrouter.task(invite.task_sid)
    if task is not None:
        signal = _SIGNAL_OF_STATUS.get(task.status)
        return (signal, task.updated_ms) if signal else None
    # Gone for five minutes at least, or too young to be shown everywhere. How it ended, only the events still know.
    ends = {
        EVENT_SIGNALS[event.type]: event.at_ms
        for event in parts.taskrouter.events(task_sid=invite.task_sid, minutes=24 * 60)
        if event.type in EVENT_SIGNALS
    }
    for signal in ("completed", "lapsed"):  # a completed task that was purged raises task.system-deleted, some say
        if signal in ends:
            return signal, ends[signal]
    return ("lapsed", None) if now_ms - invite.created_at_ms > VANISHES_AFTER_MS else None


def _pass_over(parts: Parts, invite: Invite, at_ms: int | None) -> None:
    """The task was canceled for another step: there is no grace to wait for."""
    fields = {"reason": _RECHECKED} | ({} if at_ms is None else {"ended_at_ms": str(at_ms)})
    if not parts.store.move(invite.id, "lapsed", due=0, fields=fields).moved:
        parts.store.touch(invite.id, State.LAPSED, due=0, fields=fields)  # its event was faster
    record.lapsed(_RECHECKED)
    log.info("invite.lapsed", invite=invite.id, task=invite.task_sid, by=_RECHECKED)


def _with_task(parts: Parts, invite: Invite, now_ms: int) -> Invite:
    """Twilio's answer to the create did not name the task; the channel's list of invites does."""
    made = find(parts, invite, now_ms=now_ms)
    if made is None or made.task_sid is None:
        return invite
    guard = ("task_sid", made.task_sid)
    parts.store.touch(invite.id, invite.state, guard=guard, fields=sids_of(invite, made))
    parts.store.link_task(made.task_sid, invite.id)
    return replace(invite, task_sid=made.task_sid)


def waits_for_release(invite: Invite) -> bool:
    """True while a cold transfer still has its old agent to let go and the moment for it has come."""
    request = invite.request
    if request.mode is not Mode.COLD or request.origin is None or invite.old_agent_gone:
        return False
    return invite.release is not Release.ON_ACCEPT or invite.state is State.ACCEPTED


def release_old_agent(parts: Parts, invite: Invite) -> bool:
    """Take the agent who transferred off the channel. False if nobody else is sure to have the customer yet: wait.

    Closing the participant ends that agent's task and leaves the channel open; a second closing finds nobody.
    """
    origin = invite.request.origin
    if origin is None or invite.interaction_sid is None or invite.channel_sid is None:
        return True
    present = [p for p in parts.gateway.participants(invite.interaction_sid, invite.channel_sid) if p.type == "agent"]
    if not _is_taken_over(parts, invite, present):
        return False
    for person in present:
        if find_person([person], origin) is not None and _was_there_before(parts, invite, person):
            note_let_go(parts, person.task_sid)
            try:
                _close(parts, invite, person.sid)
            except TwilioRefusedError:
                note_let_go(parts, person.task_sid, gone=False)
                raise
    parts.store.touch(invite.id, invite.state, fields={"old_agent_gone": "1"}, what="old agent released")
    return True


def _was_there_before(parts: Parts, invite: Invite, person: Participant) -> bool:
    """False for a seat that came by this transfer or a later one: the customer may have been handed back meanwhile."""
    invite_id = parts.store.id_of_task(person.task_sid) if person.task_sid else None
    theirs = parts.store.get(invite_id) if invite_id else None
    later = theirs is not None and theirs.created_at_ms > invite.created_at_ms
    return person.task_sid != invite.task_sid and not later


def _is_taken_over(parts: Parts, invite: Invite, present: list[Participant]) -> bool:
    """The newcomer is there and will stay, or the task is where the request wants it before the old agent goes."""
    if invite.release is Release.IMMEDIATELY:
        return True
    newcomer = next((person for person in present if person.task_sid == invite.task_sid), None)
    if newcomer is not None:
        return not _wants_to_leave(parts, invite, newcomer)
    if invite.release is not Release.QUEUED or invite.state is not State.PENDING or invite.task_sid is None:
        return False
    task = parts.taskrouter.task(invite.task_sid)
    return task is not None and task.status in ("pending", "reserved") and task.queue_sid is not None


def _wants_to_leave(parts: Parts, invite: Invite, newcomer: Participant) -> bool:
    """True while an errand is to take the newcomer off: it is settled first, lest both go."""
    goes = (ErrandKind.LEAVE, ErrandKind.REMOVE)
    errands = parts.errands.of_anchor(str(invite.channel_sid))
    under_way = [one for one in errands if one.state is ErrandState.TAKEN and one.kind in goes]
    return any(find_person([newcomer], one.ask.who) is not None for one in under_way)


def _close(parts: Parts, invite: Invite, participant_sid: str) -> None:
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    try:
        parts.gateway.close_participant(invite.interaction_sid, invite.channel_sid, participant_sid)
        log.info("agent.released", invite=invite.id, participant=participant_sid)
    except TwilioRefusedError:
        left = parts.gateway.participants(invite.interaction_sid, invite.channel_sid)
        if any(person.sid == participant_sid for person in left):
            raise
