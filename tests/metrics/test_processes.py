"""The real processes: gunicorn with several workers on one side, the reconciler with a port of its own on the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import LEAN
from tests.e2e.house import House, free_port
from tests.flow.conftest import RULES
from tests.metrics.conftest import Watcher


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    metrics = str(free_port())
    running = House(tmp_path, rules, WEB_CONCURRENCY="2", METRICS_PORT=metrics, LOG_LEVEL="INFO,service.flex=WARNING")
    try:
        running.start("web", "reconcile")
        yield running
    finally:
        running.close()


def test_each_process_shows_its_part(house: House) -> None:
    web = Watcher(f"{house.url}/metrics")
    house.eventually(lambda: web.value("catch_up_age_seconds") is not None, "the Events API is not read")
    reconciler = Watcher(f"http://127.0.0.1:{house.environ['METRICS_PORT']}/metrics")
    for _ in range(12):
        house.escalate(house.customer())
    assert web.added("requests_total", outcome="made") == 12
    assert web.added("twilio_calls_total", operation="create interaction", status="2xx") == 12
    house.control("POST", "clock", {"advance_s": 90_000})
    house.eventually(lambda: reconciler.added("finished_total", outcome="closed") == 12, "no close is counted")
    assert reconciler.added("requests_total") == 0
    assert web.added("finished_total") == 0
    assert web.value("due_lag_seconds") is not None


def test_both_keep_little_memory_in_reserve(house: House) -> None:
    """Read by glibc as a process begins, so it must stand in the environment that the process was started with."""

    def is_lean(pid: int) -> bool:
        settings = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return {f"{name}={value}" for name, value in LEAN.items()} <= set(settings)

    assert not LEAN.keys() & house.environ.keys()
    for name, process in house.processes.items():
        house.eventually(lambda pid=process.pid: is_lean(pid), f"{name} was started without")
