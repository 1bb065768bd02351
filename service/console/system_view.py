"""*System*: the parts and how they are, the settings without secrets, who has done what. Pure, but for the reading."""

import os
import threading
from collections.abc import Sequence
from typing import Any

from service.console.house import UNSIGNED_S
from service.console.office import Office
from service.console.words import exactly, moment, span
from service.errors import RouterError
from service.intake.keys import parse_keys
from service.settings import Settings
from service.tracking.checkup import Server
from service.tracking.console_notes import Act
from service.tracking.roll import RECONCILE, Sign

MOST_ACTS = 100
MOST_PROCESSES = 50
MEGABYTE = 1_048_576
ACTS = {"reroute": "re-route", "retry": "look now", "retry-group": "retry a group"}  # as their buttons say


def system_view(office: Office, *, now_ms: int) -> dict[str, Any]:
    """Everything on the page. What the store cannot tell is told as missing; never raises for it."""
    store: dict[str, Any] = {"fault": None, "nodes": [], "acts": [], "processes": [], "work": []}
    try:
        store = {"fault": None, **_store(office, now_ms)}
    except RouterError as error:
        store["fault"] = error.detail
    return {
        "store": store,
        "this": {"name": office.presence.name, "pid": os.getpid(), "threads": threading.active_count()},
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
    signs = parts.roll.read(at_ms)
    return {
        "nodes": [server_view(one) for one in office.checkup.servers()],
        "acts": acts_view(office.notes.acts(MOST_ACTS), at_ms),
        "processes": [process_view(one, at_ms) for one in signs[:MOST_PROCESSES]],
        "more": max(0, len(signs) - MOST_PROCESSES),
        "work": [*_catch_up(office, at_ms), ("store's clock against ours", f"{(at_ms - now_ms) / 1000:+.1f} s")],
    }


def _catch_up(office: Office, at_ms: int) -> list[tuple[str, str]]:
    """What the reconcile processes have done lately."""
    parts = office.desk.parts
    counted, minutes = parts.census.take(at_ms), parts.hours.read(1)
    age_s = counted.catch_up_age_s
    return [
        ("Events API last read", "never" if age_s is None else f"{span(age_s)} ago"),
        ("to be read every", exactly(round(office.settings.catch_up_every_s))),
        ("invites looked for", parts.notes.resync_wanted() or "none: the store has forgotten nothing"),
        ("last minute written", f"{span((at_ms - minutes[0].at_ms) / 1000)} ago" if minutes else "none yet"),
        ("due now", f"{counted.due:,}, the longest for {span(counted.lag_s)}" if counted.due else "nothing"),
    ]


def process_view(sign: Sign, now_ms: int) -> dict[str, Any]:
    """One process. A web process signs when somebody looks at it: one that is silent need not be dead."""
    silent_s = (now_ms - sign.at_ms) / 1000
    alive = silent_s <= UNSIGNED_S
    return {
        **vars(sign),
        "name": sign.name,
        "started": span((now_ms - sign.started_ms) / 1000),
        "signed": moment(sign.at_ms, now_ms),
        "word": "accepted" if alive else "failed" if sign.kind == RECONCILE else "parked",
        "state": "at work" if alive else "gone?" if sign.kind == RECONCILE else "not looked at",
    }


def server_view(server: Server) -> list[tuple[str, str]]:
    """One server of the store."""
    most = f"{server.most_bytes / MEGABYTE:,.0f} MB" if server.most_bytes else "none"
    aof = "on" if server.aof and server.aof_written else "cannot be written" if server.aof else "off"
    return [
        *([("name", server.name)] if server.name else []),
        ("software", server.software),
        ("role", server.role),
        ("memory used", f"{server.used_bytes / MEGABYTE:,.1f} MB"),
        ("memory limit", most),
        ("when full", server.policy),
        ("append-only file", aof),
        ("clients", f"{server.clients:,}"),
        ("running for", span(server.up_s)),
    ]


def settings_view(settings: Settings) -> list[tuple[str, str]]:
    """Name and value of every setting; of those that may hold a secret only whether they are given."""
    rows = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        shown = _shown(value) if info.repr else "given"
        rows.append((name.upper(), "–" if value in (None, "") else shown))
    return rows


def _shown(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def acts_view(acts: Sequence[Act], now_ms: int) -> list[dict[str, Any]]:
    """The audit trail, newest first."""
    return [{**vars(act), "what": ACTS.get(act.what, act.what), "at": moment(act.at_ms, now_ms)} for act in acts]
