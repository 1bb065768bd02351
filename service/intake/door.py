"""Who is at the door and what they hold in their hands: body limits, signatures, keys. Flask ends here."""

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
from service.intake.keys import ApiKey, authenticate, require
from service.intake.signatures import public_url, verify_request

REQUEST_BYTES = 64 * 1024
EVENT_BYTES = 256 * 1024

SIGNATURE = "X-Twilio-Signature"


@dataclass(frozen=True)
class Door:
    """What credentials are checked against."""

    public_base_url: str
    auth_tokens: tuple[str, ...]
    keys: tuple[ApiKey, ...]

    def admit_signed(self, request: Request, body: bytes) -> None:
        """Only Twilio may pass. Raises ForbiddenError for a missing or wrong signature."""
        url = public_url(self.public_base_url, _raw_target(request))
        if not verify_request(url, request.headers, body, tokens=self.auth_tokens):
            raise ForbiddenError("the X-Twilio-Signature header is missing or does not fit this request")

    def admit(self, request: Request, body: bytes, scope: str) -> str:
        """Twilio by signature, or an app by a key with ``scope``: who it is. Raises as the two of them do."""
        if request.headers.get("Authorization"):
            return self.admit_key(request, scope)
        if request.headers.get(SIGNATURE):
            self.admit_signed(request, body)
            return "twilio"
        raise UnauthorizedError("send an Authorization: Bearer key, or sign the request as Twilio does")

    def admit_key(self, request: Request, scope: str) -> str:
        """An app by a key with ``scope``; who it is. Raises UnauthorizedError or ForbiddenError."""
        key = authenticate(request.headers.get("Authorization"), self.keys)
        require(key, scope)
        return f"key:{key.id}"


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
