"""Interactions and invites: how a conversation comes into Flex, and how somebody is asked to come to it.

Sources: "Interactions resource", "Invites Subresource", "Interactions API" (the attributes that Flex adds), a captured
answer of 2025; error pages 45354, 45355, 45366, 45376.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from service.sandbox.asked import Asked, read_routing
from service.sandbox.channels import fail_channel
from service.sandbox.conversations import BOUND_ELSEWHERE, add_member, bound_to, create_conversation
from service.sandbox.refusals import Refused
from service.sandbox.routing import settle
from service.sandbox.seats import add_participant
from service.sandbox.sids import new_sid
from service.sandbox.state import Channel, Conversation, Interaction, Invite, Member, Task
from service.sandbox.tasks import NewTask, check_attributes, create_task
from service.sandbox.text_forms import compact
from service.sandbox.world import World

CHANNEL_TYPES = ("voice", "sms", "email", "web", "whatsapp", "chat", "messenger", "gbm")
CONVERSATION_CLOSED = 45354
NOBODY_IN_IT = 45355
INVALID_CREATE = 45366
NOT_THERE = 45376


@dataclass(frozen=True)
class NewInteraction:
    """POST /Interactions, parsed."""

    channel: Mapping[str, object]
    routing: Mapping[str, object]
    context_sid: str | None = None
    webhook_ttid: str | None = None


def create_interaction(world: World, new: NewInteraction) -> Interaction:
    """Take a conversation into Flex and route it. Raises Refused; then nothing has happened."""
    kind, initiated_by = _kind(new.channel)
    asked = read_routing(world, new.routing)
    if initiated_by == "agent" and not (asked.queue_sid and asked.worker_sid):
        raise Refused("initiated_by agent requires queue_sid and worker_sid", code=INVALID_CREATE)
    conversation = _conversation(world, new.channel, initiated_by)
    channel = Channel(new_sid("UO"), new_sid("KD"), conversation.sid, kind, world.now(), initiated_by=initiated_by)
    attributes = flex_attributes(world, channel, new_sid("KG"), asked.attributes)
    _open(world, channel, conversation)
    invite = _route(world, channel, asked, attributes)
    people = new.channel.get("participants") or [_customer(conversation)]
    described = {"sid": channel.sid, "type": kind, "participants": people}
    answer: dict[str, object] = {"channel": described, "routing": invite.routing}
    interaction = Interaction(
        channel.interaction_sid, channel.sid, world.now(), answer, new.context_sid, new.webhook_ttid
    )
    world.interactions[interaction.sid] = interaction
    return interaction


def create_invite(world: World, channel: Channel, routing: Mapping[str, object]) -> Invite:
    """Ask somebody to come to a channel. Raises Refused; then nothing has happened."""
    if channel.status in ("closed", "failed"):
        raise Refused(f"Channel {channel.sid} is {channel.status}", code=CONVERSATION_CLOSED)
    if world.conversations[channel.conversation_sid].state == "closed":
        raise Refused(f"Conversation {channel.conversation_sid} is closed", code=CONVERSATION_CLOSED)
    asked = read_routing(world, routing)
    return _route(world, channel, asked, flex_attributes(world, channel, new_sid("KG"), asked.attributes))


def flex_attributes(world: World, channel: Channel, invite_sid: str, given: Mapping[str, object]) -> dict[str, object]:
    """The task's attributes: the caller's and those that Flex adds. Raises Refused if they are too long."""
    conversation = world.conversations[channel.conversation_sid]
    customer = _customer(conversation)
    sids = {
        "flexInteractionSid": channel.interaction_sid,
        "flexInteractionChannelSid": channel.sid,
        "flexChannelInviteSid": invite_sid,
    }
    added = {
        "conversationSid": conversation.sid,
        "channelType": channel.type,
        "taskCreateSource": "interaction",
        "direction": "outbound" if channel.initiated_by == "agent" else "inbound",
        "initiatedBy": channel.initiated_by,
        "customers": {"phone": customer.get("address"), "name": given.get("customerName"), "email": None},
        "conversations": {
            "conversation_id": channel.interaction_sid,
            "initiated_by": channel.initiated_by,
            "media": [{"type": "ChatTranscript", "sid": conversation.sid}],
        },
    }
    if customer.get("address"):
        added.setdefault("customerAddress", customer["address"])
    kept = {name: given[name] for name in sids if name in given and world.switches.caller_flex_sids == "kept"}
    whole = {**added, **given, **_theirs(added), **sids, **kept}
    check_attributes(whole if world.switches.flex_keys_count else given)
    return whole


def _theirs(added: Mapping[str, object]) -> dict[str, object]:
    """Of what Flex adds, the keys that it does not let the caller set."""
    return {name: added[name] for name in ("conversationSid", "channelType", "taskCreateSource")}


def _kind(channel: Mapping[str, object]) -> tuple[str, str]:
    kind, initiated_by = str(channel.get("type", "")), str(channel.get("initiated_by", ""))
    if kind not in CHANNEL_TYPES:
        raise Refused(f"Channel.type must be one of {', '.join(CHANNEL_TYPES)}", code=INVALID_CREATE)
    if initiated_by not in ("customer", "agent", "api"):
        raise Refused("Channel.initiated_by must be one of customer, agent, api", code=INVALID_CREATE)
    if initiated_by == "agent" and not channel.get("participants"):
        raise Refused("Channel.participants is required with initiated_by agent", code=INVALID_CREATE)
    return kind, initiated_by


def _conversation(world: World, channel: Mapping[str, object], initiated_by: str) -> Conversation:
    properties = channel.get("properties")
    sid = properties.get("media_channel_sid") if isinstance(properties, Mapping) else None
    if sid is None:
        if initiated_by == "customer":
            raise Refused("Channel.properties.media_channel_sid is required", code=INVALID_CREATE)
        return _made_conversation(world, channel)
    conversation = world.conversations.get(str(sid))
    if conversation is None:
        raise Refused("The Conversation in media_channel_sid does not exist", code=NOT_THERE)
    if conversation.state == "closed":
        raise Refused(f"Conversation {conversation.sid} is closed", code=CONVERSATION_CLOSED)
    if not any(not one.agent for one in conversation.members):
        raise Refused(f"Conversation {conversation.sid} has no participants", code=NOBODY_IN_IT)
    _check_second(world, conversation)
    return conversation


def _check_second(world: World, conversation: Conversation) -> None:
    states = [world.channels[sid].status for sid in conversation.channel_sids]
    if world.switches.second_interaction == "refuse" and any(one not in ("closed", "failed") for one in states):
        raise Refused(f"Conversation {conversation.sid} has an open interaction", code=INVALID_CREATE)


def _made_conversation(world: World, channel: Mapping[str, object]) -> Conversation:
    people = channel.get("participants")
    members = [_member(world, person) for person in (people if isinstance(people, list) else [])]
    for member in members:
        if member.address and bound_to(world, member.address, member.proxy_address):
            raise Refused("A participant is in another open Conversation", status=409, code=BOUND_ELSEWHERE)
    conversation = create_conversation(world, channel_type=str(channel["type"]))
    for member in members:
        add_member(world, conversation, member)
    return conversation


def _member(world: World, person: object) -> Member:
    given = person if isinstance(person, Mapping) else {}
    member = Member(new_sid("MB"), world.now(), world.now(), identity=_text(given.get("identity")))
    member.address, member.proxy_address = _text(given.get("address")), _text(given.get("proxy_address"))
    return member


def _open(world: World, channel: Channel, conversation: Conversation) -> None:
    world.channels[channel.sid] = channel
    conversation.channel_sids.append(channel.sid)
    conversation.channel_type = channel.type
    for member in conversation.members:
        add_participant(world, channel, "customer", member=member)
    if world.switches.setup_s or world.switches.setup_fails:
        world.clock.after(world.switches.setup_s, partial(_set_up, world, channel))
    else:
        channel.status = "active"


def _set_up(world: World, channel: Channel) -> None:
    if channel.status != "setup":
        return
    if world.switches.setup_fails:
        fail_channel(world, channel)
    else:
        channel.status = "active"


def _route(world: World, channel: Channel, asked: Asked, attributes: Mapping[str, object]) -> Invite:
    task = create_task(world, NewTask(attributes, *asked.place))
    task.channel_sid, task.invite_sid = channel.sid, str(attributes["flexChannelInviteSid"])
    channel.task_sids.append(task.sid)
    world.touch(channel.sid)
    invite = Invite(task.invite_sid, channel.sid, channel.interaction_sid, task.sid, world.now(), {}, asked.sent)
    channel.invites.append(invite)
    settle(world)
    invite.routing = {"properties": task_properties(world, task), "reservation": None}
    return invite


def task_properties(world: World, task: Task) -> dict[str, object]:
    """``routing.properties`` of an answer. ``assignmentCounter`` is written like that among snake_case keys."""
    queue, workflow = world.queues.get(task.queue_sid), world.workflows.get(task.workflow_sid)
    return {
        "sid": task.sid,
        "account_sid": world.account.sid,
        "workspace_sid": world.workspace.sid,
        "workflow_sid": task.workflow_sid,
        "workflow_name": workflow.friendly_name if workflow else None,
        "queue_sid": task.queue_sid or None,
        "queue_name": queue.friendly_name if queue else None,
        "task_channel_sid": task.task_channel_sid,
        "task_channel_unique_name": world.task_channels[task.task_channel_sid].unique_name,
        "attributes": compact(task.attributes),
        "assignment_status": "pending",
        "assignmentCounter": task.assignments,
        "priority": task.priority,
        "timeout": task.timeout,
        "age": 0,
        "age_in_queue": 0,
        "reason": "",
        "addons": "{}",
        "routing_target": task.routing_target,
        "ignore_capacity": False,
        "custom_context": None,
        "twilio_context": None,
        "required_attention": None,
        "version": 0,
        "date_created": int(task.created),
        "date_updated": int(task.created),
        "task_queue_entered_date": int(task.queue_entered),
        "virtual_start_time": int(task.created),
    }


def _customer(conversation: Conversation) -> dict[str, str]:
    for member in conversation.members:
        if not member.agent:
            found = {"identity": member.identity, "address": member.address}
            return {name: value for name, value in found.items() if value}
    return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
