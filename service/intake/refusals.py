"""What the front answers by itself to whoever cannot be served: counted, and with a request's id, as Flask's answers.

Otherwise a flood that is refused would not be seen: the alerts count answers by address.
"""

import json
import time
from collections.abc import Callable, Mapping

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from service.errors import OverloadedError
from service.intake.problems import problem
from service.intake.watch import request_id_of
from service.intake.wsgi import Answer, Scope
from service.metrics import record

Named = Callable[[str, str], str | None]  # an address and a method to Flask's name of it
Headers = Mapping[str, str]  # names in lower case


def names_of(addresses: Map) -> Named:
    """How Flask would name what is asked for."""
    adapter = addresses.bind("localhost")

    def named(path: str, method: str) -> str | None:
        try:
            return str(adapter.match(path, method)[0])
        except HTTPException:  # no such address, another method, or one with a slash too many
            return None

    return named


def nameless(_path: str, _method: str) -> None:
    """Where nobody knows the addresses."""


class Refusals:
    """Makes the answers. ``began``: when the request came (``time.perf_counter``)."""

    def __init__(self, named: Named) -> None:
        self._named = named

    def overloaded(self, scope: Scope, headers: Headers, began: float) -> Answer:
        """503: more is waiting than can be done in time. Nothing has been begun."""
        body, status, told = problem(OverloadedError("more requests are waiting than can be answered in time"))
        record.problem_told(OverloadedError.slug)
        raw = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        return self._counted(scope, headers, began, Answer(status, raw, json.dumps(body).encode()))

    def unfinished(self, scope: Scope, headers: Headers, began: float) -> Answer:
        """408: the body has not come. Whoever has gone does not hear it."""
        return self._counted(scope, headers, began, Answer(408, [(b"connection", b"close")]))

    def _counted(self, scope: Scope, headers: Headers, began: float, answer: Answer) -> Answer:
        record.answered(self._named(scope["path"], scope["method"]), answer.status, time.perf_counter() - began)
        request_id = request_id_of(headers.get("x-request-id"))
        added = [(b"x-request-id", request_id.encode()), (b"content-length", str(len(answer.body)).encode())]
        return Answer(answer.status, [*answer.headers, *added], answer.body)
