"""A web server that keeps what is posted to it and answers as it is told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Posted:
    """One request, for a GET with an empty body. ``path`` includes the query."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """Its parameters."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Receiver:
    """``answers`` gives the status for each request, by its number from 0; without it every answer is 204."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.answers: Callable[[int], int] = lambda _: 204
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def types(self) -> list[str]:
        """The event types, in order of arrival."""
        return [one.form["EventType"] for one in self.posted]

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # the handler has a self of its own
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    number = len(receiver.posted)
                    receiver.posted.append(Posted(self.path, dict(self.headers.items()), body))
                self.send_response(receiver.answers(number))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
