"""What the console reads and keeps in the store: pages of what is open, rings, the audit trail, tries."""

import pytest
import redis

from service.model import EMPTY_PLAN, Invite, Kind, RoutingRequest, State
from service.tracking.console_notes import ACTS_KEPT, FREE_TRIES, LONGEST_REST_S, Act, ConsoleNotes
from service.tracking.hours import ENDS_KEPT, MINUTES_KEPT, End, Hours, Minute
from service.tracking.openings import Openings, Row
from service.tracking.records import new_invite_id
from service.tracking.store import Store
from tests.conftest import sid


@pytest.fixture
def openings(client: "redis.Redis") -> Openings:
    return Openings(client)


@pytest.fixture
def hours(client: "redis.Redis") -> Hours:
    return Hours(client)


@pytest.fixture
def notes(client: "redis.Redis") -> ConsoleNotes:
    return ConsoleNotes(client)


def made(store: Store, number: int) -> str:
    conversation = sid("CH", number)
    invite = Invite(
        id=new_invite_id(conversation), kind=Kind.ESCALATION, state=State.REQUESTED, created_at_ms=0,
        request=RoutingRequest(Kind.ESCALATION, conversation_sid=conversation), plan=EMPTY_PLAN,
        conversation_sid=conversation, task_sid=sid("WT", number),
    )  # fmt: skip
    store.create(invite, due_in_s=60)
    return invite.id


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_pages_hold_every_record_once(openings: Openings, store: Store, newest_first: bool) -> None:
    ids = {made(store, number) for number in range(60)}
    rows: list[Row] = []
    after: Row | None = None
    while True:
        page = openings.page(("requested",), most=7, after=after, newest_first=newest_first)
        rows += page.rows
        if not page.more:
            break
        after = page.rows[-1]
    assert {row[1] for row in rows} == ids
    assert rows == sorted(rows, reverse=newest_first)
    assert len(rows) == 60


def test_page_holds_only_the_states_asked_for(openings: Openings, store: Store) -> None:
    moved, left = made(store, 1), made(store, 2)
    store.move(moved, "created")
    assert [row[1] for row in openings.page(("pending",), most=10).rows] == [moved]
    assert {row[1] for row in openings.page(("pending", "requested"), most=10).rows} == {moved, left}


def test_record_is_found_by_a_field(openings: Openings, store: Store) -> None:
    ids = [made(store, number) for number in range(20)]
    assert openings.with_field(("invite_sid", "task_sid"), sid("WT", 7), ids) == [ids[7]]
    assert openings.with_field(("task_sid",), sid("WT", 99), ids) == []


def test_only_one_writes_a_minute(hours: Hours) -> None:
    assert [hours.take_turn(at_ms) for at_ms in (60_000, 119_999, 120_000)] == [True, False, True]


def test_minutes_are_bounded_and_in_order(hours: Hours) -> None:
    for number in range(MINUTES_KEPT + 5):
        hours.write(Minute(number, 1, 2, 3, 4, 5.0, 6.0))
    assert [minute.at_ms for minute in hours.read(10_000)] == list(range(5, MINUTES_KEPT + 5))
    assert [minute.at_ms for minute in hours.read(2)] == [MINUTES_KEPT + 3, MINUTES_KEPT + 4]


def test_ends_are_bounded_and_newest_first(hours: Hours, store: Store) -> None:
    began_ms = store.now_ms()
    for number in range(ENDS_KEPT + 5):
        hours.note_end(End(0, str(number), None, "closed", "nobody is left"))
    ends = hours.ends(1000)
    assert [end.invite_id for end in ends[:2]] == [str(ENDS_KEPT + 4), str(ENDS_KEPT + 3)]
    assert len(ends) == ENDS_KEPT
    assert ends[0].at_ms >= began_ms


def test_audit_trail_is_bounded(notes: ConsoleNotes) -> None:
    for number in range(ACTS_KEPT + 3):
        notes.write(Act(number, "Ada", "operator", "cancel", "iv_", "canceled"))
    assert [act.at_ms for act in notes.acts(10_000)] == list(range(ACTS_KEPT + 2, 2, -1))


def test_tries_wait_longer_each_time(notes: ConsoleNotes) -> None:
    waits = []
    for _ in range(FREE_TRIES + 9):
        notes.failed("198.51.100.1")
        waits.append(round(notes.rest_s("198.51.100.1")))
    assert waits[: FREE_TRIES - 1] == [0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1 : FREE_TRIES + 2] == [2, 4, 8]
    assert max(waits) == LONGEST_REST_S
    assert notes.rest_s("198.51.100.2") == 0


def test_success_forgets_the_tries(notes: ConsoleNotes) -> None:
    for _ in range(FREE_TRIES - 1):
        notes.failed("a")
    notes.succeeded("a")
    notes.failed("a")
    assert notes.rest_s("a") == 0


def test_address_itself_is_not_stored(notes: ConsoleNotes, client: "redis.Redis") -> None:
    notes.failed("198.51.100.1")
    assert not [name for name in client.scan_iter() if "198" in str(name)]
