"""The pages on which something is done: first a preview, then the deed, and a line in the audit trail for each."""

import re
import time
from urllib.parse import urlencode

import structlog
from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from service.console.deeds import ACTS, Done, do, preview
from service.console.guard import person
from service.console.office import Office
from service.console.signing_in import note_act
from service.errors import ForbiddenError, RouterError, TwilioAmbiguousError
from service.tracking.console_notes import Act
from service.tracking.errand_records import is_errand_id
from service.tracking.records import is_invite_id

log = structlog.stdlib.get_logger("service.console")

LONGEST = 80  # characters of an id
_GROUP = re.compile(r"[a-z]{1,20}:[0-9a-f]{16}")


def install_acting(blue: Blueprint, office: Office) -> None:
    """The pages ``confirm`` (what would be done) and ``act`` (do it)."""

    @blue.get("/confirm")
    def confirm() -> str:
        _check_role()
        act, on = request.args.get("act", ""), request.args.get("on", "")[:LONGEST]
        return render_template("console/confirm.html", preview=preview(office, act, on))

    @blue.post("/act")
    def act() -> Response | tuple[str, int]:
        _check_role()
        word, on = request.form.get("act", "")[:LONGEST], request.form.get("on", "")[:LONGEST]
        try:
            done = do(office, word, on)
        except RouterError as error:
            _note(office, *named(word, on), error.slug)
            unsure = isinstance(error, TwilioAmbiguousError)
            page = render_template("console/not_done.html", why=error, unsure=unsure, on=on, act=word)
            return page, error.status
        _note(office, word, done.on or on, done.outcome)
        return redirect(_after(done), 303)


def named(word: str, on: str) -> tuple[str, str]:
    """What may be written down of a form that came to nothing: acts and names of ours, not whatever was sent."""
    ours = is_invite_id(on) or is_errand_id(on) or _GROUP.fullmatch(on) is not None
    return word if word in ACTS else "no such act", on if ours else ""


def _after(done: Done) -> str:
    query = urlencode({name: value for name, value in (("sid", done.sid), ("done", done.outcome)) if value})
    return f"find?{query}" if done.sid else f"stuck?{query}"


def _check_role() -> None:
    if not person().may_act:
        raise ForbiddenError("You are signed in to look, not to act.")


def _note(office: Office, word: str, on: str, outcome: str) -> None:
    who = person()
    log.info("console.act", act=word, on=on, outcome=outcome, role=who.role)
    note_act(office, Act(time.time_ns() // 1_000_000, who.name, who.role, word, on, outcome))
