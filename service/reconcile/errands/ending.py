"""A conversation is ended on request: invites in flight first, then the channel, then whatever that has left open."""

from collections.abc import Callable, Iterable

from service.errors import ConflictError, TwilioRefusedError
from service.model import Errand, ErrandState, Invite, State
from service.reconcile.cancel import cancel
from service.reconcile.closing import close_conversation
from service.reconcile.errands.settling import invites_of, is_over, settle
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.tracking.lifecycle import LIVE

_IN_FLIGHT_S = 2.0
_OPEN = (State.REQUESTED, State.PENDING, State.LAPSED)


def end(
    parts: Parts,
    book: Rulebook,
    errand: Errand,
    *,
    now_ms: int,
    known: Iterable[Invite] | None = None,
    alone: Callable[[], bool] = lambda: True,
) -> None:
    """Carry out ``end``: closes whoever attends, because whoever asks has decided so. Raises Twilio faults and
    ClosingError.

    ``known``: it ends because nobody but these was there or asked for; if another one is by now, it is looked at anew.
    So it is if ``alone``, asked last of all, says no: one of these has been accepted meanwhile.

    An invite whose creation is in doubt is waited for: closing the channel under it would break the task that it may
    yet bring ("Ending while an invite is in flight", flex-project-template issue 674).
    """
    with parts.closings.closing(errand.id, errand.conversation_sid, errand.channel_sid) as mark:
        invites = invites_of(parts, errand)
        if known is not None and {one.id for one in invites if one.state in LIVE} - {one.id for one in known}:
            parts.errands.touch(errand.id, ErrandState.TAKEN, due=_IN_FLIGHT_S)
            return
        mark.kept = True  # whoever asked now would be called off in the next round
        mark.kept = not _end(parts, errand, invites, alone, now_ms=now_ms)


def _end(parts: Parts, errand: Errand, invites: list[Invite], alone: Callable[[], bool], *, now_ms: int) -> bool:
    """True once all of it is over, or nothing is to be ended for now."""
    waiting = [one for one in invites if one.state in _OPEN]
    settled = [_call_off(parts, one, now_ms=now_ms) for one in waiting]  # each of them, not up to the first
    if not all(settled):
        parts.errands.touch(errand.id, ErrandState.TAKEN, due=_IN_FLIGHT_S)
        return False
    if not alone():
        parts.errands.touch(errand.id, ErrandState.TAKEN, due=_IN_FLIGHT_S)
        return True
    _close_channel(parts, errand)
    close_conversation(parts, errand.conversation_sid)
    for other in parts.errands.of_anchor(errand.channel_sid):  # a park has nothing left to wait for
        if other.state in (ErrandState.PARKED, ErrandState.WAKING):
            parts.errands.touch(other.id, other.state, due=0)
    settle(parts, errand, "ended")
    return True


def _call_off(parts: Parts, invite: Invite, *, now_ms: int) -> bool:
    """True once nothing of the invite is in flight: canceled, or accepted (then closing the channel ends it, if it is
    to be closed under whoever attends)."""
    try:
        cancel(parts, invite, now_ms=now_ms)
    except ConflictError:
        now = parts.store.get(invite.id)
        return now is None or now.state is not State.REQUESTED
    return True


def _close_channel(parts: Parts, errand: Errand) -> None:
    try:
        parts.gateway.close_channel(errand.interaction_sid, errand.channel_sid, wrapup=errand.ask.wrapup)
    except TwilioRefusedError:
        if not is_over(parts, errand):
            raise
