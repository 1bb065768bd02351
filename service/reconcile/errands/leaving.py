"""An agent leaves, or is taken off: never so that the customer is left alone by it.

Errands of one channel are carried out one after the other, so two agents who leave at once are looked at one by one:
the second finds that nobody would stay. Who leaves by Flex itself is not in that line: the look after the closing finds
a customer left alone that way, and asks for somebody else.
"""

from dataclasses import replace
from functools import partial

from service.errors import InvalidFieldsError, TwilioRefusedError
from service.flex.gateway import Participant
from service.model import (
    NOTHING,
    Errand,
    ErrandKind,
    ErrandState,
    Invite,
    Kind,
    Last,
    Mode,
    Origin,
    Release,
    RoutingRequest,
    State,
)
from service.reconcile.attended import find_person, kept_attributes, with_medium
from service.reconcile.errands.ending import end
from service.reconcile.errands.settling import agents_on, has_gone, invites_of, log, refuse, settle, take_off
from service.reconcile.fitting import draft, fitting_decision
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.tracking.lifecycle import LIVE
from service.tracking.records import new_invite_id

_DONE = {ErrandKind.LEAVE: "left", ErrandKind.REMOVE: "removed"}
_ASKED_AGAIN_S = 1.0
_ALONE = "nobody else is on the channel: transfer, park or end it instead"


def leave(parts: Parts, book: Rulebook, errand: Errand, *, now_ms: int) -> None:
    """Carry out ``leave`` or ``remove``. Raises Gone if the channel is over, or a Twilio fault."""
    if errand.successor and parts.store.get(errand.successor):  # asked for before we died: released as was wanted
        settle(parts, errand, "transferred", successor=errand.successor)
        return
    # Our records first, then the people: whoever is released in between is missing from the people, not counted twice.
    invites = invites_of(parts, errand)
    people = agents_on(parts, errand)
    seats = [one for one in people if _is_meant(errand, one) and not has_gone(parts, one)]
    person = seats[0] if seats else None
    staying = _staying(errand, people, invites)
    if person is None and errand.attempt == 0:
        settle(parts, errand, _DONE[errand.kind], reason="was not on the channel")
    elif person is None:  # taken off before we died
        _after(parts, book, errand, None, now_ms=now_ms)
    elif _attends(parts, staying) or (errand.ask.last is not Last.REFUSE and _is_awaited(parts, invites, people)):
        parts.errands.touch(errand.id, ErrandState.TAKEN, fields={"attempt": str(errand.attempt + 1)})
        for seat in seats:
            note_let_go(parts, seat.task_sid)
            try:
                take_off(parts, errand, seat)
            except TwilioRefusedError:
                note_let_go(parts, seat.task_sid, gone=False)
                raise
        _after(parts, book, errand, person, now_ms=now_ms)
    elif errand.ask.last is Last.END:
        end(parts, book, errand, now_ms=now_ms, known=invites, alone=partial(_is_alone, parts, errand))
    elif errand.ask.last is Last.TRANSFER:
        hand_over(parts, book, errand, person, people)
    else:
        refuse(parts, errand, _ALONE)


def _after(parts: Parts, book: Rulebook, errand: Errand, person: Participant | None, *, now_ms: int) -> None:
    """The agent is off. If the others have gone by themselves meanwhile, somebody else is asked."""
    people = agents_on(parts, errand)
    left = [one for one in people if not _is_meant(errand, one)]
    invites = invites_of(parts, errand)
    if _attends(parts, left) or _is_awaited(parts, invites, people):
        settle(parts, errand, _DONE[errand.kind])
    elif errand.ask.last is Last.END:
        end(parts, book, errand, now_ms=now_ms, known=invites, alone=partial(_is_alone, parts, errand))
    else:
        hand_over(parts, book, errand, person, people, alone=True)


def _is_alone(parts: Parts, errand: Errand) -> bool:
    """True if still nobody would stay, and nobody has come since that was looked at last."""
    invites = invites_of(parts, errand)
    people = agents_on(parts, errand)
    return not _attends(parts, _staying(errand, people, invites)) and not _is_awaited(parts, invites, people)


