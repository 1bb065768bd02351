"""The shapes that the OpenAPI document names: request bodies from the models that check them, answers written out.

Only descriptions: nothing here is used to read a request or to build an answer.
"""

from copy import deepcopy

from pydantic.json_schema import models_json_schema

from service.intake.openapi_errands import errand_schemas, with_history
from service.intake.openapi_shapes import REFERENCE, Json, nothing_or, objects, ref, sid, text, time
from service.intake.payloads_errand_shape import EndBody, LeaveBody, ParkBody, RemoveBody, WakeBody
from service.intake.payloads_shape import MOST_KEY, VISIBLE, EscalationBody, TransferBody
from service.model import Kind, State

FLAT_ORIGIN = ("worker_sid", "participant_sid")
IDEMPOTENCY_KEY: Json = {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": VISIBLE}

_BODIES = (EscalationBody, TransferBody, LeaveBody, RemoveBody, EndBody, ParkBody, WakeBody)
_INVITE_ID = "iv_07_0f8e2c1b5a9d4e3f8071c2b3a4d5e6f7"


def schemas() -> Json:
    """All named shapes, requests and answers."""
    return (
        _requests()
        | errand_schemas()
        | {
            "Invite": _invite(),
            "Invites": objects(
                {"invites": {"type": "array", "items": ref("Invite")}, "next_cursor": nothing_or(text())}
            ),
            "Route": _route(),
            "Decision": _decision(),
            "Problem": _problem(),
            "Alive": objects({"status": {"const": "ok"}}),
            "Readiness": _readiness(),
        }
    )


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
        "asked_by": "key:crm",
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
    _, generated = models_json_schema([(shape, "validation") for shape in _BODIES], ref_template=REFERENCE + "{model}")
    made: Json = generated["$defs"]
    for shape in generated["$defs"].values():
        for field in shape["properties"].values():
            field.pop("title", None)  # its name again
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
    fields["attributes"] = text("JSON text of an object; see the JSON body")
    if "to" in fields:
        fields["to"] = text("JSON text of a target; see the JSON body")
        origin = fields.pop("from")["description"]
        fields |= {f"from_{name}": text(f"{origin}: its {name}") for name in FLAT_ORIGIN}
    form["title"] += " as a form"
    return form


def _invite() -> Json:
    states: Json = {"enum": [str(state) for state in State], "description": "Where the invite is in its life"}
    kinds: Json = {"enum": [str(kind) for kind in Kind], "description": "`adopted`: its task was made by others"}
    fields: Json = {
        "id": text("Our id of it; the task carries it as the attribute `router_invite_id`"),
        "state": states,
        "kind": kinds,
        "rule": nothing_or(text("The rule that chose; null for adopted tasks")),
        "route": nothing_or(ref("Route")),
    }
    fields |= {name: sid(prefix) for name, (prefix, _) in _EXAMPLE_SIDS.items()}
    fields |= {
        "worker_sid": sid("WK"),
        "attempt": {"type": "integer", "minimum": 0, "description": "How often its creation was tried"},
        "step": {"type": "integer", "minimum": 0, "description": "Which step of the rule this is, from 0"},
        "predecessor": nothing_or(text("The invite whose lapse led to this one")),
        "successor": nothing_or(text("The invite that followed when this one lapsed")),
        "reason": nothing_or(text("Why it ended")),
        "asked_by": nothing_or(text("`key:<id>`, `flex:WK…`, `twilio` or `errand:<id>`")),
        "created_at": time(),
        "due_at": nothing_or(time()),
    }
    return with_history(objects(fields)) | {"examples": [invite_example()]}


def _route() -> Json:
    return objects(
        {
            "target": {"enum": ["workflow", "queue", "worker"]},
            "workflow": text("The workflow's friendly name"),
            "workflow_sid": sid("WW"),
            "queue": nothing_or(text()),
            "queue_sid": sid("WQ"),
            "worker": nothing_or(text()),
            "worker_sid": sid("WK"),
            "task_channel": nothing_or(text("The TaskRouter channel's unique name")),
            "priority": nothing_or({"type": "integer"}),
            "timeout_s": nothing_or({"type": "integer", "description": "Seconds until the task lapses"}),
            "direct": {"type": "boolean", "description": "To queue and worker at once, through no workflow target"},
        }
    )


def _decision() -> Json:
    seen: Json = {"type": "object", "description": "The facts it looked at, as JSON texts"}
    condition = objects({"condition": text(), "held": {}, "saw": seen})
    trace = objects({"rule": text(), "matched": {"type": "boolean"}, "because": {"type": "array", "items": condition}})
    return objects(
        {
            "rule": text("The rule that matched"),
            "kind": {"enum": ["escalation", "transfer"]},
            "route": nothing_or(ref("Route")),
            "steps": {"type": "array", "items": ref("Route"), "description": "The route, then its fallbacks in order"},
            "on_lapse": {"enum": ["close", "leave"], "description": "What happens after the last step"},
            "rules_sha256": text("Of the rules file that decided"),
            "trace": {"type": "array", "items": trace, "description": "Rules passed over, and the one that matched"},
            "trace_omitted": {"type": "integer", "minimum": 0, "description": "Rules left out before the first shown"},
        }
    )


def _problem() -> Json:
    fault = objects({"field": text("The name as it was given"), "message": text("What is allowed")})
    told = objects({"status": {"type": "integer"}, "code": nothing_or({"type": "integer"})})
    required = {
        "type": {"type": "string", "format": "uri-reference", "description": "Tells kinds apart; can be opened"},
        "title": text(),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": text("What is wrong, without anything of the request's values"),
    }
    problem = objects(required)
    optional = {
        "errors": {"type": "array", "items": fault},
        "twilio": told | {"description": "Twilio's own refusal, if known"},
    }
    problem["properties"] = required | optional
    return problem | {"title": "Problem (RFC 9457)"}


def _readiness() -> Json:
    checks = objects({name: text("`ok`, or what is wrong") for name in ("store", "rules", "names")})
    return objects({"status": {"enum": ["ready", "not ready"]}, "checks": checks})
