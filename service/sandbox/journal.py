"""The log of everything that came in and went out, in order, for ``GET /sandbox/v1/log``. Kept in memory, bounded.

It holds what was sent, personal data included: this is a test double, and what a test wants to see is just that.
"""

import fnmatch
import threading
from collections import deque
from collections.abc import Callable, Mapping

from service.sandbox.clock import iso_ms

KEPT = 50_000  # entries


class Journal:
    """Thread-safe. An entry gets its number when what it tells has ended."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: deque[dict[str, object]] = deque(maxlen=KEPT)
        self._seq = 0

    def add(self, kind: str, what: Mapping[str, object]) -> None:
        """``kind`` is api or callback."""
        with self._lock:
            self._seq += 1
            self._entries.append({"seq": self._seq, "at": iso_ms(self._now()), "kind": kind, **what})

    def read(self, *, after: int = 0, kind: str | None = None, match: str | None = None) -> list[dict[str, object]]:
        """Entries later than ``after``; ``match`` is a glob or part of "METHOD path"."""
        with self._lock:
            entries = [entry for entry in self._entries if int(str(entry["seq"])) > after]
        return [
            entry
            for entry in entries
            if (kind is None or entry["kind"] == kind)
            and (match is None or matches(match, f"{entry['method']} {entry['path']}"))
        ]

    def clear(self) -> None:
        """Forget the entries; numbers go on."""
        with self._lock:
            self._entries.clear()


def matches(pattern: str, line: str) -> bool:
    """``pattern`` is a glob over the whole "METHOD path", or, without ``*`` or as a last try, a part of it."""
    return pattern in line or fnmatch.fnmatchcase(line, pattern) or fnmatch.fnmatchcase(line, f"* {pattern}")
