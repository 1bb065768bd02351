"""The description of the HTTP interface as JSON and as a page, served from this process alone: no other host is asked.

Swagger UI lies in ``static/swagger-ui`` as released (5.35.0; SHA256SUMS beside it), under a policy that lets the page
run only what this service itself serves. Nothing here needs a key, and nothing here tells more than the public docs do.
"""

from pathlib import Path

from flask import Blueprint, Response, jsonify, send_from_directory

from service.errors import NotFoundError, RouterError
from service.intake.openapi import document
from service.intake.problems import TYPE_PREFIX

STATIC = Path(__file__).with_name("static")
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FRESH_S = 3600
_FAULTS: tuple[type[RouterError], ...] = (RouterError, *RouterError.__subclasses__())
_KINDS = {kind.slug: kind for kind in _FAULTS}


def docs() -> Blueprint:
    """The blueprint of ``/openapi.json``, ``/docs`` with its files, and ``/problems/<slug>``."""
    blue = Blueprint("docs", __name__)
    blue.after_request(_guarded)

    @blue.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document())

    @blue.get("/docs")
    def page() -> Response:
        return send_from_directory(STATIC, "docs.html", max_age=_FRESH_S)

    @blue.get("/docs/static/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(STATIC, name, max_age=_FRESH_S)

    @blue.get("/problems/<slug>")
    def kind_of_problem(slug: str) -> Response:
        kind = _KINDS.get(slug)
        if kind is None:
            raise NotFoundError("There is no problem of this kind")
        meaning = " ".join((kind.__doc__ or "").split())
        return jsonify(type=TYPE_PREFIX + slug, title=kind.title, status=kind.status, description=meaning)

    return blue


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
