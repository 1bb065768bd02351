"""How soon the processes serve, what they weigh, and what the store holds for one open invite."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from service.cli import LEAN
from service.tracking.connection import connect
from tests.bench.escalations import House
from tests.bench.machine import Cores, own_mb, resident_mb
from tests.bench.servers import ROOT
from tests.bench.table import Row, interleaved, row

MOST_MB, MOST_BYTES = 80.0, 1500.0
OPEN = 10_000
COMMANDS = {
    "flex-router --help": ["-m", "service.cli", "--help"],
    "health check": ["-I", "-S", "service/healthcheck.py"],
}


def measure(directory: Path, cores: Cores, *, rounds: int, count: int = OPEN) -> list[Row]:
    """The rows of start, memory and store."""
    rows = [*_commands(rounds)]
    with ExitStack() as stack:
        usual = {"WEB_THREADS": "32", "TWILIO_CONCURRENCY": "16", **LEAN}  # as flex-router web has it
        house = House(stack, directory / "house", cores, 0, **usual)
        rows.append(row("web, from its start to its first answer", [house.web.started_s], "s"))
        house.closed(12, 500)
        redis = connect(house.store.url)
        before = int(redis.info("memory")["used_memory"])
        house.closed(12, count)
        time.sleep(1)
        after = int(redis.info("memory")["used_memory"])
        what = f"store for one open invite of {count:,} (100 rules, with its trace)"
        rows.append(row(what, [(after - before) / count], "bytes", limit=("most", MOST_BYTES)))
        workers = house.web.workers()
        heaviest = max(resident_mb(pid) for pid in workers)
        rows.append(row("a web worker's resident memory, after that", [heaviest], "MB", limit=("most", MOST_MB)))
        rows.append(row("of it shared with nobody", [max(own_mb(pid) for pid in workers)], "MB"))
    return rows


def _commands(rounds: int) -> list[Row]:
    def timed(arguments: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
        return time.perf_counter() - began

    found = interleaved({name: lambda words=words: timed(words) for name, words in COMMANDS.items()}, rounds)  # type: ignore[misc]
    return [row(name, seconds, "s") for name, seconds in found.items()]
