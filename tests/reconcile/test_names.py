"""The workspace's names, shared by threads."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from service.reconcile.names import Names
from service.rules.resolve import Directory

DIRECTORY = Directory(workflows={"everyone": "WW1"})


def test_names_that_another_thread_reads_meanwhile_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Any = None  # nothing is asked of it
    names = Names(nobody)

    def monotonic() -> float:
        now = time.monotonic()
        names.known = DIRECTORY
        names._read_at = now if names._turn.locked() else names._read_at
        return now

    monkeypatch.setattr("service.reconcile.names.time", SimpleNamespace(monotonic=monotonic))
    assert names.fresh() == DIRECTORY
