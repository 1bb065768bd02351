"""Flex Interactions through the SDK: the operations we need, as values in and out.

Every method may raise TwilioUnavailableError, TwilioAmbiguousError or TwilioRefusedError (see ``faults``).
Sources: "Interactions resource", "Invites Subresource", "Channels Subresource", "Interaction Channel Participants".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from twilio.rest import Client

from service.errors import TwilioRefusedError, TwilioUnavailableError
from service.flex.faults import twilio_faults
from service.model import Route, conversation_in, is_sid

GONE = 404
_CLOSED = {"status": "closed"}
_WRAPUP = {"status": "wrapup"}


@dataclass(frozen=True)
class Made:
    """What a create brought into being, as far as Twilio's answer says."""

    interaction_sid: str | None
    channel_sid: str | None
    conversation_sid: str | None
    invite_sid: str | None
    task_sid: str | None
    attributes: Mapping[str, object]
    task_status: str | None = None  # as it was when Twilio wrote this answer


@dataclass(frozen=True)
class Participant:
    """One participant of an interaction channel. ``type``: agent, customer, supervisor, external or unknown."""

    sid: str
    type: str
    worker_sid: str | None
    task_sid: str | None


class Gateway:
    """One account's Flex, seen from one workspace."""

    def __init__(self, client: Client, workspace_sid: str) -> None:
        self._flex = client.flex_api.v1
        self._workspace_sid = workspace_sid

    def create_interaction(
        self, conversation_sid: str, channel_type: str, route: Route, attributes: Mapping[str, object]
    ) -> Made:
        """Bring an existing conversation into Flex. Not idempotent: look before you repeat it."""
        channel = {
            "type": channel_type,
            "initiated_by": "customer",
            "properties": {"media_channel_sid": conversation_sid},
        }
        with twilio_faults("create interaction"):
            made = self._flex.interaction.create(channel=channel, routing=self._routing(route, attributes))
            channel_sid = _text((made.channel or {}).get("sid"))
            return _complete(_made(made.sid, channel_sid, None, made.routing))

    def create_invite(
        self, interaction_sid: str, channel_sid: str, route: Route, attributes: Mapping[str, object]
    ) -> Made:
        """Ask somebody onto a channel: a new task. Not idempotent: look before you repeat it."""
        with twilio_faults("create invite"):
            invites = self._flex.interaction(interaction_sid).channels(channel_sid).invites
            made = invites.create(routing=self._routing(route, attributes))
            return _complete(_made(interaction_sid, channel_sid, made.sid, made.routing))

    def invites(self, interaction_sid: str, channel_sid: str) -> list[Made]:
        """Every invite that the channel ever had, as Twilio lists them; [] if the channel is gone."""
        try:
            with twilio_faults("list invites"):
                listed = self._flex.interaction(interaction_sid).channels(channel_sid).invites.list(limit=1000)
                return [_made(interaction_sid, channel_sid, one.sid, one.routing) for one in listed]
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return []
            raise

    def channel_status(self, interaction_sid: str, channel_sid: str) -> str | None:
        """setup, active, failed, closed, inactive, pause or transfer; None if the channel is gone."""
        try:
            with twilio_faults("fetch channel"):
                return str(self._flex.interaction(interaction_sid).channels(channel_sid).fetch().status)
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise

    def participants(self, interaction_sid: str, channel_sid: str, *, shown: bool = False) -> list[Participant]:
        """Who is on the channel now; [] if the channel is gone.

        ``shown``: the channel has just been shown, so a list that is not there says nothing of who is on it. Then it
        raises TwilioUnavailableError.
        """
        try:
            with twilio_faults("list participants"):
                listed = self._flex.interaction(interaction_sid).channels(channel_sid).participants.list(limit=1000)
                return [_participant(one.sid, one.type, one.routing_properties) for one in listed]
        except TwilioRefusedError as error:
            if error.twilio_status == GONE and shown:
                raise TwilioUnavailableError("the channel is shown, but not who is on it", retry_after_s=5) from None
            if error.twilio_status == GONE:
                return []
            raise

    def close_channel(self, interaction_sid: str, channel_sid: str, *, wrapup: bool = False) -> None:
        """Close a channel and its conversation, and end its tasks. Raises TwilioRefusedError if it was closed already.

        ``wrapup``: agents go into wrap-up, as with the End button of Flex; otherwise their tasks are completed.
        """
        with twilio_faults("close channel"):
            channel = self._flex.interaction(interaction_sid).channels(channel_sid)
            routing = _WRAPUP if wrapup else _CLOSED
            channel.update(status="closed", routing=routing)  # type: ignore[arg-type]  # the SDK sends the plain word

    def close_participant(self, interaction_sid: str, channel_sid: str, participant_sid: str) -> None:
        """Take one agent off the channel: that agent's task is completed, channel and conversation stay open."""
        with twilio_faults("close participant"):
            channel = self._flex.interaction(interaction_sid).channels(channel_sid)
            channel.participants(participant_sid).update(status="closed")  # type: ignore[arg-type]  # as above

    def _routing(self, route: Route, attributes: Mapping[str, object]) -> dict[str, object]:
        wanted = {
            "workspace_sid": self._workspace_sid,
            "workflow_sid": route.workflow_sid,
            "queue_sid": route.queue_sid if route.direct else None,
            "worker_sid": route.worker_sid if route.direct else None,
            "task_channel_unique_name": route.task_channel,
            "priority": route.priority,
            "timeout": route.timeout_s,
            "attributes": attributes,
        }
        return {"properties": {name: value for name, value in wanted.items() if value is not None}}


def _made(interaction_sid: str | None, channel_sid: str | None, invite_sid: str | None, routing: object) -> Made:
    properties = routing.get("properties") if isinstance(routing, Mapping) else None
    properties = properties if isinstance(properties, Mapping) else {}
    attributes = parse_attributes(properties.get("attributes"))
    return Made(
        interaction_sid=interaction_sid or _text(attributes.get("flexInteractionSid")),
        channel_sid=channel_sid or _text(attributes.get("flexInteractionChannelSid")),
        conversation_sid=conversation_in(attributes),
        invite_sid=invite_sid or _text(attributes.get("flexChannelInviteSid")),
        task_sid=_text(properties.get("sid")),
        attributes=attributes,
        task_status=_text(properties.get("assignment_status")),
    )


def _complete(made: Made) -> Made:
    """An answer that names no task may be anything: raises ValueError, which makes it one that was lost."""
    if not (is_sid(made.task_sid, "WT") and is_sid(made.channel_sid, "UO") and is_sid(made.interaction_sid, "KD")):
        raise ValueError("the answer names no task, channel or interaction")
    return made


def parse_attributes(text: object) -> Mapping[str, object]:
    """A task's attributes from the JSON text in which Twilio gives them; {} if they are not a JSON object."""
    if isinstance(text, Mapping):
        return text
    try:
        value = json.loads(text) if isinstance(text, str) else None
        text_again = json.dumps(value, ensure_ascii=False)
        text_again.encode()  # half a surrogate pair is legal JSON and no text
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _participant(sid: object, kind: object, routing: object) -> Participant:
    held = routing if isinstance(routing, Mapping) else {}
    return Participant(str(sid), str(kind), _text(held.get("worker_sid")), _text(held.get("task_sid")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
