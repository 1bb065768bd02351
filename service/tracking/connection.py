"""How we talk to Redis: bounded waits, one repeat, and every fault as one of ours. Nothing about invites.

redis-py repeats every command up to ten times by default. Ours repeat once, and only because every script
here may run twice without harm: a second run finds its own work and answers "exists", "ignored" or "guarded".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from service.errors import StoreUnavailableError

WAIT_S = 1.0  # for connecting, for a reply, and for a free connection


def connect(url: str, *, connections: int = 64) -> "redis.Redis":
    """A client for ``url`` with a blocking pool; connects on first use. Replies are text."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=WAIT_S,
        socket_timeout=WAIT_S,
        retry=Retry(ConstantBackoff(0.05), 1),
        decode_responses=True,
        health_check_interval=30,
        **({} if url.startswith("unix") else {"socket_connect_timeout": WAIT_S, "socket_keepalive": True}),
    )
    return redis.Redis(connection_pool=pool)


@contextmanager
def store_faults() -> Iterator[None]:
    """Turns every fault of Redis (away, full, read-only, loading, failing over) into StoreUnavailableError."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailableError(f"Redis: {type(error).__name__}", retry_after_s=2) from error


@cache
def lua(name: str) -> str:
    """The text of one script of the ``lua`` folder."""
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
