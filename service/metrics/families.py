"""Every metric of this service, declared once: name, meaning, labels. A test holds ``docs/reference/metrics.md`` to it.

Where gunicorn's workers share a directory (see ``files``) all values live there; otherwise in this process.
"""

import os
import re
import threading
from dataclasses import dataclass

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, values

from service.metrics import files

PREFIX = "flex_router_"
OTHER = "other"

if os.environ.get(files.VARIABLE):  # prometheus_client has looked at it, too, and would count by process number
    values.ValueClass = values.MultiProcessValue(process_identifier=files.slot)  # type: ignore[no-untyped-call]

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a time stamp beside each counter: noise

REGISTRY = CollectorRegistry()


@dataclass(frozen=True)
class Family:
    """One metric as people are told of it."""

    name: str
    kind: str  # "counter" | "histogram" | "gauge"
    meaning: str
    labels: tuple[str, ...] = ()


FAMILIES: dict[str, Family] = {}


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    FAMILIES[PREFIX + name] = Family(PREFIX + name, "counter", meaning, labels)
    return Counter(PREFIX + name, meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    FAMILIES[PREFIX + name] = Family(PREFIX + name, "histogram", meaning, labels)
    return Histogram(PREFIX + name, meaning, labels, registry=REGISTRY, buckets=buckets)


def _gauge(name: str, meaning: str, *labels: str) -> None:
    """Gauges hold no value: they are read at the moment of a scrape (see ``scrape``)."""
    FAMILIES[PREFIX + name] = Family(PREFIX + name, "gauge", meaning, labels)


HTTP = _counter("http_requests_total", "Answers of the web process", "endpoint", "status")
HTTP_S = _histogram(
    "http_request_duration_seconds", "Time to an answer of the web process", "endpoint",
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2, 4, 6, 8, 10),
)  # fmt: skip
REQUESTS = _counter("requests_total", "Routing requests taken", "kind", "rule", "outcome")
DECISIONS = _counter(
    "decisions_total", "Decisions of the rules, and which step is tried first", "kind", "rule", "outcome"
)
PROBLEMS = _counter("problems_total", "Answers that were a problem, by its type", "problem")
EVENTS = _counter("events_total", "TaskRouter events heard, and what became of them", "source", "type", "outcome")
EVENT_DELAY_S = _histogram(
    "event_delay_seconds", "From an event at Twilio until it was heard here for the first time", "source",
    buckets=(0.5, 1, 2, 5, 15, 60, 300, 1800, 7200),
)  # fmt: skip
LAPSES = _counter("lapses_total", "Invites that ended with nobody having come", "reason")
VERDICTS = _counter("verdicts_total", "Looks at the channel of a lapsed invite", "act", "reason")
FINISHED = _counter("finished_total", "Lapsed invites that are done with", "outcome", "reason")
WORK_S = _histogram(
    "work_duration_seconds", "Time for one piece of due work", "record", buckets=(0.01, 0.05, 0.2, 0.5, 1, 2, 5, 10, 20)
)
WORK_FAULTS = _counter("work_faults_total", "Pieces of due work that came to nothing this time", "fault")
CATCH_UPS = _counter("catch_ups_total", "Readings of the Events API", "outcome")
TWILIO = _counter("twilio_calls_total", "Calls of Twilio's REST API", "operation", "status")
TWILIO_S = _histogram(
    "twilio_call_duration_seconds", "Time of a call of Twilio's REST API", "operation",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)  # fmt: skip
BREAKER = _counter("twilio_breaker_opens_total", "How often calls to a host began to be held back", "host")
STORE_S = _histogram(
    "store_call_duration_seconds", "Time of a step with the store",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5, 1, 2),
)  # fmt: skip
STORE_FAULTS = _counter("store_faults_total", "Steps with the store that failed", "fault")
RELOADS = _counter("rules_reloads_total", "Tries to take up a changed rules file", "outcome")

_gauge("info", "Always 1; the version that runs", "version")
_gauge("store_up", "1 if the store answered this scrape")
_gauge("open_records", "Invites and errands with something left to do, by state", "state")
_gauge("oldest_record_age_seconds", "Since the oldest of them was made, by state; absent where there is none", "state")
_gauge("due_records", "Records that are due and in nobody's hands")
_gauge("due_lag_seconds", "For how long the longest due record has been waiting for a reconciler")
_gauge("catch_up_age_seconds", "Since the Events API was last read to its end")
_gauge("rules_info", "Always 1; the first 12 digits of the SHA-256 of the rules in force", "sha256")
_gauge("rules_loaded_timestamp_seconds", "When the rules in force were taken up")
_gauge("rules_fault", "1 if the rules file as it is now cannot be used")


class Bounded:
    """The values that one label may take: the first ``most`` well-formed ones that are seen; all others are "other"."""

    def __init__(self, most: int, form: str) -> None:
        self._most = most
        self._form = re.compile(form)
        self._seen: set[str] = set()
        self._turn = threading.Lock()

    def __call__(self, value: object) -> str:
        """``value`` itself, or "other"."""
        text = str(value)
        if text in self._seen:
            return text
        if not self._form.fullmatch(text):
            return OTHER
        with self._turn:
            if len(self._seen) < self._most:
                self._seen.add(text)
        return text if text in self._seen else OTHER
