"""Nobody takes the invite: one closing, and none where somebody is."""

import random
import time

import pytest

from service.errors import StoreUnavailableError
from service.model import Route, State
from tests.flow.world import World

DAY_S = 90_000


def closings(world: World) -> int:
    return sum("Status=closed" in str(call) or "'Status': 'closed'" in str(call) for call in world.calls("/Channels/"))


def test_untaken_invite_closes_everything(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "billing"})
    world.advance(DAY_S)
    done = world.turn_until(invite["id"], "closed")
    seen = world.conversation(conversation)
    assert (seen["state"], seen["channel_status"]) == ("closed", "closed")
    assert seen["messages"][-1]["body"] == "Nobody is here just now. Please write again."
    assert done["reason"] in ("workflow.timeout", "task.canceled")
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def test_served_customer_is_left_alone(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.agent("alice", "accept")
    world.await_state(invite["id"], "accepted")
    world.advance(3600)
    world.turn()
    assert world.conversation(conversation)["state"] == "active"
    assert world.judge()["closed_under_agent"] == []


def test_lapse_beside_an_agent_is_released(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation)
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    second = world.escalate(conversation, attributes={"topic": "billing"}, idempotency_key="second")
    world.advance(3600)
    world.turn_until(second["id"], "released")
    assert world.conversation(conversation)["state"] == "active"


def test_accept_just_before_late_timeout_keeps_channel(world: World) -> None:
    """Two invites; one is accepted an instant before the other's late workflow.timeout arrives."""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "billing"})
    second = world.escalate(conversation, idempotency_key="second")
    world.control("POST", "callbacks", {"lost": True})
    world.agent("alice", "accept", task_sid=str(second["task_sid"]))
    late = terminal(world, first.json, "workflow.timeout", number=1)
    assert world.event(late) == 204
    world.turn()
    assert world.conversation(conversation)["state"] == "active"
    assert world.judge()["closed_under_agent"] == []


def test_earlier_end_in_the_same_second_is_no_leaving(world: World) -> None:
    """An agent's task ended just before; then the invite is canceled: nobody has left since."""
    customer = world.customer(interaction=True)
    invite = world.escalate(customer["conversation_sid"])
    world.reconciler.parts.taskrouter.cancel_task(str(invite["task_sid"]), "x")
    world.turn_until(invite["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_canceled_invite_of_a_served_conversation_is_rescued(world: World) -> None:
    customer = world.customer(interaction=True)  # served once; its agent has left
    started = time.time()
    while int(time.time()) == int(started):
        time.sleep(0.05)  # a canceled task tells its end in whole seconds
    invite = world.escalate(customer["conversation_sid"])
    assert world.post(f"invites/{invite['id']}/cancel", {}).status == 200
    world.turn()
    assert world.judge()["orphaned"] == []


TERMINAL = ("task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout", "workflow.skipped")


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_terminal_events_close_once(world: World, seed: int) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "billing"})
    world.control("POST", "callbacks", {"lost": True})
    world.advance(DAY_S)
    events = [terminal(world, invite.json, name, number) for number, name in enumerate(TERMINAL)] * 2
    random.Random(seed).shuffle(events)
    for event in events:
        assert world.event(event) == 204
        if seed % 2:
            world.turn()
    world.turn_until(invite["id"], "closed")
    assert closings(world) == 1
    farewells = [message for message in world.conversation(conversation)["messages"] if message["author"] == "system"]
    assert len(farewells) == 1


def terminal(world: World, invite: dict, name: str, number: int) -> dict[str, str]:  # type: ignore[type-arg]
    """A terminal event as TaskRouter might send it, with as little in it as the reference promises."""
    fields = {
        "Sid": f"EV{number:032x}",
        "EventType": name,
        "AccountSid": world.info["account_sid"],
        "WorkspaceSid": world.info["workspace_sid"],
        "ResourceType": "task",
        "ResourceSid": invite["task_sid"],
        "TaskSid": invite["task_sid"],
        "Timestamp": "1760000000",
        "TimestampMs": "1760000000123",
    }
    if name == "task.canceled":
        fields["TaskCanceledReason"] = "Task canceled on Workflow timeout"
    return fields


