"""What the other rooms call when something has happened. Each call costs a few microseconds and never raises."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import Counter, Histogram

from service.metrics import families as to
from service.metrics.families import OTHER, Bounded

NO_RULE = "none"

_rule = Bounded(200, r"[A-Za-z0-9_-]{1,64}")  # of the rules file; it may have more
_word = Bounded(100, r"[a-z][a-z_.-]{0,39}")  # kinds, states, outcomes, problems, types of events
_reason = Bounded(60, r"[a-zA-Z][a-zA-Z0-9 ,.()'-]{0,79}")  # of a verdict: sentences of ours
_endpoint = Bounded(60, r"[a-z_.]{1,40}")
_operation = Bounded(60, r"[a-z ]{1,40}")
_host = Bounded(20, r"[a-z0-9.-]{1,60}")
_fault = Bounded(40, r"[A-Za-z]{1,60}")


@cache
def _counter(family: Counter, *labels: str) -> Counter:
    return family.labels(*labels)


@cache
def _histogram(family: Histogram, *labels: str) -> Histogram:
    return family.labels(*labels)


_STATUS_CLASSES = {401: "denied", 403: "denied", 404: "404", 429: "429"}


def answered(endpoint: str | None, status: int, seconds: float) -> None:
    """The web process has answered. ``endpoint`` is Flask's name of the address; None where there is none."""
    name = _endpoint(endpoint or "none")
    _counter(to.HTTP, name, str(status)).inc()
    _histogram(to.HTTP_S, name).observe(seconds)


def request_taken(kind: str, rule: str, outcome: str) -> None:
    """A routing request was taken: ``outcome`` is made, seen_before, being_finished or refused (by Twilio)."""
    _counter(to.REQUESTS, _word(kind), _rule(rule or NO_RULE), _word(outcome)).inc()


def decided(kind: str, rule: str, outcome: str) -> None:
    """The rules were asked: ``outcome`` is first_step, later_step, no_step_fits (the last is tried) or dry_run."""
    _counter(to.DECISIONS, _word(kind), _rule(rule or NO_RULE), _word(outcome)).inc()


def problem_told(slug: str) -> None:
    """An answer was a problem."""
    _counter(to.PROBLEMS, _word(slug)).inc()


def event_heard(source: str, event_type: str, outcome: str, *, at_ms: int) -> None:
    """An event has come by ``source``: callback, streams or catch_up. ``at_ms``: when it happened, Twilio's clock."""
    _counter(to.EVENTS, source, _word(event_type), _word(outcome)).inc()
    if outcome == "moved":
        _histogram(to.EVENT_DELAY_S, source).observe(max(0.0, time.time() - at_ms / 1000))


def event_refused(source: str) -> None:
    """What claimed to be an event had a wrong signature, or none."""
    _counter(to.EVENTS, source, OTHER, "refused").inc()


def lapsed(reason: str) -> None:
    """An invite has ended with nobody having come: the type of the event that said so, or a word of ours."""
    _counter(to.LAPSES, _word(reason)).inc()


def judged(act: str, reason: str) -> None:
    """A lapsed invite's channel was looked at, and this is the verdict."""
    _counter(to.VERDICTS, _word(act), _reason(reason)).inc()


def finished(outcome: str, reason: str) -> None:
    """A lapsed invite is done with: closed, released or superseded."""
    _counter(to.FINISHED, _word(outcome), _reason(reason)).inc()


@contextmanager
def piece_of_work(record: str) -> Iterator[None]:
    """Times a piece of due work on a record: an invite or an errand."""
    with _histogram(to.WORK_S, record).time():
        yield


def work_failed(fault: str) -> None:
    """A piece of due work was postponed for a fault that may pass, or is broken: a fault of ours."""
    _counter(to.WORK_FAULTS, fault).inc()


def caught_up(outcome: str) -> None:
    """The Events API was read: done, failed or broken."""
    _counter(to.CATCH_UPS, outcome).inc()


def twilio_called(operation: str, outcome: int | str, seconds: float) -> None:
    """Twilio was called: its HTTP status, or "unsent" (surely not done), "lost" (no answer came) or
    "held" (not tried, because the host has stopped answering)."""
    name = _operation(operation)
    _counter(to.TWILIO, name, status_class(outcome)).inc()
    _histogram(to.TWILIO_S, name).observe(seconds)


def breaker_opened(host: str) -> None:
    """Calls to a host of Twilio's are held back from here on, because it has stopped answering."""
    _counter(to.BREAKER, _host(host)).inc()


def status_class(outcome: int | str) -> str:
    """2xx, 3xx, 4xx, 5xx; by themselves: denied (401, 403), 404 and 429; words stay as they are."""
    if isinstance(outcome, str):
        return outcome
    return _STATUS_CLASSES.get(outcome) or f"{outcome // 100}xx"


def store_failed(error: Exception) -> None:
    """A step with the store has failed, or one command of several."""
    _counter(to.STORE_FAULTS, _fault(type(error).__name__)).inc()


@contextmanager
def store_step() -> Iterator[None]:
    """Times a step with the store, and counts what goes wrong in it by the name of the exception."""
    began = time.perf_counter()
    try:
        yield
    except Exception as error:
        store_failed(error)
        raise
    finally:
        to.STORE_S.observe(time.perf_counter() - began)


def rules_tried(outcome: str) -> None:
    """A changed rules file was taken_up, or refused."""
    _counter(to.RELOADS, outcome).inc()
