"""Worlds without HTTP for tests of what happens in them, and short words for what tests do there."""

from collections.abc import Mapping

from service.sandbox.acts import act
from service.sandbox.clock import Clock
from service.sandbox.customers import Arrival, customer_arrives
from service.sandbox.interactions import NewInteraction, create_interaction, create_invite
from service.sandbox.seed import Seed, new_world
from service.sandbox.sids import named_sid
from service.sandbox.state import Channel, Conversation, Outgoing, Task, Worker
from service.sandbox.switches import Switches
from service.sandbox.world import Account, World

START = 1_800_000_000.0
ACCOUNT = Account(named_sid("AC", "test"), "token-of-the-tests")
CALLBACK = "http://service.example.com/v1/events/taskrouter"


def standing_world(**switches: object) -> World:
    """A world whose time passes only when it is advanced."""
    chosen = Switches(**switches)  # type: ignore[arg-type]  # each test names its own
    return new_world(Seed(ACCOUNT, CALLBACK, chosen, Clock(real=lambda: START), "http://127.0.0.1:1"))


def arrival(world: World, *, interaction: bool = False, channel_type: str = "sms") -> Conversation:
    """A customer has written."""
    with world.turn():
        made = customer_arrives(world, Arrival(channel_type, None, None, "Hi"), interaction=interaction)
    return world.conversations[str(made["conversation_sid"])]


def routing(world: World, workflow: str = "everyone", /, **properties: object) -> dict[str, object]:
    """The Routing of an interaction or invite; None takes a property away."""
    usual: dict[str, object] = {
        "workspace_sid": world.workspace.sid,
        "workflow_sid": named_sid("WW", workflow),
        "task_channel_unique_name": "chat",
        "attributes": {},
    }
    wanted = {name: value for name, value in {**usual, **properties}.items() if value is not None}
    return {"properties": wanted}


def escalate(world: World, conversation: Conversation, asked: Mapping[str, object] | None = None) -> Task:
    """The conversation comes into Flex; answers its task."""
    channel: dict[str, object] = {
        "type": conversation.channel_type,
        "initiated_by": "customer",
        "properties": {"media_channel_sid": conversation.sid},
    }
    with world.turn():
        made = create_interaction(world, NewInteraction(channel, asked or routing(world)))
    return world.tasks_of(world.channels[made.channel_sid])[0]


def invite(world: World, channel: Channel, asked: Mapping[str, object] | None = None) -> Task:
    """Somebody is invited to the channel; answers the task."""
    with world.turn():
        return world.tasks[create_invite(world, channel, asked or routing(world)).task_sid]


def waiting_task(world: World, asked: Mapping[str, object] | None = None) -> Task:
    """A customer has written and been escalated."""
    return escalate(world, arrival(world), asked)


def workflow_task(world: World, configuration: str, attributes: Mapping[str, object], timeout: int = 86_400) -> Task:
    """A task in the workflow ``callbacks``, which gets this configuration."""
    world.workflows[named_sid("WW", "callbacks")].configuration = configuration
    return waiting_task(world, routing(world, "callbacks", attributes=dict(attributes), timeout=timeout))


def does(world: World, name: str, deed: str, task: Task | None = None) -> None:
    """An agent acts."""
    with world.turn():
        act(world, worker(world, name), deed, task.sid if task else None)


def pass_time(world: World, seconds: float) -> None:
    """Time goes by."""
    with world.turn():
        world.clock.advance(seconds)


def worker(world: World, name: str) -> Worker:
    """A seeded worker."""
    return world.workers[named_sid("WK", name)]


def queue_sid(name: str) -> str:
    """Of a seeded queue."""
    return named_sid("WQ", name)


def channel_of(world: World, task: Task) -> Channel:
    """The channel that a task was made for."""
    return world.channels[str(task.channel_sid)]


def conversation_of(world: World, task: Task) -> Conversation:
    """The conversation that a task was made for."""
    return world.conversations[channel_of(world, task).conversation_sid]


def event_types(world: World, task: Task) -> list[str]:
    """What was told of a task, in order."""
    return [event.type for event in world.events_of_task[task.sid]]


def rings_at(world: World, task: Task) -> str | None:
    """The worker to whom the task is offered now."""
    if task.status != "reserved" or task.reservation_sid is None:
        return None
    return world.workers[world.reservations[task.reservation_sid].worker_sid].friendly_name


def sent_by(world: World) -> list[Outgoing]:
    """Everything that is sent from now on."""
    sent: list[Outgoing] = []
    world.send = sent.append
    return sent
