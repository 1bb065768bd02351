"""Nobody new is let in while the machine is behind with what is due."""

import threading
import time

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from service.tracking.records import key
from tests.soak.pace import BEHIND_S, Pace, overdue_s


def due(client: "redis.Redis", ago_s: float) -> None:
    client.zadd(key(3, "due"), {"one": (time.time() - ago_s) * 1000})


@pytest.mark.parametrize("ago_s", [0.0, 30.0])
def test_wait_of_the_oldest_is_told(embedded: EmbeddedStore, client: "redis.Redis", ago_s: float) -> None:
    client.zadd(key(5, "due"), {"later": (time.time() + 60) * 1000})
    due(client, ago_s)
    assert overdue_s(embedded.url) == pytest.approx(ago_s, abs=2)


def test_nothing_due_is_no_delay(embedded: EmbeddedStore, client: "redis.Redis") -> None:
    assert overdue_s(embedded.url) == 0.0


def test_nobody_is_let_in_until_it_has_caught_up(
    embedded: EmbeddedStore, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.soak.pace.LOOK_S", 0.05)
    due(client, BEHIND_S + 60)
    pace = Pace(embedded.url)
    pace.begin()
    time.sleep(0.5)
    came = threading.Event()

    def arrive() -> None:
        pace.wait(threading.Event())
        came.set()

    customer = threading.Thread(target=arrive)
    customer.start()
    assert not came.wait(0.5)
    client.delete(key(3, "due"))
    assert came.wait(10)
    customer.join()
    pace.end()
    assert pace.closed_s > 0


def test_end_of_the_run_lets_everybody_go(
    embedded: EmbeddedStore, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.soak.pace.LOOK_S", 0.05)
    due(client, BEHIND_S + 60)
    pace, stopped = Pace(embedded.url), threading.Event()
    pace.begin()
    time.sleep(0.5)
    stopped.set()
    pace.wait(stopped)
    pace.end()
    assert pace.closed_s > 0
