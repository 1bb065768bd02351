"""The faults that hit one conversation itself: seen in what Twilio's side and our processes have written about it.

A limit in seconds alone cannot tell a rescue that is slow from one that was thwarted again and again. So an orphan may
be old if each half minute of it is accounted for by a fault of its own; a storm around it accounts for nothing.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from tests.soak.calls import Json

APART_S = 5.0  # what was postponed by a fault comes again after so long: what is written sooner tells of the same one
LEAPS_S = (0.0, 600.0, -600.0)  # a process whose clock has leapt writes the wrong time
TOLD = ("warning", "error")  # levels


def hits(moments: Iterable[float], began: float, ended: float) -> int:
    """How many different faults the moments tell of (epoch seconds, in any order) between two others."""
    count, last = 0, float("-inf")
    for moment in sorted(moments):
        if began <= moment <= ended and moment - last >= APART_S:
            count, last = count + 1, moment
    return count


def moments_at_twilio(entries: Iterable[tuple[float, Json]]) -> list[float]:
    """When a call was made to fail by a fault; of the sandbox's log lines and their times."""
    return [at for at, one in entries if one["kind"] == "api" and one.get("faults") and _failed(one)]


def moments_in_logs(logs: Iterable[Path], sids: Sequence[str], began: float, ended: float) -> list[float]:
    """When a process wrote that something went wrong with one of ``sids``, its clock put right, in that stretch."""
    moments = []
    for file in logs:
        with file.open(errors="replace") as lines:
            found = (_stamp(line) for line in lines if any(sid in line for sid in sids))
            moments += [at - leap for at in found if at for leap in LEAPS_S if began <= at - leap <= ended]
    return moments


def _failed(entry: Json) -> bool:
    status = entry.get("status")
    return status is None or status == 429 or status >= 500


def _stamp(line: str) -> float | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    told = entry.get("level") in TOLD and entry.get("timestamp")
    return datetime.fromisoformat(told).timestamp() if told else None
