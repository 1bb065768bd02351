"""Every request gets an id that stands in each line logged for it, and is counted and timed by its address' name."""

import os
import re
import secrets
import time
from contextlib import ExitStack
from functools import cache
from itertools import count

import structlog
from flask import Flask, g, request
from werkzeug.wrappers import Response

from service.intake.desk import WAITED
from service.metrics import record
from service.tracing import note, span

HEADER = "X-Request-Id"

# As the proxy of this project has it: what is logged of a stranger is short and harmless to read.
_numbers = count(1)  # asking the system for chance would cost more than all else that an event needs here
_FORM = re.compile(r"[A-Za-z0-9._-]{8,64}")


def install_watch(app: Flask) -> None:
    """Watch every request of ``app``. To be installed first, so that what the others log carries the id."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def spent_s() -> float:
    """For how long the request in hand has been here: it waited for a thread, and was worked on since."""
    return float(request.environ.get(WAITED, 0.0)) + time.perf_counter() - float(g.began)


def request_id_of(given: str | None) -> str:
    """The id that came along if it can be logged as it is; else a new one."""
    return given if given and _FORM.fullmatch(given) else f"{_process(os.getpid())}{next(_numbers):08x}"


@cache
def _process(_: int) -> str:
    return secrets.token_hex(12)


def _begin() -> None:
    g.began = time.perf_counter()
    g.doing = ExitStack()
    if request.method == "POST":  # probes and scrapes would only fill the place where spans are kept
        g.doing.enter_context(span(f"request: {request.endpoint or 'none'}"))
    g.request_id = request_id_of(request.headers.get(HEADER))
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    note(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    note(status=response.status_code)
    record.answered(request.endpoint, response.status_code, time.perf_counter() - g.began)
    return response


def _forget(_: BaseException | None) -> None:
    g.doing.close()
    structlog.contextvars.unbind_contextvars("request_id")  # the thread goes on to serve others
