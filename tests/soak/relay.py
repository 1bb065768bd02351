"""A relay on loopback that hands bytes on, and on order is slow, lets them drip, or tears connections down.

It runs as a process of its own (``python -m tests.soak.relay LISTEN TO SEED``) and takes its orders, one JSON object a
line, on standard input; an empty object means: do no harm. It knows nothing of what it hands on, so it stands before
the store and before Twilio alike.

delay_s               every reply comes so much later
cut, probability      a reply is torn off in the "middle", or lost "before" its first byte; its request went through
drip, drip_every_s    a reply comes in pieces of so many bytes, one every so many seconds
"""

import asyncio
import json
import random
import sys
from dataclasses import dataclass
from typing import Any

PIECE = 65_536


@dataclass
class Harm:
    """What is done to replies at the moment."""

    delay_s: float = 0.0
    cut: str = ""
    probability: float = 0.0
    drip: int = 0
    drip_every_s: float = 0.0


class Relay:
    """Hands on between whoever connects and one port."""

    def __init__(self, to: int, seed: str) -> None:
        self.harm = Harm()
        self._to = to
        self._draw = random.Random(seed)
        self._pumps: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        for pump in (self._ask(reader, there_writer), self._answer(there_reader, writer)):
            task = asyncio.create_task(_until_torn(pump, writer, there_writer))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE):
            harm = self.harm
            if harm.delay_s:
                await asyncio.sleep(harm.delay_s)
            if harm.cut and self._draw.random() < harm.probability:
                if harm.cut == "middle":
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                raise ConnectionResetError
            await self._hand_over(data, writer)

    async def _hand_over(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        while data and self.harm.drip:
            writer.write(data[: self.harm.drip])
            data = data[self.harm.drip :]
            await writer.drain()
            await asyncio.sleep(self.harm.drip_every_s)
        writer.write(data)
        await writer.drain()


async def _until_torn(pump: Any, *writers: asyncio.StreamWriter) -> None:
    try:
        await pump
    except OSError:
        for writer in writers:
            writer.transport.abort()
    finally:
        for writer in writers:
            writer.close()


async def _serve(listen: int, to: int, seed: str) -> None:
    relay = Relay(to, seed)
    server = await asyncio.start_server(relay.connected, "127.0.0.1", listen, backlog=512)
    loop = asyncio.get_running_loop()
    async with server:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            relay.harm = Harm(**json.loads(line))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
