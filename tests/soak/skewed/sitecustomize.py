"""A clock that goes wrong while the process runs. Python imports a module of this name before anything else.

``SOAK_CLOCK`` names a file of eight bytes: by how many nanoseconds the time of day is ahead, a signed number of this
machine's byte order. It is read each time somebody asks what time it is, so that the clock can leap at any moment.
Steady clocks (monotonic, perf_counter) and the times of files stay right, as they do when a machine's clock is set.
"""

import datetime
import mmap
import os
import time
from pathlib import Path
from typing import Any

NANOSECONDS = 1_000_000_000


def _skew(file: Path) -> None:
    with file.open("rb") as opened:
        seen = memoryview(mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)).cast("q")
    right_ns = time.time_ns

    def time_ns() -> int:
        return right_ns() + int(seen[0])

    def now_s() -> float:
        return time_ns() / NANOSECONDS

    time.time_ns, time.time = time_ns, now_s
    _skew_dates()


def _skew_dates() -> None:
    """``datetime`` asks the machine directly, so it needs a class of its own; ``date.today`` asks ``time.time``."""
    right = datetime.datetime

    class Kind(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, right)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, right)

    class Skewed(datetime.datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return right.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    datetime.datetime = Skewed  # type: ignore[misc]


if os.environ.get("SOAK_CLOCK"):
    _skew(Path(os.environ["SOAK_CLOCK"]))
