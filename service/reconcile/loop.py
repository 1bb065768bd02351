"""The background process: claim what is due, bring it one step further, catch up, keep the names fresh."""

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from service.errors import RouterError
from service.flex.http import budget
from service.metrics import record
from service.reconcile.catch_up import catch_up
from service.reconcile.minutes import forget_rules, note_minute
from service.reconcile.parts import Parts
from service.reconcile.presence import Presence
from service.reconcile.readings import refresh_rules
from service.reconcile.replay import StoppedError
from service.reconcile.rulebook import Rulebook
from service.reconcile.work import AFTER_FAULT_S, Claimed, bring_forward, work
from service.tracing import note, span
from service.tracking.errand_records import is_errand_id
from service.tracking.roll import RECONCILE

log = structlog.stdlib.get_logger("service.reconcile")

IDLE_S = 0.2
GATHER_S = 0.01  # a turn costs two round trips to the store: better for several free hands than for each
NAMES_EVERY_S = 300.0
MINUTE_EVERY_S = 15.0  # the store says whose minute it is
MOST_LEFT = 1000  # claims that are remembered to be given back; the lease brings the others
IN_ORDER_EVERY = 4  # turns: so the looks, too, get on, however much comes before them


@dataclass
class Reconciler:
    """One background process. ``step`` is one turn of the loop, so that tests need no threads of their own."""

    parts: Parts
    book: Rulebook
    workers: int = 16
    catch_up_every_s: float = 60.0
    _pool: ThreadPoolExecutor = field(init=False)
    _free: threading.Semaphore = field(init=False)
    next_catch_up: float = 0.0
    next_names: float = 0.0
    next_minute: float = 0.0
    _turns: int = 0
    _left: "deque[Claimed]" = field(default_factory=lambda: deque(maxlen=MOST_LEFT))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _chores: "dict[str, Future[object]]" = field(default_factory=dict)
    _presence: Presence = field(init=False)

    def __post_init__(self) -> None:
        self._presence = Presence(self.parts, self.book, RECONCILE)
        self._pool = ThreadPoolExecutor(self.workers + 3, thread_name_prefix="reconcile")
        self._free = threading.Semaphore(self.workers)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then finish what is in hand. No fault ends this loop."""
        log.info("reconcile.started", workers=self.workers)
        while not stop.is_set():
            try:
                busy = self.step()
            except RouterError as error:
                log.warning("reconcile.waits", why=error.detail)
                stop.wait(1.0)
                continue
            if not busy or self._twilio_is_away():
                self._rest(stop)
        self._stopping.set()
        self._pool.shutdown(wait=True)
        self._presence.leave()
        log.info("reconcile.stopped")

    def step(self) -> int:
        """One turn: start the chores whose time has come and as much due work as there are free hands."""
        self._start_chores()
        self._bring_forward()
        refresh_rules(self.book, time.time_ns() // 1_000_000)
        started = 0
        due = self.parts.store.due_partitions()
        in_order = (self._turns + 1) % IN_ORDER_EVERY == 0
        if not in_order and due:  # a lapse that has just come due is not to wait for all partitions with older looks
            due = [*due[self._turns % len(due) :], *due[: self._turns % len(due)]]
        if self._twilio_is_away():  # what is due stays due: it is worked off as soon as a probe is answered
            due = due[:1]
        share = max(1, self.workers // max(1, len(due)))  # a backlog in one partition must not make the others wait
        for partition in due:
            free = self._take_free(1 if self._twilio_is_away() else share)
            if not free:
                break
            try:
                now_ms, ids = self.parts.store.claim(
                    partition, lease_s=self.parts.lease_s, most=free, in_order=in_order
                )
            except RouterError:
                self._give_back(free)
                raise
            self._give_back(free - len(ids))
            for invite_id in ids:
                self._pool.submit(self._work_and_free, Claimed(invite_id, now_ms))
            started += len(ids)
        self._turns += started > 0  # a turn in which no hand is free is none
        return started

    def _twilio_is_away(self) -> bool:
        """True while all that is begun ends at a breaker: to postpone it all, again and again, would help nobody."""
        return self.parts.http.held_in_a_row >= self.workers

    def _rest(self, stop: threading.Event) -> None:
        """Nothing is due, or all hands are full; then the next turn begins soon after the first of them is free."""
        full = not self._free.acquire(blocking=False)
        if full and not self._free.acquire(timeout=IDLE_S):
            return
        self._free.release()
        stop.wait(GATHER_S if full else IDLE_S)

    def drain(self) -> None:
        """Wait until all started work is done. For tests."""
        for _ in range(self.workers):
            self._free.acquire()
        self._give_back(self.workers)
        for chore in list(self._chores.values()):
            chore.exception()

    def _take_free(self, most: int) -> int:
        taken = 0
        while taken < most and self._free.acquire(blocking=False):
            taken += 1
        return taken

    def _give_back(self, count: int) -> None:
        for _ in range(count):
            self._free.release()

    def _work_and_free(self, claimed: Claimed) -> None:
        try:
            with span("work"), record.piece_of_work("errand" if is_errand_id(claimed.id) else "invite"):
                note(invite=claimed.id)
                if not work(self.parts, self.book, claimed.id, now_ms=claimed.at_ms):
                    self._left.append(claimed)
        finally:
            self._free.release()

    def _bring_forward(self) -> None:
        """What a store that did not write has left to its lease is due as soon as it writes again."""
        for _ in range(len(self._left)):
            claimed = self._left.popleft()
            try:
                bring_forward(self.parts, claimed)
            except RouterError:  # not yet: what the store still does goes on
                self._left.append(claimed)
                return
            except Exception:
                log.exception("work.broken", invite=claimed.id)  # its lease brings it back

    def _start_chores(self) -> None:
        now = time.monotonic()
        if now >= self.next_catch_up and self._chore_done("catch-up"):
            self.next_catch_up = now + min(self.catch_up_every_s, 5.0)  # the store says whose turn it is
            self._chores["catch-up"] = self._pool.submit(self._catch_up)
        if now >= self.next_names and self._chore_done("names"):
            self.next_names = now + NAMES_EVERY_S
            self._chores["names"] = self._pool.submit(self._refresh_names)
        if now >= self.next_minute and self._chore_done("minute"):
            self.next_minute = now + MINUTE_EVERY_S
            self._chores["minute"] = self._pool.submit(self._note_minute)

    def _chore_done(self, name: str) -> bool:
        return name not in self._chores or self._chores[name].done()

    def _catch_up(self) -> None:
        try:
            # each call has its own time limit, the whole has none: it may be a day that has to be read
            catch_up(self.parts, every_s=self.catch_up_every_s, stopping=self._stopping.is_set)
        except StoppedError:
            log.info("catch_up.stopped")
        except RouterError as error:
            record.caught_up("failed")
            log.warning("catch_up.failed", why=error.detail)
        except Exception:
            record.caught_up("broken")
            log.exception("catch_up.broken")

    def _refresh_names(self) -> None:
        try:
            with budget(30.0):
                self.parts.notes.write_names(self.parts.taskrouter.names())
        except RouterError as error:
            self.next_names = time.monotonic() + AFTER_FAULT_S
            log.warning("names.failed", why=error.detail)
        except Exception:
            log.exception("names.broken")

    def _note_minute(self) -> None:
        self._presence.sign()
        try:
            if note_minute(self.parts):
                forget_rules(self.parts, self.book)
        except RouterError as error:
            log.warning("minute.failed", why=error.detail)
        except Exception:
            log.exception("minute.broken")
