"""The application that gunicorn serves (ASGI). Plain events are taken here; all else is Flask's, in a thread.

A busy workspace posts hundreds of events a second, nearly all of them well-formed and well signed. For those a thread,
and Flask's own work on a request, would cost more than all that an event needs: they are read and checked in the event
loop, and stored by the ``Clerk``. What is not plain goes on to Flask as if nothing had been here: other addresses and
methods, wrong signatures, bodies that cannot be read. Only Flask refuses anybody, but for those who have waited too
long or never say all (``Refusals``).

Bodies come whole before anybody looks at them, so a slow client costs a few kilobytes and no thread.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from service.errors import BadRequestError
from service.intake.clerk import Clerk
from service.intake.desk import WAITED
from service.intake.door import EVENT_BYTES, Door
from service.intake.events import ENDPOINTS, SOURCES, STREAMS, of_workspace
from service.intake.forms import form_pairs
from service.intake.hooks import FAULT
from service.intake.payloads import parse_cloud_events, parse_taskrouter_form
from service.intake.refusals import Named, Refusals, nameless
from service.intake.signatures import FORM, public_url, verify_request
from service.intake.watch import request_id_of
from service.intake.wsgi import Answer, Application, Environ, Scope, answer_of, environ_of, headers_of, target_of
from service.metrics import record
from service.model import TaskEvent
from service.reconcile.parts import Parts

LIVEZ, PROBES = "/livez", ("/livez", "/readyz", "/metrics")

PROBE_THREADS = 2  # whoever asks how we are must not wait behind a flood
MOST_INSIDE = 1024  # requests at once, from their first byte to their answer; each may hold a body
PROBE_PLACES = 64  # beside them: whoever is told that we are full would take us for dead
WAITING_SHARE = 0.5  # of a request's budget may be over when its turn comes
FORM_BYTES = 32 * 1024  # a form is read before its signature can be checked: a larger one would hold the event loop
DISCARDED_BYTES = 2 * 1024 * 1024  # are read of a body that is too large, so that its sender comes to hear that

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass
class Front:
    """An ASGI application in front of a WSGI one. May be made before a fork: threads begin with the server."""

    flask: Application
    parts: Parts
    door: Door
    workspace_sid: str
    threads: int
    budget_s: float  # within which a request is to be answered
    plain: bool = True  # False: no event is taken here
    body_s: float = 30.0  # within which a body must have come
    named: Named = nameless
    _inside: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._enter(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self.stop)
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """Begin to work, in the event loop that runs."""
        self._refusals = Refusals(self.named)
        self._clerk = Clerk(self.parts)
        self._clerk.start()
        self._workers = ThreadPoolExecutor(self.threads, thread_name_prefix="web")
        self._probers = ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="probe")
        self._pulse = ThreadPoolExecutor(1, thread_name_prefix="pulse")  # the other probes wait for the store

    def stop(self) -> None:
        """Finish what is in hand."""
        self._clerk.stop()
        self._workers.shutdown()
        self._probers.shutdown()
        self._pulse.shutdown()

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside >= MOST_INSIDE + (PROBE_PLACES if scope["path"] in PROBES else 0):
            await _say(send, self._refusals.overloaded(scope, headers_of(scope), time.perf_counter()))
            return
        self._inside += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._inside -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = headers_of(scope)
        body = await _body(receive, headers, within_s=self.body_s)
        if body is None:  # whoever has gone does not hear it
            await _say(send, self._refusals.unfinished(scope, headers, began))
            return
        events = self._plain_events(scope, headers, body)
        if events is None:
            await _say(send, await self._ask_flask(scope, headers, body))
            return
        request_id = headers["x-request-id"] = request_id_of(headers.get("x-request-id"))
        fault = await self._take(events, scope["path"], request_id)
        if fault is not None:
            await _say(send, await self._ask_flask(scope, headers, body, fault=fault))
            return
        record.answered(ENDPOINTS[scope["path"]], 204, time.perf_counter() - began)
        await _say(send, Answer(204, [(b"x-request-id", request_id.encode())]))

    # -- events

    async def _take(self, events: Sequence[TaskEvent], path: str, request_id: str) -> Exception | None:
        """Store what is ours of them; returns what has gone wrong."""
        ours = of_workspace(events, self.workspace_sid, source=SOURCES[path])
        try:
            if ours:
                await self._clerk.take(ours, source=SOURCES[path], request_id=request_id)
        except Exception as error:  # Flask tells it; a second try at the store would keep Twilio waiting longer
            return error
        return None

    def _plain_events(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> tuple[TaskEvent, ...] | None:
        """What was delivered, if it was events, as Twilio delivers them; else None."""
        if not (self.plain and scope["path"] in SOURCES and scope["method"] == "POST"):
            return None
        url = public_url(self.door.public_base_url, target_of(scope))
        streams = scope["path"] == STREAMS
        if headers.get("content-length") != str(len(body)) or "transfer-encoding" in headers:
            return None
        if not streams and (len(body) > FORM_BYTES or headers.get("content-type", "").partition(";")[0] != FORM):
            return None
        pairs = None if streams else form_pairs(body)
        if not verify_request(url, _Named(headers), body, tokens=self.door.auth_tokens, pairs=pairs):
            return None
        try:
            if streams:
                return parse_cloud_events(body)
            event = parse_taskrouter_form(body, pairs)
        except BadRequestError:
            return None
        return (event,) if event is not None else ()

    # -- everything else

    async def _ask_flask(
        self, scope: Scope, headers: Mapping[str, str], body: bytes, *, fault: Exception | None = None
    ) -> Answer:
        environ = environ_of(scope, headers, body)
        if fault is not None:
            environ[FAULT] = fault, fault.__traceback__
        came = time.perf_counter()
        pool = self._pool_of(scope["path"])
        answer = await asyncio.wrap_future(pool.submit(self._in_thread, environ, came))
        return answer or self._refusals.overloaded(scope, headers, came)

    def _pool_of(self, path: str) -> ThreadPoolExecutor:
        if path == LIVEZ:
            return self._pulse
        return self._probers if path in PROBES else self._workers

    def _in_thread(self, environ: Environ, came: float) -> Answer | None:
        """Flask's answer; None if it is too late to begin."""
        environ[WAITED] = time.perf_counter() - came
        if environ[WAITED] > self.budget_s * WAITING_SHARE:
            return None
        return answer_of(self.flask, environ)


