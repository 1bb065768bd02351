"""TaskRouter's events: each is kept for the Events API and posted to the workspace's callback URL. No HTTP in here.

Names and sets of parameters: "TaskRouter Events reference"; Sid, TimestampMs, TaskVersion and a few more stand only in
real bodies.
"""

from collections.abc import Mapping

from service.sandbox.sids import new_sid
from service.sandbox.state import Event, Outgoing, Reservation, Task, Worker
from service.sandbox.streams import to_sink
from service.sandbox.text_forms import compact
from service.sandbox.world import World

KEPT = 200_000  # events; more would be a day of a busy centre, and this process has no disk
BARE = ("workflow.", "task.deleted")


def task_event(
    world: World, event_type: str, task: Task, *, reservation: Reservation | None = None, reason: str = ""
) -> None:
    """An event about a task, or about a reservation of it."""
    task.version += 1
    data = _of_task(world, task)
    if reservation is not None:
        data["ReservationSid"] = reservation.sid
        data |= _of_worker(world, world.workers[reservation.worker_sid])
    data |= _reasons(task, event_type, reason)
    if world.switches.bare_workflow_events and event_type.startswith(BARE):
        data = {name: value for name, value in data.items() if not _left_out(name)}
    subject = ("reservation", reservation.sid) if reservation else ("task", task.sid)
    _record(world, event_type, subject, data)


def worker_event(world: World, event_type: str, worker: Worker, extra: Mapping[str, str] | None = None) -> None:
    """An event about a worker."""
    _record(world, event_type, ("worker", worker.sid), {**_of_worker(world, worker), **(extra or {})})


def resource_event(world: World, event_type: str, sid: str, data: Mapping[str, str]) -> None:
    """An event about one of the workspace's other resources: task-queue.created, workflow.updated …"""
    _record(world, event_type, (event_type.split(".")[0], sid), dict(data))


def _record(world: World, event_type: str, subject: tuple[str, str], data: dict[str, str]) -> None:
    event = Event(
        sid=new_sid("EV"),
        number=world.number(),
        type=event_type,
        description=_description(event_type, data),
        resource_type=subject[0],
        resource_sid=subject[1],
        created=world.now(),
        data=data,
        actor_sid=data.get("WorkerSid", world.workspace.sid),
    )
    world.events.append(event)
    if "TaskSid" in data:
        world.events_of_task[data["TaskSid"]].append(event)
    if len(world.events) > KEPT:
        _forget(world, KEPT // 10)
    _post(world, event)


def _forget(world: World, count: int) -> None:
    """The oldest go, from both lists."""
    for event in world.events[:count]:
        if "TaskSid" in event.data:
            world.events_of_task[event.data["TaskSid"]].remove(event)
    del world.events[:count]


def _post(world: World, event: Event) -> None:
    to_stream = to_sink(world, event)
    if to_stream is not None:
        world.send(to_stream)
    workspace = world.workspace
    wanted = {name.strip() for name in workspace.events_filter.split(",") if name.strip()}
    if not workspace.event_callback_url or (wanted and event.type not in wanted):
        return
    lane = event.data.get("TaskSid", event.resource_sid)
    form = tuple(callback_form(world, event).items())
    task_sid = event.data.get("TaskSid", "")
    world.send(Outgoing(workspace.event_callback_url, form, event.type, event.sid, lane, task_sid))


def callback_form(world: World, event: Event) -> dict[str, str]:
    """The parameters of the callback."""
    return {
        "Sid": event.sid,
        "EventType": event.type,
        "AccountSid": world.account.sid,
        "WorkspaceSid": world.workspace.sid,
        "WorkspaceName": world.workspace.friendly_name,
        "EventDescription": event.description,
        "ResourceType": event.resource_type,
        "ResourceSid": event.resource_sid,
        "Timestamp": str(int(event.created)),
        "TimestampMs": str(int(event.created * 1000)),
        **event.data,
    }


def _of_task(world: World, task: Task) -> dict[str, str]:
    queue = world.queues.get(task.queue_sid)
    workflow = world.workflows.get(task.workflow_sid)
    data = {
        "TaskSid": task.sid,
        "TaskAttributes": compact(task.attributes),
        "TaskAge": str(int(world.now() - task.created)),
        "TaskPriority": str(task.priority),
        "TaskAssignmentStatus": task.status,
        "TaskVersion": str(task.version),
        "TaskDateCreated": str(int(task.created)),
        "TaskChannelSid": task.task_channel_sid,
        "TaskChannelUniqueName": world.task_channels[task.task_channel_sid].unique_name,
    }
    if queue is not None:
        data["TaskQueueEnteredDate"] = str(int(task.queue_entered))
        data |= {"TaskQueueSid": queue.sid, "TaskQueueName": queue.friendly_name}
        data["TaskQueueTargetExpression"] = queue.target_workers
    if workflow is not None:
        data |= {"WorkflowSid": workflow.sid, "WorkflowName": workflow.friendly_name}
    return data


def _of_worker(world: World, worker: Worker) -> dict[str, str]:
    return {
        "WorkerSid": worker.sid,
        "WorkerName": worker.friendly_name,
        "WorkerAttributes": compact(worker.attributes),
        "WorkerActivitySid": worker.activity_sid,
        "WorkerActivityName": world.activities[worker.activity_sid].friendly_name,
        "WorkerTimeInPreviousActivity": str(int(world.now() - worker.status_changed)),
    }


def _reasons(task: Task, event_type: str, reason: str) -> dict[str, str]:
    reason = reason or (task.reason if event_type in ("task.canceled", "task.completed") else "")
    if not reason:
        return {}
    names = {"task.canceled": "TaskCanceledReason", "task.completed": "TaskCompletedReason"}
    return {names[event_type]: reason, "Reason": reason} if event_type in names else {"Reason": reason}


def _left_out(name: str) -> bool:
    return name == "TaskAttributes" or name.startswith("TaskQueue")


def _description(event_type: str, data: Mapping[str, str]) -> str:
    subject = " ".join(
        f"{kind} {data[name]}"
        for kind, name in (("Task", "TaskSid"), ("Reservation", "ReservationSid"), ("Worker", "WorkerSid"))
        if name in data
    )
    return f"{subject}: {event_type.partition('.')[2]}" if subject else event_type
