"""The errands on a real server."""

import redis

from service.tracking.errands import Errands
from service.tracking.store import NONE
from tests.tracking.stored import errand


def test_errand_leaves_nothing_that_grows(client: "redis.Redis") -> None:
    """What is neither due nor open any more expires: no list of all errands keeps them."""
    errands, made = Errands(client, keep_s=3600), errand()
    errands.create(made, due_in_s=0)
    errands.move(made.id, "done", due=NONE)
    assert [name for name in client.keys("*") if client.ttl(name) == -1] == []
