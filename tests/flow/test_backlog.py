"""More is due than there are hands: nobody waits behind a backlog of others, and free hands are used at once."""

import threading
import time

from service.model import State
from service.reconcile import loop
from service.reconcile.loop import Reconciler
from service.reconcile.work import Claimed, bring_forward
from service.tracking.records import key
from tests.flow.world import PATIENCE_S, World

DAY_S = 90_000
LONG_MS = 15_000


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


def test_looks_get_on_while_other_work_comes_first(world: World) -> None:
    """However many requests without a task are due in its partition, a look is not left for ever."""
    one_hand, due, look = behind_a_crowd(world)
    for _ in range(loop.IN_ORDER_EVERY):
        assert world.redis.zscore(due, look) == 1
        one_hand.step()
        one_hand.drain()
    assert world.redis.zscore(due, look) != 1


def test_turn_without_a_free_hand_is_none(world: World) -> None:
    """In a crowd every second step finds the hands full: counted, it could always be the one that goes in order."""
    one_hand, due, look = behind_a_crowd(world)
    for _ in range(loop.IN_ORDER_EVERY):
        one_hand.step()
        one_hand.drain()
        one_hand._take_free(1)
        assert one_hand.step() == 0
        one_hand._give_back(1)
    assert world.redis.zscore(due, look) != 1


def behind_a_crowd(world: World) -> tuple[Reconciler, str, str]:
    """A reconciler with one hand, and the index in which a look has been due for longest, at 1, among what comes first.

    The crowd has no records, so that each is dropped as it is worked on.
    """
    one_hand = Reconciler(world.reconciler.parts, world.reconciler.book, workers=1)
    one_hand.next_catch_up = one_hand.next_names = float("inf")
    look = str(world.escalate(world.customer()["conversation_sid"])["id"])
    world.turn()
    partition = int(look[3:5])
    crowd = {f"iv_{partition:02d}_{number:032x}": 1000 + number for number in range(20)}
    world.redis.zadd(key(partition, "due"), crowd | {look: 1})
    return one_hand, key(partition, "due"), look


def test_claim_of_a_store_that_did_not_write_is_due_again_once_it_does(world: World) -> None:
    """Full in the middle of a look: it neither moves the record nor postpones it, and the lease is long."""
    invite = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"})
    world.turn()
    world.advance(DAY_S)
    store = world.reconciler.parts.store
    world.fault("GET */Channels/*", delay_s=0.5, when="before", times=1)
    store.touch(str(invite["id"]), State.LAPSED, due=0)
    assert world.reconciler.step() == 1
    world.redis.config_set("maxmemory", 1)
    try:
        world.reconciler.drain()
        assert due_in_ms(world, invite["id"]) > LONG_MS  # it is the lease's
        world.reconciler.step()  # it cannot be brought forward, and is not forgotten by that
        assert due_in_ms(world, invite["id"]) > LONG_MS
    finally:
        world.redis.config_set("maxmemory", 0)
    world.turn_until(invite["id"], "closed")  # within PATIENCE_S, which is shorter than the lease


def test_claim_that_cannot_be_read_ends_nothing(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    world.turn()
    store, partition = world.reconciler.parts.store, int(str(invite["id"])[3:5])
    store.touch(str(invite["id"]), State.PENDING, due=0)
    world.redis.hset(key(partition, f"inv:{invite['id']}"), "kind", "unheard-of")
    world.reconciler._left.append(Claimed(str(invite["id"]), 0))
    world.reconciler.step()
    world.reconciler.drain()
    assert due_in_ms(world, invite["id"]) > LONG_MS  # claimed: the loop has gone on


def test_claim_that_an_event_has_moved_since_is_left_where_it_is(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    store = world.reconciler.parts.store
    store.touch(str(invite["id"]), State.PENDING, due=0)
    now_ms, (claimed,) = store.claim(int(str(invite["id"])[3:5]), lease_s=world.reconciler.parts.lease_s, most=1)
    store.touch(str(invite["id"]), State.PENDING, due=600)
    bring_forward(world.reconciler.parts, Claimed(claimed, now_ms))
    assert due_in_ms(world, invite["id"]) > LONG_MS


def due_in_ms(world: World, invite_id: object) -> float:
    now_ms = world.reconciler.parts.store.now_ms()
    return float(world.redis.zscore(key(int(str(invite_id)[3:5]), "due"), str(invite_id)) or now_ms) - now_ms