def test_completed_task_leaves_conversation_open(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.agent("alice", "accept")
    world.agent("alice", "drop")
    world.await_state(invite["id"], "completed")
    world.turn()
    assert world.conversation(conversation)["state"] == "active"


def test_native_leave_is_respected(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="a")
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    second = world.escalate(conversation, attributes={"topic": "billing"}, idempotency_key="b")
    world.agent("alice", "leave", task_sid=str(first["task_sid"]))
    world.advance(3600)
    world.turn()
    assert world.invite(second["id"])["state"] in ("released", "pending")
    assert world.conversation(conversation)["state"] != "closed"


def test_rule_may_leave_it_open(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "leave"})
    world.advance(DAY_S)
    world.turn_until(invite["id"], "released")
    assert world.conversation(conversation)["state"] == "active"


def test_next_step_is_a_new_invite(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "ladder"})
    world.advance(120)
    lapsed = world.turn_until(first["id"], "superseded")
    second = world.turn_until(lapsed["successor"], "pending")
    assert second["predecessor"] == first["id"]
    assert second["route"]["queue"] == "support"  # type: ignore[index]
    world.advance(DAY_S)
    world.turn_until(second["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_next_step_answers_for_the_customer_before_the_last_one_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process dies, or the store is gone, between the two: neither may leave the customer to the other."""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, attributes={"topic": "ladder"})
    world.advance(120)
    with monkeypatch.context() as patch:
        patch.setattr("service.reconcile.lapse._finish", _gone)
        world.turn_while(lambda: not world.invite(first["id"])["successor"])
    store = world.reconciler.parts.store
    store.touch(str(first["id"]), State.LAPSED, due=3600)
    second = world.turn_until(world.invite(first["id"])["successor"], "pending")
    world.advance(DAY_S)
    world.turn_until(second["id"], "closed")
    assert world.judge()["orphaned"] == []
    calls = len(world.calls(""))
    store.touch(str(first["id"]), State.LAPSED, due=0)
    world.turn_until(first["id"], "superseded")
    assert len(world.calls("")) == calls, "its successor is there: nothing is left to be looked at"


def _gone(*_: object, **__: object) -> None:
    raise StoreUnavailableError("gone")


def test_foreign_flex_task_is_adopted_and_rescued(world: World) -> None:
    """A task that another application made: nobody asked us, and yet its customer is not forgotten."""
    customer = world.customer(interaction=True)
    route = Route(world.info["workflows"]["everyone"], "everyone")
    gateway = world.reconciler.parts.gateway
    made = gateway.create_invite(customer["interaction_sid"], customer["channel_sid"], route, {})
    adopted = world.await_listed(f"conversation_sid={customer['conversation_sid']}&kind=adopted", made.task_sid)
    world.advance(DAY_S)
    world.turn_until(adopted["id"], "closed")
    assert world.conversation(customer["conversation_sid"])["state"] == "closed"


def test_lost_callbacks_are_caught_up(world: World) -> None:
    conversations = [world.customer()["conversation_sid"] for _ in range(5)]
    world.control("POST", "callbacks", {"lost": True})
    invites = [world.escalate(conversation, attributes={"topic": "billing"}) for conversation in conversations]
    world.catch_up()
    world.advance(DAY_S)
    assert len(world.judge()["orphaned"]) == 5
    assert world.catch_up()
    for invite in invites:
        world.turn_until(invite["id"], "closed")
    assert world.judge()["orphaned"] == []


def test_emptied_store_is_rebuilt(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "billing"})
    world.redis.flushall()
    world.catch_up()
    assert world.invite(invite["id"])["state"] == "pending"
    world.advance(DAY_S)
    world.catch_up()
    world.turn_until(invite["id"], "closed")
    assert world.judge()["orphaned"] == []


@pytest.mark.parametrize("second_close", ["ok", "refuse"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_failed_close_is_repeated(world: World, when: str, second_close: str) -> None:
    world.control("POST", "switches", {"second_close": second_close})
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.advance(DAY_S)
    world.fault("POST /v1/Interactions/*/Channels/*", status=500, when=when, times=1)
    world.turn()
    world.reconciler.parts.store.touch(str(invite["id"]), _state(world, invite["id"]), due=0)
    world.turn_until(invite["id"], "closed")
    assert world.conversation(conversation)["state"] == "closed"
    assert world.judge()["orphaned"] == []


def _state(world: World, invite_id: object):  # type: ignore[no-untyped-def]
    found = world.reconciler.parts.store.get(str(invite_id))
    assert found is not None
    return found.state
