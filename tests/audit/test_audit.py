"""An account is audited from outside: exactly what nobody attends is found, and rescued."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from service.audit.commands import Office, Wishes, audit, since_when
from service.audit.pace import Pace
from service.audit.rescue import Act, closing_with, routing_by
from service.cli import main
from service.errors import ConfigurationError, TwilioUnavailableError
from service.flex.client import twilio_client
from service.flex.inventory import Inventory
from service.intake.desk import Desk
from tests.audit.account import Account, populate
from tests.flow.world import World

LEFT = {"it is parked": 3, "the channel is inactive": 3, "the channel is pause": 2, "a task of it is alive": 35}


@pytest.fixture
def account(world: World) -> Account:
    return Account(world)


def office(world: World, told: "list[str] | None" = None) -> Office:
    heard: list[str] = [] if told is None else told
    inventory = Inventory(twilio_client(world.settings))
    return Office(
        world.reconciler.parts, inventory, Pace(1000.0), heard.append, lambda what, done, of: heard.append(what)
    )


def run(world: World, act: Act | None = None, *, agree: bool = True) -> dict:  # type: ignore[type-arg]  # free-form JSON
    wishes = Wishes(datetime.now(UTC) - timedelta(days=1), json=True, act=act, agree=lambda question: agree)
    code, text = audit(office(world), wishes)
    return {**json.loads(text), "code": code}


def orphans(report: dict) -> list[str]:  # type: ignore[type-arg]  # free-form JSON
    return sorted(one["conversation_sid"] for one in report["orphaned"])


def desk(world: World) -> Desk:
    return Desk(world.reconciler.parts, world.reconciler.book, 8.0, 3600, threading.BoundedSemaphore(1))


def states(account: Account, *conversations: str) -> list[str]:
    return [account.local.conversations[sid].state for sid in conversations]


def test_seventeen_of_two_hundred_are_found_and_rescued(world: World, account: Account) -> None:
    expected = sorted(populate(account))
    assert len(account.local.conversations) == 200
    assert sorted(world.judge()["orphaned"]) == expected
    report = run(world)
    assert (report["code"], orphans(report)) == (1, expected)
    assert report["unclear"] == []
    assert report["open_conversations"] == 180
    assert {name: report["others"][name] for name in LEFT} == LEFT
    rescued = run(world, routing_by(desk(world)))
    assert [one["word"] for one in rescued["rescued"]] == ["routed"] * 17
    assert rescued["code"] == 0
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}
    assert orphans(run(world)) == []


def test_closed_after_a_farewell(world: World, account: Account) -> None:
    lost = [account.rung_out(), account.declined()]
    world.advance(200)
    report = run(world, closing_with("Nobody is here just now."))
    assert [one["word"] for one in report["rescued"]] == ["closed", "closed"]
    assert states(account, *lost) == ["closed", "closed"]
    assert world.conversation(lost[0])["messages"][-1]["body"] == "Nobody is here just now."
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def test_nothing_is_done_without_agreement(world: World, account: Account) -> None:
    lost = account.deleted()
    assert run(world, closing_with(None), agree=False)["rescued"] == []
    assert states(account, lost) == ["active"]


def test_nobody_to_ask_means_no(world: World, account: Account) -> None:
    lost = account.deleted()
    told: list[str] = []
    wishes = Wishes(datetime.now(UTC) - timedelta(days=1), act=closing_with(None))
    code, text = audit(office(world, told), wishes)
    assert (code, states(account, lost)) == (1, ["active"])
    assert "nothing was done; --yes agrees beforehand" in told
    assert lost in text


def test_somebody_who_came_meanwhile_is_not_cut_off(world: World, account: Account) -> None:
    lost = account.deleted()

    def agree(question: str) -> bool:
        task = account.ask(lost)
        world.agent("alice", "accept", task_sid=task)
        return True

    wishes = Wishes(datetime.now(UTC) - timedelta(days=1), json=True, act=closing_with(None), agree=agree)
    code, text = audit(office(world), wishes)
    assert json.loads(text)["rescued"][0]["word"] == "not orphaned any more"
    assert (code, states(account, lost)) == (0, ["active"])
    assert world.judge()["closed_under_agent"] == []


def test_task_on_another_channel_is_no_orphan(world: World, account: Account) -> None:
    lost = account.deleted()

    def agree(question: str) -> bool:
        account.local.conversations[lost].channel_sids, kept = [], account.local.conversations[lost].channel_sids
        account.ask(lost)  # brought into Flex anew
        account.local.conversations[lost].channel_sids[:0] = kept
        return True

    wishes = Wishes(datetime.now(UTC) - timedelta(days=1), json=True, act=closing_with(None), agree=agree)
    told = json.loads(audit(office(world), wishes)[1])
    assert told["rescued"][0] == {
        "conversation_sid": lost,
        "word": "not orphaned any more",
        "detail": "a task of it is alive",
    }


def test_channel_that_failed_is_brought_in_anew(world: World, account: Account) -> None:
    world.control("POST", "switches", {"setup_fails": True})
    lost = account.customer()
    account.ask(lost)
    world.advance(1)
    world.control("POST", "switches", {"setup_fails": False})
    report = run(world, routing_by(desk(world)))
    assert (orphans(report), report["rescued"][0]["word"]) == ([lost], "routed")
    assert len(account.local.conversations[lost].channel_sids) == 2
    assert world.judge()["orphaned"] == []


def test_conversation_left_open_by_its_channel_is_closed(world: World, account: Account) -> None:
    lost = account.deleted()
    channel = account.local.channels[account.local.conversations[lost].channel_sids[0]]
    channel.status = "closed"
    report = run(world, closing_with(None))
    assert report["orphaned"][0]["verdict"] == "close_conversation"
    assert states(account, lost) == ["closed"]


def test_new_task_carries_what_the_last_one_carried(world: World, account: Account) -> None:
    lost = account.customer()
    task = account.ask(lost, attributes={"topic": "billing", "router_queue": "old"})
    account.call("DELETE", f"Workspaces/{world.info['workspace_sid']}/Tasks/{task}")
    report = run(world, routing_by(desk(world)))
    assert "by rule billing" in report["rescued"][0]["detail"]
    made = world.conversation(lost)["tasks"][-1]
    assert (made["attributes"]["topic"], made["attributes"]["router_queue"]) == ("billing", "billing")


def test_refused_rescue_does_not_stop_the_others(world: World, account: Account) -> None:
    lost = [account.deleted(), account.deleted()]
    world.fault("POST */Channels/UO*", status=400, times=1)
    report = run(world, closing_with(None))
    assert sorted(one["word"] for one in report["rescued"]) == ["closed", "failed"]
    assert (report["code"], sorted(states(account, *lost))) == (1, ["active", "closed"])


def test_evidence_names_what_was_seen(world: World, account: Account) -> None:
    lost = account.rung_out()
    world.advance(61)
    (told,) = run(world)["orphaned"]
    assert (told["conversation_sid"], told["channel_type"], told["reason"]) == (
        lost,
        "sms",
        "no agent and no live task",
    )
    assert any("ended by task.canceled" in line for line in told["evidence"])
    assert any("is active, no agent on it" in line for line in told["evidence"])


def test_refusal_for_load_is_waited_out(world: World, account: Account) -> None:
    lost = account.deleted()
    world.fault("GET */Events", status=429, times=2)
    waited: list[float] = []
    patient = replace(office(world), pace=Pace(1000.0, sleep=waited.append))
    code, text = audit(patient, Wishes(datetime.now(UTC) - timedelta(days=1)))
    assert (code, lost in text) == (1, True)
    assert [pause for pause in waited if pause >= 1] == [1.0, 3.0]


def test_rate_is_kept() -> None:
    waited: list[float] = []
    pace = Pace(4.0, sleep=waited.append)
    for _ in range(5):
        pace.call(lambda: None)
    assert len(waited) == 4
    assert sum(waited) == pytest.approx(0.25 + 0.5 + 0.75 + 1.0, abs=0.1)  # nobody sleeps here, so each waits longer


def test_fault_that_lasts_ends_the_tries() -> None:
    def fail() -> None:
        raise TwilioUnavailableError("away")

    with pytest.raises(TwilioUnavailableError):
        Pace(1000.0, sleep=lambda seconds: None).call(fail)


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12h", NOW - timedelta(hours=12)),
        ("7d", NOW - timedelta(days=7)),
        ("30d", NOW - timedelta(days=30)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:00+01:00", datetime(2026, 11, 1, 7, tzinfo=UTC)),
    ],
)
def test_since_is_read(text: str, wanted: datetime) -> None:
    assert since_when(text, NOW) == wanted


@pytest.mark.parametrize("text", ["31d", "yesterday", "2026-12-01", "2025-01-01", ""])
def test_since_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        since_when(text, NOW)


def command(world: World, *arguments: str, **environ: str) -> Result:
    settings = world.settings
    known = {
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "TWILIO_WORKSPACE_SID": settings.twilio_workspace_sid,
        "TWILIO_BASE_URL": str(settings.twilio_base_url),
    }
    return CliRunner().invoke(main, ["audit", "--rate", "100", *arguments], env={**known, **environ})


def test_command_needs_no_store_to_look_and_close(world: World, account: Account) -> None:
    lost = account.deleted()
    looked = command(world, "--json")
    assert (looked.exit_code, orphans(json.loads(looked.stdout))) == (1, [lost])
    assert command(world, "--rescue", "close").exit_code == 1  # nobody was there to agree
    done = command(world, "--rescue", "close", "--yes")
    assert (done.exit_code, "=> closed: no agent and no live task" in done.stdout) == (0, True)
    assert done.stdout.endswith("1 orphaned of 1 open conversations; 1 closed\n")
    assert states(account, lost) == ["closed"]


def test_command_routes_by_the_rules(world: World, account: Account) -> None:
    account.deleted()
    assert "REDIS_URL is required" in command(world, "--rescue", "route").stderr
    settings = world.settings
    given = {"REDIS_URL": settings.redis_url, "PUBLIC_BASE_URL": settings.public_base_url}
    done = command(world, "--rescue", "route", "--yes", RULES_FILE=str(settings.rules_file), **given)
    assert (done.exit_code, "routed: iv_" in done.stdout) == (0, True)
    assert world.judge()["orphaned"] == []


def test_command_that_cannot_look_says_so(world: World) -> None:
    result = command(world, TWILIO_AUTH_TOKEN="0" * 32)
    assert (result.exit_code, "refuses our credentials" in result.stdout) == (2, True)


def test_farewell_without_closing_is_refused(world: World) -> None:
    assert command(world, "--farewell", "Bye").exit_code == 2
