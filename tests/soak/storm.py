"""What goes wrong with processes, Twilio and callbacks: drawn from the seed, in three lanes beside each other."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.soak.calls import Json, Sandbox
from tests.soak.processes import RECONCILERS, STORE, WEB, Processes

CREATES, LISTS, ACTS = "POST /v1/Interactions", "GET *", "POST */Channels/*"

TWILIO: dict[str, Json] = {
    "creates 429": {"match": CREATES, "status": 429, "headers": {"Retry-After": "1"}, "probability": 0.7},
    "creates 503 before": {"match": CREATES, "status": 503, "probability": 0.5},
    "creates 500 after": {"match": CREATES, "status": 500, "when": "after", "probability": 0.6},
    "creates hang before": {"match": CREATES, "delay_s": 9, "probability": 0.4},
    "creates hang after": {"match": CREATES, "delay_s": 9, "when": "after", "probability": 0.4},
    "creates reset before": {"match": CREATES, "reset": True, "probability": 0.5},
    "creates reset after": {"match": CREATES, "reset": True, "when": "after", "probability": 0.6},
    "looks 503": {"match": LISTS, "status": 503, "probability": 0.4},
    "looks hang": {"match": LISTS, "delay_s": 4, "probability": 0.15},
    "looks reset": {"match": LISTS, "reset": True, "probability": 0.4},
    "invites lag": {"match": "GET */Invites", "lag_s": 6},
    "events lag": {"match": "GET */Events", "lag_s": 6},
    "tasks lag": {"match": "GET */Tasks", "lag_s": 6},
    "acts 500 after": {"match": ACTS, "status": 500, "when": "after", "probability": 0.6},
    "acts reset before": {"match": ACTS, "reset": True, "probability": 0.6},
    "acts hang": {"match": ACTS, "delay_s": 3, "probability": 0.5},
    "all away": {"match": "* /v1/*", "reset": True},
}

CALLBACKS: dict[str, Json] = {
    "callbacks lost 20 %": {"lost": 0.2},
    "callbacks all lost": {"lost": 1},
    "callbacks doubled": {"doubled": 0.6},
    "callbacks reordered": {"reordered": 0.5, "doubled": 0.3},
    "callbacks late": {"late_s": 4, "lost": 0.1},
}

PROCESSES = ("kill", "kill", "pause", "pause", "roll")
STARTING_S = 8.0
PATIENT = (WEB, *RECONCILERS, *RECONCILERS, STORE)


@dataclass(frozen=True)
class Note:
    """One thing that went wrong, from when to when (epoch seconds)."""

    name: str
    began: float
    ended: float


@dataclass
class Storm:
    """Runs until it is calmed. ``halfway`` says when the store is to be emptied, which happens once."""

    processes: Processes
    sandbox: Sandbox
    seed: int
    halfway: Callable[[], bool]
    notes: list[Note] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    flushed_at: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)
    _lanes: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Start the lanes."""
        for lane in (self._processes, self._twilio, self._callbacks):
            draw = random.Random(f"{self.seed}/{lane.__name__}")
            self._lanes.append(threading.Thread(target=self._blow, args=(lane, draw), daemon=True))
        for thread in self._lanes:
            thread.start()

    def calm(self) -> None:
        """End it: everything runs, nothing is disturbed any more."""
        self._over.set()
        for thread in self._lanes:
            thread.join()
        self.sandbox.control("DELETE", "faults")
        self.sandbox.control("DELETE", "callbacks")
        self.processes.start_all()

    def counts(self) -> Counter[str]:
        """How often each thing went wrong."""
        return Counter(note.name for note in self.notes)

    def of_processes(self, began: float, ended: float) -> list[str]:
        """What was wrong with processes in a stretch of time, the seconds that they need to start included."""
        hits = [note for note in self.notes if note.began <= ended and note.ended + STARTING_S >= began]
        return [note.name for note in hits if note.name not in TWILIO and note.name not in CALLBACKS]

    def _blow(self, lane: Callable[[random.Random], None], draw: random.Random) -> None:
        try:
            while not self._over.wait(draw.uniform(0.3, 2.5)):
                lane(draw)
        except Exception as error:
            self.broken.append(f"{lane.__name__}: {error!r}")

    def _hold(self, name: str, seconds: float, begin: Callable[[], object], end: Callable[[], object]) -> None:
        began = time.time()
        begin()
        self._over.wait(seconds)
        end()
        self.notes.append(Note(name, began, time.time()))

    def _processes(self, draw: random.Random) -> None:
        if not self.flushed_at and self.halfway():
            self._empty_store()
            return
        kind, name, seconds = draw.choice(PROCESSES), draw.choice(PATIENT), draw.uniform(0.2, 3.0)
        run = self.processes
        if kind == "roll":
            self._roll(draw.choice((WEB, *RECONCILERS)))
        elif kind == "pause":
            longer = 9.0 if name in RECONCILERS and draw.random() < 0.3 else seconds
            self._hold(f"pause {name}", longer, lambda: run.pause(name), lambda: run.resume(name))
        else:
            self._hold(f"kill {name}", seconds, lambda: run.kill(name), lambda: run.start(name))

    def _roll(self, name: str) -> None:
        began = time.time()
        self.processes.stop(name)
        self.processes.start(name)
        self.notes.append(Note(f"roll {name}", began, time.time()))

    def _empty_store(self) -> None:
        self.flushed_at = time.time()
        self.processes.store.empty()
        self.notes.append(Note("store emptied", self.flushed_at, time.time()))

    def _twilio(self, draw: random.Random) -> None:
        name = draw.choice(tuple(TWILIO))
        ordered: list[str] = []
        self._hold(
            name,
            draw.uniform(1.0, 5.0),
            lambda: ordered.append(self.sandbox.control("POST", "faults", TWILIO[name])["id"]),
            lambda: self.sandbox.control("DELETE", f"faults/{ordered[0]}"),
        )

    def _callbacks(self, draw: random.Random) -> None:
        name = draw.choice(tuple(CALLBACKS))
        self._hold(
            name,
            draw.uniform(2.0, 6.0),
            lambda: self.sandbox.control("POST", "callbacks", CALLBACKS[name]),
            lambda: self.sandbox.control("DELETE", "callbacks"),
        )
