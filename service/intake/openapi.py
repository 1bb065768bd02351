"""The OpenAPI 3.1 description of every address, built once from the same shapes and faults that serve requests.

A description, not a framework: no address is registered or checked from here.
"""

from functools import cache

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
from service.intake.openapi_schemas import IDEMPOTENCY_KEY, Json, invite_example, ref, schemas
from service.intake.payloads_json import FORM, JSON
from service.intake.problems import MEDIA_TYPE, problem
from service.model import Kind, State

_READING: tuple[type[RouterError], ...] = (
    BadRequestError, LengthRequiredError, TooLargeError, UnsupportedMediaTypeError, InvalidFieldsError,
)  # fmt: skip
_KEY_CHECK: tuple[type[RouterError], ...] = (UnauthorizedError, ForbiddenError)
_ASKING = (*_READING, *_KEY_CHECK, ConflictError, StoreUnavailableError)
_SIGNED: list[Json] = [{"twilioSignature": []}]


@cache
def document() -> Json:
    """The whole document. Relative server: it describes whichever address it was fetched from."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "flex-router",
            "version": "1",
            "description": (
                "Brings people into Twilio Flex conversations by rules; re-routes or closes those that nobody takes."
            ),
        },
        "servers": [{"url": "."}],
        "tags": [{"name": name} for name in ("routing", "invites", "events", "service")],
        "paths": _routing_paths() | _invite_paths() | _event_paths() | _service_paths(),
        "components": {"schemas": schemas(), "securitySchemes": _security_schemes()},
    }


def _security_schemes() -> Json:
    return {
        "appKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "`<id>.<secret>`, as `flex-router keys new` makes it. The scopes stand at each operation.",
        },
        "twilioSignature": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Twilio-Signature",
            "description": "Twilio's webhook signature; with a JSON body the URL carries `bodySHA256`.",
        },
    }


def _routing_paths() -> Json:
    escalation: Json = {
        "conversation_sid": "CH" + "4" * 32,
        "channel_type": "web",
        "reason": "asked-for-a-person",
        "attributes": {"topic": "billing", "tier": "gold"},
        "execution_sid": "FN" + "6" * 32,
    }
    transfer: Json = {
        "conversation_sid": "CH" + "4" * 32,
        "from": {"worker_sid": "WK" + "9" * 32},
        "to": {"queue": "tier2-billing"},
        "mode": "cold",
    }
    decision: Json = {"kind": "escalation", "conversation_sid": "CH" + "4" * 32, "attributes": {"topic": "billing"}}
    dry_run = _operation("decide", "routing", "What would the rules say? Nothing is created", security=_scope("decide"))
    dry_run |= {
        "requestBody": _body("Decision", decision),
        "responses": {"200": _json("Decision", "The decision and why")}
        | _problems(*_READING, *_KEY_CHECK, StoreUnavailableError),
    }
    return {
        "/v1/escalations": {"post": _request("escalate", "Hand a conversation to people", "Escalation", escalation)},
        "/v1/transfers": {"post": _request("transfer", "Hand a conversation on from its agent", "Transfer", transfer)},
        "/v1/decisions": {"post": dry_run},
    }


def _request(scope: str, summary: str, shape: str, example: Json) -> Json:
    operation = _operation(scope, "routing", summary, security=_scope(scope) + _SIGNED)
    made = {"201": "The invite was made", "200": "The same request was seen before; this is its invite",
            "202": "Accepted: the invite is being finished in the background"}  # fmt: skip
    header: Json = {"name": "Idempotency-Key", "in": "header", "schema": IDEMPOTENCY_KEY,
                    "description": "As `idempotency_key` in the body; quotes around it are left aside"}  # fmt: skip
    return operation | {
        "parameters": [header],
        "requestBody": _body(shape, example),
        "responses": {status: _json("Invite", text, invite_example()) for status, text in made.items()}
        | _problems(*_ASKING),
    }


def _invite_paths() -> Json:
    listing = _operation("list_invites", "invites", "Invites, newest first", security=_scope("invites:read"))
    listing |= {"parameters": _filters(), "responses": {"200": _json("Invites", "One page")} | _problems(
        InvalidFieldsError, *_KEY_CHECK, StoreUnavailableError)}  # fmt: skip
    one = _operation("get_invite", "invites", "One invite", security=_scope("invites:read"))
    one |= {"responses": {"200": _json("Invite", "The invite", invite_example())} | _problems(
        *_KEY_CHECK, NotFoundError, StoreUnavailableError)}  # fmt: skip
    cancel = _operation("cancel_invite", "invites", "Call an open invite off", security=_scope("invites:cancel"))
    cancel |= {"responses": {"200": _json("Invite", "The invite, canceled")} | _problems(
        *_KEY_CHECK, NotFoundError, ConflictError, InvalidFieldsError, StoreUnavailableError)}  # fmt: skip
    id_parameter: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "/v1/invites": {"get": listing},
        "/v1/invites/{id}": {"parameters": [id_parameter], "get": one},
        "/v1/invites/{id}/cancel": {"parameters": [id_parameter], "post": cancel},
    }


def _filters() -> list[Json]:
    fields: dict[str, Json] = {
        "state": {"enum": [str(state) for state in State]},
        "kind": {"enum": [str(kind) for kind in Kind]},
        "rule": {"type": "string"},
        "channel_sid": {"type": "string", "pattern": "^UO[0-9a-fA-F]{32}$"},
        "conversation_sid": {"type": "string", "pattern": "^CH[0-9a-fA-F]{32}$"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 40, "default": 25},
        "cursor": {"type": "string", "description": "`next_cursor` of the page before"},
    }
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


def _event_paths() -> Json:
    free: Json = {"type": "object", "additionalProperties": {"type": "string"}}
    batch: Json = {"type": "array", "items": {"type": "object"}}
    faults = (BadRequestError, LengthRequiredError, TooLargeError, ForbiddenError, StoreUnavailableError)
    stored: Json = {"204": {"description": "Stored, or nothing of ours"}}
    paths: Json = {}
    for path, name, summary, media_type, shape in (
        ("/v1/events/taskrouter", "taskrouter_event", "TaskRouter's event callback", FORM, free),
        ("/v1/events/streams", "streamed_events", "An Event Streams webhook sink (CloudEvents)", JSON, batch),
    ):
        operation = _operation(name, "events", summary, security=_SIGNED)
        operation["requestBody"] = {"required": True, "content": {media_type: {"schema": shape}}}
        paths[path] = {"post": operation | {"responses": stored | _problems(*faults)}}
    return paths


def _service_paths() -> Json:
    html: Json = {"description": "This description as a page", "content": {"text/html": {"schema": {"type": "string"}}}}
    itself: Json = {"description": "This description", "content": {JSON: {"schema": {"type": "object"}}}}
    answers: dict[str, tuple[str, str, Json]] = {
        "/livez": ("livez", "Does the process live?", {"200": _json("Alive", "It does")}),
        "/readyz": ("readyz", "Can it do its work?",
                    {"200": _json("Readiness", "It can"), "503": _json("Readiness", "It cannot; `checks` say why")}),
        "/openapi.json": ("openapi", "This description", {"200": itself}),
        "/docs": ("docs", "This description as a page", {"200": html}),
    }  # fmt: skip
    return {
        path: {"get": _operation(name, "service", summary, security=[]) | {"responses": responses}}
        for path, (name, summary, responses) in answers.items()
    }


def _operation(name: str, tag: str, summary: str, *, security: list[Json]) -> Json:
    return {"operationId": name, "tags": [tag], "summary": summary, "security": security}


def _scope(scope: str) -> list[Json]:
    return [{"appKey": [scope]}]


def _body(shape: str, example: Json) -> Json:
    content: Json = {JSON: {"schema": ref(f"{shape}Body"), "example": example}}
    content[FORM] = {"schema": ref("TransferForm" if shape == "Decision" else f"{shape}Form")}
    return {"required": True, "content": content}


def _json(shape: str, description: str, example: Json | None = None) -> Json:
    media: Json = {"schema": ref(shape)}
    return {"description": description, "content": {JSON: media | ({"example": example} if example else {})}}


def _problems(*kinds: type[RouterError]) -> Json:
    answers: Json = {}
    for kind in sorted(kinds, key=lambda kind: kind.status):
        body, status, headers = problem(kind("What is wrong, in a sentence"))
        answer: Json = {"description": kind.title, "content": {MEDIA_TYPE: {"schema": ref("Problem"), "example": body}}}
        if "Retry-After" in headers:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
        answers[str(status)] = answer
    return answers
