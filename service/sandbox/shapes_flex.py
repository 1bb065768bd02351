"""Flex resources as JSON, in the shape of Twilio's OpenAPI file."""

from service.sandbox.state import Channel, Interaction, Invite, Participant
from service.sandbox.world import World

Json = dict[str, object]


def interaction_json(world: World, interaction: Interaction) -> Json:
    """An interaction; its routing is as it was when it was made."""
    url = f"{world.origin}/v1/Interactions/{interaction.sid}"
    return {
        "sid": interaction.sid,
        **interaction.answer,
        "interaction_context_sid": interaction.interaction_context_sid,
        "webhook_ttid": interaction.webhook_ttid,
        "url": url,
        "links": {"channels": f"{url}/Channels"},
    }


def channel_json(world: World, channel: Channel) -> Json:
    """A channel."""
    url = channel_url(world, channel.interaction_sid, channel.sid)
    return {
        "sid": channel.sid,
        "interaction_sid": channel.interaction_sid,
        "type": channel.type,
        "status": channel.status,
        "error_code": channel.error_code,
        "error_message": channel.error_message,
        "url": url,
        "links": {name.lower(): f"{url}/{name}" for name in ("Participants", "Invites", "Transfers")},
    }


def invite_json(world: World, invite: Invite) -> Json:
    """An invite; its routing is as it was when it was made."""
    return {
        "sid": invite.sid,
        "interaction_sid": invite.interaction_sid,
        "channel_sid": invite.channel_sid,
        "routing": invite.routing,
        "url": f"{channel_url(world, invite.interaction_sid, invite.channel_sid)}/Invites/{invite.sid}",
    }


def participant_json(world: World, participant: Participant) -> Json:
    """A participant; there is no status to read."""
    base = channel_url(world, participant.interaction_sid, participant.channel_sid)
    return {
        "sid": participant.sid,
        "type": participant.type,
        "interaction_sid": participant.interaction_sid,
        "channel_sid": participant.channel_sid,
        "routing_properties": participant.routing,
        "url": f"{base}/Participants/{participant.sid}",
    }


def channel_url(world: World, interaction_sid: str, sid: str) -> str:
    """Where a channel is."""
    return f"{world.origin}/v1/Interactions/{interaction_sid}/Channels/{sid}"
