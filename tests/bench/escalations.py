"""The price of one request: an escalation under a hundred rules, against the SDK alone at the same Twilio.

Every request is for a conversation of its own, so each makes an interaction. Waits are compared at the same number of
callers in the same round.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from service.intake.keys import generate_key
from tests.bench import shots
from tests.bench.load import Generator, Load
from tests.bench.machine import Cores, cpu_s
from tests.bench.servers import ROOT, gunicorn, installed_node, start_store, stub
from tests.bench.shots import sid, wire
from tests.bench.table import Row, row, warmed

CALLERS = (1, 16, 64)
SLOW_MS = 100
SHARE_OF_IDEAL = 0.9
P50_MS, P99_MS = 5.0, 25.0
RULES = 100


def rules_text(count: int) -> str:
    """So many rules, of which the last one but the default is meant."""
    rules = "".join(
        f"  - {{name: r{one}, when: 'attributes.topic == \"t{one}\" AND attributes.value > {one}',"
        " route: {workflow: everyone, timeout: 20m}}\n"
        for one in range(count)
    )
    return f"version: 1\nrules:\n{rules}default: {{workflow: everyone}}\n"


@dataclass
class Waits:
    """What one round of one subject has shown."""

    seconds: float
    waits: list[float]

    def ms(self, share: float) -> float:
        """The wait that ``share`` of all did not exceed."""
        return Load(self.seconds, waits=self.waits).wait_ms(share)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.waits) / self.seconds


class House:
    """The service before a Twilio that answers after ``wait_ms``, on all cores."""

    def __init__(self, stack: ExitStack, directory: Path, cores: Cores, wait_ms: int, **settings: str) -> None:
        directory.mkdir()
        self.store = start_store(directory / "store", cores)
        stack.callback(self.store.close)
        self.twilio = stack.enter_context(stub(wait_ms, cores))
        self.base_url = f"http://127.0.0.1:{self.twilio.port}"
        token, entry = generate_key("bench", ["*"])
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        rules = directory / "rules.yaml"
        rules.write_text(rules_text(RULES))
        environ = {
            **shots.ENVIRON, "REDIS_URL": self.store.url, "TWILIO_BASE_URL": self.base_url, "RULES_FILE": str(rules),
            "API_KEYS": entry, "WEB_THREADS": "88", "TWILIO_CONCURRENCY": "64",
            "WEB_CONCURRENCY": str(len(cores.every)), **settings,
        }  # fmt: skip
        self.web = stack.enter_context(gunicorn("service.app:create_front()", environ, cores=cores.every))
        self._next = 1

    def shots(self, count: int) -> list[bytes]:
        """Escalations that have not been seen yet."""
        first, self._next = self._next, self._next + count
        return [self._escalation(number) for number in range(first, first + count)]

    def _escalation(self, number: int) -> bytes:
        body = {"conversation_sid": sid("CH", number), "channel_type": "web",
                "attributes": {"topic": f"t{RULES - 1}", "value": RULES, "tier": "gold"}}  # fmt: skip
        return wire("POST", "/v1/escalations", self._headers, json.dumps(body).encode())

    def closed(self, callers: int, count: int, allowed: AbstractSet[int] = frozenset({201})) -> Waits:
        """``count`` of them from so many callers."""
        generator = Generator(self.web.port, callers)
        try:
            load = generator.closed(self.shots(count))
        finally:
            generator.close()
        assert set(load.statuses) <= allowed, dict(load.statuses)
        return Waits(load.seconds, load.waits)

    def open(self, rate: float, count: int) -> Waits:
        """``count`` of them at a fixed rate."""
        generator = Generator(self.web.port, 128)
        try:
            load = generator.open(self.shots(count), rate)
        finally:
            generator.close()
        assert set(load.statuses) <= {201, 202}, dict(load.statuses)
        return Waits(load.seconds, load.waits)

    def bare(self, callers: int, count: int) -> Waits:
        """The SDK alone."""
        command = [sys.executable, "-m", "tests.bench.bare_sdk", self.base_url, str(count), str(callers)]
        return _told(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)

    def bare_node(self, modules: Path, callers: int, count: int) -> Waits:
        """Twilio's SDK for Node alone."""
        command = ["node", str(modules.resolve() / "server.js"), "create", str(count), str(callers)]
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TWILIO_BASE_URL": self.base_url}
        return _told(subprocess.run(command, cwd=modules, env=environ, check=True, capture_output=True).stdout)


