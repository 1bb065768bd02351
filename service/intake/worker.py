"""gunicorn's ASGI worker, which shares connections fairly, hangs up idle ones when told to stop, and silent ones early.

asyncio's server takes as many connections at once as are waiting, up to a hundred, and cuts the queue behind the
socket to that number: of a burst the first worker to wake takes all, and where they are kept open, as a proxy does, it
keeps them, and the other cores stand idle.

gunicorn waits for every connection until ``graceful_timeout`` is over, also for those on which nothing has been asked:
a proxy keeps dozens of them, and a browser with the console open keeps one. And it waits for the first request on a
connection for good, and for whoever does not read its answer: many who say nothing, or half a header, would use up our
files, and many who do not listen would fill all the places there are inside.
"""

import asyncio
import contextlib
import socket
import time
import weakref
from collections.abc import Callable
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

TURN_S = 0.001  # after each connection, so that the next one is another worker's
NO_FILES_S = 1.0  # after an accept that failed, mostly for want of open files
FRESH_S = 0.25  # within which who has just connected asks; only then is a connection idle
FIRST_S = 30.0  # until the headers of a connection's first request are there; after that ``keepalive`` bounds it
UNREAD_S = 30.0  # until an answer that waits to be read is read on


class Connection(ASGIProtocol):
    """gunicorn's, which answers all that is no HTTP."""

    def _feed_callback_parser(self, data: bytes) -> bool:
        try:
            return bool(super()._feed_callback_parser(data))  # type: ignore[no-untyped-call]
        except ValueError:  # a Content-Length of more digits than Python reads
            self._send_error_response(400, "Invalid request")  # type: ignore[no-untyped-call]
            self._close_transport()  # type: ignore[no-untyped-call]
            return False


class Worker(ASGIWorker):
    """To be named as gunicorn's ``worker_class``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._connections: weakref.WeakKeyDictionary[ASGIProtocol, float] = weakref.WeakKeyDictionary()  # since when
        self._unread: weakref.WeakKeyDictionary[ASGIProtocol, float] = weakref.WeakKeyDictionary()  # since when

    async def _serve(self) -> None:
        assert self.loop is not None

        async def taking_turns(_: Callable[[], ASGIProtocol], *, sock: socket.socket, **options: Any) -> Acceptor:
            def connected() -> ASGIProtocol:
                connection = Connection(self)  # type: ignore[no-untyped-call]
                self._connections[connection] = time.monotonic()
                return connection

            return Acceptor(connected, sock, options.get("ssl"), self.cfg.backlog, self.log.error)

        self.loop.create_server = taking_turns
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
        for server in self.servers:
            server.close()
        await asyncio.sleep(FRESH_S)
        for connection in list(self._connections):
            if connection._awaiting_request and not connection._finishing_calls and connection.transport is not None:
                connection.transport.close()
        await super()._shutdown()  # type: ignore[no-untyped-call]


class Acceptor:
    """Takes connections from a socket that other processes take from as well: one, then it is another's turn."""

    def __init__(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        listening: socket.socket,
        tls: Any,
        backlog: int,
        tell: Callable[..., None],
    ) -> None:
        """Begins at once, in the event loop that runs. ``tell`` is called as a logger's method is."""
        self._factory, self._socket, self._tls, self._tell = factory, listening, tls, tell
        listening.setblocking(False)
        listening.listen(backlog)
        self._task = asyncio.get_running_loop().create_task(self._take())

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except ConnectionAbortedError:  # it has gone already
                continue
            except OSError as error:
                self._tell("No connection can be taken: %s", error.strerror)
                await asyncio.sleep(NO_FILES_S)
                continue
            made = loop.connect_accepted_socket(self._factory, connection, ssl=self._tls)
            with contextlib.suppress(OSError):
                await asyncio.shield(made)  # whoever closes us closes no connection
            await asyncio.sleep(TURN_S)

    def close(self) -> None:
        """Take no more."""
        self._task.cancel()
        self._task.add_done_callback(lambda _: self._socket.close())  # not while the event loop looks at it

    async def wait_closed(self) -> None:
        """Wait until none is taken any more. Those that were taken go on."""
        await asyncio.wait((self._task,))
