"""An ASGI application behind gunicorn's own HTTP protocol, on a thread of this process."""

import asyncio
import socket
import sys
import threading
from types import SimpleNamespace
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.config import Config
from gunicorn.glogging import Logger

from service.intake.front import Front

PATIENCE_S = 15.0


class Listener:
    """Has its port from the start; serves once it is given an application."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._front: Front | None = None

    def serve(self, front: Front) -> None:
        """Begin; returns once requests are served."""
        self._front = front
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(front), self._loop).result(PATIENCE_S)

    async def _begin(self, front: Front) -> None:
        config = Config()  # type: ignore[no-untyped-call]
        config.set("keepalive", 75)  # type: ignore[no-untyped-call]
        worker: Any = SimpleNamespace(
            cfg=config, log=_logger(config), asgi=front, loop=self._loop, nr=0, nr_conns=0, max_requests=sys.maxsize,
            alive=True, state={},
        )  # fmt: skip
        front.start()
        self._server = await self._loop.create_server(lambda: _protocol(worker), sock=self._socket)

    def close(self) -> None:
        """Stop."""
        if self._front is None:
            self._socket.close()
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE_S)
        self._front.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def _protocol(worker: object) -> asyncio.Protocol:
    return ASGIProtocol(worker)  # type: ignore[no-untyped-call]


def _logger(config: Config) -> Logger:
    return Logger(config)  # type: ignore[no-untyped-call]
