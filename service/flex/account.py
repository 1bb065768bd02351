"""The account itself, for whoever sets it up: who may log in, where the workspace sends its events, Flex' chat service.

Nothing that routes a conversation comes in here. Every method may raise TwilioUnavailableError, TwilioAmbiguousError or
TwilioRefusedError (see ``faults``).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from twilio.base import values
from twilio.rest import Client

from service.errors import TwilioRefusedError
from service.flex.faults import twilio_faults
from service.flex.gateway import GONE

_WORKSPACE = "https://taskrouter.twilio.com/v1/Workspaces/{}"
_CONFIGURATION = "https://flex-api.twilio.com/v1/Configuration"


@dataclass(frozen=True)
class Login:
    """What one login brought: an HTTP status, and the clocks of both sides in the middle of that call (epoch s).

    ``theirs_s`` is what the answer's Date header says, in whole seconds; None if there was none that can be read.
    """

    status: int
    ours_s: float
    theirs_s: float | None

    @property
    def refused(self) -> bool:
        """True if the credentials were not taken."""
        return self.status in (401, 403)


@dataclass(frozen=True)
class WorkspaceSettings:
    """Where a workspace posts its events. An empty ``events_filter`` posts all of them."""

    name: str
    callback_url: str
    events_filter: str


@dataclass(frozen=True)
class ChatServices:
    """The Conversations service that un-scoped addresses reach, and the one that Flex works with (IS…)."""

    default_sid: str | None
    flex_sid: str | None


class Account:
    """One account, seen from one workspace."""

    def __init__(self, client: Client, workspace_sid: str, *, now_s: Callable[[], float] = time.time) -> None:
        """``now_s``: the clock that is compared with Twilio's."""
        self._client = client
        self._workspace_sid = workspace_sid
        self._now_s = now_s

    def login(self, user: str, password: str) -> Login:
        """Read the workspace with these credentials, whatever comes of it."""
        with twilio_faults("try credentials"):
            before = self._now_s()
            url = _WORKSPACE.format(self._workspace_sid)
            answer = self._client.request("GET", url, auth=(user, password))
            ours_s = (before + self._now_s()) / 2
            date = next((text for name, text in (answer.headers or {}).items() if name.lower() == "date"), None)
            return Login(int(answer.status_code), ours_s, _epoch_s(date))

    def workspace(self) -> WorkspaceSettings:
        """Name and event callback of the workspace."""
        with twilio_faults("fetch workspace"):
            found = self._client.taskrouter.v1.workspaces(self._workspace_sid).fetch()
            return WorkspaceSettings(
                str(found.friendly_name), str(found.event_callback_url or ""), str(found.events_filter or "")
            )

    def send_events(self, *, callback_url: str | None = None, events_filter: str | None = None) -> WorkspaceSettings:
        """Let the workspace post its events elsewhere, or others; None leaves a setting as it is."""
        with twilio_faults("update workspace"):
            self._client.taskrouter.v1.workspaces(self._workspace_sid).update(
                event_callback_url=values.unset if callback_url is None else callback_url,
                events_filter=values.unset if events_filter is None else events_filter,
            )
        return self.workspace()

    def chat_services(self) -> ChatServices | None:
        """Both services, as the two Configuration resources name them; None where Twilio shows one of them not."""
        try:
            with twilio_faults("fetch conversations configuration"):
                default = self._client.conversations.v1.configuration().fetch().default_chat_service_sid
        except TwilioRefusedError as error:
            if error.twilio_status == GONE:
                return None
            raise
        flex = self._flex_configuration()
        return None if flex is None else ChatServices(default, _text(flex.get("chat_service_instance_sid")))

    def _flex_configuration(self) -> dict[str, object] | None:
        # The SDK's reader of this resource stops at values that it does not expect; only one key is needed.
        with twilio_faults("fetch flex configuration"):
            answer = self._client.request("GET", _CONFIGURATION)
            found = json.loads(answer.text) if answer.status_code == 200 else None
            return found if isinstance(found, dict) else None


def _epoch_s(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
