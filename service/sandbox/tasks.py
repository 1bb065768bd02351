"""Tasks: how one is made and the ways in which it ends. Where it goes in between is ``routing``'s.

Numbers: "TaskRouter resource limits" and "Lifecycle of a Task: Task state". All durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from service.sandbox.events import task_event
from service.sandbox.refusals import Refused
from service.sandbox.reservations import live_reservation, turn_to
from service.sandbox.sids import new_sid
from service.sandbox.state import LIVE_TASK, Task, TaskStatus
from service.sandbox.text_forms import compact
from service.sandbox.world import World

DEFAULT_TIMEOUT_S = 86_400
MOST_TIMEOUT_S = 1_209_600
MOST_ASSIGNED_S = 86_400
SHOWN_AFTER_END_S = 300
MOST_ATTRIBUTES = 4096  # characters, white space included
MOST_ASSIGNMENTS = 1000

TTL_REASON = "Task TTL Exceeded"
WORKFLOW_REASON = "Task canceled on Workflow timeout"
ASSIGNMENTS_REASON = "Task TTL Exceeded or Max assignment count exceeded"
COMPLETED_REASON = "All reservations were completed"


@dataclass(frozen=True)
class NewTask:
    """What a task is asked to be. With ``worker_sid`` it goes to that worker of ``queue_sid`` and to nobody else."""

    attributes: Mapping[str, object]
    workflow_sid: str
    task_channel_sid: str
    priority: int = 0
    timeout: int = DEFAULT_TIMEOUT_S
    queue_sid: str | None = None
    worker_sid: str | None = None


def create_task(world: World, new: NewTask) -> Task:
    """Make a task; it enters its workflow at the end of this turn."""
    now = world.now()
    task = Task(
        sid=new_sid("WT"),
        attributes=dict(new.attributes),
        priority=new.priority,
        timeout=new.timeout,
        task_channel_sid=new.task_channel_sid,
        workflow_sid=new.workflow_sid,
        created=now,
        updated=now,
        number=world.number(),
        queue_sid=new.queue_sid or "",
        queue_entered=now if new.queue_sid else 0.0,
        routing_target=new.worker_sid,
    )
    world.tasks[task.sid] = world.listed[task.sid] = task
    world.pending[task.sid] = world.unoffered[task.sid] = task
    task.ttl_timer = world.clock.at(now + task.timeout, partial(_ttl_over, world, task))
    task_event(world, "task.created", task)
    return task


def check_attributes(attributes: Mapping[str, object]) -> None:
    """Raises Refused if they are longer than a task may carry."""
    size = len(compact(attributes))
    if size > MOST_ATTRIBUTES:
        raise Refused(f"Attributes are {size} characters long; the most is {MOST_ATTRIBUTES}")


def set_attributes(world: World, task: Task, attributes: Mapping[str, object]) -> None:
    """Replace the attributes, as the Task API does. Raises Refused if they are too long."""
    check_attributes(attributes)
    task.attributes, task.updated = dict(attributes), world.now()
    task_event(world, "task.updated", task)


def assign(world: World, task: Task) -> None:
    """Its reservation was accepted."""
    task.status, task.updated = "assigned", world.now()
    task.assignments += 1
    task.held_timer = world.clock.after(MOST_ASSIGNED_S, partial(_held_too_long, world, task))
    _stop(task, "ttl_timer", "step_timer")


def cancel(world: World, task: Task, reason: str) -> None:
    """Cancel a pending or reserved task. Raises Refused if it is neither ("Lifecycle of a Task: Task state")."""
    if task.status not in ("pending", "reserved"):
        raise Refused(f"Cannot cancel task {task.sid} because it is not pending or reserved.")
    reservation = live_reservation(world, task)
    _end(world, task, "canceled", reason)
    if reservation:
        turn_to(world, reservation, "canceled", reason=reason)
    task_event(world, "task.canceled", task)


def wrap(world: World, task: Task) -> None:
    """Assigned → wrapping. Raises Refused if it is not assigned."""
    reservation = live_reservation(world, task)
    if task.status != "assigned" or reservation is None:
        raise Refused(f"Cannot wrap up task {task.sid} because it is not assigned.")
    task.status, task.updated = "wrapping", world.now()
    turn_to(world, reservation, "wrapping")
    task_event(world, "task.wrapup", task)


def complete(world: World, task: Task, reason: str = COMPLETED_REASON) -> None:
    """Assigned or wrapping → completed. Raises Refused if it is neither."""
    reservation = live_reservation(world, task)
    if task.status not in ("assigned", "wrapping") or reservation is None:
        raise Refused(f"Cannot complete task {task.sid} because it is not assigned or wrapping.")
    _end(world, task, "completed", reason)
    turn_to(world, reservation, "completed")
    task_event(world, "task.completed", task)


def delete(world: World, task: Task) -> None:
    """Deleted through the API: it is gone at once."""
    _remove(world, task, "task.deleted", "Task deleted")


def _ttl_over(world: World, task: Task) -> None:
    if task.status in ("pending", "reserved"):
        cancel(world, task, TTL_REASON)


def _held_too_long(world: World, task: Task) -> None:
    if task.status in ("assigned", "wrapping"):
        _remove(world, task, "task.system-deleted", "Task assigned for too long")


def _remove(world: World, task: Task, event_type: str, reason: str) -> None:
    reservation = live_reservation(world, task)
    if task.status in LIVE_TASK:
        _end(world, task, "canceled", reason)
        if reservation:
            turn_to(world, reservation, "canceled", reason=reason)
    task_event(world, event_type, task)
    _hide(world, task)


def _end(world: World, task: Task, status: TaskStatus, reason: str) -> None:
    task.status = status
    task.reason, task.updated = reason, world.now()
    task.ended, task.ended_number = world.now(), world.number()
    world.touch(task.channel_sid)
    world.pending.pop(task.sid, None)
    world.unoffered.pop(task.sid, None)
    _stop(task, "ttl_timer", "step_timer", "held_timer")
    world.clock.after(SHOWN_AFTER_END_S, partial(_vanish, world, task))


def _vanish(world: World, task: Task) -> None:
    if not task.vanished and world.switches.system_deleted_after_end:
        task_event(world, "task.system-deleted", task)
    _hide(world, task)


def _hide(world: World, task: Task) -> None:
    task.vanished = True
    world.listed.pop(task.sid, None)


def _stop(task: Task, *names: str) -> None:
    for name in names:
        timer = getattr(task, name)
        if timer is not None:
            timer.cancel()
            setattr(task, name, None)
