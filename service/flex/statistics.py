"""TaskRouter's real-time figures, as values: how full a queue is, and whether a worker is free.

Sources: "TaskQueue Real Time Statistics", "Workers resource". Methods may raise the Twilio faults (see ``faults``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from twilio.rest import Client

from service.errors import TwilioRefusedError
from service.flex.faults import twilio_faults
from service.flex.gateway import GONE


@dataclass(frozen=True)
class QueueFigures:
    """One TaskQueue now: tasks ``waiting`` for a worker, the longest wait (s), workers available and eligible."""

    waiting: int
    longest_wait_s: int
    available: int
    eligible: int


@dataclass(frozen=True)
class WorkerNow:
    """A worker now: whether their activity is an available one, and which it is."""

    available: bool
    activity_sid: str
    activity: str


class Statistics:
    """The live figures of one workspace."""

    def __init__(self, client: Client, workspace_sid: str) -> None:
        self._workspace = client.taskrouter.v1.workspaces(workspace_sid)

    def queue(self, queue_sid: str) -> QueueFigures:
        """The figures of a TaskQueue. Twilio computes them anew every few seconds, whoever asks."""
        with twilio_faults("fetch queue statistics"):
            seen = self._workspace.task_queues(queue_sid).real_time_statistics().fetch()
            statuses = seen.tasks_by_status if isinstance(seen.tasks_by_status, Mapping) else {}
            return QueueFigures(
                waiting=int(str(statuses.get("pending", 0))),
                longest_wait_s=int(seen.longest_task_waiting_age or 0),
                available=int(seen.total_available_workers or 0),
                eligible=int(seen.total_eligible_workers or 0),
            )

    def worker_available(self, worker_sid: str) -> bool | None:
        """Whether the worker's activity is an available one; None if there is no such worker (any more)."""
        worker = self.worker(worker_sid)
        return worker.available if worker else None

    def worker(self, worker_sid: str) -> WorkerNow | None:
        """What a worker is at; None if there is no such worker (any more)."""
        try:
            with twilio_faults("fetch worker"):
                seen = self._workspace.workers(worker_sid).fetch()
                return WorkerNow(bool(seen.available), str(seen.activity_sid), str(seen.activity_name))
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise
