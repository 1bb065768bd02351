"""What to do about a channel, from what Twilio shows of it at this moment. Pure: no I/O, no clock.

Twilio offers no compare-and-set, so between the look and the closing an agent can still arrive: a fraction of a
second that nothing can remove. Everything before that fraction is decided here, and when in doubt nothing is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# "Interaction Channel Participants" lists: supervisor, customer, external, agent, unknown
SERVING = frozenset({"agent", "supervisor", "external"})
# Channel statuses that say "left on purpose": "Leave and pause options for Conversations"
LEFT_ON_PURPOSE = frozenset({"inactive", "pause"})
IN_MOTION = frozenset({"setup", "transfer"})


class Act(StrEnum):
    """What the reconciler is to do."""

    LOOK_AGAIN = "look_again"  # not now: something is on its way, or cannot be told yet
    RELEASE = "release"  # somebody is there, or the customer was left on purpose: this lapse concerns nobody
    NEXT_STEP = "next_step"  # orphaned, and the rule has another step
    CLOSE = "close"  # orphaned: end it, so that the customer's next message starts afresh
    CLOSE_CONVERSATION = "close_conversation"  # the channel is closed but its conversation was left open
    SETTLE = "settle"  # nothing left to do: all of it is closed


@dataclass(frozen=True)
class ChannelLook:
    """What Twilio showed. ``None`` means Twilio does not know it (any more); a status is in Twilio's words."""

    channel_status: str | None
    conversation_state: str | None
    participant_types: Sequence[str] = ()
    live_tasks: Sequence[str] = ()  # SIDs of the channel's pending, reserved, assigned or wrapping tasks
    own_task_live: bool = False  # the task of the invite that is being judged is among them
    other_invites: int = 0  # our other records of this conversation that still live; each will be judged in its turn


@dataclass(frozen=True)
class Verdict:
    """An act and the reason for it, in words fit for a log line."""

    act: Act
    reason: str


def judge(look: ChannelLook, *, steps_left: bool, on_lapse: str) -> Verdict:
    """The verdict on the channel of one lapsed invite.

    ``steps_left``: the rule has a further step for this invite. ``on_lapse``: "close" or "leave", from the rule.
    """
    return (
        _ended(look)
        or _somebody(look)
        or _unclear(look)
        or (Verdict(Act.NEXT_STEP, "the rule has another step") if steps_left else None)
        or (Verdict(Act.RELEASE, "the rule leaves it open") if on_lapse == "leave" else None)
        or Verdict(Act.CLOSE, "no agent and no live task")
    )


def _ended(look: ChannelLook) -> Verdict | None:
    if look.channel_status not in (None, "closed"):
        return None
    if look.conversation_state in (None, "closed"):
        return Verdict(Act.SETTLE, "channel and conversation are closed")
    if look.other_invites:  # the conversation has been brought into Flex anew, on another channel
        return Verdict(Act.RELEASE, "another invite is open")
    return Verdict(Act.CLOSE_CONVERSATION, "the channel is over, its conversation is not")


def _somebody(look: ChannelLook) -> Verdict | None:
    if SERVING.intersection(look.participant_types):
        return Verdict(Act.RELEASE, "somebody serves the customer")
    if look.channel_status in LEFT_ON_PURPOSE:
        return Verdict(Act.RELEASE, f"the channel is {look.channel_status}")
    if look.own_task_live:
        return Verdict(Act.LOOK_AGAIN, "its task is still alive")
    if look.live_tasks:
        return Verdict(Act.RELEASE, "another task is alive")
    if look.other_invites:
        return Verdict(Act.RELEASE, "another invite is open")
    return None


def _unclear(look: ChannelLook) -> Verdict | None:
    if look.channel_status in IN_MOTION:
        return Verdict(Act.LOOK_AGAIN, f"the channel is in {look.channel_status}")
    if "unknown" in look.participant_types:
        return Verdict(Act.LOOK_AGAIN, "a participant of unknown type is there")
    return None
