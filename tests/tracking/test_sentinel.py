"""The store behind real sentinels, and what a fail-over costs there and on a cluster, under load.

The long ones print what they have measured: how long writes were refused, and what had been acknowledged and is gone.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.crc import key_slot

from service.errors import StoreUnavailableError
from service.tracking.connection import connect
from service.tracking.records import key, partition_of
from service.tracking.store import Store
from tests.conftest import sid
from tests.flow.conftest import RULES
from tests.flow.world import World
from tests.tracking.fleet import Fleet, Node, await_true, start_cluster, start_sentinels
from tests.tracking.test_store import draft

pytestmark = pytest.mark.xdist_group("sentinel")
DOWN_AFTER_S = 2.0
BACK_WITHIN_S = DOWN_AFTER_S + 3  # down-after, the sentinels' election, and our own repeat
WRITERS = 4


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = start_sentinels(tmp_path_factory.mktemp("sentinels"), down_after_ms=int(DOWN_AFTER_S * 1000))
    yield running
    running.close()


def test_flow_runs_behind_sentinels(watched: Fleet, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    world = World(watched.url, str(rules))
    try:
        made = world.escalate(world.customer()["conversation_sid"])
        world.advance(90_000)
        world.turn_until(made["id"], "closed")
        assert world.judge()["orphaned"] == []
    finally:
        world.close()


def test_sentinels_that_are_away_are_a_store_fault() -> None:
    store = Store(connect("redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster"), keep_s=60)
    with pytest.raises(StoreUnavailableError):
        store.ping()


def test_unknown_service_is_a_store_fault(watched: Fleet) -> None:
    store = Store(connect(watched.url.replace("/mymaster/", "/other/")), keep_s=60)
    with pytest.raises(StoreUnavailableError):
        store.ping()


@dataclass
class Load:
    """Writers that go on through a fail-over, and when each of their writes was acknowledged."""

    store: Store
    conversation: str | None = None  # all writes there; None: all over the place
    acknowledged: list[tuple[float, str]] = field(default_factory=list)
    longest_call_s: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to write."""
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it, and wait for the last calls."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def first_after(self, moment: float) -> float | None:
        """When the first write that began after ``moment`` was acknowledged."""
        return min((at for at, _ in self.acknowledged if at > moment), default=None)

    def _write(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            invite = draft(self.conversation or sid("CH", number * 1_000_000 + count))
            began = time.monotonic()
            try:
                self.store.create(invite, due_in_s=3600)
                self.acknowledged.append((time.monotonic(), invite.id))
            except StoreUnavailableError:
                time.sleep(0.02)
            self.longest_call_s = max(self.longest_call_s, time.monotonic() - began)
            time.sleep(0.002)


def fail_over(load: Load, victim: Node, name: str) -> None:
    """Kill the primary under load; say how long writes stopped and what is gone, and hold both to what is promised."""
    load.start()
    await_true(lambda: len(load.acknowledged) > 200, "load")
    killed = time.monotonic()
    victim.kill()
    settle = 0.2  # what was on its way when the primary died counts as before
    await_true(lambda: load.first_after(killed + settle), "write after the fail-over")
    time.sleep(2)
    load.stop()
    back = load.first_after(killed + settle)
    assert back is not None
    held = {invite.id for invite in load.store.get_many([one for _, one in load.acknowledged])}
    lost = [(at - killed, one) for at, one in load.acknowledged if one not in held]
    after = [one for at, one in load.acknowledged if at >= back]
    print(
        f"\n{name}: writes back after {back - killed:.2f} s (longest call {load.longest_call_s:.2f} s); "
        f"of {len(load.acknowledged)} acknowledged, {len(lost)} lost, {len(after)} after the fail-over"
    )
    assert back - killed < BACK_WITHIN_S
    assert not set(after) - held, "a write that the new primary has acknowledged is gone"
    assert all(at > -0.5 for at, _ in lost), "a write older than the replication's lag is gone"


@pytest.mark.soak
def test_writes_come_back_after_sentinel_failover(tmp_path: Path) -> None:
    fleet = start_sentinels(tmp_path / "set", down_after_ms=int(DOWN_AFTER_S * 1000))
    try:
        fail_over(Load(Store(connect(fleet.url), keep_s=3600)), fleet.primary(), "Sentinel")
    finally:
        fleet.close()


@pytest.mark.soak
def test_writes_come_back_after_cluster_failover(tmp_path: Path) -> None:
    conversation = sid("CH", 7)
    slot = key_slot(key(partition_of(conversation), "due").encode())
    fleet = start_cluster(tmp_path / "set", replicas=True, node_timeout_ms=int(DOWN_AFTER_S * 1000))
    try:
        load = Load(Store(connect(fleet.url), keep_s=3600), conversation)
        fail_over(load, fleet.owner(slot), "Cluster")
    finally:
        fleet.close()
