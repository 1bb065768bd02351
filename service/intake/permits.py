"""What an agent may touch: only what that agent attends, as Twilio shows it at that moment. Others pass unasked."""

from dataclasses import replace

from service.errors import ForbiddenError, NotFoundError, TwilioUnavailableError
from service.flex.gateway import Participant
from service.flex.http import budget
from service.intake.callers import Caller
from service.intake.desk import Desk
from service.model import Invite, Origin, RoutingRequest
from service.reconcile.attended import Place

ASK_S = 3.0  # what the question may cost whoever waits

_NOT_THERE = "you do not attend this conversation"
_OTHERS = "agents may do this for themselves only"


def own_origin(caller: Caller, named: Origin | None) -> Origin | None:
    """Who is meant: whoever is named, else the Flex user who asks. Raises ForbiddenError if an agent names another."""
    if named is None:
        return Origin(worker_sid=caller.worker_sid) if caller.worker_sid else None
    if caller.bound and named.worker_sid not in (None, caller.worker_sid):
        raise ForbiddenError(_OTHERS)
    return named


def own_request(caller: Caller, request: RoutingRequest) -> RoutingRequest:
    """A transfer with its agent filled in. Raises ForbiddenError if an agent names another."""
    return replace(request, origin=own_origin(caller, request.origin))


def check_attends(desk: Desk, caller: Caller, place: Place, who: Origin | None = None) -> None:
    """Raises ForbiddenError unless the caller attends the channel and, where ``who`` is a participant, is that one.

    Costs one call to Twilio for an agent, none for others. Raises NotFoundError where no channel is known, and
    TwilioUnavailableError or another Twilio fault where it cannot be asked.
    """
    if not caller.bound:
        return
    mine = [one for one in _people(desk, place) if one.type == "agent" and one.worker_sid == caller.worker_sid]
    if not mine:
        raise ForbiddenError(_NOT_THERE)
    if who is not None and who.participant_sid not in (None, *(one.sid for one in mine)):
        raise ForbiddenError(_OTHERS)


def check_place(desk: Desk, caller: Caller, request: RoutingRequest) -> None:
    """Raises ForbiddenError if an agent names a conversation beside a channel that is not known to be its own.

    Otherwise an agent could speak of one channel and have another conversation closed later.
    """
    if not caller.bound or request.conversation_sid is None or request.channel_sid is None:
        return
    if desk.parts.store.thread_of(request.conversation_sid) != (request.interaction_sid, request.channel_sid):
        raise ForbiddenError("conversation_sid and channel_sid are not known to belong together; give one of them")


def check_cancels(desk: Desk, caller: Caller, invite: Invite) -> None:
    """Raises ForbiddenError unless the invite was asked for by, or for, the agent who calls it off."""
    origin = invite.request.origin
    if not caller.bound or invite.asked_by == caller.id:
        return
    if origin is not None and origin.worker_sid == caller.worker_sid:
        return
    if origin is not None and origin.worker_sid is None and origin.participant_sid is not None:
        check_attends(desk, caller, Place(None, invite.interaction_sid, invite.channel_sid), origin)
        return
    raise ForbiddenError("agents may cancel only what they have asked for")


def _people(desk: Desk, place: Place) -> list[Participant]:
    if place.interaction_sid is None or place.channel_sid is None:
        raise NotFoundError("no channel of this conversation is known; give interaction_sid and channel_sid as well")
    with desk.hand() as free:
        if not free:
            raise TwilioUnavailableError("too many requests wait for Twilio", retry_after_s=1)
        with budget(ASK_S):
            return desk.parts.gateway.participants(place.interaction_sid, place.channel_sid)
