"""Does what the seed has drawn: five lanes of gusts beside each other, and what happens once at a point of the run."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tests.soak.calls import Sandbox
from tests.soak.clocks import leap_seen
from tests.soak.gusts import (
    AWAY,
    CALLBACKS,
    FRONTS,
    LANES,
    OUTAGE,
    RECONCILERS,
    SLOW_BYTES,
    STORE_ORDERS,
    STORE_WIRES,
    TWILIO,
    VERY_LATE,
    Gust,
    gusts,
)
from tests.soak.processes import STORE_RELAY, TWILIO_RELAY, Processes

STARTING_S = 8.0
ORDER_S = 20.0  # a store that is paused is asked again so long
EMPTIED_AT, LATE_AT, OUTAGES_AT = 0.2, (0.1, 0.35), (0.4, 0.6, 0.85)  # shares of all conversations
OUTAGE_S, SHORT_OUTAGE_S = 30.0, 10.0
HUSH_S = 40.0  # the other lanes come to rest so long at most before an outage
VETERANS = (FRONTS[1], RECONCILERS[1])  # in long runs not killed any more after a while: their memory is watched
VETERANS_FROM = 1 / 3
HELD_UP_S, LATE_S, SHORT_LATE_S = 8.0, 600.0, 30.0
MOST_BROKEN = 20


@dataclass(frozen=True)
class Note:
    """One thing that went wrong, from when to when (epoch seconds)."""

    name: str
    lane: str
    began: float
    ended: float


@dataclass
class Storm:
    """Runs until it is calmed. ``progress`` tells the share of the conversations that are done."""

    processes: Processes
    sandbox: Sandbox
    seed: int
    progress: Callable[[], float]
    long: bool = False
    notes: list[Note] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    stubborn: list[str] = field(default_factory=list)  # had not ended so long after SIGTERM that they were killed
    leaps: Counter[bool | None] = field(default_factory=Counter)  # were they seen in the process's own log?
    flushed_at: float = 0.0
    _away_since: float = 0.0
    _late_ones: list[float] = field(init=False)
    _outages: list[float] = field(init=False)
    _hush: threading.Event = field(default_factory=threading.Event)  # the other lanes shall rest
    _blowing: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _lanes: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._late_ones = list(LATE_AT)
        self._outages = list(OUTAGES_AT) if self.long else []

    def begin(self) -> None:
        """Start the lanes."""
        self._lanes = [threading.Thread(target=self._blow, args=(lane,), daemon=True) for lane in LANES]
        for thread in self._lanes:
            thread.start()

    def calm(self) -> None:
        """End it: everything runs, nothing is disturbed any more."""
        self._over.set()
        for thread in self._lanes:
            thread.join()
        self.sandbox.control("DELETE", "faults")
        self.sandbox.control("DELETE", "callbacks")
        for _, undo in STORE_ORDERS.values():
            self._order(undo)
        for relay in (STORE_RELAY, TWILIO_RELAY):
            self.processes.tell(relay, {})
        for name in (*FRONTS, *RECONCILERS):
            self.processes.clocks.set(name, 0)
        self.processes.start_all()
        if not self.long:  # too short to be hushed in between
            self._away(SHORT_OUTAGE_S, time.sleep)

    def counts(self) -> dict[str, tuple[int, float]]:
        """How often each thing went wrong, and for how many seconds altogether."""
        found: dict[str, list[float]] = defaultdict(list)
        for note in self.notes:
            found[note.name].append(note.ended - note.began)
        return {name: (len(spent), sum(spent)) for name, spent in sorted(found.items())}

    def of_processes(self, began: float, ended: float) -> list[str]:
        """What was wrong with processes in a stretch of time, the seconds that they need to start included."""
        return [
            note.name
            for note in self.notes
            if note.lane == "processes" and note.began <= ended and note.ended + STARTING_S >= began
        ]

    def away_s(self) -> float:
        """For how many seconds Twilio has been away for everybody until now."""
        notes = [note for note in self.notes if note.name in (AWAY, OUTAGE)]
        now = time.time() - self._away_since if self._away_since else 0.0
        return sum(note.ended - note.began for note in notes) + now

    def _blow(self, lane: str) -> None:
        do: dict[str, Callable[[Gust], None]] = {
            "processes": self._processes,
            "twilio": self._twilio,
            "callbacks": self._callbacks,
            "store": self._store,
            "clocks": self._clocks,
        }
        for gust in gusts(self.seed, lane):
            if self._over.wait(gust.after_s):
                return
            while self._hush.is_set() and lane != "twilio":
                if self._over.wait(0.1):
                    return
            self._blowing.add(lane)
            try:
                do[lane](gust)
            except Exception as error:  # a storm that cannot go on has proved nothing: it is told, and it goes on
                self.broken.append(f"{gust.name}: {error!r}")
            self._blowing.discard(lane)
            if len(self.broken) > MOST_BROKEN:
                return

    def _hold(self, gust: Gust, lane: str, begin: Callable[[], object], end: Callable[[], object]) -> None:
        began = time.time()
        begin()
        self._over.wait(gust.for_s)
        end()
        self.notes.append(Note(gust.name, lane, began, time.time()))

    # -- one lane each

    def _processes(self, gust: Gust) -> None:
        if not self.flushed_at and self.progress() >= EMPTIED_AT:
            self._empty_store()
        run, target = self.processes, gust.target
        if target in VETERANS and gust.deed != "pause" and self.long and self.progress() >= VETERANS_FROM:
            gust = Gust(f"pause {target}", gust.after_s, gust.for_s, "pause", target)
        if gust.deed == "roll":
            self._roll(gust)
        elif gust.deed == "pause":
            self._hold(gust, "processes", lambda: run.pause(target), lambda: run.resume(target))
        else:
            self._hold(gust, "processes", lambda: run.kill(target), lambda: run.start(target))

    def _roll(self, gust: Gust) -> None:
        began = time.time()
        if not self.processes.stop(gust.target):
            self.stubborn.append(gust.target)
        self.processes.start(gust.target)
        self.notes.append(Note(gust.name, "processes", began, time.time()))

    def _empty_store(self) -> None:
        self.flushed_at = self._order(("FLUSHALL",))
        self.notes.append(Note("store emptied", "processes", self.flushed_at, time.time()))

    def _twilio(self, gust: Gust) -> None:
        if self._outages and self.progress() >= self._outages[0]:
            self._outages.pop(0)
            self._outage()
        if gust.name in SLOW_BYTES:
            self._by_relay(gust, "twilio", TWILIO_RELAY, SLOW_BYTES[gust.name])
            return
        ordered: list[str] = []
        self._hold(
            gust,
            "twilio",
            lambda: ordered.append(self.sandbox.control("POST", "faults", TWILIO[gust.name])["id"]),
            lambda: self.sandbox.control("DELETE", f"faults/{ordered[0]}"),
        )

    def _outage(self) -> None:
        """Twilio is away and nothing else is wrong: then acknowledgements must be as quick as ever."""
        self._hush.set()
        deadline = time.monotonic() + HUSH_S
        while self._blowing - {"twilio"} and time.monotonic() < deadline:
            self._over.wait(0.1)
        self._over.wait(STARTING_S)
        try:
            self._away(OUTAGE_S, self._over.wait)
        finally:
            self._hush.clear()

    def _away(self, seconds: float, wait: Callable[[float], object]) -> None:
        began = self._away_since = time.time()
        fault = self.sandbox.control("POST", "faults", TWILIO[AWAY])["id"]
        wait(seconds)
        self.sandbox.control("DELETE", f"faults/{fault}")
        self.notes.append(Note(OUTAGE, "twilio", began, time.time()))
        self._away_since = 0.0

    def _callbacks(self, gust: Gust) -> None:
        if self._late_ones and self.progress() >= self._late_ones[0]:
            self._late_ones.pop(0)
            self._very_late()
        self._hold(
            gust,
            "callbacks",
            lambda: self.sandbox.control("POST", "callbacks", CALLBACKS[gust.name]),
            lambda: self.sandbox.control("DELETE", "callbacks"),
        )

    def _very_late(self) -> None:
        """What happens now is told minutes later. Twilio's clock is not touched: it runs with ours."""
        began, late_s = time.time(), LATE_S if self.long else SHORT_LATE_S
        self.sandbox.control("POST", "callbacks", {"late_s": late_s})
        self._over.wait(HELD_UP_S)
        self.sandbox.control("DELETE", "callbacks")
        self.notes.append(Note(f"{VERY_LATE} ({late_s:.0f} s)", "callbacks", began, time.time()))

    def _store(self, gust: Gust) -> None:
        if gust.name in STORE_WIRES:
            self._by_relay(gust, "store", STORE_RELAY, STORE_WIRES[gust.name])
            return
        do, undo = STORE_ORDERS[gust.name]
        self._hold(gust, "store", lambda: self._order(do), lambda: self._order(undo))

    def _by_relay(self, gust: Gust, lane: str, relay: str, harm: object) -> None:
        tell = self.processes.tell
        self._hold(gust, lane, lambda: tell(relay, harm), lambda: tell(relay, {}))

    def _order(self, words: tuple[str, ...]) -> float:
        """Tell the server something, past the relay; one that another lane has stopped is asked again. When it was."""
        deadline = time.monotonic() + ORDER_S
        while True:
            began = time.time()
            try:
                with redis.Redis.from_url(self.processes.store.url, socket_timeout=2, protocol=2) as client:
                    client.execute_command(*words)
                return began
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _clocks(self, gust: Gust) -> None:
        clocks = self.processes.clocks

        def right_again() -> None:
            self.leaps[leap_seen(self.processes.log(gust.target), time.time(), gust.ahead_s)] += 1
            clocks.set(gust.target, 0)

        self._hold(gust, "clocks", lambda: clocks.set(gust.target, gust.ahead_s), right_again)
