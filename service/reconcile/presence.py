"""This process signs the roll: at most once in a while, where nobody waits for it, and without ever failing."""

import os
import socket
import threading
import time

from service.errors import RouterError
from service.reconcile.parts import Parts
from service.reconcile.readings import SHOWN_DIGITS, running_version
from service.reconcile.rulebook import Rulebook
from service.tracking.roll import Sign

EVERY_S = 10.0
AFTER_FAULT_S = 2.0


class Presence:
    """One per process; safe to share between threads. Made before a server forks, its workers sign as one.

    ``fault``: why the last sign could not be written; "" if it was. A store that is there and refuses to write shows
    here first.
    """

    def __init__(self, parts: Parts, book: Rulebook, kind: str) -> None:
        self.fault = ""
        self._parts, self._book, self._kind = parts, book, kind
        self._host, self._pid = socket.gethostname(), os.getpid()
        self._started_ms = time.time_ns() // 1_000_000
        self._next = 0.0

    @property
    def name(self) -> str:
        """Under which it signs."""
        return self._row().name

    def sign(self) -> None:
        """Sign if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        try:
            self._parts.roll.write(self._row(), now_ms=self._parts.store.now_ms())
            self.fault = ""
        except RouterError as error:
            self.fault, self._next = error.detail, now + AFTER_FAULT_S

    def sign_aside(self) -> None:
        """The same in a thread of its own: a probe that asks whether we live must not wait for the store."""
        if time.monotonic() >= self._next:
            threading.Thread(target=self.sign, name="presence", daemon=True).start()

    def leave(self) -> None:
        """Be struck out."""
        try:
            self._parts.roll.strike(self.name)
        except RouterError as error:
            self.fault = error.detail

    def _row(self) -> Sign:
        ruleset = self._book.current
        rules = ruleset.sha256[:SHOWN_DIGITS] if ruleset else ""
        return Sign(self._kind, self._host, self._pid, running_version(), rules, self._started_ms)
