"""One piece of due work: a claimed record is brought a step further, or postponed where a fault has come between."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from service.errors import LaterVersionError, RouterError
from service.flex.breaker import HeldBackError
from service.flex.http import budget
from service.metrics import record
from service.model import Errand, Invite, State
from service.reconcile.calls_told import calls_told
from service.reconcile.errands.work import work_errand
from service.reconcile.fulfil import fulfil
from service.reconcile.lapse import judge_channel
from service.reconcile.look import look_at_open
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook
from service.tracking.errand_records import is_errand_id
from service.tracking.scripts import milliseconds
from service.tracking.store import KEEP, NONE

log = structlog.stdlib.get_logger("service.reconcile")

AFTER_FAULT_S = 5.0


@dataclass(frozen=True)
class Claimed:
    """A record that this process has claimed, and when (epoch ms by the store's clock)."""

    id: str
    at_ms: int


def work(parts: Parts, book: Rulebook, invite_id: str, *, now_ms: int) -> bool:
    """Bring one claimed record a step further. A fault postpones it; the claim itself has postponed it already.

    False if a fault has come, and the store did not write for when it is postponed.
    """
    try:
        if is_errand_id(invite_id):
            with budget(parts.call_s):
                work_errand(parts, book, invite_id, now_ms=now_ms)
            return True
        invite = parts.store.get(invite_id)
        if invite is None:
            parts.store.drop_due(invite_id)
            return True
        with budget(parts.call_s), calls_told(parts, invite):
            _handle(parts, book, invite, now_ms)
        if invite.trouble and invite.state is not State.REQUESTED:  # of a create, fulfil knows whether it is over
            _touch(parts, _read(parts, invite_id), fields={"trouble": ""})
    except RouterError as error:
        log.log(_level(error), "work.postponed", invite=invite_id, why=error.detail)
        record.work_failed("postponed")
        return _postpone(parts, invite_id, error)
    except Exception:
        # a record that this code cannot handle must not stop the others; its lease brings it back
        record.work_failed("broken")
        log.exception("work.broken", invite=invite_id)
    return True


def _level(error: RouterError) -> int:
    if isinstance(error, HeldBackError):
        return logging.DEBUG  # the breaker has told, once for all
    return logging.WARNING if error.retryable else logging.ERROR


def _handle(parts: Parts, book: Rulebook, invite: Invite, now_ms: int) -> None:
    if invite.state is State.REQUESTED:
        fulfil(parts, invite, now_ms=now_ms)
    elif invite.state in (State.PENDING, State.ACCEPTED):
        look_at_open(parts, book, invite, now_ms=now_ms)
    elif invite.state in (State.LAPSED, State.FAILED, State.CANCELED):
        judge_channel(parts, book, invite, now_ms=now_ms)
    else:
        parts.store.touch(invite.id, invite.state, due=NONE)


def _postpone(parts: Parts, invite_id: str, error: RouterError) -> bool:
    wait = max(error.retry_after_s or 0, AFTER_FAULT_S)
    try:
        _touch(parts, _read(parts, invite_id), due=wait, fields={"trouble": error.detail})
    except LaterVersionError:
        return True  # its lease is the postponement: it is for the processes of that version
    except RouterError:
        log.warning("work.left_to_lease", invite=invite_id)
        return False
    return True


def bring_forward(parts: Parts, claimed: Claimed) -> None:
    """Make it due now, if nothing has set another time since the claim. Raises StoreUnavailableError."""
    try:
        found = _read(parts, claimed.id)
    except LaterVersionError:
        return
    if found is not None and found.due_ms == claimed.at_ms + milliseconds(parts.lease_s):
        _touch(parts, found, due=0)


def _touch(
    parts: Parts, found: Invite | Errand | None, *, due: float | str = KEEP, fields: Mapping[str, str] | None = None
) -> None:
    if isinstance(found, Errand):
        parts.errands.touch(found.id, found.state, due=due, fields=fields)
    elif found is not None:
        parts.store.touch(found.id, found.state, due=due, fields=fields)


def _read(parts: Parts, record_id: str) -> Invite | Errand | None:
    return parts.errands.get(record_id) if is_errand_id(record_id) else parts.store.get(record_id)
