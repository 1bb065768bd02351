"""HTTP/1.1 with connections kept alive, a thread each. werkzeug's own handler closes every connection; the rest is its.

Which application answers is not known in here.
"""

import io
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MOST_BODY = 1024 * 1024
IDLE_S = 75
BACKLOG = 256


class Handler(WSGIRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    wbufsize = -1  # one packet an answer
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """One request. Its body is read whole before anything is called, so that the next request is in place."""
        body = self._body()
        if body is None:
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(body)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], None]:
            started.append((status, headers))
            return lambda _: None

        try:
            content = b"".join(self.server.app(environ, start_response))
        except ConnectionResetError:  # a fault has torn the connection down
            self.close_connection = True
            return
        self._send(started[0][0], started[0][1], content)

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if int(code) != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _body(self) -> bytes | None:
        """None if it is too large, or comes in chunks: Twilio's clients tell the length."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MOST_BODY:
            return None
        return self.rfile.read(int(length))

    def finish(self) -> None:
        """The connection may be torn down already."""
        try:
            super().finish()
        except OSError:
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No access log: the journal has it all."""


class Server(ThreadedWSGIServer):
    """Listens from the moment it is made. Raises OSError if the port is taken."""

    daemon_threads = True

    def __init__(self, host: str, port: int, app: "WSGIApplication") -> None:
        # werkzeug would end the process if the port were taken
        with socket.create_server((host, port), backlog=BACKLOG) as listening:
            super().__init__(host, port, app, Handler, fd=listening.fileno())

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are the caller's affair, or ordered."""
