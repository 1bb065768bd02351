"""How an errand ends or waits: the few moves that every kind of errand shares, and who is on its channel."""

import structlog

from service.errors import TwilioRefusedError, TwilioUnavailableError
from service.flex.gateway import Participant
from service.model import Errand, ErrandState, Invite
from service.reconcile.parts import Parts
from service.tracking.scripts import NONE

log = structlog.stdlib.get_logger("service.errand")

OVER = (None, "closed", "failed")  # channel statuses in which nobody can be served any more

_HIDDEN_MS = 60_000  # for so long a channel that is not shown may only be late to be shown
_DELETED_AFTER_MS = 180 * 86_400_000  # a channel that nobody touches ("Park an Interaction")
_HIDDEN_AGAIN_S = 5


class Gone(Exception):
    """The channel is over: nothing is left to do. An ordinary outcome, caught where errands are worked on."""


def settle(parts: Parts, errand: Errand, outcome: str, *, reason: str = "", successor: str | None = None) -> None:
    """The errand is done; the next in line may begin."""
    fields = {"outcome": outcome, "reason": reason} | ({"successor": successor} if successor else {})
    parts.errands.move(errand.id, "done", due=NONE, fields=fields, what=outcome)
    parts.errands.leave_line(errand.channel_sid, errand.id)
    log.info("errand.done", errand=errand.id, kind=errand.kind, outcome=outcome, successor=successor)


def refuse(parts: Parts, errand: Errand, reason: str) -> None:
    """The errand cannot be done as things are; whoever asked is told why."""
    parts.errands.move(errand.id, "refused", due=NONE, fields={"reason": reason}, what="refused")
    parts.errands.leave_line(errand.channel_sid, errand.id)
    log.info("errand.refused", errand=errand.id, kind=errand.kind, why=reason)


def its_turn(parts: Parts, errand: Errand) -> bool:
    """True if no earlier errand of the channel is still under way. Clears away what died without leaving the line."""
    while (first := parts.errands.first_in_line(errand.channel_sid)) not in (None, errand.id):
        other = parts.errands.get(str(first))
        if other is not None and other.state is ErrandState.TAKEN:
            return False
        parts.errands.leave_line(errand.channel_sid, str(first))
    return True


def is_over(parts: Parts, errand: Errand) -> bool:
    """True if nobody can be served on the channel any more.

    Raises TwilioUnavailableError if it is not shown although it should be there.
    """
    status = parts.gateway.channel_status(errand.interaction_sid, errand.channel_sid)
    if status is None and _should_be_there(parts, errand):
        raise TwilioUnavailableError("the channel is not shown, its conversation is", retry_after_s=_HIDDEN_AGAIN_S)
    return status in OVER


def agents_on(parts: Parts, errand: Errand) -> list[Participant]:
    """The agents whom Twilio shows on the channel now. Raises Gone if the channel is over."""
    if is_over(parts, errand):
        raise Gone
    people = parts.gateway.participants(errand.interaction_sid, errand.channel_sid, shown=True)
    return [person for person in people if person.type == "agent"]


def agents_present(parts: Parts, errand: Errand) -> list[Participant]:
    """The same without those whom only a list that lags behind still shows."""
    return [person for person in agents_on(parts, errand) if not has_gone(parts, person)]


def has_gone(parts: Parts, person: Participant) -> bool:
    """True if that agent's task is over. A task that is not shown says nothing."""
    task = parts.taskrouter.task(person.task_sid) if person.task_sid else None
    return task is not None and not task.live


def _should_be_there(parts: Parts, errand: Errand) -> bool:
    """A parked channel is there for half a year as long as its conversation is open; other errands do not wait long."""
    sid = errand.conversation_sid
    if sid is None or parts.conversations.state(sid) in (None, "closed"):
        return False
    patience_ms = _HIDDEN_MS if errand.state is ErrandState.TAKEN else _DELETED_AFTER_MS
    return parts.store.now_ms() - (errand.parked_at_ms or errand.created_at_ms) < patience_ms


def take_off(parts: Parts, errand: Errand, person: Participant) -> None:
    """Close one participant. Somebody who has gone in between is what was wanted."""
    try:
        parts.gateway.close_participant(errand.interaction_sid, errand.channel_sid, person.sid)
    except TwilioRefusedError:
        left = parts.gateway.participants(errand.interaction_sid, errand.channel_sid)
        if any(one.sid == person.sid and not has_gone(parts, one) for one in left):
            raise
    log.info("agent.released", errand=errand.id, participant=person.sid)


def invites_of(parts: Parts, errand: Errand) -> list[Invite]:
    """Our invites of the errand's conversation and channel."""
    return parts.store.of_anchors(errand.conversation_sid, errand.channel_sid)
