"""The description of the addresses of one conversation: errands, its timeline, and what became of a transfer."""

from service.errors import InvalidFieldsError, NotFoundError, StoreUnavailableError
from service.intake.openapi_parts import (
    ASKING,
    KEY_CHECK,
    KEY_HEADER,
    operation,
    parameter,
    problems,
    scope,
    shown,
)
from service.intake.openapi_shapes import Json, ref
from service.intake.payloads_json import JSON

ACT, READ = "conversations:act", "conversations:read"

# address, summary, an example of the body, what 200 and 202 mean
_ACTS: tuple[tuple[str, str, Json, str], ...] = (
    (
        "leave", "An agent goes, others stay",
        {"from": {"worker_sid": "WK" + "9" * 32}, "last": "transfer", "to": {"queue": "support"}},
        "The agent has gone, or `transferred`: somebody else is asked first",
    ),
    (
        "remove", "Somebody is taken off, by a supervisor or an app",
        {"participant": {"worker_sid": "WK" + "9" * 32}, "last": "transfer"},
        "That agent has gone, or `transferred`: somebody else is asked first",
    ),
    ("end", "The conversation is over; open invites are called off first", {"wrapup": True}, "It has ended"),
    (
        "park", "Nobody attends until the customer writes, a time is up, or an app says so",
        {"from": {"worker_sid": "WK" + "9" * 32}, "wake_after_s": 3600}, "It is parked",
    ),
    ("wake", "A parked conversation is attended again", {"reason": "paid"}, "Somebody has been asked"),
)  # fmt: skip


def conversation_paths() -> Json:
    """The paths."""
    named: Json = {"parameters": [parameter("conversation_sid")]}
    paths: Json = {
        f"/v1/conversations/{{conversation_sid}}/{name}": named | {"post": _act(name, summary, example, done)}
        for name, summary, example, done in _ACTS
    }
    timeline = operation("get_timeline", "conversations", "What was asked, who came, and when", security=scope(READ))
    live: Json = {"name": "live", "in": "query", "schema": {"enum": ["0", "1"]},
                  "description": "1: ask Twilio too who is on the channel now"}  # fmt: skip
    timeline |= {"parameters": [live], "responses": {"200": shown("Timeline", "The timeline")} | problems(
        *KEY_CHECK, NotFoundError, InvalidFieldsError, StoreUnavailableError)}  # fmt: skip
    paths["/v1/conversations/{conversation_sid}"] = named | {"get": timeline}
    for path, name, tag, needed, shape in (
        ("/v1/errands/{id}", "get_errand", "conversations", READ, "Errand"),
        ("/v1/transfers/{id}", "get_transfer", "routing", "invites:read", "TransferTold"),
    ):
        one = operation(name, tag, "Where it stands, and every step", security=scope(needed))
        one["responses"] = {"200": shown(shape, "Where it stands")} | problems(
            *KEY_CHECK, NotFoundError, StoreUnavailableError
        )
        paths[path] = {"parameters": [parameter("id")], "get": one}
    return paths


def _act(name: str, summary: str, example: Json, done: str) -> Json:
    act = operation(f"{name}_conversation", "conversations", summary, security=scope(ACT))
    answers = {"200": shown("Errand", done), "202": shown("Errand", "Under way: ask for the errand by its id")}
    return act | {
        "parameters": [KEY_HEADER],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": ref(f"{name.capitalize()}Body"), "example": example}},
        },
        "responses": answers | problems(*ASKING, NotFoundError),
    }
