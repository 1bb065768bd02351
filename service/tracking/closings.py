"""Conversations that are being closed at this moment: nothing new is taken for them until that is done.

Twilio has no compare-and-set, but our own requests can be held back. Between the last look at a conversation and its
end lie some calls, a second where Twilio is slow: whoever was promised an agent then would lose the conversation by us.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis

from service.errors import ClosingError, StoreUnavailableError, TwilioAmbiguousError, TwilioRefusedError
from service.model import Invite
from service.tracking.connection import lua, store_faults
from service.tracking.records import anchored, partition_of, partition_of_id

CLOSING_S = 15  # longer than the calls that close may take; whoever dies in between holds requests back so long
CLOSING_AGAIN_S = 2


@dataclass
class Mark:
    """What is closed is marked until its holder is through; ``kept``: until it expires, or its holder comes again."""

    kept: bool = False


class Closings:
    """Who closes what. Cheap to make; safe to share between threads."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._swap = client.register_script(lua("swap"))
        self._release = client.register_script(lua("release"))

    @contextmanager
    def closing(self, by: str, *sids: str | None) -> Iterator[Mark]:
        """Around the last look at the store and the calls that close: no new invite of these SIDs is written meanwhile.

        ``by``: the id of the record on whose account they are closed; it finds its own mark again. If Twilio's answer
        is lost, the closing may be still to come: the mark is kept. If Twilio refuses, it is not. Raises ClosingError
        if another record is at it, and StoreUnavailableError.
        """
        mark, held = Mark(), []
        try:
            for name in [anchored("closing", sid) for sid in sids if sid]:
                held.append(name)  # before it is: the answer may be lost
                with store_faults():
                    whose = self._swap(keys=[name], args=[by, by, CLOSING_S * 1000])
                if str(whose) != by:
                    raise ClosingError("somebody else is closing the conversation", retry_after_s=CLOSING_AGAIN_S)
            yield mark
        except TwilioAmbiguousError:
            mark.kept = True
            raise
        except TwilioRefusedError:
            mark.kept = False
            raise
        finally:
            if not mark.kept:
                with suppress(StoreUnavailableError), store_faults():  # it expires
                    for name in held:
                        self._release(keys=[name], args=[by])


def closing_of(invite: Invite) -> str:
    """The name of the key that holds a new record back, in the record's own partition; "" if there can be none."""
    known = (invite.conversation_sid, invite.channel_sid)
    return next((f"closing:{sid}" for sid in known if sid and partition_of(sid) == partition_of_id(invite.id)), "")
