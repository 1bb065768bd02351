"""Reservations: how one is made and how it ends, for the task and for the worker. Nobody answers in here."""

from service.sandbox.events import task_event
from service.sandbox.sids import new_sid
from service.sandbox.state import LIVE_RESERVATION, Reservation, ReservationStatus, Task, Worker
from service.sandbox.world import World

EVENT_OF = {"wrapping": "reservation.wrapup"}


def reserve(world: World, task: Task, worker: Worker) -> Reservation:
    """Offer the task to the worker."""
    now = world.now()
    reservation = Reservation(new_sid("WR"), task.sid, worker.sid, now, now)
    world.reservations[reservation.sid] = reservation
    world.reservations_of_task[task.sid].append(reservation.sid)
    worker.reservations.append(reservation.sid)
    task.reservation_sid = reservation.sid
    task.status, task.updated = "reserved", now
    world.pending.pop(task.sid, None)
    task_event(world, "reservation.created", task, reservation=reservation)
    return reservation


def live_reservation(world: World, task: Task) -> Reservation | None:
    """The task's pending, accepted or wrapping reservation."""
    return world.reservations[task.reservation_sid] if task.reservation_sid else None


def turn_to(world: World, reservation: Reservation, status: ReservationStatus, *, reason: str = "") -> None:
    """Give the reservation its next status, say so, and free the worker where it has ended."""
    task = world.tasks[reservation.task_sid]
    if reservation.timer:
        reservation.timer.cancel()
    reservation.status, reservation.updated, reservation.on_hold = status, world.now(), False
    if status not in LIVE_RESERVATION:
        _let_go(world, reservation, task)
    event_type = EVENT_OF.get(status, f"reservation.{status}")
    task_event(world, event_type, task, reservation=reservation, reason=reason)


def back_to_pending(world: World, task: Task) -> None:
    """The offer came to nothing: the task waits for the next worker."""
    task.status, task.updated = "pending", world.now()
    world.pending[task.sid] = world.unoffered[task.sid] = task


def _let_go(world: World, reservation: Reservation, task: Task) -> None:
    worker = world.workers[reservation.worker_sid]
    if reservation.sid in worker.reservations:
        worker.reservations.remove(reservation.sid)
    worker.idle_since = world.now()
    world.freed[worker.sid] = worker
    if task.reservation_sid == reservation.sid:
        task.reservation_sid = None
