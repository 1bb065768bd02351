"""Who is at the door and what they hold in their hands: body limits, signatures, keys, Flex tokens. Flask ends here."""

import re
from dataclasses import dataclass

from flask import Request

from service.errors import (
    BadRequestError,
    FieldError,
    ForbiddenError,
    InvalidFieldsError,
    LengthRequiredError,
    TooLargeError,
    UnauthorizedError,
)
from service.flex.tokens import FlexTokens
from service.intake.callers import TWILIO, Caller, flex_caller
from service.intake.keys import ApiKey, authenticate, find_key, require
from service.intake.signatures import public_url, verify_request

REQUEST_BYTES = 64 * 1024
EVENT_BYTES = 256 * 1024

SIGNATURE = "X-Twilio-Signature"

_FLEX_TOKEN = re.compile(r"[Bb]earer +(?P<token>[^\s.]*(?:\.[^\s.]*){2,})")  # a key of ours has one dot


@dataclass(frozen=True)
class Door:
    """What credentials are checked against."""

    public_base_url: str
    auth_tokens: tuple[str, ...]
    keys: tuple[ApiKey, ...]
    tokens: FlexTokens | None = None  # without it Flex users are strangers
    origins: tuple[str, ...] = ()  # where the pages of Flex plugins come from

    def admit_signed(self, request: Request, body: bytes) -> None:
        """Only Twilio may pass. Raises ForbiddenError for a missing or wrong signature."""
        url = public_url(self.public_base_url, _raw_target(request))
        if not verify_request(url, request.headers, body, tokens=self.auth_tokens):
            raise ForbiddenError("the X-Twilio-Signature header is missing or does not fit this request")

    def admit(self, request: Request, body: bytes, scope: str) -> Caller:
        """Twilio by signature, or whom ``admit_key`` lets in: who it is. Raises as the two of them do.

        Twilio sends ``Authorization: Basic`` as well where the address that it was given holds a name and a password:
        that is for the proxy in between.
        """
        scheme = (request.headers.get("Authorization") or "").strip().partition(" ")[0].lower()
        if scheme and not (scheme == "basic" and request.headers.get(SIGNATURE)):
            return self.admit_key(request, scope)
        if request.headers.get(SIGNATURE):
            self.admit_signed(request, body)
            return TWILIO
        raise UnauthorizedError("send an Authorization: Bearer key, or sign the request as Twilio does")

    def admit_key(self, request: Request, scope: str) -> Caller:
        """An app by a key with ``scope``, or a Flex user whose role may do it: who it is.

        Raises UnauthorizedError, ForbiddenError, or TwilioUnavailableError where a token cannot be checked now.
        """
        header = request.headers.get("Authorization")
        key, flex = find_key(header, self.keys), _FLEX_TOKEN.fullmatch((header or "").strip())
        if key is None and flex and self.tokens:
            user = self.tokens.user(flex["token"])
            if user is None:
                raise UnauthorizedError("this Flex token is not valid, or not any more")
            return flex_caller(user, scope)
        key = key or authenticate(header, self.keys)
        require(key, scope)
        return Caller(f"key:{key.id}")


def read_body(request: Request, *, most: int) -> bytes:
    """The whole body. Raises LengthRequiredError for a chunked one, TooLargeError over ``most`` bytes."""
    if request.content_length is None:
        # a chunked body over the limit would be cut silently and read as if it were whole
        raise LengthRequiredError("send Content-Length; chunked bodies are not read")
    if request.content_length > most:
        raise TooLargeError(f"at most {most} bytes are read here")
    body = request.get_data(cache=False)
    if len(body) != request.content_length:
        raise BadRequestError("the body is shorter than Content-Length says")
    return body


def one_of_ours(names: set[str], given: dict[str, str]) -> None:
    """Refuse query parameters that this address does not know, by name."""
    unknown = sorted(set(given) - names)
    if unknown:
        allowed = ", ".join(sorted(names))
        faults = tuple(FieldError(name[:64], f"is not known here; known are: {allowed}") for name in unknown)
        raise InvalidFieldsError("Unknown query parameters", errors=faults)


def _raw_target(request: Request) -> str:
    """Path and query exactly as they were sent: a decoded and re-encoded one has another signature."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path
    return str(raw)
