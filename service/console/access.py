"""Who may come in, as the settings say, and as what. Pure: headers and passwords are handed in."""

import re
from dataclasses import dataclass, field

from service.console.passwords import fits
from service.console.sessions import OPERATOR, READER, secret_of
from service.settings import Settings

# A name that a person gives, or a proxy: for the audit trail, so it must be harmless to show.
_NAME = re.compile(r"[\w.@+' -]{1,60}")


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in. ``role``: operator, or reader (may look and not act)."""

    name: str
    role: str

    @property
    def may_act(self) -> bool:
        """Whether more than looking is allowed."""
        return self.role == OPERATOR


@dataclass(frozen=True)
class Access:
    """The ways in. None of them set: there is no console."""

    secret: bytes = field(repr=False)
    session_s: int
    secure: bool  # cookies over https only
    operator_hash: str | None = field(default=None, repr=False)
    reader_hash: str | None = field(default=None, repr=False)
    header: str | None = None
    operators: frozenset[str] = frozenset()  # of those whom the header names; empty: all

    @property
    def open(self) -> bool:
        """Whether anybody can come in at all."""
        return bool(self.by_password or self.header)

    @property
    def by_password(self) -> bool:
        """Whether there is a form to sign in with."""
        return bool(self.operator_hash or self.reader_hash)

    def role_of(self, password: str) -> str | None:
        """What this password opens; both hashes are always tried, so that the time taken tells nothing."""
        operator = self.operator_hash is not None and fits(password, self.operator_hash)
        reader = self.reader_hash is not None and fits(password, self.reader_hash)
        return OPERATOR if operator else READER if reader else None

    def named_by_proxy(self, value: str | None) -> Person | None:
        """The person whom the trusted header's value names; None if there is none or it is not a name."""
        name = name_of(value) if self.header and value else None
        if name is None:
            return None
        return Person(name, OPERATOR if not self.operators or name in self.operators else READER)


def access_of(settings: Settings) -> Access:
    """The ways in that the settings open."""
    return Access(
        secret=secret_of(
            settings.twilio_auth_token, settings.console_password_hash, settings.console_readonly_password_hash
        ),
        session_s=settings.console_session_s,
        secure=settings.public_base_url.startswith("https:"),
        operator_hash=settings.console_password_hash,
        reader_hash=settings.console_readonly_password_hash,
        header=settings.console_user_header if settings.console_user_header_trusted == "yes" else None,
        operators=frozenset(settings.console_operators.replace(",", " ").split()),
    )


def name_of(text: str) -> str | None:
    """A name as it may be shown and stored; None if it is not one."""
    name = " ".join(text.split())
    return name if _NAME.fullmatch(name) else None
