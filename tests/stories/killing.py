"""Each story again with real processes, and at every call to Twilio a kill -9 of the one that has it under way."""

import time
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import Any

import requests

from service.tracking.connection import connect
from service.tracking.store import Store
from tests.e2e.house import House
from tests.stories.failing import Call
from tests.stories.play import play
from tests.stories.relay import Relay, Snare
from tests.stories.rigs import BUDGET_S, make_all_due
from tests.stories.stage import PATIENCE_S, Stage
from tests.stories.stories import Story
from tests.stories.table import Run

PROCESSES = ("web", "reconcile")
KINDS = ("killed before", "killed after")
POLL_S = 0.03
SETTINGS = {
    "CLOSE_GRACE_S": "0",
    "SETTLE_S": "4",
    "REQUEST_BUDGET_S": BUDGET_S,
    "CATCH_UP_EVERY_S": "3600",  # looks heal what the kills have cost; a run is to make the same calls each time
    "WEB_CONCURRENCY": "1",
}
# What the processes remember beside the stories. An emptied store would be looked for at Twilio, among our calls.
LASTING = frozenset({"beat", "catchup", "catchup-turn", "catchup-done", "directory", "resync", "resync-not"})


class Killable:
    """Web and reconciler as processes; whoever is dead is started again when next needed."""

    def __init__(self, directory: Path, rules: Path) -> None:
        self._turn = RLock()
        self.house = House(directory, rules, **SETTINGS)
        self.snare = Snare(self.kill)
        self._relays = {name: Relay(name, self.house.sandbox.base_url, self.snare) for name in PROCESSES}
        self.url, self.token, self.info = self.house.url, self.house.token, self.house.info
        self.redis = connect(self.house.store.url)
        self.deaths = 0
        self.await_service()

    def close(self) -> None:
        """End everything."""
        self.snare.lift()
        self.house.close()
        for relay in self._relays.values():
            relay.close()

    def kill(self, name: str) -> None:
        """kill -9, children included."""
        with self._turn:
            self.house.kill(name)
            self.deaths += 1

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return self.house.control(method, path, body)

    def work(self) -> None:
        """What is due is done by the reconciler, which looks for it several times a second."""
        self.await_service()
        self.control("POST", "clock", {"advance_s": 0})
        self._until(self.snare.still)
        make_all_due(self.redis)
        store = Store(self.redis, keep_s=600)
        self._until(lambda: "reconcile" not in self.house.processes or not store.due_partitions())
        self._until(self.snare.still)
        self.control("POST", "clock", {"advance_s": 0})

    def await_service(self) -> None:
        with self._turn:
            for name in PROCESSES:
                if name not in self.house.processes:
                    self.house.environ["TWILIO_BASE_URL"] = self._relays[name].url
                    self.house.start(name)

    def start_anew(self) -> None:
        self.snare.lift()
        self.await_service()
        self.control("POST", "clock", {"advance_s": 0})
        self._until(self.snare.still)
        self.control("POST", "reset")
        names = [name for name in self.redis.scan_iter(count=1000) if name.partition("}:")[2] not in LASTING]
        if names:
            self.redis.delete(*names)

    def _until(self, check: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, "the processes do not come to rest"
            time.sleep(POLL_S)


def steps(calls: Iterable[Call]) -> list[tuple[Call, str]]:
    """When to kill: after each call, and where a call changes something also before it."""
    found = []
    for call in calls:
        if not call.match.startswith("GET "):
            found.append((call, KINDS[0]))
        found.append((call, KINDS[1]))
    return found


def run(rig: Killable, story: Story, call: Call, kind: str) -> Run:
    """Play the story and kill whoever makes this call while it hangs."""

    def spoil(_: Stage) -> None:
        rig.snare.lay(call, kind.removeprefix("killed "))

    began, fault = time.monotonic(), ""
    try:
        play(rig, story, spoil)
    except (AssertionError, requests.RequestException) as error:
        fault = str(error) or repr(error)
    struck = bool(rig.snare.caught)
    return Run(story.name, kind, f"{call} by {rig.snare.caught or 'nobody'}", struck, fault, time.monotonic() - began)
