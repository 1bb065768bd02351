"""Odd events, odd clocks, odd places: what was held, and what was not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.model import Route
from service.rules.loading import RulesFile
from tests.conftest import sid
from tests.flow.world import World

DAY_S = 90_000


def callback(world: World, invite: object, name: str, **more: str) -> dict[str, str]:
    task = str(invite["task_sid"])  # type: ignore[index]
    return {
        "Sid": sid("EV", 1), "EventType": name, "AccountSid": world.info["account_sid"],
        "WorkspaceSid": world.info["workspace_sid"], "TaskSid": task, "TimestampMs": "1760000000123", **more,
    }  # fmt: skip


def test_successor_of_a_channel_request_is_found_by_conversation(world: World) -> None:
    customer = world.customer(interaction=True)
    world.advance(0)
    world.redis.flushall()  # the channel's conversation is not known
    wanted = {name: customer[name] for name in ("interaction_sid", "channel_sid")}
    first = world.post("escalations", {**wanted, "attributes": {"topic": "ladder"}})
    world.advance(65)
    lapsed = world.turn_until(first["id"], "superseded")
    found = world.reconciler.parts.store.of_anchor(customer["conversation_sid"])
    assert lapsed["successor"] in [one.id for one in found]


def test_rules_are_read_again_after_the_clock_went_back(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\ndefault: {workflow: a}\n")
    rules = RulesFile(path)
    rules.load(1_760_000_000_000)
    rules.refresh(1_760_000_000_000)
    path.write_text("version: 1\ndefault: {workflow: everybody}\n")
    assert rules.refresh(1_760_000_000_000 - 86_400_000)


def test_copied_attributes_do_not_mix_two_tasks(world: World) -> None:
    """A plugin copies all attributes of our task into its own invite."""
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    parts = world.reconciler.parts
    task = parts.taskrouter.task(str(first["task_sid"]))
    assert task is not None
    route = Route(world.info["workflows"]["everyone"], "everyone")
    made = parts.gateway.create_invite(
        str(first["interaction_sid"]), str(first["channel_sid"]), route, dict(task.attributes)
    )
    copied = world.await_listed(f"conversation_sid={first['conversation_sid']}", made.task_sid)
    assert copied["id"] != first["id"]
    parts.taskrouter.cancel_task(str(made.task_sid), "x")
    world.turn_until(copied["id"], "released")
    assert world.invite(first["id"])["state"] == "accepted"


@pytest.mark.parametrize(
    "fields", [{"WorkspaceSid": sid("WS", 7)}, {"TaskSid": sid("WT", 7)}, {"TaskAttributes": "{"}], ids=str
)
def test_strange_event_moves_nothing(world: World, fields: dict[str, str]) -> None:
    """Held, but for redacted attributes of a task that is linked: that one is meant."""
    invite = world.escalate(world.customer()["conversation_sid"])
    assert world.event(callback(world, invite, "task.canceled", **fields)) == 204
    world.turn()
    expected = ("lapsed",) if "TaskAttributes" in fields else ("pending",)
    assert world.invite(invite["id"])["state"] in expected
    assert world.conversation(str(invite["conversation_sid"]))["state"] == "active"


def test_false_lapse_does_not_end_the_watch(world: World) -> None:
    first = world.escalate(world.customer()["conversation_sid"], idempotency_key="a")
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    second = world.escalate(str(first["conversation_sid"]), attributes={"topic": "ladder"}, idempotency_key="b")
    assert world.event(callback(world, second, "workflow.timeout")) == 204
    world.turn()
    assert world.invite(second["id"])["state"] != "released"


def test_same_event_at_once_counts_once(world: World) -> None:
    """Eight deliveries in the same moment."""
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.control("POST", "callbacks", {"lost": True})
    world.advance(DAY_S)
    event = callback(world, invite, "task.canceled")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(world.event, [event] * 8)) == {204}
    world.catch_up()
    world.turn_until(invite["id"], "closed")
    assert sum("Status" in call["form"] for call in world.calls("POST /v1/Interactions/")) == 1
