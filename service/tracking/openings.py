"""Lists of what is open, by state and age, and the search for a record by a SID without an index. Bounded reads only.

A place in the list is (created at in ms, id); over all partitions together that is a strict order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from service.tracking.connection import store_faults
from service.tracking.errand_records import is_errand_id
from service.tracking.records import PARTITIONS, key, partition_of_id
from service.tracking.scripts import RANK_STEP, RANKS

Row = tuple[int, str]  # created at (epoch ms), id


@dataclass(frozen=True)
class Page:
    """Some records of the list, in its order. ``more``: there are further ones after the last."""

    rows: tuple[Row, ...]
    more: bool


class Openings:
    """The open records. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def page(self, states: Sequence[str], *, most: int, after: Row | None = None, newest_first: bool = False) -> Page:
        """At most ``most`` records in one of ``states``, oldest first unless said otherwise, strictly after ``after``.

        Costs one command a partition and state, each of which reads at most ``most`` + 1 rows.
        """
        places = [(partition, state) for partition in range(PARTITIONS) for state in states]
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition, state in places:
                least, greatest = _span(state, after, newest_first=newest_first)
                name, count = key(partition, "open"), most + 1
                if newest_first:
                    pipe.zrevrangebyscore(name, greatest, least, start=0, num=count, withscores=True)
                else:
                    pipe.zrangebyscore(name, least, greatest, start=0, num=count, withscores=True)
            answers = pipe.execute()
        rows = [(int(score) % RANK_STEP, str(name)) for found in answers for name, score in found]
        rows.sort(reverse=newest_first)
        if after is not None:
            rows = [row for row in rows if (row < after if newest_first else row > after)]
        return Page(tuple(rows[:most]), len(rows) > most)

    def with_field(self, names: Sequence[str], value: str, ids: Sequence[str]) -> list[str]:
        """Those of ``ids`` whose record has ``value`` in one of the fields ``names``, in the order given."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for record_id in ids:
                kind = "er" if is_errand_id(record_id) else "inv"
                pipe.hmget(key(partition_of_id(record_id), f"{kind}:{record_id}"), list(names))
            found = pipe.execute()
        return [record_id for record_id, values in zip(ids, found, strict=True) if value in values]


def _span(state: str, after: Row | None, *, newest_first: bool) -> tuple[int, int]:
    """Least and greatest score; the records created in the very millisecond of ``after`` are still in it."""
    least, greatest = RANKS[state] * RANK_STEP, (RANKS[state] + 1) * RANK_STEP - 1
    if after is None:
        return least, greatest
    at = least + after[0]
    return (least, at) if newest_first else (at, greatest)
