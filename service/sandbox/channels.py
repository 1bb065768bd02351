"""What is done to a Flex channel: closed, set inactive, or failed in setup.

Sources: "Channels Subresource" (what closing does to tasks and conversation); the OpenAPI file (inactive requires
Routing ``{"status":"closed"}``); "Leave and pause options for Conversations"; error pages 45358 and 45359.
"""

from typing import Literal

from service.sandbox.conversations import end_conversation
from service.sandbox.refusals import Refused
from service.sandbox.seats import agents_on, leave_with_task, stand_up
from service.sandbox.state import LIVE_TASK, Channel, Task
from service.sandbox.tasks import cancel, complete, wrap
from service.sandbox.world import World

NO_STATUS = 45358
BAD_STATUS = 45359
CHANNEL_REASON = "Interaction channel was closed"

Ending = Literal["wrapup", "closed"]


def update_channel(world: World, channel: Channel, status: str, routing: object) -> None:
    """Update as the REST API does it. ``routing`` is the Routing parameter, parsed. Raises Refused."""
    if not status:
        raise Refused("Status is required", code=NO_STATUS)
    if status not in ("closed", "inactive"):
        raise Refused("Status must be one of closed, inactive", code=BAD_STATUS)
    ending = routing.get("status") if isinstance(routing, dict) else None
    if ending not in (None, "closed", "wrapup"):
        raise Refused("Routing.status must be one of closed, wrapup", code=BAD_STATUS)
    if channel.status in ("closed", "failed"):
        if world.switches.second_close == "refuse" or status != "closed":
            raise Refused(f"Channel {channel.sid} is {channel.status}", code=BAD_STATUS)
        return
    if status == "closed":
        if ending != "wrapup":  # that is what Flex' own End sends: the agent hangs up
            note_closing(world, channel)
        close_channel(world, channel, "closed" if ending == "closed" else "wrapup")
    elif ending != "closed":
        raise Refused('Status inactive requires Routing {"status":"closed"}', code=BAD_STATUS)
    else:
        leave_channel(world, channel)


def close_channel(world: World, channel: Channel, ending: Ending) -> None:
    """Closed for good, and its conversation with it; tasks that were never accepted are canceled."""
    channel.status = "closed"
    world.touch(channel.sid)
    for task in world.tasks_of(channel):
        _end_task(world, task, ending)
    end_conversation(world, world.conversations[channel.conversation_sid])


def leave_channel(world: World, channel: Channel) -> None:
    """Inactive: the agents go, their tasks are completed, and the conversation waits for the customer."""
    channel.status = "inactive"
    world.touch(channel.sid)
    for task in world.tasks_of(channel):
        task.left = True
        _end_task(world, task, "closed")
    for participant in agents_on(channel):
        stand_up(world, channel, participant)


def fail_channel(world: World, channel: Channel) -> None:
    """The setup failed. "Best Practices": that shows as task.canceled."""
    channel.status, channel.error_code = "failed", 45352
    world.touch(channel.sid)
    channel.error_message = "Channel setup failed"
    for task in world.tasks_of(channel):
        if task.status in ("pending", "reserved"):
            cancel(world, task, channel.error_message)


def note_closing(world: World, channel: Channel) -> None:
    """The API closes a channel: remember it if an agent sits on it, or has pressed accept, for the judge."""
    agents = [one for one in agents_on(channel) if _serves(world, one.routing)]
    workers = [one.routing["worker_sid"] for one in agents if one.routing] + _on_hold(world, channel)
    if agents or workers:
        sids = ",".join(workers)
        note = {"conversation_sid": channel.conversation_sid, "channel_sid": channel.sid, "worker_sids": sids}
        world.closed_under_agent.append(note)


def _on_hold(world: World, channel: Channel) -> list[str]:
    """The workers whose accept is being set up: nothing is to be closed then (Twilio support 42786996187419)."""
    names = [name for task in world.tasks_of(channel) for name in world.reservations_of_task[task.sid]]
    return [world.reservations[name].worker_sid for name in names if world.reservations[name].on_hold]


def _serves(world: World, routing: dict[str, str] | None) -> bool:
    """An agent who is wrapping up has hung up already."""
    task = world.tasks.get(routing["task_sid"]) if routing else None
    return task is None or task.status != "wrapping"


def _end_task(world: World, task: Task, ending: Ending) -> None:
    if task.status in ("pending", "reserved"):
        cancel(world, task, CHANNEL_REASON)
    elif task.status in LIVE_TASK and ending == "closed":
        complete(world, task)
        leave_with_task(world, task)
    elif task.status == "assigned":
        wrap(world, task)
