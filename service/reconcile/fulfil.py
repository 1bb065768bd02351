"""Turn a stored request into a task at Twilio, exactly one, whatever dies on the way.

The intent is in the store before the call and says when a call was begun. An answer that was lost is looked for at
Twilio, by our id in the task's attributes; only what is surely not there after ``settle_s`` is asked for again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.flex.attributes import characters, most_characters, task_attributes
from service.flex.breaker import HeldBackError
from service.flex.calls import Kept, kept_calls
from service.flex.gateway import Made
from service.metrics import record
from service.model import Invite, Route, State, Thread
from service.reconcile.attended import Place, may_carry, read_carried, workers_present
from service.reconcile.calls_told import lines_of
from service.reconcile.parts import Parts
from service.rules.carried import LINKED
from service.tracking.arrival import Pace
from service.tracking.records import request_fields
from service.tracking.store import KEEP, NONE

log = structlog.stdlib.get_logger("service.invite")

FIRST_LOOK_S = 2.0
LONGEST_WAIT_S = 60.0
EVENTS_READ_S = 5.0  # how old a reading may be where its silence decides nothing yet
PRESENT_ROOM = 160  # characters that are kept free for a list of four workers
TOLD_TRIES = 5  # whose failing calls stand in the history
CARRY_TRIES = 3  # then the old task's attributes are done without: nobody is to wait for them any longer


def fulfil(parts: Parts, invite: Invite, *, now_ms: int) -> None:
    """Bring a ``requested`` invite one step further. ``now_ms`` is the store's time."""
    if invite.sent_at_ms:
        made = find(parts, invite, now_ms=now_ms)
        if made is not None:
            confirm(parts, invite, made)
            return
        left = parts.settle_s - (now_ms - invite.sent_at_ms) / 1000
        if left > 0:
            parts.store.touch(invite.id, State.REQUESTED, due=min(left, 5.0))
            return
    send(parts, invite, now_ms=now_ms)


@dataclass(frozen=True)
class Sent:
    """What Twilio made, and the record as it is since; None if the store has lost it."""

    made: Made
    record: Invite | None


def send(parts: Parts, invite: Invite, *, now_ms: int, told: bool = False, begun: bool = False) -> Sent | None:
    """Make the one call, if nobody else has begun to. Every outcome is written down; none is raised but the store's.

    What was made comes back. ``told``: somebody waits for the answer, and a refusal is raised too, TwilioRefusedError.
    Otherwise it is a lapse like another. ``begun``: the caller has written the record with this attempt begun.
    """
    route = invite.route
    if route is None:  # adopted records are never requested; a record from a foreign hand could be
        parts.store.move(invite.id, "refused", due=NONE, fields={"reason": "no route"})
        return None
    if not begun and not _begin(parts, invite, now_ms=now_ms):
        return None
    with kept_calls() as calls:
        return _send(parts, invite, route, calls, now_ms=now_ms, told=told)


def _send(parts: Parts, invite: Invite, route: Route, calls: list[Kept], *, now_ms: int, told: bool) -> Sent | None:
    """Make the call, and write down what came of it together with what was asked of Twilio."""
    try:
        made = _create(parts, invite, route)
    except TwilioUnavailableError as error:
        called = not isinstance(error, HeldBackError)  # else it was no try: the next is soon after Twilio's return
        tries = invite.attempt + called
        backoff = min(2.0 ** min(invite.attempt, 10), LONGEST_WAIT_S) if called else 0
        wait = max(error.retry_after_s or 0, backoff)
        fields = {"sent_at_ms": "", "attempt": str(tries), "trouble": error.detail}
        parts.store.touch(invite.id, State.REQUESTED, due=wait, fields=fields, what=_history(invite, calls))
        level = logging.WARNING if called else logging.DEBUG
        log.log(level, "invite.waits", invite=invite.id, why=error.detail, again_in_s=wait)
    except TwilioAmbiguousError as error:
        fields = {"trouble": error.detail}
        parts.store.touch(invite.id, State.REQUESTED, due=FIRST_LOOK_S, fields=fields, what=_history(invite, calls))
        log.warning("invite.ambiguous", invite=invite.id, why=error.detail)
    except TwilioRefusedError as error:
        judged = invite.channel_sid is not None or not told
        due = parts.pace.grace_s if judged else NONE
        fields = {"reason": error.detail, "ended_at_ms": str(now_ms)}
        signal = "refused" if told else "lapsed"
        parts.store.move(invite.id, signal, due=due, fields=fields, what=_history(invite, calls, signal))
        if not told:
            record.lapsed("refused")
        log.error("invite.refused", invite=invite.id, why=error.detail)
        if told:
            raise
    else:
        what = _history(invite, calls, "created")
        return Sent(made, confirm(parts, replace(invite, attempt=invite.attempt + 1), made, what=what))
    return None


