"""The short form of the soak, and the auditor on accounts that are made up: it must see what is broken."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.conftest import sid
from tests.soak.audit import LEFT_OPEN, PROMISES, Accounts, findings, forgotten
from tests.soak.audit_errands import Errands
from tests.soak.calls import Json
from tests.soak.ledger import Chore, Delivery, Ledger
from tests.soak.run import Order, soak
from tests.soak.scripts import script

CH, NOW = sid("CH", 1), 1000.0
ORDER = Order.of(os.environ, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(ORDER.minutes * 60 + 180)
def test_soak_keeps_every_promise() -> None:
    result = soak(ORDER)
    print(result.text)
    assert result.broken == [], result.text


def test_same_seed_draws_the_same_scripts() -> None:
    assert [script(7, number) for number in range(50)] == [script(7, number) for number in range(50)]
    assert [script(7, number) for number in range(50)] != [script(8, number) for number in range(50)]


def made_up() -> Accounts:
    """One request, accepted at once, made once, and settled; nobody was ever alone."""
    ledger = Ledger()
    ledger.customer(CH, "")
    ledger.ask(CH, "escalation", "", lasting=True).deliveries.append(Delivery(NOW, NOW + 1, 201, "iv_1", "pending"))
    judge: Json = {"orphaned": [], "unheard": [], "details": {"closed_under_agent": []}}
    return Accounts(
        ledger, [record("iv_1")], {CH: {"tasks": [task("iv_1")]}}, judge, {CH: 5.0}, {}, 0.0, 60.0, lambda *_: False
    )


def record(invite_id: str, **more: object) -> Json:
    about = {
        "state": "completed",
        "reason": None,
        "due_at": None,
        "kind": "escalation",
        "created_at": datetime.fromtimestamp(NOW + 1, UTC).isoformat(),
        "conversation_sid": CH,
        "channel_sid": "UO1",
        "predecessor": None,
    }
    return {"id": invite_id, "rule": "default", **about, **more}


def task(invite_id: str) -> Json:
    return {"sid": sid("WT", 1), "attributes": {"router_invite_id": invite_id, "soak_ask": 0, "conversationSid": CH}}


def delivered(accounts: Accounts, *more: Delivery) -> Accounts:
    accounts.ledger.asks[0].deliveries.extend(more)
    return accounts


def refused(accounts: Accounts) -> Accounts:
    reason = "create invite: Twilio answered 400"
    return replace(accounts, invites=[record("iv_1", state="released", reason=reason)], reports={CH: {"tasks": []}})


def left_open(accounts: Accounts) -> Accounts:
    """The same, under a rule that leaves open what nobody takes."""
    accounts.ledger.conversations[CH] = LEFT_OPEN
    return accounts


BREAKS: dict[str, tuple[str, Callable[[Accounts], Accounts]]] = {
    "no task": ("none lost", lambda one: replace(one, reports={CH: {"tasks": []}})),
    "refused on a channel that we closed": (
        "none lost",
        lambda one: replace(refused(one), closed_first={"iv_1": NOW + 2}),
    ),
    "no record": ("none lost", lambda one: replace(one, invites=[])),
    "two tasks of one invite": (
        "one task each",
        lambda one: replace(one, reports={CH: {"tasks": [task("iv_1"), task("iv_1")]}}),
    ),
    "two invites of one request": (
        "one task each",
        lambda one: delivered(
            replace(
                one,
                invites=[record("iv_1"), record("iv_2")],
                reports={CH: {"tasks": [task("iv_1"), task("iv_2")]}},
            ),
            Delivery(NOW, NOW + 1, 201, "iv_2", "pending"),
        ),
    ),
    "orphan at the end": ("no orphan", lambda one: replace(one, judge={**one.judge, "orphaned": [CH]})),
    "orphan for too long": ("no orphan", lambda one: replace(one, oldest={CH: 61.0})),
    "unheard at the end": ("no customer unheard", lambda one: replace(one, judge={**one.judge, "unheard": [CH]})),
    "unheard for too long": ("no customer unheard", lambda one: replace(one, unheard={CH: 61.0})),
    "unheard though the rule's invite was served": (
        "no customer unheard",
        lambda one: left_open(replace(one, unheard={CH: 61.0})),
    ),
    "hung up": (
        "none closed under an agent",
        lambda one: replace(
            one,
            judge={
                "orphaned": [],
                "unheard": [],
                "details": {"closed_under_agent": [{"conversation_sid": CH, "channel_sid": "UO", "worker_sids": "WK"}]},
            },
        ),
    ),
    "still due": ("every record settled", lambda one: replace(one, invites=[record("iv_1", due_at="soon")])),
    "still pending": ("every record settled", lambda one: replace(one, invites=[record("iv_1", state="pending")])),
    "answered 500": ("answers", lambda one: delivered(one, Delivery(NOW, NOW + 1, 500))),
    "answered too late": ("answers", lambda one: delivered(one, Delivery(NOW, NOW + 11, 200, "iv_1", "pending"))),
}


@pytest.mark.parametrize("name", BREAKS)
def test_auditor_names_the_broken_promise(name: str) -> None:
    promise, spoil = BREAKS[name]
    assert promise in PROMISES
    assert {one.promise for one in findings(spoil(made_up()))} == {promise}


def test_auditor_is_content_with_a_good_run() -> None:
    assert findings(made_up()) == []


def test_refusal_after_people_hung_up_is_no_loss() -> None:
    assert findings(refused(made_up())) == []
    assert findings(replace(refused(made_up()), closed_first={"iv_1": NOW - 2})) == []


def test_refusal_after_we_had_closed_is_no_loss_if_the_request_was_taken_after_that() -> None:
    """It was sent before, and waited for the closing to be over."""
    assert findings(replace(refused(made_up()), closed_first={"iv_1": NOW + 0.5})) == []


def test_what_the_rule_has_left_open_is_not_ours_to_hear() -> None:
    released = left_open(replace(made_up(), invites=[record("iv_1", state="released")], unheard={CH: 61.0}))
    assert findings(released) == []


def test_emptied_store_excuses_what_was_under_way() -> None:
    accounts = replace(made_up(), invites=[], flushed_at=NOW + 0.5)
    assert findings(accounts) == []
    assert [one.promise for one in forgotten(accounts)] == ["none lost"]


def test_park_that_the_store_forgot_hears_the_next_message_only() -> None:
    """Its record, made anew by that message, is younger than the loss."""
    accounts = parked(replace(made_up(), unheard={CH: 61.0}), created_at=NOW + 30)
    assert [one.promise for one in findings(accounts)] == ["no customer unheard"]
    assert findings(replace(accounts, errands=replace(accounts.errands, flushed_at=NOW + 10))) == []
    assert findings(replace(accounts, errands=replace(accounts.errands, flushed_at=NOW + 40))) != []


def test_wake_that_the_store_forgot_may_end_in_sleep_but_not_at_the_end_of_the_run() -> None:
    accounts = parked(replace(made_up(), oldest={CH: 400.0}), created_at=NOW + 30)
    assert [one.promise for one in findings(accounts)] == ["no orphan"]
    forgotten_park = replace(accounts, errands=replace(accounts.errands, flushed_at=NOW + 10))
    assert findings(forgotten_park) == []
    assert findings(replace(forgotten_park, judge={**accounts.judge, "orphaned": [CH]})) != []


def parked(accounts: Accounts, *, created_at: float) -> Accounts:
    """The same with a park that was asked for at once."""
    chore = Chore(0, CH, "park", deliveries=[Delivery(NOW, NOW + 1, 200, "er_1", "parked")])
    about: Json = {"state": "done", "created_at": datetime.fromtimestamp(created_at, UTC).isoformat()}
    return replace(accounts, errands=Errands([chore], {"er_1": about}))


def test_orphan_that_the_store_forgot_may_be_one_for_longer() -> None:
    accounts = replace(made_up(), oldest={CH: 61.0})
    assert [one.promise for one in findings(accounts)] == ["no orphan"]
    assert findings(replace(accounts, flushed_at=NOW + 30)) == []
    assert [one.promise for one in findings(replace(accounts, flushed_at=NOW - 30))] == ["no orphan"]
    assert [one.promise for one in findings(replace(accounts, oldest={CH: 121.0}, flushed_at=NOW + 30))] == [
        "no orphan"
    ]


def test_orphan_may_be_old_if_faults_account_for_all_of_its_time() -> None:
    accounts = replace(made_up(), oldest={CH: 99.0}, hits={CH: 4})
    assert findings(accounts) == []
    assert [one.promise for one in findings(replace(accounts, hits={CH: 3}))] == ["no orphan"]
    assert [one.promise for one in findings(replace(accounts, oldest={CH: 121.0}))] == ["no orphan"]


def test_emptied_store_excuses_nothing_made_before() -> None:
    accounts = replace(made_up(), invites=[], flushed_at=NOW + 30)
    assert [one.promise for one in findings(accounts)] == ["none lost"]
