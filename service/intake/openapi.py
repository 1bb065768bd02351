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
    StoreUnavailableError,
    TooLargeError,
)
from service.intake.openapi_conversations import conversation_paths
from service.intake.openapi_parts import (
    ASKING,
    KEY_CHECK,
    KEY_HEADER,
    READING,
    SIGNED,
    body,
    operation,
    parameter,
    problem_answers,
    problems,
    scope,
    shown,
)
from service.intake.openapi_schemas import schemas
from service.intake.openapi_shapes import Json
from service.intake.payloads_json import FORM, JSON
from service.model import Kind, State


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
        "tags": [{"name": name} for name in ("routing", "invites", "conversations", "events", "service")],
        "paths": _routing_paths() | _invite_paths() | conversation_paths() | _event_paths() | _service_paths(),
        "components": {
            "schemas": schemas(),
            "responses": problem_answers(),
            "securitySchemes": _security_schemes(),
        },
    }


def _security_schemes() -> Json:
    return {
        "appKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "`<id>.<secret>`, as `flex-router keys new` makes it. The scopes stand at each operation.",
        },
        "flexToken": {
            "type": "http",
            "scheme": "bearer",
            "description": (
                "The token of a Flex user, as a plugin has it. Supervisors and admins may do anything; an agent only "
                "what concerns conversations that this agent attends."
            ),
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
    dry_run = operation("decide", "routing", "What would the rules say? Nothing is created", security=scope("decide"))
    dry_run |= {
        "requestBody": body("Decision", decision),
        "responses": {"200": shown("Decision", "The decision and why")}
        | problems(*READING, *KEY_CHECK, StoreUnavailableError),
    }
    return {
        "/v1/escalations": {"post": _request("escalate", "Hand a conversation to people", "Escalation", escalation)},
        "/v1/transfers": {"post": _request("transfer", "Hand a conversation on from its agent", "Transfer", transfer)},
        "/v1/decisions": {"post": dry_run},
    }


def _request(name: str, summary: str, shape: str, example: Json) -> Json:
    asked = operation(name, "routing", summary, security=scope(name) + SIGNED)
    made = {"201": "The invite was made", "200": "The same request was seen before; this is its invite",
            "202": "Accepted: the invite is being finished in the background"}  # fmt: skip
    return asked | {
        "parameters": [KEY_HEADER],
        "requestBody": body(shape, example),
        "responses": {status: shown("Invite", text) for status, text in made.items()} | problems(*ASKING),
    }


def _invite_paths() -> Json:
    listing = operation("list_invites", "invites", "Invites, newest first", security=scope("invites:read"))
    listing |= {"parameters": _filters(), "responses": {"200": shown("Invites", "One page")} | problems(
        InvalidFieldsError, *KEY_CHECK, StoreUnavailableError)}  # fmt: skip
    one = operation("get_invite", "invites", "One invite", security=scope("invites:read"))
    one |= {"responses": {"200": shown("Invite", "The invite")} | problems(
        *KEY_CHECK, NotFoundError, StoreUnavailableError)}  # fmt: skip
    cancel = operation("cancel_invite", "invites", "Call an open invite off", security=scope("invites:cancel"))
    cancel |= {"responses": {"200": shown("Invite", "The invite, canceled")} | problems(
        *KEY_CHECK, NotFoundError, ConflictError, InvalidFieldsError, StoreUnavailableError)}  # fmt: skip
    return {
        "/v1/invites": {"get": listing},
        "/v1/invites/{id}": {"parameters": [parameter("id")], "get": one},
        "/v1/invites/{id}/cancel": {"parameters": [parameter("id")], "post": cancel},
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
        ("/v1/events/conversations", "message_event", "A parked conversation's webhook (onMessageAdded)", FORM, free),
        ("/v1/events/streams", "streamed_events", "An Event Streams webhook sink (CloudEvents)", JSON, batch),
    ):
        told = operation(name, "events", summary, security=SIGNED)
        told["requestBody"] = {"required": True, "content": {media_type: {"schema": shape}}}
        paths[path] = {"post": told | {"responses": stored | problems(*faults)}}
    return paths


def _service_paths() -> Json:
    html: Json = {"description": "This description as a page", "content": {"text/html": {"schema": {"type": "string"}}}}
    counted: Json = {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
    itself: Json = {"description": "This description", "content": {JSON: {"schema": {"type": "object"}}}}
    answers: dict[str, tuple[str, str, Json]] = {
        "/livez": ("livez", "Does the process live?", {"200": shown("Alive", "It does")}),
        "/readyz": ("readyz", "Can it do its work?",
                    {"200": shown("Readiness", "It can"), "503": shown("Readiness", "It cannot; `checks` say why")}),
        "/metrics": ("metrics", "What Prometheus reads; with a key of the scope `metrics` where there is such a key",
                     {"200": counted} | problems(*KEY_CHECK)),
        "/openapi.json": ("openapi", "This description", {"200": itself}),
        "/docs": ("docs", "This description as a page", {"200": html}),
    }  # fmt: skip
    return {
        path: {"get": operation(name, "service", summary, security=_read_by(name)) | {"responses": responses}}
        for path, (name, summary, responses) in answers.items()
    }


def _read_by(name: str) -> list[Json]:
    return [{}, {"appKey": [name]}] if name == "metrics" else []
