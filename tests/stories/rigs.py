"""Where a story is played: in one process that is turned by hand, or with web and reconciler as processes of their own.

Both do what is due at once instead of waiting for it, and only while nothing is under way: a lease that ends early
would be a fault that the service need not bear.
"""

from dataclasses import replace
from typing import Any, Protocol

import redis

from service.tracking.records import PARTITIONS, key
from tests.flow.world import World

RULES = """
version: 1
via: transfers
rules:
  - name: billing
    when: attributes.topic == "billing"
    route: {queue: billing, timeout: 10m}
default: {workflow: everyone}
"""
SETTLE_S = 0.2  # nothing is ever under way while a lost answer is looked for
BUDGET_S = "3"


class Rig(Protocol):
    """One service beside one local Twilio."""

    url: str
    token: str
    redis: "redis.Redis"
    info: dict[str, Any]

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One call of the local Twilio's control plane."""

    def work(self) -> None:
        """Callbacks are heard, then everything that is due or waits for its time is done once."""

    def await_service(self) -> None:
        """Return once web answers (again)."""

    def start_anew(self) -> None:
        """Nothing has ever happened."""


def make_all_due(client: "redis.Redis") -> None:
    """Whatever waits for its time need not wait any longer."""
    names = [key(partition, "due") for partition in range(PARTITIONS)]
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.zrange(name, 0, -1)
    found = list(zip(names, pipe.execute(), strict=True))
    for name, members in found:
        if members:
            pipe.zadd(name, dict.fromkeys(members, 0), xx=True)
    pipe.execute()


class InProcess:
    """The whole service in this process; its reconciler works when told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.url, self.token, self.redis, self.info = world.url, world.token, world.redis, world.info
        world.reconciler.parts = replace(world.reconciler.parts, settle_s=SETTLE_S)
        world.reconciler.next_minute = float("inf")

    def control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return self.world.control(method, path, body)

    def work(self) -> None:
        self.world.advance(0)
        make_all_due(self.redis)
        self.world.turn()
        self.world.advance(0)

    def await_service(self) -> None:
        return

    def start_anew(self) -> None:
        self.world.advance(0)
        self.control("DELETE", "faults")
        self.control("POST", "reset")
        self.redis.flushall()
        parts = self.world.reconciler.parts
        parts.notes.write_names(parts.taskrouter.names())
