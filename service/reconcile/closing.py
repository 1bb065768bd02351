"""The conversation beneath a channel is closed where closing the channel has left it open."""

from service.errors import TwilioRefusedError
from service.reconcile.parts import Parts


def close_conversation(parts: Parts, conversation_sid: str | None) -> None:
    """Close it, unless it is closed or gone. Raises a Twilio fault if it stays open."""
    if conversation_sid is None or _is_closed(parts, conversation_sid):
        return
    try:
        parts.conversations.close(conversation_sid)
    except TwilioRefusedError:
        if not _is_closed(parts, conversation_sid):
            raise


def _is_closed(parts: Parts, conversation_sid: str) -> bool:
    return parts.conversations.state(conversation_sid) in (None, "closed")
