"""Idempotency keys on a real server."""

import pytest
import redis

from service.model import Thread
from service.tracking.idempotency import IdempotencyKeys, Met
from service.tracking.store import Store
from tests.conftest import sid

CH, KD, UO = sid("CH", 1), sid("KD", 1), sid("UO", 1)


@pytest.fixture
def keys(client: "redis.Redis") -> IdempotencyKeys:
    return IdempotencyKeys(client)


def test_key_belongs_to_first_taker(keys: IdempotencyKeys) -> None:
    assert keys.remember("k", "a|1", keep_s=60) == "a|1"
    assert keys.remember("k", "b|1", keep_s=60) == "a|1"


def test_key_is_rebound_by_one(keys: IdempotencyKeys) -> None:
    keys.remember("k", "a|1", keep_s=60)
    assert keys.rebind("k", seen="a|1", value="b|1", keep_s=60) == "b|1"
    assert keys.rebind("k", seen="a|1", value="c|1", keep_s=60) == "b|1"


def test_key_and_thread_are_met_together(keys: IdempotencyKeys, store: Store) -> None:
    assert keys.remember_at("k", "a|1", keep_s=60, sid=CH) == Met("a|1", None, 0)
    store.remember(("iv_00_x", sid("WT", 1), Thread(KD, UO, CH)))
    assert keys.remember_at("k", "b|1", keep_s=60, sid=CH) == Met("a|1", (KD, UO), 1)


def test_age_of_a_key_is_told(keys: IdempotencyKeys, client: "redis.Redis") -> None:
    keys.remember("k", "a|1", keep_s=60)
    assert 0 <= keys.age_s("k", keep_s=60) < 5
    assert keys.age_s("other", keep_s=60) == float("inf")
