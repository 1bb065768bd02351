"""TaskRouter over HTTP, what moves: Tasks, Reservations and the Events API.

Sources: the OpenAPI file (parameters, the 15-minute default of Events); "Task page" (status and attributes not in one
request, ETag and If-Match); TaskRouter changelog 2024-10-18 (3 searches a second, off by default: a switch).
"""

from collections.abc import Callable

from flask import Blueprint, Response, request

from service.sandbox.acts import take
from service.sandbox.refusals import PRECONDITION, Refused, not_found
from service.sandbox.reservations import turn_to
from service.sandbox.ringing import reject
from service.sandbox.seats import leave_with_task
from service.sandbox.shapes_taskrouter import event_json, reservation_json, task_json
from service.sandbox.state import Event, Reservation, Task
from service.sandbox.tasks import (
    DEFAULT_TIMEOUT_S,
    MOST_TIMEOUT_S,
    NewTask,
    cancel,
    check_attributes,
    complete,
    create_task,
    delete,
    set_attributes,
    wrap,
)
from service.sandbox.wire import answer, integer, json_object, page, query, query_date, query_integer, required, text
from service.sandbox.workflow import Expression, task_facts
from service.sandbox.world import World

USUAL_MINUTES = 15
MOST_MINUTES = 43_200
EVENT_FILTERS = {
    "TaskSid": "TaskSid",
    "ReservationSid": "ReservationSid",
    "TaskQueueSid": "TaskQueueSid",
    "WorkerSid": "WorkerSid",
    "WorkflowSid": "WorkflowSid",
    "TaskChannel": "TaskChannelUniqueName",
}
SEARCH_CODE = 20429


def task_routes(world: World) -> Blueprint:
    """Tasks, their reservations, workers' reservations, and events."""
    routes = Blueprint("tasks", __name__, url_prefix=f"/v1/Workspaces/{world.workspace.sid}")
    _tasks(routes, world)
    _task_changes(routes, world)
    _reservations(routes, world)
    _events(routes, world)
    return routes


def _tasks(routes: Blueprint, world: World) -> None:
    searches: list[float] = []

    @routes.get("/Tasks")
    def list_tasks() -> Response:
        if query("EvaluateTaskAttributes"):
            _limit_searches(world, searches)
        tasks = [task for task in world.listed.values() if all(keeps(task) for keeps in _task_filters())]
        by = query("Ordering") or "DateCreated:asc"
        tasks.sort(key=lambda task: (-task.priority, task.number) if by.startswith("Priority") else (0, task.number))
        if by == "DateCreated:desc":
            tasks.reverse()
        return page(world, "tasks", tasks, lambda one: task_json(world, one))

    @routes.get("/Tasks/<sid>")
    def fetch_task(sid: str) -> Response:
        return _with_etag(world, world.task(sid))

    @routes.post("/Tasks")
    def make_task() -> Response:
        attributes = json_object("Attributes") or {}
        check_attributes(attributes)
        new = NewTask(
            attributes,
            _workflow(world, text("WorkflowSid")),
            _task_channel(world, text("TaskChannel") or "default"),
            integer("Priority", 0, 2**31 - 1) or 0,
            integer("Timeout", 1, MOST_TIMEOUT_S) or DEFAULT_TIMEOUT_S,
            text("TaskQueueSid"),
            text("RoutingTarget"),
        )
        return answer(task_json(world, create_task(world, new)), 201)


def _task_changes(routes: Blueprint, world: World) -> None:
    @routes.post("/Tasks/<sid>")
    def update_task(sid: str) -> Response:
        task = world.task(sid)
        _check_match(task)
        status, attributes = text("AssignmentStatus"), json_object("Attributes")
        if status and attributes is not None:
            raise Refused("AssignmentStatus and Attributes cannot be changed in one request")
        if status:
            _change_status(world, task, status)
        if attributes is not None:
            set_attributes(world, task, attributes)
        priority = integer("Priority", 0, 2**31 - 1)
        task.priority = task.priority if priority is None else priority
        return _with_etag(world, task)

    @routes.delete("/Tasks/<sid>")
    def delete_task(sid: str) -> Response:
        task = world.task(sid)
        _check_match(task)
        delete(world, task)
        leave_with_task(world, task)
        return Response(status=204)


def _change_status(world: World, task: Task, status: str) -> None:
    if status == "canceled":
        cancel(world, task, required("Reason"))
    elif status == "completed":
        complete(world, task, required("Reason"))
        leave_with_task(world, task)
    elif status == "wrapping":
        wrap(world, task)
    else:
        raise Refused("AssignmentStatus must be one of canceled, completed, wrapping")


def _reservations(routes: Blueprint, world: World) -> None:
    @routes.get("/Tasks/<task_sid>/Reservations")
    def of_task(task_sid: str) -> Response:
        world.task(task_sid)
        found = [world.reservations[sid] for sid in world.reservations_of_task[task_sid]]
        return _reservation_page(world, found)

    @routes.get("/Workers/<worker_sid>/Reservations")
    def of_worker(worker_sid: str) -> Response:
        worker = world.worker(worker_sid)
        return _reservation_page(world, [one for one in world.reservations.values() if one.worker_sid == worker.sid])

    @routes.get("/<any(Tasks,Workers):kind>/<owner_sid>/Reservations/<sid>")
    def fetch_reservation(kind: str, owner_sid: str, sid: str) -> Response:
        return answer(reservation_json(world, _reservation(world, kind, owner_sid, sid)))

    @routes.post("/<any(Tasks,Workers):kind>/<owner_sid>/Reservations/<sid>")
    def update_reservation(kind: str, owner_sid: str, sid: str) -> Response:
        reservation = _reservation(world, kind, owner_sid, sid)
        _change_reservation(world, reservation, required("ReservationStatus"))
        return answer(reservation_json(world, reservation))


