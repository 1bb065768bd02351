"""Parks at the worst moment: somebody comes by another way, two hold one errand, the store forgets."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis
import requests

from service.reconcile.errands.parking import park as park_it
from service.reconcile.errands.work import heard_message
from service.tracking.errands import Errands
from tests.attack.lies import attributes, hooks, invite_of_others, lie, people_now
from tests.flow.acts import agents, errand, leave, live_tasks, park, served, state, transfer, write
from tests.flow.kept import Build
from tests.flow.world import Answer, World


def test_parking_again_does_not_stop_the_waking(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    assert park(world, first).status == 409
    assert errand(world, "wake", first).status in (200, 202)
    world.turn_until_errand(rests["id"], "done")
    assert len(live_tasks(world, first)) == 1


def test_message_wakes_nobody_beside_an_agent_who_has_come(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    world.agent("alice", "offline")
    other = world.escalate(str(first["conversation_sid"]), idempotency_key="by-phone")
    world.agent("bob", "accept")
    world.await_state(other["id"], "accepted")
    write(world, first)
    world.turn_until_errand(rests["id"], "done")
    world.turn()
    assert (agents(world, first), len(live_tasks(world, first))) == (["bob"], 1)


def test_message_wakes_nobody_beside_an_open_invite(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    world.escalate(str(first["conversation_sid"]), idempotency_key="by-phone")
    write(world, first)
    world.turn_until_errand(rests["id"], "done")
    world.turn()
    assert len(live_tasks(world, first)) == 1


def test_conversation_parked_anew_is_woken_once(world: World) -> None:
    first = served(world)
    park(world, first)
    world.agent("alice", "offline")
    other = world.escalate(str(first["conversation_sid"]), idempotency_key="by-phone")
    world.agent("bob", "accept")
    world.await_state(other["id"], "accepted")
    second = park(world, first, "bob")
    assert second["state"] == "parked"
    write(world, first)
    world.turn_until_errand(second["id"], "done")
    world.turn()
    assert len(live_tasks(world, first)) == 1
    assert hooks(world, first) == []
    assert attributes(world, first) == {}


def test_channel_not_shown_for_a_moment_stays_parked(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    world.fault("GET */Channels/UO*", status=404, times=1)
    world.hurry(rests["id"], 0)
    world.turn()
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))


def test_skipped_first_step_does_not_skip_the_same_agent(build: Build) -> None:
    world = build()
    Path(world.settings.rules_file).write_text("""
version: 1
via: transfers
rules:
  - name: busy
    when: attributes.topic == "busy"
    route: {queue: tier2-billing, skip_if: 'attributes.topic == "busy"'}
    fallback: [{queue: billing}]
default: {workflow: everyone}
""")
    world.await_rule_file()
    first = served(world, by="bob", attributes={"topic": "busy"})
    rests = park(world, first, "bob")
    write(world, first)
    done = world.turn_until_errand(rests["id"], "done")
    assert world.invite(done["successor"])["route"]["worker"] == "bob"  # type: ignore[index]


def test_refused_park_leaves_no_trace(world: World) -> None:
    first = served(world)
    world.fault("POST */Participants/UT*", status=400, times=1)
    assert park(world, first).status == 409
    assert (hooks(world, first), attributes(world, first)) == ([], {})


def test_full_attributes_do_not_leave_a_webhook(world: World) -> None:
    first = served(world)
    full = {"note": "x" * (16 * 1024 - 20)}
    world.reconciler.parts.conversations.write_attributes(str(first["conversation_sid"]), full)
    answer = park(world, first)
    assert answer.status in (200, 409)
    if answer.status == 409:
        assert (hooks(world, first), agents(world, first)) == ([], ["alice"])
    assert attributes(world, first) == full


def test_unreadable_attributes_are_left_as_they_are(world: World) -> None:
    first = served(world)
    raw = '{"loyalty": "gold", "odd": "\\ud83d"}'
    path = f"{world.sandbox.base_url}/v1/Conversations/{first['conversation_sid']}"
    login = (world.info["account_sid"], world.info["auth_token"])
    assert requests.post(path, data={"Attributes": raw}, auth=login, timeout=10).ok
    park(world, first)
    assert "gold" in requests.get(path, auth=login, timeout=10).json()["attributes"]


def test_agent_still_listed_after_a_lost_answer_is_parked(world: World) -> None:
    """The closing's answer is lost, and the list of participants lags."""
    first = served(world)
    people = people_now(world, first)
    world.fault("POST */Participants/UT*", reset=True, when="after", times=1)
    lie(world, "GET */Participants*", people, skip=1, times=6)
    rests = park(world, first)
    errand_id = rests["id"]
    world.turn_until_errand(errand_id, "parked", "refused", "done")
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))


