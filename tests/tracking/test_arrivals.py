"""Several events at once do what they would do one after the other, in fewer trips."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import StoreUnavailableError
from service.model import EMPTY_PLAN, Invite, Kind, RoutingRequest, State, TaskEvent, Thread
from service.tracking.arrival import FOREIGN, IRRELEVANT, Arrival, Pace, take_event
from service.tracking.arrivals import take_events
from service.tracking.lifecycle import EVENT_SIGNALS
from service.tracking.records import anchored, new_invite_id
from service.tracking.store import Store
from tests.conftest import sid

PACE = Pace(10, 300)
OURS, THEIRS, COPY, VOICE = 1, 2, 3, 4  # whose task it is; a copy carries our id on another task
OUR_ID = new_invite_id(sid("CH", OURS))
TYPES = sorted({*EVENT_SIGNALS, "task.updated"})


def event(kind: str, whose: int, number: int, *, bare: bool = False) -> TaskEvent:
    """Event ``number`` about a task."""
    place = OURS if whose == COPY else whose
    attributes: dict[str, object] = {"flexInteractionSid": sid("KD", place), "conversationSid": sid("CH", place),
                                     "flexInteractionChannelSid": sid("UO", place)}  # fmt: skip
    if whose in (OURS, COPY):
        attributes["router_invite_id"] = OUR_ID
    if whose == VOICE:
        attributes = {"call_sid": "CA1"}
    worker = sid("WK", 1) if kind == "reservation.accepted" else None
    return TaskEvent(
        sid("EV", number), kind, 1_700_000_000_000 + number, sid("WS", 1), sid("WT", whose), worker_sid=worker,
        attributes={} if bare else attributes,
    )  # fmt: skip


def begin(store: Store, client: "redis.Redis") -> None:
    """One invite of ours whose task waits."""
    client.flushall()
    request = RoutingRequest(Kind.ESCALATION, sid("CH", OURS))
    store.create(
        Invite(OUR_ID, Kind.ESCALATION, State.PENDING, 0, request, EMPTY_PLAN, conversation_sid=sid("CH", OURS),
               task_sid=sid("WT", OURS)),
        due_in_s=60,
    )  # fmt: skip
    store.link_task(sid("WT", OURS), OUR_ID)


def held(store: Store) -> dict[str, Invite]:
    """Every record, without its times."""
    found = store.get_many([name for _, name in store.newest(before=None, most=100)])
    return {one.id: replace(one, created_at_ms=0, due_ms=None, history=()) for one in found}


def plain(arrivals: Sequence[object]) -> list[tuple[str, str | None, State | None]]:
    """The answers, as far as anybody acts on them."""
    assert all(isinstance(one, Arrival) for one in arrivals), arrivals
    return [(one.word, one.invite_id, one.state) for one in arrivals if isinstance(one, Arrival)]


WHAT = st.tuples(
    st.sampled_from(TYPES), st.sampled_from((OURS, OURS, THEIRS, THEIRS, COPY, VOICE)), st.sampled_from((0, 0, 0, 1))
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=st.lists(WHAT, min_size=1, max_size=10), order=st.lists(st.integers(0, 9), max_size=14), cut=st.data())
def test_batch_does_what_one_after_the_other_would(
    store: Store, client: "redis.Redis", happened: list[tuple[str, int, int]], order: list[int], cut: st.DataObject
) -> None:
    """Whatever has happened, in any order, some of it told twice."""
    known = [event(kind, whose, number, bare=bool(bare)) for number, (kind, whose, bare) in enumerate(happened, 1)]
    events = [*known, *(known[number % len(known)] for number in order)]
    first = cut.draw(st.integers(0, len(events)))
    begin(store, client)
    singly = plain([take_event(store, one, PACE) for one in events])
    expected = held(store)
    begin(store, client)
    together = [taken for some in (events[:first], events[first:]) for taken in take_events(store, some, PACE)]
    assert plain(together) == singly
    assert held(store) == expected


def test_every_kind_of_answer_in_one_batch(store: Store, client: "redis.Redis") -> None:
    begin(store, client)
    batch = [
        event("reservation.accepted", OURS, 1),
        event("reservation.accepted", OURS, 1),
        event("task.created", OURS, 2),
        event("task.created", THEIRS, 3),
        event("task.created", VOICE, 4),
        event("task.updated", OURS, 5),
        event("task.canceled", OURS, 6, bare=True),
    ]
    words = [word for word, _, _ in plain(take_events(store, batch, PACE))]
    assert words == ["moved", "duplicate", "ignored", "ignored", FOREIGN, IRRELEVANT, "moved"]
    assert {one.task_sid: one.state for one in held(store).values()} == {
        sid("WT", OURS): State.LAPSED, sid("WT", THEIRS): State.PENDING,
    }  # fmt: skip


def test_server_that_does_not_know_the_script_is_sent_it(store: Store, client: "redis.Redis") -> None:
    begin(store, client)
    client.script_flush()
    batch = [event("reservation.accepted", OURS, 1), event("task.created", OURS, 2)]
    assert [word for word, _, _ in plain(take_events(store, batch, PACE))] == ["moved", "ignored"]


def test_event_that_cannot_be_stored_spoils_no_other(store: Store, client: "redis.Redis") -> None:
    begin(store, client)
    client.config_set("maxmemory", "1")
    try:
        found = take_events(store, [event("task.canceled", OURS, 1), event("task.created", VOICE, 2)], PACE)
    finally:
        client.config_set("maxmemory", "0")
    assert isinstance(found[0], StoreUnavailableError)
    assert plain(found[1:]) == [(FOREIGN, None, None)]
    assert plain(take_events(store, [event("task.canceled", OURS, 1)], PACE))[0][0] == "moved"


def test_record_that_nobody_can_read_spoils_no_other(store: Store, client: "redis.Redis") -> None:
    begin(store, client)
    client.set(anchored("task", sid("WT", VOICE)), "iv_99_nonsense")
    found = take_events(store, [event("task.created", VOICE, 1), event("task.canceled", OURS, 2)], PACE)
    assert isinstance(found[1], Arrival)
    assert found[1].word == "moved"


@pytest.mark.parametrize("known", [True, False])
def test_what_is_remembered_is_not_written_again(store: Store, client: "redis.Redis", known: bool) -> None:
    """A task that is taken leads to its invite already, unless a process has died before it could write that."""
    begin(store, client)
    link = anchored("task", sid("WT", OURS))
    if known:
        store.remember((OUR_ID, sid("WT", OURS), Thread(sid("KD", OURS), sid("UO", OURS), sid("CH", OURS))))
    client.expire(link, 100)
    take_events(store, [event("reservation.accepted", OURS, 1)], PACE)
    assert (int(client.ttl(link)) <= 100) == known
    assert store.conversation_of(sid("UO", OURS)) == sid("CH", OURS)