def _change_reservation(world: World, reservation: Reservation, status: str) -> None:
    task = world.tasks[reservation.task_sid]
    if status == "accepted":
        take(world, reservation)
    elif status == "rejected":
        reject(world, reservation)
    elif status == "wrapping":
        wrap(world, task)
    elif status == "completed":
        complete(world, task)
        leave_with_task(world, task)
    elif status == "canceled" and reservation.status == "pending":
        cancel(world, task, "Reservation canceled") if task.routing_target else turn_to(world, reservation, "canceled")
    else:
        raise Refused(f"Reservation {reservation.sid} is {reservation.status} and cannot become {status}")


def _reservation(world: World, kind: str, owner_sid: str, sid: str) -> Reservation:
    reservation = world.reservations.get(sid)
    owner = (reservation.task_sid if kind == "Tasks" else reservation.worker_sid) if reservation else None
    if reservation is None or owner != owner_sid:
        raise not_found(f"/{kind}/{owner_sid}/Reservations/{sid}")
    return reservation


def _reservation_page(world: World, found: list[Reservation]) -> Response:
    status, worker_sid = query("ReservationStatus"), query("WorkerSid")
    kept = [
        one
        for one in found
        if (status is None or one.status == status) and (worker_sid is None or one.worker_sid == worker_sid)
    ]
    return page(world, "reservations", kept[::-1], lambda one: reservation_json(world, one))


def _events(routes: Blueprint, world: World) -> None:
    @routes.get("/Events")
    def list_events() -> Response:
        events = _chosen_events(world)
        return page(world, "events", events, lambda one: event_json(world, one))

    @routes.get("/Events/<sid>")
    def fetch_event(sid: str) -> Response:
        for event in reversed(world.events):
            if event.sid == sid:
                return answer(event_json(world, event))
        raise not_found(f"/Events/{sid}")


def _chosen_events(world: World) -> list[Event]:
    """Newest first, within the asked time: Minutes, or StartDate and EndDate; 15 minutes if none is given."""
    start, end = query_date("StartDate"), query_date("EndDate")
    minutes = query_integer("Minutes", 1, MOST_MINUTES)
    if start is None:
        start = world.now() - 60 * (minutes or USUAL_MINUTES)
    wanted = {name: value for parameter, name in EVENT_FILTERS.items() if (value := query(parameter))}
    event_type, sid = query("EventType"), query("Sid")
    chosen = []
    kept = world.events_of_task[wanted["TaskSid"]] if "TaskSid" in wanted else world.events
    for event in reversed(kept):
        if event.created < start:
            break
        if end is not None and event.created > end:
            continue
        if event_type in (None, event.type) and sid in (None, event.sid) and _has(event, wanted):
            chosen.append(event)
    return chosen


def _has(event: Event, wanted: dict[str, str]) -> bool:
    return all(event.data.get(name) == value for name, value in wanted.items())


def _task_filters() -> list[Callable[[Task], bool]]:
    filters: list[Callable[[Task], bool]] = []
    statuses = [name for value in request.args.getlist("AssignmentStatus") for name in value.split(",") if name]
    if statuses:
        filters.append(lambda task: task.status in statuses)
    for parameter, name in (("WorkflowSid", "workflow_sid"), ("TaskQueueSid", "queue_sid")):
        value = query(parameter)
        if value:
            filters.append(lambda task, name=name, value=value: getattr(task, name) == value)  # type: ignore[misc]
    priority, target, search = query_integer("Priority", 0, 2**31 - 1), query("RoutingTarget"), _search()
    if priority is not None:
        filters.append(lambda task: task.priority == priority)
    if target:
        filters.append(lambda task: task.routing_target == target)
    if search:
        filters.append(lambda task: search.matches(task_facts(task)))
    return filters


def _search() -> Expression | None:
    expression = query("EvaluateTaskAttributes")
    return Expression.of(expression) if expression else None


def _limit_searches(world: World, searches: list[float]) -> None:
    limit, now = world.switches.task_search_limit_rps, world.now()
    searches[:] = [moment for moment in searches if moment > now - 1]
    if limit and len(searches) >= limit:
        raise Refused("Too many requests", status=429, code=SEARCH_CODE)
    searches.append(now)


def _workflow(world: World, sid: str | None) -> str:
    if sid is None and len(world.workflows) == 1:
        return next(iter(world.workflows))
    if sid not in world.workflows:
        raise Refused("WorkflowSid is not a workflow of this workspace")
    return sid


def _task_channel(world: World, name: str) -> str:
    found = world.task_channels.get(name) or world.task_channel_named(name)
    if found is None:
        raise Refused("TaskChannel is not a TaskChannel of this workspace")
    return found.sid


def _check_match(task: Task) -> None:
    wanted = request.headers.get("If-Match")
    if wanted not in (None, "*") and wanted.strip('"') != str(task.version):
        raise Refused("The ETag in If-Match is not that of the task any more", status=412, code=PRECONDITION)


def _with_etag(world: World, task: Task) -> Response:
    return answer(task_json(world, task), headers={"ETag": f'"{task.version}"'})
