"""The console's blueprint: the pages that only show, the vendored files, and what is shown when something is broken."""

import re
import time
import traceback
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
import structlog
from flask import Blueprint, Response, g, redirect, render_template, request, send_from_directory
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from service.console.acting import install_acting
from service.console.find_view import several, told
from service.console.guard import install_guard
from service.console.house import House
from service.console.lookup import look_up
from service.console.now_view import HOURS, now_view
from service.console.office import Office
from service.console.open_view import open_view, wanted_of
from service.console.rules_view import rules_view, trial
from service.console.signing_in import install_signing_in
from service.console.stuck_view import stuck_view
from service.console.system_view import system_view
from service.errors import InvalidFieldsError, RouterError
from service.intake.timeline import live_view
from service.metrics import record
from service.model import is_sid
from service.tracking.hits import Tally
from service.tracking.roll import RECONCILE

log = structlog.stdlib.get_logger("service.console")

STATIC = Path(__file__).with_name("static")
VIEWS = (
    ("now", "Now"),
    ("find", "Find"),
    ("open", "Open"),
    ("stuck", "Stuck"),
    ("rules", "Rules"),
    ("system", "System"),
)
_FRESH_S = 3600
_ENDS_SHOWN = 12
_USUAL_HOURS = 6
_DONE = re.compile(r"[a-z0-9: ]{1,40}")


def console(office: Office) -> Blueprint:
    """The blueprint of /console."""
    blue = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
    blue.record_once(_strict)
    blue.context_processor(lambda: _everywhere(office))
    blue.register_error_handler(RouterError, _broken)
    blue.register_error_handler(Exception, _unforeseen)
    install_guard(blue, office.access)
    install_signing_in(blue, office)
    install_acting(blue, office)
    _install_views(blue, office)
    _install_questions(blue, office)
    _install_rest(blue)
    return blue


def _install_views(blue: Blueprint, office: Office) -> None:
    @blue.get("/now")
    def now() -> str:
        hours = next((one for one in HOURS if request.args.get("hours") == str(one)), _USUAL_HOURS)
        return render_template("console/now.html", view=_now(office, hours))

    @blue.get("/find")
    def find() -> str:
        return render_template("console/find.html", **_found(office, request.args.get("sid", "").strip()))

    @blue.get("/open")
    def open_() -> str:
        return render_template("console/open.html", view=open_view(office, wanted_of(request.args)))

    @blue.get("/stuck")
    def stuck() -> str:
        return render_template("console/stuck.html", view=stuck_view(office), done=_done())

    @blue.get("/system")
    def system() -> str:
        return render_template("console/system.html", view=system_view(office, now_ms=_now_ms()))


def _install_questions(blue: Blueprint, office: Office) -> None:
    @blue.get("/rules")
    def rules() -> str:
        return render_template("console/rules.html", view=_rules(office), given={}, trial=None, faults=())

    @blue.post("/rules")
    def try_rules() -> tuple[str, int]:
        given, found, faults, status = request.form.to_dict(), None, [], HTTPStatus.OK
        try:
            found = trial(office.desk.book, given)
        except InvalidFieldsError as error:
            faults = [f"{one.field}: {one.message}" for one in error.errors] or [error.detail]
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        except RouterError as error:
            faults, status = [error.detail], HTTPStatus(error.status)
        page = render_template("console/rules.html", view=_rules(office), given=given, trial=found, faults=faults)
        return page, status

    @blue.get("/live")
    def live() -> str:
        sid = request.args.get("sid", "")
        found = live_view(office.desk, sid) if is_sid(sid, "CH") else None
        return render_template("console/live.html", live=found)

    @blue.get("/twilio")
    def twilio() -> str:
        return render_template("console/twilio.html", reading=office.reach.ask())


