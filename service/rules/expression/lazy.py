"""A JSON object whose values are fetched when a condition first looks at them, and at most once each."""

from collections.abc import Callable


class Lazy:
    """Stands among the facts where a value costs something to get. Belongs to one decision and one thread.

    ``fetch`` answers the value of a key, null where there is none; it must not raise.
    """

    __slots__ = ("_fetch", "_known")

    def __init__(self, fetch: Callable[[str], object]) -> None:
        self._fetch = fetch
        self._known: dict[str, object] = {}

    def get(self, key: str) -> object:
        """The value of ``key``."""
        if key not in self._known:
            self._known[key] = self._fetch(key)
        return self._known[key]
