"""The whole state of the local Twilio, the lock that guards it, and lookups that refuse in Twilio's way."""

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from service.sandbox.clock import Clock
from service.sandbox.refusals import not_found
from service.sandbox.state import (
    Activity,
    Channel,
    Conversation,
    Event,
    FlexToken,
    Interaction,
    Outgoing,
    Reservation,
    Task,
    TaskChannel,
    TaskQueue,
    Worker,
    Workflow,
    Workspace,
)
from service.sandbox.switches import Switches

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Account:
    """Whose account this is, and with what it may be used besides."""

    sid: str
    token: str
    api_key: str | None = None
    api_secret: str | None = None


@dataclass
class World:
    """Everything there is. Use it inside ``turn`` only."""

    account: Account
    workspace: Workspace
    switches: Switches = field(default_factory=Switches)
    clock: Clock = field(default_factory=Clock)
    origin: str = "http://127.0.0.1:8090"
    stream_url: str = ""  # the webhook sink of Event Streams
    activities: dict[str, Activity] = field(default_factory=dict)
    task_channels: dict[str, TaskChannel] = field(default_factory=dict)
    queues: dict[str, TaskQueue] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    interactions: dict[str, Interaction] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    bindings: dict[tuple[str, str | None], Conversation] = field(default_factory=dict)  # the latest of each pair
    events: list[Event] = field(default_factory=list)
    events_of_task: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    reservations_of_task: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    pending: dict[str, Task] = field(default_factory=dict)  # every pending task
    listed: dict[str, Task] = field(default_factory=dict)  # every task that Twilio still shows
    unoffered: dict[str, Task] = field(default_factory=dict)  # became pending during this turn
    freed: dict[str, Worker] = field(default_factory=dict)  # became able to take more during this turn
    touched: dict[str, Conversation] = field(default_factory=dict)  # attended otherwise, perhaps, after this turn
    tokens: dict[str, FlexToken] = field(default_factory=dict)
    closed_under_agent: list[dict[str, str]] = field(default_factory=list)
    send: Callable[[Outgoing], None] = lambda _: None
    lock: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Everything that is due has happened; nothing else happens inside; what follows from it happens at the end."""
        with self.lock:
            self.clock.fire_due()
            expected = self.clock.earliest()
            try:
                yield
            finally:
                self.clock.after_each()
                if self.clock.earliest() < expected:
                    self.lock.notify_all()  # the ticker thinks it may sleep longer

    def now(self) -> float:
        """The sandbox's time, in epoch seconds."""
        return self.clock.now()

    def number(self) -> int:
        """A number greater than all before: the order of things."""
        return next(self._numbers)

    def touch(self, channel_sid: str | None) -> None:
        """Somebody came to this channel or went, or a task of it; None and unknown ones are passed over."""
        channel = self.channels.get(channel_sid or "")
        if channel is not None:
            self.touched[channel.conversation_sid] = self.conversations[channel.conversation_sid]

    def task(self, sid: str) -> Task:
        """A task that Twilio still shows. Raises Refused (404) otherwise."""
        return _shown(self.listed, sid, f"/Workspaces/{self.workspace.sid}/Tasks/{sid}")

    def channel(self, interaction_sid: str, sid: str) -> Channel:
        """A channel of that interaction. Raises Refused (404) otherwise."""
        channel = self.channels.get(sid)
        if channel is None or channel.interaction_sid != interaction_sid:
            raise not_found(f"/Interactions/{interaction_sid}/Channels/{sid}")
        return channel

    def conversation(self, sid: str) -> Conversation:
        """A conversation by SID or unique name. Raises Refused (404) otherwise."""
        if sid not in self.conversations:
            sid = next((one.sid for one in self.conversations.values() if one.unique_name == sid), sid)
        found = _shown(self.conversations, sid, f"/Conversations/{sid}")
        if found.deleted:
            raise not_found(f"/Conversations/{sid}")
        return found

    def worker(self, sid: str) -> Worker:
        """A worker by SID. Raises Refused (404) otherwise."""
        return _shown(self.workers, sid, f"/Workspaces/{self.workspace.sid}/Workers/{sid}")

    def activity_named(self, name: str) -> Activity:
        """The activity of that friendly name; it must be there."""
        return next(one for one in self.activities.values() if one.friendly_name == name)

    def task_channel_named(self, name: str) -> TaskChannel | None:
        """The task channel of that unique name."""
        return next((one for one in self.task_channels.values() if one.unique_name == name), None)

    def tasks_of(self, channel: Channel) -> list[Task]:
        """All tasks that were ever made for a channel, oldest first."""
        return [self.tasks[sid] for sid in channel.task_sids]


def _shown(kept: dict[str, Kind], sid: str, path: str) -> Kind:
    if sid not in kept:
        raise not_found(path)
    return kept[sid]
