"""The bodies of routing requests, field by field: the one description that checks them and that OpenAPI publishes.

Only what can be said of a single field stands here; how fields go together is ``payloads``' business. Nothing but
pydantic and our vocabulary may come in.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.flex.attributes import most_characters
from service.model import ReleaseWord
from service.rules.carried import MOST_CHARACTERS

MOST_REASON = 200
MOST_KEY = 255
MOST_NAME = 255

ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
VISIBLE = r"^[\x21-\x7e]+$"

# What a text must look like, said so that a caller can mend it.
ALLOWED = {
    ONE_LINE: "must be one line of text without control characters",
    VISIBLE: "must be made of visible ASCII characters, without spaces",
}


def _sid(prefix: str) -> StringConstraints:
    pattern = f"^{prefix}[0-9a-fA-F]{{32}}$"
    ALLOWED[pattern] = f"must be {prefix} followed by 32 hexadecimal digits"
    return StringConstraints(pattern=pattern)


ConversationSid = Annotated[str, _sid("CH")]
InteractionSid = Annotated[str, _sid("KD")]
ChannelSid = Annotated[str, _sid("UO")]
ExecutionSid = Annotated[str, _sid("FN")]
WorkerSid = Annotated[str, _sid("WK")]
ParticipantSid = Annotated[str, _sid("UT")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=MOST_REASON, pattern=ONE_LINE)]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=MOST_KEY, pattern=VISIBLE)]
TargetName = Annotated[str, StringConstraints(min_length=1, max_length=MOST_NAME, pattern=ONE_LINE)]
ChannelType = Literal["web", "sms", "whatsapp", "messenger", "chat", "email", "voice"]


class Strict(BaseModel):
    """No unknown names, no conversions, and no echo of what was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class OriginBody(Strict):
    """The agent who transfers: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1}, title="Origin")

    worker_sid: WorkerSid | None = Field(None, description="The agent's worker (WK…)")
    participant_sid: ParticipantSid | None = Field(None, description="The agent's participant in the channel (UT…)")


class TargetBody(Strict):
    """Where a transfer goes: exactly one of the three, by SID or by friendly name."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1}, title="Target")

    worker: TargetName | None = Field(None, description="A worker (WK… or its friendly name)")
    queue: TargetName | None = Field(None, description="A task queue (WQ… or its friendly name)")
    workflow: TargetName | None = Field(None, description="A workflow (WW… or its friendly name)")


class EscalationBody(Strict):
    """A customer is to be handed to people. Give `conversation_sid`, or `interaction_sid` and `channel_sid`, or all."""

    model_config = ConfigDict(title="Escalation")

    conversation_sid: ConversationSid | None = Field(
        None, description="The conversation (CH…); in Studio `{{flow.channel.address}}`"
    )
    interaction_sid: InteractionSid | None = Field(None, description="The interaction (KD…); goes with `channel_sid`")
    channel_sid: ChannelSid | None = Field(None, description="The interaction channel (UO…); goes with the interaction")
    channel_type: ChannelType | None = Field(None, description="The medium the customer writes on")
    reason: Reason | None = Field(None, description="Why, in a word or two; the rules may read it")
    attributes: dict[str, Any] | None = Field(
        None,
        description=(
            f"Facts for the rules, copied onto the task: at most {most_characters({})} characters of JSON, those of "
            f"the rule and our own included; the rest of TaskRouter's {MOST_CHARACTERS} is Flex's. Names that begin "
            "with `router_` are ours and refused; old `flex…Sid` names of another task are left out."
        ),
    )
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Two requests with one key are one request; also taken as the header `Idempotency-Key`"
    )
    execution_sid: ExecutionSid | None = Field(
        None, description="The Studio execution, `{{flow.sid}}`: makes a retry within one execution the same request"
    )


class TransferBody(EscalationBody):
    """An agent, or an app on an agent's behalf, hands a conversation on. Without `to` the rules decide.

    Without `from` nobody is released: right when no agent is on the channel any more.
    """

    model_config = ConfigDict(title="Transfer")

    from_: OriginBody | None = Field(None, alias="from", description="The agent who hands the conversation on")
    to: TargetBody | None = Field(None, description="Where to; left out, the rules decide")
    mode: Literal["cold", "warm"] | None = Field(
        None, description="`cold` (default): the old agent leaves; `warm`: stays"
    )
    release: ReleaseWord | None = Field(
        None,
        description=(
            "Cold only: the old agent is let go once the new one has `accepted` (also spelled `on_accept`), once the "
            "task is `queued`, or `immediately`; left out, as the rule says, else `accepted`"
        ),
    )
