"""Live facts for one decision: queues as they are now, and the worker who knows this customer. Asked for only when a
rule that names them is reached; what cannot be had in time is null, and the rules say what happens then.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import structlog

from service.errors import RouterError
from service.flex.http import budget
from service.flex.statistics import WorkerNow
from service.model import RoutingRequest
from service.reconcile.parts import Parts
from service.rules.carried import attributes_of
from service.rules.resolve import QUEUE, Directory
from service.tracking.figures import Aged, customer_key

log = structlog.stdlib.get_logger("service.live")

FRESH_S = 5.0  # younger figures are used as they are
STALE_S = 60.0  # older ones are not used at all, even if Twilio does not answer
FETCH_S = 1.5  # what one reading may cost a request
_POLL_S = 0.05


@dataclass(frozen=True)
class Live:
    """The live facts of one request."""

    parts: Parts
    directory: Directory | None
    request: RoutingRequest

    def queue(self, name: str) -> Mapping[str, object] | None:
        """waiting, longest_wait_s, available, eligible and age_s of a queue by name or SID; None if not to be had."""
        queue_sid = self.directory.sid_of(QUEUE, name) if self.directory else None
        if queue_sid is None:
            return None
        seen = self._read(queue_sid, lambda: asdict(self.parts.statistics.queue(queue_sid)))
        return {**seen.value, "age_s": round(seen.age_s, 1)} if seen else None

    def last_worker(self) -> Mapping[str, object] | None:
        """sid, available, activity and minutes_ago of the worker who last took this conversation, or this customer."""
        try:
            found = self.parts.figures.last_worker(_whose(self.request))
        except RouterError as error:
            log.warning("live.failed", what="last_worker", why=error.detail)
            return None
        if found is None:
            return None
        worker_sid, seconds = found
        seen = self._read(worker_sid, lambda: _at_work(self.parts.statistics.worker(worker_sid)))
        now = seen.value if seen else {}
        return {
            "sid": worker_sid,
            "available": now.get("available"),
            "activity": self._activity(now),
            "minutes_ago": int(seconds // 60),
        }

    def _activity(self, now: Mapping[str, object]) -> str | None:
        """The worker's activity by the name that the rules have for it."""
        sid, written = now.get("activity_sid"), now.get("activity")
        if not isinstance(sid, str) or not isinstance(written, str):
            return None
        return self.directory.activity(sid, written) if self.directory else written

    def _read(self, what: str, fetch: Callable[[], dict[str, object]]) -> Aged | None:
        held: Aged | None = None
        try:
            held = self.parts.figures.read(what)
            if held is not None and held.age_s < FRESH_S:
                return held
            if self.parts.figures.take_turn(what, for_s=FETCH_S):
                with budget(FETCH_S):
                    value = fetch()
                self.parts.figures.write(what, value)
                return Aged(value, 0.0)
            held = held or self._await(what)
        except RouterError as error:
            log.warning("live.failed", what=what, why=error.detail)
        return held if held is not None and held.age_s <= STALE_S else None

    def _await(self, what: str) -> Aged | None:
        """Somebody else is reading it for the first time: what they find serves us too."""
        deadline = time.monotonic() + FETCH_S
        while time.monotonic() < deadline:
            held = self.parts.figures.read(what)
            if held is not None:
                return held
            time.sleep(_POLL_S)
        return None


def _at_work(worker: WorkerNow | None) -> dict[str, object]:
    """Null where there is no such worker any more."""
    return asdict(worker) if worker else {"available": None}


def _whose(request: RoutingRequest) -> list[str]:
    names = [request.conversation_sid] if request.conversation_sid else []
    address = attributes_of(request).get("customerAddress")
    return [*names, customer_key(address)] if isinstance(address, str) and address else names
