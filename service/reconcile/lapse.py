"""Judge the channel of an invite that came to nothing, and act: next step, farewell and close, or let go."""

import structlog

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.model import Invite, State
from service.reconcile.parts import Parts
from service.reconcile.verdict import Act, ChannelLook, Verdict, judge
from service.tracking.arrival import adopt_task
from service.tracking.lifecycle import LIVE
from service.tracking.records import next_invite_id
from service.tracking.store import NONE

log = structlog.stdlib.get_logger("service.channel")

LOOK_AGAIN_S = 15.0


def judge_channel(parts: Parts, invite: Invite) -> None:
    """Handle a due record that is lapsed, or that failed or was canceled and has left its channel unjudged."""
    if invite.interaction_sid is None or invite.channel_sid is None:
        _finish(parts, invite, "released", reason="no channel was ever made")
        return
    verdict = _verdict(parts, invite)
    if verdict.act is Act.CLOSE and _say_farewell(parts, invite):
        verdict = _verdict(parts, invite)  # time has passed: look again before closing
    log.info("channel.judged", invite=invite.id, channel=invite.channel_sid, act=verdict.act, why=verdict.reason)
    _act(parts, invite, verdict)


def _act(parts: Parts, invite: Invite, verdict: Verdict) -> None:
    if verdict.act is Act.LOOK_AGAIN:
        parts.store.touch(invite.id, invite.state, due=LOOK_AGAIN_S)
    elif verdict.act is Act.RELEASE:
        _finish(parts, invite, "released", reason=verdict.reason)
    elif verdict.act is Act.NEXT_STEP:
        _take_next_step(parts, invite)
    else:
        if verdict.act is Act.CLOSE:
            _close_channel(parts, invite)
        _close_conversation(parts, invite)
        _finish(parts, invite, "closed", reason=verdict.reason)


def _verdict(parts: Parts, invite: Invite) -> Verdict:
    lapsed = invite.state is State.LAPSED
    steps_left = lapsed and invite.step + 1 < len(invite.plan.steps)
    look = observe(parts, invite)
    return judge(look, steps_left=steps_left, on_lapse=invite.plan.on_lapse if lapsed else "close")


def observe(parts: Parts, invite: Invite) -> ChannelLook:
    """Look at Twilio now. A live task that nobody tracks yet is adopted, so that its end will be heard."""
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    status = parts.gateway.channel_status(invite.interaction_sid, invite.channel_sid)
    people = parts.gateway.participants(invite.interaction_sid, invite.channel_sid) if status else []
    known = {other.task_sid: other for other in _others(parts, invite) if other.task_sid}
    live = []
    for task_sid in _task_sids(parts, invite, known):
        task = parts.taskrouter.task(task_sid)
        if task is not None and task.live:
            live.append(task_sid)
            if task_sid not in known and task_sid != invite.task_sid:
                adopt_task(parts.store, task_sid, task.attributes, parts.pace)
    conversation_sid = invite.conversation_sid
    return ChannelLook(
        channel_status=status,
        conversation_state=parts.gateway.conversation_state(conversation_sid) if conversation_sid else None,
        participant_types=tuple(person.type for person in people),
        live_tasks=tuple(live),
        own_task_live=invite.task_sid in live,
        other_invites=sum(other.state in LIVE for other in known.values()),
    )


def _others(parts: Parts, invite: Invite) -> list[Invite]:
    anchors = {sid for sid in (invite.conversation_sid, invite.channel_sid) if sid}
    found = {one.id: one for anchor in sorted(anchors) for one in parts.store.of_anchor(anchor)}
    return [one for one in found.values() if one.id != invite.id]


def _task_sids(parts: Parts, invite: Invite, known: dict[str, Invite]) -> list[str]:
    """The tasks whose state must be asked for: all of the channel but those that we know to be completed."""
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    listed = [made.task_sid for made in parts.gateway.invites(invite.interaction_sid, invite.channel_sid)]
    wanted = dict.fromkeys(sid for sid in [*listed, invite.task_sid, *known] if sid)
    return [sid for sid in wanted if sid not in known or known[sid].state is not State.COMPLETED]


def _say_farewell(parts: Parts, invite: Invite) -> bool:
    """Say the rule's last words, at most once: a message lost is better than one sent twice. True if it was tried."""
    text = invite.plan.farewell
    if not text or invite.farewell_sent or invite.conversation_sid is None or invite.state is not State.LAPSED:
        return False
    noted = parts.store.touch(invite.id, State.LAPSED, guard=("farewell_sent", "0"), fields={"farewell_sent": "1"})
    if noted.moved:
        try:
            parts.gateway.send_message(invite.conversation_sid, text)
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


def _close_conversation(parts: Parts, invite: Invite) -> None:
    sid = invite.conversation_sid
    if sid and parts.gateway.conversation_state(sid) not in (None, "closed"):
        try:
            parts.gateway.close_conversation(sid)
        except TwilioRefusedError:
            if parts.gateway.conversation_state(sid) not in (None, "closed"):
                raise


def _take_next_step(parts: Parts, invite: Invite) -> None:
    """Write the successor's name first, then the successor, then the end of this one: each can be repeated."""
    successor = invite.successor or next_invite_id(invite.id)
    noted = parts.store.touch(invite.id, State.LAPSED, guard=("successor", successor), fields={"successor": successor})
    if not noted.moved:
        return
    heir = Invite(
        id=successor, kind=invite.kind, state=State.REQUESTED, created_at_ms=0, request=invite.request,
        plan=invite.plan, step=invite.step + 1, interaction_sid=invite.interaction_sid,
        channel_sid=invite.channel_sid, conversation_sid=invite.conversation_sid, predecessor=invite.id,
        old_agent_gone=invite.old_agent_gone,
    )  # fmt: skip
    parts.store.create(heir, due_in_s=0)
    _finish(parts, invite, "superseded", reason="next step")


def _finish(parts: Parts, invite: Invite, signal: str, *, reason: str) -> None:
    if invite.state is State.LAPSED:
        parts.store.move(invite.id, signal, due=NONE)
    else:  # failed and canceled stay what they are; only their channel was still to be judged
        parts.store.touch(invite.id, invite.state, due=NONE)
    log.info(f"invite.{signal}", invite=invite.id, task=invite.task_sid, why=reason)
