"""redis-py's cluster client with the manners of the plain one: it connects on first use, not when it is made (so it
may be made before a fork, and while the cluster is away), asks one node for the time, and tries nothing over and over.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha1
from typing import Any

import redis
from redis.cluster import ClusterNode, ClusterPipeline, RedisCluster
from redis.exceptions import ClusterError, NoScriptError, RedisClusterException
from redis.retry import Retry

from service.tracking.addresses import Fleet

_LOST = (redis.ConnectionError, redis.TimeoutError, ClusterError, RedisClusterException)
_CLOCK = "flex:{00}:"  # the node that holds the first partition tells the time


class ClusterClient:
    """Stands where the store expects a ``redis.Redis``; everything not named here goes to redis-py's cluster client."""

    def __init__(self, fleet: Fleet, retry: Callable[[], Retry], options: Mapping[str, Any]) -> None:
        self._fleet, self._retry, self._options = fleet, retry, options
        self._made: RedisCluster | None = None
        self._making = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster(), name)

    def _cluster(self) -> RedisCluster:
        with self._making:
            if self._made is None:
                self._made = RedisCluster(
                    startup_nodes=[ClusterNode(*host) for host in self._fleet.hosts],  # type: ignore[no-untyped-call]
                    retry=self._retry(),
                    require_full_coverage=False,  # the partitions of the nodes that are there can be served
                    **self._options,
                )
            return self._made

    def close(self) -> None:
        """Close this process's connections; the next command opens new ones."""
        with self._making:
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def time(self) -> tuple[int, int]:
        """Seconds and microseconds by the clock of one node: the nodes' clocks must agree."""
        cluster = self._cluster()
        node = cluster.get_node_from_key(_CLOCK)  # type: ignore[no-untyped-call]
        seconds, micros = cluster.execute_command("TIME", target_nodes=[node])  # type: ignore[no-untyped-call]
        return int(seconds), int(micros)

    def pipeline(self, transaction: bool = False) -> ClusterPipeline:
        """Commands for several nodes at once. One that fails is tried again by itself; once one of those has failed
        too, the others are not tried: with a node that hangs, each of them would wait as long."""
        assert not transaction, "keys on several nodes cannot change together"
        pipe: ClusterPipeline = self._cluster().pipeline(transaction=False)  # type: ignore[no-untyped-call]
        pipe.parent_execute_command = _until_first_fault(pipe.parent_execute_command)
        return pipe

    def register_script(self, script: str) -> Callable[..., Any]:
        """A script to be called with ``keys`` and ``args``. A node that does not know it is sent its text: loading it
        on all nodes, as redis-py does, fails as long as one of them is away."""
        sha = sha1(script.encode(), usedforsecurity=False).hexdigest()  # the name under which Redis keeps it

        def call(keys: Sequence[str], args: Sequence[str | int]) -> Any:
            cluster = self._cluster()
            try:
                return cluster.evalsha(sha, len(keys), *keys, *args)
            except NoScriptError:
                return cluster.eval(script, len(keys), *keys, *args)

        return call


def _until_first_fault(execute: Callable[..., Any]) -> Callable[..., Any]:
    fault: list[Exception] = []

    def guarded(*args: Any, **options: Any) -> Any:
        if fault:
            raise fault[0]
        try:
            return execute(*args, **options)
        except _LOST as error:
            fault.append(error)
            raise

    return guarded
