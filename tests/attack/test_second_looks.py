"""Cancels, foreign tasks, parked conversations and refused searches."""

import json

import pytest
import requests

from tests.flow.world import World

DAY_S = 90_000


def due_now(world: World, invite_id: object) -> None:
    found = world.reconciler.parts.store.get(str(invite_id))
    assert found is not None
    world.reconciler.parts.store.touch(found.id, found.state, due=0)


@pytest.mark.parametrize(("status", "told"), [(400, (409, 422)), (429, (503,))], ids=["refused", "not for this load"])
def test_cancel_that_was_not_done_leaves_no_wish(world: World, status: int, told: tuple[int, ...]) -> None:
    """The app was told that it was not done; and yet the ladder ends as canceled when its step lapses."""
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "ladder"})
    world.fault("POST /v1/Workspaces/*/Tasks/*", status=status, when="before", times=1)
    assert world.post(f"invites/{invite['id']}/cancel", {}).status in told
    world.advance(65)
    assert world.turn_until(invite["id"], "superseded", "canceled")["state"] == "superseded"


def test_foreign_task_of_the_conversation_is_no_guard(world: World) -> None:
    """A live task that names the conversation but cannot be adopted releases the lapse for good."""
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation)
    world.reconciler.parts.taskrouter.cancel_task(str(invite["task_sid"]), "x")
    world.await_state(invite["id"], "lapsed")
    tasks = f"{world.sandbox.base_url}/v1/Workspaces/{world.info['workspace_sid']}/Tasks"
    login = (world.info["account_sid"], world.info["auth_token"])
    form = {
        "Attributes": json.dumps({"conversationSid": conversation}),
        "WorkflowSid": world.info["workflows"]["everyone"],
    }
    made = requests.post(tasks, form, auth=login, timeout=5)
    assert made.ok, made.text
    world.turn()
    world.reconciler.parts.taskrouter.cancel_task(made.json()["sid"], "x")
    due_now(world, invite["id"]) if world.invite(invite["id"])["state"] == "lapsed" else None
    world.turn()
    world.catch_up()
    world.turn()
    assert world.judge()["orphaned"] == []


def test_looks_alone_know_who_parked_last(world: World) -> None:
    """Looks write no ended_at_ms: with all events lost, the lapse cannot tell that an agent has parked since."""
    conversation = world.customer()["conversation_sid"]
    first = world.escalate(conversation, idempotency_key="a")
    second = world.escalate(conversation, idempotency_key="b")
    world.control("POST", "callbacks", {"lost": True})
    world.reconciler.parts.taskrouter.cancel_task(str(first["task_sid"]), "x")
    world.agent("alice", "accept", task_sid=str(second["task_sid"]))
    world.agent("alice", "drop", task_sid=str(second["task_sid"]))
    due_now(world, second["id"])
    world.turn()
    assert world.invite(second["id"])["state"] == "completed"
    due_now(world, first["id"])
    world.turn()
    assert world.conversation(conversation)["state"] == "active", world.invite(first["id"]).json


def test_searches_refused_for_load_still_close(world: World) -> None:
    """Three searches a second for thirty lapses at once: all are closed in the end."""
    world.control("POST", "switches", {"task_search_limit_rps": 3})
    conversations = [world.customer()["conversation_sid"] for _ in range(12)]
    invites = [world.escalate(conversation) for conversation in conversations]
    world.advance(DAY_S)
    for _ in range(14):
        world.turn()
        waiting = [one for one in invites if world.invite(one["id"])["state"] == "lapsed"]
        for one in waiting:
            due_now(world, one["id"])
        if not waiting:
            break
    assert world.judge()["orphaned"] == []
