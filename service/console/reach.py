"""Whether Twilio answers us: asked by people who look, at most once in a few seconds for each process."""

import threading
import time
from dataclasses import dataclass

from service.errors import RouterError
from service.flex.http import budget
from service.intake.desk import Desk

FRESH_S = 15.0
ASK_S = 2.5
NO_SUCH_TASK = "WT" + "0" * 32  # asking for it needs the network, the credentials and the workspace, and reads nothing


@dataclass(frozen=True)
class Reading:
    """What came of asking. ``why``: what was wrong; "" if Twilio has answered. ``at_s`` by the monotonic clock."""

    why: str
    took_ms: int
    at_s: float

    @property
    def age_s(self) -> float:
        """How long ago that was."""
        return time.monotonic() - self.at_s


class Reach:
    """The last reading, and how to get a newer one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turn = threading.Lock()
        self._last: Reading | None = None

    @property
    def last(self) -> Reading | None:
        """The last reading while it is worth something; None where nobody has asked for a while."""
        return self._last if self._last and self._last.age_s < 4 * FRESH_S else None

    def ask(self) -> Reading:
        """A reading of the last few seconds; calls Twilio if there is none. Never raises."""
        with self._turn:
            if self._last is None or self._last.age_s > FRESH_S:
                self._last = self._ask()
            return self._last

    def _ask(self) -> Reading:
        began = time.monotonic()
        why = ""
        try:
            with self._desk.hand() as free, budget(ASK_S):
                if free:
                    self._desk.parts.taskrouter.task(NO_SUCH_TASK)
                else:
                    why = "too many requests wait for Twilio"
        except RouterError as error:
            why = error.detail
        now = time.monotonic()
        return Reading(why, round((now - began) * 1000), now)
