"""The shapes that the OpenAPI document names: request bodies from the models that check them, answers written out.

Only descriptions: nothing here is used to read a request or to build an answer.
"""

from copy import deepcopy

from pydantic.json_schema import models_json_schema

from service.intake.payloads_shape import MOST_KEY, VISIBLE, EscalationBody, TransferBody
from service.model import Kind, State

Json = dict[str, object]

REFERENCE = "#/components/schemas/"
FLAT_ORIGIN = ("worker_sid", "participant_sid")
IDEMPOTENCY_KEY: Json = {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": VISIBLE}

_INVITE_ID = "iv_07_0f8e2c1b5a9d4e3f8071c2b3a4d5e6f7"


def ref(name: str) -> Json:
    """A reference to a named shape."""
    return {"$ref": REFERENCE + name}


def schemas() -> Json:
    """All named shapes, requests and answers."""
    return _requests() | {
        "Invite": _invite(),
        "Invites": _object({"invites": {"type": "array", "items": ref("Invite")}, "next_cursor": _or_null(_text())}),
        "Route": _route(),
        "Decision": _decision(),
        "Problem": _problem(),
        "Alive": _object({"status": {"const": "ok"}}),
        "Readiness": _readiness(),
    }


def invite_example() -> Json:
    """An invite as an answer shows it just after it was made."""
    sids = {name: prefix + digit * 32 for name, (prefix, digit) in _EXAMPLE_SIDS.items()}
    route = {"target": "workflow", "workflow": "everyone", "workflow_sid": "WW" + "7" * 32}
    blank = {"queue": None, "queue_sid": None, "worker": None, "worker_sid": None}
    asked = {"task_channel": "chat", "priority": None, "timeout_s": 120, "direct": False}
    return {
        "id": _INVITE_ID,
        "state": "pending",
        "kind": "escalation",
        "rule": "default",
        "route": route | blank | asked,
        **sids,
        "worker_sid": None,
        "attempt": 1,
        "step": 0,
        "predecessor": None,
        "successor": None,
        "reason": None,
        "created_at": "2026-11-20T09:00:00.000Z",
        "due_at": "2026-11-20T09:05:00.000Z",
    }


_EXAMPLE_SIDS = {
    "interaction_sid": ("KD", "1"),
    "channel_sid": ("UO", "2"),
    "conversation_sid": ("CH", "4"),
    "invite_sid": ("KG", "3"),
    "task_sid": ("WT", "5"),
}


def _requests() -> Json:
    _, generated = models_json_schema(
        [(EscalationBody, "validation"), (TransferBody, "validation")], ref_template=REFERENCE + "{model}"
    )
    made: Json = generated["$defs"]
    made["EscalationForm"] = _flat(made["EscalationBody"])
    made["TransferForm"] = _flat(made["TransferBody"])
    decision = deepcopy(made["TransferBody"])
    assert isinstance(decision, dict)
    decision |= {"title": "Decision request", "description": "The body of an escalation or transfer; nothing is made."}
    decision["properties"]["kind"] = {"enum": ["escalation", "transfer"], "default": "escalation"}
    made["DecisionBody"] = decision
    return made


def _flat(body: object) -> Json:
    """The same fields as a form carries them: texts only, JSON inside ``attributes`` and ``to``."""
    form = deepcopy(body)
    assert isinstance(form, dict)
    fields = form["properties"]
    fields["attributes"] = _text("JSON text of an object; see the JSON body")
    if "to" in fields:
        fields["to"] = _text("JSON text of a target; see the JSON body")
        origin = fields.pop("from")["description"]
        fields |= {f"from_{name}": _text(f"{origin}: its {name}") for name in FLAT_ORIGIN}
    form["title"] += " as a form"
    return form


def _invite() -> Json:
    states: Json = {"enum": [str(state) for state in State], "description": "Where the invite is in its life"}
    kinds: Json = {"enum": [str(kind) for kind in Kind], "description": "`adopted`: its task was made by others"}
    fields: Json = {
        "id": _text("Our id of it; the task carries it as the attribute `router_invite_id`"),
        "state": states,
        "kind": kinds,
        "rule": _or_null(_text("The rule that chose; null for adopted tasks")),
        "route": _or_null(ref("Route")),
    }
    fields |= {name: _sid(prefix) for name, (prefix, _) in _EXAMPLE_SIDS.items()}
    fields |= {
        "worker_sid": _sid("WK"),
        "attempt": {"type": "integer", "minimum": 0, "description": "How often its creation was tried"},
        "step": {"type": "integer", "minimum": 0, "description": "Which step of the rule this is, from 0"},
        "predecessor": _or_null(_text("The invite whose lapse led to this one")),
        "successor": _or_null(_text("The invite that followed when this one lapsed")),
        "reason": _or_null(_text("Why it ended")),
        "created_at": _time(),
        "due_at": _or_null(_time()),
    }
    return _object(fields) | {"examples": [invite_example()]}


def _route() -> Json:
    return _object(
        {
            "target": {"enum": ["workflow", "queue", "worker"]},
            "workflow": _text("The workflow's friendly name"),
            "workflow_sid": _sid("WW"),
            "queue": _or_null(_text()),
            "queue_sid": _sid("WQ"),
            "worker": _or_null(_text()),
            "worker_sid": _sid("WK"),
            "task_channel": _or_null(_text("The TaskRouter channel's unique name")),
            "priority": _or_null({"type": "integer"}),
            "timeout_s": _or_null({"type": "integer", "description": "Seconds until the task lapses"}),
            "direct": {"type": "boolean", "description": "To queue and worker at once, through no workflow target"},
        }
    )


def _decision() -> Json:
    seen: Json = {"type": "object", "description": "The facts it looked at, as JSON texts"}
    condition = _object({"condition": _text(), "held": {}, "saw": seen})
    trace = _object({"rule": _text(), "matched": {"type": "boolean"}, "because": {"type": "array", "items": condition}})
    return _object(
        {
            "rule": _text("The rule that matched"),
            "kind": {"enum": ["escalation", "transfer"]},
            "route": _or_null(ref("Route")),
            "steps": {"type": "array", "items": ref("Route"), "description": "The route, then its fallbacks in order"},
            "on_lapse": {"enum": ["close", "leave"], "description": "What happens after the last step"},
            "rules_sha256": _text("Of the rules file that decided"),
            "trace": {"type": "array", "items": trace, "description": "Rules passed over, and the one that matched"},
            "trace_omitted": {"type": "integer", "minimum": 0, "description": "Rules left out before the first shown"},
        }
    )


def _problem() -> Json:
    fault = _object({"field": _text("The name as it was given"), "message": _text("What is allowed")})
    told = _object({"status": {"type": "integer"}, "code": _or_null({"type": "integer"})})
    required = {
        "type": {"type": "string", "format": "uri-reference", "description": "Tells kinds apart; can be opened"},
        "title": _text(),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _text("What is wrong, without anything of the request's values"),
    }
    problem = _object(required)
    optional = {"errors": {"type": "array", "items": fault}, "twilio": told | {"description": "Twilio's own refusal"}}
    problem["properties"] = required | optional
    return problem | {"title": "Problem (RFC 9457)"}


def _readiness() -> Json:
    checks = _object({name: _text("`ok`, or what is wrong") for name in ("store", "rules", "names")})
    return _object({"status": {"enum": ["ready", "not ready"]}, "checks": checks})


def _object(fields: Json) -> Json:
    return {"type": "object", "properties": fields, "required": list(fields)}


def _text(description: str = "") -> Json:
    return {"type": "string", "description": description} if description else {"type": "string"}


def _time() -> Json:
    return {"type": "string", "format": "date-time", "description": "ISO 8601, UTC"}


def _sid(prefix: str) -> Json:
    return {"type": ["string", "null"], "pattern": f"^{prefix}[0-9a-fA-F]{{32}}$"}


def _or_null(shape: Json) -> Json:
    return {"anyOf": [shape, {"type": "null"}]}
