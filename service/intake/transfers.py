"""What became of a transfer: its invites along the ladder as one story with one outcome. Pure, but for the reading."""

from collections.abc import Sequence
from enum import StrEnum

from service.intake.timeline import events, newest_that_fit
from service.intake.views import invite_view, origin_view
from service.model import Invite, Mode, Release, State
from service.tracking.store import Store

MOST_STEPS = 20  # a ladder has ten ("Limits" of the rules)
ROOM = {"invites": 26_000, "steps": 26_000}  # bytes of JSON


class OldAgent(StrEnum):
    """The agent who transfers: ``stays`` (warm), ``here`` (cold, not let go yet), ``gone``, or ``nobody`` was named."""

    STAYS = "stays"
    HERE = "here"
    GONE = "gone"
    NOBODY = "nobody"


_STATES = (OldAgent.STAYS, OldAgent.HERE, OldAgent.GONE, OldAgent.NOBODY)

# The outcome by the last invite's state, for the old agent in the order of _STATES. A lapsed invite is being judged,
# and a superseded one has a successor: somebody may still come.
_TABLE: dict[State, tuple[str, str, str, str]] = {
    State.REQUESTED: ("waiting", "waiting", "waiting", "waiting"),
    State.PENDING: ("waiting", "waiting", "waiting", "waiting"),
    State.ACCEPTED: ("joined", "changing_hands", "transferred", "transferred"),
    State.COMPLETED: ("joined", "kept", "transferred", "transferred"),
    State.LAPSED: ("waiting", "waiting", "waiting", "waiting"),
    State.SUPERSEDED: ("waiting", "waiting", "waiting", "waiting"),
    State.RELEASED: ("kept", "kept", "left_alone", "left_alone"),
    State.CLOSED: ("closed", "closed", "closed", "closed"),
    State.FAILED: ("failed", "failed", "left_alone", "failed"),
    State.CANCELED: ("canceled", "canceled", "left_alone", "canceled"),
}
OUTCOMES = {(state, old): row[index] for state, row in _TABLE.items() for index, old in enumerate(_STATES)}

_WORDS = {Release.ON_ACCEPT: "accepted", Release.QUEUED: "queued", Release.IMMEDIATELY: "immediately"}


def outcome(chain: Sequence[Invite]) -> str:
    """One word for where a transfer stands, from all its invites in order (at least one)."""
    return OUTCOMES[chain[-1].state, old_agent(chain)]


def old_agent(chain: Sequence[Invite]) -> OldAgent:
    """What has become of the agent who transfers."""
    request = chain[0].request
    if request.mode is Mode.WARM:
        return OldAgent.STAYS
    if any(one.old_agent_gone for one in chain):
        return OldAgent.GONE
    return OldAgent.HERE if request.origin else OldAgent.NOBODY


def transfer_view(store: Store, invite: Invite) -> dict[str, object]:
    """The transfer that ``invite`` is a step of. Raises StoreUnavailableError."""
    chain = chain_of(store, invite)
    first, last = chain[0], chain[-1]
    cold = first.request.mode is Mode.COLD
    invites = [invite_view(one) for one in chain]
    steps = events(chain)
    shown = {"invites": newest_that_fit(invites, ROOM["invites"]), "steps": newest_that_fit(steps, ROOM["steps"])}
    return {
        "id": first.id,
        "outcome": outcome(chain),
        "old_agent": str(old_agent(chain)),
        "mode": str(first.request.mode or Mode.COLD),
        "release": _WORDS[first.release] if cold else None,
        "from": origin_view(first.request.origin),
        "worker_sid": last.worker_sid,
        "conversation_sid": last.conversation_sid,
        "interaction_sid": last.interaction_sid,
        "channel_sid": last.channel_sid,
        "asked_by": first.asked_by,
        "reason": last.reason,
        **shown,
        "omitted": {"invites": len(invites) - len(shown["invites"]), "steps": len(steps) - len(shown["steps"])},
    }


def chain_of(store: Store, invite: Invite) -> list[Invite]:
    """The invites of one ladder in order, as far as they are remembered."""
    chain = [invite]
    while len(chain) < MOST_STEPS and (before := _other(store, chain, chain[0].predecessor)):
        chain.insert(0, before)
    while len(chain) < MOST_STEPS and (after := _other(store, chain, chain[-1].successor)):
        chain.append(after)
    return chain


def _other(store: Store, chain: Sequence[Invite], invite_id: str | None) -> Invite | None:
    if invite_id is None or any(one.id == invite_id for one in chain):
        return None
    return store.get(invite_id)
