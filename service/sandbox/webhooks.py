"""Webhooks of one conversation: kept, and fired when somebody writes. Only onMessageAdded is known here.

Sources: "Conversation Scoped Webhook Resource" (five of them; ReplayAfter); error 50361 (a sixth one); "Conversations
Webhooks" (what the REST API does fires none, unless the request says X-Twilio-Webhook-Enabled; five seconds; the
parameters), and a captured body for those that the page leaves out. Source is documented as SDK or API; that it names
the channel where the customer has an address has only been seen. That nothing is repeated is our reading of
"Connection Overrides", which do not count here, and of RetryCount, which is nowhere explained.
"""

from service.sandbox.clock import iso_ms
from service.sandbox.refusals import Refused
from service.sandbox.sids import named_sid
from service.sandbox.state import Conversation, Message, Outgoing, Webhook
from service.sandbox.world import World

MOST_WEBHOOKS = 5
TOO_MANY = 50361
ON_MESSAGE = "onMessageAdded"
WRITTEN_BY_SDK = ("web", "chat")


def add_webhook(world: World, conversation: Conversation, webhook: Webhook) -> None:
    """Messages from ``replay_after`` on are told again. Raises Refused (50361) if there are as many as may be."""
    if len(conversation.webhooks) >= MOST_WEBHOOKS:
        raise Refused(f"A Conversation takes at most {MOST_WEBHOOKS} webhooks", code=TOO_MANY)
    conversation.webhooks.append(webhook)
    if webhook.replay_after is not None:
        for message in conversation.messages[webhook.replay_after :]:
            if not message.by_api:
                _fire(world, conversation, webhook, message)


def fire_webhooks(world: World, conversation: Conversation, message: Message) -> None:
    """Tell everybody who wants to know of this message."""
    for webhook in conversation.webhooks:
        _fire(world, conversation, webhook, message)


def _fire(world: World, conversation: Conversation, webhook: Webhook, message: Message) -> None:
    if webhook.target == "webhook" and ON_MESSAGE in webhook.filters:
        form = tuple({**message_added(world, conversation, message), "WebhookSid": webhook.sid}.items())
        world.send(
            Outgoing(
                webhook.url,
                form,
                ON_MESSAGE,
                message.sid,
                conversation.sid,
                overrides=False,
                method=webhook.method.upper(),
            )
        )


def message_added(world: World, conversation: Conversation, message: Message) -> dict[str, str]:
    """The parameters of onMessageAdded, but for the webhook's own SID."""
    source = _source(conversation, message)
    form = {
        "EventType": ON_MESSAGE,
        "AccountSid": world.account.sid,
        "ChatServiceSid": named_sid("IS", "default"),
        "MessagingServiceSid": named_sid("MG", "default"),
        "ConversationSid": conversation.sid,
        "MessageSid": message.sid,
        "Index": str(message.index),
        "Author": message.author,
        "Body": message.body,
        "Attributes": message.attributes,
        "DateCreated": iso_ms(message.created),
        "Source": source,
        "WebhookType": "webhook",
        "RetryCount": "0",
    }
    if message.member_sid:
        form["ParticipantSid"] = message.member_sid
    if source == "SDK":
        form["ClientIdentity"] = message.author
    return form


def _source(conversation: Conversation, message: Message) -> str:
    if message.by_api:
        return "API"
    return "SDK" if conversation.channel_type in WRITTEN_BY_SDK else conversation.channel_type.upper()
