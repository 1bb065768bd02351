"""The house under load: gunicorn, reconciler and store as processes, the local Twilio here, and what is read of them.

Nothing here decides what is offered, or what must hold.
"""

import json
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from service.model import State
from service.tracking.census import Census
from service.tracking.connection import connect
from service.tracking.embedded import start_embedded
from service.tracking.records import PARTITIONS, key
from tests.e2e.house import House
from tests.overload.generator import Shot

Json = dict[str, Any]  # free-form

RULES = """
version: 1
default: {workflow: everyone, timeout: 12h}
"""
# The defaults of the service, where the house has shorter ones for its own tests.
USUAL = {"CLOSE_GRACE_S": "10", "REQUEST_BUDGET_S": "8", "SETTLE_S": "20", "CATCH_UP_EVERY_S": "60"}
LOOK_S = 0.25
MB = 1024 * 1024


class Rig:
    """One house. Use as a context; it is closed at the end."""

    def __init__(self, directory: Path, **settings: str) -> None:
        rules = directory / "rules.yaml"
        rules.write_text(RULES)
        self._directory = directory
        self.house = House(directory, rules, **(USUAL | settings))
        self.memory = Memory(self)
        self._calls = requests.Session()
        self._connect()

    def __enter__(self) -> "Rig":
        self.house.start("web", "reconcile")
        self.memory.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.memory.end()
        self.house.close()

    def _connect(self) -> None:
        self.redis = connect(self.house.store.url)
        self.census = Census(self.redis)

    # -- people and requests

    def customers(self, count: int) -> list[str]:
        """So many customers have written; their conversation SIDs."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: self.house.customer(), range(count)))

    def escalation(self, at_s: float, conversation_sid: str, key_: str) -> Shot:
        """An app's request, to be repeated with the same key if it is refused."""
        body = json.dumps({"conversation_sid": conversation_sid, "channel_type": "web"})
        headers = {**self.house.headers(), "Content-Type": "application/json", "Idempotency-Key": key_}
        return Shot(at_s, "/v1/escalations", body, headers)

    # -- what is there

    def open_records(self, state: State) -> int:
        """How many records of a state the store holds."""
        return self.census.take(self._now_ms()).open.get(state, 0)

    def overdue(self) -> int:
        """Records that are due by now and that nobody has taken."""
        now = self._now_ms()
        pipe = self.redis.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipe.zcount(key(partition, "due"), "-inf", now)
        return sum(pipe.execute())

    def with_due_time(self) -> int:
        """Records that are due some time."""
        pipe = self.redis.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipe.zcard(key(partition, "due"))
        return sum(pipe.execute())

    def pass_by(self, seconds: int) -> None:
        """As if so much time had gone by with nobody at work: every record is due so much earlier."""
        for partition in range(PARTITIONS):
            name = key(partition, "due")
            for member in self.redis.zrange(name, 0, -1):
                self.redis.zincrby(name, -1000 * seconds, str(member))

    def _now_ms(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def tasks(self, conversations: Iterable[str]) -> dict[str, int]:
        """How many tasks each conversation has at Twilio."""
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda sid: (sid, len(self.house.conversation(sid)["tasks"])), conversations)
            return dict(found)

    def calls(self, match: str, *, after: int = 0) -> list[Json]:
        """Calls that Twilio has received later than log entry ``after``."""
        return list(self.house.control("GET", f"log?kind=api&after={after}&match={match}")["entries"])

    def last_entry(self) -> int:
        """The number of the log's last entry."""
        self._calls.get(f"{self.house.sandbox.base_url}/v1/Conversations/CH{'0' * 32}", timeout=10)  # makes one
        return max(int(entry["seq"]) for entry in self.calls("GET */Conversations/CH" + "0" * 32))

    # -- trouble

    def fault(self, match: str, **how: object) -> None:
        """Let Twilio fail."""
        self.house.control("POST", "faults", {"match": match, **how})

    def mend(self) -> None:
        """Twilio is well again."""
        self.house.control("DELETE", "faults")

    def kill_all(self) -> None:
        """kill -9 of web, reconciler and store; the store comes back with what it has on disk."""
        for name in list(self.house.processes):
            self.house.kill(name)
        self.redis.close()
        self.house.store.kill()
        self.house.store = start_embedded(self._directory / "store")
        self._connect()


class Memory:
    """Looks at the resident memory of every process; the peaks are those of the largest process of each kind."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.at_first: dict[str, int] = {}
        self.peak: dict[str, int] = {}

    def begin(self) -> None:
        """Start looking."""
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def told(self) -> Mapping[str, float]:
        """Peak in MB by kind of process."""
        return {name: round(size / MB, 1) for name, size in self.peak.items()}

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            for name, size in self._now().items():
                self.at_first.setdefault(name, size)
                self.peak[name] = max(self.peak.get(name, 0), size)

    def _now(self) -> dict[str, int]:
        groups = {process.pid: name for name, process in dict(self._rig.house.processes).items()}
        groups[self._rig.house.store.process.pid] = "store"
        found: dict[str, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            name = groups.get(int(fields[2]))  # the process group: field 5 of proc(5)
            if name:
                found[name] = max(found.get(name, 0), int(fields[21]) * 4096)
        return found
