"""What is looked at: the settings, and the ways to the account and to the store. Connects to nothing by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.flex.account import Account
from service.flex.client import twilio_client
from service.reconcile.parts import Parts
from service.settings import Settings
from service.tracking.checkup import Checkup
from service.tracking.connection import connect

EVENTS_PATH = "/v1/events/taskrouter"
OVERRIDES = "#rc=5&rp=all"  # five retries, whatever went wrong, within 15 s: "Webhooks: Connection Overrides"


@dataclass(frozen=True)
class Subject:
    """One installation. ``gunicorn`` and ``proxy`` are configuration files; None where there is none to be read."""

    settings: Settings
    parts: Parts
    account: Account
    checkup: Checkup
    gunicorn: Path | None = None
    proxy: Path | None = None
    now_s: Callable[[], float] = time.time

    @property
    def events_url(self) -> str:
        """Where TaskRouter is to post its events, with the overrides of the connection."""
        return f"{self.door_url}{OVERRIDES}"

    @property
    def door_url(self) -> str:
        """The same without them: what is signed."""
        return f"{self.settings.public_base_url}{EVENTS_PATH}"


def subject_of(
    settings: Settings,
    parts: Parts,
    *,
    gunicorn: Path | None = None,
    proxy: Path | None = None,
    now_s: Callable[[], float] = time.time,
) -> Subject:
    """The installation that these settings describe; ``parts`` are those of the service, made from them."""
    account = Account(twilio_client(settings), settings.twilio_workspace_sid, now_s=now_s)
    return Subject(settings, parts, account, Checkup(connect(settings.redis_url)), gunicorn, proxy, now_s)
