"""What the processes remember together besides invites: whose turn the catch-up is, how far it came, the names.

flex:{00}:resync        why open invites are to be looked for at Twilio; gone once all are known again
flex:{00}:resync-not    set of live tasks that are none of Flex's: they are not asked for again
"""

import json

import redis

from service.tracking.connection import store_faults
from service.tracking.records import key

_CURSOR = key(0, "catchup")
_TURN = key(0, "catchup-turn")
_DIRECTORY = key(0, "directory")
_RESYNC = key(0, "resync")
_RESYNC_NOT = key(0, "resync-not")

NAMES_KEPT_S = 86_400
NOT_FLEX_KEPT_S = 3600


class Notes:
    """Shared notes in the store. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def take_turn(self, every_s: float) -> bool:
        """True for one caller every ``every_s`` seconds, over all processes."""
        with store_faults():
            return bool(self._redis.set(_TURN, "1", nx=True, px=max(1, int(every_s * 1000))))

    def give_turn_back(self) -> None:
        """Let the next caller have its turn at once, because this one came to nothing."""
        with store_faults():
            self._redis.delete(_TURN)

    def read_cursor(self) -> int | None:
        """Up to which event time (epoch ms, Twilio's clock) the Events API has been read; None on an empty store."""
        with store_faults():
            value = self._redis.get(_CURSOR)
        return int(value) if value else None

    def write_cursor(self, at_ms: int) -> None:
        """Remember how far the Events API has been read."""
        with store_faults():
            self._redis.set(_CURSOR, at_ms)

    def want_resync(self, why: str) -> None:
        """Live tasks are to be listed and taken up until ``resync_done``; whoever has the turn does some of it."""
        with store_faults():
            self._redis.delete(_RESYNC_NOT)
            self._redis.set(_RESYNC, why)

    def resync_wanted(self) -> str | None:
        """Why live tasks are to be listed; None if they are not."""
        with store_faults():
            why = self._redis.get(_RESYNC)
        return str(why) if why else None

    def resync_done(self) -> None:
        """All live tasks are known."""
        with store_faults():
            self._redis.delete(_RESYNC)

    def not_flex(self) -> set[str]:
        """SIDs of live tasks that have been looked at and are none of Flex's."""
        with store_faults():
            return {str(sid) for sid in self._redis.smembers(_RESYNC_NOT)}

    def note_not_flex(self, task_sid: str) -> None:
        """Remember such a task for an hour."""
        with store_faults():
            self._redis.sadd(_RESYNC_NOT, task_sid)
            self._redis.expire(_RESYNC_NOT, NOT_FLEX_KEPT_S)

    def read_names(self) -> dict[str, dict[str, str]] | None:
        """The workspace's names as last read from Twilio: kind → name → SID."""
        with store_faults():
            text = self._redis.get(_DIRECTORY)
        return json.loads(text) if text else None

    def write_names(self, names: dict[str, dict[str, str]]) -> None:
        """Share the workspace's names with the other processes, for a day."""
        with store_faults():
            self._redis.set(_DIRECTORY, json.dumps(names), ex=NAMES_KEPT_S)
