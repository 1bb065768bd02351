"""TaskRouter over HTTP, what stands: the Workspace, Activities, TaskChannels, TaskQueues, Workflows and Workers.

Making and deleting workspaces and task channels is left out.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from flask import Blueprint, Response

from service.sandbox.events import resource_event, worker_event
from service.sandbox.refusals import CONFLICT, Refused, not_found
from service.sandbox.seed import add_worker
from service.sandbox.shapes_taskrouter import (
    activity_json,
    queue_json,
    task_channel_json,
    worker_channel_json,
    worker_json,
    workflow_json,
    workspace_json,
)
from service.sandbox.sids import new_sid
from service.sandbox.state import Activity, TaskQueue, Worker, WorkerChannel, Workflow
from service.sandbox.wire import Listed, answer, integer, json_object, page, query, required, text, truth
from service.sandbox.workers import available, in_queue, matches, set_activity, set_capacity
from service.sandbox.workflow import Expression, check_configuration
from service.sandbox.world import World

Kind = TypeVar("Kind", bound=Listed)
MOST_CAPACITY = 50
MOST_RING_S = 86_400


def workspace_routes(world: World) -> Blueprint:
    """The workspace and what it is made of."""
    routes = Blueprint("workspace", __name__, url_prefix="/v1/Workspaces")
    own = Blueprint("workspace_parts", __name__, url_prefix=f"/{world.workspace.sid}")
    _workspace(routes, world)
    _activities(own, world)
    _task_channels(own, world)
    _queues(own, world)
    _workflows(own, world)
    _workers(own, world)
    _worker_channels(own, world)
    routes.register_blueprint(own)
    return routes


def _workspace(routes: Blueprint, world: World) -> None:
    @routes.get("")
    def list_workspaces() -> Response:
        name = query("FriendlyName")
        found = [world.workspace] if name in (None, world.workspace.friendly_name) else []
        return page(world, "workspaces", found, lambda _: workspace_json(world))

    @routes.get("/<sid>")
    def fetch_workspace(sid: str) -> Response:
        _check_workspace(world, sid)
        return answer(workspace_json(world))

    @routes.post("/<sid>")
    def update_workspace(sid: str) -> Response:
        _check_workspace(world, sid)
        workspace = world.workspace
        workspace.event_callback_url = _kept("EventCallbackUrl", workspace.event_callback_url)
        workspace.events_filter = _kept("EventsFilter", workspace.events_filter)
        workspace.friendly_name = text("FriendlyName") or workspace.friendly_name
        workspace.timeout_activity_sid = _activity_sid(world, "TimeoutActivitySid", workspace.timeout_activity_sid)
        workspace.default_activity_sid = _activity_sid(world, "DefaultActivitySid", workspace.default_activity_sid)
        workspace.updated = world.now()
        return answer(workspace_json(world))


def _activities(routes: Blueprint, world: World) -> None:
    @routes.get("/Activities")
    def list_activities() -> Response:
        name, wanted = query("FriendlyName"), query("Available")
        found = [
            one
            for one in world.activities.values()
            if name in (None, one.friendly_name) and wanted in (None, str(one.available).lower())
        ]
        return page(world, "activities", found, lambda one: activity_json(world, one))

    @routes.get("/Activities/<sid>")
    def fetch_activity(sid: str) -> Response:
        return answer(activity_json(world, _found(world.activities, sid, "Activities")))

    @routes.post("/Activities")
    def make_activity() -> Response:
        name, now = required("FriendlyName"), world.now()
        _check_free(name, (one.friendly_name for one in world.activities.values()))
        activity = Activity(new_sid("WA"), name, bool(truth("Available")), now, now)
        world.activities[activity.sid] = activity
        resource_event(world, "activity.created", activity.sid, {"ActivitySid": activity.sid, "ActivityName": name})
        return answer(activity_json(world, activity), 201)


def _task_channels(routes: Blueprint, world: World) -> None:
    @routes.get("/TaskChannels")
    def list_task_channels() -> Response:
        return page(world, "channels", [*world.task_channels.values()], lambda one: task_channel_json(world, one))

    @routes.get("/TaskChannels/<sid>")
    def fetch_task_channel(sid: str) -> Response:
        named = world.task_channel_named(sid)
        return answer(task_channel_json(world, named or _found(world.task_channels, sid, "TaskChannels")))


def _queues(routes: Blueprint, world: World) -> None:
    @routes.get("/TaskQueues")
    def list_queues() -> Response:
        name, worker = query("FriendlyName"), query("WorkerSid")
        queues = [one for one in world.queues.values() if name in (None, one.friendly_name)]
        if worker:
            queues = [one for one in queues if in_queue(world, world.worker(worker), one)]
        return page(world, "task_queues", queues, lambda one: queue_json(world, one))

    @routes.get("/TaskQueues/<sid>")
    def fetch_queue(sid: str) -> Response:
        return answer(queue_json(world, _found(world.queues, sid, "TaskQueues")))

    @routes.post("/TaskQueues")
    def make_queue() -> Response:
        name, now = required("FriendlyName"), world.now()
        _check_free(name, (one.friendly_name for one in world.queues.values()))
        queue = TaskQueue(new_sid("WQ"), name, text("TargetWorkers") or "1==1", now, now)
        Expression.of(queue.target_workers)
        world.queues[queue.sid] = queue
        _tell_queue(world, queue, "task-queue.created")
        return answer(queue_json(world, queue), 201)

    @routes.post("/TaskQueues/<sid>")
    def update_queue(sid: str) -> Response:
        queue = _found(world.queues, sid, "TaskQueues")
        target = text("TargetWorkers") or queue.target_workers
        Expression.of(target)
        queue.target_workers, queue.friendly_name = target, text("FriendlyName") or queue.friendly_name
        queue.updated = world.now()
        world.unoffered.update(world.pending)
        _tell_queue(world, queue, "task-queue.expression.updated")
        return answer(queue_json(world, queue))


def _workflows(routes: Blueprint, world: World) -> None:
    @routes.get("/Workflows")
    def list_workflows() -> Response:
        name = query("FriendlyName")
        found = [one for one in world.workflows.values() if name in (None, one.friendly_name)]
        return page(world, "workflows", found, lambda one: workflow_json(world, one))

    @routes.get("/Workflows/<sid>")
    def fetch_workflow(sid: str) -> Response:
        return answer(workflow_json(world, _found(world.workflows, sid, "Workflows")))

    @routes.post("/Workflows")
    def make_workflow() -> Response:
        name, configuration, now = required("FriendlyName"), required("Configuration"), world.now()
        check_configuration(configuration, world.queues)
        workflow = Workflow(new_sid("WW"), name, configuration, now, now)
        workflow.task_reservation_timeout = integer("TaskReservationTimeout", 1, MOST_RING_S) or 120
        world.workflows[workflow.sid] = workflow
        _tell_workflow(world, workflow, "workflow.created")
        return answer(workflow_json(world, workflow), 201)

    @routes.post("/Workflows/<sid>")
    def update_workflow(sid: str) -> Response:
        workflow = _found(world.workflows, sid, "Workflows")
        configuration = text("Configuration") or workflow.configuration
        check_configuration(configuration, world.queues)
        ring = integer("TaskReservationTimeout", 1, MOST_RING_S)
        workflow.configuration, workflow.updated = configuration, world.now()
        workflow.friendly_name = text("FriendlyName") or workflow.friendly_name
        workflow.task_reservation_timeout = ring or workflow.task_reservation_timeout
        _tell_workflow(world, workflow, "workflow.updated")
        return answer(workflow_json(world, workflow))


def _workers(routes: Blueprint, world: World) -> None:
    @routes.get("/Workers")
    def list_workers() -> Response:
        found = [one for one in world.workers.values() if all(keeps(one) for keeps in _worker_filters(world))]
        return page(world, "workers", found, lambda one: worker_json(world, one))

    @routes.get("/Workers/<sid>")
    def fetch_worker(sid: str) -> Response:
        return answer(worker_json(world, world.worker(sid)))

    @routes.post("/Workers")
    def make_worker() -> Response:
        name = required("FriendlyName")
        _check_free(name, (one.friendly_name for one in world.workers.values()))
        worker = add_worker(world, new_sid("WK"), name, json_object("Attributes") or {})
        worker_event(world, "worker.created", worker)
        set_activity(world, worker, _activity_sid(world, "ActivitySid", worker.activity_sid))
        return answer(worker_json(world, worker), 201)

    @routes.post("/Workers/<sid>")
    def update_worker(sid: str) -> Response:
        worker = world.worker(sid)
        activity_sid = _activity_sid(world, "ActivitySid", worker.activity_sid)
        attributes = json_object("Attributes")
        if attributes is not None:
            worker.attributes = attributes
            worker_event(world, "worker.attributes.update", worker)
        worker.friendly_name = text("FriendlyName") or worker.friendly_name
        set_activity(world, worker, activity_sid)
        world.freed[worker.sid] = worker
        return answer(worker_json(world, worker))


def _tell_queue(world: World, queue: TaskQueue, event_type: str) -> None:
    data = {"TaskQueueSid": queue.sid, "TaskQueueName": queue.friendly_name}
    resource_event(world, event_type, queue.sid, {**data, "TaskQueueTargetExpression": queue.target_workers})


def _tell_workflow(world: World, workflow: Workflow, event_type: str) -> None:
    data = {"WorkflowSid": workflow.sid, "WorkflowName": workflow.friendly_name}
    resource_event(world, event_type, workflow.sid, data)


def _worker_channels(routes: Blueprint, world: World) -> None:
    @routes.get("/Workers/<sid>/Channels")
    def list_worker_channels(sid: str) -> Response:
        worker = world.worker(sid)
        return page(world, "channels", [*worker.channels.values()], lambda one: worker_channel_json(world, worker, one))

    @routes.get("/Workers/<sid>/Channels/<channel_sid>")
    def fetch_worker_channel(sid: str, channel_sid: str) -> Response:
        worker = world.worker(sid)
        return answer(worker_channel_json(world, worker, _worker_channel(world, worker, channel_sid)))

    @routes.post("/Workers/<sid>/Channels/<channel_sid>")
    def update_worker_channel(sid: str, channel_sid: str) -> Response:
        worker = world.worker(sid)
        channel = _worker_channel(world, worker, channel_sid)
        able, capacity = truth("Available"), integer("Capacity", 0, MOST_CAPACITY)
        channel.available = channel.available if able is None else able
        set_capacity(world, worker, channel, channel.capacity if capacity is None else capacity)
        return answer(worker_channel_json(world, worker, channel))


def _worker_channel(world: World, worker: Worker, sid: str) -> WorkerChannel:
    """By its own SID, or by the SID or unique name of the task channel."""
    for one in worker.channels.values():
        if sid in (one.sid, one.task_channel_sid, world.task_channels[one.task_channel_sid].unique_name):
            return one
    raise not_found(f"/Workers/{worker.sid}/Channels/{sid}")


def _worker_filters(world: World) -> list[Callable[[Worker], bool]]:
    filters: list[Callable[[Worker], bool]] = []
    name, activity, activity_sid = query("FriendlyName"), query("ActivityName"), query("ActivitySid")
    wanted, expression, queue = query("Available"), query("TargetWorkersExpression"), _asked_queue(world)
    if name:
        filters.append(lambda one: one.friendly_name == name)
    if activity:
        filters.append(lambda one: world.activities[one.activity_sid].friendly_name == activity)
    if activity_sid:
        filters.append(lambda one: one.activity_sid == activity_sid)
    if wanted:
        filters.append(lambda one: available(world, one) == (wanted in ("true", "1")))
    if expression:
        filters.append(lambda one: matches(world, one, expression))
    if queue:
        filters.append(lambda one: in_queue(world, one, queue))
    return filters


def _asked_queue(world: World) -> TaskQueue | None:
    sid, name = query("TaskQueueSid"), query("TaskQueueName")
    if sid:
        return _found(world.queues, sid, "TaskQueues")
    return next((one for one in world.queues.values() if one.friendly_name == name), None) if name else None


def _check_workspace(world: World, sid: str) -> None:
    if sid != world.workspace.sid:
        raise not_found(f"/Workspaces/{sid}")


def _found(kept: dict[str, Kind], sid: str, path: str) -> Kind:
    if sid not in kept:
        raise not_found(f"/{path}/{sid}")
    return kept[sid]


def _check_free(name: str, taken: Iterable[str]) -> None:
    if name in taken:
        raise Refused("FriendlyName is taken", status=409, code=CONFLICT)


def _kept(name: str, before: str) -> str:
    """The parameter, where given: an empty one takes the value off."""
    value = text(name)
    return before if value is None else value


def _activity_sid(world: World, name: str, before: str) -> str:
    sid = text(name) or before
    if sid not in world.activities:
        raise Refused(f"{name} is not an Activity of this workspace")
    return sid
