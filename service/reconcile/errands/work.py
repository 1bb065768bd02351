"""Errands are worked on: whose turn it is, which room it belongs to, and what ends them all: a channel that is over.

The web process that took an errand begins here, and the reconciler goes on here when that one has died or time was up.
"""

from collections.abc import Callable

from service.errors import TwilioRefusedError
from service.model import NOTHING, Ask, Errand, ErrandKind, ErrandState
from service.reconcile.calls_told import calls_told
from service.reconcile.errands.ending import end
from service.reconcile.errands.leaving import leave
from service.reconcile.errands.listening import take_back
from service.reconcile.errands.parking import carry_on_waking, look_at_parked, park, wake
from service.reconcile.errands.settling import Gone, its_turn, refuse, settle
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.tracking.errand_records import is_errand_id
from service.tracking.scripts import NONE

__all__ = ["heard_message", "wake", "work_errand"]

_IN_LINE_S = 1.0

Work = Callable[..., None]
_TAKEN: dict[ErrandKind, Work] = {
    ErrandKind.LEAVE: leave,
    ErrandKind.REMOVE: leave,
    ErrandKind.END: end,
    ErrandKind.PARK: park,
}


def work_errand(parts: Parts, book: Rulebook, errand_id: str, *, now_ms: int) -> None:
    """Bring one errand a step further; does nothing for one that is over. ``now_ms`` is the store's time.

    Raises RouterErrors of Twilio and of the store; then the errand stands as it stood, and may be worked on again.
    """
    errand = parts.errands.get(errand_id)
    if errand is None:
        parts.store.drop_due(errand_id)
        return
    work = _work(errand)
    if work is None:
        parts.errands.touch(errand.id, errand.state, due=NONE)
    elif errand.state is ErrandState.TAKEN and not its_turn(parts, errand):
        parts.errands.touch(errand.id, ErrandState.TAKEN, due=_IN_LINE_S)
    else:
        _hold(parts, errand, now_ms)
        try:
            with calls_told(parts, errand):
                work(parts, book, errand, now_ms=now_ms)
        except Gone:
            settle(parts, errand, "closed", reason="the channel is over")
        except TwilioRefusedError as error:
            if errand.state is not ErrandState.TAKEN:
                raise
            if errand.kind is ErrandKind.PARK:
                take_back(parts, errand)
            refuse(parts, errand, error.detail)  # it will not do otherwise next time, and others wait in the line
        if errand.trouble and (now := parts.errands.get(errand.id)):
            parts.errands.touch(now.id, now.state, fields={"trouble": ""})


def _hold(parts: Parts, errand: Errand, now_ms: int) -> None:
    """Whoever has waited in line is due in a moment: nobody else is to begin before this piece of work is over."""
    if errand.state is ErrandState.TAKEN and (errand.due_ms or 0) - now_ms < parts.call_s * 1000:
        parts.errands.touch(errand.id, ErrandState.TAKEN, due=parts.lease_s)


def _work(errand: Errand) -> Work | None:
    if errand.state is ErrandState.TAKEN:
        return _TAKEN[errand.kind]
    if errand.state is ErrandState.PARKED:
        return look_at_parked
    return carry_on_waking if errand.state is ErrandState.WAKING else None


def heard_message(
    parts: Parts,
    *,
    errand_id: str | None,
    conversation_sid: str,
    interaction_sid: str | None,
    channel_sid: str | None,
) -> None:
    """Somebody wrote in a conversation that has our wake-up webhook. Store only. Raises StoreUnavailableError.

    A park that an emptied store has forgotten is taken up again from what the webhook's own address says.
    """
    errand = parts.errands.get(errand_id) if is_errand_id(errand_id) and errand_id else None
    errand = errand or _parked(parts, conversation_sid)
    if errand is None and is_errand_id(errand_id) and interaction_sid and channel_sid:
        errand = Errand(
            id=str(errand_id), kind=ErrandKind.PARK, state=ErrandState.PARKED, created_at_ms=0, ask=Ask(),
            interaction_sid=interaction_sid, channel_sid=channel_sid, conversation_sid=conversation_sid,
            carried=NOTHING,
        )  # fmt: skip
        parts.errands.create(errand, due_in_s=parts.parked_look_s)
    if errand is None:
        return
    # While the agent has not gone, the wish is noted; if they go in this very moment, it is parked by now.
    if not parts.errands.touch(errand.id, ErrandState.TAKEN, fields={"wake_wanted": "message"}).moved:
        wake(parts, errand, by="message")


def _parked(parts: Parts, conversation_sid: str) -> Errand | None:
    found = parts.errands.of_anchor(conversation_sid)
    return next((one for one in reversed(found) if one.state is ErrandState.PARKED), None)
