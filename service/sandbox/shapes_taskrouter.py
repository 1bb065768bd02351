"""TaskRouter resources as JSON, in the shape of Twilio's OpenAPI file."""

from service.sandbox.clock import iso
from service.sandbox.state import (
    Activity,
    Event,
    Reservation,
    Task,
    TaskChannel,
    TaskQueue,
    Worker,
    WorkerChannel,
    Workflow,
)
from service.sandbox.text_forms import compact, snake
from service.sandbox.workers import assigned, available, room_percentage
from service.sandbox.world import World

Json = dict[str, object]


def _url(world: World, *parts: str) -> str:
    return "/".join((f"{world.origin}/v1/Workspaces/{world.workspace.sid}", *parts))


def _links(world: World, base: tuple[str, ...], names: tuple[str, ...]) -> dict[str, str]:
    return {snake(name): _url(world, *base, name) for name in names}


def _own(world: World, sid: str, created: float, updated: float, *path: str) -> Json:
    """What every resource has."""
    return {
        "sid": sid,
        "account_sid": world.account.sid,
        "workspace_sid": world.workspace.sid,
        "date_created": iso(created),
        "date_updated": iso(updated),
        "url": _url(world, *path, sid),
    }


def workspace_json(world: World) -> Json:
    """The workspace."""
    workspace = world.workspace
    names = ("Activities", "Statistics", "RealTimeStatistics", "CumulativeStatistics", "TaskQueues", "Tasks")
    return {
        "sid": workspace.sid,
        "account_sid": world.account.sid,
        "friendly_name": workspace.friendly_name,
        "date_created": iso(workspace.created),
        "date_updated": iso(workspace.updated),
        "default_activity_sid": workspace.default_activity_sid,
        "default_activity_name": world.activities[workspace.default_activity_sid].friendly_name,
        "timeout_activity_sid": workspace.timeout_activity_sid,
        "timeout_activity_name": world.activities[workspace.timeout_activity_sid].friendly_name,
        "event_callback_url": workspace.event_callback_url,
        "events_filter": workspace.events_filter or None,
        "multi_task_enabled": workspace.multi_task_enabled,
        "prioritize_queue_order": workspace.prioritize_queue_order,
        "url": _url(world),
        "links": _links(world, (), (*names, "Workers", "Workflows", "TaskChannels", "Events")),
    }


def activity_json(world: World, activity: Activity) -> Json:
    """An activity."""
    return {
        **_own(world, activity.sid, activity.created, activity.updated, "Activities"),
        "friendly_name": activity.friendly_name,
        "available": activity.available,
        "links": {"workspace": _url(world)},
    }


def task_channel_json(world: World, channel: TaskChannel) -> Json:
    """A task channel."""
    return {
        **_own(world, channel.sid, channel.created, channel.updated, "TaskChannels"),
        "friendly_name": channel.friendly_name,
        "unique_name": channel.unique_name,
        "channel_optimized_routing": channel.channel_optimized_routing,
        "links": {"workspace": _url(world)},
    }


def queue_json(world: World, queue: TaskQueue) -> Json:
    """A task queue."""
    own = ("TaskQueues", queue.sid)
    return {
        **_own(world, queue.sid, queue.created, queue.updated, "TaskQueues"),
        "friendly_name": queue.friendly_name,
        "target_workers": queue.target_workers,
        "task_order": queue.task_order,
        "max_reserved_workers": queue.max_reserved_workers,
        "assignment_activity_sid": None,
        "assignment_activity_name": None,
        "reservation_activity_sid": None,
        "reservation_activity_name": None,
        "links": {
            "workspace": _url(world),
            **_links(world, own, ("Statistics", "RealTimeStatistics", "CumulativeStatistics")),
            "list_statistics": _url(world, "TaskQueues", "Statistics"),
            "bulk_real_time_statistics": _url(world, "TaskQueues", "RealTimeStatistics"),
        },
    }


def workflow_json(world: World, workflow: Workflow) -> Json:
    """A workflow."""
    own = ("Workflows", workflow.sid)
    return {
        **_own(world, workflow.sid, workflow.created, workflow.updated, "Workflows"),
        "friendly_name": workflow.friendly_name,
        "configuration": workflow.configuration,
        "document_content_type": "application/json",
        "assignment_callback_url": workflow.assignment_callback_url or None,
        "fallback_assignment_callback_url": workflow.fallback_assignment_callback_url or None,
        "task_reservation_timeout": workflow.task_reservation_timeout,
        "links": _links(world, own, ("Statistics", "RealTimeStatistics", "CumulativeStatistics")),
    }


