"""Judge the channel of an invite that came to nothing, and act: next step, farewell and close, or let go."""

import structlog

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.metrics import record
from service.model import Invite, State
from service.reconcile.cancel import NO_SUCCESSOR
from service.reconcile.closing import close_conversation
from service.reconcile.observe import has_step, objection, observe, others_of
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.reconcile.verdict import Act, Verdict, judge
from service.tracking.hours import End
from service.tracking.lifecycle import LIVE
from service.tracking.records import next_invite_id
from service.tracking.store import NONE

log = structlog.stdlib.get_logger("service.channel")

SOON_S = 5.0
_CLOSES = (Act.CLOSE, Act.CLOSE_CONVERSATION)


def judge_channel(parts: Parts, book: Rulebook, invite: Invite, *, now_ms: int) -> None:
    """Handle a due record that is lapsed, or that failed or was canceled and has left its channel unjudged."""
    if invite.cancel_wanted and invite.state is State.LAPSED:
        fields = {"reason": "canceled by request"}
        if parts.store.move(invite.id, "canceled", due=0, guard=NO_SUCCESSOR, fields=fields).word != "guarded":
            return
    if invite.state is State.LAPSED and invite.successor and parts.store.get(invite.successor) is not None:
        _finish(parts, invite, "superseded", reason="next step")  # all but this was done before
        return
    step = book.next_step(invite, invite.step + 1, now_ms=now_ms) if has_step(invite) else None
    if invite.interaction_sid is None or invite.channel_sid is None:
        _without_channel(parts, invite, step)
        return
    verdict = _verdict(parts, invite, step)
    if verdict.act is Act.CLOSE and _say_farewell(parts, book, invite):
        verdict = _verdict(parts, invite, step)  # time has passed: look again before closing
    if verdict.act not in _CLOSES:
        _carry_out(parts, invite, verdict, step)
        return
    conversation_sid = invite.conversation_sid or parts.store.conversation_of(invite.channel_sid)
    with parts.closings.closing(invite.id, conversation_sid, invite.channel_sid):
        _carry_out(parts, invite, _asked_meanwhile(parts, invite) or verdict, step)


def _asked_meanwhile(parts: Parts, invite: Invite) -> Verdict | None:
    """Between the look at Twilio and now somebody may have been promised an agent; from now on nobody is."""
    if any(other.state in LIVE for other in others_of(parts, invite)):
        return Verdict(Act.LOOK_AGAIN, "another invite has been asked for meanwhile", soon=True)
    return None


def _carry_out(parts: Parts, invite: Invite, verdict: Verdict, step: int | None) -> None:
    record.judged(verdict.act, verdict.reason)
    log.info("channel.judged", invite=invite.id, channel=invite.channel_sid, act=verdict.act, why=verdict.reason)
    _act(parts, invite, verdict, step)


def _without_channel(parts: Parts, invite: Invite, step: int | None) -> None:
    """The conversation has never been through Flex by us: there is no channel to close."""
    if step is not None:
        _take_step(parts, invite, step)
    else:
        _finish(parts, invite, "released", reason="no channel was ever made")


def _act(parts: Parts, invite: Invite, verdict: Verdict, step: int | None) -> None:
    if verdict.act is Act.LOOK_AGAIN:
        due = SOON_S if verdict.soon else max(SOON_S, parts.pace.look_s)
        hidden = invite.hidden_looks + 1 if verdict.hidden else 0
        fields = {"looks": str(invite.looks + 1), "hidden_looks": str(hidden)}
        parts.store.touch(invite.id, invite.state, due=due, fields=fields)
    elif verdict.act is Act.RELEASE:
        _finish(parts, invite, "released", reason=verdict.reason)
    elif verdict.act is Act.NEXT_STEP and step is not None:
        _take_step(parts, invite, step)
    else:
        if verdict.act is Act.CLOSE:
            _close_channel(parts, invite)
        close_conversation(parts, invite.conversation_sid)
        _finish(parts, invite, "closed", reason=verdict.reason)


def _verdict(parts: Parts, invite: Invite, step: int | None) -> Verdict:
    verdict = judge(observe(parts, invite), steps_left=step is not None, on_lapse=invite.plan.on_lapse)
    if verdict.act not in _CLOSES:
        return verdict
    return objection(parts, invite) or verdict


def _say_farewell(parts: Parts, book: Rulebook, invite: Invite) -> bool:
    """Say the rule's last words, at most once: a message lost is better than one sent twice. True if it was tried."""
    text = invite.plan.farewell
    if not text or invite.farewell_sent or invite.conversation_sid is None or invite.state is not State.LAPSED:
        return False
    noted = parts.store.touch(invite.id, State.LAPSED, guard=("farewell_sent", "0"), fields={"farewell_sent": "1"})
    if noted.moved:
        try:
            parts.conversations.send_message(invite.conversation_sid, book.farewell(text))
        except (TwilioRefusedError, TwilioAmbiguousError, TwilioUnavailableError) as error:
            log.warning("farewell.failed", invite=invite.id, why=error.detail)
    return True


def _close_channel(parts: Parts, invite: Invite) -> None:
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    try:
        parts.gateway.close_channel(invite.interaction_sid, invite.channel_sid)
    except TwilioRefusedError:
        # closed or vanished in between is what we wanted; what a second close answers is documented nowhere
        if parts.gateway.channel_status(invite.interaction_sid, invite.channel_sid) not in (None, "closed", "failed"):
            raise


def _take_step(parts: Parts, invite: Invite, step: int) -> None:
    """Write the successor's name first, then the successor, then the end of this one: each can be repeated."""
    successor = invite.successor or next_invite_id(invite.id)
    noted = parts.store.touch(invite.id, State.LAPSED, guard=("successor", successor), fields={"successor": successor})
    if not noted.moved:
        return
    heir = Invite(
        id=successor, kind=invite.kind, state=State.REQUESTED, created_at_ms=0, request=invite.request,
        plan=invite.plan, step=step, interaction_sid=invite.interaction_sid,
        channel_sid=invite.channel_sid, conversation_sid=invite.conversation_sid, predecessor=invite.id,
        old_agent_gone=invite.old_agent_gone, asked_by=invite.asked_by,
        ladder_at_ms=invite.ladder_at_ms or invite.created_at_ms,
    )  # fmt: skip
    parts.store.create(heir, due_in_s=0)
    _finish(parts, invite, "superseded", reason="next step")


def _finish(parts: Parts, invite: Invite, signal: str, *, reason: str) -> None:
    if invite.state is State.LAPSED:
        parts.store.move(invite.id, signal, due=NONE)
    else:  # failed and canceled stay what they are; only their channel was still to be judged
        parts.store.touch(invite.id, invite.state, due=NONE)
    record.finished(signal, reason)
    parts.hours.note_end(End(0, invite.id, invite.conversation_sid, signal, reason))
    log.info(f"invite.{signal}", invite=invite.id, task=invite.task_sid, why=reason)
