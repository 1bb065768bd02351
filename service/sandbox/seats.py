"""Who sits on a Flex channel: agents take a seat when they accept, and leave it in one of several ways.

A seat is two things at once: a participant of the channel (UT) and a member of its conversation (MB).
Sources: "Interaction Channel Participants", "Park an Interaction".
"""

from service.sandbox.refusals import Refused, not_found
from service.sandbox.sids import new_sid
from service.sandbox.state import Channel, Conversation, Member, Participant, Reservation, Task
from service.sandbox.tasks import complete, wrap
from service.sandbox.world import World


def take_seat(world: World, task: Task, reservation: Reservation) -> None:
    """The agent who accepted joins channel and conversation. A task that Flex did not make has no channel."""
    channel = world.channels.get(task.channel_sid or "")
    if channel is None or channel.status in ("closed", "failed"):
        return
    if channel.status in ("inactive", "pause"):
        channel.status = "active"
    worker = world.workers[reservation.worker_sid]
    conversation = world.conversations[channel.conversation_sid]
    now = world.now()
    member = Member(new_sid("MB"), now, now, identity=worker.friendly_name, agent=True)
    conversation.members.append(member)
    routing = {"task_sid": task.sid, "worker_sid": worker.sid, "reservation_sid": reservation.sid}
    add_participant(world, channel, "agent", routing=routing, member=member)


def add_participant(
    world: World, channel: Channel, kind: str, *, routing: dict[str, str] | None = None, member: Member | None = None
) -> Participant:
    """Put somebody on the channel."""
    participant = Participant(
        sid=new_sid("UT"),
        type=kind,
        channel_sid=channel.sid,
        interaction_sid=channel.interaction_sid,
        created=world.now(),
        routing=routing,
        conversation_participant_sid=member.sid if member else None,
    )
    channel.participants.append(participant)
    world.touch(channel.sid)
    return participant


def agents_on(channel: Channel) -> list[Participant]:
    """The agents who sit on it."""
    return [one for one in channel.participants if one.type == "agent"]


def seat_of(channel: Channel, task: Task) -> Participant | None:
    """Whoever sits on the channel through this task."""
    return next((one for one in channel.participants if one.routing and one.routing["task_sid"] == task.sid), None)


def participant_on(channel: Channel, sid: str) -> Participant:
    """Raises Refused (404) if that participant is not on the channel."""
    for one in channel.participants:
        if one.sid == sid:
            return one
    raise not_found(f"/Interactions/{channel.interaction_sid}/Channels/{channel.sid}/Participants/{sid}")


def close_participant(world: World, channel: Channel, participant: Participant, *, on_purpose: bool = True) -> None:
    """Status=closed: the agent's task is completed and the agent leaves; channel and conversation stay as they are.

    ``on_purpose``: for the judge, the conversation is left open by that.
    """
    task = seat_task(world, participant)
    if task is not None and task.status in ("assigned", "wrapping"):
        task.left = on_purpose
        complete(world, task)
    stand_up(world, channel, participant)


def wrap_participant(world: World, participant: Participant) -> None:
    """Status=wrapup: the agent's reservation goes to wrapping. Raises Refused if there is nothing to wrap up."""
    task = seat_task(world, participant)
    if task is None:
        raise Refused("Only an agent with a task can wrap up")
    wrap(world, task)
    task.left = True


def leave_with_task(world: World, task: Task) -> None:
    """The task has ended: whoever sat on the channel through it leaves."""
    channel = world.channels.get(task.channel_sid or "")
    for participant in list(channel.participants) if channel else []:
        if channel and participant.routing and participant.routing["task_sid"] == task.sid:
            stand_up(world, channel, participant)


def stand_up(world: World, channel: Channel, participant: Participant) -> None:
    """Out of the channel and out of the conversation."""
    channel.participants.remove(participant)
    world.touch(channel.sid)
    conversation = world.conversations[channel.conversation_sid]
    leave_conversation(conversation, participant.conversation_participant_sid)


def leave_conversation(conversation: Conversation, member_sid: str | None) -> None:
    """Out of the conversation, if in it."""
    conversation.members = [one for one in conversation.members if one.sid != member_sid]


def seat_task(world: World, participant: Participant) -> Task | None:
    """The task through which a participant came, whether Twilio still shows it or not."""
    return world.tasks.get(participant.routing["task_sid"]) if participant.routing else None
