"""Signing in with a password, slowly for those who guess, and signing out."""

import re
import threading
import time
from http import HTTPStatus

import structlog
from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response

from service.console.access import Access, name_of
from service.console.guard import person
from service.console.office import Office
from service.console.sessions import new_session
from service.errors import RouterError
from service.tracking.console_notes import Act

log = structlog.stdlib.get_logger("service.console")

CHECK_WAIT_S = 5.0
BLIND_S = 1.0  # while the store is away nobody counts, so every try takes at least so long
_NEXT = re.compile(r"(now|find|open|stuck|rules|system)(\?[A-Za-z0-9_=&.%+:-]{0,300})?")

Answer = str | Response | tuple[str, int]


class Gate:
    """Looks at one password at a time in this process: guessing in parallel gains nothing, and costs no memory."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._turn = threading.Lock()

    def role(self, password: str, address: str) -> tuple[str | None, str]:
        """What the password opens, and why it opens nothing."""
        if not self._turn.acquire(timeout=CHECK_WAIT_S):
            return None, "Too many people are signing in. Try again in a moment."
        try:
            return self._checked(password, address)
        finally:
            self._turn.release()

    def _checked(self, password: str, address: str) -> tuple[str | None, str]:
        rest_s = self._rest_s(address)
        if rest_s > 0:
            return None, f"Too many wrong passwords. Try again in {rest_s:.0f} s."
        role = self._office.access.role_of(password)
        self._note(address, worked=role is not None)
        return role, "" if role else "This password opens nothing here."

    def _rest_s(self, address: str) -> float:
        try:
            return self._office.notes.rest_s(address)
        except RouterError:
            time.sleep(BLIND_S)
            return 0

    def _note(self, address: str, *, worked: bool) -> None:
        try:
            if worked:
                self._office.notes.succeeded(address)
            else:
                self._office.notes.failed(address)
        except RouterError:
            return  # the next try takes its time


def install_signing_in(blue: Blueprint, office: Office) -> None:
    """The pages ``sign-in`` and ``sign-out``."""
    gate = Gate(office)

    @blue.get("/sign-in")
    def sign_in() -> Answer:
        if g.console_person:
            return redirect("now", 303)
        return _form(office.access)

    @blue.post("/sign-in")
    def take_password() -> Answer:
        name = name_of(request.form.get("name", "")) or ""
        role, why = gate.role(request.form.get("password", ""), request.remote_addr or "")
        if role is None:
            log.warning("console.refused")
            return _form(office.access, why=why, name=name), HTTPStatus.FORBIDDEN
        until_s = int(time.time()) + office.access.session_s
        g.console_session = new_session(until_s, name=name or role, role=role)
        log.info("console.signed_in", role=role)
        note_act(office, Act(_now_ms(), name or role, role, "signed in", "", ""))
        wanted = request.form.get("next", "")
        return redirect(wanted if _NEXT.fullmatch(wanted) else "now", 303)

    @blue.post("/sign-out")
    def sign_out() -> Answer:
        who = person()
        g.console_session = new_session(int(time.time()) + office.access.session_s)
        note_act(office, Act(_now_ms(), who.name, who.role, "signed out", "", ""))
        return redirect("sign-in", 303)


def note_act(office: Office, act: Act) -> None:
    """Put an act into the audit trail. What was done is done: a store that is away does not undo it, and is logged."""
    try:
        office.notes.write(act)
    except RouterError as error:
        log.error("console.not_noted", act=act.what, on=act.on, why=error.detail)


def _form(access: Access, *, why: str = "", name: str = "") -> str:
    wanted = request.values.get("next", "")
    return render_template(
        "console/sign_in.html", why=why, name=name, next=wanted if _NEXT.fullmatch(wanted) else "", access=access
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
