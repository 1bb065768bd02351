"""What the store holds, counted for whoever watches: bounded commands in two pipelines, nothing is walked through.

Also when the Events API was last read to its end, which no other key tells: the catch-up's cursor rests while nothing
happens. Key: ``flex:{00}:catchup-done``, epoch ms by Redis' clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from service.model import ErrandState, State
from service.tracking.connection import store_faults
from service.tracking.records import PARTITIONS, key
from service.tracking.scripts import RANK_STEP, RANKS

# States in which something may be left to do. Failed and canceled invites leave a channel that is still to be judged.
OPEN_STATES = tuple(
    str(state)
    for state in (
        State.REQUESTED, State.PENDING, State.ACCEPTED, State.LAPSED, State.FAILED, State.CANCELED,
        ErrandState.TAKEN, ErrandState.PARKED, ErrandState.WAKING,
    )
)  # fmt: skip
_DONE = key(0, "catchup-done")
_PLACES = [(partition, state) for partition in range(PARTITIONS) for state in OPEN_STATES]


@dataclass(frozen=True)
class Counted:
    """The whole store at one moment; ages in seconds."""

    open: Mapping[str, int]  # state → records in it with something left to do
    oldest_s: Mapping[str, float]  # state → age of the oldest of them; only states that there are records in
    due: int  # records that are due and in nobody's hands
    lag_s: float  # for how long the longest due one has been waiting
    catch_up_age_s: float | None  # None: never read to its end


class Census:
    """Every method may raise StoreUnavailableError. ``now_ms`` is Redis' own time."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def take(self, now_ms: int) -> Counted:
        """Count everything: some 700 commands of logarithmic time, and one for each place that is not empty."""
        due, lag_s = self._due(now_ms)
        counts = self._counts()
        with store_faults():
            done = self._redis.get(_DONE)
        return Counted(
            open={one: sum(counts[partition, one] for partition in range(PARTITIONS)) for one in OPEN_STATES},
            oldest_s=self._oldest([place for place, count in counts.items() if count], now_ms),
            due=due,
            lag_s=lag_s,
            catch_up_age_s=None if done is None else max(0, now_ms - int(str(done))) / 1000,
        )

    def caught_up(self, now_ms: int) -> None:
        """The Events API has been read to its end."""
        with store_faults():
            self._redis.set(_DONE, now_ms)

    def _due(self, now_ms: int) -> tuple[int, float]:
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition in range(PARTITIONS):
                pipe.zcount(key(partition, "due"), "-inf", now_ms)
                pipe.zrange(key(partition, "due"), 0, 0, withscores=True)
            answers = pipe.execute()
        heads = [int(head[0][1]) for head in answers[1::2] if head]
        return sum(answers[0::2]), max(0, now_ms - min(heads, default=now_ms)) / 1000

    def _counts(self) -> dict[tuple[int, str], int]:
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition, state in _PLACES:
                pipe.zcount(key(partition, "open"), *_span(state))
            return dict(zip(_PLACES, pipe.execute(), strict=True))

    def _oldest(self, places: list[tuple[int, str]], now_ms: int) -> dict[str, float]:
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for partition, state in places:
                least, most = _span(state)
                pipe.zrangebyscore(key(partition, "open"), least, most, start=0, num=1, withscores=True)
            heads = pipe.execute() if places else []
        ages: dict[str, float] = {}
        for (_, state), head in zip(places, heads, strict=True):
            for _, score in head:  # none, where the record has moved on since it was counted
                age_s = max(0, now_ms - int(score) % RANK_STEP) / 1000
                ages[state] = max(age_s, ages.get(state, 0.0))
        return ages


def _span(state: str) -> tuple[int, int]:
    """Least and greatest score of a state in the set of what is open."""
    return RANKS[state] * RANK_STEP, (RANKS[state] + 1) * RANK_STEP - 1
