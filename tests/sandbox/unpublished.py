"""What the Flex token validator asks and is answered, in the form of an OpenAPI file: Twilio has published none.

The answer is that of the README of npm ``twilio-flex-token-validator`` 1.6.0; that parts may be null, and the last two
of them, are from public code that reads it. ``token`` is not marked as required: logs keep forms, and this is JSON.
"""

from typing import Any


def _text(pattern: str = ".") -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "nullable": True}


_ANSWER = {
    "type": "object",
    "required": ["valid", "code", "message", "expiration", "realm_user_id", "identity", "roles", "worker_sid"],
    "properties": {
        "valid": {"type": "boolean"},
        "code": {"type": "integer"},
        "message": _text(),
        "expiration": _text(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
        "realm_user_id": _text(),
        "identity": _text(r"^(\w|_[0-9A-F]{2})+$"),
        "roles": {"type": "array", "items": {"type": "string"}, "nullable": True},
        "worker_sid": _text("^WK[0-9a-fA-F]{32}$"),
        "flex_instance_sid": _text("^GO[0-9a-fA-F]{32}$"),
        "flex_user_sid": _text("^FU[0-9a-fA-F]{32}$"),
    },
}

_ACCOUNT = {"name": "AccountSid", "in": "path", "schema": {"pattern": "^AC[0-9a-fA-F]{32}$"}}

IAM: dict[str, Any] = {
    "paths": {
        "/v1/Accounts/{AccountSid}/Tokens/validate": {
            "post": {
                "parameters": [_ACCOUNT],
                "requestBody": {
                    "content": {"application/json": {"schema": {"properties": {"token": {"type": "string"}}}}}
                },
                "responses": {"200": {"content": {"application/json": {"schema": _ANSWER}}}},
            }
        }
    }
}
