"""Faults → answers as RFC 9457 has them. The one place where an exception becomes HTTP.

Nothing of a request may come out of here: texts are those of our own errors, or fixed ones for what Flask refuses.
An unexpected exception is logged by its type and place only, for its text may hold what a customer wrote.
"""

import traceback
from http import HTTPStatus

import structlog
from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from service.errors import (
    BadRequestError,
    NotFoundError,
    RouterError,
    TooLargeError,
    TwilioRefusedError,
    UnsupportedMediaTypeError,
)
from service.metrics import record

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"

log = structlog.stdlib.get_logger("service.problem")

_RETRY_AFTER_S = 2
_HIDDEN = "The fault was logged; it lies with the service, not with the request"
_OURS: dict[int, RouterError] = {  # what Flask refuses by itself, where we have a fault of that kind
    400: BadRequestError("The request is not HTTP as this service reads it"),
    404: NotFoundError("There is nothing at this address"),
    413: TooLargeError("The body is larger than anything here reads"),
    415: UnsupportedMediaTypeError("The body is of a type that is not read here"),
}


def problem(error: RouterError) -> tuple[dict[str, object], int, dict[str, str]]:
    """The problem's fields, its HTTP status and its headers. ``type`` is relative to the service's origin."""
    detail = _HIDDEN if error.status == 500 else error.detail
    body = _fields(TYPE_PREFIX + error.slug, error.title, error.status, detail)
    if error.errors:
        body["errors"] = [{"field": fault.field, "message": fault.message} for fault in error.errors]
    if isinstance(error, TwilioRefusedError) and error.twilio_status is not None:
        body["twilio"] = {"status": error.twilio_status, "code": error.code}
    return body, error.status, _headers(error)


def problem_response(error: RouterError) -> Response:
    """``problem`` as a Flask answer."""
    return _response(*problem(error))


def install_problems(app: Flask) -> None:
    """Make every fault of ``app`` a problem answer: our own, Flask's, and those nobody foresaw."""
    app.register_error_handler(RouterError, _on_ours)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(Exception, _on_unforeseen)


def _on_ours(error: RouterError) -> Response:
    if error.status >= 500:
        log.warning("request.failed", error=error.slug, at=_place(error))
    return problem_response(error)


def _on_http(error: HTTPException) -> AnyResponse:
    if error.code is None or error.code < 400:
        return AnyResponse.force_type(error.get_response())  # a redirect is no fault
    if error.code in _OURS:
        return problem_response(_OURS[error.code])
    status, headers = HTTPStatus(error.code), _plain_headers()
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    detail = status.description or status.phrase
    return _response(_fields("about:blank", status.phrase, status, detail), status, headers)


def _on_unforeseen(error: Exception) -> Response:
    log.error("request.broke", error=type(error).__name__, at=_place(error))
    return problem_response(RouterError(_HIDDEN))


def _fields(kind: str, title: str, status: int, detail: str) -> dict[str, object]:
    return {"type": kind, "title": title, "status": int(status), "detail": detail}


def _headers(error: RouterError) -> dict[str, str]:
    headers = _plain_headers()
    if error.retry_after_s is not None or error.retryable:
        headers["Retry-After"] = str(error.retry_after_s or _RETRY_AFTER_S)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="flex-router"'
    return headers


def _plain_headers() -> dict[str, str]:
    return {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _response(body: dict[str, object], status: int, headers: dict[str, str]) -> Response:
    record.problem_told(str(body["type"]).removeprefix(TYPE_PREFIX))
    response = jsonify(body)
    response.status_code = status
    response.headers.update(headers)
    return response


def _place(error: BaseException) -> str:
    """Where it was raised, as file:line; the text of the error stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown"
    last = frames[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.lineno}"
