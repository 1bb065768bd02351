"""Records go out as JSON lines, and what is personal stays in unless it is asked for."""

import json
from datetime import datetime

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.reconcile.export import Period, decisions, invites
from service.rules.commands import replay_text
from service.tracking.store import Store
from tests.flow.world import Answer, World

CANARY = "Zaphod.Beeblebrox+canary@example.com"


@pytest.fixture
def past(world: World) -> Answer:
    """A billing escalation with a canary in every free field, taken by bob, and a plain one after it."""
    first = world.escalate(
        world.customer()["conversation_sid"],
        attributes={"topic": "billing", "customerName": CANARY},
        reason=CANARY,
        idempotency_key=CANARY,
    )
    world.agent("bob", "accept")
    world.await_state(first["id"], "accepted")
    world.transfer(
        conversation_sid=first["conversation_sid"],
        **{"from": {"worker_sid": world.info["workers"]["bob"]}},
        to={"queue": "support"},
        reason=CANARY,
    )
    world.escalate(world.customer()["conversation_sid"])
    return first


def store(world: World) -> Store:
    return world.reconciler.parts.store


def run(world: World, *arguments: str, redis_url: str | None = None) -> Result:
    settings = world.settings
    environ = {
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "TWILIO_WORKSPACE_SID": settings.twilio_workspace_sid,
        "PUBLIC_BASE_URL": settings.public_base_url,
        "REDIS_URL": redis_url or settings.redis_url,
    }
    return CliRunner().invoke(main, ["export", *arguments], env=environ)


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_invite_is_a_line(world: World, past: Answer) -> None:
    told = lines(run(world))
    assert len(told) == 3
    taken = told[-1]  # the oldest
    assert (taken["id"], taken["state"], taken["rule"]) == (past["id"], "accepted", "billing")
    assert taken["worker_sid"] == world.info["workers"]["bob"]
    assert [entry["state"] for entry in taken["history"]][-1] == "accepted"  # type: ignore[attr-defined]


def test_decision_says_which_rule_and_why(world: World, past: Answer) -> None:
    told = lines(run(world, "--decisions"))
    assert [one["rule"] for one in told] == ["default", "named-target", "billing"]
    assert told[-1]["steps"] == [
        {"target": "queue", "workflow": "transfers", "queue": "billing", "task_channel": "chat", "priority": 20}
        | {"timeout_s": 600}
    ]
    assert told[-1]["trace"]


@pytest.mark.parametrize("what", ["--invites", "--decisions"])
def test_nothing_personal_unless_asked_for(what: str, world: World, past: Answer) -> None:
    assert "canary" not in run(world, what).stdout
    assert run(world, what, "--personal").stdout.count(CANARY) >= 3


def test_personal_decisions_can_be_replayed(world: World, past: Answer) -> None:
    path = world.settings.rules_file.with_name("past.jsonl")
    requests = [json.loads(line)["request"] for line in decisions(store(world), personal=True)]
    path.write_text("\n".join(map(json.dumps, requests)))
    code, text = replay_text(path, world.settings.rules_file, world.settings.rules_file)
    assert (code, "3 " in text) == (0, True)


def test_period_has_a_begin_and_an_end(world: World, past: Answer) -> None:
    made = [datetime.fromisoformat(json.loads(line)["created_at"]).timestamp() for line in invites(store(world))]
    newest, middle, oldest = (round(at * 1000) for at in made)

    def count(from_ms: int | None, to_ms: int | None) -> int:
        return len(list(invites(store(world), Period(from_ms, to_ms))))

    assert count(oldest, newest) == 2
    assert count(middle, None) == 2
    assert count(None, oldest) == 0
    assert count(newest + 1, None) == 0


def test_dates_narrow_the_command(world: World, past: Answer) -> None:
    assert len(lines(run(world, "--from", "1h"))) == 3
    assert lines(run(world, "--to", "1h")) == []
    assert "--from must be like" in run(world, "--from", "soon").stderr


def test_absent_store_ends_with_one(world: World) -> None:
    result = run(world, redis_url="redis://127.0.0.1:9")
    assert (result.exit_code, "not done" in result.stdout) == (1, True)
