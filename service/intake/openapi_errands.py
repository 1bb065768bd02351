"""The shapes of errands, timelines and transfers as answers show them. Only descriptions, as in ``openapi_schemas``."""

from service.intake.openapi_shapes import Json, nothing_or, objects, ref, sid, text, time
from service.intake.transfers import OUTCOMES, OldAgent
from service.model import ErrandKind, ErrandState


def errand_schemas() -> Json:
    """The named shapes."""
    step: Json = {"at": time(), "state": text("From then on"), "what": text("What brought it")}
    return {
        "Errand": with_history(objects(_errand())),
        "Step": objects(step),
        "Event": objects({"at": step["at"], "id": text("Of the invite or errand"), **step}),
        "Who": objects({"worker_sid": sid("WK"), "participant_sid": sid("UT")}),
        "Timeline": _timeline(),
        "TransferTold": _transfer(),
    }


def with_history(shape: Json) -> Json:
    """The shape of a record, which some addresses show with its history."""
    history: Json = {"type": "array", "items": ref("Step"), "description": "Only where one record is told whole"}
    fields = shape["properties"]
    assert isinstance(fields, dict)
    return shape | {"properties": fields | {"history": history}}


def _errand() -> Json:
    return {
        "id": text(),
        "kind": {"enum": [str(kind) for kind in ErrandKind]},
        "state": {"enum": [str(state) for state in ErrandState]},
        "outcome": nothing_or(text("left, removed, transferred, ended, woken or closed, once it is done")),
        "reason": nothing_or(text("Why it ended so")),
        "interaction_sid": sid("KD"),
        "channel_sid": sid("UO"),
        "conversation_sid": sid("CH"),
        "who": nothing_or(ref("Who")),
        "worker_sid": sid("WK"),
        "successor": nothing_or(text("The invite that it has led to")),
        "wake_wanted": nothing_or(text("What woke it: message, timer or app")),
        "parked_at": nothing_or(time()),
        "wake_at": nothing_or(time()),
        "attempt": {"type": "integer"},
        "asked_by": nothing_or(text("`key:<id>`, `flex:WK…` or `twilio`")),
        "created_at": time(),
        "due_at": nothing_or(time()),
    }


def _timeline() -> Json:
    held = objects({"worker_sid": sid("WK"), "from": time(), "to": nothing_or(time())})
    shown: Json = {
        "invites": {"type": "array", "items": ref("Invite")},
        "errands": {"type": "array", "items": ref("Errand")},
        "held": {"type": "array", "items": held, "description": "Who attended from when to when"},
        "events": {"type": "array", "items": ref("Event"), "description": "Every step, oldest first"},
    }
    place: Json = {"conversation_sid": sid("CH"), "interaction_sid": sid("KD"), "channel_sid": sid("UO")}
    timeline = objects(place | {"parked": {"type": "boolean"}} | shown | {"omitted": _omitted(*shown)})
    person = objects({"participant_sid": sid("UT"), "type": text(), "worker_sid": sid("WK"), "task_sid": sid("WT")})
    live: Json = {
        "participants": nothing_or({"type": "array", "items": person}),
        "channel_status": nothing_or(text()),
        "live_reason": nothing_or(text("Why Twilio could not be asked")),
    }
    timeline["properties"] = {**place, "parked": {"type": "boolean"}, **shown, "omitted": _omitted(*shown), **live}
    return timeline


def _transfer() -> Json:
    return objects(
        {
            "id": text("Of its first invite"),
            "outcome": {"enum": sorted(set(OUTCOMES.values()))},
            "old_agent": {"enum": [str(one) for one in OldAgent]},
            "mode": {"enum": ["cold", "warm"]},
            "release": nothing_or({"enum": ["accepted", "queued", "immediately"]}),
            "from": nothing_or(ref("Who")),
            "worker_sid": sid("WK"),
            "conversation_sid": sid("CH"),
            "interaction_sid": sid("KD"),
            "channel_sid": sid("UO"),
            "asked_by": nothing_or(text()),
            "reason": nothing_or(text()),
            "invites": {"type": "array", "items": ref("Invite")},
            "steps": {"type": "array", "items": ref("Event")},
            "omitted": _omitted("invites", "steps"),
        }
    )


def _omitted(*names: str) -> Json:
    return objects({name: {"type": "integer", "minimum": 0} for name in names})
