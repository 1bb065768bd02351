"""Idempotency keys on a real server."""

import pytest
import redis

from service.tracking.idempotency import IdempotencyKeys


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


def test_age_of_a_key_is_told(keys: IdempotencyKeys, client: "redis.Redis") -> None:
    keys.remember("k", "a|1", keep_s=60)
    assert 0 <= keys.age_s("k", keep_s=60) < 5
    assert keys.age_s("other", keep_s=60) == float("inf")
