"""A conversation is parked, and woken once: by the customer, by a timer, by an app."""

import threading

import pytest

from tests.flow.acts import NOTHING_WRONG, agents, errand, live_tasks, park, served, state, transfer, write
from tests.flow.world import Answer, World


def webhooks(world: World, first: Answer) -> list[str]:
    return [hook["url"] for hook in world.conversation(str(first["conversation_sid"]))["webhooks"]]


def attributes(world: World, first: Answer) -> dict[str, object]:
    found = world.reconciler.parts.conversations.fetch(str(first["conversation_sid"]))
    assert found is not None
    return dict(found.attributes)


def parked(world: World, **more: object) -> tuple[Answer, Answer]:
    """Bob has parked a billing case."""
    first = served(world, by="bob", attributes={"topic": "billing", "note": "kept"})
    return first, park(world, first, "bob", **more)


def woken(world: World, errand_id: object) -> Answer:
    return world.turn_until_errand(errand_id, "done")


def test_parked_conversation_stays_open_unattended(world: World) -> None:
    first, rests = parked(world)
    assert (rests.status, rests["state"]) == (200, "parked")
    world.turn()
    assert (agents(world, first), live_tasks(world, first), state(world, first)) == ([], [], "active")
    assert len(webhooks(world, first)) == 1
    world.advance(3 * 86_400)
    world.turn()
    assert state(world, first) == "active"
    assert world.judge() == NOTHING_WRONG


def test_attributes_of_the_conversation_stay(world: World) -> None:
    first = served(world)
    sid = str(first["conversation_sid"])
    world.reconciler.parts.conversations.write_attributes(sid, {"loyalty": "gold"})
    rests = park(world, first)
    assert attributes(world, first) == {"loyalty": "gold", "router_parked": rests["id"]}
    errand(world, "wake", first)
    woken(world, rests["id"])
    assert attributes(world, first) == {"loyalty": "gold"}


def test_message_wakes_by_the_rules(world: World) -> None:
    first, rests = parked(world)
    write(world, first)
    done = woken(world, rests["id"])
    assert done["outcome"] == "woken"
    assert webhooks(world, first) == []
    invite = world.invite(done["successor"])
    assert (invite["rule"], invite["state"]) == ("billing", "pending")
    assert len(live_tasks(world, first)) == 1


def test_same_agent_is_asked_first(world: World) -> None:
    first, rests = parked(world, same_agent_s=3600)
    write(world, first)
    invite = world.invite(woken(world, rests["id"])["successor"])
    assert invite["route"]["worker"] == "bob"  # type: ignore[index]
    world.agent("bob", "accept")
    assert agents(world, first) == ["bob"]


def test_same_agent_who_is_away_is_passed_over(world: World) -> None:
    first, rests = parked(world, same_agent_s=3600)
    world.agent("bob", "offline")
    write(world, first)
    invite = world.invite(woken(world, rests["id"])["successor"])
    assert invite["route"]["queue"] == "billing"  # type: ignore[index]


def test_same_agent_who_lets_it_ring_is_followed_by_the_rules(world: World) -> None:
    first, rests = parked(world, same_agent_s=3600)
    write(world, first)
    invite = world.invite(woken(world, rests["id"])["successor"])
    world.advance(200)
    heir = world.turn_until(invite["id"], "superseded")["successor"]
    assert world.invite(heir)["route"]["queue"] == "billing"  # type: ignore[index]


def test_two_messages_at_once_wake_once(world: World) -> None:
    first, rests = parked(world)
    for _ in range(4):
        write(world, first)
    woken(world, rests["id"])
    write(world, first)
    world.turn()
    assert len(live_tasks(world, first)) == 1
    assert world.judge() == NOTHING_WRONG


def test_timer_wakes(world: World) -> None:
    first, rests = parked(world, wake_after_s=60)
    world.turn()
    assert world.get(f"errands/{rests['id']}")["state"] == "parked"
    world.hurry(rests["id"], 60)
    assert woken(world, rests["id"])["reason"] == "by timer"
    assert len(live_tasks(world, first)) == 1


def test_app_wakes(world: World) -> None:
    first, rests = parked(world)
    assert errand(world, "wake", first).status in (200, 202)
    assert woken(world, rests["id"])["outcome"] == "woken"


def test_wake_of_nothing_parked_conflicts(world: World) -> None:
    assert errand(world, "wake", served(world)).status == 409


def test_refused_wake_stays_parked_and_listens(world: World) -> None:
    first, rests = parked(world, same_agent_s=0)
    world.fault("POST */Invites", status=400, times=1)
    write(world, first)
    world.turn_until_told(rests["id"], "waking failed")
    assert len(webhooks(world, first)) == 1
    assert state(world, first) == "active"
    world.hurry(rests["id"], 0)
    assert woken(world, rests["id"])["outcome"] == "woken"
    assert len(live_tasks(world, first)) == 1
    assert world.judge() == NOTHING_WRONG


def test_lost_wake_up_call_is_found_by_a_look(world: World) -> None:
    first, rests = parked(world)
    world.control("POST", "callbacks", {"lost": 1.0})
    write(world, first)
    world.turn()
    assert live_tasks(world, first) == []
    world.hurry(rests["id"], 0)
    assert woken(world, rests["id"])["reason"] == "by message"


def test_webhook_taken_away_is_put_back(world: World) -> None:
    first, rests = parked(world)
    sid = str(first["conversation_sid"])
    conversations = world.reconciler.parts.conversations
    for hook in conversations.webhooks(sid):
        conversations.drop_webhook(sid, hook.sid)
    world.hurry(rests["id"], 0)
    world.turn()
    assert len(webhooks(world, first)) == 1


def test_emptied_store_still_wakes(world: World) -> None:
    first, _ = parked(world)
    world.redis.flushall()
    world.reconciler.parts.notes.write_names(world.reconciler.parts.taskrouter.names())
    write(world, first)
    world.turn_while(lambda: not live_tasks(world, first))
    assert len(live_tasks(world, first)) == 1


def test_message_before_the_agent_has_gone_wakes(world: World) -> None:
    first = served(world)
    world.fault("POST */Participants/UT*", delay_s=1.0, when="before", times=1)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(park(world, first)))
    thread.start()
    while not webhooks(world, first):
        pass
    write(world, first)
    thread.join()
    woken(world, answers[0]["id"])
    assert len(live_tasks(world, first)) == 1


def test_park_beside_another_agent_is_refused(world: World) -> None:
    answer = park(world, served(world, "bob"))
    assert (answer.status, "leave instead" in str(answer["detail"])) == (409, True)


def test_park_with_an_open_invite_is_refused(world: World) -> None:
    first = served(world)
    moved = transfer(world, first, to={"worker": "bob"})
    answer = park(world, first)
    assert (answer.status, str(moved["id"]) in str(answer["detail"])) == (409, True)
    assert webhooks(world, first) == []


def test_whatsapp_timer_beyond_the_window_is_refused(world: World) -> None:
    answer = park(world, served(world), channel_type="whatsapp", wake_after_s=90_000)
    assert [error["field"] for error in answer["errors"]] == ["wake_after_s"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("act", ["leave", "pause"])
def test_native_leave_and_pause_are_left_alone(world: World, act: str) -> None:
    first = served(world)
    lapsed = transfer(world, first, to={"worker": "bob"})
    world.agent("alice", act)
    world.advance(700)
    world.turn_until(lapsed["id"], "released", "canceled", "closed")
    assert state(world, first) != "closed"
    assert world.judge() == NOTHING_WRONG
