"""What was asked of the service and what it answered, as its callers saw it."""

import re
import threading
from collections import Counter
from dataclasses import dataclass, field

ID = re.compile(r"(iv|er)_[0-9a-z_]+|[A-Z]{2}[0-9a-f]{32}")


@dataclass
class Delivery:
    """One HTTP exchange; ``status`` 0: no answer came. Times are epoch seconds of this machine."""

    sent: float
    answered: float
    status: int
    invite_id: str | None = None  # of an errand: the errand's id
    state: str | None = None


@dataclass
class Ask:
    """One request with all its deliveries."""

    number: int
    conversation: str
    kind: str
    topic: str
    lasting: bool = True  # its key outlives the invite; else the same request may be made again after that has ended
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """The service has taken it on: from then on it must not be lost."""
        return any(200 <= one.status < 300 for one in self.deliveries)

    @property
    def invite_ids(self) -> set[str]:
        """The invites that its answers named; more than one is a broken promise.

        A request whose key does not last counts with what was sent in its first two seconds.
        """
        until = float("inf") if self.lasting else self.deliveries[0].sent + 2
        return {one.invite_id for one in self.deliveries if one.invite_id and one.sent <= until}

    def across(self, moment: float) -> bool:
        """It was under way at ``moment``: some of it was sent before, and some not answered with a made task before."""
        before = [one for one in self.deliveries if one.sent <= moment]
        made = any(one.answered <= moment and one.state not in (None, "requested") for one in before)
        return bool(before) and not (made and all(one.answered <= moment for one in self.deliveries))


@dataclass
class Chore:
    """One errand that was asked for: leave, remove, end or park. Its key lasts."""

    number: int
    conversation: str
    kind: str
    timed: bool = False  # a park with a timer
    hangs_up: bool = False  # whoever asks has decided that an agent who attends is to be hung up on
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """The errands that its answers named."""
        return {one.invite_id for one in self.deliveries if one.invite_id}

    @property
    def told(self) -> int:
        """The last answer's status."""
        return self.deliveries[-1].status if self.deliveries else 0

    def asked_before(self, moment: float) -> bool:
        """Some of it was sent before ``moment``."""
        return bool(self.deliveries) and self.deliveries[0].sent <= moment


class Ledger:
    """Everything that was asked. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.asks: list[Ask] = []
        self.chores: list[Chore] = []
        self.wakes: list[Delivery] = []
        self.conversations: dict[str, str] = {}  # CH → topic
        self.canceled: set[str] = set()  # invites that an app has asked to be called off
        self.refusals: Counter[str] = Counter()  # status and reason of the 4xx answers
        self.done = 0

    def customer(self, conversation: str, topic: str) -> None:
        """A conversation has begun."""
        with self._lock:
            self.conversations[conversation] = topic

    def ask(self, conversation: str, kind: str, topic: str, *, lasting: bool) -> Ask:
        """A new request; its number goes into the task's attributes as ``soak_ask``."""
        with self._lock:
            made = Ask(len(self.asks), conversation, kind, topic, lasting)
            self.asks.append(made)
            return made

    def chore(self, conversation: str, kind: str, *, timed: bool = False, hangs_up: bool = False) -> Chore:
        """A new errand."""
        with self._lock:
            made = Chore(len(self.chores), conversation, kind, timed, hangs_up)
            self.chores.append(made)
            return made

    def ended_on_request(self) -> set[str]:
        """Conversations that somebody has asked to be ended, one way or another."""
        return {one.conversation for one in self.chores if one.kind in ("end", "remove")}

    def refused(self, status: int, detail: str) -> None:
        """An answer says no. Ids in the reason are left out, so that like ones add up."""
        with self._lock:
            self.refusals[f"{status} {ID.sub('…', detail)[:100]}"] += 1

    def finished(self) -> None:
        """One conversation's script has come to its end."""
        with self._lock:
            self.done += 1