def test_agent_still_listed_does_not_unpark(world: World) -> None:
    first = served(world)
    people = people_now(world, first)
    rests = park(world, first)
    lie(world, "GET */Participants*", people, times=1)
    world.hurry(rests["id"], 0)
    world.turn()
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))


def test_ladder_of_a_waking_is_not_doubled(build: Build) -> None:
    """The first step is refused once; the rule's second one is made, and nothing beside it."""
    world = build(CLOSE_GRACE_S="4")
    first = served(world, by="carol", attributes={"topic": "ladder"})
    rests = park(world, first, "carol", same_agent_s=0)
    world.fault("POST */Invites", status=400, times=1)
    write(world, first)
    deadline = time.monotonic() + 12
    while time.monotonic() < deadline:
        world.turn()
        time.sleep(0.2)
    assert world.get(f"errands/{rests['id']}")["state"] == "done"
    assert len(live_tasks(world, first)) == 1


class Between(Errands):
    """Errands between whose reading and further use something happens."""

    then: Callable[[], None] | None = None

    def get(self, errand_id: str):  # type: ignore[no-untyped-def]
        found = super().get(errand_id)
        then, self.then = self.then, None
        if then:
            then()
        return found


def test_message_in_the_moment_of_resting_is_heard(world: World, client: "redis.Redis") -> None:
    first = served(world)
    sid = str(first["conversation_sid"])
    rests = park(world, first)
    parts = world.reconciler.parts
    between = Between(world.redis, keep_s=600)
    record = f"flex:{{{str(rests['id'])[3:5]}}}:er:{rests['id']}"
    world.redis.hset(record, "state", "taken")

    def rest() -> None:
        parts.errands.move(str(rests["id"]), "parked", due=900)

    between.then = rest
    heard_message(
        replace(parts, errands=between), errand_id=str(rests["id"]), conversation_sid=sid,
        interaction_sid=str(first["interaction_sid"]), channel_sid=str(first["channel_sid"]),
    )  # fmt: skip
    world.turn_until_errand(rests["id"], "done")
    assert len(live_tasks(world, first)) == 1


def test_slow_second_worker_does_not_undo_a_park(world: World) -> None:
    """Two hold the same errand: the other one, who is slow, finds nobody on the channel any more."""
    first = served(world)
    parts, book = world.reconciler.parts, world.reconciler.book
    world.fault("POST */Participants/UT*", delay_s=3.0, when="after", times=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(park(world, first)))
    thread.start()
    found = None
    while found is None:
        found = next(iter(parts.errands.of_anchor(str(first["channel_sid"]))), None)
    while agents(world, first):
        time.sleep(0.02)
    park_it(parts, book, found, now_ms=parts.store.now_ms())
    thread.join()
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))


def test_park_that_waits_in_line_is_held_by_one(world: World) -> None:
    first = served(world, "bob")
    world.fault("POST */Participants/UT*", delay_s=1.5, when="before", times=1)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(leave(world, first, "bob")))]
    threads[0].start()
    time.sleep(0.5)
    world.fault("POST */Participants/UT*", delay_s=3.0, when="after", skip=1, times=1)
    threads.append(threading.Thread(target=lambda: answers.append(park(world, first, "alice"))))
    threads[1].start()
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        world.turn()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    closed = [call for call in world.calls("POST") if "/Participants/UT" in call["path"]]
    assert [answer["state"] for answer in answers] == ["done", "parked"]
    assert len(closed) == 2


def test_emptied_store_spares_what_is_parked(world: World) -> None:
    """An escalation beside the park has lapsed; then the store is emptied, and the lapse is read anew."""
    first = served(world)
    park(world, first)
    other = world.escalate(str(first["conversation_sid"]), idempotency_key="by-phone")
    world.advance(90_000)
    world.turn_until(other["id"], "released")
    world.redis.flushall()
    world.reconciler.parts.notes.write_names(world.reconciler.parts.taskrouter.names())
    world.catch_up()
    world.turn()
    world.turn()
    assert state(world, first) == "active"
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))


