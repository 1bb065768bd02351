"""Call an open invite off, because an app asked for it."""

import structlog

from service.errors import ConflictError, TwilioRefusedError, TwilioUnavailableError
from service.model import Invite, State
from service.reconcile.calls_told import calls_told
from service.reconcile.fulfil import confirm, find
from service.reconcile.parts import Parts

log = structlog.stdlib.get_logger("service.invite")

NO_SUCCESSOR = ("successor", "")  # a guard: once a successor is named it may ring, whatever becomes of this one
_REASON = "canceled by the application that asked for it"


def cancel(parts: Parts, invite: Invite, *, now_ms: int, by: str = "router") -> None:
    """End the invite's task and mark it ``canceled``; its channel is judged after the grace, as after a lapse.

    Twilio advises against ending an interaction's task through the Task API ("Best Practices") but offers nothing
    else for an invite that is still pending while an agent is on the channel; its own template does the same.
    ``by`` is who asked, for the history. Raises ConflictError if an agent has accepted, the invite has ended, its
    creation is still in doubt, or its next step has begun.
    """
    if invite.state is State.CANCELED:
        return
    if invite.state is State.REQUESTED and invite.sent_at_ms:
        made = find(parts, invite, now_ms=now_ms)
        if made is None:
            raise ConflictError("the invite is just being created; try again in a moment", retry_after_s=5)
        confirm(parts, invite, made)
        invite = parts.store.get(invite.id) or invite
    if invite.state not in (State.REQUESTED, State.PENDING, State.LAPSED):
        raise ConflictError(
            f"the invite is {invite.state}; only an open invite that nobody has accepted can be canceled"
        )
    # the wish first: if we die before the end, the task.canceled that follows is not taken for a lapse
    parts.store.touch(invite.id, invite.state, fields={"cancel_wanted": "1"})
    ended_ms = invite.ended_at_ms
    try:
        if invite.task_sid and invite.state is State.PENDING:
            with calls_told(parts, invite):
                ended_ms = _cancel_task(parts, invite, invite.task_sid)
    except (ConflictError, TwilioRefusedError, TwilioUnavailableError):  # surely not done: a lapse will be a lapse
        parts.store.touch(invite.id, invite.state, fields={"cancel_wanted": "0"})
        raise
    # a create that began in between wins, and so does a next step
    guard = ("attempt", str(invite.attempt)) if invite.state is State.REQUESTED else NO_SUCCESSOR
    fields = {"reason": "canceled by request", "ended_at_ms": str(ended_ms or now_ms)}
    outcome = parts.store.move(
        invite.id, "canceled", due=parts.pace.grace_s, guard=guard, fields=fields, what=f"canceled by {by}"
    )
    if outcome.word == "guarded" and guard == NO_SUCCESSOR:
        now = parts.store.get(invite.id) or invite
        raise ConflictError(f"the invite's next step is being made: cancel that one, {now.successor}")
    if not outcome.moved and outcome.state is not State.CANCELED:
        raise ConflictError(f"the invite is {outcome.state}; somebody was faster")
    log.info("invite.canceled", invite=invite.id, task=invite.task_sid)


def _cancel_task(parts: Parts, invite: Invite, task_sid: str) -> int | None:
    """When the task ended, by Twilio's clock (epoch ms); None if it had ended before."""
    try:
        return parts.taskrouter.cancel_task(task_sid, _REASON)
    except TwilioRefusedError:
        task = parts.taskrouter.task(task_sid)
        if task is not None and task.status in ("assigned", "wrapping"):
            raise ConflictError(f"the invite {invite.id} has just been accepted") from None
        if task is not None and task.live:
            raise
        return task.updated_ms if task else None
