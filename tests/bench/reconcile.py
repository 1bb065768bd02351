"""The price of one look: what is due costs, what is merely open does not.

Invites whose task waits, so many of them due at one moment; a real reconcile process looks at each at a Twilio that
answers at once. And how many claims a second the store gives to several processes, with nothing done about them.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import redis

from service.tracking.connection import connect
from service.tracking.records import PARTITIONS, key, partition_of_id
from service.tracking.store import Store
from tests.bench import shots
from tests.bench.events import Scene
from tests.bench.machine import Cores, cpu_s
from tests.bench.servers import ROOT, Server, start_store, stub
from tests.bench.table import Row, row, warmed

DUE = 1000
FEW, MANY, MOST = 1000, 10_000, 100_000
PROCESSES = (1, 2, 4)
NO_WORSE = 1.2
WAIT_S = 120.0
IN_AN_HOUR_MS = 3_600_000


class House:
    """A store with open invites, a quick Twilio, and one reconcile process."""

    def __init__(self, stack: ExitStack, directory: Path, cores: Cores, open_invites: int) -> None:
        directory.mkdir()
        store = start_store(directory / "store", cores)
        stack.callback(store.close)
        twilio = stack.enter_context(stub(0, cores))
        rules = directory / "rules.yaml"
        rules.write_text("version: 1\ndefault: {workflow: everyone}\n")
        self._redis = connect(store.url)
        self._store_pid = store.process.pid
        self.scene = Scene(store.url, open_invites)
        self.scene.set_up(open_invites)
        environ = {
            **shots.ENVIRON, "REDIS_URL": store.url, "RULES_FILE": str(rules), "METRICS_PORT": "{port}",
            "TWILIO_BASE_URL": f"http://127.0.0.1:{twilio.port}", "LOOK_EVERY_S": "3600", "CATCH_UP_EVERY_S": "3600",
        }  # fmt: skip
        command = [sys.executable, "-m", "service.cli", "reconcile"]
        self.process = stack.enter_context(Server(command, environ, cores=cores.measured, alive="/metrics"))

    def look(self) -> tuple[float, float]:
        """Seconds until ``DUE`` invites are looked at, and the processor time of that, of process and store (s)."""
        ids = self.scene.invites[:DUE]
        now_ms = Store(self._redis, keep_s=600).now_ms()
        before = self._cpu_s()
        began = time.perf_counter()
        make_due(self._redis, ids, now_ms)
        deadline = began + WAIT_S
        while due_soon(self._redis, now_ms):
            if time.perf_counter() > deadline:
                raise TimeoutError("the reconciler does not come to an end")
            time.sleep(0.02)
        return time.perf_counter() - began, self._cpu_s() - before

    def end(self) -> None:
        """Its process claims nothing from now on."""
        self.process.process.kill()

    def _cpu_s(self) -> float:
        return cpu_s(self.process.process.pid) + cpu_s(self._store_pid)


def make_due(client: "redis.Redis", ids: list[str], now_ms: int) -> None:
    """They are due from now on."""
    pipe = client.pipeline(transaction=False)
    for invite_id in ids:
        pipe.zadd(key(partition_of_id(invite_id), "due"), {invite_id: now_ms - 1})
    pipe.execute()


def due_soon(client: "redis.Redis", now_ms: int) -> int:
    """How many are due within the next half hour, in somebody's hands or not."""
    pipe = client.pipeline(transaction=False)
    for partition in range(PARTITIONS):
        pipe.zcount(key(partition, "due"), "-inf", now_ms + IN_AN_HOUR_MS // 2)
    return sum(pipe.execute())


def measure(directory: Path, cores: Cores, *, rounds: int, most: int = MOST) -> list[Row]:
    """The rows of the reconciler."""
    kept: dict[int, list[tuple[float, float]]] = {}
    with ExitStack() as stack:
        counts = sorted({min(FEW, most), min(MANY, most), most})
        houses = {count: House(stack, directory / str(count), cores, count) for count in counts}

        def looks(count: int) -> Callable[[], float]:
            def once() -> float:
                kept.setdefault(count, []).append(houses[count].look())
                return DUE / kept[count][-1][0]

            return once

        turns = {str(count): looks(count) for count in houses}
        found = warmed(turns, rounds, kept)
        houses[most].end()
        claims = {number: _claims(houses[most].scene, number, cores, rounds) for number in PROCESSES}
    rows = []
    costs = {count: [cpu / DUE * 1e6 for _, cpu in kept[count]] for count in kept}
    for count in costs:
        rows.append(row(f"looks, {count:,} open, {DUE:,} due", found[str(count)], "a second"))
    for count in costs:
        limit = ("most", NO_WORSE) if count == most else None
        what, against = f"processor time of a look, {count:,} open", f"the same, {FEW:,} open"
        rows.append(row(what, costs[count], "µs", against=against, baseline=costs[FEW], limit=limit))
    for number, rates in claims.items():
        rows.append(row(f"claims, {most:,} open, {number} processes", rates, "a second"))
    return rows


def _claims(scene: Scene, number: int, cores: Cores, rounds: int) -> list[float]:
    """Claims a second by so many processes at once, until nothing is due any more."""
    rates = []
    for _ in range(rounds):
        ids = scene.invites[: 10 * DUE]
        client = connect(scene.url)
        make_due(client, ids, Store(client, keep_s=600).now_ms())
        command = [sys.executable, "-m", "tests.bench.claimer", scene.url]
        began = time.perf_counter()
        claimers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(number)]
        told = [one.communicate()[0].split() for one in claimers]
        assert sum(int(words[0]) for words in told) >= len(ids), "something was not claimed"
        first, last = min(float(words[1]) for words in told), max(float(words[2]) for words in told)
        rates.append(len(ids) / (last - first))
        assert time.perf_counter() - began < WAIT_S
    return rates