def hand_over(
    parts: Parts,
    book: Rulebook,
    errand: Errand,
    person: Participant | None,
    people: list[Participant],
    *,
    alone: bool = False,
) -> None:
    """Ask somebody else: a cold transfer of the agent, who is let go as its ``release`` says.

    ``people``: the agents on the channel. ``alone``: the customer is left alone already, so somebody is asked by the
    rules even if it cannot be as was wanted. The invite's id is in the errand before the invite is written, so that a
    second run makes no second one.
    """
    invites = invites_of(parts, errand)
    asking = any(one.state is State.REQUESTED and one.id != errand.successor for one in invites)
    if asking or _is_awaited(parts, invites, people):  # by a transfer or errand of a moment ago: one is enough
        parts.errands.touch(errand.id, ErrandState.TAKEN, due=_ASKED_AGAIN_S)
        return
    noted = _successor(parts, errand)
    if noted is None:
        return
    ask = errand.ask
    request = RoutingRequest(
        kind=Kind.TRANSFER,
        conversation_sid=errand.conversation_sid,
        interaction_sid=errand.interaction_sid,
        channel_sid=errand.channel_sid,
        channel_type=errand.channel_type,
        reason=ask.reason,
        attributes=ask.attributes,
        origin=Origin(person.worker_sid, person.sid) if person else None,
        to=ask.to,
        mode=Mode.COLD,
        release=ask.release or Release.QUEUED,
        carried=kept_attributes(parts, person.task_sid) if person and person.task_sid else None,
    )
    try:
        invite = invite_for(book, errand, request, noted)
    except InvalidFieldsError as error:
        if not alone:
            refuse(parts, errand, "; ".join(f"{one.field} {one.message}" for one in error.errors) or error.detail)
            return
        log.warning("errand.wishes_dropped", errand=errand.id, why=error.detail)
        invite = invite_for(book, errand, replace(request, attributes=NOTHING, to=None, carried=None), noted)
    parts.store.create(invite, due_in_s=0)
    settle(parts, errand, "transferred", successor=noted)


def invite_for(book: Rulebook, errand: Errand, request: RoutingRequest, invite_id: str) -> Invite:
    """The record of the invite that an errand leads to. Raises InvalidFieldsError if it cannot be made."""
    request = with_medium(request)
    decision = fitting_decision(book, request)
    made = draft(
        request, decision,
        conversation=errand.conversation_sid, interaction=errand.interaction_sid, channel=errand.channel_sid,
    )  # fmt: skip
    return replace(made, id=invite_id, asked_by=f"errand:{errand.id}")


def note_let_go(parts: Parts, task_sid: str | None, *, gone: bool = True) -> None:
    """Written before the act: when this agent's task is completed, that is our doing and no leaving on purpose.

    ``gone=False`` takes it back where Twilio has refused: if they leave later, it is their own doing.
    """
    invite_id = parts.store.id_of_task(task_sid) if task_sid else None
    theirs = parts.store.get(invite_id) if invite_id else None
    if theirs is not None:
        parts.store.touch(
            theirs.id, theirs.state, fields={"let_go": "1" if gone else "0"}, what="let go" if gone else "stays"
        )


def _successor(parts: Parts, errand: Errand) -> str | None:
    wanted = errand.successor or new_invite_id(errand.conversation_sid or errand.channel_sid)
    fields = {"successor": wanted}
    noted = parts.errands.touch(errand.id, errand.state, guard=("successor", wanted), fields=fields)
    return wanted if noted.moved else None


def _is_meant(errand: Errand, person: Participant) -> bool:
    """True for each seat of the one who goes: an agent can have taken two tasks of one conversation."""
    return find_person([person], errand.ask.who) is not None


def _staying(errand: Errand, people: list[Participant], invites: list[Invite]) -> list[Participant]:
    return [one for one in people if not _is_meant(errand, one) and not _on_their_way_out(one, invites)]


def _on_their_way_out(person: Participant, invites: list[Invite]) -> bool:
    """True if a cold transfer of theirs has yet to let them go: they are not going to stay."""
    asked = [one.request.origin for one in invites if _lets_go(one)]
    return any(find_person([person], origin) is not None for origin in asked)


def _lets_go(invite: Invite) -> bool:
    return invite.request.mode is Mode.COLD and invite.state in LIVE and not invite.old_agent_gone


def _attends(parts: Parts, people: list[Participant]) -> bool:
    """True if one of them is at work: who wraps up has hung up already. A task that is not shown says nothing, and
    whoever is listed counts as being there.
    """
    for person in people:
        task = parts.taskrouter.task(person.task_sid) if person.task_sid else None
        if task is None or (task.live and task.status != "wrapping"):
            return True
    return False


def _is_awaited(parts: Parts, invites: list[Invite], people: list[Participant]) -> bool:
    """True if somebody who is not among ``people`` has been asked and may still come, or has just come; their invite is
    judged if they do not.
    """
    listed = {person.task_sid for person in people}
    for invite in invites:
        waits = invite.state in (State.PENDING, State.ACCEPTED) and not invite.let_go and invite.task_sid not in listed
        task = parts.taskrouter.task(invite.task_sid) if waits and invite.task_sid else None
        if task is not None and task.status in ("pending", "reserved", "assigned"):
            return True
    return False
