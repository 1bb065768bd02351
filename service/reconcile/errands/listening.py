"""What a parked conversation has at Twilio while it rests: the webhook that wakes it, and a mark for everybody else."""

from contextlib import suppress
from urllib.parse import urlencode

from service.errors import TwilioRefusedError
from service.flex.conversations import Talk
from service.model import Errand
from service.reconcile.errands.settling import log
from service.reconcile.parts import Parts
from service.tracking.errand_records import is_errand_id

MARK = "router_parked"  # the conversation attribute that says so


def _url(parts: Parts, errand: Errand) -> str:
    """Tells all that is needed to route the customer again even if our store has forgotten; signed by Twilio."""
    query = {"errand": errand.id, "interaction": errand.interaction_sid, "channel": errand.channel_sid}
    return f"{parts.wake_url}?{urlencode(query)}"


def listen(parts: Parts, errand: Errand) -> None:
    """Let the wake-up webhook stand."""
    sid = errand.conversation_sid
    if sid and not any(one.url == _url(parts, errand) for one in parts.conversations.webhooks(sid)):
        parts.conversations.add_webhook(sid, _url(parts, errand))


def listen_no_more(parts: Parts, errand: Errand) -> None:
    """Take it away."""
    sid = errand.conversation_sid
    for one in parts.conversations.webhooks(sid) if sid else []:
        if one.url == _url(parts, errand):
            parts.conversations.drop_webhook(str(sid), one.sid)


def mark(parts: Parts, errand: Errand, *, on: bool) -> None:
    """Say on the conversation itself that it is parked; everything else that stands there stays."""
    sid = errand.conversation_sid
    found = parts.conversations.fetch(sid) if sid else None
    if sid is None or found is None or found.state == "closed" or not found.readable:
        return
    held = found.attributes.get(MARK)
    if on and held != errand.id:
        try:
            parts.conversations.write_attributes(sid, {**found.attributes, MARK: errand.id})
        except TwilioRefusedError as error:  # no room for it: a courtesy to others
            log.warning("errand.unmarked", errand=errand.id, why=error.detail)
    elif not on and held == errand.id:
        kept = {name: value for name, value in found.attributes.items() if name != MARK}
        parts.conversations.write_attributes(sid, kept)


def take_back(parts: Parts, errand: Errand) -> None:
    """Leave no trace of a park that is not to be."""
    with suppress(TwilioRefusedError):
        mark(parts, errand, on=False)
        listen_no_more(parts, errand)


def is_parked_unknown_to_us(parts: Parts, conversation_sid: str, talk: Talk) -> bool:
    """True if a park that the store has forgotten is marked on the conversation, and its webhook still listens."""
    marked = talk.attributes.get(MARK)
    if not isinstance(marked, str) or not is_errand_id(marked) or parts.errands.get(marked) is not None:
        return False
    return any(f"errand={marked}&" in one.url for one in parts.conversations.webhooks(conversation_sid))
