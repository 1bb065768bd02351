"""The door in front of the APIs: every call is logged, may be struck by a fault, and has the world to itself meanwhile.

A reset is a real one: the TCP connection is torn down with RST, before or after the call has had its effect.
"""

import io
import json
import socket
import struct
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from werkzeug.wrappers import Response

from service.sandbox.faults import Fault, Faults
from service.sandbox.journal import Journal
from service.sandbox.wire import LAG_KEY
from service.sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORM = "application/x-www-form-urlencoded"
ERROR_CODES = {429: 20429, 503: 20503}


class Gate:
    """A WSGI application around the one that holds the APIs."""

    def __init__(self, app: "WSGIApplication", world: World, faults: Faults, journal: Journal) -> None:
        self._app = app
        self._world = world
        self._faults = faults
        self._journal = journal

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/v1/"):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        began = time.monotonic()
        struck = self._faults.strike(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        response = self._respond(environ, struck)
        entry = _entry(environ, body, struck)
        entry["status"] = response.status_code if response else None
        entry["ms"] = round((time.monotonic() - began) * 1000)
        self._journal.add("api", entry)
        if response is None:
            _reset(environ["werkzeug.socket"])
            raise ConnectionResetError  # the server takes it for what it looks like
        return response(environ, start_response)

    def _respond(self, environ: "WSGIEnvironment", struck: list[Fault]) -> Response | None:
        before = [fault for fault in struck if fault.when == "before"]
        after = [fault for fault in struck if fault.when == "after"]
        spoiled = _spoil(before)
        if spoiled is not UNHARMED:
            return spoiled
        environ[LAG_KEY] = max((fault.lag_s for fault in struck), default=0.0)
        with self._world.turn():
            response = Response.from_app(self._app, environ)
        spoiled = _spoil(after)
        return response if spoiled is UNHARMED else spoiled


UNHARMED = Response()


def _spoil(faults: list[Fault]) -> Response | None:
    """Wait as long as the faults say; then the answer they force, None for a reset, or UNHARMED."""
    time.sleep(sum(fault.delay_s for fault in faults))
    if any(fault.reset for fault in faults):
        return None
    forced = next((fault for fault in faults if fault.status is not None), None)
    return UNHARMED if forced is None else _forced(forced)


def _forced(fault: Fault) -> Response:
    status = fault.status or 500
    code = ERROR_CODES.get(status, 20500 if status >= 500 else 20001)
    usual = {"code": code, "message": "Fault ordered from the sandbox", "more_info": "", "status": status}
    body = fault.body if fault.body is not None else usual
    text = body if isinstance(body, str) else json.dumps(body)
    response = Response(text, status, mimetype="application/json")
    response.headers.update(fault.headers)
    return response


def _entry(environ: "WSGIEnvironment", body: bytes, struck: list[Fault]) -> dict[str, object]:
    form = environ.get("CONTENT_TYPE", "").startswith(FORM)
    return {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "query": _pairs(environ.get("QUERY_STRING", "")),
        "form": _pairs(body.decode("utf-8", "replace")) if form else {},
        "faults": [fault.id for fault in struck],
    }


def _pairs(text: str) -> dict[str, object]:
    """Names and values; a name that comes several times has a list."""
    found: dict[str, object] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        before = found.get(name)
        found[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return found


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN: nothing lingers, nothing more is sent."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())
