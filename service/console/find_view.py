"""*Find*: one conversation told from our records. Pure, but for the reading."""

import re
from collections.abc import Sequence
from typing import Any

from service.console.house import STATES
from service.console.lookup import Found
from service.console.office import Office
from service.console.record_view import errand_card, errand_row, invite_card, invite_row
from service.console.words import moment, span
from service.intake.timeline import thread_of
from service.model import Errand, ErrandState, Invite, State, is_sid

MOST_CARDS = 40
MOST_EVENTS = 400
_HOLDING = (State.REQUESTED, State.PENDING, State.ACCEPTED)

OUTCOMES = {"lost": "no answer came", "unsent": "it could not be sent"}
_CALL = re.compile(r"(.+): (\S+) in (\d+) ms(?: (\S+))?")

# The history's words, which are signals of ours or types of TaskRouter's events → what people read.
WORDS = {
    "asked": "asked for",
    "created": "task made at Twilio",
    "task.created": "task made at Twilio",
    "workflow.entered": "entered its workflow",
    "workflow.target-matched": "a target of the workflow matched",
    "task-queue.entered": "entered a queue",
    "reservation.created": "rang at an agent",
    "reservation.accepted": "an agent accepted",
    "accepted": "an agent accepted",
    "completed": "the task was completed",
    "task.completed": "the task was completed",
    "task.canceled": "the task was canceled",
    "task.deleted": "the task was deleted",
    "task.system-deleted": "Twilio deleted the task",
    "workflow.timeout": "the workflow gave up",
    "workflow.skipped": "no target of the workflow fitted",
    "lapsed": "ended with nobody having come",
    "refused": "refused",
    "closed": "conversation closed",
    "released": "let go: somebody is there, or it was left on purpose",
    "superseded": "the next step was taken",
}


def told(office: Office, sid: str, *, now_ms: int) -> dict[str, Any] | None:
    """The page of one conversation or channel; None if nothing is known of it. Raises StoreUnavailableError."""
    parts = office.desk.parts
    thread = thread_of(parts, sid) if sid.startswith("CH") else None
    anchors = [sid, *([thread[1]] if thread else [])]
    invites = {one.id: one for anchor in anchors for one in parts.store.of_anchor(anchor)}
    errands = {one.id: one for anchor in anchors for one in parts.errands.of_anchor(anchor)}
    if not (thread or invites or errands):
        return None
    return conversation_view(sid, thread, [*invites.values()], [*errands.values()], now_ms=now_ms)


def conversation_view(
    sid: str,
    thread: tuple[str, str] | None,
    invites: Sequence[Invite],
    errands: Sequence[Errand],
    *,
    now_ms: int,
) -> dict[str, Any]:
    """Everything on that page: cards newest first, events oldest first."""
    by_age = sorted(invites, key=lambda one: (one.created_at_ms, one.id))
    errands = sorted(errands, key=lambda one: (one.created_at_ms, one.id))
    channel = thread[1] if thread else next((one.channel_sid for one in by_age if one.channel_sid), None)
    return {
        "sid": sid,
        "interaction_sid": thread[0]
        if thread
        else next((i.interaction_sid for i in by_age if i.interaction_sid), None),
        "channel_sid": channel if channel != sid else None,
        "standing": standing(by_age, errands, now_ms=now_ms),
        "invites": [invite_card(one, now_ms) for one in reversed(by_age[-MOST_CARDS:])],
        "errands": [errand_card(one, now_ms) for one in reversed(errands[-MOST_CARDS:])],
        "held": _held(by_age, now_ms),
        "events": _events([*by_age, *errands], now_ms),
        "omitted": max(0, len(by_age) - MOST_CARDS) + max(0, len(errands) - MOST_CARDS),
    }


def standing(invites: Sequence[Invite], errands: Sequence[Errand], *, now_ms: int) -> str:
    """Where the customer is now, as far as we have heard, in a sentence."""
    if any(one.state in (ErrandState.PARKED, ErrandState.WAKING) for one in errands):
        return "Parked: it waits for the customer to write, for a timer, or for an app."
    for state, text in (
        (State.ACCEPTED, "With an agent"),
        (State.PENDING, "Waiting for an agent"),
        (State.REQUESTED, "The invite is being made at Twilio"),
        (State.LAPSED, "Nobody came; the channel is being judged"),
    ):
        mine = [one for one in invites if one.state is state]
        if mine:
            return f"{text}, for {span((now_ms - _since(mine[-1])) / 1000)}."
    if not invites:
        return "Known, without any invite of ours."
    return f"Nothing is open. The last invite: {STATES[invites[-1].state]}."


def _since(invite: Invite) -> int:
    return next((one.at_ms for one in reversed(invite.history) if one.state == invite.state), invite.created_at_ms)


def _held(invites: Sequence[Invite], now_ms: int) -> list[dict[str, Any]]:
    """Who held the customer from when to when, by the accepts and ends that we have heard of."""
    spans = []
    for invite in invites:
        begun = next((one.at_ms for one in invite.history if one.state == State.ACCEPTED), None)
        if begun is None or invite.worker_sid is None:
            continue
        over = next((one.at_ms for one in invite.history if one.at_ms >= begun and one.state not in _HOLDING), None)
        lasted = span(((over or now_ms) - begun) / 1000)
        spans.append(
            (
                begun,
                {
                    "worker_sid": invite.worker_sid,
                    "from": moment(begun, now_ms),
                    "to": moment(over, now_ms),
                    "lasted": lasted,
                },
            )
        )
    return [one for _, one in sorted(spans, key=lambda pair: pair[0])]


def _events(records: Sequence[Invite | Errand], now_ms: int) -> list[dict[str, Any]]:
    lines = sorted(((entry, one) for one in records for entry in one.history), key=lambda line: line[0].at_ms)
    return [
        {
            "at": moment(entry.at_ms, now_ms),
            "state": entry.state,
            "id": one.id,
            "record": f"errand: {one.kind}" if isinstance(one, Errand) else str(one.kind),
            "call": call_of(entry.call),
            **_words(entry.what),
        }
        for entry, one in lines[-MOST_EVENTS:]
    ]


def _words(what: str) -> dict[str, str]:
    """What people read for a line of the history, and the worker in it, if there is one."""
    first, _, rest = what.partition(" ")
    told = f"{WORDS[first]} {rest}".strip() if first in WORDS else what
    before, _, worker = told.rpartition(" ")
    return {"what": before, "worker_sid": worker} if is_sid(worker, "WK") else {"what": told, "worker_sid": ""}


def call_of(text: str) -> dict[str, Any] | None:
    """A call of Twilio as the page tells it; None for a line that tells of none."""
    found = _CALL.fullmatch(text)
    if found is None:
        return None
    operation, outcome, ms, request_id = found.groups()
    came = OUTCOMES.get(outcome, f"answered {outcome}")
    failed = not outcome.startswith("2")
    return {"operation": operation, "came": came, "took": f"{ms} ms", "request_id": request_id or "", "failed": failed}


def several(found: Found, *, now_ms: int) -> list[dict[str, Any]]:
    """The rows where a text leads to more than one conversation."""
    return [errand_row(one, now_ms) if isinstance(one, Errand) else invite_row(one, now_ms) for one in found.records]
