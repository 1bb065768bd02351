"""Our own records as JSON lines: invites and decisions for a warehouse, past requests for ``flex-router rules replay``.

Nothing personal is in a line unless it is asked for: no attribute, no reason in somebody's words, no name of a worker.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from service.model import Entry, Invite, Kind, Route
from service.rules.carried import attributes_of
from service.tracking.records import asdict_request
from service.tracking.store import Store

PAGE = 500


@dataclass(frozen=True)
class Period:
    """Records made at or after ``from_ms`` and before ``to_ms`` (epoch ms by Redis' clock); None: without an end."""

    from_ms: int | None = None
    to_ms: int | None = None


ALL = Period()
Line = Callable[[Invite], Mapping[str, object]]


def past_requests(store: Store, period: Period = ALL) -> Iterator[str]:
    """Every remembered request that the rules decided, newest first. The lines hold what customers' apps sent.

    Raises StoreUnavailableError.
    """
    return _lines(filter(_is_decided, _records(store, period)), _body)


def decisions(store: Store, period: Period = ALL, *, personal: bool = False) -> Iterator[str]:
    """What the rules decided, why, and what came of the first step. ``personal``: with the request that led to it."""
    return _lines(filter(_is_decided, _records(store, period)), _decision, _body if personal else None)


def invites(store: Store, period: Period = ALL, *, personal: bool = False) -> Iterator[str]:
    """Every record: what was asked, its life so far, how it ended. ``personal``: with the request that led to it."""
    return _lines(_records(store, period), _invite, _body if personal else None)


def _lines(records: Iterator[Invite], line: Line, request: Line | None = None) -> Iterator[str]:
    for invite in records:
        told = {**line(invite), "request": request(invite)} if request else line(invite)
        yield json.dumps(told, ensure_ascii=False)


def _records(store: Store, period: Period) -> Iterator[Invite]:
    """Newest first. What is made while this is read is left out."""
    cursor: tuple[int, str] | None = None if period.to_ms is None else (period.to_ms, "")
    while rows := store.newest(before=cursor, most=PAGE):
        for invite in store.get_many([row[1] for row in rows]):
            if period.from_ms is not None and invite.created_at_ms < period.from_ms:
                return
            yield invite
        cursor = rows[-1]


def _is_decided(invite: Invite) -> bool:
    """Later steps of a ladder repeat the request of the first, and adopted tasks had none."""
    return invite.kind is not Kind.ADOPTED and invite.predecessor is None and bool(invite.plan.rules_sha256)


def _body(invite: Invite) -> dict[str, object]:
    body = asdict_request(invite.request)
    origin, to = body.pop("origin", None), body.pop("to", None)
    if body.pop("carried", None):
        body["attributes"] = attributes_of(invite.request)
    if isinstance(origin, dict):
        body["from"] = {name: value for name, value in origin.items() if value is not None}
    if isinstance(to, dict):
        body["to"] = {to["kind"]: to["name"]}
    return {**body, "at": _iso(invite.created_at_ms)}


def _decision(invite: Invite) -> dict[str, object]:
    request, plan = invite.request, invite.plan
    return {
        "at": _iso(invite.created_at_ms),
        "invite": invite.id,
        "kind": str(invite.kind),
        "conversation_sid": invite.conversation_sid,
        "channel_type": request.channel_type,
        "asked_by": invite.asked_by,
        "rule": plan.rule,
        "rules_sha256": plan.rules_sha256,
        "step": invite.step,
        "steps": [_route(step) for step in plan.steps],
        "on_lapse": plan.on_lapse,
        "trace": _trace(plan.trace),
        "state": str(invite.state),
    }


def _invite(invite: Invite) -> dict[str, object]:
    return {
        "id": invite.id,
        "kind": str(invite.kind),
        "state": str(invite.state),
        "created_at": _iso(invite.created_at_ms),
        "task_ended_at": _iso(invite.ended_at_ms),
        "due_at": _iso(invite.due_ms),
        "rule": invite.plan.rule or None,
        "rules_sha256": invite.plan.rules_sha256 or None,
        "step": invite.step,
        "route": _route(invite.route) if invite.route else None,
        "channel_type": invite.request.channel_type,
        "interaction_sid": invite.interaction_sid,
        "channel_sid": invite.channel_sid,
        "conversation_sid": invite.conversation_sid,
        "invite_sid": invite.invite_sid,
        "task_sid": invite.task_sid,
        "worker_sid": invite.worker_sid,
        "predecessor": invite.predecessor,
        "successor": invite.successor,
        "attempt": invite.attempt,
        "reason": invite.reason or None,
        "asked_by": invite.asked_by,
        "history": [_entry(entry) for entry in invite.history],
    }


def _route(route: Route) -> dict[str, object]:
    """Without the worker's name, which may be somebody's address, and without the attributes that a rule adds."""
    told = {
        "target": route.target,
        "workflow": route.workflow,
        "queue": route.queue,
        "worker_sid": route.worker_sid,
        "task_channel": route.task_channel,
        "priority": route.priority,
        "timeout_s": route.timeout_s,
    }
    return {name: value for name, value in told.items() if value is not None}


def _entry(entry: Entry) -> dict[str, object]:
    return {"at": _iso(entry.at_ms), "state": entry.state, "what": entry.what}


def _trace(text: str) -> object:
    """As it was stored: which conditions decided, without values."""
    return json.loads(text) if text else None


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")
