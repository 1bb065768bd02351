"""Conversations through the SDK: the thread beneath an interaction channel, its messages and its webhooks.

Every method may raise TwilioUnavailableError, TwilioAmbiguousError or TwilioRefusedError (see ``faults``).
The un-scoped addresses reach Flex' conversations because Flex' chat service must be the default one ("Best Practices").
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from twilio.rest import Client

from service.errors import TwilioRefusedError
from service.flex.faults import twilio_faults
from service.flex.gateway import GONE, parse_attributes

MOST_WEBHOOKS = 5  # that one conversation can have, and that a page of them may ask for
_ON_MESSAGE = "onMessageAdded"


@dataclass(frozen=True)
class Talk:
    """A conversation: ``state`` is initializing, active, inactive or closed. ``readable`` is False if it has
    attributes that cannot be read: writing any would lose them.
    """

    state: str
    attributes: Mapping[str, object]
    readable: bool = True


@dataclass(frozen=True)
class Message:
    """Who wrote a message and when (epoch ms by Twilio's clock); what it says stays at Twilio."""

    sid: str
    author: str
    at_ms: int


@dataclass(frozen=True)
class Webhook:
    """A webhook of one conversation."""

    sid: str
    url: str


class Conversations:
    """One account's conversations, those of its default service."""

    def __init__(self, client: Client) -> None:
        self._conversations = client.conversations.v1.conversations

    def fetch(self, conversation_sid: str) -> Talk | None:
        """State and attributes of a conversation; None if it is gone."""
        try:
            with twilio_faults("fetch conversation"):
                found = self._conversations(conversation_sid).fetch()
                attributes = parse_attributes(found.attributes)
                readable = bool(attributes) or (found.attributes or "{}") == "{}"
                return Talk(str(found.state), attributes, readable)
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise

    def write_attributes(self, conversation_sid: str, attributes: Mapping[str, object]) -> None:
        """Put attributes on a conversation in place of those it has: give all that are to stay."""
        with twilio_faults("update conversation"):
            text = json.dumps(attributes, ensure_ascii=False)
            self._conversations(conversation_sid).update(attributes=text)

    def last_message(self, conversation_sid: str) -> Message | None:
        """The newest message of a conversation; None if there is none."""
        with twilio_faults("list messages"):
            listed = self._conversations(conversation_sid).messages.list(order="desc", limit=1)
            return next((_message(one.sid, one.author, one.date_created) for one in listed), None)

    def webhooks(self, conversation_sid: str) -> list[Webhook]:
        """The webhooks of one conversation; [] if it is gone."""
        try:
            with twilio_faults("list webhooks"):
                listed = self._conversations(conversation_sid).webhooks.list(limit=MOST_WEBHOOKS)
                return [Webhook(str(one.sid), str((one.configuration or {}).get("url", ""))) for one in listed]
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return []
            raise

    def add_webhook(self, conversation_sid: str, url: str) -> None:
        """Hear of the conversation's next messages. Not idempotent: look before you repeat it."""
        with twilio_faults("create webhook"):
            self._conversations(conversation_sid).webhooks.create(
                target="webhook",  # type: ignore[arg-type]  # the SDK sends the plain word
                configuration_url=url,
                configuration_method="post",
                configuration_filters=[_ON_MESSAGE],
            )

    def drop_webhook(self, conversation_sid: str, webhook_sid: str) -> None:
        """Hear no more of them. One that is gone already is what was wanted."""
        try:
            with twilio_faults("delete webhook"):
                self._conversations(conversation_sid).webhooks(webhook_sid).delete()
        except TwilioRefusedError as error:
            if error.twilio_status != GONE:
                raise

    def state(self, conversation_sid: str) -> str | None:
        """initializing, active, inactive or closed; None if the conversation is gone."""
        try:
            with twilio_faults("fetch conversation"):
                return str(self._conversations(conversation_sid).fetch().state)
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise

    def close(self, conversation_sid: str) -> None:
        """Close a conversation that closing its channel has left open. ``closed`` is final."""
        with twilio_faults("close conversation"):
            self._conversations(conversation_sid).update(state="closed")

    def send_message(self, conversation_sid: str, body: str) -> None:
        """Say something to the customer, as the system."""
        with twilio_faults("send message"):
            self._conversations(conversation_sid).messages.create(author="system", body=body)


def _message(sid: object, author: object, at: datetime | None) -> Message:
    return Message(str(sid), str(author or ""), int(at.timestamp() * 1000) if at else 0)
