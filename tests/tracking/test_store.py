"""The store on a real server: create, move, claim, find."""

import threading
import time
from dataclasses import replace

import pytest
import redis

from service.errors import StoreUnavailableError
from service.model import (
    EMPTY_PLAN,
    Entry,
    Invite,
    Kind,
    Mode,
    Origin,
    Plan,
    Release,
    Route,
    RoutingRequest,
    State,
    Target,
    Thread,
)
from service.tracking.connection import connect
from service.tracking.records import PARTITIONS, is_invite_id, key, new_invite_id, partition_of, partition_of_id
from service.tracking.scripts import LISTED_S
from service.tracking.store import KEEP, NONE, Filters, Store
from tests.conftest import sid

CH = sid("CH", 4)


def draft(conversation: str = CH, **more: object) -> Invite:
    route = Route(sid("WW", 1), "everyone", priority=5, attributes={"skill": "tax"})
    request = RoutingRequest(
        Kind.TRANSFER, conversation, attributes={"topic": "täx", "n": [1, None]}, origin=Origin(sid("WK", 1)),
        to=Target("queue", "billing"), mode=Mode.COLD, release=Release.ON_ACCEPT,
    )  # fmt: skip
    invite = Invite(
        id=new_invite_id(conversation), kind=Kind.TRANSFER, state=State.REQUESTED, created_at_ms=0, request=request,
        plan=Plan("tax", "ab" * 32, (route,), "leave", "Bye"), conversation_sid=conversation,
    )  # fmt: skip
    return replace(invite, **more)  # type: ignore[arg-type]


def test_record_comes_back_as_it_went(store: Store) -> None:
    invite = draft()
    written = store.create(invite, due_in_s=60)
    found = store.get(invite.id)
    assert found is not None
    history = (Entry(written.now_ms, "requested", "asked"),)
    assert found == replace(invite, created_at_ms=written.now_ms, due_ms=written.now_ms + 60_000, history=history)


