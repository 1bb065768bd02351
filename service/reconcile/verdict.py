"""What to do about a channel, from what Twilio shows of it at this moment. Pure: no I/O, no clock.

Twilio offers no compare-and-set, so between the look and the closing an agent can still arrive: a fraction of a
second that nothing can remove. Everything before that fraction is decided here, and when in doubt nothing is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# Channel statuses that say "left on purpose": "Leave and pause options for Conversations"
LEFT_ON_PURPOSE = frozenset({"inactive", "pause"})
IN_MOTION = frozenset({"setup", "transfer"})
LIVE_STATUSES = frozenset({"pending", "reserved", "assigned", "wrapping"})


class Act(StrEnum):
    """What the reconciler is to do."""

    LOOK_AGAIN = "look_again"  # not now: something is on its way, or cannot be told yet
    RELEASE = "release"  # another record answers for the customer, or they were left on purpose
    NEXT_STEP = "next_step"  # orphaned, and the rule has another step
    CLOSE = "close"  # orphaned: end it, so that the customer's next message starts afresh
    CLOSE_CONVERSATION = "close_conversation"  # the channel is closed but its conversation was left open
    SETTLE = "settle"  # nothing left to do: all of it is closed


@dataclass(frozen=True)
class ChannelLook:
    """What Twilio showed. ``None`` means Twilio does not know it (any more); a status is in Twilio's words."""

    channel_status: str | None
    conversation_state: str | None
    people: Sequence[str] = ()  # types of the participants who may be serving the customer
    own_task: str | None = None  # status of the task of the invite that is judged
    live_tasks: Sequence[str] = ()  # SIDs of the channel's other live tasks; each is tracked by a record of its own
    unfollowed: int = 0  # live tasks that no record can follow: no event will tell of their end
    unsettled: int = 0  # our other records whose tasks have ended, and we have yet to hear how
    other_invites: int = 0  # our other records of this conversation that are still to be judged in their turn
    watched: bool = False  # another lapsed record of ours watches this conversation already
    left_since: bool = False  # an agent has served this conversation and left it since the lapse
    held_by_asker: bool = False  # nobody but the agent whose transfer came to nothing: they have the customer still
    parked: bool = False  # an errand of ours waits for the customer's next message
    late: bool = False  # where the channel is not shown: it may be in a moment
    settling: bool = True  # the channel may still be getting into shape; False once that has taken too long


@dataclass(frozen=True)
class Verdict:
    """An act and the reason for it, in words fit for a log line. ``soon``: look again in seconds, not minutes.
    ``hidden``: because the channel was not shown.
    """

    act: Act
    reason: str
    soon: bool = False
    hidden: bool = False


_LEFT_SINCE = Verdict(Act.RELEASE, "an agent has served and left since")


def judge(look: ChannelLook, *, steps_left: bool, on_lapse: str) -> Verdict:
    """The verdict on the channel of one lapsed invite.

    ``steps_left``: the rule has a further step for this invite. ``on_lapse``: "close" or "leave", from the rule.
    """
    return (
        _ended(look, on_lapse=on_lapse)
        or _own_task(look)
        or _held(look, steps_left=steps_left)
        or _followed_elsewhere(look)
        or _not_now(look)
        or (Verdict(Act.NEXT_STEP, "the rule has another step") if steps_left else None)
        or _left_open(look, on_lapse=on_lapse)
        or Verdict(Act.CLOSE, "no agent and no live task")
    )


def _ended(look: ChannelLook, *, on_lapse: str) -> Verdict | None:
    if look.channel_status not in (None, "closed"):
        return None
    if look.channel_status is None and (look.live_tasks or look.own_task in LIVE_STATUSES):
        return Verdict(Act.LOOK_AGAIN, "the channel is not shown, but a task of it is alive", hidden=True)
    if look.conversation_state in (None, "closed"):
        return Verdict(Act.SETTLE, "channel and conversation are closed")
    if look.other_invites:  # the conversation has been brought into Flex anew, on another channel
        return Verdict(Act.RELEASE, "another invite is open")
    over = Verdict(Act.CLOSE_CONVERSATION, "the channel is over, its conversation is not")
    if look.channel_status == "closed":
        return over
    if look.late:
        return Verdict(Act.LOOK_AGAIN, "the channel is not shown, its conversation is", soon=True, hidden=True)
    return (_LEFT_SINCE if look.left_since else None) or _left_open(look, on_lapse=on_lapse) or over


def _own_task(look: ChannelLook) -> Verdict | None:
    """An event said that the task is dead; Twilio is believed before the event."""
    if look.own_task in LIVE_STATUSES:
        return Verdict(Act.LOOK_AGAIN, f"its task is {look.own_task}", soon=look.own_task in ("pending", "reserved"))
    if look.own_task == "completed":
        return Verdict(Act.RELEASE, "its task was served to its end")
    return None


def _held(look: ChannelLook, *, steps_left: bool) -> Verdict | None:
    """A transfer that nobody took: the next ones are asked while the agent stays, and after the last one they stay."""
    if not look.held_by_asker:
        return None
    if steps_left:
        return Verdict(Act.NEXT_STEP, "the rule has another step, and the agent who asked waits with the customer")
    if not look.live_tasks:  # whoever has none keeps the customer too, but no event will tell of their leaving
        return None
    return Verdict(Act.RELEASE, "the agent who asked keeps the customer")


def _followed_elsewhere(look: ChannelLook) -> Verdict | None:
    if look.channel_status in LEFT_ON_PURPOSE:
        return Verdict(Act.RELEASE, f"the channel is {look.channel_status}")
    if look.left_since:
        return _LEFT_SINCE
    if look.live_tasks:
        return Verdict(Act.RELEASE, "another task is alive")
    if look.other_invites:
        return Verdict(Act.RELEASE, "another invite is open")
    return None


def _left_open(look: ChannelLook, *, on_lapse: str) -> Verdict | None:
    if look.parked:
        return Verdict(Act.RELEASE, "it is parked")
    return Verdict(Act.RELEASE, "the rule leaves it open") if on_lapse == "leave" else None


def _not_now(look: ChannelLook) -> Verdict | None:
    if look.unsettled:
        return Verdict(Act.LOOK_AGAIN, "another task has just ended", soon=True)
    if look.unfollowed:
        return Verdict(Act.LOOK_AGAIN, "a task of others is alive")
    if look.people and look.watched:
        return Verdict(Act.RELEASE, "somebody is there, and another record watches")
    if look.people:  # without a task: no event will tell of their leaving
        return Verdict(Act.LOOK_AGAIN, "somebody is there")
    if look.channel_status in IN_MOTION and look.settling:
        return Verdict(Act.LOOK_AGAIN, f"the channel is in {look.channel_status}", soon=True)
    return None
