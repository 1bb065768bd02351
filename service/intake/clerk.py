"""The thread in which events go to the store: all that have come while it was away go together.

The busier the service, the fewer its trips to the store, and no event waits for another's turn. One thread, because two
would only take the processor from each other and from the one that reads what comes in.
"""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import StoreUnavailableError
from service.intake.events import told
from service.model import TaskEvent
from service.reconcile.hear import hear_all
from service.reconcile.parts import Parts

AT_ONCE = 128  # deliveries that go to the store together
MOST_WAITING = 2048  # deliveries; beyond that the store is too slow, and Twilio is told


@dataclass(frozen=True)
class Delivery:
    """Events that have come in one request, and where the answer is waited for."""

    events: Sequence[TaskEvent]
    source: str
    request_id: str
    stored: "asyncio.Future[None]"


class Clerk:
    """One per process; to be started in its event loop, after a fork."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gathered: list[Delivery] = []  # in this turn of the loop
        self._inbox: queue.SimpleQueue[list[Delivery]] = queue.SimpleQueue()  # an empty list: it is over
        self._waiting = 0
        self._at_once = AT_ONCE
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Begin. To be called in the loop that will call ``take``."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End once everything that has come is stored."""
        self._inbox.put([])
        self._thread.join()

    async def take(self, events: Sequence[TaskEvent], *, source: str, request_id: str) -> None:
        """Store events; returns once they are. Raises StoreUnavailableError, or what is wrong with one of them: then
        all may be given again."""
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailableError("too many events wait for the store", retry_after_s=2)
        assert self._loop is not None, "start() comes first"
        stored = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)  # after the requests that are read in this turn
        self._gathered.append(Delivery(events, source, request_id, stored))
        self._waiting += 1
        await stored

    def _hand_over(self) -> None:
        self._inbox.put(self._gathered)
        self._gathered = []

    def _run(self) -> None:
        over = False
        while not over:
            batch, over = self._what_has_come()
            self._store(batch)

    def _what_has_come(self) -> tuple[list[Delivery], bool]:
        """What is to be stored together, and whether that is the end."""
        part = self._inbox.get()
        batch = list(part)
        while part and len(batch) < self._at_once:
            try:
                part = self._inbox.get_nowait()
            except queue.Empty:
                break
            batch += part
        return batch, not part

    def _store(self, batch: list[Delivery]) -> None:
        settled: list[tuple[asyncio.Future[None], Exception | None]] = []
        for source in dict.fromkeys(delivery.source for delivery in batch):
            some = [delivery for delivery in batch if delivery.source == source]
            try:
                faults = self._hear(some, source)
            except Exception as error:  # whoever waits must hear of it, and the thread must go on
                faults = [error] * len(some)
            settled += zip((one.stored for one in some), faults, strict=True)
        # one that hangs takes as long for many as for a few, and the last would wait for all who go before them
        away = all(isinstance(fault, StoreUnavailableError) for _, fault in settled)
        self._at_once = MOST_WAITING if away else AT_ONCE
        if self._loop is not None and settled:
            self._loop.call_soon_threadsafe(self._settle, settled)

    def _hear(self, some: Sequence[Delivery], source: str) -> list[Exception | None]:
        found = iter(hear_all(self._parts, [event for one in some for event in one.events], source=source))
        return [told(one.events, [next(found) for _ in one.events], request_id=one.request_id) for one in some]

    def _settle(self, settled: "list[tuple[asyncio.Future[None], Exception | None]]") -> None:
        self._waiting -= len(settled)  # only now: a delivery whose sender has gone takes its place in the inbox, too
        for stored, fault in settled:
            if stored.done():  # whoever waited has gone
                continue
            if fault is None:
                stored.set_result(None)
            else:
                stored.set_exception(fault)
