"""The few faults of this service. Each knows whether a retry can help and which HTTP problem it becomes.

Ordinary outcomes (a duplicate, a late event, an invite nobody took) are values, never exceptions.
Nothing in an exception's text may come from a customer: texts name fields and limits, never values.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One field at fault. ``field`` is the dotted name as the caller wrote it, ``message`` says what is allowed."""

    field: str
    message: str


class RouterError(Exception):
    """Base of all faults. ``retryable``: the same call may succeed later without anybody changing anything."""

    status = 500
    slug = "internal-error"
    title = "Internal error"
    retryable = False

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = (), retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s


class BadRequestError(RouterError):
    """The bytes cannot be read as a request at all."""

    status, slug, title = 400, "bad-request", "The request cannot be read"


class InvalidFieldsError(RouterError):
    """The request was read, but fields are missing, unknown or not of the allowed form."""

    status, slug, title = 422, "invalid-fields", "Some fields are not valid"


class UnauthorizedError(RouterError):
    """No credentials, or credentials that are not ours."""

    status, slug, title = 401, "unauthorized", "Credentials are missing or wrong"


class ForbiddenError(RouterError):
    """The signature is wrong, or the key is known but lacks the scope."""

    status, slug, title = 403, "forbidden", "Not allowed"


class NotFoundError(RouterError):
    """No such invite, or no such address."""

    status, slug, title = 404, "not-found", "Not found"


class ConflictError(RouterError):
    """The request contradicts one that is already there (same key, other body; cancel after accept)."""

    status, slug, title = 409, "conflict", "Conflicts with an earlier request"


class LengthRequiredError(RouterError):
    """A body without Content-Length. A chunked body over the limit would otherwise be cut silently."""

    status, slug, title = 411, "length-required", "Content-Length is required"


class TooLargeError(RouterError):
    """The body is over the limit."""

    status, slug, title = 413, "too-large", "The body is too large"


class UnsupportedMediaTypeError(RouterError):
    """The body is of a type that this address does not read."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class StoreUnavailableError(RouterError):
    """Redis is away, full, read-only or loading."""

    status, slug, title, retryable = 503, "store-unavailable", "The store is not available", True


class LaterVersionError(StoreUnavailableError):
    """A record that a later version of this service has written: the processes of that version are to work on it."""


class ClosingError(RouterError):
    """The conversation is being closed at this very moment. Once that is done, Twilio says whether it can go on."""

    status, slug, title, retryable = 503, "closing", "The conversation is being closed", True


class OverloadedError(RouterError):
    """More has come than can be answered in time. Nothing of it was begun."""

    status, slug, title, retryable = 503, "overloaded", "Too many requests at once", True


class TwilioUnavailableError(RouterError):
    """Twilio did not do it, surely: refused for load (429), or the connection was never made. Safe to repeat."""

    status, slug, title, retryable = 503, "twilio-unavailable", "Twilio is not available", True


class TwilioAmbiguousError(RouterError):
    """A call that may or may not have had its effect (time-out, 5xx, reset). Look before repeating a create."""

    status, slug, title, retryable = 503, "twilio-ambiguous", "Twilio's answer was lost", True


class TwilioRefusedError(RouterError):
    """Twilio said no (4xx). ``code`` is Twilio's error code, ``twilio_status`` its HTTP status, where it is known."""

    status, slug, title = 422, "twilio-refused", "Twilio refused the request"

    def __init__(self, detail: str, *, twilio_status: int | None = None, code: int | None = None) -> None:
        super().__init__(detail)
        self.twilio_status = twilio_status
        self.code = code


class ConfigurationError(RouterError):
    """The settings or files this process was started with cannot work. ``faults`` lists every one found."""

    status, slug, title = 500, "configuration", "The configuration is not valid"

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
