"""The clerk's inbox is bounded, whoever still waits for an answer."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from service.errors import StoreUnavailableError
from service.intake import clerk
from service.intake.clerk import Clerk
from service.model import TaskEvent
from service.tracking.arrival import FOREIGN, Arrival
from service.tracking.arrivals import Taken
from tests.conftest import sid

EVENT = TaskEvent(sid("EV", 1), "task.created", 0, sid("WS", 1))
PATIENCE_S = 10.0


def take(one: Clerk) -> "asyncio.Task[None]":
    return asyncio.create_task(one.take([EVENT], source="callback", request_id="request-1"))


def test_delivery_whose_sender_has_gone_takes_its_place_until_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio hangs up after 15 s. With a store that hangs for longer, what it has left behind would fill the memory."""
    released = threading.Event()

    def hang(_: object, events: Sequence[TaskEvent], *, source: str) -> list[Taken]:
        released.wait(PATIENCE_S)
        return [Arrival(FOREIGN) for _ in events]

    async def scene() -> None:
        one = Clerk(parts)
        one.start()
        left = [take(one) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with pytest.raises(StoreUnavailableError):
            await take(one)
        released.set()
        async with asyncio.timeout(PATIENCE_S):
            while one._waiting:
                await asyncio.sleep(0.01)
            await take(one)
        await asyncio.to_thread(one.stop)

    parts: Any = None  # who takes events here asks no store
    monkeypatch.setattr(clerk, "hear_all", hang)
    monkeypatch.setattr(clerk, "MOST_WAITING", 3)
    asyncio.run(scene())
