"""TaskRouter through the SDK: tasks, the Events API, and the names of the workspace.

Every method may raise TwilioUnavailableError, TwilioAmbiguousError or TwilioRefusedError (see ``faults``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from twilio.base import values
from twilio.rest import Client

from service.errors import TwilioRefusedError
from service.flex.event_records import task_event
from service.flex.faults import twilio_faults
from service.flex.gateway import GONE, parse_attributes
from service.model import TaskEvent

PAGE = 1000  # the most that the Events API gives at once
_BY_INVITE = "router_invite_id == '{}'"
_BY_CONVERSATION = "conversationSid == '{}'"
_BY_CHANNEL = "flexInteractionChannelSid == '{}'"


@dataclass(frozen=True)
class Task:
    """A task as TaskRouter shows it now. ``status``: pending, reserved, assigned, wrapping, completed or canceled."""

    sid: str
    status: str
    reason: str | None
    attributes: Mapping[str, object]
    updated_ms: int | None = None  # when it last changed, epoch ms
    queue_sid: str | None = None  # the queue that it waits in, or was taken from

    @property
    def live(self) -> bool:
        """True while somebody may still come, or is there, through this task."""
        return self.status in ("pending", "reserved", "assigned", "wrapping")


class TaskRouter:
    """One workspace."""

    def __init__(self, client: Client, workspace_sid: str) -> None:
        self._workspace = client.taskrouter.v1.workspaces(workspace_sid)

    def task(self, task_sid: str) -> Task | None:
        """The task; None once it is gone, which is five minutes after its end ("Lifecycle of a Task")."""
        try:
            with twilio_faults("fetch task"):
                found = self._workspace.tasks(task_sid).fetch()
                attributes = parse_attributes(found.attributes)
                status, updated_ms = str(found.assignment_status), _epoch_ms(found.date_updated)
                queue_sid = found.task_queue_sid or None
                return Task(task_sid, status, found.reason, attributes, updated_ms, queue_sid)
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise

    def live_tasks_of_invite(self, invite_id: str) -> list[str]:
        """SIDs of the tasks that carry our id. Three requests a second is all that Twilio allows here."""
        with twilio_faults("list tasks"):
            listed = self._workspace.tasks.list(evaluate_task_attributes=_BY_INVITE.format(invite_id), limit=20)
            return [str(task.sid) for task in listed]

    def live_tasks_of_channel(self, channel_sid: str) -> list[str]:
        """SIDs of the tasks on an interaction channel; under the same limit."""
        with twilio_faults("list tasks"):
            listed = self._workspace.tasks.list(evaluate_task_attributes=_BY_CHANNEL.format(channel_sid), limit=100)
            return [str(task.sid) for task in listed]

    def live_tasks_of_conversation(self, conversation_sid: str) -> list[str]:
        """SIDs of the tasks of a conversation, on whichever channel; under the same limit."""
        with twilio_faults("list tasks"):
            wanted = _BY_CONVERSATION.format(conversation_sid)
            listed = self._workspace.tasks.list(evaluate_task_attributes=wanted, limit=100)
            return [str(task.sid) for task in listed]

    def live_tasks(self) -> Iterator[tuple[str, Mapping[str, object] | None]]:
        """SID and attributes of every task that has not ended; None where the list leaves the attributes out."""
        with twilio_faults("list tasks"):
            statuses = ["pending", "reserved", "assigned", "wrapping"]
            for task in self._workspace.tasks.stream(assignment_status=statuses, page_size=PAGE):
                yield str(task.sid), None if task.attributes is None else parse_attributes(task.attributes)

    def cancel_task(self, task_sid: str, reason: str) -> int | None:
        """Cancel a pending or reserved task. When that was, by Twilio's clock (epoch ms).

        Raises TwilioRefusedError if it is neither.
        """
        with twilio_faults("cancel task"):
            done = self._workspace.tasks(task_sid).update(assignment_status="canceled", reason=reason)
            return _epoch_ms(done.date_updated)

    def events(
        self,
        *,
        event_type: str | None = None,
        task_sid: str | None = None,
        since: datetime | None = None,
        minutes: int | None = None,
    ) -> Iterator[TaskEvent]:
        """Events about tasks, newest first, from ``since`` (Twilio's clock) or the last ``minutes``.

        One of the two must be given: without them the API looks back 15 minutes only.
        """
        with twilio_faults("list events"):
            records = self._workspace.events.stream(
                event_type=values.unset if event_type is None else event_type,
                task_sid=values.unset if task_sid is None else task_sid,
                start_date=values.unset if since is None else since,
                minutes=values.unset if minutes is None else minutes,
                page_size=PAGE,
            )
            for record in records:
                event = task_event(record)
                if event is not None:
                    yield event

    def names(self) -> dict[str, dict[str, str]]:
        """Friendly name → SID of every workflow, queue, worker and activity; unique name → SID of task channels."""
        with twilio_faults("list names"):
            return {
                "workflows": {str(one.friendly_name): str(one.sid) for one in self._workspace.workflows.list()},
                "queues": {str(one.friendly_name): str(one.sid) for one in self._workspace.task_queues.list()},
                "workers": {str(one.friendly_name): str(one.sid) for one in self._workspace.workers.list()},
                "task_channels": {str(one.unique_name): str(one.sid) for one in self._workspace.task_channels.list()},
                "activities": {str(one.friendly_name): str(one.sid) for one in self._workspace.activities.list()},
            }

    def workflows(self) -> list[dict[str, object]]:
        """Every workflow's ``sid``, ``friendly_name`` and ``configuration`` (a JSON text)."""
        with twilio_faults("list workflows"):
            return [
                {"sid": one.sid, "friendly_name": one.friendly_name, "configuration": one.configuration}
                for one in self._workspace.workflows.list()
            ]


def _epoch_ms(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None
