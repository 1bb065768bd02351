"""One conversation told from our records: what was asked, who held the customer when, and every step. No I/O but reads.

An answer stays under the 64 kB that Studio parses: of each list the newest are kept, and the others are counted.
"""

import json
from collections.abc import Sequence
from typing import TypeVar

from service.errors import RouterError
from service.flex.http import budget
from service.intake.desk import Desk
from service.intake.views import errand_view, invite_view, iso, told_view
from service.model import Errand, ErrandState, Invite, State
from service.reconcile.parts import Parts

ROOM = {"invites": 22_000, "errands": 10_000, "held": 4_000, "events": 16_000}  # bytes of JSON
MOST_PEOPLE = 30
LIVE_S = 2.5

_RESTING = (ErrandState.PARKED, ErrandState.WAKING)

Shown = TypeVar("Shown", bound=dict[str, object])


def thread_of(parts: Parts, conversation_sid: str) -> tuple[str, str] | None:
    """Interaction and channel of a conversation, if known: a park may last longer than the store remembers threads."""
    thread = parts.store.thread_of(conversation_sid)
    if thread is not None:
        return thread
    errands = parts.errands.of_anchor(conversation_sid)
    return (errands[-1].interaction_sid, errands[-1].channel_sid) if errands else None


def timeline_view(parts: Parts, conversation_sid: str) -> dict[str, object] | None:
    """The timeline of a conversation; None if nothing is known of it. Asks the store alone."""
    thread = thread_of(parts, conversation_sid)
    anchors = [conversation_sid, *([thread[1]] if thread else [])]
    invites = _by_age({one.id: one for sid in anchors for one in parts.store.of_anchor(sid)})
    errands = _by_age({one.id: one for sid in anchors for one in parts.errands.of_anchor(sid)})
    if not (thread or invites or errands):
        return None
    lists = {
        "invites": [told_view(invite_view(one), one.history) for one in invites],
        "errands": [told_view(errand_view(one), one.history) for one in errands],
        "held": held(invites),
        "events": events([*invites, *errands]),
    }
    shown = {name: newest_that_fit(rows, ROOM[name]) for name, rows in lists.items()}
    return {
        "conversation_sid": conversation_sid,
        "interaction_sid": thread[0] if thread else None,
        "channel_sid": thread[1] if thread else None,
        "parked": any(one.state in _RESTING for one in errands),
        **shown,
        "omitted": {name: len(lists[name]) - len(shown[name]) for name in lists},
    }


def live_view(desk: Desk, conversation_sid: str) -> dict[str, object]:
    """Who is on the channel now, and its status, as Twilio shows them; null and ``live_reason`` where it does not."""
    nothing: dict[str, object] = {"participants": None, "channel_status": None}
    thread = thread_of(desk.parts, conversation_sid)
    if thread is None:
        return nothing | {"live_reason": "its channel is not known"}
    try:
        with desk.hand() as free, budget(LIVE_S):
            if not free:
                return nothing | {"live_reason": "too many requests wait for Twilio"}
            status = desk.parts.gateway.channel_status(*thread)
            people = desk.parts.gateway.participants(*thread)
    except RouterError as error:
        return nothing | {"live_reason": error.detail}
    shown = [
        {"participant_sid": one.sid, "type": one.type, "worker_sid": one.worker_sid, "task_sid": one.task_sid}
        for one in people[:MOST_PEOPLE]
    ]
    return {"participants": shown, "channel_status": status, "live_reason": None}


def held(invites: Sequence[Invite]) -> list[dict[str, object]]:
    """Who held the customer from when to when, by the accepts and the ends that we have heard of; oldest first."""
    spans: list[tuple[int, dict[str, object]]] = []
    for invite in invites:
        begun = next((one.at_ms for one in invite.history if one.state == State.ACCEPTED), None)
        if begun is None or invite.worker_sid is None:
            continue
        over = (one.at_ms for one in invite.history if one.at_ms >= begun and one.state not in _HOLDING)
        spans.append((begun, {"worker_sid": invite.worker_sid, "from": iso(begun), "to": iso(next(over, None))}))
    return [span for _, span in sorted(spans, key=lambda pair: pair[0])]


_HOLDING = (State.REQUESTED, State.PENDING, State.ACCEPTED)


def events(records: Sequence[Invite | Errand]) -> list[dict[str, object]]:
    """Every line of the records' histories, oldest first."""
    lines = [(entry, record.id) for record in records for entry in record.history]
    lines.sort(key=lambda line: line[0].at_ms)
    return [{"at": iso(one.at_ms), "id": name, "state": one.state, "what": one.what} for one, name in lines]


def newest_that_fit(rows: Sequence[Shown], room: int) -> list[Shown]:
    """The last of ``rows`` that together take at most ``room`` bytes of JSON."""
    for number, one in enumerate(reversed(rows)):
        room -= len(json.dumps(one)) + 2
        if room < 0:
            return list(rows[len(rows) - number :])
    return list(rows)


Record = TypeVar("Record", Invite, Errand)


def _by_age(records: dict[str, Record]) -> list[Record]:
    return sorted(records.values(), key=lambda one: (one.created_at_ms, one.id))
