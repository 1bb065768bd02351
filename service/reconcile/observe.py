"""Look at a channel at Twilio, now: the truth that a verdict is made of. Changes nothing at Twilio."""

from service.errors import TwilioUnavailableError
from service.flex.gateway import Participant
from service.flex.taskrouter import Task
from service.model import ErrandState, Invite, State
from service.reconcile.attended import find_person
from service.reconcile.errands.listening import is_parked_unknown_to_us
from service.reconcile.parts import Parts
from service.reconcile.verdict import Act, ChannelLook, Verdict
from service.tracking.arrival import adopt_task
from service.tracking.lifecycle import LIVE

FEW = 6  # so many tasks are asked for one by one; more of them with one search
SEARCH_TRIES = 12  # at one look every 5 s: a minute
SETTLING_LOOKS = 120  # ten minutes
HIDDEN_LOOKS = 2  # in a row: ten seconds, in which a channel that is not shown may only be late to be shown
_OVER = frozenset({"completed", "canceled"})


def observe(parts: Parts, invite: Invite) -> ChannelLook:
    """What Twilio shows of the invite's channel. A live task that nobody tracks is adopted: its end will be heard."""
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    status = parts.gateway.channel_status(invite.interaction_sid, invite.channel_sid)
    people = parts.gateway.participants(invite.interaction_sid, invite.channel_sid, shown=True) if status else []
    others = others_of(parts, invite)
    own, live = _tasks(parts, invite, others, people)
    tracked = {other.task_sid for other in others}
    followed = [task for task in live if task.sid in tracked or _follow(parts, task)]
    sid = invite.conversation_sid
    talk = parts.conversations.fetch(sid) if sid else None
    known = {invite.id, *(other.id for other in others)}
    answering = sum(_answers_for(other, invite) for other in others if other.successor not in known)
    unsettled = sum(_is_stale(other, live) for other in others)
    return ChannelLook(
        channel_status=status,
        conversation_state=talk.state if talk else None,
        people=tuple(person.type for person in people if _may_serve(person)),
        own_task=own.status if own else None,
        live_tasks=tuple(task.sid for task in followed),
        unfollowed=len(live) - len(followed),
        other_invites=answering,
        unsettled=unsettled,
        watched=any(other.state is State.LAPSED and other.id < invite.id for other in others),
        left_since=any(_left_since(other, invite) for other in others),
        held_by_asker=not answering and not unsettled and _held_by_asker(invite, people, live),
        parked=_parked(parts, invite) or (talk is not None and is_parked_unknown_to_us(parts, str(sid), talk)),
        late=invite.hidden_looks < HIDDEN_LOOKS,
        settling=invite.looks < SETTLING_LOOKS,
    )


def objection(parts: Parts, invite: Invite) -> Verdict | None:
    """The last look before anything is closed: live tasks of the conversation on whichever channel, tracked or not.

    Twilio allows three such searches a second. If it refuses for load, the closing waits, but not for ever: then
    what the channel itself has shown must do.
    """
    if invite.conversation_sid is None:
        return None
    try:
        found = parts.taskrouter.live_tasks_of_conversation(invite.conversation_sid)
    except TwilioUnavailableError as error:
        waits = invite.looks < SEARCH_TRIES
        return Verdict(Act.LOOK_AGAIN, error.detail, soon=True) if waits else None
    tasks = [parts.taskrouter.task(sid) for sid in found if sid != invite.task_sid]
    live = [task for task in tasks if task is not None and task.live]
    followed = [_follow(parts, task) for task in live]  # all of them, not only the first
    if any(followed):
        return Verdict(Act.RELEASE, "a task on another channel is alive")
    return Verdict(Act.LOOK_AGAIN, "a task of the conversation is alive") if live else None


def _follow(parts: Parts, task: Task) -> bool:
    """True if a record of ours follows the task, from now on at the latest."""
    return adopt_task(parts.store, task.sid, task.attributes, parts.pace)


def others_of(parts: Parts, invite: Invite) -> list[Invite]:
    """Our other records of the same conversation or channel."""
    found = parts.store.of_anchors(invite.conversation_sid, invite.channel_sid)
    return [one for one in found if one.id != invite.id]


