"""Conversations resources as JSON, in the shape of Twilio's OpenAPI file."""

from service.sandbox.clock import iso
from service.sandbox.sids import named_sid
from service.sandbox.state import Conversation, Member, Message, Webhook
from service.sandbox.world import World

Json = dict[str, object]
SERVICE_SID = named_sid("IS", "default")


def conversation_json(world: World, conversation: Conversation) -> Json:
    """A conversation."""
    url = conversation_url(world, conversation)
    return {
        "sid": conversation.sid,
        "account_sid": world.account.sid,
        "chat_service_sid": SERVICE_SID,
        "messaging_service_sid": named_sid("MG", "default"),
        "friendly_name": conversation.friendly_name,
        "unique_name": conversation.unique_name,
        "attributes": conversation.attributes,
        "state": conversation.state,
        "date_created": iso(conversation.created),
        "date_updated": iso(conversation.updated),
        "timers": timers_json(conversation),
        "bindings": {},
        "url": url,
        "links": {name: f"{url}/{name.capitalize()}" for name in ("participants", "messages", "webhooks", "export")},
    }


def timers_json(conversation: Conversation) -> dict[str, str]:
    """When it will go inactive and close by itself, where that is set."""
    dates = {"date_inactive": conversation.date_inactive, "date_closed": conversation.date_closed}
    return {name: iso(date) for name, date in dates.items() if date is not None}


def message_json(world: World, conversation: Conversation, message: Message) -> Json:
    """A message."""
    url = f"{conversation_url(world, conversation)}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": world.account.sid,
        "conversation_sid": conversation.sid,
        "index": message.index,
        "author": message.author,
        "body": message.body,
        "media": None,
        "attributes": message.attributes,
        "participant_sid": message.member_sid,
        "date_created": iso(message.created),
        "date_updated": iso(message.created),
        "delivery": None,
        "content_sid": None,
        "url": url,
        "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
    }


def binding_json(conversation: Conversation, member: Member) -> Json | None:
    """The messaging binding of somebody who is reached by address."""
    if member.address is None:
        return None
    return {"type": conversation.channel_type, "address": member.address, "proxy_address": member.proxy_address}


def member_json(world: World, conversation: Conversation, member: Member) -> Json:
    """A participant."""
    return {
        "sid": member.sid,
        "account_sid": world.account.sid,
        "conversation_sid": conversation.sid,
        "identity": member.identity,
        "attributes": member.attributes,
        "messaging_binding": binding_json(conversation, member),
        "role_sid": named_sid("RL", "channel user"),
        "date_created": iso(member.created),
        "date_updated": iso(member.updated),
        "last_read_message_index": None,
        "last_read_timestamp": None,
        "url": f"{conversation_url(world, conversation)}/Participants/{member.sid}",
    }


def webhook_json(world: World, conversation: Conversation, webhook: Webhook) -> Json:
    """A webhook of one conversation."""
    configuration: Json = {"url": webhook.url, "method": webhook.method, "filters": webhook.filters}
    if webhook.replay_after is not None:
        configuration["replay_after"] = webhook.replay_after
    return {
        "sid": webhook.sid,
        "account_sid": world.account.sid,
        "conversation_sid": conversation.sid,
        "target": webhook.target,
        "configuration": configuration,
        "date_created": iso(webhook.created),
        "date_updated": iso(webhook.updated),
        "url": f"{conversation_url(world, conversation)}/Webhooks/{webhook.sid}",
    }


def participant_conversation_json(world: World, conversation: Conversation, member: Member) -> Json:
    """A conversation as seen from one of its participants."""
    url = conversation_url(world, conversation)
    return {
        "account_sid": world.account.sid,
        "chat_service_sid": SERVICE_SID,
        "conversation_sid": conversation.sid,
        "conversation_friendly_name": conversation.friendly_name,
        "conversation_unique_name": conversation.unique_name,
        "conversation_attributes": conversation.attributes,
        "conversation_state": conversation.state,
        "conversation_timers": timers_json(conversation),
        "conversation_date_created": iso(conversation.created),
        "conversation_date_updated": iso(conversation.updated),
        "conversation_created_by": "system",
        "participant_sid": member.sid,
        "participant_user_sid": None,
        "participant_identity": member.identity,
        "participant_messaging_binding": binding_json(conversation, member),
        "links": {"conversation": url, "participant": f"{url}/Participants/{member.sid}"},
    }


def conversation_url(world: World, conversation: Conversation) -> str:
    """Where it is."""
    return f"{world.origin}/v1/Conversations/{conversation.sid}"
