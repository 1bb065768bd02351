"""The judge: each of its lists provoked, and what it must not put there."""

from collections.abc import Callable

import pytest

from service.sandbox.acts import act, customer_writes
from service.sandbox.channels import note_closing, update_channel
from service.sandbox.conversations import add_message, end_conversation
from service.sandbox.judge import verdict
from service.sandbox.seats import agents_on, close_participant, leave_with_task, wrap_participant
from service.sandbox.state import Conversation
from service.sandbox.tasks import complete, delete
from service.sandbox.world import World
from tests.sandbox.scenes import (
    arrival,
    channel_of,
    conversation_of,
    does,
    escalate,
    invite,
    pass_time,
    routing,
    standing_world,
    waiting_task,
    worker,
)

Scene = Callable[[World], Conversation]


def unanswered(world: World) -> Conversation:
    task = waiting_task(world, routing(world, timeout=60))
    pass_time(world, 60)
    return conversation_of(world, task)


def deleted(world: World) -> Conversation:
    task = waiting_task(world)
    delete(world, task)
    return conversation_of(world, task)


def completed_by_api(world: World) -> Conversation:
    task = waiting_task(world)
    does(world, "alice", "accept")
    complete(world, task)
    leave_with_task(world, task)
    return conversation_of(world, task)


def channel_closed_only(world: World) -> Conversation:
    task = waiting_task(world)
    update_channel(world, channel_of(world, task), "closed", {"status": "closed"})
    conversation_of(world, task).state = "active"
    return conversation_of(world, task)


def dead_invite_after_leaving(world: World) -> Conversation:
    conversation = arrival(world, interaction=True)
    invite(world, world.channels[conversation.channel_sids[0]], routing(world, timeout=60))
    pass_time(world, 60)
    return conversation


def never_in_flex(world: World) -> Conversation:
    return arrival(world)


def waiting(world: World) -> Conversation:
    return conversation_of(world, waiting_task(world))


def served(world: World) -> Conversation:
    task = waiting_task(world)
    does(world, "alice", "accept")
    return conversation_of(world, task)


def closed_afterwards(world: World) -> Conversation:
    conversation = unanswered(world)
    update_channel(world, world.channels[conversation.channel_sids[0]], "closed", None)
    return conversation


def left(world: World) -> Conversation:
    conversation = served(world)
    does(world, "alice", "leave")
    return conversation


def parked(world: World) -> Conversation:
    conversation = served(world)
    channel = world.channels[conversation.channel_sids[0]]
    close_participant(world, channel, agents_on(channel)[0])
    return conversation


def wrapping_up(world: World) -> Conversation:
    conversation = served(world)
    wrap_participant(world, agents_on(world.channels[conversation.channel_sids[0]])[0])
    return conversation


def came_through_flex(world: World) -> Conversation:
    return arrival(world, interaction=True)


def conversation_closed_only(world: World) -> Conversation:
    conversation = unanswered(world)
    end_conversation(world, conversation)
    return conversation


def let_go_before_the_newcomer(world: World) -> Conversation:
    """By the API, and the task of who was asked in the old agent's place had ended by then: nobody has parked."""
    conversation = served(world)
    channel = world.channels[conversation.channel_sids[0]]
    invite(world, channel, routing(world, timeout=60))
    pass_time(world, 60)
    close_participant(world, channel, agents_on(channel)[0], on_purpose=False)
    return conversation


def second_interaction_waits(world: World) -> Conversation:
    conversation = unanswered(world)
    escalate(world, conversation)
    return conversation


@pytest.mark.parametrize(
    "scene",
    [unanswered, deleted, completed_by_api, channel_closed_only, dead_invite_after_leaving, let_go_before_the_newcomer],
)
def test_unattended_conversation_is_orphaned(scene: Scene) -> None:
    world = standing_world()
    conversation = scene(world)
    assert verdict(world)["orphaned"] == [conversation.sid]


@pytest.mark.parametrize(
    "scene",
    [
        never_in_flex,
        waiting,
        served,
        closed_afterwards,
        left,
        parked,
        wrapping_up,
        came_through_flex,
        conversation_closed_only,
        second_interaction_waits,
    ],
)
def test_attended_conversation_is_not_orphaned(scene: Scene) -> None:
    world = standing_world()
    scene(world)
    assert verdict(world)["orphaned"] == []


@pytest.mark.parametrize(
    "attributes", [{"router_invite_id": "I1"}, {"execution_sid": "FN1"}, {"idempotency_key": "K1"}]
)
def test_two_tasks_of_one_request_are_double(attributes: dict[str, object]) -> None:
    world = standing_world()
    task = waiting_task(world, routing(world, attributes=attributes))
    invite(world, channel_of(world, task), routing(world, attributes=attributes))
    assert verdict(world)["double_invited"] == [conversation_of(world, task).sid]


def test_doubles_are_seen_across_conversations() -> None:
    world = standing_world()
    tasks = [waiting_task(world, routing(world, attributes={"router_invite_id": "I1"})) for _ in range(2)]
    details = verdict(world)["details"]
    assert isinstance(details, dict)
    assert details["double_invited"][0]["task_sids"] == [task.sid for task in tasks]


