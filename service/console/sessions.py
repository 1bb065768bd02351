"""The cookie that says who is signed in: a small JSON object and its HMAC. Nothing is stored: any process can read it.

Pure: secret and time are handed in. The same cookie carries the token that every form must repeat (CSRF), also before
anybody has signed in.
"""

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256

COOKIE = "flex_router_console"
OPERATOR, READER = "operator", "reader"
LONGEST = 1024  # bytes of a cookie that is looked at


@dataclass(frozen=True)
class Session:
    """Who sits at the browser. ``role`` "": not signed in yet. ``until_s`` is epoch seconds."""

    until_s: int
    token: str
    name: str = ""
    role: str = ""

    @property
    def signed_in(self) -> bool:
        """True for a person, False for a stranger who only has a form's token."""
        return self.role in (OPERATOR, READER)


def new_session(until_s: int, *, name: str = "", role: str = "") -> Session:
    """A session with a token of its own."""
    return Session(until_s, secrets.token_urlsafe(24), name, role)


def secret_of(*parts: str | None) -> bytes:
    """The key that cookies are sealed with, from settings that strangers do not know: a new password ends sessions."""
    return hmac.new("\n".join(part or "" for part in parts).encode(), b"flex-router console", sha256).digest()


def sealed(session: Session, secret: bytes) -> str:
    """The cookie's value."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(session), separators=(",", ":")).encode()).decode()
    return f"{body}.{_mac(body, secret)}"


def opened(value: str | None, secret: bytes, *, now_s: float) -> Session | None:
    """The session in a cookie; None if there is none, if it is not ours, or if its time is over."""
    if not value or len(value) > LONGEST:
        return None
    body, _, mac = value.rpartition(".")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(body, secret).encode()):
        return None
    try:
        session = Session(**json.loads(base64.urlsafe_b64decode(body)))
    except (ValueError, TypeError, binascii.Error):  # sealed by another version
        return None
    return session if session.until_s > now_s else None


def same_token(session: Session, given: str | None) -> bool:
    """True if a form has repeated its session's token."""
    return hmac.compare_digest(session.token.encode(), (given or "").encode("utf-8", "replace"))


def _mac(body: str, secret: bytes) -> str:
    return hmac.new(secret, body.encode("utf-8", "replace"), sha256).hexdigest()