def test_old_webhook_wakes_nobody_beside_an_agent(world: World) -> None:
    """The record of a park that is long over has expired; its webhook was never taken away."""
    first = served(world)
    world.agent("alice", "offline")
    sid, old = str(first["conversation_sid"]), str(park(world, served(world, by="bob"), "bob")["id"])
    world.redis.flushall()
    world.reconciler.parts.notes.write_names(world.reconciler.parts.taskrouter.names())
    heard_message(
        world.reconciler.parts, errand_id=old, conversation_sid=sid,
        interaction_sid=str(first["interaction_sid"]), channel_sid=str(first["channel_sid"]),
    )  # fmt: skip
    world.turn()
    time.sleep(2.5)
    world.turn()
    assert len(live_tasks(world, first)) == 1


def test_park_of_a_closed_conversation_is_over(world: World) -> None:
    first = served(world)
    rests = park(world, first)
    world.reconciler.parts.conversations.close(str(first["conversation_sid"]))
    world.hurry(rests["id"], 0)
    world.turn()
    assert world.get(f"errands/{rests['id']}")["state"] == "done"


def test_full_webhooks_keep_the_agent(world: World) -> None:
    first = served(world)
    sid = str(first["conversation_sid"])
    for number in range(5):
        world.reconciler.parts.conversations.add_webhook(sid, f"https://example.com/{number}")
    assert park(world, first).status == 409
    assert (agents(world, first), attributes(world, first)) == (["alice"], {})


def emailed(world: World) -> tuple[Answer, str]:
    """Alice attends an email conversation whose task others have made, so nobody has told us that it is one."""
    talk = world.customer(interaction=True, channel_type="email")
    task = invite_of_others(world, talk, "email")
    world.agent("alice", "accept")
    first = Answer(200, world.await_listed(f"conversation_sid={talk['conversation_sid']}", task))
    world.await_state(first["id"], "accepted")
    return first, task


def task_channels(world: World, *tasks: object) -> list[str]:
    path = f"{world.sandbox.base_url}/v1/Workspaces/{world.info['workspace_sid']}/Tasks/"
    login = (world.info["account_sid"], world.info["auth_token"])
    return [requests.get(path + str(t), auth=login, timeout=9).json()["task_channel_unique_name"] for t in tasks]


def test_email_is_woken_as_email(world: World) -> None:
    first, task = emailed(world)
    rests = park(world, first)
    assert rests.status == 200, rests
    write(world, first)
    done = world.turn_until_errand(rests["id"], "done")
    old, new = task_channels(world, task, world.invite(done["successor"])["task_sid"])
    assert old == new


def test_email_is_transferred_as_email(world: World) -> None:
    """The caller names no channel_type; the agent's task does."""
    first, task = emailed(world)
    moved = transfer(world, first, to={"queue": "billing"})
    assert moved.status == 201, moved
    old, new = task_channels(world, task, moved["task_sid"])
    assert old == new


def test_park_and_transfer_at_once(world: World) -> None:
    first = served(world)
    world.fault("POST */Participants/UT*", delay_s=1.5, when="before", times=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(park(world, first)))
    thread.start()
    while not hooks(world, first):
        time.sleep(0.02)
    transfer(world, first, to={"queue": "billing"})
    thread.join()
    write(world, first)
    time.sleep(2.5)
    world.turn()
    world.turn()
    assert len(live_tasks(world, first)) == 1


@pytest.mark.parametrize("hidden", [False, True], ids=["shown", "not shown for a moment"])
def test_lapsed_transfer_beside_a_park_leaves_it_parked(world: World, hidden: bool) -> None:
    first = served(world)
    world.fault("POST */Participants/UT*", delay_s=1.5, when="before", times=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(park(world, first)))
    thread.start()
    while not hooks(world, first):
        time.sleep(0.02)
    moved = transfer(world, first, to={"worker": "bob"})
    thread.join()
    world.turn()
    world.agent("bob", "decline")
    world.advance(90_000)
    if hidden:
        world.fault(f"GET */Channels/UO{'?' * 32}", status=404, times=1)
    world.turn_until(moved["id"], "released", "closed")
    assert state(world, first) == "active"
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))