def test_two_requests_are_not_double() -> None:
    world = standing_world()
    task = waiting_task(world, routing(world, attributes={"router_invite_id": "I1"}))
    invite(world, channel_of(world, task), routing(world, attributes={"router_invite_id": "I2"}))
    assert verdict(world)["double_invited"] == []


@pytest.mark.parametrize("ending", [{"status": "closed"}, None], ids=["closed", "no routing"])
def test_api_close_under_an_agent_is_noted(ending: object) -> None:
    world = standing_world()
    conversation = served(world)
    update_channel(world, world.channels[conversation.channel_sids[0]], "closed", ending)
    assert verdict(world)["closed_under_agent"] == [conversation.sid]


def test_end_with_wrapup_is_not_closed_under() -> None:
    world = standing_world()
    conversation = served(world)
    update_channel(world, world.channels[conversation.channel_sids[0]], "closed", {"status": "wrapup"})
    assert (conversation.state, verdict(world)["closed_under_agent"]) == ("closed", [])


@pytest.mark.parametrize("scene", [unanswered, parked])
def test_api_close_without_an_agent_is_fine(scene: Scene) -> None:
    world = standing_world()
    conversation = scene(world)
    update_channel(world, world.channels[conversation.channel_sids[0]], "closed", {"status": "closed"})
    assert verdict(world)["closed_under_agent"] == []


def test_closing_while_an_accept_is_set_up_is_seen() -> None:
    world = standing_world()
    task = waiting_task(world)
    with world.turn():
        act(world, worker(world, "alice"), "accept", None, on_hold_s=60)
        update_channel(world, channel_of(world, task), "closed", {"status": "closed"})
    assert verdict(world)["closed_under_agent"] == [conversation_of(world, task).sid]


def test_agent_who_hung_up_is_not_closed_under() -> None:
    world = standing_world()
    conversation = served(world)
    does(world, "alice", "wrapup")
    note_closing(world, world.channels[conversation.channel_sids[0]])
    assert verdict(world)["closed_under_agent"] == []


def writes(world: World, conversation: Conversation) -> None:
    with world.turn():
        customer_writes(world, conversation, "Is anybody there?")


@pytest.mark.parametrize("scene", [parked, came_through_flex])
def test_parked_customer_is_unheard_after_a_minute(scene: Scene) -> None:
    world = standing_world()
    conversation = scene(world)
    writes(world, conversation)
    seen = []
    for seconds in (59, 1):
        pass_time(world, seconds)
        seen.append(verdict(world)["unheard"])
    assert seen == [[], [conversation.sid]]


def test_minute_counts_from_the_first_message() -> None:
    world = standing_world()
    conversation = parked(world)
    for _ in range(3):
        writes(world, conversation)
        pass_time(world, 30)
    details = verdict(world)["details"]
    assert isinstance(details, dict)
    assert [case["message_sid"] for case in details["unheard"]] == [conversation.messages[1].sid]


def test_unheard_customer_is_in_no_other_list() -> None:
    world = standing_world()
    conversation = parked(world)
    writes(world, conversation)
    pass_time(world, 3600)
    found = verdict(world)
    assert {name: found[name] for name in found if name != "details"} == {
        "orphaned": [],
        "double_invited": [],
        "closed_under_agent": [],
        "unheard": [conversation.sid],
    }


def woken(world: World) -> None:
    conversation = parked(world)
    writes(world, conversation)
    invite(world, world.channels[conversation.channel_sids[0]])


def woken_and_parked_again(world: World) -> None:
    woken(world)
    does(world, "alice", "accept")
    does(world, "alice", "drop")


def silent(world: World) -> None:
    pass_time(world, 1)
    parked(world)


def written_by_the_system(world: World) -> None:
    add_message(world, parked(world), "system", "We will be back", by_api=True)


def written_to_after_leaving(world: World) -> None:
    writes(world, left(world))


def paused(world: World) -> None:
    conversation = served(world)
    does(world, "alice", "pause")
    writes(world, conversation)


def ended_after_writing(world: World) -> None:
    conversation = parked(world)
    writes(world, conversation)
    end_conversation(world, conversation)


@pytest.mark.parametrize(
    "scene",
    [
        woken,
        woken_and_parked_again,
        silent,
        written_by_the_system,
        written_to_after_leaving,
        paused,
        ended_after_writing,
    ],
)
def test_customer_is_not_unheard(scene: Callable[[World], None]) -> None:
    world = standing_world()
    scene(world)
    pass_time(world, 3600)
    assert verdict(world)["unheard"] == []


def test_customer_through_the_api_is_heard_of_too() -> None:
    world = standing_world()
    conversation = parked(world)
    author = str(conversation.members[0].address)
    add_message(world, conversation, author, "From a channel of our own", by_api=True)
    pass_time(world, 60)
    assert verdict(world)["unheard"] == [conversation.sid]


def test_customer_who_comes_back_gets_a_new_task() -> None:
    world = standing_world()
    task = waiting_task(world, routing(world, attributes={"router_invite_id": "I1", "topic": "billing"}))
    does(world, "alice", "accept")
    does(world, "alice", "leave")
    with world.turn():
        customer_writes(world, conversation_of(world, task), "I am back")
    again = world.tasks_of(channel_of(world, task))[-1]
    assert (again.status, again.attributes["topic"], "router_invite_id" in again.attributes) == (
        "reserved",
        "billing",
        False,
    )