def _history(invite: Invite, calls: list[Kept], *words: str) -> str:
    return "\n".join([*lines_of(calls, failing=invite.attempt > TOLD_TRIES), *words])


def _begin(parts: Parts, invite: Invite, *, now_ms: int) -> bool:
    return parts.store.touch(
        invite.id,
        State.REQUESTED,
        due=parts.lease_s,
        guard=("attempt", str(invite.attempt)),
        fields={"attempt": str(invite.attempt + 1), "sent_at_ms": str(now_ms)},
    ).moved


def confirm(parts: Parts, invite: Invite, made: Made, *, what: str = "created") -> Invite | None:
    """Write down what Twilio made: the record as it is then, but for its history. Does nothing new if an event has told
    us already."""
    fields = sids_of(invite, made)
    usual, due = (pace.due_after("created", invite.kind) for pace in (parts.pace, pace_of(parts, invite)))
    outcome = parts.store.confirm(invite.id, due=due, fields=fields | {"trouble": ""}, what=what)
    if outcome.moved:
        log.info("invite.created", invite=invite.id, rule=invite.plan.rule, task=made.task_sid)
        due_ms = outcome.now_ms + int(due * 1000) if not isinstance(due, str) else None
        return replace(invite, state=State.PENDING, due_ms=due_ms, trouble=None, **fields)  # type: ignore[arg-type]
    if due != usual or invite.trouble:  # an event was faster, and knows nothing of either
        parts.store.touch(invite.id, State.PENDING, due=due if due != usual else KEEP, fields={"trouble": ""})
    return parts.store.get(invite.id)


def pace_of(parts: Parts, invite: Invite) -> Pace:
    """The paces of an invite whose task waits: it is looked at as often as its step is to be checked again."""
    every_s = recheck_s(invite)
    return parts.pace if every_s is None else replace(parts.pace, look_s=min(parts.pace.look_s, every_s))


def recheck_s(invite: Invite) -> int | None:
    """How often the step is to be checked again while its task waits (seconds); None if no other step follows it."""
    follows = invite.step + 1 < len(invite.plan.steps)
    return invite.plan.steps[invite.step].recheck_s if follows else None


def sids_of(invite: Invite, made: Made) -> dict[str, str]:
    """The fields of the record that Twilio's answer fills."""
    sids = {
        "interaction_sid": made.interaction_sid,
        "channel_sid": made.channel_sid,
        "conversation_sid": made.conversation_sid or invite.conversation_sid,  # Twilio knows better than a caller
        "invite_sid": made.invite_sid,
        "task_sid": made.task_sid,
    }
    return {name: value for name, value in sids.items() if value}


def find(parts: Parts, invite: Invite, *, now_ms: int) -> Made | None:
    """What Twilio holds under our id, or None. Raises a Twilio fault if it could not be looked for."""
    if invite.interaction_sid and invite.channel_sid:
        listed = parts.gateway.invites(invite.interaction_sid, invite.channel_sid)
        found = [made for made in listed if made.attributes.get("router_invite_id") == invite.id]
        if found:
            return found[0]
        if invite.request.channel_sid:
            return None
    return _find_task(parts, invite) or _find_event(parts, invite, now_ms=now_ms)


