"""Faults to order: what is to go wrong with which API calls, and how often. Deciding only; ``gate`` does the harm."""

import itertools
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.sandbox.journal import matches
from service.sandbox.refusals import ControlRefused

FIELDS = ("match", "status", "delay_s", "reset", "when", "times", "skip", "probability", "body", "headers", "lag_s")
EFFECTS = ("status", "delay_s", "reset", "lag_s")
LONGEST_S = 120


@dataclass
class Fault:
    """One order. ``when`` before: the call has no effect; after: it has, but the caller does not see the answer.

    ``skip``: so many matching calls go unharmed first.
    """

    id: str
    match: str
    status: int | None = None
    delay_s: float = 0.0
    reset: bool = False
    when: str = "before"
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    lag_s: float = 0.0
    hits: int = 0
    passed: int = 0

    @property
    def spent(self) -> bool:
        """It has struck as often as it was to."""
        return self.times is not None and self.hits >= self.times

    def shown(self) -> dict[str, object]:
        """For the control plane."""
        return {"id": self.id, **{name: getattr(self, name) for name in FIELDS}, "hits": self.hits}


class Faults:
    """All orders, oldest first; a call is struck by every one that matches it. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._orders: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, wanted: Mapping[str, object]) -> Fault:
        """Raises ControlRefused naming the field at fault."""
        fault = _read(wanted, f"F{next(self._ids)}")
        with self._lock:
            self._orders.append(fault)
        return fault

    def strike(self, method: str, path: str) -> list[Fault]:
        """The faults that hit this call; each is counted."""
        struck = []
        with self._lock:
            for fault in self._orders:
                hit = not fault.spent and matches(fault.match, f"{method} {path}")
                if hit and fault.passed < fault.skip:
                    fault.passed += 1
                elif hit and (fault.probability >= 1 or self._random.random() < fault.probability):
                    fault.hits += 1
                    struck.append(fault)
        return struck

    def listed(self) -> list[dict[str, object]]:
        """All orders with how often each has struck."""
        with self._lock:
            return [fault.shown() for fault in self._orders]

    def clear(self, fault_id: str | None = None) -> int:
        """Withdraw one order, or all; answers how many."""
        with self._lock:
            kept = [fault for fault in self._orders if fault_id is not None and fault.id != fault_id]
            gone = len(self._orders) - len(kept)
            self._orders = kept
        return gone


def _read(wanted: Mapping[str, object], fault_id: str) -> Fault:
    for name in wanted:
        if name not in FIELDS:
            raise ControlRefused(f"unknown field; known are {', '.join(FIELDS)}", field=name)
    match = wanted.get("match")
    if not isinstance(match, str) or not match.strip():
        raise ControlRefused('is required: "METHOD /path", a glob or a part of it', field="match")
    if not any(wanted.get(name) for name in EFFECTS):
        raise ControlRefused(f"give at least one of {', '.join(EFFECTS)}", field="status")
    fault = Fault(fault_id, match, body=wanted.get("body"), headers=_headers(wanted.get("headers")))
    fault.status = _integer(wanted, "status", 100, 599)
    fault.times = _integer(wanted, "times", 1, 1_000_000)
    fault.skip = _integer(wanted, "skip", 0, 1_000_000) or 0
    fault.delay_s = number(wanted, "delay_s", LONGEST_S)
    fault.lag_s = number(wanted, "lag_s", 86_400)
    fault.probability = number(wanted, "probability", 1) if "probability" in wanted else 1.0
    fault.reset = flag(wanted, "reset")
    fault.when = _when(wanted.get("when", "before"))
    return fault


def _when(value: object) -> str:
    if value not in ("before", "after"):
        raise ControlRefused("must be before or after", field="when")
    return str(value)


def _integer(wanted: Mapping[str, object], name: str, least: int, most: int) -> int | None:
    value = wanted.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ControlRefused(f"must be an integer from {least} to {most}", field=name)
    return value


def number(wanted: Mapping[str, object], name: str, most: float) -> float:
    """A number from 0 to ``most``; absent is 0. Raises ControlRefused."""
    value = wanted.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ControlRefused(f"must be a number from 0 to {most}", field=name)
    return float(value)


def flag(wanted: Mapping[str, object], name: str) -> bool:
    """true or false; absent is false. Raises ControlRefused."""
    value = wanted.get(name, False)
    if not isinstance(value, bool):
        raise ControlRefused("must be true or false", field=name)
    return value


def _headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ControlRefused("must be an object of header names and values", field="headers")
    return {str(name): str(text) for name, text in value.items()}
