"""What stands before and after every page: who it is, whether a form is theirs, and the headers that bind browsers."""

import time
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from service.console.access import Access, Person
from service.console.sessions import COOKIE, Session, new_session, opened, same_token, sealed
from service.errors import ForbiddenError, LengthRequiredError, TooLargeError

MOST_BYTES = 64 * 1024
OPEN_TO_ALL = frozenset(
    {"console.sign_in", "console.take_password", "console.file", "console.door", "console.inner_door"}
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def install_guard(blue: Blueprint, access: Access) -> None:
    """Guard every page of the blueprint."""

    @blue.before_request
    def admit() -> AnyResponse | None:
        g.console_session = opened(request.cookies.get(COOKIE), access.secret, now_s=time.time()) or _fresh(access)
        g.console_person = _person(access, g.console_session)
        if request.method == "POST":
            _check_form(g.console_session)
        if g.console_person or request.endpoint in OPEN_TO_ALL:
            return None
        if not access.by_password:
            raise ForbiddenError("The proxy before this service has not said who you are.")
        return _to_sign_in()

    @blue.after_request
    def bind(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.endpoint != "console.file":
            response.headers["Cache-Control"] = "no-store"
            if "console_session" in g:  # not where something broke before we were asked
                keep_session(response, access)
        return response


def keep_session(response: Response, access: Access) -> None:
    """Hand the browser its session, if it has another one. Without a path the cookie goes to the console alone."""
    value = sealed(g.console_session, access.secret)
    if request.cookies.get(COOKIE) != value:
        left_s = max(0, g.console_session.until_s - int(time.time()))
        response.set_cookie(
            COOKIE, value, max_age=left_s, path=None, secure=access.secure, httponly=True, samesite="Strict"
        )


def person() -> Person:
    """Who is signed in. Only where ``admit`` has let somebody in."""
    found = g.console_person
    assert isinstance(found, Person)
    return found


def _fresh(access: Access) -> Session:
    return new_session(int(time.time()) + access.session_s)


def _person(access: Access, session: Session) -> Person | None:
    named = access.named_by_proxy(request.headers.get(access.header) if access.header else None)
    if named is not None:
        return named
    return Person(session.name, session.role) if access.by_password and session.signed_in else None


def _check_form(session: Session) -> None:
    if request.content_length is None:
        raise LengthRequiredError("Forms are sent with their length.")
    if request.content_length > MOST_BYTES:
        raise TooLargeError(f"A form has {MOST_BYTES} bytes at most.")
    if not same_token(session, request.form.get("token")):
        raise ForbiddenError("This form is too old, or not from this console. Load the page again and repeat it.")


def _to_sign_in() -> AnyResponse:
    if request.headers.get("HX-Request"):  # a page that polls: the browser itself has to go there
        return Response(status=401, headers={"HX-Redirect": "sign-in"})
    wanted = request.full_path.rstrip("?").rpartition("/")[2] if request.method == "GET" else ""
    return redirect(sign_in_address(wanted), 303)


def sign_in_address(wanted: str) -> str:
    """Where to sign in, and where to go on from there. Relative: a proxy may have taken a part of the path away."""
    return "sign-in?" + urlencode({"next": wanted}) if wanted and wanted != "now" else "sign-in"
