"""*System*: the parts and how they are, the settings without secrets, who has done what. Pure, but for the reading."""

import os
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from service.console.office import Office
from service.console.words import moment, span
from service.errors import RouterError
from service.intake.keys import parse_keys
from service.settings import Settings
from service.tracking.console_notes import Act

MOST_ACTS = 100


def system_view(office: Office, *, now_ms: int) -> dict[str, Any]:
    """Everything on the page. What the store cannot tell is told as missing; never raises for it."""
    store: dict[str, Any] = {"fault": None, "nodes": [], "acts": [], "caught": None, "minute": None}
    try:
        store = {"fault": None, **_store(office, now_ms)}
    except RouterError as error:
        store["fault"] = error.detail
    return {
        "store": store,
        "process": process_view(office.started_ms, now_ms),
        "settings": settings_view(office.settings),
        "keys": [(key.id, ", ".join(sorted(key.scopes))) for key in parse_keys(office.settings.api_keys)],
        "twilio": {
            "account": office.settings.twilio_account_sid,
            "workspace": office.settings.twilio_workspace_sid,
            "where": office.settings.twilio_base_url or "Twilio",
        },
    }


def _store(office: Office, now_ms: int) -> dict[str, Any]:
    parts = office.desk.parts
    at_ms = parts.store.now_ms()
    counted = parts.census.take(at_ms)
    minutes = parts.hours.read(1)
    return {
        "nodes": office.notes.servers(),
        "acts": acts_view(office.notes.acts(MOST_ACTS), at_ms),
        "caught": None if counted.catch_up_age_s is None else span(counted.catch_up_age_s),
        "minute": span((at_ms - minutes[0].at_ms) / 1000) if minutes else None,
        "lag": span(counted.lag_s),
        "apart": f"{(at_ms - now_ms) / 1000:+.1f} s",
    }


def process_view(started_ms: int, now_ms: int) -> list[tuple[str, str]]:
    """This web process."""
    return [
        ("version", version("flex-router")),
        ("process", str(os.getpid())),
        ("running for", span((now_ms - started_ms) / 1000)),
        ("threads", str(threading.active_count())),
    ]


def settings_view(settings: Settings) -> list[tuple[str, str]]:
    """Name and value of every setting; of those that may hold a secret only whether they are given."""
    rows = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        shown = str(value) if info.repr else "given"
        rows.append((name.upper(), "–" if value in (None, "") else shown))
    return rows


def acts_view(acts: Sequence[Act], now_ms: int) -> list[dict[str, Any]]:
    """The audit trail, newest first."""
    return [{**vars(act), "at": moment(act.at_ms, now_ms)} for act in acts]