@dataclass(frozen=True)
class _Named:
    """Headers by their names in any case."""

    headers: Mapping[str, str]

    def get(self, name: str, /) -> str | None:
        return self.headers.get(name.lower())


async def _body(receive: Receive, headers: Mapping[str, str], *, within_s: float) -> bytes | None:
    """The whole body; b"" in place of one that is not read here: without a length, or too long. None if it does not
    come to an end: its sender has gone, or says nothing (then gunicorn, too, says that they have gone)."""
    length = headers.get("content-length", "0")
    if length == "0" and "transfer-encoding" not in headers:
        return b""
    message = await receive()  # nearly always all of it
    if message["type"] != "http.request":
        return None
    if not message.get("more_body"):
        return _kept([message["body"]], length)
    try:
        async with asyncio.timeout(within_s):
            return await _rest_of_body(receive, message["body"], length)
    except TimeoutError:
        return None


async def _rest_of_body(receive: Receive, first: bytes, length: str) -> bytes | None:
    parts, size, more = [first], len(first), True
    while more and size <= DISCARDED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        size, more = size + len(message["body"]), bool(message.get("more_body"))
        parts.append(message["body"] if size <= EVENT_BYTES else b"")
    return _kept(parts, length)


def _kept(parts: list[bytes], length: str) -> bytes:
    wanted = length.isascii() and length.isdecimal() and 0 < int(length) <= EVENT_BYTES
    return b"".join(parts) if wanted else b""


async def _say(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
