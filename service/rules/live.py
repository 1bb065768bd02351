"""Live facts: how busy queues are, and who last served the customer. Where they come from is not known here.

They are asked for when a condition that names them is reached, once a decision at most. What cannot be had, or is too
old, is null: no comparison with a number or a text holds for it except ``!=``, and a trace shows it as null.
"""

from collections.abc import Mapping
from typing import Protocol

QUEUE_FIGURES: Mapping[str, str] = {
    "waiting": "number",
    "longest_wait_s": "number",
    "available": "number",
    "eligible": "number",
    "age_s": "number",
}
ACTIVITY = "last_worker.activity"  # compared with names of the workspace, which ``resolve`` checks
WORKER_FACTS: Mapping[str, str] = {
    "last_worker.sid": "text",
    "last_worker.available": "boolean",
    ACTIVITY: "text",
    "last_worker.minutes_ago": "number",
}


class LiveFacts(Protocol):
    """Where live facts come from, for one request. Neither method raises; None: not to be had, or too old."""

    def queue(self, name: str) -> Mapping[str, object] | None:
        """The figures of a queue, named as the rules name it."""

    def last_worker(self) -> Mapping[str, object] | None:
        """Who last served this customer: sid, available, activity, minutes_ago."""


class NoLiveFacts:
    """Nothing is known."""

    def queue(self, name: str) -> Mapping[str, object] | None:
        """None."""
        return None

    def last_worker(self) -> Mapping[str, object] | None:
        """None."""
        return None
