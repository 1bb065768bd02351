"""What the SDK raises, as one of ours. The HTTP client has already sorted out time-outs, 429 and 5xx."""

from collections.abc import Iterator
from contextlib import contextmanager

from twilio.base.exceptions import TwilioException
from twilio.http.response import Response

from service.errors import TwilioAmbiguousError, TwilioRefusedError, TwilioUnavailableError
from service.flex.calls import named


def _status(error: TwilioException) -> int:
    """The HTTP status behind an SDK exception; 0 if it has none. For lists the SDK hides it in the arguments."""
    status = getattr(error, "status", None)
    if status is None:
        status = next((item.status_code for item in error.args if isinstance(item, Response)), 0)
    return int(status)


@contextmanager
def twilio_faults(operation: str) -> Iterator[None]:
    """Raises TwilioRefusedError for a 4xx, TwilioUnavailableError for wrong credentials of ours, and
    TwilioAmbiguousError for an answer that cannot be read. Twilio's own text may quote the customer: it is dropped.
    """
    named(operation)
    try:
        yield
    except TwilioException as error:
        status = _status(error)
        code = getattr(error, "code", None)
        if status in (401, 403):  # ours to mend, not the caller's; the request is good once the settings are
            raise TwilioUnavailableError(f"{operation}: Twilio refuses our credentials ({status})") from None
        if not status:
            raise TwilioAmbiguousError(f"{operation}: {type(error).__name__}") from None
        about = f", see https://www.twilio.com/docs/api/errors/{code}" if code else ""
        raise TwilioRefusedError(
            f"{operation}: Twilio answered {status}{about}", twilio_status=status, code=code
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TwilioAmbiguousError(f"{operation}: unreadable answer ({type(error).__name__})") from error
