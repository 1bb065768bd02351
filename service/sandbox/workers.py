"""Workers: what they are doing, and whether they could take one more task. No routing in here."""

from service.sandbox.events import worker_event
from service.sandbox.state import Task, TaskQueue, Worker, WorkerChannel
from service.sandbox.workflow import Expression, worker_facts
from service.sandbox.world import World


def available(world: World, worker: Worker) -> bool:
    """In an available activity."""
    return world.activities[worker.activity_sid].available


def assigned(world: World, worker: Worker, task_channel_sid: str) -> int:
    """How many tasks of that kind the worker has, offered ones included."""
    tasks = (world.tasks[world.reservations[sid].task_sid] for sid in worker.reservations)
    return sum(task.task_channel_sid == task_channel_sid for task in tasks)


def has_room(world: World, worker: Worker, task: Task) -> bool:
    """Available, and with capacity left for a task of this kind."""
    channel = worker.channels.get(task.task_channel_sid)
    return (
        available(world, worker)
        and channel is not None
        and channel.available
        and assigned(world, worker, task.task_channel_sid) < channel.capacity
    )


def room_percentage(world: World, worker: Worker, channel: WorkerChannel) -> int:
    """The share of the capacity that is left."""
    if not channel.capacity:
        return 0
    return max(0, 100 - 100 * assigned(world, worker, channel.task_channel_sid) // channel.capacity)


def in_queue(world: World, worker: Worker, queue: TaskQueue) -> bool:
    """The worker matches the queue's expression; the activity does not matter."""
    return matches(world, worker, queue.target_workers)


def matches(world: World, worker: Worker, expression: str) -> bool:
    """The worker matches a TargetWorkers expression."""
    activity = world.activities[worker.activity_sid]
    return Expression.of(expression).matches(worker_facts(worker, activity.friendly_name))


def eligible(world: World, queue: TaskQueue) -> list[Worker]:
    """Everybody in the queue, whatever they are doing."""
    return [worker for worker in world.workers.values() if in_queue(world, worker, queue)]


def set_activity(world: World, worker: Worker, activity_sid: str) -> None:
    """Change what the worker is doing; the same activity again changes nothing."""
    if worker.activity_sid == activity_sid:
        return
    before = world.activities[worker.activity_sid]
    seconds = int(world.now() - worker.status_changed)
    worker.activity_sid = activity_sid
    worker.status_changed = worker.updated = worker.idle_since = world.now()
    previous = {
        "WorkerPreviousActivitySid": before.sid,
        "WorkerPreviousActivityName": before.friendly_name,
        "WorkerTimeInPreviousActivity": str(seconds),
    }
    worker_event(world, "worker.activity.update", worker, previous)
    world.freed[worker.sid] = worker


def set_capacity(world: World, worker: Worker, channel: WorkerChannel, capacity: int) -> None:
    """Change how much of one kind of work the worker takes."""
    channel.capacity = capacity
    worker.updated = world.now()
    name = world.task_channels[channel.task_channel_sid].unique_name
    extra = {"WorkerChannelSid": channel.sid, "TaskChannelUniqueName": name, "WorkerChannelCapacity": str(capacity)}
    worker_event(world, "worker.capacity.update", worker, extra)
    world.freed[worker.sid] = worker
