"""Which tasks were made for our invites lately, read from TaskRouter's Events API once for all who ask.

After an outage hundreds of creates are without an answer. A task that has died since can be seen in the events only,
and those cannot be searched for one invite: if everybody read them for himself, nobody would come to an end in time.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.errors import TwilioUnavailableError
from service.flex.deadline import seconds_left
from service.flex.taskrouter import TaskRouter
from service.model import Thread

WAIT_S = 3.0  # for a reading that others may have begun; whoever has waited in vain comes again
AGAIN_S = 2
LONGEST_MS = 10 * 60_000  # then everything is read anew, so that what is remembered stays small
OVERLAP_MS = 120_000  # events may appear in the API a little later than they happened
CLOCKS_APART_MINUTES = 15  # a store that has failed over may tell another time than the one that wrote the record


@dataclass(frozen=True)
class MadeTask:
    """A task that was made for an invite of ours, and the thread it belongs to, if it is Flex's."""

    task_sid: str
    thread: Thread | None


@dataclass
class MadeTasks:
    """One per process; safe to share between threads. Reads in a thread of its own: no budget of a caller cuts it."""

    taskrouter: TaskRouter
    _found: dict[str, MadeTask] = field(default_factory=dict)
    _from_ms: int = 0  # what is known begins here, by the store's clock
    _whole_ms: int = 0  # when everything was last read anew
    _begun_ms: int = 0  # when the last whole reading began
    _newest_ms: int | None = None  # by Twilio's clock
    _reading: "Future[None] | None" = None
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="made-tasks"))

    def find(self, invite_id: str, *, from_ms: int, seen_ms: int, now_ms: int) -> MadeTask | None:
        """The task of an invite whose create was begun at ``from_ms``; None if the events know of none.

        That is believed of a reading that was begun at ``seen_ms`` or later. All are epoch ms by the store's clock, and
        ``now_ms`` is not after the call: a reading may have begun later than it is said to have, never earlier.
        Raises TwilioUnavailableError while there is no such reading yet, or the fault that has ended it.
        """
        for _ in range(2):  # the reading under way may have begun too early
            with self._turn:
                if invite_id in self._found:
                    return self._found[invite_id]
                if self._from_ms <= from_ms and self._begun_ms >= seen_ms:
                    return None
                if self._reading is None or self._reading.done():
                    self._reading = self._pool.submit(self._read, from_ms, now_ms)
                reading = self._reading
            try:
                reading.result(timeout=max(0.0, min(WAIT_S, seconds_left())))
            except TimeoutError:
                break
        raise TwilioUnavailableError("the events of the last minutes are still being read", retry_after_s=AGAIN_S)

    def _read(self, from_ms: int, begun_ms: int) -> None:
        anew = from_ms < self._from_ms or begun_ms - self._whole_ms > LONGEST_MS or self._newest_ms is None
        if anew:
            minutes = CLOCKS_APART_MINUTES + max(0, begun_ms - from_ms) // 60_000
            events = self.taskrouter.events(event_type="task.created", minutes=minutes)
        else:
            since = datetime.fromtimestamp(((self._newest_ms or 0) - OVERLAP_MS) / 1000, tz=UTC)
            events = self.taskrouter.events(event_type="task.created", since=since)
        found, newest_ms = {}, self._newest_ms
        for event in events:
            newest_ms = max(newest_ms or 0, event.at_ms)
            ours = event.attributes.get("router_invite_id")
            if isinstance(ours, str) and event.task_sid:
                found[ours] = MadeTask(event.task_sid, Thread.of(event.attributes))
        with self._turn:
            self._found = found if anew else self._found | found
            self._newest_ms, self._begun_ms = newest_ms, max(self._begun_ms, begun_ms)
            if anew:
                self._from_ms, self._whole_ms = from_ms, begun_ms
