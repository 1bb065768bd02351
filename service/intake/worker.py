"""gunicorn's ASGI worker, which hangs up idle connections when it is told to stop, and silent ones after a while.

Its own waits for every connection until ``graceful_timeout`` is over, also for those on which nothing has been asked:
a proxy keeps dozens of them, and a browser with the console open keeps one. And it waits for the first request on a
connection for good, and for whoever does not read its answer: many who say nothing, or half a header, would use up our
files, and many who do not listen would fill all the places there are inside.
"""

import time
import weakref
from collections.abc import Callable
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

FIRST_S = 30.0  # until the headers of a connection's first request are there; after that ``keepalive`` bounds it
UNREAD_S = 30.0  # until an answer that waits to be read is read on


class Worker(ASGIWorker):
    """To be named as gunicorn's ``worker_class``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._connections: weakref.WeakKeyDictionary[ASGIProtocol, float] = weakref.WeakKeyDictionary()  # since when
        self._unread: weakref.WeakKeyDictionary[ASGIProtocol, float] = weakref.WeakKeyDictionary()  # since when

    async def _serve(self) -> None:
        assert self.loop is not None
        create_server = self.loop.create_server

        def remembering(factory: Callable[[], ASGIProtocol], **options: Any) -> Any:
            def connected() -> ASGIProtocol:
                connection = factory()
                self._connections[connection] = time.monotonic()
                return connection

            return create_server(connected, **options)

        self.loop.create_server = remembering
        await super()._serve()  # type: ignore[no-untyped-call]

    def notify(self) -> None:
        """The heartbeat, every second."""
        super().notify()  # type: ignore[no-untyped-call]
        now = time.monotonic()
        for connection, since in list(self._connections.items()):
            if connection.req_count == 1 and connection._awaiting_request and now - since > FIRST_S:
                connection._keepalive_timeout()  # type: ignore[no-untyped-call]
            flow = connection._flow_control
            if flow is None or not flow.write_paused:
                self._unread.pop(connection, None)
            elif now - self._unread.setdefault(connection, now) > UNREAD_S and connection.transport is not None:
                connection.transport.abort()

    async def _shutdown(self) -> None:
        for connection in list(self._connections):
            if connection._awaiting_request and not connection._finishing_calls and connection.transport is not None:
                connection.transport.close()
        await super()._shutdown()  # type: ignore[no-untyped-call]
