"""Holds the rules in force and takes up changes to their file. A file that cannot be used never stops traffic.

The one place here that reads a file while requests are served. The time is handed in.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.model import NOTHING
from service.rules.faults import Fault, RulesError
from service.rules.reading import parse_rules
from service.rules.ruleset import RuleSet

MAX_BYTES = 1_000_000

Check = Callable[[RuleSet], tuple[Fault, ...] | None]


def read_rules(path: Path) -> RuleSet:
    """The rules in a file. Raises ``RulesError``, also where the file cannot be read at all."""
    return parse_rules(read_text(path), file=path.name)


def read_text(path: Path) -> str:
    """The text of a file that belongs to the rules. Raises ``RulesError`` if it cannot be read or is too large."""
    return _text(path, _content(path))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RulesError([Fault(path.name, 1, 1, f"the file cannot be read: {reason}")]) from None
    if len(content) > MAX_BYTES:
        raise RulesError([Fault(path.name, 1, 1, f"a rules file may have {MAX_BYTES} bytes at most")])
    return content


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise RulesError([Fault(path.name, line, column, "the file is not UTF-8 from here on")]) from None


@dataclass(frozen=True)
class Loaded:
    """Rules in force, and since when (epoch milliseconds)."""

    ruleset: RuleSet
    at_ms: int


class RulesFile:
    """The rules in force. ``load`` once at the start, then call ``refresh`` as often as you like, from any thread.

    ``check`` may find faults that need more than the file, such as names a workspace does not have; rules with such
    faults are not taken up either. Where it answers None, it could not look: the rules are taken up, checked at later
    looks, and stay whatever comes of it. ``fault`` is what is wrong with the file as it is now, None while nothing is.
    """

    def __init__(self, path: str | os.PathLike[str], *, check: Check | None = None, every_ms: int = 5000) -> None:
        self.path = Path(path)
        self.fault: RulesError | None = None
        self._check: Check = check or (lambda _: ())
        self._passed = True  # whether the rules in force have been checked, and nothing found
        self._every_ms = every_ms
        self._loaded: Loaded | None = None
        self._next_ms = 0
        self._stamp: tuple[int, ...] = ()
        self._digest = ""
        self._refreshing = threading.Lock()

    @property
    def loaded(self) -> bool:
        """Whether there are rules in force."""
        return self._loaded is not None

    @property
    def current(self) -> RuleSet:
        """The last good rules. ``load`` must have succeeded once."""
        return self._in_force().ruleset

    @property
    def loaded_at_ms(self) -> int:
        """When ``current`` was taken up, epoch milliseconds."""
        return self._in_force().at_ms

    def _in_force(self) -> Loaded:
        if self._loaded is None:
            raise RuntimeError("no rules have been loaded yet")
        return self._loaded

    def load(self, now_ms: int) -> RuleSet:
        """Reads the file and takes its rules up. Raises ``RulesError``; rules that were in force stay so."""
        with self._refreshing:
            self._take_up(now_ms)
        if self.fault:
            raise self.fault
        return self.current

    def refresh(self, now_ms: int) -> bool:
        """Takes the file up if it changed; True if other rules are in force now. Never raises, never waits.

        Between looks, ``every_ms`` apart, it costs a comparison; an unchanged file costs one ``stat``. A file with a
        fault is tried again at each look: what ``check`` compares it with may have changed.
        """
        waiting = 0 < self._next_ms - now_ms <= self._every_ms  # further ahead: the clock was set back
        if waiting or not self._refreshing.acquire(blocking=False):
            return False
        try:
            self._next_ms = now_ms + self._every_ms
            changed = self._stamp_now() != self._stamp
            return (changed or self.fault is not None or not self._passed) and self._take_up(now_ms)
        finally:
            self._refreshing.release()

    def _stamp_now(self) -> tuple[int, ...]:
        try:
            status = self.path.stat()
        except OSError:
            return ()
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _take_up(self, now_ms: int) -> bool:
        self._stamp = self._stamp_now()  # before reading: a change in between is seen at the next look
        try:
            content = _content(self.path)
            digest = hashlib.sha256(content).hexdigest()
            if digest == self._digest:
                self._check_in_force()
                return False
            ruleset = parse_rules(_text(self.path, content), file=self.path.name)
            faults = self._check(ruleset)
            if faults:
                raise RulesError(faults)
            ruleset.first(NOTHING)  # compiles the conditions here and not during the next request
            for calendar in ruleset.calendars.values():
                calendar.is_open(datetime.fromtimestamp(now_ms / 1000, UTC))  # works this year's holidays out
        except RulesError as error:
            self.fault = error
            return False
        self._loaded, self._digest, self.fault = Loaded(ruleset, now_ms), digest, None
        self._passed = faults is not None
        return True

    def _check_in_force(self) -> None:
        """Where the rules in force have not passed yet: a name may be missing in them, or be there by now."""
        faults = () if self._passed else self._check(self.current)
        self._passed = faults == ()
        self.fault = RulesError(faults) if faults else None
