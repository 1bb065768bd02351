"""Proxies that stand before the service, and do to its addresses what proxies do."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Canned:
    """An answer without asking anybody."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"hello"


Behaviour = Callable[[str], "str | Canned"]  # the target of a request → the one that is passed on, or an answer


@dataclass
class Middleman:
    """A running proxy. ``behind`` is who it passes requests on to; set it before the first."""

    port: int
    behind: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def standing_before(behave: Behaviour, behind: str = "") -> Iterator[Middleman]:
    """A proxy on a port of its own, for as long as it is needed."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            wanted = behave(self.path)
            if isinstance(wanted, Canned):
                self._answer(wanted.status, wanted.headers, wanted.body)
                return
            there = http.client.HTTPConnection(urlsplit(middleman.behind).netloc, timeout=20)
            there.request(self.command, wanted, body, dict(self.headers))
            answer = there.getresponse()
            content = answer.read()
            self._answer(answer.status, (("Content-Type", answer.getheader("Content-Type") or ""),), content)
            there.close()

        def _answer(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        do_GET = do_POST = _pass_on

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    middleman = Middleman(server.server_port, behind)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield middleman
    finally:
        server.shutdown()
        server.server_close()
