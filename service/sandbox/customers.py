"""Customers who come: a new conversation, and, where asked, one that has been through Flex before."""

from dataclasses import dataclass

from service.sandbox.acts import customer_writes
from service.sandbox.conversations import add_member, add_message, bound_to, create_conversation
from service.sandbox.interactions import NewInteraction, create_interaction
from service.sandbox.reservations import live_reservation, turn_to
from service.sandbox.ringing import offer
from service.sandbox.sids import new_sid
from service.sandbox.state import Channel, Conversation, Member
from service.sandbox.tasks import assign, complete
from service.sandbox.world import World

CHANNEL_TYPES = ("web", "sms", "whatsapp", "messenger", "chat", "email", "voice")
BY_IDENTITY = ("web", "chat")
PREFIXES = {"whatsapp": "whatsapp:", "messenger": "messenger:"}
OUR_NUMBERS = 5_550_100


@dataclass(frozen=True)
class Arrival:
    """A customer who writes. ``to`` is the company's address; without it, one not in use with this customer yet."""

    channel_type: str
    address: str | None
    to: str | None
    body: str | None


def customer_arrives(world: World, arrival: Arrival, *, interaction: bool) -> dict[str, str | None]:
    """The SIDs of what there is afterwards: {conversation_sid, interaction_sid?, channel_sid?}.

    With ``to``, an open conversation of the same two addresses takes the message: that is Twilio's address binding.
    """
    address = arrival.address or _some_address(world, arrival.channel_type)
    bound = bound_to(world, address, arrival.to) if arrival.to else None
    conversation, text = bound or _new_conversation(world, arrival, address), arrival.body or "Hello"
    if bound:
        customer_writes(world, bound, text)
    else:
        add_message(world, conversation, address, text, by_api=False)
    if interaction and not conversation.channel_sids:
        _through_flex(world, conversation)
    channel = world.channels[conversation.channel_sids[-1]] if conversation.channel_sids else None
    return {
        "conversation_sid": conversation.sid,
        "interaction_sid": channel.interaction_sid if channel else None,
        "channel_sid": channel.sid if channel else None,
    }


def _new_conversation(world: World, arrival: Arrival, address: str) -> Conversation:
    conversation = create_conversation(world, channel_type=arrival.channel_type)
    member = Member(new_sid("MB"), world.now(), world.now())
    if arrival.channel_type in BY_IDENTITY:
        member.identity = address
    else:
        member.address = address
        member.proxy_address = arrival.to or _free_proxy(world, arrival.channel_type, address)
    add_member(world, conversation, member)
    return conversation


def _some_address(world: World, channel_type: str) -> str:
    number = world.number()
    if channel_type in BY_IDENTITY:
        return f"visitor-{number}"
    if channel_type == "email":
        return f"visitor-{number}@example.com"
    return f"{PREFIXES.get(channel_type, '')}+1555{number:07d}"


def _free_proxy(world: World, channel_type: str, address: str) -> str:
    """The first of the company's addresses that this customer is not talking to."""
    index = 0
    while bound_to(world, address, _our_address(channel_type, index)):
        index += 1
    return _our_address(channel_type, index)


def _our_address(channel_type: str, index: int) -> str:
    if channel_type == "email":
        return f"help{index}@example.com"
    return f"{PREFIXES.get(channel_type, '')}+1212{OUR_NUMBERS + index}"


def _through_flex(world: World, conversation: Conversation) -> None:
    """It has an interaction and a channel; its first task was served and completed, and the agent left on purpose."""
    properties = {
        "workspace_sid": world.workspace.sid,
        "workflow_sid": next(iter(world.workflows)),
        "task_channel_unique_name": "chat",
        "attributes": {},
    }
    channel = {
        "type": conversation.channel_type,
        "initiated_by": "customer",
        "properties": {"media_channel_sid": conversation.sid},
    }
    made = create_interaction(world, NewInteraction(channel, {"properties": properties}))
    _serve(world, world.channels[made.channel_sid])


def _serve(world: World, channel: Channel) -> None:
    """Whoever it rings at has served it; the first worker if it rings at nobody."""
    channel.status = "active"
    task = world.tasks_of(channel)[0]
    reservation = live_reservation(world, task) or offer(world, task, next(iter(world.workers.values())))
    assign(world, task)
    turn_to(world, reservation, "accepted")
    task.left = True
    complete(world, task)