def worker_json(world: World, worker: Worker) -> Json:
    """A worker."""
    own = ("Workers", worker.sid)
    return {
        **_own(world, worker.sid, worker.created, worker.updated, "Workers"),
        "friendly_name": worker.friendly_name,
        "attributes": compact(worker.attributes),
        "activity_sid": worker.activity_sid,
        "activity_name": world.activities[worker.activity_sid].friendly_name,
        "available": available(world, worker),
        "date_status_changed": iso(worker.status_changed),
        "links": {
            "workspace": _url(world),
            "activity": _url(world, "Activities", worker.activity_sid),
            "worker_statistics": _url(world, *own, "Statistics"),
            "worker_channels": _url(world, *own, "Channels"),
            **_links(world, own, ("Channels", "Reservations")),
            **_links(world, ("Workers",), ("Statistics", "RealTimeStatistics", "CumulativeStatistics")),
        },
    }


def worker_channel_json(world: World, worker: Worker, channel: WorkerChannel) -> Json:
    """How much of one kind of work a worker takes."""
    return {
        **_own(world, channel.sid, channel.created, worker.updated, "Workers", worker.sid, "Channels"),
        "worker_sid": worker.sid,
        "task_channel_sid": channel.task_channel_sid,
        "task_channel_unique_name": world.task_channels[channel.task_channel_sid].unique_name,
        "configured_capacity": channel.capacity,
        "assigned_tasks": assigned(world, worker, channel.task_channel_sid),
        "available": channel.available,
        "available_capacity_percentage": room_percentage(world, worker, channel),
    }


def task_json(world: World, task: Task) -> Json:
    """A task."""
    queue, workflow = world.queues.get(task.queue_sid), world.workflows.get(task.workflow_sid)
    return {
        **_own(world, task.sid, task.created, task.updated, "Tasks"),
        "age": int(world.now() - task.created),
        "assignment_status": task.status,
        "attributes": compact(task.attributes),
        "addons": "{}",
        "priority": task.priority,
        "reason": task.reason,
        "timeout": task.timeout,
        "task_queue_entered_date": iso(task.queue_entered) if task.queue_entered else None,
        "task_queue_sid": task.queue_sid or None,
        "task_queue_friendly_name": queue.friendly_name if queue else None,
        "task_channel_sid": task.task_channel_sid,
        "task_channel_unique_name": world.task_channels[task.task_channel_sid].unique_name,
        "workflow_sid": task.workflow_sid or None,
        "workflow_friendly_name": workflow.friendly_name if workflow else None,
        "virtual_start_time": iso(task.created),
        "ignore_capacity": False,
        "routing_target": task.routing_target,
        "links": {
            "workspace": _url(world),
            **({"task_queue": _url(world, "TaskQueues", task.queue_sid)} if task.queue_sid else {}),
            "workflow": _url(world, "Workflows", task.workflow_sid),
            "reservations": _url(world, "Tasks", task.sid, "Reservations"),
        },
    }


def reservation_json(world: World, reservation: Reservation) -> Json:
    """A reservation."""
    path = ("Tasks", reservation.task_sid, "Reservations")
    return {
        **_own(world, reservation.sid, reservation.created, reservation.updated, *path),
        "task_sid": reservation.task_sid,
        "worker_sid": reservation.worker_sid,
        "worker_name": world.workers[reservation.worker_sid].friendly_name,
        "reservation_status": reservation.status,
        "links": {
            "workspace": _url(world),
            "task": _url(world, "Tasks", reservation.task_sid),
            "worker": _url(world, "Workers", reservation.worker_sid),
        },
    }


RESOURCE_PATHS = {
    "task": "Tasks",
    "reservation": "Reservations",
    "worker": "Workers",
    "workflow": "Workflows",
    "task-queue": "TaskQueues",
    "activity": "Activities",
    "task-channel": "TaskChannels",
}


def event_json(world: World, event: Event) -> Json:
    """An event record; ``event_data`` has the callback's parameters in snake_case."""
    actor = "worker" if event.actor_sid.startswith("WK") else "workspace"
    place = (RESOURCE_PATHS.get(event.resource_type, ""), event.resource_sid)
    if event.resource_type == "reservation":
        place = (f"Tasks/{event.data['TaskSid']}/Reservations", event.resource_sid)
    return {
        "sid": event.sid,
        "account_sid": world.account.sid,
        "workspace_sid": world.workspace.sid,
        "event_type": event.type,
        "description": event.description,
        "event_date": iso(event.created),
        "event_date_ms": int(event.created * 1000),
        "event_data": {
            "workspace_sid": world.workspace.sid,
            "workspace_name": world.workspace.friendly_name,
            **{snake(name): value for name, value in event.data.items()},
        },
        "resource_type": event.resource_type,
        "resource_sid": event.resource_sid,
        "resource_url": _url(world, *place) if place[0] else _url(world),
        "actor_type": actor,
        "actor_sid": event.actor_sid,
        "actor_url": _url(world, "Workers", event.actor_sid) if actor == "worker" else _url(world),
        "source": "twilio",
        "source_ip_address": None,
        "url": _url(world, "Events", event.sid),
    }
