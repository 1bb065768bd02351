"""Frozen values that travel between the rooms of this house. Standard library only; no behaviour beyond reading.

Times are epoch milliseconds (``*_ms``) by Twilio's or our own clock as the name says; durations are seconds (``*_s``).
SIDs are Twilio's 34-character identifiers: KD interaction, UO channel, CH conversation, KG invite, WT task,
WR reservation, WK worker, WQ task queue, WW workflow, WS workspace, UT participant, EV event.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

SID_PATTERN = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")

NOTHING: Mapping[str, object] = MappingProxyType({})


def is_sid(text: object, prefix: str) -> bool:
    """True if ``text`` is a whole Twilio SID of the given two-letter kind. The SDK does not escape SIDs into URLs."""
    return isinstance(text, str) and text[:2] == prefix and SID_PATTERN.fullmatch(text) is not None


class Kind(StrEnum):
    """Where an invite came from. ``adopted``: somebody else made its task (Send to Flex, Flex UI, a plugin)."""

    ESCALATION = "escalation"
    TRANSFER = "transfer"
    ADOPTED = "adopted"


class State(StrEnum):
    """Where an invite is in its life; the allowed moves stand in ``tracking.lifecycle``."""

    REQUESTED = "requested"
    PENDING = "pending"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    LAPSED = "lapsed"
    CLOSED = "closed"
    RELEASED = "released"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    CANCELED = "canceled"


class Mode(StrEnum):
    """Whether the agent who transfers leaves (cold) or stays (warm)."""

    COLD = "cold"
    WARM = "warm"


class Release(StrEnum):
    """When the agent who transfers cold is let go: the newcomer is there, the task is in its queue, or at once."""

    ON_ACCEPT = "on_accept"
    QUEUED = "queued"
    IMMEDIATELY = "immediately"


ReleaseWord = Literal["accepted", "queued", "immediately", "on_accept"]
RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "accepted": Release.ON_ACCEPT,
        "queued": Release.QUEUED,
        "immediately": Release.IMMEDIATELY,
        "on_accept": Release.ON_ACCEPT,  # as it was spelled at first
    }
)

CHANNEL_TYPES = ("web", "sms", "whatsapp", "messenger", "chat", "email", "voice")


@dataclass(frozen=True)
class Target:
    """A named target of a transfer: exactly one kind, by SID or by friendly name."""

    kind: str  # "worker" | "queue" | "workflow"
    name: str  # SID or friendly name


@dataclass(frozen=True)
class Origin:
    """The agent who asks for a transfer: a worker (WK) or directly the participant (UT)."""

    worker_sid: str | None = None
    participant_sid: str | None = None


@dataclass(frozen=True)
class RoutingRequest:
    """One escalation or transfer, checked. At least a conversation, or an interaction with its channel, is set."""

    kind: Kind
    conversation_sid: str | None = None
    interaction_sid: str | None = None
    channel_sid: str | None = None
    channel_type: str | None = None
    reason: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    idempotency_key: str | None = None
    execution_sid: str | None = None
    origin: Origin | None = None
    to: Target | None = None
    mode: Mode | None = None
    release: Release | None = None
    carried: Mapping[str, object] | None = None  # attributes of the old task; None: not read (yet)


@dataclass(frozen=True)
class Route:
    """A resolved target: SIDs that Twilio will be given, and the names people know them by."""

    workflow_sid: str
    workflow: str
    queue_sid: str | None = None
    queue: str | None = None
    worker_sid: str | None = None
    worker: str | None = None
    direct: bool = False  # worker_sid and queue_sid go into Routing.properties instead of steering attributes
    task_channel: str | None = None
    priority: int | None = None
    timeout_s: int | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    skip_if: str | None = None  # a condition, asked when this step's turn comes: if it holds, the next one is tried
    recheck_s: int | None = None  # while the task waits, skip_if is asked again at least this often

    @property
    def target(self) -> str:
        """What the route aims at: ``worker``, ``queue`` or ``workflow``."""
        return "worker" if self.worker_sid else "queue" if self.queue_sid else "workflow"


@dataclass(frozen=True)
class Plan:
    """What the rules said for one request: the rule's name, its steps in order, and what to do after the last."""

    rule: str
    rules_sha256: str
    steps: tuple[Route, ...]
    on_lapse: str = "close"  # "close" | "leave"
    farewell: str | None = None
    release: Release | None = None  # of a cold transfer, where its request does not say
    give_up_s: int | None = None  # no further step is begun once the first one is this old
    trace: str = ""  # which conditions decided, without values; compact JSON


CALLED = "called "


@dataclass(frozen=True)
class Entry:
    """One line of a record's history: when (epoch ms by Redis' clock), the state from then on, and what brought it."""

    at_ms: int
    state: str
    what: str

    @property
    def call(self) -> str:
        """The call of Twilio that it tells of; "" for what has happened to the record itself."""
        return self.what.removeprefix(CALLED) if self.what.startswith(CALLED) else ""


