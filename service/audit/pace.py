"""Calls to Twilio at a steady rate, tried again where Twilio asks for fewer. Only for calls that read."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from service.errors import TwilioAmbiguousError, TwilioUnavailableError

R = TypeVar("R")
PAUSES_S = (1.0, 3.0, 9.0)


@dataclass
class Pace:
    """At most ``per_s`` calls a second."""

    per_s: float
    sleep: Callable[[float], None] = time.sleep
    _next: float = -math.inf

    def wait(self) -> None:
        """Until it is time for the next call."""
        now = time.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_s

    def call(self, read: Callable[[], R]) -> R:
        """What ``read`` answers. Raises the last fault if none of four tries had an answer."""
        for pause_s in PAUSES_S:
            self.wait()
            try:
                return read()
            except (TwilioUnavailableError, TwilioAmbiguousError) as error:
                self.sleep(max(pause_s, error.retry_after_s or 0))
        self.wait()
        return read()

    def pages(self, items: Iterable[R], size: int) -> Iterator[R]:
        """The items of a list that is read page by page: the pace is kept between the pages."""
        for number, item in enumerate(items):
            if number % size == 0:
                self.wait()
            yield item
