"""What may go wrong, and the order in which a seed lets it go wrong. Pure: ``storm`` does it.

Five lanes blow beside each other. Of each lane the kinds, the targets, the pauses and the lengths are the same for the
same seed; at which point of which conversation they hit is not, because that hangs on how fast the machine is.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FRONTS = ("web-1", "web-2")  # Twilio's callbacks reach the first; apps ask either
RECONCILERS = ("reconcile-1", "reconcile-2")
STORE = "store"

CREATES, LISTS, ACTS = "POST /v1/Interactions", "GET *", "POST */Channels/*"
AWAY = "all away"
OUTAGE = "all away, and all else well"
VERY_LATE = "callbacks very late"

TWILIO: dict[str, dict[str, Any]] = {
    "creates 429": {"match": CREATES, "status": 429, "headers": {"Retry-After": "1"}, "probability": 0.7},
    "all 429": {"match": "* /v1/*", "status": 429, "headers": {"Retry-After": "2"}, "probability": 0.3},
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
    AWAY: {"match": "* /v1/*", "reset": True},
}

# ... and what the relay between service and Twilio does
SLOW_BYTES: dict[str, dict[str, Any]] = {"slow bytes": {"drip": 48, "drip_every_s": 0.2}}

CALLBACKS: dict[str, dict[str, Any]] = {
    "callbacks lost 20 %": {"lost": 0.2},
    "callbacks all lost": {"lost": 1},
    "callbacks doubled": {"doubled": 0.6},
    "callbacks reordered": {"reordered": 0.5, "doubled": 0.3},
    "callbacks late": {"late_s": 4, "lost": 0.1},
}

# What is ordered of the server, and how that is taken back.
STORE_ORDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "store full": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "store without replicas": (
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "0"),
    ),
    "store read-only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
}

# What the relay between service and store does.
STORE_WIRES: dict[str, dict[str, Any]] = {
    "store 20 ms slow": {"delay_s": 0.02},
    "store 200 ms slow": {"delay_s": 0.2},
    "store replies cut": {"cut": "middle", "probability": 0.05},
    "store replies lost": {"cut": "before", "probability": 0.05},
}

TEN_MINUTES_S = 600.0
DEEDS = ("kill", "kill", "pause", "pause", "roll")
PATIENTS = (*FRONTS, *RECONCILERS, STORE)


@dataclass(frozen=True)
class Gust:
    """One thing that goes wrong: ``after_s`` of calm, then for ``for_s``."""

    name: str
    after_s: float
    for_s: float
    deed: str = ""  # of processes: kill, pause or roll; of clocks: leap
    target: str = ""
    ahead_s: float = 0.0


def gusts(seed: int, lane: str) -> Iterator[Gust]:
    """Without end. The lanes are those of LANES."""
    draw = random.Random(f"{seed}/{lane}")
    while True:
        yield LANES[lane](draw)


def _calm(draw: random.Random, least: float = 0.5, most: float = 4.0) -> float:
    return round(draw.uniform(least, most), 2)


def _of_processes(draw: random.Random) -> Gust:
    deed, target, seconds = draw.choice(DEEDS), draw.choice(PATIENTS), round(draw.uniform(0.2, 3.0), 2)
    if deed == "roll" and target == STORE:
        target = draw.choice((*FRONTS, *RECONCILERS))
    if deed == "pause" and target in RECONCILERS and draw.random() < 0.3:
        seconds = 9.0
    return Gust(f"{deed} {target}", _calm(draw), seconds, deed, target)


def _of_twilio(draw: random.Random) -> Gust:
    name = draw.choice((*TWILIO, *SLOW_BYTES, AWAY))
    return Gust(name, _calm(draw), round(draw.uniform(1.0, 5.0), 2))


def _of_callbacks(draw: random.Random) -> Gust:
    return Gust(draw.choice(tuple(CALLBACKS)), _calm(draw), round(draw.uniform(2.0, 6.0), 2))


def _of_store(draw: random.Random) -> Gust:
    name = draw.choice((*STORE_ORDERS, *STORE_WIRES))
    return Gust(name, _calm(draw, 3.0, 12.0), round(draw.uniform(0.5, 4.0), 2))


def _of_clocks(draw: random.Random) -> Gust:
    target, ahead_s = draw.choice((*FRONTS, *RECONCILERS)), draw.choice((-TEN_MINUTES_S, TEN_MINUTES_S))
    name = f"clock {ahead_s / 60:+.0f} min {target}"
    return Gust(name, _calm(draw, 2.0, 8.0), round(draw.uniform(4.0, 12.0), 2), "leap", target, ahead_s)


LANES: dict[str, Callable[[random.Random], Gust]] = {
    "processes": _of_processes,
    "twilio": _of_twilio,
    "callbacks": _of_callbacks,
    "store": _of_store,
    "clocks": _of_clocks,
}
