"""Where a task goes: through its workflow's filters and steps, to the worker who has been idle longest.

``settle`` runs at the end of each turn and after each timer: it routes what became pending and gives work to whoever
became able to take it. So nothing else in the sandbox needs to think of routing.

Sources: "Lifecycle of a Task: Timeout Evaluation" (a step's timeout counts from the task's age, summed over the steps);
"Skipping Based on Worker Availability" (skip_if is asked only where nobody can take the task at once; a task that
skips a filter goes on as if it had not matched it); "Known Agent Routing".
"""

from collections.abc import Iterator
from functools import partial

from service.sandbox.events import task_event
from service.sandbox.reservations import live_reservation
from service.sandbox.ringing import offer, rescind
from service.sandbox.state import Task, TaskQueue, Worker
from service.sandbox.tasks import WORKFLOW_REASON, cancel
from service.sandbox.workers import available, eligible, has_room, in_queue
from service.sandbox.workflow import Filter, Target, known_worker, parse_configuration, task_facts, worker_facts
from service.sandbox.world import World


def settle(world: World) -> None:
    """Route everything that this turn set in motion."""
    while world.unoffered or world.freed:
        waiting, world.unoffered = list(world.unoffered.values()), {}
        for task in waiting:
            if task.status == "pending":
                _route(world, task)
        freed, world.freed = list(world.freed.values()), {}
        for worker in freed:
            _feed(world, worker)


def may_take(world: World, worker: Worker, task: Task) -> bool:
    """The step that the task is in would offer it to this worker, capacity and activity aside."""
    queue = world.queues.get(task.queue_sid)
    if queue is None:
        return False
    if task.routing_target:
        return worker.sid == task.routing_target
    return in_queue(world, worker, queue) and _matches_target(world, worker, task, _target(world, task))


def _route(world: World, task: Task) -> None:
    if not task.entered:
        task.entered = True
        _enter(world, task)
    elif task.queue_sid:
        _offer(world, task)


def _enter(world: World, task: Task) -> None:
    """A new task's first turn."""
    if task.queue_sid:  # straight to a queue or a worker: the workflow is passed over
        task_event(world, "task-queue.entered", task)
        _offer(world, task)
        return
    task_event(world, "workflow.entered", task)
    _next_filter(world, task, "workflow.timeout")


def _filters(world: World, task: Task) -> tuple[Filter, ...]:
    return parse_configuration(world.workflows[task.workflow_sid].configuration)


def _target(world: World, task: Task) -> Target | None:
    filters = _filters(world, task)
    if 0 <= task.filter_index < len(filters) and task.step_index < len(filters[task.filter_index].targets):
        return filters[task.filter_index].targets[task.step_index]
    return None  # the workflow was changed meanwhile, or this task is direct


def _next_filter(world: World, task: Task, if_none: str) -> None:
    filters = _filters(world, task)
    facts = task_facts(task)
    for index in range(task.filter_index + 1, len(filters)):
        if filters[index].expression.matches(facts):
            task.filter_index, task.step_index = index, 0
            task_event(world, "workflow.target-matched", task)
            _enter_step(world, task)
            return
    _fall_off(world, task, if_none)


def _fall_off(world: World, task: Task, event_type: str) -> None:
    task_event(world, event_type, task)
    cancel(world, task, WORKFLOW_REASON)


def _enter_step(world: World, task: Task) -> None:
    target = _target(world, task)
    assert target is not None  # the caller has just chosen it
    if target.priority is not None:
        task.priority = target.priority
    task.queue_sid, task.queue_entered, task.updated = target.queue_sid, world.now(), world.now()
    task.refused_by.clear()
    task_event(world, "task-queue.entered", task)
    if _offer(world, task):
        _set_step_timer(world, task)
    elif target.skip_if is not None and target.skip_if.matches(_skip_facts(world, task)):
        _next_step(world, task, "workflow.skipped")
    else:
        _set_step_timer(world, task)


def _set_step_timer(world: World, task: Task) -> None:
    targets = _filters(world, task)[task.filter_index].targets[: task.step_index + 1]
    if targets[-1].timeout is not None:
        due = task.created + sum(target.timeout or 0 for target in targets)
        step = (task.filter_index, task.step_index)
        task.step_timer = world.clock.at(due, partial(_step_over, world, task, step))


def _step_over(world: World, task: Task, step: tuple[int, int]) -> None:
    if task.status not in ("pending", "reserved") or step != (task.filter_index, task.step_index):
        return
    reservation = live_reservation(world, task)
    if reservation is not None:
        if reservation.on_hold:
            task.step_timer = world.clock.after(1, partial(_step_over, world, task, step))
            return
        rescind(world, reservation)
        world.unoffered.pop(task.sid, None)
    task_event(world, "task-queue.timeout", task)
    _next_step(world, task, "workflow.timeout")


def _next_step(world: World, task: Task, if_none: str) -> None:
    if task.step_timer:
        task.step_timer.cancel()
    task.step_index += 1
    if _target(world, task) is None:
        _next_filter(world, task, if_none)
    else:
        task_event(world, "task-queue.moved", task)
        _enter_step(world, task)


def _skip_facts(world: World, task: Task) -> dict[str, object]:
    workers = eligible(world, world.queues[task.queue_sid])
    counts: dict[str, object] = dict.fromkeys(world.activities, 0)
    for sid in world.activities:
        counts[sid] = sum(worker.activity_sid == sid for worker in workers)
    counts["available"] = sum(available(world, worker) for worker in workers)
    counts["unavailable"] = sum(not available(world, worker) for worker in workers)
    return {**task_facts(task), "workers": counts}


def _offer(world: World, task: Task) -> bool:
    """Offer a pending task to whoever has been idle longest. False if nobody can take it now."""
    if task.status != "pending":
        return False
    for worker in _candidates(world, task):
        offer(world, task, worker)
        return True
    return False


def _candidates(world: World, task: Task) -> Iterator[Worker]:
    # Told apart by number where they became idle at the same moment, so that a run can be repeated.
    ready = [worker for worker in world.workers.values() if has_room(world, worker, task)]
    for worker in sorted(ready, key=lambda worker: worker.idle_since):
        if worker.sid not in task.refused_by and may_take(world, worker, task):
            yield worker


def _feed(world: World, worker: Worker) -> None:
    """Give a worker who has room what waits longest, highest priority first."""
    if not available(world, worker):
        return
    for task in sorted(world.pending.values(), key=lambda task: (-task.priority, task.number)):
        if task.queue_sid and has_room(world, worker, task) and worker.sid not in task.refused_by:
            if may_take(world, worker, task):
                offer(world, task, worker)
            if not _any_room(world, worker):
                return


def _any_room(world: World, worker: Worker) -> bool:
    return len(worker.reservations) < sum(channel.capacity for channel in worker.channels.values())


def _matches_target(world: World, worker: Worker, task: Task, target: Target | None) -> bool:
    if target is None:
        return True
    known = known_worker(target, task)
    if known is not None and known != (worker.sid if target.known_by == "sid" else worker.friendly_name):
        return False
    activity = world.activities[worker.activity_sid].friendly_name
    return target.expression.matches({**task_facts(task), **worker_facts(worker, activity)})


def queue_tasks(world: World, queue: TaskQueue) -> list[Task]:
    """The tasks in a queue now, oldest first."""
    return [task for task in world.listed.values() if task.queue_sid == queue.sid and task.ended is None]