def _find_task(parts: Parts, invite: Invite) -> Made | None:
    for task_sid in parts.taskrouter.live_tasks_of_invite(invite.id):
        task = parts.taskrouter.task(task_sid)
        if task is not None:
            return _made_of(task_sid, Thread.of(task.attributes))
    return None


def _find_event(parts: Parts, invite: Invite, *, now_ms: int) -> Made | None:
    """A task that was made and has died since is only in the Events API."""
    sent_ms = invite.sent_at_ms or now_ms
    settled_ms = sent_ms + int(parts.settle_s * 1000)
    seen_ms = settled_ms if now_ms >= settled_ms else now_ms - int(EVENTS_READ_S * 1000)
    made = parts.made_tasks.find(invite.id, from_ms=sent_ms, seen_ms=seen_ms, now_ms=now_ms)
    return _made_of(made.task_sid, made.thread) if made else None


def _made_of(task_sid: str, thread: Thread | None) -> Made:
    if thread is None:
        return Made(None, None, None, None, task_sid, {})
    return Made(thread.interaction_sid, thread.channel_sid, thread.conversation_sid, thread.invite_sid, task_sid, {})


def _create(parts: Parts, invite: Invite, route: Route) -> Made:
    invite = _carrying(parts, invite)
    if not (invite.interaction_sid and invite.channel_sid):
        return _create_interaction(parts, invite, route)
    present = workers_present(parts, Place(invite.conversation_sid, invite.interaction_sid, invite.channel_sid))
    attributes = task_attributes(invite, route, present=present)
    try:
        return parts.gateway.create_invite(invite.interaction_sid, invite.channel_sid, route, attributes)
    except TwilioRefusedError:
        # The channel may be one that we remembered and that has ended since. The caller named only the conversation.
        if invite.request.channel_sid or invite.conversation_sid is None:
            raise
        if parts.gateway.channel_status(invite.interaction_sid, invite.channel_sid) not in (None, "closed", "failed"):
            raise
        return _create_interaction(parts, replace(invite, interaction_sid=None, channel_sid=None), route)


def _create_interaction(parts: Parts, invite: Invite, route: Route) -> Made:
    if invite.conversation_sid is None:
        raise TwilioRefusedError("neither a conversation nor a channel is known")
    made = parts.gateway.create_interaction(
        invite.conversation_sid, invite.request.channel_type or "web", route, task_attributes(invite, route)
    )
    return replace(made, conversation_sid=invite.conversation_sid)


def _carrying(parts: Parts, invite: Invite) -> Invite:
    """The invite with what its agent's task carries, where the door could not read that. Written down at once: the next
    step of the ladder finds it there, even if the old task is gone by then.

    Raises TwilioUnavailableError where it cannot be read now; no create is out then, so all can be repeated.
    """
    if not may_carry(invite.request):
        return invite
    place = Place(invite.conversation_sid, invite.interaction_sid, invite.channel_sid)
    try:
        found = read_carried(parts, invite.request, place)
    except (TwilioUnavailableError, TwilioAmbiguousError) as error:
        if invite.attempt < CARRY_TRIES:
            raise TwilioUnavailableError(error.detail, retry_after_s=error.retry_after_s) from None
        log.warning("invite.carries_nothing", invite=invite.id, why=error.detail)
        found = {}
    carrying = _as_far_as_it_fits(invite, found)
    parts.store.touch(invite.id, State.REQUESTED, fields=request_fields(carrying))
    return carrying


def _as_far_as_it_fits(invite: Invite, found: Mapping[str, object]) -> Invite:
    """Nobody can be told any more that it is too long, so the longest attributes stay behind, the links last."""
    kept = dict(found)
    while True:
        carrying = replace(invite, request=replace(invite.request, carried=kept))
        longest = max((task_attributes(carrying, step) for step in invite.plan.steps[invite.step :]), key=characters)
        if characters(longest) <= most_characters(longest) - PRESENT_ROOM or not kept:
            return carrying
        del kept[max(kept, key=lambda name: (name not in LINKED, characters({name: kept[name]})))]
