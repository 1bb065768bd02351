"""The one way in which the local Twilio says no: a status, Twilio's error code and a sentence. No HTTP in here."""

UNAUTHORIZED = 20003
INVALID = 20001  # "Parameter is invalid": TaskRouter's validation errors carry this code
NOT_FOUND = 20404
CONFLICT = 20409
PRECONDITION = 20412
PAGE_UNSUPPORTED = 40153  # TaskRouter pages by token only


class Refused(Exception):
    """The request cannot be done. ``status`` is the HTTP status, ``code`` Twilio's error code."""

    def __init__(self, message: str, *, status: int = 400, code: int = INVALID) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


class ControlRefused(Exception):
    """A request to the control plane cannot be done. ``field`` names the field at fault, where there is one."""

    def __init__(self, message: str, *, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status


def not_found(path: str) -> Refused:
    """Twilio's answer to a resource that is unknown, or gone."""
    return Refused(f"The requested resource {path} was not found", status=404, code=NOT_FOUND)
