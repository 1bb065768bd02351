"""The Conversations API over HTTP: Conversations, Messages, Participants, scoped Webhooks, ParticipantConversations.

Media, receipts, roles, users and services are left out.
"""

from dataclasses import dataclass
from typing import cast, get_args

from flask import Blueprint, Response, request

from service.sandbox.channels import close_channel, note_closing
from service.sandbox.conversations import (
    add_member,
    add_message,
    change_state,
    create_conversation,
    must_be_open,
    set_timers,
)
from service.sandbox.refusals import Refused, not_found
from service.sandbox.seats import leave_conversation
from service.sandbox.shapes_conversations import (
    conversation_json,
    member_json,
    message_json,
    participant_conversation_json,
    webhook_json,
)
from service.sandbox.sids import new_sid
from service.sandbox.state import Conversation, ConversationState, Member, Webhook
from service.sandbox.webhooks import MOST_WEBHOOKS, add_webhook, fire_webhooks
from service.sandbox.wire import answer, integer, json_object, page, query, required, text
from service.sandbox.world import World

ONE = "/Conversations/<sid>"
MOST_ATTRIBUTES = 16 * 1024  # bytes; "Conversations Limits"


@dataclass(frozen=True)
class Place:
    """A member together with the conversation: what ParticipantConversations lists."""

    conversation: Conversation
    member: Member

    @property
    def sid(self) -> str:
        """Of the member."""
        return self.member.sid

    @property
    def created(self) -> float:
        """Of the member."""
        return self.member.created


def conversation_routes(world: World) -> Blueprint:
    """``/v1/Conversations`` and ``/v1/ParticipantConversations``."""
    routes = Blueprint("conversations", __name__, url_prefix="/v1")
    _conversations(routes, world)
    _messages(routes, world)
    _members(routes, world)
    _webhooks(routes, world)
    _places(routes, world)
    return routes


def _conversations(routes: Blueprint, world: World) -> None:
    @routes.get("/Conversations")
    def list_conversations() -> Response:
        state = query("State")
        found = [one for one in world.conversations.values() if state in (None, one.state) and not one.deleted]
        return page(world, "conversations", found[::-1], lambda one: conversation_json(world, one))

    @routes.post("/Conversations")
    def make() -> Response:
        conversation = create_conversation(world, friendly_name=text("FriendlyName"))
        _update(world, conversation)
        return answer(conversation_json(world, conversation), 201)

    @routes.get(ONE)
    def fetch(sid: str) -> Response:
        return answer(conversation_json(world, world.conversation(sid)))

    @routes.post(ONE)
    def update(sid: str) -> Response:
        conversation = world.conversation(sid)
        if text("State") == "closed" and conversation.state != "closed":
            _close_by_api(world, conversation)
        _update(world, conversation)
        return answer(conversation_json(world, conversation))

    @routes.delete(ONE)
    def delete(sid: str) -> Response:
        conversation = world.conversation(sid)
        _close_by_api(world, conversation)
        change_state(world, conversation, "closed")
        conversation.deleted = True
        return Response(status=204)


def _update(world: World, conversation: Conversation) -> None:
    state = text("State")
    if state not in (None, *get_args(ConversationState)):
        raise Refused(f"State must be one of {', '.join(get_args(ConversationState))}")
    attributes = json_object("Attributes")
    if attributes is not None and len(request.form["Attributes"].encode()) > MOST_ATTRIBUTES:
        raise Refused(f"Attributes must not be longer than {MOST_ATTRIBUTES} bytes")
    if conversation.state == "closed" and state != "closed":
        must_be_open(conversation)
    set_timers(world, conversation, text("Timers.Inactive"), text("Timers.Closed"))
    if attributes is not None:
        conversation.attributes = request.form["Attributes"]
    conversation.friendly_name = text("FriendlyName") or conversation.friendly_name
    conversation.unique_name = text("UniqueName") or conversation.unique_name
    conversation.updated = world.now()
    if state is not None:
        change_state(world, conversation, cast(ConversationState, state))


def _close_by_api(world: World, conversation: Conversation) -> None:
    for sid in conversation.channel_sids:
        channel = world.channels[sid]
        if channel.status not in ("closed", "failed"):
            note_closing(world, channel)
            if world.switches.conversation_close_closes_channel:
                close_channel(world, channel, "closed")


def _messages(routes: Blueprint, world: World) -> None:
    @routes.get(f"{ONE}/Messages")
    def list_messages(sid: str) -> Response:
        conversation = world.conversation(sid)
        found = conversation.messages[::-1] if query("Order") == "desc" else conversation.messages
        return page(world, "messages", found, lambda one: message_json(world, conversation, one))

    @routes.post(f"{ONE}/Messages")
    def write(sid: str) -> Response:
        conversation = world.conversation(sid)
        message = add_message(world, conversation, text("Author") or "system", text("Body") or "", by_api=True)
        message.attributes = text("Attributes") or message.attributes
        if request.headers.get("X-Twilio-Webhook-Enabled", "").lower() == "true":
            fire_webhooks(world, conversation, message)
        return answer(message_json(world, conversation, message), 201)

    @routes.get(f"{ONE}/Messages/<message_sid>")
    def fetch_message(sid: str, message_sid: str) -> Response:
        conversation = world.conversation(sid)
        for one in conversation.messages:
            if one.sid == message_sid:
                return answer(message_json(world, conversation, one))
        raise not_found(f"/Conversations/{sid}/Messages/{message_sid}")


