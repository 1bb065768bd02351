"""The Flex API over HTTP: Interactions, Channels, Invites, Participants. What they mean is not in here.

Transfers are left out: their request body is not published.
"""

from flask import Blueprint, Response

from service.sandbox.channels import update_channel
from service.sandbox.interactions import NewInteraction, create_interaction, create_invite
from service.sandbox.refusals import Refused, not_found
from service.sandbox.seats import add_participant, close_participant, participant_on, wrap_participant
from service.sandbox.shapes_flex import channel_json, interaction_json, invite_json, participant_json
from service.sandbox.state import Interaction
from service.sandbox.wire import answer, json_object, page, required, text
from service.sandbox.world import World

PARTICIPANT_TYPES = ("supervisor", "customer", "external", "agent", "unknown")


def flex_routes(world: World) -> Blueprint:
    """``/v1/Interactions`` and everything below."""
    routes = Blueprint("flex", __name__, url_prefix="/v1/Interactions")
    _interactions(routes, world)
    _channels(routes, world)
    _invites(routes, world)
    _participants(routes, world)
    return routes


def _interactions(routes: Blueprint, world: World) -> None:
    @routes.post("")
    def create() -> Response:
        required("Channel")
        new = NewInteraction(
            json_object("Channel") or {},
            json_object("Routing") or {},
            text("InteractionContextSid"),
            text("WebhookTtid"),
        )
        return answer(interaction_json(world, create_interaction(world, new)))

    @routes.get("/<interaction_sid>")
    def fetch(interaction_sid: str) -> Response:
        return answer(interaction_json(world, _interaction(world, interaction_sid)))

    @routes.post("/<interaction_sid>")
    def update(interaction_sid: str) -> Response:
        interaction = _interaction(world, interaction_sid)
        interaction.webhook_ttid = text("WebhookTtid") or interaction.webhook_ttid
        return answer(interaction_json(world, interaction))


def _channels(routes: Blueprint, world: World) -> None:
    @routes.get("/<interaction_sid>/Channels")
    def list_channels(interaction_sid: str) -> Response:
        channels = [world.channels[_interaction(world, interaction_sid).channel_sid]]
        return page(world, "channels", channels, lambda one: channel_json(world, one))

    @routes.get("/<interaction_sid>/Channels/<sid>")
    def fetch_channel(interaction_sid: str, sid: str) -> Response:
        return answer(channel_json(world, world.channel(interaction_sid, sid)))

    @routes.post("/<interaction_sid>/Channels/<sid>")
    def change_channel(interaction_sid: str, sid: str) -> Response:
        channel = world.channel(interaction_sid, sid)
        update_channel(world, channel, text("Status") or "", json_object("Routing"))
        return answer(channel_json(world, channel))


def _invites(routes: Blueprint, world: World) -> None:
    @routes.get("/<interaction_sid>/Channels/<sid>/Invites")
    def list_invites(interaction_sid: str, sid: str) -> Response:
        invites = world.channel(interaction_sid, sid).invites
        return page(world, "invites", invites[::-1], lambda one: invite_json(world, one))

    @routes.post("/<interaction_sid>/Channels/<sid>/Invites")
    def invite(interaction_sid: str, sid: str) -> Response:
        channel = world.channel(interaction_sid, sid)
        required("Routing")
        return answer(invite_json(world, create_invite(world, channel, json_object("Routing") or {})))


def _participants(routes: Blueprint, world: World) -> None:
    @routes.get("/<interaction_sid>/Channels/<sid>/Participants")
    def list_participants(interaction_sid: str, sid: str) -> Response:
        people = world.channel(interaction_sid, sid).participants
        return page(world, "participants", people, lambda one: participant_json(world, one))

    @routes.post("/<interaction_sid>/Channels/<sid>/Participants")
    def join(interaction_sid: str, sid: str) -> Response:
        channel = world.channel(interaction_sid, sid)
        kind = required("Type")
        required("MediaProperties")
        if kind not in PARTICIPANT_TYPES:
            raise Refused(f"Type must be one of {', '.join(PARTICIPANT_TYPES)}")
        if kind == "agent":
            raise Refused("Agents are added with Invites")
        return answer(participant_json(world, add_participant(world, channel, kind)))

    @routes.post("/<interaction_sid>/Channels/<sid>/Participants/<participant_sid>")
    def change_participant(interaction_sid: str, sid: str, participant_sid: str) -> Response:
        channel = world.channel(interaction_sid, sid)
        participant = participant_on(channel, participant_sid)
        status = required("Status")
        if status == "closed":
            wakes = bool(world.conversations[channel.conversation_sid].webhooks)  # who parks hangs one in before
            close_participant(world, channel, participant, on_purpose=wakes)
        elif status == "wrapup":
            wrap_participant(world, participant)
        else:
            raise Refused("Status must be one of closed, wrapup")
        return answer(participant_json(world, participant))


def _interaction(world: World, sid: str) -> Interaction:
    if sid not in world.interactions:
        raise not_found(f"/Interactions/{sid}")
    return world.interactions[sid]
