"""The short way of an event callback: a plain one is taken before Flask is asked.

A busy workspace posts hundreds of events a second, nearly all of them well-formed and well signed, and Flask's own work
on a request costs as much as all that an event needs. So this goes in front of it, and does with the same functions
what the view in ``hooks`` does. Whatever is not plain goes on to Flask as if nothing had been here: other addresses,
other methods, chunked or long bodies, wrong signatures, bodies that cannot be read. Only Flask refuses anybody.
"""

import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from service.intake.door import EVENT_BYTES, Door
from service.intake.forms import form_pairs
from service.intake.hooks import FAULT, take
from service.intake.payloads import parse_taskrouter_form
from service.intake.signatures import FORM, public_url, verify_request
from service.intake.watch import HEADER, request_id_of
from service.metrics import record
from service.reconcile.parts import Parts

PATH = "/v1/events/taskrouter"
ENDPOINT = "hooks.taskrouter"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True)
class Shortcut:
    """A WSGI application in front of another one, ``flask``."""

    flask: Application
    parts: Parts
    door: Door
    workspace_sid: str

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "POST":
            return self.flask(environ, start_response)
        began = time.perf_counter()
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            taken = self._take(environ)
        if not taken:
            environ["HTTP_X_REQUEST_ID"] = request_id
            return self.flask(environ, start_response)
        start_response("204 NO CONTENT", [("Content-Type", "text/html; charset=utf-8"), (HEADER, request_id)])
        record.answered(ENDPOINT, 204, time.perf_counter() - began)
        return ()

    def _take(self, environ: Environ) -> bool:
        """True if that was an event and is stored, or is none of ours to store."""
        target = environ.get("RAW_URI")
        length = environ.get("CONTENT_LENGTH", "")
        if not (target and length.isascii() and length.isdecimal() and 0 < int(length) <= EVENT_BYTES):
            return False
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_TYPE", "").partition(";")[0] != FORM:
            return False
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = io.BytesIO(body)  # for Flask, should it have to look
        if len(body) != int(length):
            return False
        pairs, url = form_pairs(body), public_url(self.door.public_base_url, target)
        if not verify_request(url, _Headers(environ), body, tokens=self.door.auth_tokens, pairs=pairs):
            return False
        try:
            event = parse_taskrouter_form(body, pairs)
            if event is not None:
                take(self.parts, event, self.workspace_sid, source="callback")
        except Exception as error:
            environ[FAULT] = error  # Flask answers; a second try at the store would keep Twilio waiting longer
            return False
        return True


@dataclass(frozen=True)
class _Headers:
    """The request's headers by name."""

    environ: Mapping[str, Any]

    def get(self, name: str, /) -> str | None:
        variable = name.upper().replace("-", "_")
        return self.environ.get(variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}")