def has_step(invite: Invite) -> bool:
    """True if the rule has a further step for this invite."""
    return invite.state is State.LAPSED and invite.step + 1 < len(invite.plan.steps)


def _held_by_asker(invite: Invite, people: list[Participant], live: list[Task]) -> bool:
    """True if the agent who asked for this transfer is there, and nobody and nothing else is."""
    origin = invite.request.origin
    serving = [person for person in people if _may_serve(person)]
    tasks = {person.task_sid for person in serving}
    if origin is None or not serving or not all(task.sid in tasks for task in live):
        return False
    return all(find_person([one], origin) is not None for one in serving)


def _parked(parts: Parts, invite: Invite) -> bool:
    """True if a parked conversation is left to its errand: also while an invite to wake it has yet to be made."""
    waking = invite.task_sid is None
    return any(
        errand.state is ErrandState.PARKED or (errand.state is ErrandState.WAKING and waking)
        for errand in parts.errands.of_anchor(str(invite.channel_sid))
    )


def _answers_for(other: Invite, invite: Invite) -> bool:
    """True if the other record will look after the conversation. Of two that both have further steps, one goes on.

    One with a task answers for it as long as that is alive, and is counted with it. One whose next step is there has
    handed the conversation to that: if the two left it to each other, nobody would be asked any more.
    """
    if other.state is State.REQUESTED:
        return True
    return has_step(other) and (not has_step(invite) or other.id < invite.id)


def _is_stale(other: Invite, live: list[Task]) -> bool:
    """True if our record says that its task is alive and Twilio does not: how it ended is still to be heard."""
    return other.state in (State.PENDING, State.ACCEPTED) and other.task_sid not in [task.sid for task in live]


def _left_since(other: Invite, invite: Invite) -> bool:
    """True if the other's agent completed their task after this invite's died: whoever parks, leaves on purpose."""
    if other.state is not State.COMPLETED or other.let_go:
        return False
    if other.ended_at_ms is None:
        return True  # when in doubt nothing is closed
    if invite.ended_at_ms is None:  # it ended after it was created; our clock and Twilio's are near enough for that
        return other.ended_at_ms >= invite.created_at_ms
    if other.ended_at_ms % 1000 == 0 or invite.ended_at_ms % 1000 == 0:  # a task's own times are whole seconds
        return other.ended_at_ms // 1000 >= invite.ended_at_ms // 1000
    return other.ended_at_ms > invite.ended_at_ms


def _may_serve(person: Participant) -> bool:
    """Agents come with a task ("agents must be added via Invites": "Best Practices"), so whoever is of unknown type
    and has none is no agent: a bot, or the customer by another name."""
    if person.type == "unknown":
        return person.task_sid is not None or person.worker_sid is not None
    return person.type in ("agent", "supervisor", "external")


def _tasks(
    parts: Parts, invite: Invite, others: list[Invite], people: list[Participant]
) -> tuple[Task | None, list[Task]]:
    """The invite's own task, and the other live ones of its channel."""
    assert invite.interaction_sid is not None
    assert invite.channel_sid is not None
    done = {other.task_sid for other in others if other.state is State.COMPLETED}
    listed = parts.gateway.invites(invite.interaction_sid, invite.channel_sid)
    candidates = [
        *(person.task_sid for person in people),
        *(made.task_sid for made in listed if made.task_status not in _OVER),
        *(other.task_sid for other in others if other.state in LIVE),
    ]
    wanted = list(dict.fromkeys(sid for sid in candidates if sid and sid not in done and sid != invite.task_sid))
    if len(wanted) > FEW:  # a thread with a long history
        wanted = [sid for sid in parts.taskrouter.live_tasks_of_channel(invite.channel_sid) if sid != invite.task_sid]
    own = parts.taskrouter.task(invite.task_sid) if invite.task_sid else None
    found = [parts.taskrouter.task(sid) for sid in wanted]
    return own, [task for task in found if task is not None and task.live]
