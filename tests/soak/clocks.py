"""The clocks of the service's processes: each has a file that says by how much its time of day is wrong.

``skewed/sitecustomize`` reads the file inside the process; libfaketime is not needed. Whether a leap has had its effect
is seen in the times that the process writes before its own log lines.
"""

import os
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NANOSECONDS = 1_000_000_000
NEAR_S = 60.0  # leaps are ten minutes: whatever is nearer than this to one is one
TAIL = 20_000  # bytes of a log that are looked at

_STAMP = re.compile(rb'"timestamp": "([^"]+)"')


class Clocks:
    """One file for each process, all right at first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def environ(self, name: str) -> Mapping[str, str]:
        """What a process needs so that its clock can be set."""
        self.set(name, 0)
        path = os.pathsep.join((str(Path(__file__).parent / "skewed"), str(ROOT)))
        return {"SOAK_CLOCK": str(self._file(name)), "PYTHONPATH": path}

    def set(self, name: str, ahead_s: float) -> None:
        """Let the process of that name be so far ahead (negative: behind) from now on; written in one piece."""
        file = os.open(self._file(name), os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.pwrite(file, int(ahead_s * NANOSECONDS).to_bytes(8, sys.byteorder, signed=True), 0)
        finally:
            os.close(file)

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.clock"


def leap_seen(log: Path, now: float, ahead_s: float) -> bool | None:
    """True if one of the last lines has the wrong time, None if it has printed nothing since lately.

    ``now``: the right time, epoch seconds.
    """
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        stamps = [datetime.fromisoformat(text.decode()).timestamp() for text in _STAMP.findall(file.read())]
    if any(abs(stamp - ahead_s - now) < NEAR_S for stamp in stamps):
        return True
    return False if any(abs(stamp - now) < 1 for stamp in stamps) else None
