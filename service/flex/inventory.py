"""Every conversation of the account that is not closed: the only list in which a forgotten one stands.

May raise TwilioUnavailableError, TwilioAmbiguousError or TwilioRefusedError (see ``faults``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from twilio.rest import Client

from service.flex.faults import twilio_faults
from service.flex.gateway import parse_attributes

PAGE = 100  # the most that Twilio gives at once: OpenAPI file of Conversations, list of Conversation
_LIST = "https://conversations.twilio.com/v1/Conversations"
OPEN_STATES = ("active", "inactive")  # both count as open, and both can be asked for: same place


@dataclass(frozen=True)
class Listed:
    """A conversation as the list shows it; times are epoch ms by Twilio's clock."""

    sid: str
    state: str
    created_ms: int
    attributes: Mapping[str, object]


class Inventory:
    """One account's conversations, those of its default service."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._conversations = client.conversations.v1.conversations

    def refused(self) -> bool:
        """True if our credentials are not taken: then there is nothing to be tried again."""
        with twilio_faults("try credentials"):
            return int(self._client.request("GET", _LIST, params={"PageSize": 1}).status_code) in (401, 403)

    def conversations(self, state: str) -> Iterator[Listed]:
        """Those in one state, page by page as they are asked for."""
        with twilio_faults("list conversations"):
            for one in self._conversations.stream(state=state, page_size=PAGE):
                created_ms = _epoch_ms(one.date_created)
                yield Listed(str(one.sid), str(one.state), created_ms, parse_attributes(one.attributes))


def _epoch_ms(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1000) if moment else 0
