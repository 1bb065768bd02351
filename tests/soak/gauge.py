"""How much memory each process holds while the soak runs. A process that was started anew is another one."""

import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 5.0
LEAST_LIFE_S = 600.0  # a slope of a shorter life says nothing
WARM_UP = 1 / 3  # of a life is left out: pools and threads come with the first load
PER_S = 600.0  # slopes are told in MB per ten minutes
MB = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")

Sample = tuple[float, float]  # steady seconds, MB


@dataclass(frozen=True)
class Memory:
    """One kind of process: its most, how many of them there were, and of the long lives how the worst one grew."""

    kind: str
    most_mb: float
    generations: int
    longest_s: float
    slope_mb: float | None  # per ten minutes; None: no life was long enough


@dataclass
class Gauge:
    """A thread of its own."""

    pids: Callable[[], Mapping[str, int]]
    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start measuring."""
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Stop."""
        self._over.set()

    def memory(self) -> list[Memory]:
        """By kind, in the order of the names."""
        kinds: dict[str, list[list[Sample]]] = defaultdict(list)
        for (kind, _), samples in list(self.samples.items()):
            kinds[kind].append(samples)
        return [_memory(kind, lives) for kind, lives in sorted(kinds.items())]

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            now = time.monotonic()
            self._note(now, "harness", os.getpid())
            for name, pid in self.pids().items():
                kind = name if name.startswith("relay") else name.partition("-")[0]
                self._note(now, kind, pid)
                for child in _children(pid):
                    self._note(now, f"{kind} worker", child)

    def _note(self, now: float, kind: str, pid: int) -> None:
        mb = _rss_mb(pid)
        if mb:
            self.samples[kind, pid].append((now, mb))


def slope(samples: Iterable[Sample]) -> float:
    """MB per ten minutes, by least squares over what is left after the warm-up."""
    times, sizes = zip(*_warm(list(samples)), strict=True)
    return statistics.linear_regression(times, sizes).slope * PER_S


def _warm(samples: list[Sample]) -> list[Sample]:
    begins = samples[0][0] + (samples[-1][0] - samples[0][0]) * WARM_UP
    return [sample for sample in samples if sample[0] >= begins]


def _memory(kind: str, lives: list[list[Sample]]) -> Memory:
    spent = [life[-1][0] - life[0][0] for life in lives]
    slopes = [slope(life) for life, seconds in zip(lives, spent, strict=True) if seconds >= LEAST_LIFE_S]
    most = max(mb for life in lives for _, mb in life)
    return Memory(kind, most, len(lives), max(spent), max(slopes, default=None))


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _rss_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / MB
    except (OSError, IndexError):
        return 0.0
