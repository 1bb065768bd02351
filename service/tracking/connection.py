"""How we talk to Redis: bounded waits, one repeat, and every fault as one of ours. Nothing about invites.

redis-py repeats every command up to ten times by default, and in a cluster's pipeline each command by itself. Ours
repeat once, and only because every script here may run twice without harm: a second run finds its own work and
answers "exists", "ignored" or "guarded". So the longest that one call can take, with servers that hang, is

    one server    2 × (connect 1 s + reply 1 s), after at most 1 s of waiting for a free connection
    Sentinel      the same, and before each try at most 0.5 s for every sentinel that hangs
    Cluster       the same, and once for each try at most 1 s for every node that hangs, to learn of the new layout

A fail-over loses what the old primary had acknowledged and not yet passed on: Redis replicates after its answer. Let
the servers refuse writes without replicas (min-replicas-to-write 1, min-replicas-max-lag 10) to keep that short.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from service.errors import StoreUnavailableError
from service.metrics.record import store_step
from service.tracking.addresses import Fleet, fleet_of
from service.tracking.cluster_client import ClusterClient

WAIT_S = 1.0  # for connecting, for a reply, and for a free connection
SENTINEL_WAIT_S = 0.5  # for connecting to a sentinel, and for its reply


def connect(url: str, *, connections: int = 64) -> "redis.Redis":
    """A client for ``url`` (its forms: see ``addresses``); connects on first use. Replies are text.

    One server: at most ``connections``, callers wait for a free one. Sentinel and Cluster: as many as threads call.
    Raises ConfigurationError if the address cannot be read.
    """
    fleet = fleet_of(url)
    if fleet is None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=WAIT_S,
            retry=once_more(),
            **_manners(tcp=not url.startswith("unix")),
        )
        return redis.Redis(connection_pool=pool)
    if fleet.service is not None:
        return _watched(fleet, fleet.service)
    return cast("redis.Redis", ClusterClient(fleet, once_more, _manners(tcp=True) | _login(fleet)))


def once_more() -> Retry:
    """One repeat after a lost connection or a time-out."""
    return Retry(ConstantBackoff(0.05), 1)


def _watched(fleet: Fleet, service: str) -> "redis.Redis":
    asking = {
        "username": fleet.sentinel_username,
        "password": fleet.sentinel_password,
        "socket_timeout": SENTINEL_WAIT_S,
        "socket_connect_timeout": SENTINEL_WAIT_S,
        "retry": Retry(NoBackoff(), 0),
        **({"ssl": True} if fleet.tls else {}),
    }
    options = {"db": fleet.db, "retry": once_more(), **_manners(tcp=True), **_login(fleet)}
    sentinel = Sentinel(list(fleet.hosts), sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    return cast("redis.Redis", sentinel.master_for(service, **options))  # type: ignore[no-untyped-call]


def _login(fleet: Fleet) -> dict[str, Any]:
    return {"username": fleet.username, "password": fleet.password, **({"ssl": True} if fleet.tls else {})}


def _manners(*, tcp: bool) -> dict[str, Any]:
    over_tcp = {"socket_connect_timeout": WAIT_S, "socket_keepalive": True}
    return {
        "socket_timeout": WAIT_S,
        "decode_responses": True,
        "health_check_interval": 30,
        **(over_tcp if tcp else {}),
    }


@contextmanager
def store_faults() -> Iterator[None]:
    """Turns every fault of Redis (away, full, read-only, loading, failing over) into StoreUnavailableError."""
    try:
        with store_step():
            yield
    except (redis.RedisError, RedisClusterException) as error:  # the latter is none of the former, strangely
        raise fault_of(error) from error


def fault_of(error: Exception) -> StoreUnavailableError:
    """A fault of Redis' as one of ours."""
    return StoreUnavailableError(f"Redis: {type(error).__name__}", retry_after_s=2)


@cache
def lua(name: str) -> str:
    """The text of one script of the ``lua`` folder."""
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
