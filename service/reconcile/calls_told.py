"""What is asked of Twilio for a record gets a line in its history: what was to change something, and what failed.

So that whoever looks at one conversation sees whether it was us or Twilio, and has the id under which Twilio finds the
call. Reading that succeeds is not told: there is a look every few minutes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from service.errors import RouterError
from service.flex.calls import Kept, kept_calls
from service.model import CALLED, Errand, Invite
from service.reconcile.parts import Parts

log = structlog.stdlib.get_logger("service.reconcile")


def lines_of(calls: Sequence[Kept], *, failing: bool) -> list[str]:
    """The lines for a history. Of one that is ``failing`` already, further failures are left out: they would fill it
    while Twilio is away for hours."""
    return [CALLED + call.text for call in calls if not (failing and call.failed)]


@contextmanager
def calls_told(parts: Parts, record: Invite | Errand) -> Iterator[None]:
    """Around work on a record. What it asks of Twilio is told afterwards, as long as the store can be had."""
    with kept_calls() as calls:
        try:
            yield
        finally:
            if lines := lines_of(calls, failing=bool(record.trouble)):
                _tell(parts, record, "\n".join(lines))


def _tell(parts: Parts, record: Invite | Errand, what: str) -> None:
    records = parts.errands if isinstance(record, Errand) else parts.store
    try:
        records.tell(record.id, what)
    except RouterError as error:
        log.warning("calls.not_told", record=record.id, why=error.detail)
