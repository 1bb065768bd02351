"""Conversations that an agent left or paused, and how they go on: by the customer, by that agent, or by time.

Source: "Leave and pause options for Conversations". Leave: the agent goes, wraps up and completes the task; the channel
is inactive; a reply makes it active, with a new task for anybody. Pause: the same with a channel in ``pause``; Resume
makes a new task that the same agent has at once, if there is room, else it goes the workflow's way; so it does after 14
days. Not told there, and so ours: what a message into a paused conversation does (nothing), and that a channel stays
active while another agent is on it (a switch, for leaving).
"""

from functools import partial

from service.sandbox.channels import leave_channel
from service.sandbox.interactions import create_invite
from service.sandbox.reservations import live_reservation
from service.sandbox.seats import agents_on, close_participant, leave_with_task
from service.sandbox.state import Channel, Invite, Participant, Pause, Task, Worker
from service.sandbox.tasks import complete, wrap
from service.sandbox.workers import has_room
from service.sandbox.world import World

OF_THE_MOMENT = ("router_invite_id", "router_workers_present")  # attributes that are not true of another ask


def leave(world: World, channel: Channel, seat: Participant | None, task: Task) -> None:
    """The native Leave."""
    if seat is not None and world.switches.leave_takes == "agent" and len(agents_on(channel)) > 1:
        close_participant(world, channel, seat)
        return
    _wrap_up(world, task)
    leave_channel(world, channel)


def pause(world: World, channel: Channel, task: Task) -> None:
    """The native Pause. A channel with another agent on it stays active: only this one goes."""
    reservation = live_reservation(world, task)
    assert reservation is not None  # the agent has it
    _wrap_up(world, task)
    task.left = True
    complete(world, task)
    leave_with_task(world, task)
    if agents_on(channel):
        return
    channel.status = "pause"
    world.touch(channel.sid)
    timer = world.clock.after(world.switches.pause_s, partial(_paused_too_long, world, channel, task.sid))
    channel.pause = Pause(reservation.worker_sid, task.sid, timer)


def paused_by(world: World, worker: Worker, task_sid: str | None) -> Channel | None:
    """The oldest channel that this agent has paused, or the one of that task; None if there is none."""
    for channel in world.channels.values():
        held = channel.pause if channel.status == "pause" else None
        if held and held.worker_sid == worker.sid and task_sid in (None, held.task_sid):
            return channel
    return None


def resume(world: World, channel: Channel, worker: Worker) -> Task:
    """The agent goes on with what was paused; answers the new task. Whoever has no room does not get it."""
    before = _unpause(channel)
    queue_sid = world.tasks[before.task_sid].queue_sid
    if not queue_sid or not has_room(world, worker, world.tasks[before.task_sid]):
        return world.tasks[come_back(world, channel).task_sid]
    direct = {"queue_sid": queue_sid, "worker_sid": worker.sid}
    return world.tasks[_ask_again(world, channel, direct).task_sid]


def come_back(world: World, channel: Channel) -> Invite:
    """Active again, and a new task for anybody on the last one's way."""
    return _ask_again(world, channel, {})


def _paused_too_long(world: World, channel: Channel, task_sid: str) -> None:
    """That pause, and no later one of the same channel."""
    lasts = channel.status == "pause" and channel.pause is not None and channel.pause.task_sid == task_sid
    if lasts and world.conversations[channel.conversation_sid].state != "closed":
        _unpause(channel)
        come_back(world, channel)


def _unpause(channel: Channel) -> Pause:
    held = channel.pause
    assert held is not None  # it is in pause
    held.timer.cancel()
    channel.pause = None
    return held


def _ask_again(world: World, channel: Channel, direct: dict[str, str]) -> Invite:
    """As the last time, without what was only true then."""
    channel.status = "active"
    asked = channel.invites[-1].asked
    given = asked.get("attributes")
    kept = {name: given[name] for name in given if name not in OF_THE_MOMENT} if isinstance(given, dict) else {}
    wanted = {name: value for name, value in asked.items() if name not in ("queue_sid", "worker_sid")}
    return create_invite(world, channel, {"properties": {**wanted, **direct, "attributes": kept}})


def _wrap_up(world: World, task: Task) -> None:
    if task.status == "assigned":
        wrap(world, task)
