"""What the console's pages are served with. One per web process; safe to share between threads."""

import time
from dataclasses import dataclass, field

from service.console.access import Access
from service.console.reach import Reach
from service.intake.desk import Desk
from service.reconcile.presence import Presence
from service.rules.tried import Beside
from service.settings import Settings
from service.tracking.checkup import Checkup
from service.tracking.console_notes import ConsoleNotes
from service.tracking.openings import Openings


@dataclass(frozen=True)
class Office:
    """The desk that requests are served at, and what only the console needs."""

    desk: Desk
    access: Access
    openings: Openings
    notes: ConsoleNotes
    checkup: Checkup
    reach: Reach
    presence: Presence
    tests: Beside
    settings: Settings = field(repr=False)
    started_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
