"""What agents and customers do, for the control plane. Whoever acts, acts as in the Flex UI, not through the API.

An agent who answers or resumes while offline goes online first: being asked implies being there.
"""

from collections.abc import Callable

from service.sandbox.channels import close_channel
from service.sandbox.conversations import add_message
from service.sandbox.refusals import ControlRefused
from service.sandbox.returning import come_back, leave, pause, paused_by, resume
from service.sandbox.ringing import accept, offer, reject
from service.sandbox.routing import may_take, settle
from service.sandbox.seats import close_participant, leave_with_task, seat_of, take_seat
from service.sandbox.state import Channel, Conversation, Message, Participant, Reservation, Task, Worker
from service.sandbox.tasks import complete, wrap
from service.sandbox.workers import available, has_room, set_activity
from service.sandbox.world import World

ONLINE, OFFLINE = "Available", "Offline"
HELD = ("assigned", "wrapping")


def act(
    world: World, worker: Worker, name: str, task_sid: str | None, *, on_hold_s: float | None = None
) -> Task | None:
    """Do what the agent does; answers the task it was done to, and for ``resume`` the new one.

    ``on_hold_s``: how long the setup after accept or fail_setup takes. Raises ControlRefused (409) where it cannot be
    done.
    """
    if name in MOVES:
        return MOVES[name](world, worker, task_sid)
    if name in ANSWERS:
        reservation = _ringing(world, worker, task_sid)
        ANSWERS[name](world, reservation, on_hold_s)
        return world.tasks[reservation.task_sid]
    task = _held(world, worker, task_sid)
    DEEDS[name](world, task)
    return task


def take(world: World, reservation: Reservation, on_hold_s: float | None = None) -> None:
    """Accept: the agent joins channel and conversation."""
    accept(world, reservation, lambda task, taken: take_seat(world, task, taken), on_hold_s=on_hold_s)


def _fail_setup(world: World, reservation: Reservation, on_hold_s: float | None) -> None:
    """Accept, and the setup comes to nothing."""
    accept(world, reservation, None, on_hold_s=on_hold_s)


def _decline(world: World, reservation: Reservation, _: float | None) -> None:
    reject(world, reservation)


def _ignore(_world: World, reservation: Reservation, _: float | None) -> None:
    reservation.ignored = True


def _complete(world: World, task: Task) -> None:
    """End, then Complete, as the Flex UI does it."""
    channel = world.channels.get(task.channel_sid or "")
    if channel is not None and channel.status != "closed":
        close_channel(world, channel, "wrapup")
    complete(world, task)
    leave_with_task(world, task)


def _wrapup(world: World, task: Task) -> None:
    """End, without Complete yet."""
    channel = world.channels.get(task.channel_sid or "")
    if channel is not None and channel.status != "closed":
        close_channel(world, channel, "wrapup")
    elif task.status == "assigned":
        wrap(world, task)


def _leave(world: World, task: Task) -> None:
    channel = _channel(world, task)
    if channel.status != "closed":
        leave(world, channel, seat_of(channel, task), task)


def _pause(world: World, task: Task) -> None:
    channel = _channel(world, task)
    if channel.status == "closed":
        raise ControlRefused(f"channel {channel.sid} is closed", status=409)
    pause(world, channel, task)


def _drop(world: World, task: Task) -> None:
    """Only this agent goes (what parking does); the channel stays active."""
    channel = _channel(world, task)
    close_participant(world, channel, _seat(channel, task))


def _resume(world: World, worker: Worker, task_sid: str | None) -> Task:
    """The new task, which the agent has at once where there is room."""
    channel = paused_by(world, worker, task_sid)
    if channel is None:
        what = f"task {task_sid} was not paused by" if task_sid else "nothing is paused by"
        raise ControlRefused(f"{what} {worker.friendly_name}", status=409)
    _go(world, worker, ONLINE)
    task = resume(world, channel, worker)
    ringing = _pending(world, worker, task.sid)
    if task.routing_target == worker.sid and ringing:
        take(world, ringing)
    return task


def _go(world: World, worker: Worker, activity: str) -> None:
    set_activity(world, worker, world.activity_named(activity).sid)
    settle(world)


MOVES: dict[str, Callable[[World, Worker, str | None], Task | None]] = {
    "online": lambda world, worker, _: _go(world, worker, ONLINE),
    "offline": lambda world, worker, _: _go(world, worker, OFFLINE),
    "resume": _resume,
}
ANSWERS: dict[str, Callable[[World, Reservation, float | None], None]] = {
    "accept": take,
    "decline": _decline,
    "ignore": _ignore,
    "fail_setup": _fail_setup,
}
DEEDS: dict[str, Callable[[World, Task], None]] = {
    "complete": _complete,
    "wrapup": _wrapup,
    "leave": _leave,
    "pause": _pause,
    "drop": _drop,
}
ACTS = (*ANSWERS, *DEEDS, *MOVES)


def customer_writes(world: World, conversation: Conversation, body: str) -> Message:
    """The customer writes. A channel that was left is routed anew. Raises Refused if the conversation is closed."""
    customer = next((one for one in conversation.members if not one.agent), None)
    author = (customer.address or customer.identity) if customer else None
    message = add_message(world, conversation, author or "customer", body, by_api=False)
    for sid in conversation.channel_sids:
        if world.channels[sid].status == "inactive":
            come_back(world, world.channels[sid])
    return message


def _ringing(world: World, worker: Worker, task_sid: str | None) -> Reservation:
    found = _pending(world, worker, task_sid)
    if found is None and not available(world, worker):
        _go(world, worker, ONLINE)
        found = _pending(world, worker, task_sid)
    if found is None and task_sid is not None:
        found = _offer_now(world, worker, task_sid)
    if found is None:
        what = f"no pending reservation of task {task_sid}" if task_sid else "no pending reservation"
        raise ControlRefused(f"{worker.friendly_name} has {what}", status=409)
    return found


def _pending(world: World, worker: Worker, task_sid: str | None) -> Reservation | None:
    for sid in worker.reservations:
        reservation = world.reservations[sid]
        if reservation.status == "pending" and not reservation.on_hold and task_sid in (None, reservation.task_sid):
            return reservation
    return None


def _offer_now(world: World, worker: Worker, task_sid: str) -> Reservation | None:
    """A task that waits, and that this worker may take, is offered out of turn."""
    task = world.pending.get(task_sid)
    if task is None or not may_take(world, worker, task) or not has_room(world, worker, task):
        return None
    return offer(world, task, worker)


def _held(world: World, worker: Worker, task_sid: str | None) -> Task:
    for sid in worker.reservations:
        task = world.tasks[world.reservations[sid].task_sid]
        if task.status in HELD and task_sid in (None, task.sid):
            return task
    what = f"task {task_sid} is not assigned to" if task_sid else "no task is assigned to"
    raise ControlRefused(f"{what} {worker.friendly_name}", status=409)


def _channel(world: World, task: Task) -> Channel:
    channel = world.channels.get(task.channel_sid or "")
    if channel is None:
        raise ControlRefused(f"task {task.sid} has no Flex channel", status=409)
    return channel


def _seat(channel: Channel, task: Task) -> Participant:
    seat = seat_of(channel, task)
    if seat is None:
        raise ControlRefused(f"the agent of task {task.sid} is not on the channel", status=409)
    return seat
