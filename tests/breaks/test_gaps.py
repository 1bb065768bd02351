"""Promises that a deliberate break of the code has shown to be held by no other test."""

import contextlib

from service.errors import RouterError
from service.intake.signatures import FORM, SIGNATURE_HEADER, verify
from service.model import State
from service.reconcile.fulfil import send
from service.tracking.store import Store
from tests.conftest import sid
from tests.flow.acts import errand, joins, served, state, transfer
from tests.flow.kept import Build
from tests.flow.test_lapses import terminal
from tests.flow.world import World, sign
from tests.tracking.test_store import draft

DAY_S = 90_000
TOKEN = "0" * 32


def test_nothing_is_closed_within_the_grace(build: Build) -> None:
    world = build(CLOSE_GRACE_S="60")
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.reconciler.parts.taskrouter.cancel_task(str(invite["task_sid"]), "x")
    world.await_state(invite["id"], "lapsed")
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_lapse_moves_the_due_time(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=600)
    now_ms = store.move(invite.id, "lapsed", due=5).now_ms
    assert store.get(invite.id).due_ms == now_ms + 5000  # type: ignore[union-attr]


def test_page_that_failed_is_read_again(world: World) -> None:
    """The first pages are read and tell of newer events than the one that fails."""
    world.catch_up()
    world.control("POST", "callbacks", {"lost": True})
    invite = world.escalate(world.customer()["conversation_sid"])
    world.advance(DAY_S)
    world.escalate(world.customer()["conversation_sid"])
    world.fault("GET /v1/Workspaces/*/Events", status=500, skip=3)
    with contextlib.suppress(RouterError):
        world.catch_up()
    world.control("DELETE", "faults")
    world.catch_up()
    assert world.invite(invite["id"])["state"] == "lapsed"


def test_every_move_leaves_a_line(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=600)
    store.move(invite.id, "created", due=5)
    store.move(invite.id, "accepted", due=5, what="reservation.accepted WK1")
    history = store.get(invite.id).history  # type: ignore[union-attr]
    assert [entry.what for entry in history] == ["asked", "created", "reservation.accepted WK1"]


def test_lapse_before_the_emptying_is_judged(world: World) -> None:
    """Its task is over, so no list of live ones tells of it: only the events of the last day do."""
    world.escalate(world.customer()["conversation_sid"])
    world.advance(DAY_S)
    world.redis.flushall()
    world.catch_up()
    world.turn()
    assert world.judge()["orphaned"] == []


def test_channel_stays_while_an_invite_is_in_doubt(build: Build) -> None:
    """Nothing came of the create, but that is not known before it has been looked for."""
    world = build(REQUEST_BUDGET_S="2")
    first = served(world)
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST */Invites", reset=True, when="before")
    transfer(world, first, to={"worker": "bob"})
    ended = errand(world, "end", first)
    assert (ended["state"], state(world, first)) == ("taken", "active")


def test_event_is_stored_before_it_is_answered(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    assert world.event(terminal(world, invite.json, "task.canceled", number=1)) == 204
    assert world.invite(invite["id"])["state"] == "lapsed"


def test_event_that_cannot_be_stored_is_refused(world: World) -> None:
    """TaskRouter is told to repeat what is answered with 5xx."""
    invite = world.escalate(world.customer()["conversation_sid"])
    world.redis.config_set("min-replicas-to-write", "1")
    try:
        assert world.event(terminal(world, invite.json, "task.canceled", number=1)) == 503
    finally:
        world.redis.config_set("min-replicas-to-write", "0")


def test_event_is_answered_without_a_call(world: World) -> None:
    invite = world.escalate(world.customer()["conversation_sid"])
    before = len(world.calls(""))
    assert world.event(terminal(world, invite.json, "task.canceled", number=1)) == 204
    assert len(world.calls("")) == before


def test_supervisor_without_a_task_is_not_hung_up_on(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    joins(world, invite)
    world.advance(DAY_S)
    world.await_state(invite["id"], "lapsed")
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_one_of_two_processes_makes_the_call(world: World) -> None:
    """Both have read the same record; the claim of one has lapsed while it was slow."""
    parts = world.reconciler.parts
    world.fault("POST /v1/Interactions", status=429)
    invite = parts.store.get(str(world.escalate(world.customer()["conversation_sid"])["id"]))
    assert invite is not None
    assert invite.state is State.REQUESTED
    before = len(world.calls("POST /v1/Interactions"))
    for _ in range(2):
        send(parts, invite, now_ms=parts.store.now_ms())
    assert len(world.calls("POST /v1/Interactions")) == before + 1


def test_signature_of_the_bare_address_is_refused() -> None:
    """The query tells which errand is to be woken: nobody may add one to an address that was signed without."""
    url = "https://router.example.com/v1/events/conversations"
    headers = {SIGNATURE_HEADER: sign(url + "a1", TOKEN)}
    assert verify(url, FORM, b"a=1", headers[SIGNATURE_HEADER], tokens=[TOKEN])
    assert not verify(f"{url}?errand={sid('er', 1)}", FORM, b"a=1", headers[SIGNATURE_HEADER], tokens=[TOKEN])
