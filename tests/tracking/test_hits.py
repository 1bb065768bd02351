"""A rule's hits are counted once a request, by whoever takes it, and forgotten with the rule."""

import threading
from dataclasses import replace

import redis

from service.model import Kind, Plan, RoutingRequest
from service.tracking.hits import FORGOTTEN_AFTER_MS, Hit, Hits, hit_of, tallied
from service.tracking.store import Store
from tests.conftest import sid
from tests.tracking.test_store import draft


def decided(store: Store, number: int, rule: str = "billing") -> None:
    """A new request that this rule has decided."""
    invite = draft(sid("CH", number))
    store.create(replace(invite, plan=replace(invite.plan, rule=rule)), due_in_s=60)


def test_hits_of_all_partitions_are_added_up(store: Store, client: "redis.Redis") -> None:
    began_ms = store.now_ms()
    for number in range(100):
        decided(store, number, "billing" if number % 4 else "default")
    tally = Hits(client).read()
    assert {rule: hit.count for rule, hit in tally.hits.items()} == {"billing": 75, "default": 25}
    assert tally.since_ms is not None
    assert began_ms <= tally.since_ms <= tally.hits["default"].last_ms <= tally.hits["billing"].last_ms


def test_repeated_record_is_one_hit(store: Store, client: "redis.Redis") -> None:
    invite = draft()
    for _ in range(3):
        store.create(invite, due_in_s=60)
    client.script_flush()  # a server that does not know the script is sent all of it again
    store.create(invite, due_in_s=60)
    assert Hits(client).read().hits["tax"].count == 1


def test_only_what_a_rule_has_just_decided_is_a_hit() -> None:
    assert hit_of(draft()) == "tax"
    assert hit_of(draft(predecessor="iv_07_" + "cd" * 16)) == "", "a later step of the same plan"
    adopted = Plan(rule="tax", rules_sha256="", steps=())
    assert hit_of(draft(kind=Kind.ADOPTED, request=RoutingRequest(Kind.ADOPTED), plan=adopted)) == ""


def test_nothing_is_lost_where_many_count_at_once(store: Store, client: "redis.Redis") -> None:
    def take(first: int) -> None:
        for number in range(first, first + 50):
            decided(store, number)

    threads = [threading.Thread(target=take, args=(1000 * taker,)) for taker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Hits(client).read().hits["billing"].count == 200


def test_rule_that_is_gone_is_forgotten_after_a_month(store: Store, client: "redis.Redis") -> None:
    hits = Hits(client)
    for number in range(40):
        decided(store, number, "gone" if number % 2 else "kept")
    now_ms = store.now_ms()
    hits.forget(besides={"kept"}, now_ms=now_ms)
    assert hits.read().hits.keys() == {"gone", "kept"}, "it may only be gone for a moment"
    hits.forget(besides={"kept"}, now_ms=now_ms + FORGOTTEN_AFTER_MS + 1)
    assert hits.read().hits.keys() == {"kept"}
    left = [field for name in client.scan_iter("*:hits") for field in client.hkeys(name)]
    assert [field for field in left if "gone" in str(field)] == []


def test_rule_that_has_just_decided_is_not_forgotten(store: Store, client: "redis.Redis") -> None:
    """A process with newer rules counts what this one does not know yet."""
    decided(store, 1, "newer")
    Hits(client).forget(besides=(), now_ms=store.now_ms() + FORGOTTEN_AFTER_MS - 60_000)
    assert Hits(client).read().hits["newer"].count == 1


def test_emptied_store_begins_anew(store: Store, client: "redis.Redis") -> None:
    decided(store, 1)
    client.flushall()
    assert Hits(client).read() == tallied([])
    emptied_ms = store.now_ms()
    decided(store, 2)
    tally = Hits(client).read()
    assert tally.hits["billing"].count == 1
    assert (tally.since_ms or 0) >= emptied_ms


def test_partition_without_times_is_counted_all_the_same() -> None:
    """As a copy of the store may have it that was cut off."""
    assert tallied([{"a": "2"}, {"a": "3", "a at": "7", " since": "5"}]).hits == {"a": Hit(5, 7)}
