"""gunicorn's ASGI worker, which hangs up idle connections when it is told to stop.

Its own waits for every connection until ``graceful_timeout`` is over, also for those on which nothing has been asked:
a proxy keeps dozens of them, and a browser with the console open keeps one.
"""

import socket
import weakref
from collections.abc import Callable
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker


class Worker(ASGIWorker):
    """To be named as gunicorn's ``worker_class``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._connections: weakref.WeakSet[ASGIProtocol] = weakref.WeakSet()

    async def _serve(self) -> None:
        assert self.loop is not None
        create_server = self.loop.create_server

        async def remembering(factory: Callable[[], ASGIProtocol], *, sock: socket.socket, **options: Any) -> Any:
            def connected() -> ASGIProtocol:
                connection = factory()
                self._connections.add(connection)
                return connection

            # To asyncio the backlog is also how many connections it takes at once, before anybody else is asked.
            server = await create_server(connected, sock=sock, **options | {"backlog": 1})
            sock.listen(self.cfg.backlog)
            return server

        self.loop.create_server = remembering
        await super()._serve()  # type: ignore[no-untyped-call]

    async def _shutdown(self) -> None:
        for connection in list(self._connections):
            if connection._awaiting_request and not connection._finishing_calls and connection.transport is not None:
                connection.transport.close()
        await super()._shutdown()  # type: ignore[no-untyped-call]
