"""What became of a transfer: one word for every state of its last invite and of the agent who transfers."""

from dataclasses import replace

import pytest

from service.intake.transfers import OUTCOMES, OldAgent, chain_of, old_agent, outcome, transfer_view
from service.model import EMPTY_PLAN, Invite, Kind, Mode, Origin, Release, RoutingRequest, State
from service.tracking.store import Store
from tests.conftest import sid

COLD = RoutingRequest(Kind.TRANSFER, origin=Origin(worker_sid=sid("WK", 1)), mode=Mode.COLD)
INVITE = Invite(f"iv_00_{1:032x}", Kind.TRANSFER, State.PENDING, 1, COLD, EMPTY_PLAN, conversation_sid=sid("CH", 1))
REQUESTS = {
    OldAgent.STAYS: replace(COLD, mode=Mode.WARM),
    OldAgent.HERE: COLD,
    OldAgent.GONE: COLD,
    OldAgent.NOBODY: replace(COLD, origin=None),
}

WORDS = {
    # state: warm, old agent here, gone, nobody named
    "requested": ("waiting", "waiting", "waiting", "waiting"),
    "pending": ("waiting", "waiting", "waiting", "waiting"),
    "accepted": ("joined", "changing_hands", "transferred", "transferred"),
    "completed": ("joined", "kept", "transferred", "transferred"),
    "lapsed": ("waiting", "waiting", "waiting", "waiting"),
    "superseded": ("waiting", "waiting", "waiting", "waiting"),
    "released": ("kept", "kept", "left_alone", "left_alone"),
    "closed": ("closed", "closed", "closed", "closed"),
    "failed": ("failed", "failed", "left_alone", "failed"),
    "canceled": ("canceled", "canceled", "left_alone", "canceled"),
}
ROWS = [(state, old, word) for state, words in WORDS.items() for old, word in zip(OldAgent, words, strict=True)]


@pytest.mark.parametrize(("state", "old", "word"), ROWS, ids=lambda value: str(value))
def test_outcome_follows_state_and_old_agent(state: str, old: OldAgent, word: str) -> None:
    invite = replace(INVITE, state=State(state), request=REQUESTS[old], old_agent_gone=old is OldAgent.GONE)
    assert (old_agent([invite]), outcome([invite])) == (old, word)


def test_table_has_every_state() -> None:
    assert set(OUTCOMES) == {(state, old) for state in State for old in OldAgent}


def test_last_invite_decides_and_any_may_have_let_go() -> None:
    first = replace(INVITE, state=State.SUPERSEDED, old_agent_gone=True)
    assert outcome([first, replace(INVITE, state=State.ACCEPTED)]) == "transferred"


def test_chain_is_told_from_any_of_its_invites(store: Store) -> None:
    ids = [f"iv_00_{number:032x}" for number in (1, 2, 3)]
    chain = [
        replace(INVITE, id=name, predecessor=before, successor=after)
        for before, name, after in zip([None, *ids], ids, [*ids[1:], None], strict=False)
    ]
    for one in chain:
        store.create(one, due_in_s=60)
    for one in chain:
        assert [found.id for found in chain_of(store, one)] == ids
    view = transfer_view(store, chain[2])
    assert (view["id"], view["outcome"], view["release"]) == (ids[0], "waiting", "accepted")


def test_chain_that_turns_in_a_circle_ends(store: Store) -> None:
    ring = replace(INVITE, predecessor=INVITE.id, successor=INVITE.id)
    store.create(ring, due_in_s=60)
    assert len(chain_of(store, ring)) == 1


def test_warm_transfer_has_no_release(store: Store) -> None:
    warm = replace(INVITE, request=replace(COLD, mode=Mode.WARM, release=Release.QUEUED))
    assert transfer_view(store, warm)["release"] is None