def _told(output: bytes) -> Waits:
    told = json.loads(output)
    return Waits(told["seconds"], told["waits"])


def measure(directory: Path, cores: Cores, *, rounds: int, count: int) -> list[Row]:
    """The rows of the request path."""
    rows: list[Row] = []
    with ExitStack() as stack:
        modules = installed_node(Path("build/bench/node"))
        rows += _at_once(House(stack, directory / "quick", cores, 0), modules, rounds, count)
    with ExitStack() as stack:
        rows += _slowly(House(stack, directory / "slow", cores, SLOW_MS), rounds, count)
    return rows


def _at_once(house: House, modules: Path | None, rounds: int, count: int) -> list[Row]:
    """Twilio takes no time: what is left is our work, and the SDK's."""
    costs: defaultdict[str, list[float]] = defaultdict(list)

    def ours() -> float:
        before = house.web.cpu_s(), cpu_s(house.store.process.pid)
        rate = house.closed(16, count).rate
        costs["web"].append((house.web.cpu_s() - before[0]) / count * 1000)
        costs["the store"].append((cpu_s(house.store.process.pid) - before[1]) / count * 1000)
        return rate

    turns: dict[str, Callable[[], float]] = {
        "ours": ours,
        "SDK": lambda: house.bare(16, count).rate,
    }
    if modules is not None:
        turns["node"] = lambda: house.bare_node(modules, 16, count).rate
    found = warmed(turns, rounds, costs)
    name = "escalations, 16 callers, Twilio at 0 ms"
    rows = [row(name, found["ours"], "a second", against="(e) bare SDK, 16 threads", baseline=found["SDK"])]
    if "node" in found:
        rows += [
            row(name, found["ours"], "a second", against="(e) bare twilio-node, 16 at once", baseline=found["node"])
        ]
    return rows + [row(f"an escalation: processor time of {whose}", used, "ms") for whose, used in costs.items()]


def _slowly(house: House, rounds: int, count: int) -> list[Row]:
    kept: dict[str, list[Waits]] = {}

    def keep(name: str, made: Callable[[], Waits]) -> Callable[[], float]:
        def once() -> float:
            kept.setdefault(name, []).append(made())
            return kept[name][-1].rate

        return once

    few = {callers: min(count, 15 * callers) for callers in CALLERS}  # one caller makes ten a second
    turns = {f"ours {one}": keep(f"ours {one}", partial(house.closed, one, few[one])) for one in CALLERS}
    turns |= {f"bare {one}": keep(f"bare {one}", partial(house.bare, one, few[one])) for one in CALLERS}
    turns["open"] = keep("open", lambda: house.open(100.0, 400))
    found = warmed(turns, rounds, kept)
    rows: list[Row] = []
    for one in CALLERS:
        for share, most in ((0.5, P50_MS), (0.99, P99_MS)):
            added = [
                ours.ms(share) - bare.ms(share)
                for ours, bare in zip(kept[f"ours {one}"], kept[f"bare {one}"], strict=True)
            ]
            what = f"added to the SDK's wait, {one} callers, Twilio at {SLOW_MS} ms, p{share * 100:.0f}"
            rows.append(row(what, added, "ms", limit=("most", most) if one == 16 else None))
        ideal = [one / (SLOW_MS / 1000)] * rounds
        limit = ("least", SHARE_OF_IDEAL) if one == 64 else None
        what = f"escalations, {one} callers, Twilio at {SLOW_MS} ms"
        rows.append(
            row(what, found[f"ours {one}"], "a second", against="callers / Twilio's time", baseline=ideal, limit=limit)
        )
    for share in (0.5, 0.99):
        waits = [one.ms(share) for one in kept["open"]]
        rows.append(row(f"whole wait at 100 a second (open loop), p{share * 100:.0f}", waits, "ms"))
    return rows
