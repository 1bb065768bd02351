"""TaskRouter's statistics over HTTP, of queues and of the workspace. Those of workers and workflows are left out."""

from collections import Counter
from collections.abc import Iterable

from flask import Blueprint, Response, request

from service.sandbox.clock import iso
from service.sandbox.refusals import Refused, not_found
from service.sandbox.routing import queue_tasks
from service.sandbox.state import Event, Task, TaskQueue, Worker
from service.sandbox.wire import answer, page, query, query_date, query_integer
from service.sandbox.workers import available, eligible
from service.sandbox.world import World

Json = dict[str, object]
USUAL_MINUTES = 15
STATUSES = ("pending", "reserved", "assigned", "wrapping")
RESERVATION_COUNTS = {
    "reservations_created": "reservation.created",
    "reservations_accepted": "reservation.accepted",
    "reservations_rejected": "reservation.rejected",
    "reservations_timed_out": "reservation.timeout",
    "reservations_canceled": "reservation.canceled",
    "reservations_rescinded": "reservation.rescinded",
}
TASK_COUNTS = {
    "tasks_canceled": "task.canceled",
    "tasks_completed": "task.completed",
    "tasks_deleted": "task.deleted",
    "tasks_moved": "task-queue.moved",
}
NO_WAITS = {"avg": 0, "min": 0, "max": 0, "total": 0}


def statistics_routes(world: World) -> Blueprint:
    """Real-time, cumulative and both, of one queue, of all queues and of the workspace."""
    routes = Blueprint("statistics", __name__, url_prefix=f"/v1/Workspaces/{world.workspace.sid}")
    _of_queue(routes, world)
    _of_queues(routes, world)
    _of_workspace(routes, world)
    return routes


def _of_queue(routes: Blueprint, world: World) -> None:
    @routes.get("/TaskQueues/<sid>/RealTimeStatistics")
    def real_time(sid: str) -> Response:
        return answer({**_realtime(world, _queue(world, sid)), **_whose(world), "url": _here(world)})

    @routes.get("/TaskQueues/<sid>/CumulativeStatistics")
    def cumulative(sid: str) -> Response:
        return answer({**_cumulative(world, _queue(world, sid)), **_whose(world), "url": _here(world)})

    @routes.get("/TaskQueues/<sid>/Statistics")
    def both(sid: str) -> Response:
        return answer({**_both(world, _queue(world, sid)), "url": _here(world)})


def _of_queues(routes: Blueprint, world: World) -> None:
    @routes.get("/TaskQueues/Statistics")
    def all_queues() -> Response:
        name = query("FriendlyName")
        queues = [one for one in world.queues.values() if name in (None, one.friendly_name)]
        return page(world, "task_queues_statistics", queues, lambda one: _both(world, one))

    @routes.post("/TaskQueues/RealTimeStatistics")
    def some_queues() -> Response:
        wanted = request.get_json(silent=True, force=True) or {}
        sids = wanted.get("TaskQueueSids", wanted.get("task_queue_sids")) if isinstance(wanted, dict) else None
        if not isinstance(sids, list):
            raise Refused("TaskQueueSids must be a list")
        data = [_realtime(world, _queue(world, str(sid))) for sid in sids]
        whole = {"task_queue_data": data, "task_queue_response_count": len(data)}
        return answer({**whole, **_whose(world), "url": _here(world)})


def _of_workspace(routes: Blueprint, world: World) -> None:
    @routes.get("/RealTimeStatistics")
    def workspace_real_time() -> Response:
        tasks = [task for task in world.listed.values() if task.ended is None]
        workers = list(world.workers.values())
        whole = {**_tasks_now(world, tasks), "activity_statistics": _activities(world, workers)}
        return answer({**whole, "total_workers": len(workers), **_whose(world), "url": _here(world)})

    @routes.get("/CumulativeStatistics")
    def workspace_cumulative() -> Response:
        start, end, events = _period(world)
        counts = Counter(event.type for event in events)
        whole = {**_counted(counts), "tasks_created": counts["task.created"]}
        whole["tasks_timed_out_in_workflow"] = counts["workflow.timeout"]
        return answer({**whole, "start_time": iso(start), "end_time": iso(end), **_whose(world), "url": _here(world)})


def _both(world: World, queue: TaskQueue) -> Json:
    return {
        **_whose(world),
        "task_queue_sid": queue.sid,
        "realtime": _realtime(world, queue),
        "cumulative": _cumulative(world, queue),
    }


def _realtime(world: World, queue: TaskQueue) -> Json:
    tasks, workers = queue_tasks(world, queue), eligible(world, queue)
    waiting = min((task for task in tasks if task.status == "pending"), key=lambda t: t.queue_entered, default=None)
    return {
        **_tasks_now(world, tasks),
        "task_queue_sid": queue.sid,
        "longest_relative_task_age_in_queue": int(world.now() - waiting.queue_entered) if waiting else 0,
        "longest_relative_task_sid_in_queue": waiting.sid if waiting else None,
        "total_eligible_workers": len(workers),
        "total_available_workers": sum(available(world, worker) for worker in workers),
        "activity_statistics": _activities(world, workers),
    }


def _tasks_now(world: World, tasks: list[Task]) -> Json:
    statuses = Counter(task.status for task in tasks)
    oldest = min((task for task in tasks if task.status == "pending"), key=lambda task: task.number, default=None)
    return {
        "total_tasks": len(tasks),
        "tasks_by_status": {status: statuses[status] for status in STATUSES},  # type: ignore[index]
        "tasks_by_priority": {str(one): count for one, count in Counter(task.priority for task in tasks).items()},
        "longest_task_waiting_age": int(world.now() - oldest.created) if oldest else 0,
        "longest_task_waiting_sid": oldest.sid if oldest else None,
    }


def _activities(world: World, workers: Iterable[Worker]) -> list[Json]:
    counts = Counter(worker.activity_sid for worker in workers)
    return [
        {"sid": one.sid, "friendly_name": one.friendly_name, "workers": counts[one.sid]}
        for one in world.activities.values()
    ]


def _cumulative(world: World, queue: TaskQueue) -> Json:
    start, end, events = _period(world)
    counts = Counter(event.type for event in events if event.data.get("TaskQueueSid") == queue.sid)
    return {
        **_counted(counts),
        "task_queue_sid": queue.sid,
        "tasks_entered": counts["task-queue.entered"],
        "wait_duration_in_queue_until_accepted": NO_WAITS,
        "start_time": iso(start),
        "end_time": iso(end),
    }


def _counted(counts: Counter[str]) -> Json:
    return {
        "avg_task_acceptance_time": 0,
        "split_by_wait_time": None,
        "wait_duration_until_accepted": NO_WAITS,
        "wait_duration_until_canceled": NO_WAITS,
        **{name: counts[event_type] for name, event_type in {**RESERVATION_COUNTS, **TASK_COUNTS}.items()},
    }


def _period(world: World) -> tuple[float, float, list[Event]]:
    end = query_date("EndDate") or world.now()
    start = query_date("StartDate") or end - 60 * (query_integer("Minutes", 1, 43_200) or USUAL_MINUTES)
    return start, end, [event for event in world.events if start <= event.created <= end]


def _whose(world: World) -> Json:
    return {"account_sid": world.account.sid, "workspace_sid": world.workspace.sid}


def _here(world: World) -> str:
    return f"{world.origin}{request.path}"


def _queue(world: World, sid: str) -> TaskQueue:
    if sid not in world.queues:
        raise not_found(f"/TaskQueues/{sid}")
    return world.queues[sid]
