"""What a scrape reads at its moment: the store, and the rules of this process."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version

import structlog

from service.errors import RouterError
from service.metrics import record
from service.metrics.scrape import Reading
from service.reconcile.parts import Parts
from service.reconcile.rulebook import Rulebook

log = structlog.stdlib.get_logger("service.rules")

SHOWN_DIGITS = 12  # of a hash: enough to tell files apart


def refresh_rules(book: Rulebook, now_ms: int) -> None:
    """Take up a changed rules file, and say what came of it."""
    before = book.rules.fault
    if book.rules.refresh(now_ms):
        record.rules_tried("taken_up")
        log.info("rules.taken_up", sha256=book.rules.current.sha256)
    fault = book.rules.fault
    if fault is not None and fault is not before:  # the same file is tried again at each look
        record.rules_tried("refused")
        if before is None:
            log.error("rules.refused", why=fault.summary)


@cache
def running_version() -> str:
    """The version of this service that runs."""
    return version("flex-router")


def process_readings(book: Rulebook) -> Iterator[Reading]:
    """The version that runs and the rules it decides by."""
    yield Reading("info", 1, (running_version(),))
    yield Reading("rules_fault", float(book.rules.fault is not None))
    if book.current is not None:
        yield Reading("rules_info", 1, (book.current.sha256[:SHOWN_DIGITS],))
        yield Reading("rules_loaded_timestamp_seconds", book.rules.loaded_at_ms / 1000)


def store_readings(parts: Parts) -> Iterable[Reading]:
    """What the store holds. While it is away only that is told; the rest of the scrape goes on."""
    try:
        counted = parts.census.take(parts.store.now_ms())
    except RouterError:
        return [Reading("store_up", 0)]
    age_s = counted.catch_up_age_s
    return [
        Reading("store_up", 1),
        *(Reading("open_records", number, (state,)) for state, number in counted.open.items()),
        *(Reading("oldest_record_age_seconds", age, (state,)) for state, age in counted.oldest_s.items()),
        Reading("due_records", counted.due),
        Reading("due_lag_seconds", counted.lag_s),
        *([] if age_s is None else [Reading("catch_up_age_seconds", age_s)]),
    ]