def test_second_create_changes_nothing(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    store.move(invite.id, "created", due=60)
    assert store.create(invite, due_in_s=0).word == "exists"
    assert store.get(invite.id).state is State.PENDING  # type: ignore[union-attr]


def test_record_with_an_attempt_has_begun(store: Store) -> None:
    invite = draft(attempt=1)
    written = store.create(invite, due_in_s=60)
    assert store.get(invite.id).sent_at_ms == written.now_ms  # type: ignore[union-attr]


def test_confirmed_record_is_found_by_all_its_names(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    kd, uo, wt = sid("KD", 1), sid("UO", 2), sid("WT", 3)
    fields = {"interaction_sid": kd, "channel_sid": uo, "conversation_sid": CH, "task_sid": wt}
    assert store.confirm(invite.id, due=60, fields=fields).moved
    assert (store.id_of_task(wt), store.thread_of(CH), store.conversation_of(uo)) == (invite.id, (kd, uo), CH)
    assert [one.id for one in store.of_anchor(uo)] == [invite.id]


def test_lost_record_is_not_confirmed(store: Store) -> None:
    assert store.confirm(draft().id, due=60, fields={"task_sid": sid("WT", 3)}).word == "missing"


def test_event_counts_once(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    words = [store.move(invite.id, "created", event_sid=sid("EV", 1)).word for _ in range(3)]
    assert words == ["moved", "duplicate", "duplicate"]


def test_move_outside_the_table_is_ignored(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    store.move(invite.id, "completed", due=NONE)
    late = store.move(invite.id, "lapsed", due=0)
    assert (late.word, late.state) == ("ignored", State.COMPLETED)


def test_unknown_invite_is_missing(store: Store) -> None:
    assert store.move(new_invite_id(CH), "lapsed", due=0).word == "missing"


def test_guard_stops_second_taker(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    takes = [
        store.touch(invite.id, State.REQUESTED, guard=("attempt", "0"), fields={"attempt": "1"}).word for _ in range(2)
    ]
    assert takes == ["moved", "guarded"]


def test_guarded_event_can_come_again(store: Store) -> None:
    invite = draft(task_sid=sid("WT", 1))
    store.create(invite, due_in_s=60)
    other = store.move(invite.id, "created", event_sid=sid("EV", 7), guard=("task_sid", sid("WT", 2)))
    own = store.move(invite.id, "created", event_sid=sid("EV", 7), guard=("task_sid", sid("WT", 1)))
    assert (other.word, own.word) == ("guarded", "moved")


def test_final_record_leaves_due_and_expires(store: Store, client: "redis.Redis") -> None:
    invite = draft()
    store.create(invite, due_in_s=0)
    store.move(invite.id, "completed", due=NONE)
    partition = partition_of_id(invite.id)
    assert client.zscore(key(partition, "due"), invite.id) is None
    assert 3_590_000 < client.pttl(key(partition, f"inv:{invite.id}")) <= 3_600_000


def test_live_record_never_expires(store: Store, client: "redis.Redis") -> None:
    invite = draft()
    store.create(invite, due_in_s=0)
    store.move(invite.id, "created", due=5)
    assert client.pttl(key(partition_of_id(invite.id), f"inv:{invite.id}")) == -1


def test_claim_takes_due_work_once(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=0)
    partition = partition_of_id(invite.id)
    assert store.due_partitions() == [partition]
    assert store.claim(partition, lease_s=30, most=10)[1] == [invite.id]
    assert store.claim(partition, lease_s=30, most=10)[1] == []
    assert store.due_partitions() == []


def test_who_waits_longest_is_named_first(store: Store, client: "redis.Redis") -> None:
    """In whichever partition: a low number is no privilege, and what is not due yet is not named."""
    for partition, due_ms in ((3, 3000), (60, 1000), (20, 2000), (1, store.now_ms() + 60_000)):
        client.zadd(key(partition, "due"), {f"iv_{partition:02d}_{'0' * 32}": due_ms})
    assert store.due_partitions() == [60, 20, 3]


def test_lapsed_lease_gives_work_back(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=0)
    partition = partition_of_id(invite.id)
    store.claim(partition, lease_s=0, most=10)
    assert store.claim(partition, lease_s=0, most=10)[1] == [invite.id]


def crowded(store: Store) -> tuple[list[str], str, str]:
    """Three looks that have waited, then a lapse and a request that wait less long; all of one partition."""
    looks = [draft() for _ in range(3)]
    lapse, request = draft(), draft()
    for invite in (*looks, lapse, request):
        store.create(invite, due_in_s=0)
    for invite in looks:
        store.move(invite.id, "created", due=0)
        time.sleep(0.002)
    store.move(lapse.id, "lapsed", due=0)
    time.sleep(0.002)
    store.touch(request.id, State.REQUESTED, due=0)
    time.sleep(0.002)
    return [one.id for one in looks], lapse.id, request.id


def test_lapses_and_requests_come_before_looks(store: Store) -> None:
    looks, lapse, request = crowded(store)
    claimed = [store.claim(partition_of(CH), lease_s=30, most=1)[1] for _ in range(6)]
    assert claimed == [[lapse], [request], *([one] for one in looks), []]


def test_in_order_whoever_has_waited_longest_comes_first(store: Store) -> None:
    looks, lapse, request = crowded(store)
    claimed = [store.claim(partition_of(CH), lease_s=30, most=1, in_order=True)[1] for _ in range(6)]
    assert claimed == [*([one] for one in looks), [lapse], [request], []]


def test_without_a_crowd_all_are_claimed_at_once(store: Store) -> None:
    looks, lapse, request = crowded(store)
    assert sorted(store.claim(partition_of(CH), lease_s=30, most=10)[1]) == sorted([*looks, lapse, request])


def test_parallel_claims_share_without_overlap(store: Store) -> None:
    for _ in range(40):
        store.create(draft(), due_in_s=0)
    taken: list[str] = []
    partition = partition_of(CH)

    def take() -> None:
        while ids := store.claim(partition, lease_s=30, most=3)[1]:
            taken.extend(ids)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 40
    assert len(set(taken)) == 40


def test_kept_due_time_stays(store: Store) -> None:
    invite = draft()
    written = store.create(invite, due_in_s=90)
    store.move(invite.id, "created", due=KEEP)
    assert store.get(invite.id).due_ms == written.now_ms + 90_000  # type: ignore[union-attr]


def test_thread_is_found_both_ways(store: Store) -> None:
    store.remember(("iv_00_x", sid("WT", 1), Thread(sid("KD", 1), sid("UO", 2), CH)))
    assert store.thread_of(CH) == (sid("KD", 1), sid("UO", 2))
    assert store.conversation_of(sid("UO", 2)) == CH
    assert store.thread_of(sid("CH", 99)) is None


def test_task_leads_to_invite(store: Store) -> None:
    store.link_task(sid("WT", 1), "iv_00_x")
    assert store.id_of_task(sid("WT", 1)) == "iv_00_x"
    assert store.id_of_task(sid("WT", 2)) is None


def test_list_keeps_ids_for_its_time_only(store: Store, client: "redis.Redis") -> None:
    """Records expire by themselves; their ids in the list would not."""
    listed, now_ms = key(partition_of(CH), "all"), store.now_ms()
    young = now_ms - LISTED_S * 1000 + 60_000
    client.zadd(listed, {"young": young} | {f"old-{number}": number for number in range(12)})
    made = [draft(), draft()]
    for invite in made:
        store.create(invite, due_in_s=60)
    assert set(client.zrange(listed, 0, -1)) == {"young", *(one.id for one in made)}


def test_listing_is_newest_first_over_partitions(store: Store) -> None:
    made = []
    for number in range(30):
        invite = draft(sid("CH", number))
        made.append((store.create(invite, due_in_s=60).now_ms, invite.id))
    made.sort(reverse=True)
    first = store.newest(before=None, most=12)
    rest = store.newest(before=first[-1], most=100)
    assert first + rest == made


def test_all_invites_of_a_conversation(store: Store) -> None:
    ours = [draft(), draft()]
    for invite in [*ours, draft(sid("CH", 77))]:
        store.create(invite, due_in_s=60)
    assert {invite.id for invite in store.of_anchor(CH)} == {invite.id for invite in ours}


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        (Filters(), True),
        (Filters(state="requested", rule="tax", kind="transfer"), True),
        (Filters(state="pending"), False),
        (Filters(rule="other"), False),
        (Filters(conversation_sid=sid("CH", 5)), False),
    ],
    ids=["none", "all fit", "state", "rule", "conversation"],
)
def test_filter_narrows(filters: Filters, fits: bool) -> None:
    assert filters.match(draft()) is fits


def test_ids_spread_over_all_partitions() -> None:
    partitions = {partition_of(sid("CH", number)) for number in range(2000)}
    assert partitions == set(range(PARTITIONS))


@pytest.mark.parametrize("text", ["", "iv_99_" + "a" * 32, "iv_01_" + "A" * 32, "../x", 7, None, "iv_01_" + "a" * 99])
def test_foreign_id_is_not_ours(text: object) -> None:
    assert not is_invite_id(text)


def test_dead_server_is_a_named_fault() -> None:
    dead = Store(connect("redis://127.0.0.1:1/0"), keep_s=60)
    with pytest.raises(StoreUnavailableError) as caught:
        dead.get(new_invite_id(CH))
    assert caught.value.retryable


def test_empty_plan_survives_the_trip(store: Store) -> None:
    invite = draft(plan=EMPTY_PLAN, request=RoutingRequest(Kind.ADOPTED))
    store.create(invite, due_in_s=1)
    found = store.get(invite.id)
    assert found is not None
    assert (found.plan, found.request, found.route) == (EMPTY_PLAN, invite.request, None)


def test_history_is_told_without_moving_anything(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    before = store.get(invite.id)
    store.tell(invite.id, "called one: 200 in 1 ms\ncalled two: 200 in 1 ms")
    found = store.get(invite.id)
    assert before is not None
    assert found is not None
    assert [entry.what for entry in found.history[1:]] == ["called one: 200 in 1 ms", "called two: 200 in 1 ms"]
    assert replace(found, history=before.history) == before


def test_record_that_is_gone_is_told_nothing(store: Store, client: "redis.Redis") -> None:
    invite = draft()
    store.tell(invite.id, "called one: 200 in 1 ms")
    assert list(client.scan_iter("*")) == []


def test_calls_leave_room_for_what_moves_the_record(store: Store) -> None:
    invite = draft()
    store.create(invite, due_in_s=60)
    for _ in range(100):
        store.tell(invite.id, "called create interaction: 503 in 1000 ms " + "R" * 34)
    store.move(invite.id, "created", due=60)
    found = store.get(invite.id)
    assert found is not None
    assert found.history[-1].what == "created"
    assert 10 < len(found.history) < 40
