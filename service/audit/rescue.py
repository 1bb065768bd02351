"""What is done about the orphaned: somebody is asked by the rules, or the conversation is ended.

Each is looked at again at that moment. Twilio has no compare-and-set: a window of some milliseconds remains.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from service.audit.look import Eye, Place, Seen, look_at
from service.errors import InvalidFieldsError, RouterError, TwilioRefusedError
from service.flex.attributes import carried_over
from service.intake.callers import Caller
from service.intake.desk import Desk
from service.intake.requests import take
from service.model import CHANNEL_TYPES, Kind, RoutingRequest
from service.reconcile.parts import Parts

ROUTED, CLOSED, NOT_ANY_MORE, FAILED = "routed", "closed", "not orphaned any more", "failed"
CALLER = Caller("audit")
MONTH_MINUTES = 43_200
OVER = (None, "closed", "failed")


@dataclass(frozen=True)
class Outcome:
    """What became of one conversation: a word of those above, and more about it."""

    conversation_sid: str
    word: str
    detail: str


Act = Callable[[Eye, Seen], Outcome]


def rescue(eye: Eye, seen: Seen, act: Act) -> Outcome:
    """Look again, and act if it is still orphaned. A fault is an outcome: the others are to be rescued all the same."""
    try:
        again = look_at(eye, [seen.place])
        reason = None if not again.orphaned else _objection(eye, again)
        if not again.orphaned or reason:
            return Outcome(seen.place.conversation_sid, NOT_ANY_MORE, reason or again.verdict.reason)
        return act(eye, again)
    except RouterError as error:
        return Outcome(seen.place.conversation_sid, FAILED, error.detail)


def _objection(eye: Eye, seen: Seen) -> str | None:
    """The last look, as the service's own: tasks of the conversation, on whichever channel."""
    search = partial(eye.parts.taskrouter.live_tasks_of_conversation, seen.place.conversation_sid)
    tasks = [eye.pace.call(partial(eye.parts.taskrouter.task, sid)) for sid in eye.pace.call(search)]
    return "a task of it is alive" if any(task is not None and task.live for task in tasks) else None


def routing_by(desk: Desk) -> Act:
    """Escalate as an app would: by the rules, tracked, and once however often it is asked for.

    The new task carries what the last one carried, where that fits.
    """

    def act(eye: Eye, seen: Seen) -> Outcome:
        request = _request(seen, _carried(eye, seen.place))
        try:
            invite, _ = take(desk, request, caller=CALLER)
        except InvalidFieldsError:  # too long for a task: somebody must come all the same
            invite, _ = take(desk, replace(request, attributes={}), caller=CALLER)
        detail = f"{invite.id} is {invite.state}, by rule {invite.plan.rule}"
        return Outcome(seen.place.conversation_sid, ROUTED, detail)

    return act


def _request(seen: Seen, carried: dict[str, object]) -> RoutingRequest:
    place, known = seen.place, seen.look.channel_status not in OVER  # a channel that is over takes no invite
    return RoutingRequest(
        kind=Kind.ESCALATION,
        conversation_sid=place.conversation_sid,
        interaction_sid=place.interaction_sid if known else None,
        channel_sid=place.channel_sid if known else None,
        channel_type=place.channel_type if place.channel_type in CHANNEL_TYPES else None,
        reason="found orphaned by an audit",
        attributes=carried,
        idempotency_key=f"audit:{place.conversation_sid}:{place.stories[-1].sid}",
    )


def _carried(eye: Eye, place: Place) -> dict[str, object]:
    """The attributes of the last task: it is gone, but its events hold them."""
    sid = place.stories[-1].sid
    events = eye.pace.call(lambda: list(eye.parts.taskrouter.events(task_sid=sid, minutes=MONTH_MINUTES)))
    return next((carried_over(event.attributes) for event in events if event.attributes), {})


def closing_with(farewell: str | None) -> Act:
    """End it: last words, the channel, then the conversation where that is still open."""

    def act(eye: Eye, seen: Seen) -> Outcome:
        sid = seen.place.conversation_sid
        if farewell:
            eye.parts.conversations.send_message(sid, farewell)
            seen = look_at(eye, [seen.place])  # time has passed
            if not seen.orphaned:
                return Outcome(sid, NOT_ANY_MORE, seen.verdict.reason)
        _close_channel(eye.parts, seen)
        _close_conversation(eye.parts, sid)
        return Outcome(sid, CLOSED, seen.verdict.reason)

    return act


def _close_channel(parts: Parts, seen: Seen) -> None:
    place = seen.place
    if seen.look.channel_status in OVER:
        return
    try:
        parts.gateway.close_channel(place.interaction_sid, place.channel_sid)
    except TwilioRefusedError:
        if parts.gateway.channel_status(place.interaction_sid, place.channel_sid) not in OVER:
            raise


def _close_conversation(parts: Parts, sid: str) -> None:
    if parts.conversations.state(sid) not in (None, "closed"):
        try:
            parts.conversations.close(sid)
        except TwilioRefusedError:
            if parts.conversations.state(sid) not in (None, "closed"):
                raise