def _install_rest(blue: Blueprint) -> None:
    @blue.get("/static/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(STATIC, name, max_age=_FRESH_S)

    @blue.get("")
    def door() -> AnyResponse:
        return redirect("console/now", 303)

    @blue.get("/")
    def inner_door() -> AnyResponse:
        return redirect("now", 303)

    @blue.get("/<path:_>")
    def nothing(_: str) -> tuple[str, int]:
        return _page_of("There is nothing at this address.", HTTPStatus.NOT_FOUND), HTTPStatus.NOT_FOUND


def _strict(state: BlueprintSetupState) -> None:
    state.app.jinja_env.undefined = jinja2.StrictUndefined
    state.app.jinja_env.trim_blocks = state.app.jinja_env.lstrip_blocks = True


def _everywhere(office: Office) -> dict[str, Any]:
    session = g.get("console_session")  # none where something broke before the guard was asked
    return {
        "person": g.get("console_person"),
        "token": session.token if session else "",
        "by_password": office.access.by_password,
        "views": VIEWS,
        "here": (request.endpoint or "").removeprefix("console.").removeprefix("try_").rstrip("_"),
        "utc": f"{datetime.now(UTC):%H:%M:%S}",
    }


def _now(office: Office, hours: int) -> dict[str, Any]:
    parts, book = office.desk.parts, office.desk.book
    fault = book.rules.fault
    asked = office.reach.last
    about: dict[str, Any] = {
        "rules_loaded": book.current is not None,
        "rules_fault": fault.summary if fault else "",
        "twilio_fault": asked.why if asked else "",
        "twilio_asked": asked is not None,
        "catch_up_every_s": office.settings.catch_up_every_s,
    }
    try:
        now_ms = parts.store.now_ms()
        house = House(parts.census.take(now_ms), **about, **_at_work(office, now_ms))
        minutes, ends = parts.hours.read(hours * 60), parts.hours.ends(_ENDS_SHOWN)
    except RouterError as error:
        return now_view(House(None, error.detail, **about), [], [], now_ms=_now_ms(), hours=hours)
    return now_view(house, minutes, ends, now_ms=now_ms, hours=hours)


def _at_work(office: Office, now_ms: int) -> dict[str, Any]:
    """What is known of the store's servers and of the processes that work on it."""
    parts = office.desk.parts
    signed = [sign.at_ms for sign in parts.roll.read(now_ms) if sign.kind == RECONCILE]
    return {
        "write_fault": office.presence.fault,
        "servers": tuple(office.checkup.servers()),
        "unsigned_s": (now_ms - max(signed)) / 1000 if signed else None,
        "searching": parts.notes.resync_wanted() or "",
    }


def _found(office: Office, text: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"text": text[:200], "view": None, "rows": [], "why_not": "", "done": _done()}
    if not text:
        return empty
    now_ms = office.desk.parts.store.now_ms()
    found = look_up(office, text)
    view = told(office, found.sid, now_ms=now_ms) if found.sid else None
    why_not = found.why_not
    if found.sid and view is None:
        why_not = "Nothing is known of it: it has not been through this service, or that is more than a month ago."
    return {**empty, "text": found.text, "view": view, "rows": several(found, now_ms=now_ms), "why_not": why_not}


def _done() -> str:
    """What has just been done, in words of ours: whatever else an address holds is not shown."""
    word = request.args.get("done", "")
    return word if _DONE.fullmatch(word) else ""


def _rules(office: Office) -> dict[str, Any]:
    book = office.desk.book
    tried = office.tests.tried(book.current) if book.current else None
    try:
        tally: Tally | None = office.desk.parts.hits.read()
    except RouterError:
        tally = None  # rules are told without the store, too
    return rules_view(book, tally=tally, tried=tried, now_ms=_now_ms(), now=datetime.now(UTC))


def _unforeseen(error: Exception) -> tuple[str, int] | AnyResponse:
    if isinstance(error, HTTPException):
        return error.get_response() if error.code is None or error.code < 400 else _refused(error.code)
    last = traceback.extract_tb(error.__traceback__)[-1]  # the text of an exception may hold what a customer wrote
    place = f"{Path(last.filename).name}:{last.lineno}"
    log.error("console.broke", error=type(error).__name__, at=place)
    return _page_of("The fault was logged; it lies with the service.", HTTPStatus.INTERNAL_SERVER_ERROR), 500


def _refused(code: int) -> tuple[str, int]:
    return _page_of(HTTPStatus(code).description or "", HTTPStatus(code)), code


def _broken(error: RouterError) -> tuple[str, int]:
    record.problem_told(error.slug)
    return _page_of(error.detail, HTTPStatus(error.status), error.title), error.status


def _page_of(text: str, status: HTTPStatus, title: str = "") -> str:
    return render_template("console/broken.html", text=text, title=title or status.phrase, status=int(status))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
