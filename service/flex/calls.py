"""Watching the calls to Twilio: each is counted and timed by the name of what it is for, and a failed one is logged
with the id under which Twilio's support finds it. No parameter, body or answer is looked at.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from service.errors import TwilioAmbiguousError, TwilioUnavailableError
from service.flex.breaker import HeldBackError
from service.metrics import record
from service.tracing import note, span

log = structlog.stdlib.get_logger("service.flex")

REQUEST_ID = "twilio-request-id"
UNSENT, LOST, HELD = "unsent", "lost", "held"

_ID_FORM = re.compile(r"[A-Za-z0-9-]{1,64}")
_operation: ContextVar[str] = ContextVar("twilio_operation", default="other")


@dataclass(frozen=True)
class Kept:
    """A call that is worth a line in somebody's history: what for, what came of it, Twilio's id of it."""

    text: str
    failed: bool


_kept: "ContextVar[list[Kept] | None]" = ContextVar("twilio_calls_kept", default=None)


@contextmanager
def kept_calls() -> Iterator[list[Kept]]:
    """Around some work: the calls in it that were to change something, and those that failed, in their order."""
    calls: list[Kept] = []
    token = _kept.set(calls)
    try:
        yield calls
    finally:
        _kept.reset(token)


@dataclass
class Call:
    """One call under way: what came of it is written here by whoever makes it."""

    outcome: int | str = UNSENT
    request_id: str | None = None

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Twilio, or what stands before it, has answered."""
        self.outcome = status
        given = next((value for name, value in headers.items() if name.lower() == REQUEST_ID), "")
        self.request_id = given if _ID_FORM.fullmatch(given) else None


def named(operation: str) -> None:
    """The calls that this thread makes from here on are for this: a few words of ours.

    Never taken back, for every call is made under a name (``faults.twilio_faults``), and lists are read in generators.
    """
    _operation.set(operation)


@contextmanager
def watched(method: str, path: str) -> Iterator[Call]:
    """Around one call. ``path`` is without its query; SIDs are all that it holds of a conversation."""
    call, began = Call(), time.monotonic()
    with span(f"Twilio: {_operation.get()}"):
        try:
            yield call
        except TwilioAmbiguousError:
            call.outcome = LOST
            raise
        except HeldBackError:
            call.outcome = HELD
            raise
        except TwilioUnavailableError:
            call.outcome = UNSENT
            raise
        finally:
            _tell(call, method, path, time.monotonic() - began)


def _tell(call: Call, method: str, path: str, seconds: float) -> None:
    operation = _operation.get()
    record.twilio_called(operation, call.outcome, seconds)
    note(method=method, path=path, outcome=str(call.outcome), twilio_request_id=call.request_id)
    _keep(call, method, operation, seconds)
    log.log(
        _level(call.outcome),
        "twilio.call",
        operation=operation,
        method=method,
        path=path,
        outcome=call.outcome,
        ms=round(seconds * 1000),
        **({"twilio_request_id": call.request_id} if call.request_id else {}),
    )


def _keep(call: Call, method: str, operation: str, seconds: float) -> None:
    calls, failed = _kept.get(), _level(call.outcome) > logging.DEBUG
    if calls is not None and call.outcome != HELD and (failed or method.upper() != "GET"):
        by = f" {call.request_id}" if call.request_id else ""
        calls.append(Kept(f"{operation}: {call.outcome} in {seconds * 1000:.0f} ms{by}", failed))


def _level(outcome: int | str) -> int:
    """An answer that is needed is a detail; so is 404, which says that something is over. All else has failed; of what
    is held back the breaker has told."""
    if outcome == HELD:
        return logging.DEBUG
    if isinstance(outcome, str) or outcome >= 500 or outcome in (401, 403, 408, 425, 429):
        return logging.WARNING
    return logging.DEBUG if outcome < 400 or outcome == 404 else logging.INFO
