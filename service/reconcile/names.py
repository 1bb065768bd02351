"""The workspace's names: shared through the store, asked of Twilio only where nobody has, seen through the aliases."""

import threading
import time
from dataclasses import dataclass, field, fields

import structlog

from service.errors import RouterError, TwilioUnavailableError
from service.flex.http import budget
from service.reconcile.parts import Parts
from service.rules.aliases import Aliases, with_aliases
from service.rules.resolve import Directory

log = structlog.stdlib.get_logger("service.names")

KINDS = tuple(one.name for one in fields(Directory))
NAMES_EVERY_S = 60.0
FIRST_WAIT_S = 3.0
AGAIN_S = 2.0
ASK_S = 4.0


@dataclass
class Names:
    """What this process knows of the workspace's names. One per process; safe to share between threads."""

    parts: Parts
    workspace: Directory | None = None  # as Twilio has it; None before the first success
    aliases: Aliases | None = None
    known: Directory | None = field(init=False, default=None)  # the same, seen through the aliases
    _read_at: float = float("-inf")
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.workspace is not None:
            self._take(self.workspace)

    def fresh(self) -> Directory:
        """The names, read again after a minute. Raises TwilioUnavailableError while none are known."""
        known = self.known  # seen once: another thread may just be taking them
        old = time.monotonic() - self._read_at > NAMES_EVERY_S
        if old and self._turn.acquire(blocking=known is None, timeout=FIRST_WAIT_S if known is None else -1):
            try:
                if time.monotonic() - self._read_at > NAMES_EVERY_S:
                    self._read()
            except RouterError as error:
                self._read_at = time.monotonic() - NAMES_EVERY_S + AGAIN_S
                log.warning("names.failed", why=error.detail)
            finally:
                self._turn.release()
        if self.known is None:
            raise TwilioUnavailableError("the workspace's names are not known yet", retry_after_s=5)
        return self.known

    def _read(self) -> None:
        names = self.parts.notes.read_names()
        if names is None:
            with budget(ASK_S):
                names = self.parts.taskrouter.names()
            self.parts.notes.write_names(names)
        self._take(Directory(**{kind: names.get(kind, {}) for kind in KINDS}))  # others may know more kinds, or fewer
        self._read_at = time.monotonic()

    def _take(self, workspace: Directory) -> None:
        self.workspace = workspace
        self.known = with_aliases(workspace, self.aliases) if self.aliases else workspace
