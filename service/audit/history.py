"""What TaskRouter's events tell of each conversation: its tasks, and how they ended.

This is the only public way from a conversation to its interaction and channel: the Conversation resource names neither,
and interactions cannot be listed (OpenAPI file of Flex). Event attributes are kept for 30 days ("Events resource").
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from service.audit.pace import Pace
from service.flex.taskrouter import PAGE, TaskRouter
from service.model import TaskEvent, Thread
from service.tracking.lifecycle import CAUGHT_UP, EVENT_SIGNALS

# task.created names the thread; the others say how a task ended. Who took it in between does not matter afterwards.
TOLD = tuple(event for event in CAUGHT_UP if event != "reservation.accepted")
COMPLETED = "task.completed"

Heard = Callable[[int], None]


@dataclass
class Story:
    """One task: where it belongs, and its end (event type and epoch ms by Twilio's clock), where that was told."""

    sid: str
    thread: Thread | None = None
    channel_type: str | None = None
    created_ms: int = 0
    ended_ms: int | None = None
    ending: str | None = None

    def hear(self, event: TaskEvent) -> None:
        """Take one event, whatever came before it. A completed task that is purged later stays completed."""
        thread = Thread.of(event.attributes)
        if thread is not None:
            kind = event.attributes.get("channelType")
            self.thread, self.channel_type = thread, kind if isinstance(kind, str) else self.channel_type
        if EVENT_SIGNALS[event.type] == "created":
            self.created_ms = event.at_ms
        elif self.ending is None or event.type == COMPLETED or (self.ending != COMPLETED and self._is_earlier(event)):
            self.ending, self.ended_ms = event.type, event.at_ms

    def _is_earlier(self, event: TaskEvent) -> bool:
        return self.ended_ms is None or event.at_ms < self.ended_ms


def read_histories(
    taskrouter: TaskRouter, pace: Pace, *, since: datetime, heard: Heard = lambda _: None
) -> dict[str, list[Story]]:
    """The tasks of each conversation (CH) with a task event since then, oldest first.

    ``heard`` is told how many events were read so far. Raises a Twilio fault.
    """
    events: dict[str, TaskEvent] = {}
    for event_type in TOLD:
        read = pace.call(partial(_read, taskrouter, pace, event_type=event_type, since=since))
        events.update((event.sid, event) for event in read)
        heard(len(events))
    return _sorted_out(events.values())


def _read(taskrouter: TaskRouter, pace: Pace, *, event_type: str, since: datetime) -> list[TaskEvent]:
    return list(pace.pages(taskrouter.events(event_type=event_type, since=since), PAGE))


def _sorted_out(events: Iterable[TaskEvent]) -> dict[str, list[Story]]:
    stories: dict[str, Story] = {}
    for event in events:
        if event.task_sid:
            stories.setdefault(event.task_sid, Story(event.task_sid)).hear(event)
    found: defaultdict[str, list[Story]] = defaultdict(list)
    for story in sorted(stories.values(), key=lambda one: one.created_ms):
        if story.thread and story.thread.conversation_sid:
            found[story.thread.conversation_sid].append(story)
    return dict(found)
