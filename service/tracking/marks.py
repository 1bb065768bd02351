"""By what to tell that the store has forgotten something: a mark in every partition.

    flex:{NN}:beat          when the catch-up last came to its end (epoch ms by Redis' clock): one that lacks it, or
                            has an older one than another, has lost what was in it. Below zero, a number of its own:
                            a loss was noticed, and the reading that makes up for it has not come to its end

The store may be emptied while the events are being read. Then what was read last is there and what was read first is
not; so a reading renews only the marks that it has found, or set, when it began.
"""

import secrets
from collections.abc import Sequence

import redis

from service.tracking.connection import lua, store_faults
from service.tracking.records import PARTITIONS, key

Beats = Sequence[int | None]  # by partition; None where nothing is remembered

_BEATS = [key(partition, "beat") for partition in range(PARTITIONS)]


class Marks:
    """One per process. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._renew = client.register_script(lua("renew"))
        self.newest_beat = 0  # that this process has seen: an older one later on means that the store was set back

    def read(self) -> Beats:
        """Of each partition, when the catch-up last came to its end."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for name in _BEATS:
                pipe.get(name)
            return [int(beat) if beat else None for beat in pipe.execute()]

    def begin_anew(self, beats: Beats) -> Beats:
        """A loss was noticed in ``beats``, and everything is to be read; what to give to ``renew`` at the end.

        A reading of that kind that others have begun is joined: whoever comes to the end first has made up for it.
        """
        own = -1 - secrets.randbelow(2**52)
        begun = [beat if beat is not None and beat < 0 else own for beat in beats]
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            for name, beat in zip(_BEATS, begun, strict=True):
                pipe.set(name, beat)
            pipe.execute()
        return begun

    def renew(self, now_ms: int, beats: Beats) -> bool:
        """The catch-up that has found ``beats`` has come to its end; it began at ``now_ms``, Redis' time.

        False if a partition was emptied or set back meanwhile: its mark is left as it is, for the next to notice.
        """
        with store_faults():
            kept = [
                self._renew(keys=[name], args=[beat, now_ms])
                for name, beat in zip(_BEATS, beats, strict=True)
                if beat is not None
            ]
        whole = len(kept) == PARTITIONS and all(kept)
        if whole:
            self.newest_beat = max(self.newest_beat, now_ms)
        return whole
