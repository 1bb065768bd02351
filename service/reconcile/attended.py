"""A conversation that agents attend already: who they are, and what the task of the one who hands it on carries.

Twilio's list of participants is asked, because it is the truth at that moment. Our records of the conversation cost no
call, but know of somebody who came or went only once an event has told them: they stand in where Twilio is silent.
"""

from dataclasses import dataclass, replace

import structlog

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.flex.attributes import carried_over
from service.flex.gateway import Participant
from service.flex.http import budget
from service.model import CHANNEL_TYPES, Invite, Kind, Origin, RoutingRequest, State
from service.reconcile.parts import Parts
from service.rules.carried import attributes_of
from service.tracking.store import Store

log = structlog.stdlib.get_logger("service.attended")

READ_S = 2.0  # what one of these looks may cost whoever waits


@dataclass(frozen=True)
class Place:
    """Where something plays, as far as it is known."""

    conversation_sid: str | None = None
    interaction_sid: str | None = None
    channel_sid: str | None = None


def place_of(store: Store, request: RoutingRequest) -> Place:
    """Conversation, interaction and channel: those of the request, and what we know of them beyond it.

    Raises StoreUnavailableError.
    """
    conversation_sid, channel_sid = request.conversation_sid, request.channel_sid
    if conversation_sid is None and channel_sid is not None:
        return Place(store.conversation_of(channel_sid), request.interaction_sid, channel_sid)
    if conversation_sid is not None and channel_sid is None:
        return Place(conversation_sid, *(store.thread_of(conversation_sid) or (None, None)))
    return Place(conversation_sid, request.interaction_sid, channel_sid)


def workers_present(parts: Parts, place: Place) -> tuple[str, ...]:
    """SIDs of the workers who are on the channel now, sorted; () where no channel is known yet.

    Costs one call to Twilio, and none where no channel is known. Raises StoreUnavailableError.
    """
    if place.interaction_sid is None or place.channel_sid is None:
        return ()
    try:
        with budget(READ_S):
            people = parts.gateway.participants(place.interaction_sid, place.channel_sid)
    except (TwilioUnavailableError, TwilioAmbiguousError, TwilioRefusedError) as error:
        log.warning("attended.by_records", channel=place.channel_sid, why=error.detail)
        return tuple(sorted({one.worker_sid for one in _accepted(parts, place) if one.worker_sid}))
    return tuple(sorted({person.worker_sid for person in people if person.worker_sid}))


def find_person(people: list[Participant], who: Origin | None) -> Participant | None:
    """The participant who is meant."""
    if who is None:
        return None
    for person in people:
        if person.sid == who.participant_sid or (who.worker_sid and person.worker_sid == who.worker_sid):
            return person
    return None


def may_carry(request: RoutingRequest) -> bool:
    """True for a transfer that names the agent who hands on, and whose task has not been read yet."""
    return request.kind is Kind.TRANSFER and request.origin is not None and request.carried is None


def with_carried(parts: Parts, request: RoutingRequest) -> RoutingRequest:
    """The request with what its agent's task carries, so that the rules see it too; at the door, in ``READ_S``.

    Costs one call to Twilio where our records know the task, two where that agent came without them. Where it cannot be
    had, the request comes back as it is, and is not refused for it: ``fulfil`` reads it when it makes the task. Raises
    StoreUnavailableError.
    """
    if not may_carry(request):
        return request
    try:
        with budget(READ_S):
            return with_medium(replace(request, carried=read_carried(parts, request, place_of(parts.store, request))))
    except (TwilioUnavailableError, TwilioAmbiguousError) as error:
        log.warning("carry.later", channel=request.channel_sid, conversation=request.conversation_sid, why=error.detail)
        return request


def with_medium(request: RoutingRequest) -> RoutingRequest:
    """The request with the medium as Flex has written it on the task before, where the caller names none.

    Else an email that is handed on would come as a chat.
    """
    told = attributes_of(request).get("channelType")
    if request.channel_type is not None or told not in CHANNEL_TYPES:
        return request
    return replace(request, channel_type=str(told))


def read_carried(parts: Parts, request: RoutingRequest, place: Place) -> dict[str, object]:
    """What the task of the agent who transfers carries, made fit for another one; {} if there is no such task.

    Raises TwilioUnavailableError, TwilioAmbiguousError or StoreUnavailableError.
    """
    try:
        task_sid = _task_of(parts, request, place)
        return kept_attributes(parts, task_sid) if task_sid else {}
    except TwilioRefusedError as error:  # it will not answer otherwise next time
        log.warning("carry.refused", channel=place.channel_sid, why=error.detail)
        return {}


def kept_attributes(parts: Parts, task_sid: str) -> dict[str, object]:
    """What a new task takes over from this one; {} if it is gone. Raises a Twilio fault."""
    task = parts.taskrouter.task(task_sid)
    return carried_over(task.attributes) if task else {}


def _task_of(parts: Parts, request: RoutingRequest, place: Place) -> str | None:
    """The task of the agent who transfers: by our records, else by the channel's participants."""
    origin = request.origin
    if origin is None:
        return None
    if origin.worker_sid:
        theirs = [one for one in _accepted(parts, place) if one.worker_sid == origin.worker_sid and one.task_sid]
        if theirs:
            return max(theirs, key=lambda one: one.created_at_ms).task_sid
    if place.interaction_sid is None or place.channel_sid is None:
        return None
    people = parts.gateway.participants(place.interaction_sid, place.channel_sid)
    named = (person.task_sid for person in people if find_person([person], origin) is not None)
    return next((task_sid for task_sid in named if task_sid), None)


def _accepted(parts: Parts, place: Place) -> list[Invite]:
    """Our records of the conversation whose agents have come and, as far as we have heard, not gone."""
    anchor = place.conversation_sid or place.channel_sid
    return [one for one in parts.store.of_anchor(anchor) if one.state is State.ACCEPTED] if anchor else []
