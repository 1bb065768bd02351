"""How the servers of the store are set up and how they do, for ``flex-router doctor`` and the console: never changed.

Only INFO, PING and TIME are used, because hosted servers refuse CONFIG. Every method may raise StoreUnavailableError.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import redis

from service.tracking.cluster_client import ClusterClient
from service.tracking.connection import store_faults

PINGS = 15


@dataclass(frozen=True)
class Server:
    """One server that holds data. ``version`` is the Redis version that it is compatible with."""

    name: str  # "" if there is only one
    version: str
    role: str  # master or slave
    policy: str  # of maxmemory
    aof: bool
    aof_written: bool  # False if its last write or rewrite of the append-only file has failed
    used_bytes: int
    most_bytes: int  # 0: as much as the machine has
    software: str  # what it is and which version, by its own account
    clients: int
    up_s: int


class Checkup:
    """The servers behind one address of the store."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def servers(self) -> list[Server]:
        """The server, or every primary of a cluster."""
        with store_faults():
            client: object = self._redis  # a cluster's stands in for it without being one
            if isinstance(client, ClusterClient):
                nodes = client.get_primaries()
                return [_server(str(node.name), self._info(target_nodes=[node])) for node in nodes]
            return [_server("", self._info())]

    def _info(self, **options: object) -> Mapping[str, object]:
        found: Mapping[str, object] = self._redis.execute_command("INFO", **options)  # type: ignore[no-untyped-call]
        return found

    def round_trip_s(self) -> float:
        """What a command without work takes from here and back: the median of some."""
        taken = []
        with store_faults():
            for _ in range(PINGS):
                began = time.perf_counter()
                self._redis.ping()
                taken.append(time.perf_counter() - began)
        return median(taken)


def _server(name: str, info: Mapping[str, object]) -> Server:
    written = (info.get(key, "ok") for key in ("aof_last_write_status", "aof_last_bgrewrite_status"))
    return Server(
        name=name,
        version=str(info.get("redis_version", "0")),
        role=str(info.get("role", "master")),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        aof=bool(_number(info, "aof_enabled")),
        aof_written=all(one == "ok" for one in written),
        used_bytes=_number(info, "used_memory"),
        most_bytes=_number(info, "maxmemory"),
        software=_software(info),
        clients=_number(info, "connected_clients"),
        up_s=_number(info, "uptime_in_seconds"),
    )


def _software(info: Mapping[str, object]) -> str:
    """Valkey tells its own version beside that of the Redis which it stands in for."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '?')}"


def _number(info: Mapping[str, object], name: str) -> int:
    value = info.get(name, 0)
    return int(value) if isinstance(value, int | float | str) else 0