@dataclass(frozen=True)
class Invite:
    """Our tracked record: one ask to bring somebody into a conversation."""

    id: str
    kind: Kind
    state: State
    created_at_ms: int
    request: RoutingRequest
    plan: Plan
    step: int = 0  # index into plan.steps
    interaction_sid: str | None = None
    channel_sid: str | None = None
    conversation_sid: str | None = None
    invite_sid: str | None = None
    task_sid: str | None = None
    worker_sid: str | None = None  # who accepted
    predecessor: str | None = None  # the invite whose lapse led to this one
    ladder_at_ms: int | None = None  # when the first invite of this chain was created; None for the first itself
    successor: str | None = None
    attempt: int = 0  # how often the create was tried
    sent_at_ms: int | None = None  # when the last create was begun, written before the call; None: surely none is out
    ended_at_ms: int | None = None  # when its task ended, by Twilio's clock
    let_go: bool = False  # a transfer of ours has taken this agent off the channel: they did not leave on purpose
    cancel_wanted: bool = False  # an app has called it off; the end of its task is no lapse
    looks: int = 0  # how often its channel was judged without a result
    hidden_looks: int = 0  # at how many of these, the last in a row, Twilio did not show the channel
    reason: str | None = None  # why it ended, in Twilio's event words
    due_ms: int | None = None
    farewell_sent: bool = False
    old_agent_gone: bool = False  # a cold transfer has let its old agent go
    asked_by: str | None = None  # "key:<id>", "flex:WK…", "twilio", "errand:er_…" or "console:operator"
    trouble: str | None = None  # why it could not be brought further when that was last tried; None: nothing is wrong
    history: tuple["Entry", ...] = ()

    @property
    def release(self) -> Release:
        """When the agent who transfers cold is let go: as the request says, or else the rule."""
        return self.request.release or self.plan.release or Release.ON_ACCEPT

    @property
    def route(self) -> Route | None:
        """The route of the current step; an adopted invite has none."""
        return self.plan.steps[self.step] if self.step < len(self.plan.steps) else None


class ErrandKind(StrEnum):
    """What may be asked to be done on a conversation, once."""

    LEAVE = "leave"  # an agent goes, others stay
    REMOVE = "remove"  # a supervisor takes somebody off
    END = "end"  # it is over for everybody
    PARK = "park"  # nobody attends until the customer writes, a timer rings, or an app says so


class ErrandState(StrEnum):
    """Where an errand is in its life; the allowed moves stand in ``tracking.lifecycle``."""

    TAKEN = "taken"
    PARKED = "parked"
    WAKING = "waking"
    DONE = "done"
    REFUSED = "refused"


class Last(StrEnum):
    """What becomes of the customer when the agent who is to go is the last one."""

    REFUSE = "refuse"  # then the agent stays
    TRANSFER = "transfer"  # then somebody else is asked first
    END = "end"  # then the conversation ends


@dataclass(frozen=True)
class Ask:
    """What an errand is to do, as it was asked."""

    who: Origin | None = None  # leave, remove, park: whom it concerns
    last: Last = Last.REFUSE
    to: Target | None = None  # last=transfer: to whom; without it the rules decide
    release: Release | None = None  # last=transfer
    attributes: Mapping[str, object] = field(default_factory=dict)  # last=transfer, park: facts, and for the new task
    reason: str | None = None
    wrapup: bool = True  # end: agents wrap up, as with Flex' own End button
    wake_after_s: int | None = None  # park: the timer; None: only the customer or an app wakes it
    same_agent_s: int = 0  # park: for so long the agent who parked is asked first; 0: never


@dataclass(frozen=True)
class Errand:
    """Our tracked record of something to be done on a conversation once."""

    id: str
    kind: ErrandKind
    state: ErrandState
    created_at_ms: int
    ask: Ask
    interaction_sid: str
    channel_sid: str
    conversation_sid: str | None = None
    asked_by: str | None = None
    channel_type: str | None = None
    successor: str | None = None  # the invite that it has led to
    reason: str | None = None  # why it ended as it did
    outcome: str | None = None  # left | removed | transferred | ended | woken | closed, once it is done
    attempt: int = 0
    worker_sid: str | None = None  # park: who parked
    parked_at_ms: int | None = None
    carried: Mapping[str, object] = field(default_factory=dict)  # attributes of the task that was put down
    last_message_sid: str | None = None  # park: the newest message when the agent went
    wake_wanted: str | None = None  # what has asked for its waking: message, timer, app
    trouble: str | None = None  # as of an invite
    due_ms: int | None = None
    history: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class TaskEvent:
    """One TaskRouter event, from the callback, Event Streams or the Events API: the same value for all three."""

    sid: str  # EV…
    type: str  # "task.canceled", "reservation.accepted", …
    at_ms: int  # TaskRouter's time of it
    workspace_sid: str
    task_sid: str | None = None
    reservation_sid: str | None = None
    worker_sid: str | None = None
    reason: str | None = None  # canceled or completed reason; free text, never branched on
    task_channel: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)  # the task's, parsed; empty where absent


@dataclass(frozen=True)
class Thread:
    """The Flex side of a task: the interaction channel and the conversation that its attributes name."""

    interaction_sid: str
    channel_sid: str
    conversation_sid: str | None = None
    invite_sid: str | None = None

    @classmethod
    def of(cls, attributes: Mapping[str, object]) -> "Thread | None":
        """None if the attributes are not those of a Flex Conversations task ("Interactions API" overview)."""
        interaction, channel = attributes.get("flexInteractionSid"), attributes.get("flexInteractionChannelSid")
        if not (is_sid(interaction, "KD") and is_sid(channel, "UO")):
            return None
        invite = attributes.get("flexChannelInviteSid")
        invite_sid = str(invite) if is_sid(invite, "KG") else None
        return cls(str(interaction), str(channel), conversation_in(attributes), invite_sid)


def conversation_in(attributes: Mapping[str, object]) -> str | None:
    """The CH of a task: ``conversationSid``, or the transcript's where that field holds something else.

    "Park an Interaction" shows a channel SID in conversationSid.
    """
    if is_sid(attributes.get("conversationSid"), "CH"):
        return str(attributes["conversationSid"])
    linked = attributes.get("conversations")
    media = linked.get("media") if isinstance(linked, Mapping) else None
    for item in media if isinstance(media, list) else []:
        if isinstance(item, Mapping) and is_sid(item.get("sid"), "CH"):
            return str(item["sid"])
    return None


EMPTY_PLAN = Plan(rule="", rules_sha256="", steps=())
