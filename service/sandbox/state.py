"""What the local Twilio holds: plain records, in Twilio's words. No behaviour, no HTTP. Times are epoch seconds."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from service.sandbox.clock import Timer

TaskStatus = Literal["pending", "reserved", "assigned", "wrapping", "completed", "canceled"]
ReservationStatus = Literal[
    "pending", "accepted", "rejected", "timeout", "canceled", "rescinded", "wrapping", "completed"
]
ChannelStatus = Literal["setup", "active", "failed", "closed", "inactive", "pause", "transfer"]
ConversationState = Literal["initializing", "active", "inactive", "closed"]

LIVE_TASK = frozenset({"pending", "reserved", "assigned", "wrapping"})
LIVE_RESERVATION = frozenset({"pending", "accepted", "wrapping"})


@dataclass
class Workspace:
    """The one workspace. ``events_filter`` empty means every event is posted."""

    sid: str
    friendly_name: str
    created: float
    updated: float
    default_activity_sid: str = ""
    timeout_activity_sid: str = ""
    event_callback_url: str = ""
    events_filter: str = ""
    multi_task_enabled: bool = True
    prioritize_queue_order: str = "FIFO"


@dataclass
class Activity:
    """Something a worker may be doing; only ``available`` ones receive tasks."""

    sid: str
    friendly_name: str
    available: bool
    created: float
    updated: float


@dataclass
class TaskChannel:
    """A kind of work (chat, voice …) with its own capacity per worker."""

    sid: str
    unique_name: str
    friendly_name: str
    created: float
    updated: float
    channel_optimized_routing: bool = True


@dataclass
class TaskQueue:
    """Workers that match an expression."""

    sid: str
    friendly_name: str
    target_workers: str
    created: float
    updated: float
    task_order: str = "FIFO"
    max_reserved_workers: int = 1


@dataclass
class Workflow:
    """Filters and their targets, as the JSON text that TaskRouter takes."""

    sid: str
    friendly_name: str
    configuration: str
    created: float
    updated: float
    task_reservation_timeout: int = 120
    assignment_callback_url: str = ""
    fallback_assignment_callback_url: str = ""


@dataclass
class WorkerChannel:
    """How much of one kind of work a worker takes at a time."""

    sid: str
    task_channel_sid: str
    capacity: int
    created: float
    available: bool = True


@dataclass
class Worker:
    """Somebody who takes tasks. ``idle_since`` decides who is offered the next one."""

    sid: str
    friendly_name: str
    attributes: dict[str, object]
    activity_sid: str
    created: float
    updated: float
    status_changed: float
    channels: dict[str, WorkerChannel] = field(default_factory=dict)
    idle_since: float = 0.0
    reservations: list[str] = field(default_factory=list)  # the live ones


@dataclass
class Task:
    """A task, kept here after Twilio would have forgotten it, so that the judge can look back."""

    sid: str
    attributes: dict[str, object]
    priority: int
    timeout: int
    task_channel_sid: str
    workflow_sid: str
    created: float
    updated: float
    number: int
    queue_sid: str = ""
    queue_entered: float = 0.0
    status: TaskStatus = "pending"
    reason: str = ""
    version: int = 0
    routing_target: str | None = None  # the one worker a direct task is for
    assignments: int = 0
    reservation_sid: str | None = None  # the live one
    invite_sid: str | None = None
    channel_sid: str | None = None
    refused_by: set[str] = field(default_factory=set)  # in this step; they are not offered it again before the next
    entered: bool = False  # it has been routed once
    filter_index: int = -1
    step_index: int = 0
    step_timer: Timer | None = None
    ttl_timer: Timer | None = None
    held_timer: Timer | None = None
    ended: float | None = None
    ended_number: int = 0  # the order in which tasks ended
    left: bool = False  # it ended, or will, because its agent left on purpose
    vanished: bool = False


@dataclass
class Reservation:
    """The offer of a task to a worker."""

    sid: str
    task_sid: str
    worker_sid: str
    created: float
    updated: float
    status: ReservationStatus = "pending"
    timer: Timer | None = None
    on_hold: bool = False  # the agent pressed accept, the setup is under way
    ignored: bool = False  # the agent lets it ring


@dataclass
class Participant:
    """Somebody on a Flex channel (UT)."""

    sid: str
    type: str
    channel_sid: str
    interaction_sid: str
    created: float
    routing: dict[str, str] | None = None
    conversation_participant_sid: str | None = None


@dataclass
class Invite:
    """One ask to bring somebody into a channel (KG)."""

    sid: str
    channel_sid: str
    interaction_sid: str
    task_sid: str
    created: float
    routing: dict[str, object]  # as answered when it was made
    asked: dict[str, object]  # as the caller sent it


@dataclass(frozen=True)
class Pause:
    """A native Pause: whose task it was, and when the conversation goes to anybody."""

    worker_sid: str
    task_sid: str
    timer: Timer


@dataclass
class Channel:
    """An interaction channel (UO)."""

    sid: str
    interaction_sid: str
    conversation_sid: str
    type: str
    created: float
    status: ChannelStatus = "setup"
    initiated_by: str = "customer"
    participants: list[Participant] = field(default_factory=list)
    invites: list[Invite] = field(default_factory=list)
    task_sids: list[str] = field(default_factory=list)
    error_code: int | None = None
    error_message: str | None = None
    pause: Pause | None = None


@dataclass
class Interaction:
    """An interaction (KD)."""

    sid: str
    channel_sid: str
    created: float
    answer: dict[str, object]  # ``channel`` and ``routing`` as answered when it was made
    interaction_context_sid: str | None = None
    webhook_ttid: str | None = None


@dataclass
class Member:
    """A participant of a Conversation (MB): by identity, or by address."""

    sid: str
    created: float
    updated: float
    identity: str | None = None
    address: str | None = None
    proxy_address: str | None = None
    attributes: str = "{}"
    agent: bool = False


@dataclass
class Message:
    """A message of a Conversation (IM)."""

    sid: str
    index: int
    author: str
    body: str
    created: float
    number: int  # in the order of things
    attributes: str = "{}"
    member_sid: str | None = None
    by_api: bool = False


@dataclass
class Webhook:
    """A webhook of one Conversation (WH)."""

    sid: str
    target: str
    url: str
    method: str
    filters: list[str]
    created: float
    updated: float
    replay_after: int | None = None


@dataclass(frozen=True)
class Attendance:
    """Who looked after a conversation from ``at`` on. ``parked``: nobody, on purpose."""

    at: float
    agents: int
    live_tasks: int
    parked: bool
    closed: bool


ATTENDANCES_KEPT = 1000  # per conversation


@dataclass
class Conversation:
    """A thread (CH). ``timers`` are the seconds after which it goes inactive and closes by itself."""

    sid: str
    channel_type: str
    created: float
    updated: float
    deleted: bool = False
    friendly_name: str | None = None
    unique_name: str | None = None
    attributes: str = "{}"
    state: ConversationState = "active"
    members: list[Member] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    channel_sids: list[str] = field(default_factory=list)
    timer_inactive_s: float | None = None
    timer_closed_s: float | None = None
    timers: list[Timer] = field(default_factory=list)
    date_inactive: float | None = None
    date_closed: float | None = None
    attendance: deque[Attendance] = field(default_factory=lambda: deque(maxlen=ATTENDANCES_KEPT))


@dataclass(frozen=True)
class FlexToken:
    """What Flex gives a user who has logged in. ``text`` is the whole token."""

    text: str
    worker_sid: str
    roles: tuple[str, ...]
    expires: float
    revoked: bool = False


@dataclass(frozen=True)
class Event:
    """One record of the Events API. ``data`` has the callback's names (CamelCase) and only texts."""

    sid: str
    number: int
    type: str
    description: str
    resource_type: str
    resource_sid: str
    created: float
    data: dict[str, str]
    actor_sid: str


@dataclass(frozen=True)
class Outgoing:
    """A callback on its way. Callbacks of one ``lane`` keep their order, unless told otherwise."""

    url: str
    form: tuple[tuple[str, str], ...]
    event_type: str
    event_sid: str
    lane: str
    task_sid: str = ""
    overrides: bool = True  # connection overrides in the URL's fragment apply
    method: str = "POST"
    json: str = ""  # in place of the form: a delivery of Event Streams
