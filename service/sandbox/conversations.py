"""Conversations: messages, members, timers, and the end. Flex is not known in here; webhooks have their own room.

Sources: "States and Timers in Conversations" (closed is final, a message wakes an inactive one, timers of at least 1
and 10 minutes), error 50425 (one open conversation per pair of addresses).
"""

import re
from functools import partial

from service.sandbox.refusals import Refused
from service.sandbox.sids import new_sid
from service.sandbox.state import Conversation, ConversationState, Member, Message
from service.sandbox.webhooks import fire_webhooks
from service.sandbox.world import World

BOUND_ELSEWHERE = 50425
LEAST_INACTIVE_S = 60
LEAST_CLOSED_S = 600

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def create_conversation(world: World, *, channel_type: str = "chat", friendly_name: str | None = None) -> Conversation:
    """A new, active conversation."""
    now = world.now()
    conversation = Conversation(new_sid("CH"), channel_type, now, now, friendly_name=friendly_name)
    world.conversations[conversation.sid] = conversation
    return conversation


def add_member(world: World, conversation: Conversation, member: Member) -> Member:
    """Let somebody in. Raises Refused if closed, or if the pair of addresses is in an open conversation (50425)."""
    must_be_open(conversation)
    if member.address:
        bound = bound_to(world, member.address, member.proxy_address)
        if bound is not None:
            raise Refused(f"A binding for this participant and proxy address already exists in {bound.sid}",
                          status=409, code=BOUND_ELSEWHERE)  # fmt: skip
        world.bindings[member.address, member.proxy_address] = conversation
    conversation.members.append(member)
    return member


def bound_to(world: World, address: str, proxy: str | None) -> Conversation | None:
    """The conversation, not closed, in which this pair of addresses is."""
    conversation = world.bindings.get((address, proxy))
    if conversation is None or conversation.state == "closed":
        return None
    pairs = {(one.address, one.proxy_address) for one in conversation.members}
    return conversation if (address, proxy) in pairs else None


def add_message(world: World, conversation: Conversation, author: str, body: str, *, by_api: bool) -> Message:
    """A message; it wakes an inactive conversation. One that comes through the API fires no webhooks here."""
    must_be_open(conversation)
    member = next((one for one in conversation.members if author in (one.identity, one.address)), None)
    message = Message(
        sid=new_sid("IM"),
        index=len(conversation.messages),
        author=author,
        body=body,
        created=world.now(),
        number=world.number(),
        member_sid=member.sid if member else None,
        by_api=by_api,
    )
    conversation.messages.append(message)
    conversation.state, conversation.updated = "active", world.now()
    start_timers(world, conversation)
    if not by_api:
        fire_webhooks(world, conversation, message)
    return message


def must_be_open(conversation: Conversation) -> None:
    """Raises Refused if it is closed. Twilio's code for this is not known here: 20001 stands for it."""
    if conversation.state == "closed":
        raise Refused(f"Conversation {conversation.sid} is closed")


def change_state(world: World, conversation: Conversation, state: ConversationState) -> None:
    """To another state; ``closed`` is final. Raises Refused if it is closed and shall be something else."""
    if state == "closed":
        end_conversation(world, conversation)
        return
    must_be_open(conversation)
    conversation.state, conversation.updated = state, world.now()
    start_timers(world, conversation)


def end_conversation(world: World, conversation: Conversation) -> None:
    """Closed for good."""
    if conversation.state == "closed":
        return
    conversation.state, conversation.updated = "closed", world.now()
    if conversation.channel_sids:
        world.touched[conversation.sid] = conversation
    _stop_timers(conversation)
    conversation.date_inactive = conversation.date_closed = None


def set_timers(world: World, conversation: Conversation, inactive: str | None, closed: str | None) -> None:
    """ISO-8601 durations; an empty text takes a timer off, None leaves it. Raises Refused below the least allowed."""
    if inactive is not None:
        conversation.timer_inactive_s = _timer("Timers.Inactive", inactive, LEAST_INACTIVE_S)
    if closed is not None:
        conversation.timer_closed_s = _timer("Timers.Closed", closed, LEAST_CLOSED_S)
    start_timers(world, conversation)


def start_timers(world: World, conversation: Conversation) -> None:
    """Anew from now, as each message does."""
    _stop_timers(conversation)
    conversation.date_inactive = conversation.date_closed = None
    if conversation.timer_inactive_s and conversation.state == "active":
        conversation.date_inactive = world.now() + conversation.timer_inactive_s
        sleep = partial(_go_inactive, world, conversation)
        conversation.timers.append(world.clock.at(conversation.date_inactive, sleep))
    if conversation.timer_closed_s:
        conversation.date_closed = world.now() + conversation.timer_closed_s
        end = partial(end_conversation, world, conversation)
        conversation.timers.append(world.clock.at(conversation.date_closed, end))


def _stop_timers(conversation: Conversation) -> None:
    for timer in conversation.timers:
        timer.cancel()
    conversation.timers.clear()


def _go_inactive(world: World, conversation: Conversation) -> None:
    if conversation.state == "active":
        conversation.state, conversation.updated = "inactive", world.now()
        conversation.date_inactive = None


def _timer(name: str, text: str, least: int) -> float | None:
    if not text:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise Refused(f"{name} must be an ISO-8601 duration, like PT10M")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total < least:
        raise Refused(f"{name} must be at least {least} seconds")
    return total
