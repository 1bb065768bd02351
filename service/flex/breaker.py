"""Holds calls back from a host that has stopped answering, so that nobody waits for what will not come.

Open after FAILURES failures in a row (no connection, no answer in fair time, 5xx) that have lasted for LASTING_S: a
blip that fails all calls under way at once does not count. Then every call is refused at once, as surely not done,
which makes a request one that waits in the store (202). After a pause one call goes through as a probe: it closes the
breaker, or the pause doubles. A refusal for load (429) or a 4xx is an answer: the host is there.
"""

import math
import threading
import time
from dataclasses import dataclass, field

import structlog

from service.errors import TwilioUnavailableError
from service.metrics import record

log = structlog.stdlib.get_logger("service.flex")

FAILURES = 8
LASTING_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 3.0, 10.0  # one call a process in so long costs Twilio nothing, and us the rescue
CLOSED, OPEN, PROBING = "closed", "open", "probing"


class HeldBackError(TwilioUnavailableError):
    """The call was not begun, because its host has stopped answering."""


@dataclass
class Breaker:
    """One host's. Safe to share between threads. ``state`` may be read at any time."""

    host: str
    lasting_s: float = LASTING_S
    first_pause_s: float = FIRST_PAUSE_S
    state: str = CLOSED
    _failures: int = 0
    _since: float = 0.0
    _until: float = 0.0
    _pause_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self) -> bool:
        """True if the call that asks is the probe. Raises TwilioUnavailableError while calls are held back."""
        with self._lock:
            if self.state == CLOSED:
                return False
            left = self._until - time.monotonic()
            if self.state == OPEN and left <= 0:
                self.state = PROBING
                return True
        wait = max(1, math.ceil(left))
        raise HeldBackError(f"{self.host} has stopped answering; calls are held back", retry_after_s=wait)

    def worked(self) -> None:
        """The host has answered."""
        with self._lock:
            was, self.state = self.state, CLOSED
            self._failures, self._pause_s = 0, 0.0
        if was != CLOSED:
            log.warning("twilio.back", host=self.host)

    def failed(self, *, probe: bool) -> None:
        """The host has not answered, or with 5xx."""
        now = time.monotonic()
        with self._lock:
            self._since = self._since if self._failures else now
            self._failures += 1
            lasting = self._failures >= FAILURES and now - self._since >= self.lasting_s
            opens = probe or (self.state == CLOSED and lasting)
            if opens:
                self._open(now)
        if opens:
            record.breaker_opened(self.host)
            log.error("twilio.held_back", host=self.host, for_s=self._pause_s, failures=self._failures)

    def _open(self, now: float) -> None:
        self.state = OPEN
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S) or self.first_pause_s
        self._until = now + self._pause_s

    def untold(self, *, probe: bool) -> None:
        """The call has ended without telling anything of the host: the next one may be the probe."""
        with self._lock:
            if probe:
                self.state, self._until = OPEN, 0.0
