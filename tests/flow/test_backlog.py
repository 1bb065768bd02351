"""More is due than there are hands: nobody waits behind a backlog of others, and free hands are used at once."""

import threading
import time

from service.model import State
from service.reconcile import loop
from service.tracking.records import key
from tests.flow.world import PATIENCE_S, World


def test_one_partitions_backlog_leaves_hands_for_the_others(world: World) -> None:
    crowd = {f"iv_03_{number:032x}": 1000 + number for number in range(100)}
    world.redis.zadd(key(3, "due"), crowd)
    world.redis.zadd(key(60, "due"), {f"iv_60_{'0' * 32}": 5000})  # due later than all of them
    started = world.reconciler.step()
    world.reconciler.drain()
    assert started <= world.reconciler.workers
    assert world.redis.zcard(key(60, "due")) == 0


def test_free_hand_does_not_wait_for_the_idle_pause(world: World) -> None:
    """With an idle pause longer than the patience of this test, only a freed hand can have begun the next look."""
    waiting = [world.escalate(world.customer()["conversation_sid"]) for _ in range(40)]
    world.turn()
    store = world.reconciler.parts.store
    for invite in waiting:
        store.touch(str(invite["id"]), State.PENDING, due=0)
    world.fault("GET *", delay_s=0.05, when="before")
    idle, loop.IDLE_S = loop.IDLE_S, 10 * PATIENCE_S
    stop = threading.Event()
    thread = threading.Thread(target=world.reconciler.run, args=(stop,))
    try:
        thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while store.due_partitions():
            assert time.monotonic() < deadline, "due work lies there while hands are free"
            time.sleep(0.02)
    finally:
        loop.IDLE_S = idle
        stop.set()
        thread.join()
