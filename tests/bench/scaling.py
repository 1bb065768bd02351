"""More processes, and other settings: what they bring on this machine, on which everybody shares its cores."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench import shots
from tests.bench.escalations import SLOW_MS, House, Waits
from tests.bench.events import MIXED, RULES, UNREACHABLE, Scene, subjects
from tests.bench.events import THREADS as THREADED
from tests.bench.load import Generator
from tests.bench.machine import Cores
from tests.bench.servers import Server, gunicorn, start_store
from tests.bench.table import Row, row, warmed

PROCESSES = (1, 2, 4)
CONNECTIONS = 32
CALLERS = 64
THREADS = (16, 32, 64, 88)
IN_FLASK = "the same, 1 process, all in Flask under gthread"


def measure(directory: Path, cores: Cores, *, rounds: int, count: int = 4200) -> list[Row]:
    """The rows of events by web processes, and of requests by threads and processes."""
    rows = _events(directory, cores, rounds, count)
    for number in (1, 2):
        rows += _requests(directory / f"requests-{number}", cores, rounds, number)
    return rows


def _events(directory: Path, cores: Cores, rounds: int, count: int) -> list[Row]:
    with ExitStack() as stack:
        store = start_store(directory / "store", cores)
        stack.callback(store.close)
        rules = directory / "rules.yaml"
        rules.write_text(RULES)
        environ = {
            **shots.ENVIRON, "REDIS_URL": store.url, "TWILIO_BASE_URL": UNREACHABLE, "RULES_FILE": str(rules),
            "PIN_WORKERS": "1",
        }  # fmt: skip
        scene = Scene(store.url, count)
        servers = {
            f"events of a task's life, {number} web processes, pinned": stack.enter_context(
                gunicorn("service.app:create_front()", environ | {"WEB_CONCURRENCY": str(number)}, cores=cores.every)
            )
            for number in PROCESSES
        }
        servers[IN_FLASK] = stack.enter_context(
            gunicorn("service.app:create_app()", environ, cores=cores.every, options=THREADED)
        )
        turns = {name: _rate(scene, server, count) for name, server in servers.items()}
        found = warmed(turns, rounds)
    first = next(iter(found))
    return [row(name, rates, "events/s", against="one process", baseline=found[first]) for name, rates in found.items()]


def _rate(scene: Scene, server: Server, count: int) -> Callable[[], float]:
    def once() -> float:
        scene.set_up(count)
        made = subjects(scene)[MIXED]()
        generator = Generator(server.port, CONNECTIONS)
        try:
            load = generator.closed(made)
        finally:
            generator.close()
        assert set(load.statuses) == {204}, dict(load.statuses)
        return load.rate

    return once


def _requests(directory: Path, cores: Cores, rounds: int, workers: int) -> list[Row]:
    directory.mkdir()
    kept: dict[str, list[Waits]] = {}
    with ExitStack() as stack:
        houses = {
            threads: House(
                stack, directory / str(threads), cores, SLOW_MS, WEB_THREADS=str(threads), TWILIO_CONCURRENCY="64",
                WEB_CONCURRENCY=str(workers),
            )
            for threads in THREADS
        }  # fmt: skip

        def once(threads: int) -> Callable[[], float]:
            def measured() -> float:
                kept.setdefault(str(threads), []).append(houses[threads].closed(CALLERS, 6 * CALLERS, {201, 202}))
                return kept[str(threads)][-1].rate

            return measured

        turns = {str(threads): once(threads) for threads in THREADS}
        found = warmed(turns, rounds, kept)
    rows = []
    for threads, rates in found.items():
        what = f"{CALLERS} callers, Twilio at {SLOW_MS} ms, {workers} processes of {threads} threads"
        rows.append(row(what, rates, "a second"))
        rows.append(row(f"{what}: p99", [one.ms(0.99) for one in kept[threads]], "ms"))
    return rows
