"""The bodies of errands, field by field: the one description that checks them and that OpenAPI publishes.

Only what can be said of a single field stands here; how fields go together is ``payloads_errands``' business.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from service.intake.payloads_shape import (
    ChannelType,
    IdempotencyKey,
    OriginBody,
    Reason,
    Strict,
    TargetBody,
)
from service.model import ReleaseWord

LEAST_WAKE_S = 60
MOST_WAKE_S = 170 * 86_400  # a channel that nobody touches is deleted after 180 days ("Park an Interaction")
MOST_WHATSAPP_WAKE_S = 23 * 3600  # within the customer service window of 24 hours
SAME_AGENT_S = 86_400

WakeAfter = Annotated[int, Field(ge=LEAST_WAKE_S, le=MOST_WAKE_S)]
SameAgent = Annotated[int, Field(ge=0, le=MOST_WAKE_S)]


class ActBody(Strict):
    """What every errand may carry."""

    reason: Reason | None = Field(None, description="Why, in a word or two; kept with the errand")
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Two requests with one key are one errand; also taken as the header `Idempotency-Key`"
    )


class HandingOnBody(ActBody):
    """An agent is to go. With `last` = `transfer` somebody else is asked first if no other agent is there."""

    to: TargetBody | None = Field(None, description="With `last` = `transfer`: to whom; left out, the rules decide")
    release: ReleaseWord | None = Field(
        None, description="With `last` = `transfer`: when the agent is let go, as in a transfer"
    )
    attributes: dict[str, Any] | None = Field(
        None, description="With `last` = `transfer`: facts for the rules, copied onto the new task"
    )


class LeaveBody(HandingOnBody):
    """An agent goes, others stay. Whoever is the last one is refused, or somebody else is asked first."""

    model_config = ConfigDict(title="Leave")

    from_: OriginBody | None = Field(None, alias="from", description="Who goes; a Flex user's own worker if left out")
    last: Literal["refuse", "transfer"] | None = Field(
        None, description="If no other agent is there: `refuse` (default), or `transfer` first"
    )


class RemoveBody(HandingOnBody):
    """Somebody is taken off a conversation, by a supervisor or an app."""

    model_config = ConfigDict(title="Remove")

    participant: OriginBody = Field(description="Who is taken off")
    last: Literal["transfer", "refuse", "end"] | None = Field(
        None, description="If no other agent is there: `transfer` first (default), `refuse`, or `end` the conversation"
    )


class EndBody(ActBody):
    """The conversation is over for everybody; open invites are called off first."""

    model_config = ConfigDict(title="End")

    wrapup: bool | None = Field(None, description="Agents wrap up, as with the End button of Flex (default true)")


class ParkBody(ActBody):
    """Nobody attends until the customer writes, a time is up, or an app says so. The conversation stays open."""

    model_config = ConfigDict(title="Park")

    from_: OriginBody | None = Field(None, alias="from", description="Who parks; a Flex user's own worker if left out")
    wake_after_s: WakeAfter | None = Field(
        None, description="Seconds until it is woken even if the customer is silent; on WhatsApp at most 82800 (23 h)"
    )
    same_agent_s: SameAgent | None = Field(
        None, description="For so many seconds the same agent is asked first (default 86400; 0: never)"
    )
    attributes: dict[str, Any] | None = Field(None, description="Facts for the rules when it is woken; on the task")
    channel_type: ChannelType | None = Field(None, description="The medium the customer writes on")


class WakeBody(ActBody):
    """A parked conversation is to be attended again now."""

    model_config = ConfigDict(title="Wake")
