"""Whether this process lives, and whether it can do its work."""

from flask import Blueprint, Response, jsonify

from service.errors import RouterError
from service.intake.desk import Desk


def probes(desk: Desk) -> Blueprint:
    """The blueprint of the probes; they need no key and tell no secrets."""
    blue = Blueprint("probes", __name__)

    @blue.get("/livez")
    def livez() -> Response:
        return jsonify({"status": "ok"})

    @blue.get("/readyz")
    def readyz() -> tuple[Response, int]:
        checks = {"store": _store(desk), "rules": _rules(desk), "names": _names(desk)}
        # an unreadable newer rules file is told here, but the last good rules go on serving
        ready = checks["store"] == "ok" and checks["names"] == "ok"
        return jsonify({"status": "ready" if ready else "not ready", "checks": checks}), 200 if ready else 503

    return blue


def _rules(desk: Desk) -> str:
    fault = desk.book.rules.fault
    if fault is None:
        return "ok"
    first = fault.faults[0]
    place = f"{first.file}:{first.line}:{first.column}"
    return f"the file as it is now cannot be used, the rules in force serve on: {place}"


def _store(desk: Desk) -> str:
    try:
        desk.parts.store.ping()
    except RouterError as error:
        return error.detail
    return "ok"


def _names(desk: Desk) -> str:
    try:
        desk.book.names.fresh()
    except RouterError as error:
        return error.detail
    return "ok"