def _members(routes: Blueprint, world: World) -> None:
    @routes.get(f"{ONE}/Participants")
    def list_members(sid: str) -> Response:
        conversation = world.conversation(sid)
        return page(world, "participants", conversation.members, lambda one: member_json(world, conversation, one))

    @routes.post(f"{ONE}/Participants")
    def join(sid: str) -> Response:
        conversation, now = world.conversation(sid), world.now()
        member = Member(new_sid("MB"), now, now, identity=text("Identity"))
        member.address, member.proxy_address = text("MessagingBinding.Address"), text("MessagingBinding.ProxyAddress")
        member.attributes = text("Attributes") or member.attributes
        if not (member.identity or member.address):
            raise Refused("Identity or MessagingBinding.Address is required")
        add_member(world, conversation, member)
        return answer(member_json(world, conversation, member), 201)

    @routes.get(f"{ONE}/Participants/<member_sid>")
    def fetch_member(sid: str, member_sid: str) -> Response:
        conversation = world.conversation(sid)
        return answer(member_json(world, conversation, _member(conversation, member_sid)))

    @routes.delete(f"{ONE}/Participants/<member_sid>")
    def remove(sid: str, member_sid: str) -> Response:
        conversation = world.conversation(sid)
        leave_conversation(conversation, _member(conversation, member_sid).sid)
        return Response(status=204)


def _webhooks(routes: Blueprint, world: World) -> None:
    @routes.get(f"{ONE}/Webhooks")
    def list_webhooks(sid: str) -> Response:
        conversation, hooks = world.conversation(sid), world.conversation(sid).webhooks
        return page(world, "webhooks", hooks, lambda one: webhook_json(world, conversation, one), most=MOST_WEBHOOKS)

    @routes.post(f"{ONE}/Webhooks")
    def hook(sid: str) -> Response:
        conversation, target, now = world.conversation(sid), required("Target"), world.now()
        must_be_open(conversation)
        if target not in ("webhook", "trigger", "studio"):
            raise Refused("Target must be one of webhook, trigger, studio")
        url = required("Configuration.Url") if target == "webhook" else text("Configuration.Url") or ""
        filters = request.form.getlist("Configuration.Filters")
        webhook = Webhook(new_sid("WH"), target, url, _method() or "post", filters, now, now)
        webhook.replay_after = integer("Configuration.ReplayAfter", 0, 2**31)
        add_webhook(world, conversation, webhook)
        return answer(webhook_json(world, conversation, webhook), 201)

    @routes.get(f"{ONE}/Webhooks/<webhook_sid>")
    def fetch_webhook(sid: str, webhook_sid: str) -> Response:
        conversation = world.conversation(sid)
        return answer(webhook_json(world, conversation, _webhook(conversation, webhook_sid)))

    @routes.post(f"{ONE}/Webhooks/<webhook_sid>")
    def change_webhook(sid: str, webhook_sid: str) -> Response:
        conversation = world.conversation(sid)
        webhook = _webhook(conversation, webhook_sid)
        webhook.method = _method() or webhook.method
        webhook.url = text("Configuration.Url") or webhook.url
        webhook.filters = request.form.getlist("Configuration.Filters") or webhook.filters
        webhook.updated = world.now()
        return answer(webhook_json(world, conversation, webhook))

    @routes.delete(f"{ONE}/Webhooks/<webhook_sid>")
    def unhook(sid: str, webhook_sid: str) -> Response:
        conversation = world.conversation(sid)
        conversation.webhooks.remove(_webhook(conversation, webhook_sid))
        return Response(status=204)


def _method() -> str | None:
    method = (text("Configuration.Method") or "").lower()
    if method not in ("", "get", "post"):
        raise Refused("Configuration.Method must be one of GET, POST")
    return method or None


def _places(routes: Blueprint, world: World) -> None:
    @routes.get("/ParticipantConversations")
    def list_places() -> Response:
        identity, address = query("Identity"), query("Address")
        if not identity and not address:
            raise Refused("Identity or Address is required")
        places = [
            Place(conversation, member)
            for conversation in world.conversations.values()
            for member in conversation.members
            if (identity and member.identity == identity) or (address and member.address == address)
        ]
        return page(
            world,
            "conversations",
            places[::-1],
            lambda one: participant_conversation_json(world, one.conversation, one.member),
        )


def _member(conversation: Conversation, sid: str) -> Member:
    for one in conversation.members:
        if one.sid == sid:
            return one
    raise not_found(f"/Conversations/{conversation.sid}/Participants/{sid}")


def _webhook(conversation: Conversation, sid: str) -> Webhook:
    for one in conversation.webhooks:
        if one.sid == sid:
            return one
    raise not_found(f"/Conversations/{conversation.sid}/Webhooks/{sid}")
