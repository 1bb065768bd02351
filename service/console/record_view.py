"""Records as rows and cards: SIDs, states and names of rules; never attributes or what anybody wrote. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from service.console.house import STATES
from service.console.words import exactly, moment
from service.model import Errand, ErrandState, Invite, Kind, Route, State
from service.reconcile.rulebook import NAMED_TARGET

CANCELABLE = (State.REQUESTED, State.PENDING, State.LAPSED)
ENDABLE = (State.REQUESTED, State.PENDING, State.ACCEPTED, State.LAPSED)
OPEN = (*ENDABLE, State.FAILED, State.CANCELED)
OPEN_ERRANDS = (ErrandState.TAKEN, ErrandState.PARKED, ErrandState.WAKING)


def invite_row(invite: Invite, now_ms: int) -> dict[str, Any]:
    """One invite in a list."""
    return {
        "id": invite.id,
        "kind": str(invite.kind),
        "state": str(invite.state),
        "words": STATES[invite.state],
        "rule": invite.plan.rule or "–",
        "target": target_of(invite.route) if invite.route else "–",
        "sid": invite.conversation_sid or invite.channel_sid or invite.id,
        "worker_sid": invite.worker_sid,
        "made": moment(invite.created_at_ms, now_ms),
        "due": moment(invite.due_ms, now_ms),
        "step": f"{invite.step + 1} of {len(invite.plan.steps)}" if len(invite.plan.steps) > 1 else "",
        "attempt": invite.attempt,
        "trouble": invite.trouble,
        "acts": acts_on(invite),
    }


def errand_row(errand: Errand, now_ms: int) -> dict[str, Any]:
    """One errand in the same list."""
    return {
        "id": errand.id,
        "kind": str(errand.kind),
        "state": str(errand.state),
        "words": STATES[errand.state],
        "rule": "–",
        "target": "–",
        "sid": errand.conversation_sid or errand.channel_sid,
        "worker_sid": errand.worker_sid,
        "made": moment(errand.created_at_ms, now_ms),
        "due": moment(errand.due_ms, now_ms),
        "step": "",
        "attempt": errand.attempt,
        "trouble": errand.trouble,
        "acts": acts_on(errand),
    }


def acts_on(record: Invite | Errand) -> list[tuple[str, str]]:
    """What may be tried with a record now: the act's word and its name on the button."""
    if isinstance(record, Errand):
        if record.state not in OPEN_ERRANDS:
            return []
        waking = record.state in (ErrandState.PARKED, ErrandState.WAKING)
        return [*([("wake", "Wake")] if waking else []), ("end", "End"), ("retry", "Look now")]
    acts = []
    if record.state in CANCELABLE:
        acts += [("reroute", "Re-route"), ("cancel", "Cancel")]
    if record.state in ENDABLE and record.interaction_sid and record.channel_sid and record.conversation_sid:
        acts.append(("end", "End"))
    if record.state in OPEN and record.due_ms is not None:
        acts.append(("retry", "Look now"))
    return acts


def target_of(route: Route) -> str:
    """Where a step leads, by the names that people know."""
    if route.target == "worker":
        return f"worker {route.worker or route.worker_sid}"
    return f"queue {route.queue}" if route.target == "queue" else f"workflow {route.workflow}"


def invite_card(invite: Invite, now_ms: int) -> dict[str, Any]:
    """One invite with its plan, the rule trace and its history."""
    return {
        **invite_row(invite, now_ms),
        **_asked_by(invite.asked_by),
        "named": invite.plan.rule == NAMED_TARGET,
        "reason": invite.reason,
        "sids": _sids(invite),
        "steps": [_step(route, number, invite.step) for number, route in enumerate(invite.plan.steps)],
        "after": _after(invite),
        "trace": trace_of(invite.plan.trace),
        "adopted": invite.kind is Kind.ADOPTED,
        "rules": invite.plan.rules_sha256[:12],
    }


def errand_card(errand: Errand, now_ms: int) -> dict[str, Any]:
    """One errand with what came of it."""
    return {
        **errand_row(errand, now_ms),
        **_asked_by(errand.asked_by),
        "told": _told(errand),
        "successor": errand.successor,
    }


def _asked_by(who: str | None) -> dict[str, str]:
    """An app, an agent or the console; or an errand, which has a page of its own."""
    kind, _, name = (who or "").partition(":")
    return {"asked_by": "", "errand": name} if kind == "errand" else {"asked_by": who or "", "errand": ""}


def _told(errand: Errand) -> str:
    """What came of it, in a sentence; "" while nothing has."""
    if errand.outcome or errand.reason:
        return f"{', '.join(part for part in (errand.outcome, errand.reason) if part).capitalize()}."
    return f"It is to be woken: by {errand.wake_wanted}." if errand.wake_wanted else ""


def _sids(invite: Invite) -> list[tuple[str, str]]:
    named = (
        ("conversation", invite.conversation_sid),
        ("interaction", invite.interaction_sid),
        ("channel", invite.channel_sid),
        ("invite", invite.invite_sid),
        ("task", invite.task_sid),
        ("worker", invite.worker_sid),
        ("predecessor", invite.predecessor),
        ("successor", invite.successor),
    )
    return [(name, sid) for name, sid in named if sid]


def _step(route: Route, number: int, current: int) -> dict[str, Any]:
    notes = [f"priority {route.priority}"] if route.priority is not None else []
    notes += [f"for {exactly(route.timeout_s)}"] if route.timeout_s is not None else []
    notes += [f"skipped if {' '.join(route.skip_if.split())}"] if route.skip_if else []
    place = "current" if number == current else "tried" if number < current else "later"
    return {"number": number + 1, "target": target_of(route), "notes": ", ".join(notes), "place": place}


def _after(invite: Invite) -> str:
    if not invite.plan.steps:
        return ""
    ending = "the conversation is closed" if invite.plan.on_lapse == "close" else "the conversation is left open"
    return f"After the last: {ending}{', with a farewell' if invite.plan.farewell else ''}."


def trace_of(text: str) -> dict[str, Any] | None:
    """The trace that is stored with an invite, for a page; None where there is none, or it cannot be read."""
    try:
        stored = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(stored, Mapping):
        return None
    passed = [{"rule": str(name), "because": _outcomes(parts)} for name, *parts in stored.get("passed", [])]
    return {
        "rule": str(stored.get("rule", "")),
        "because": _outcomes(stored.get("because", [])),
        "passed": passed,
        "left_out": int(stored.get("left_out", 0)),
        "unknown": [str(name) for name in stored.get("unknown", [])],
    }


def _outcomes(parts: Sequence[Sequence[object]]) -> list[dict[str, Any]]:
    return [{"text": str(part[0]), "held": bool(part[1])} for part in parts]
