"""Our values as the JSON of answers. Nothing personal: attributes and names of customers stay inside."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from service.model import Entry, Errand, Invite, Origin, Route
from service.reconcile.rulebook import Decision

TRACE_BYTES = 40_000  # every answer stays under the 64 kB that Studio parses


def invite_view(invite: Invite) -> dict[str, object]:
    """One invite as every address answers it."""
    return {
        "id": invite.id,
        "state": str(invite.state),
        "kind": str(invite.kind),
        "rule": invite.plan.rule or None,
        "route": route_view(invite.route) if invite.route else None,
        "interaction_sid": invite.interaction_sid,
        "channel_sid": invite.channel_sid,
        "conversation_sid": invite.conversation_sid,
        "invite_sid": invite.invite_sid,
        "task_sid": invite.task_sid,
        "worker_sid": invite.worker_sid,
        "attempt": invite.attempt,
        "step": invite.step,
        "predecessor": invite.predecessor,
        "successor": invite.successor,
        "reason": invite.reason,
        "asked_by": invite.asked_by,
        "created_at": iso(invite.created_at_ms),
        "due_at": iso(invite.due_ms),
    }


def errand_view(errand: Errand) -> dict[str, object]:
    """One errand as every address answers it."""
    rings_ms = None
    if errand.parked_at_ms is not None and errand.ask.wake_after_s is not None:
        rings_ms = errand.parked_at_ms + errand.ask.wake_after_s * 1000
    return {
        "id": errand.id,
        "kind": str(errand.kind),
        "state": str(errand.state),
        "outcome": errand.outcome,
        "reason": errand.reason or None,
        "interaction_sid": errand.interaction_sid,
        "channel_sid": errand.channel_sid,
        "conversation_sid": errand.conversation_sid,
        "who": origin_view(errand.ask.who),
        "worker_sid": errand.worker_sid,
        "successor": errand.successor,
        "wake_wanted": errand.wake_wanted,
        "parked_at": iso(errand.parked_at_ms),
        "wake_at": iso(rings_ms),
        "attempt": errand.attempt,
        "asked_by": errand.asked_by,
        "created_at": iso(errand.created_at_ms),
        "due_at": iso(errand.due_ms),
    }


def origin_view(who: Origin | None) -> dict[str, object] | None:
    """The agent who is meant."""
    return {"worker_sid": who.worker_sid, "participant_sid": who.participant_sid} if who else None


def told_view(view: dict[str, object], history: Iterable[Entry]) -> dict[str, object]:
    """A record's view with its history, oldest first."""
    return view | {"history": [{"at": iso(one.at_ms), "state": one.state, "what": one.what} for one in history]}


def route_view(route: Route) -> dict[str, object]:
    """One step of a plan."""
    return {
        "target": route.target,
        "workflow": route.workflow,
        "workflow_sid": route.workflow_sid,
        "queue": route.queue,
        "queue_sid": route.queue_sid,
        "worker": route.worker,
        "worker_sid": route.worker_sid,
        "task_channel": route.task_channel,
        "priority": route.priority,
        "timeout_s": route.timeout_s,
        "direct": route.direct,
    }


def decision_view(kind: str, decision: Decision, trace: list[dict[str, object]]) -> dict[str, object]:
    """What a dry run found. Of a long trace the rules nearest to the match are shown; the others are counted."""
    plan = decision.plan
    steps = [route_view(step) for step in plan.steps]
    shown = _last_that_fit(trace)
    return {
        "rule": plan.rule,
        "kind": kind,
        "route": steps[decision.step] if steps else None,
        "steps": steps,
        "on_lapse": plan.on_lapse,
        "rules_sha256": plan.rules_sha256,
        "trace": shown,
        "trace_omitted": len(trace) - len(shown),
    }


def _last_that_fit(trace: list[dict[str, object]]) -> list[dict[str, object]]:
    room = TRACE_BYTES
    for number, one in enumerate(reversed(trace)):
        room -= len(json.dumps(one)) + 1
        if room < 0:
            return trace[len(trace) - number :]
    return trace


def iso(at_ms: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 in UTC."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
