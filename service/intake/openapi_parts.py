"""What the descriptions of all addresses are put together from: operations, bodies, answers, and what can go wrong."""

from service.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidFieldsError,
    LengthRequiredError,
    NotFoundError,
    RouterError,
    StoreUnavailableError,
    TooLargeError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from service.intake.callers import AGENTS_MAY
from service.intake.openapi_schemas import IDEMPOTENCY_KEY
from service.intake.openapi_shapes import REFERENCE, Json, ref
from service.intake.payloads_json import FORM, JSON
from service.intake.problems import MEDIA_TYPE, problem

READING: tuple[type[RouterError], ...] = (
    BadRequestError, LengthRequiredError, TooLargeError, UnsupportedMediaTypeError, InvalidFieldsError,
)  # fmt: skip
KEY_CHECK: tuple[type[RouterError], ...] = (UnauthorizedError, ForbiddenError)
ASKING: tuple[type[RouterError], ...] = (*READING, *KEY_CHECK, ConflictError, StoreUnavailableError)
SIGNED: list[Json] = [{"twilioSignature": []}]
KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": IDEMPOTENCY_KEY,
    "description": "As `idempotency_key` in the body; quotes around it are left aside",
}

_ANSWERS = REFERENCE.replace("schemas", "responses")
_DESCRIBED: tuple[type[RouterError], ...] = (*ASKING, NotFoundError)


def operation(name: str, tag: str, summary: str, *, security: list[Json]) -> Json:
    """One operation, without its body and its answers."""
    return {"operationId": name, "tags": [tag], "summary": summary, "security": security}


def scope(name: str) -> list[Json]:
    """A key with the scope, or a Flex user: where agents may not, supervisors still may."""
    return [{"appKey": [name]}, {"flexToken": [] if name in AGENTS_MAY else ["supervisor"]}]


def parameter(name: str) -> Json:
    """A part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def body(shape: str, example: Json) -> Json:
    """The body of a routing request, as JSON and as a form."""
    content: Json = {JSON: {"schema": ref(f"{shape}Body"), "example": example}}
    content[FORM] = {"schema": ref("TransferForm" if shape == "Decision" else f"{shape}Form")}
    return {"required": True, "content": content}


def shown(shape: str, description: str, example: Json | None = None) -> Json:
    """An answer that is not a problem."""
    media: Json = {"schema": ref(shape)}
    return {"description": description, "content": {JSON: media | ({"example": example} if example else {})}}


def problems(*kinds: type[RouterError]) -> Json:
    """The problem answers of an operation."""
    return {str(kind.status): {"$ref": _ANSWERS + kind.slug} for kind in sorted(kinds, key=lambda kind: kind.status)}


def problem_answers() -> Json:
    """What ``problems`` refers to: every kind once."""
    return {kind.slug: _answer(kind) for kind in _DESCRIBED}


def _answer(kind: type[RouterError]) -> Json:
    fields, _, headers = problem(kind("What is wrong, in a sentence"))
    answer: Json = {"description": kind.title, "content": {MEDIA_TYPE: {"schema": ref("Problem"), "example": fields}}}
    if "Retry-After" in headers:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return answer
