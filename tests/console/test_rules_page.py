"""*Rules*: how often each has decided, and what the tests beside the file say of the rules in force."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.console.rules_view import rules_view
from service.reconcile.minutes import forget_rules
from service.reconcile.rulebook import NAMED_TARGET
from service.rules.tried import Tried
from service.tracking.hits import FORGOTTEN_AFTER_MS, Hit, Tally
from tests.console.house import TESTS, Visitor
from tests.flow.acts import served, transfer
from tests.flow.kept import renewed
from tests.flow.world import World

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture
def house(world: World) -> World:
    """The world with nothing decided yet."""
    return renewed(world)


@pytest.fixture
def tests(rules_file: Path) -> Iterator[Path]:
    path = rules_file.with_name("rules.test.yaml")
    path.write_text(TESTS)
    yield path
    path.unlink()


def text_of(operator: Visitor) -> str:
    """What a person reads on the page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(operator.get("rules").text)).split())


def told(operator: Visitor, rule: str) -> str:
    """What the page says of the hits of one rule."""
    found = re.search(rf"<h3>{rule}</h3>(.*?)</div>", operator.get("rules").text)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


# -- hits


def test_hits_are_told_by_rule(operator: Visitor, house: World) -> None:
    assert "No rule has decided anything yet." in text_of(operator)
    for attributes in ({"topic": "billing", "tier": "gold"}, {"topic": "billing", "tier": "gold"}, {"topic": "leave"}):
        assert house.escalate(house.customer()["conversation_sid"], attributes=attributes).status == 201
    assert re.fullmatch(r"2 hits 67 %, the last \d+ s ago", told(operator, "billing"))
    assert told(operator, "leave-open").startswith("1 hit 33 %")
    assert told(operator, "simple-billing") == "no hit"
    assert "Hits, the requests that a rule has decided, are counted since" in text_of(operator)


def test_repetition_and_dry_run_are_no_hits(operator: Visitor, house: World) -> None:
    conversation = house.customer()["conversation_sid"]
    statuses = [house.escalate(conversation, idempotency_key="once").status for _ in range(4)]
    assert statuses == [201, 200, 200, 200]
    assert house.post("decisions", {"conversation_sid": conversation}).status == 200
    operator.post("rules", attributes="{}")
    operator.get(f"confirm?act=reroute&on={house.escalate(conversation, idempotency_key='once')['id']}")
    assert told(operator, "default").startswith("1 hit ")


def test_further_step_is_no_hit(operator: Visitor, house: World) -> None:
    attributes = {"topic": "billing", "tier": "gold"}
    first = house.escalate(house.customer()["conversation_sid"], attributes=attributes)
    house.advance(130)
    house.turn_until(first["id"], "superseded")
    assert told(operator, "billing").startswith("1 hit ")


def test_transfers_that_name_their_target_are_counted_by_themselves(operator: Visitor, house: World) -> None:
    transfer(house, served(house), to={"worker": "bob"})
    assert told(operator, "default").startswith("1 hit 50 %")
    assert "Transfers that named their own target: 1 hit, 50 % of all" in text_of(operator)


def test_reconciler_forgets_what_the_rules_have_no_more(house: World) -> None:
    parts, book = house.reconciler.parts, house.reconciler.book
    old = str(parts.store.now_ms() - FORGOTTEN_AFTER_MS - 60_000)
    names = ("billing", "default", NAMED_TARGET, "gone")
    house.redis.hset("flex:{07}:hits", mapping={key: value for name in names for key, value in
                                                ((name, "3"), (f"{name} at", old))})  # fmt: skip
    forget_rules(parts, book)
    assert parts.hits.read().hits.keys() == {"billing", "default", NAMED_TARGET}


def test_hit_of_a_clock_that_is_ahead_is_told_as_now(world: World) -> None:
    tally = Tally({"default": Hit(1, 2_000)}, since_ms=1_000)
    view = rules_view(world.reconciler.book, tally=tally, tried=None, now_ms=1_500, now=datetime.now(UTC))
    assert view["rules"][-1]["hit"]["last"]["away"] == "0 s ago"


# -- tests


def test_rules_without_tests_are_told(operator: Visitor) -> None:
    assert "There is no file with tests beside rules.yaml." in text_of(operator)


def test_tests_that_hold_are_told(operator: Visitor, tests: Path) -> None:
    page = text_of(operator)
    assert "Their tests all hold" in page
    assert "rules.test.yaml on the rules in force: 4 cases, none failed; 100 % of rules and steps covered." in page


def test_case_that_fails_is_told_with_its_difference(operator: Visitor, tests: Path) -> None:
    tests.write_text(TESTS.replace("expect: {rule: default}", "expect: {rule: billing}"))
    page = text_of(operator)
    assert "Their tests not in order" in page
    assert "1 failed" in page
    assert "the rest rules.test.yaml:11 rule: expected billing, found default" in page
    assert "Not covered rule default" in page


def test_tests_that_cannot_be_read_are_told(operator: Visitor, tests: Path) -> None:
    tests.write_text(TESTS.replace("rule: default", "rule: <b>default"))
    page = operator.get("rules").text
    assert "cannot be tried on the rules in force" in page
    assert "<b>default" not in page


def test_page_shows_a_bounded_part_of_what_failed(world: World) -> None:
    tried = Tried("rules.test.yaml", cases=500, missing=tuple(f"rule r{number}" for number in range(500)), parts=501)
    view = rules_view(world.reconciler.book, tally=None, tried=tried, now_ms=0, now=datetime.now(UTC))
    assert len(view["tests"]["missing"]) == 20
    assert view["tests"]["covered"] == "0 %"
