"""What becomes of an offered reservation: accepted, rejected, or left to ring out.

Sources: "Lifecycle of a Task: Task state"; Flex "Best Practices" (a declined direct invite is canceled); Twilio support
(an accept whose setup fails ends as reservation.canceled, and no reservation timeout counts meanwhile).
"""

from collections.abc import Callable
from functools import partial

from service.sandbox.events import task_event
from service.sandbox.refusals import Refused
from service.sandbox.reservations import back_to_pending, reserve, turn_to
from service.sandbox.state import Reservation, ReservationStatus, Task, Worker
from service.sandbox.tasks import ASSIGNMENTS_REASON, MOST_ASSIGNMENTS, assign, cancel
from service.sandbox.workers import set_activity
from service.sandbox.world import World

RING_S = 120  # "TaskRouter resource limits": the default reservation timeout
DECLINED_REASON = "RoutingTarget rejected the Reservation"
RANG_OUT_REASON = "RoutingTarget did not answer the Reservation"
NOT_AVAILABLE_REASON = "RoutingTarget not available for Reservation acceptance: {}"


def offer(world: World, task: Task, worker: Worker) -> Reservation:
    """Let it ring at the worker's."""
    reservation = reserve(world, task, worker)
    workflow = world.workflows.get(task.workflow_sid)
    seconds = workflow.task_reservation_timeout if workflow and not task.routing_target else RING_S
    reservation.timer = world.clock.after(seconds, partial(_ring_out, world, reservation))
    return reservation


Joined = Callable[[Task, Reservation], None]


def accept(world: World, reservation: Reservation, joined: Joined | None, *, on_hold_s: float | None = None) -> None:
    """The agent takes it; ``joined`` is called once the setup is done, and None makes it fail.

    Meanwhile it is on hold, for ``on_hold_s`` or as the switch says. Raises Refused if it no longer rings.
    """
    _must_ring(reservation)
    seconds = world.switches.accept_setup_s if on_hold_s is None else on_hold_s
    if seconds:
        reservation.on_hold = True
        if reservation.timer:
            reservation.timer.cancel()
        world.clock.after(seconds, partial(_set_up, world, reservation, joined))
    else:
        _set_up(world, reservation, joined)


def reject(world: World, reservation: Reservation) -> None:
    """The agent declines; somebody else is offered the task. Raises Refused if it no longer rings."""
    _must_ring(reservation)
    task = world.tasks[reservation.task_sid]
    task.refused_by.add(reservation.worker_sid)
    _give_back(world, reservation, "rejected")
    if task.routing_target:
        cancel(world, task, DECLINED_REASON)


def rescind(world: World, reservation: Reservation) -> None:
    """The task goes elsewhere while it rings."""
    _give_back(world, reservation, "rescinded")


def _must_ring(reservation: Reservation) -> None:
    if reservation.status != "pending" or reservation.on_hold:
        state = "onHold" if reservation.on_hold else reservation.status
        raise Refused(f"Reservation {reservation.sid} is not pending, it is {state}.")


def _give_back(world: World, reservation: Reservation, status: ReservationStatus) -> None:
    back_to_pending(world, world.tasks[reservation.task_sid])
    turn_to(world, reservation, status)


def _ring_out(world: World, reservation: Reservation) -> None:
    if reservation.status != "pending" or reservation.on_hold:
        return
    task = world.tasks[reservation.task_sid]
    _give_back(world, reservation, "timeout")
    set_activity(world, world.workers[reservation.worker_sid], world.workspace.timeout_activity_sid)
    if task.routing_target and world.switches.direct_ring_out == "cancel":
        cancel(world, task, RANG_OUT_REASON)


def _set_up(world: World, reservation: Reservation, joined: Joined | None) -> None:
    task = world.tasks[reservation.task_sid]
    if reservation.status != "pending":
        return
    if joined is None or world.switches.accept_fails:
        _setup_failed(world, reservation, task)
        return
    assign(world, task)
    turn_to(world, reservation, "accepted")
    joined(task, reservation)


def _setup_failed(world: World, reservation: Reservation, task: Task) -> None:
    task.refused_by.add(reservation.worker_sid)
    task.assignments += 1
    _give_back(world, reservation, "canceled")
    if task.routing_target or world.switches.failed_setup == "canceled":
        cancel(world, task, NOT_AVAILABLE_REASON.format(task.routing_target or reservation.worker_sid))
    elif task.assignments >= MOST_ASSIGNMENTS:
        cancel(world, task, ASSIGNMENTS_REASON)
    else:
        task_event(world, "task.updated", task)
