"""Stands between one process and the local Twilio: tells who makes which call, and holds one while its caller dies.

Nothing is changed on the way. A call that is held ``before`` never reaches Twilio; ``after`` it has had its effect and
its answer is kept back.
"""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.stories.failing import Call, likeness

STILL_S = 0.15
CALL_S = 20.0
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})


class Snare:
    """Waits for one call of a story, whoever makes it. Shared by the relays of all processes; thread-safe."""

    def __init__(self, strike: Callable[[str], None]) -> None:
        """``strike`` is given the name of the process that has been caught, and kills it."""
        self._strike = strike
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._when = ""
        self._seen: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._moved = 0.0
        self.caught = ""

    def lay(self, call: Call, when: str) -> None:
        """From now on calls are counted; the one that is meant is caught ``before`` or ``after`` its effect."""
        with self._lock:
            self._call, self._when, self.caught = call, when, ""
            self._seen.clear()

    def lift(self) -> None:
        """Let everything pass."""
        with self._lock:
            self._call = None

    def still(self) -> bool:
        """True if no call is under way, nor has been for a moment."""
        with self._lock:
            return not self._open.total() and time.monotonic() - self._moved > STILL_S

    def begins(self, alike: str, who: str) -> str:
        """A call comes: ``before`` or ``after`` if it is the one to hold, else nothing."""
        with self._lock:
            self._open[who] += 1
            self._moved = time.monotonic()
            if self._call is None or self._call.match != alike or self.caught:
                return ""
            self._seen[alike] += 1
            if self._seen[alike] <= self._call.number:
                return ""
            self.caught = who
            return self._when

    def ends(self, who: str) -> None:
        """A call is over, or its caller is dead."""
        with self._lock:
            self._open[who] -= 1
            self._moved = time.monotonic()

    def strike(self, who: str) -> None:
        """Kill whoever has been caught."""
        self._strike(who)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Whoever is killed resets its connections: no error of ours."""


class Relay:
    """The way of one process to the local Twilio."""

    def __init__(self, who: str, behind: str, snare: Snare) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(who, urlsplit(behind).netloc, snare))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Pass nothing on any more."""
        self._server.shutdown()
        self._server.server_close()


def _handler(who: str, there: str, snare: Snare) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.there = http.client.HTTPConnection(there, timeout=CALL_S)

        def finish(self) -> None:
            self.there.close()
            super().finish()

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            held = snare.begins(likeness(self.command, urlsplit(self.path).path), who)
            try:
                if held != "before":
                    answer = self._asked(body)
                if held:
                    self.close_connection = True
                    snare.strike(who)
                else:
                    self._answer(*answer)
            except OSError:  # either side has gone
                self.close_connection = True
            finally:
                snare.ends(who)

        def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            self.there.request(self.command, self.path, body, dict(self.headers))
            answer = self.there.getresponse()
            return answer.status, answer.getheaders(), answer.read()

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_DELETE = pass_on  # the names that the server looks for

        def log_message(self, *_: Any) -> None:
            return

    return Handler
