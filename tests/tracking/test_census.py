"""What is counted for those who watch is what the store holds."""

import time

import pytest
import redis

from service.model import EMPTY_PLAN, Invite, Kind, RoutingRequest, State
from service.tracking.census import OPEN_STATES, Census
from service.tracking.records import new_invite_id
from service.tracking.scripts import RANKS
from service.tracking.store import NONE, Store
from tests.conftest import sid


@pytest.fixture
def census(client: "redis.Redis") -> Census:
    return Census(client)


def made(store: Store, number: int, *, due_in_s: float = 60) -> str:
    invite = Invite(
        id=new_invite_id(sid("CH", number)), kind=Kind.ESCALATION, state=State.REQUESTED, created_at_ms=0,
        request=RoutingRequest(Kind.ESCALATION, conversation_sid=sid("CH", number)), plan=EMPTY_PLAN,
        conversation_sid=sid("CH", number),
    )  # fmt: skip
    store.create(invite, due_in_s=due_in_s)
    return invite.id


def test_empty_store_counts_nothing(census: Census, store: Store) -> None:
    counted = census.take(store.now_ms())
    assert (sum(counted.open.values()), counted.oldest_s, counted.due, counted.lag_s) == (0, {}, 0, 0)
    assert counted.catch_up_age_s is None


def test_every_partition_is_counted(census: Census, store: Store) -> None:
    for number in range(200):
        made(store, number)
    assert census.take(store.now_ms()).open["requested"] == 200


def test_moved_record_counts_in_its_state(census: Census, store: Store) -> None:
    moved, _ = made(store, 1), made(store, 2)
    store.move(moved, "created", due=60)
    assert {state: n for state, n in census.take(store.now_ms()).open.items() if n} == {"requested": 1, "pending": 1}


def test_finished_record_counts_no_more(census: Census, store: Store) -> None:
    done = made(store, 1)
    store.move(done, "completed", due=NONE)
    counted = census.take(store.now_ms())
    assert (sum(counted.open.values()), counted.oldest_s) == (0, {})


def test_oldest_of_a_state_is_told(census: Census, store: Store) -> None:
    for number in range(20):
        made(store, number)
    began_ms = store.now_ms()
    assert census.take(began_ms + 100_000).oldest_s["requested"] == pytest.approx(100, abs=20)
    assert set(census.take(began_ms).oldest_s) == {"requested"}


def test_lag_is_that_of_the_longest_due(census: Census, store: Store) -> None:
    for number, due_in_s in enumerate((0, 5, 500)):
        made(store, number, due_in_s=due_in_s)
    counted = census.take(store.now_ms() + 30_000)
    assert counted.due == 2
    assert counted.lag_s == pytest.approx(30, abs=20)


def test_claimed_record_lags_no_more(census: Census, store: Store) -> None:
    made(store, 1, due_in_s=0)
    time.sleep(0.002)  # due is what was due before this millisecond
    for partition in store.due_partitions():
        store.claim(partition, lease_s=60, most=10)
    counted = census.take(store.now_ms())
    assert (counted.due, counted.lag_s) == (0, 0)


def test_age_of_the_catch_up_is_told(census: Census, store: Store) -> None:
    census.caught_up(store.now_ms() - 90_000)
    assert census.take(store.now_ms()).catch_up_age_s == pytest.approx(90, abs=20)


def test_every_open_state_has_a_rank() -> None:
    assert set(OPEN_STATES) <= set(RANKS)
