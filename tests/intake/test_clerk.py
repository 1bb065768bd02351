"""The clerk's inbox is bounded, and a store that hangs is waited for once, not once for each part of the inbox."""

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


def test_all_that_wait_for_a_store_that_is_away_hear_of_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    away, turn = threading.Event(), threading.Semaphore(0)
    sizes: list[int] = []

    def hang(_: object, events: Sequence[TaskEvent], *, source: str) -> list[Taken]:
        turn.acquire(timeout=PATIENCE_S)
        sizes.append(len(events))
        return [StoreUnavailableError("away") if away.is_set() else Arrival(FOREIGN) for _ in events]

    async def some(one: Clerk, number: int) -> "list[asyncio.Task[None]]":
        came = []
        for _ in range(number):  # in a turn of the loop each
            came.append(take(one))
            await asyncio.sleep(0.01)
        return came

    async def scene() -> None:
        one = Clerk(parts)
        one.start()
        away.set()
        first = await some(one, 5)
        turn.release(2)
        async with asyncio.timeout(PATIENCE_S):
            told = await asyncio.gather(*first, return_exceptions=True)
        assert [type(fault) for fault in told] == [StoreUnavailableError] * 5
        away.clear()
        turn.release(4)
        await (await some(one, 1))[0]
        await asyncio.gather(*await some(one, 3))
        await asyncio.to_thread(one.stop)

    parts: Any = None
    monkeypatch.setattr(clerk, "hear_all", hang)
    monkeypatch.setattr(clerk, "AT_ONCE", 1)
    asyncio.run(scene())
    assert sizes == [1, 4, 1, 1, 1, 1]


def test_clerk_outlives_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every event after it would wait for good, in a process that says that it lives."""
    log = [OSError("the log cannot be written")]

    def tell(*_: object, **__: object) -> None:
        if log:
            raise log.pop()

    async def scene() -> None:
        one = Clerk(parts)
        one.start()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(OSError, match="log"):
                await take(one)
            await take(one)
            await asyncio.to_thread(one.stop)

    parts: Any = None
    monkeypatch.setattr(clerk, "hear_all", lambda _, events, **__: [Arrival(FOREIGN) for _ in events])
    monkeypatch.setattr(clerk, "told", tell)
    asyncio.run(scene())
