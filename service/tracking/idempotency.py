"""Which invite a repeated request belongs to: idempotency keys, each bound to ``invite id|fingerprint``."""

from dataclasses import dataclass

import redis

from service.tracking.connection import lua, store_faults
from service.tracking.records import anchored


@dataclass(frozen=True)
class Met:
    """What a request meets: the value that its key holds, its conversation's interaction and channel, if known, and
    how many invites there have been of that conversation or channel."""

    held: str
    thread: tuple[str, str] | None
    invites: int


class IdempotencyKeys:
    """The keys that requests have used. Every method may raise StoreUnavailableError."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._swap = client.register_script(lua("swap"))

    def remember(self, name: str, value: str, *, keep_s: int) -> str:
        """Bind an idempotency key to ``value`` unless it is bound; the value that holds comes back."""
        with store_faults():
            held = self._redis.set(anchored("idem", name), value, nx=True, get=True, ex=keep_s)
        return str(held) if held else value

    def remember_at(self, name: str, value: str, *, keep_s: int, sid: str) -> "Met":
        """``remember``, and what is known of the conversation or channel ``sid`` right after; in one round trip."""
        with store_faults():
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(anchored("idem", name), value, nx=True, get=True, ex=keep_s)
            pipe.hmget(anchored("thread", sid), ["interaction_sid", "channel_sid"])
            pipe.scard(anchored("of", sid))
            held, thread, invites = pipe.execute()
        return Met(str(held) if held else value, (thread[0], thread[1]) if all(thread) else None, int(invites))

    def held(self, name: str) -> str | None:
        """The value that a key holds, if it is bound."""
        with store_faults():
            held = self._redis.get(anchored("idem", name))
        return str(held) if held else None

    def age_s(self, name: str, *, keep_s: int) -> float:
        """How many seconds ago a key was bound with ``keep_s``; infinite if it is not."""
        with store_faults():
            left_ms = int(self._redis.pttl(anchored("idem", name)))
        return keep_s - left_ms / 1000 if left_ms >= 0 else float("inf")

    def rebind(self, name: str, *, seen: str, value: str, keep_s: int) -> str:
        """Bind the key to ``value`` if it still holds ``seen``; the value that holds comes back."""
        with store_faults():
            return str(self._swap(keys=[anchored("idem", name)], args=[seen, value, keep_s * 1000]))
