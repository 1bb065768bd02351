"""Interactions, channels, invites and participants: who is in, who goes, and what closing does."""

import json

import pytest

from service.sandbox.channels import update_channel
from service.sandbox.conversations import end_conversation
from service.sandbox.interactions import NewInteraction, create_interaction, create_invite
from service.sandbox.refusals import Refused
from service.sandbox.seats import agents_on, close_participant, wrap_participant
from service.sandbox.sids import named_sid
from service.sandbox.world import World
from tests.sandbox.scenes import (
    arrival,
    channel_of,
    conversation_of,
    does,
    escalate,
    event_types,
    invite,
    pass_time,
    queue_sid,
    routing,
    standing_world,
    waiting_task,
    worker,
)

CLOSED = {"status": "closed"}


@pytest.fixture
def world() -> World:
    return standing_world()


def close(world: World, task_sid: str, routing_status: object = None) -> None:
    with world.turn():
        update_channel(world, channel_of(world, world.tasks[task_sid]), "closed", routing_status)


def test_invite_task_carries_the_flex_attributes(world: World) -> None:
    task = waiting_task(world, routing(world, attributes={"topic": "billing", "direction": "sideways"}))
    channel = channel_of(world, task)
    wanted = {
        "flexInteractionSid": channel.interaction_sid,
        "flexInteractionChannelSid": channel.sid,
        "flexChannelInviteSid": task.invite_sid,
        "conversationSid": channel.conversation_sid,
        "channelType": "sms",
        "taskCreateSource": "interaction",
        "initiatedBy": "customer",
        "topic": "billing",
        "direction": "sideways",
    }
    assert {name: task.attributes[name] for name in wanted} == wanted


@pytest.mark.parametrize(("choice", "kept"), [("overwritten", False), ("kept", True)])
def test_old_flex_sids_go_as_switched(choice: str, kept: bool) -> None:
    world = standing_world(caller_flex_sids=choice)
    old = "UO" + "0" * 32
    task = waiting_task(world, routing(world, attributes={"flexInteractionChannelSid": old}))
    assert (task.attributes["flexInteractionChannelSid"] == old) is kept


def test_attributes_may_be_a_json_text(world: World) -> None:
    task = waiting_task(world, routing(world, attributes=json.dumps({"topic": "billing"})))
    assert task.attributes["topic"] == "billing"


def test_accepting_agent_joins_channel_and_conversation(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    agent = agents_on(channel_of(world, task))[0]
    assert agent.routing == {
        "task_sid": task.sid,
        "worker_sid": worker(world, "alice").sid,
        "reservation_sid": task.reservation_sid,
    }
    assert [one.identity for one in conversation_of(world, task).members if one.agent] == ["alice"]


@pytest.mark.parametrize(
    ("routing_status", "after"),
    [
        pytest.param(None, "wrapping", id="no routing"),
        pytest.param({"status": "wrapup"}, "wrapping", id="wrapup"),
        pytest.param(CLOSED, "completed", id="closed"),
    ],
)
def test_closing_a_channel_ends_its_assigned_task(world: World, routing_status: object, after: str) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    close(world, task.sid, routing_status)
    assert (task.status, channel_of(world, task).status) == (after, "closed")
    assert conversation_of(world, task).state == "closed"


def test_closing_a_channel_cancels_what_waits(world: World) -> None:
    task = waiting_task(world)
    close(world, task.sid)
    assert (task.status, event_types(world, task)[-1]) == ("canceled", "task.canceled")


@pytest.mark.parametrize(("choice", "refused"), [("ok", False), ("refuse", True)])
def test_second_close_answers_as_switched(choice: str, refused: bool) -> None:
    world = standing_world(second_close=choice)
    task = waiting_task(world)
    close(world, task.sid)
    if refused:
        with pytest.raises(Refused) as told:
            close(world, task.sid)
        assert told.value.code == 45359
    else:
        close(world, task.sid)
        assert channel_of(world, task).status == "closed"


@pytest.mark.parametrize(
    ("status", "routing_status", "code"),
    [
        pytest.param("", None, 45358, id="no status"),
        pytest.param("active", None, 45359, id="not writable"),
        pytest.param("inactive", None, 45359, id="inactive without routing"),
        pytest.param("closed", {"status": "open"}, 45359, id="routing status"),
    ],
)
def test_wrong_channel_update_is_refused(world: World, status: str, routing_status: object, code: int) -> None:
    channel = channel_of(world, waiting_task(world))
    with pytest.raises(Refused) as told:
        update_channel(world, channel, status, routing_status)
    assert (told.value.code, channel.status) == (code, "active")


def test_inactive_channel_keeps_its_conversation_open(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    channel = channel_of(world, task)
    update_channel(world, channel, "inactive", CLOSED)
    assert (channel.status, task.status, agents_on(channel)) == ("inactive", "completed", [])
    assert conversation_of(world, task).state == "active"


def test_closed_participant_leaves_everything_else_open(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    channel = channel_of(world, task)
    close_participant(world, channel, agents_on(channel)[0])
    assert (channel.status, task.status, agents_on(channel)) == ("active", "completed", [])
    assert [one for one in conversation_of(world, task).members if one.agent] == []


def test_wrapped_participant_keeps_the_task_wrapping(world: World) -> None:
    task = waiting_task(world)
    does(world, "alice", "accept")
    wrap_participant(world, agents_on(channel_of(world, task))[0])
    assert (task.status, event_types(world, task)[-2:]) == ("wrapping", ["reservation.wrapup", "task.wrapup"])


def test_invite_makes_a_second_task_on_the_channel(world: World) -> None:
    first = waiting_task(world)
    second = invite(world, channel_of(world, first))
    assert (second.channel_sid, second.invite_sid != first.invite_sid) == (first.channel_sid, True)


def test_invite_on_a_closed_channel_is_refused(world: World) -> None:
    task = waiting_task(world)
    close(world, task.sid)
    with pytest.raises(Refused, match="closed"):
        create_invite(world, channel_of(world, task), routing(world))


def test_invite_into_a_closed_conversation_is_refused(world: World) -> None:
    task = waiting_task(world)
    end_conversation(world, conversation_of(world, task))
    with pytest.raises(Refused, match="closed"):
        create_invite(world, channel_of(world, task), routing(world))


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        pytest.param({"workspace_sid": None}, "workspace_sid", id="no workspace"),
        pytest.param({"workspace_sid": "WS" + "0" * 32}, "workspace_sid", id="foreign workspace"),
        pytest.param({"workflow_sid": None}, "workflow_sid", id="no workflow among several"),
        pytest.param({"workflow_sid": "WW" + "0" * 32}, "workflow_sid", id="unknown workflow"),
        pytest.param({"worker_sid": named_sid("WK", "bob")}, "queue_sid", id="worker without queue"),
        pytest.param({"queue_sid": queue_sid("billing")}, "worker_sid", id="queue without worker"),
        pytest.param({"queue_sid": "WQ" + "0" * 32}, "queue_sid", id="unknown queue"),
        pytest.param(
            {"queue_sid": queue_sid("billing"), "worker_sid": "WK" + "0" * 32}, "worker_sid", id="unknown worker"
        ),
        pytest.param({"task_channel_unique_name": "fax"}, "task_channel_unique_name", id="unknown task channel"),
        pytest.param({"priority": -1}, "priority", id="negative priority"),
        pytest.param({"priority": True}, "priority", id="priority no number"),
        pytest.param({"timeout": 0}, "timeout", id="no time"),
        pytest.param({"timeout": 1_209_601}, "timeout", id="more than two weeks"),
        pytest.param({"attributes": "[]"}, "attributes", id="attributes no object"),
        pytest.param({"attributes": {"note": "x" * 4096}}, "4096", id="attributes too long"),
    ],
)
def test_wrong_routing_is_refused_by_name(world: World, properties: dict[str, object], named: str) -> None:
    conversation = arrival(world)
    with pytest.raises(Refused, match=named):
        escalate(world, conversation, routing(world, **properties))
    assert (conversation.channel_sids, world.tasks) == ([], {})


def test_workflow_may_be_left_out_where_there_is_one(world: World) -> None:
    everyone = named_sid("WW", "everyone")
    world.workflows = {everyone: world.workflows[everyone]}
    assert waiting_task(world, routing(world, workflow_sid=None)).workflow_sid == everyone


def test_queue_without_worker_is_routed_if_switched() -> None:
    world = standing_world(queue_only_invite="allow")
    does(world, "alice", "online")
    task = waiting_task(world, routing(world, queue_sid=queue_sid("billing")))
    assert (task.queue_sid, task.status) == (queue_sid("billing"), "pending")


def new(channel: dict[str, object], world: World) -> NewInteraction:
    return NewInteraction({"type": "sms", "initiated_by": "customer", **channel}, routing(world))


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        pytest.param({"type": "fax"}, 45366, id="type"),
        pytest.param({"initiated_by": "nobody"}, 45366, id="initiated_by"),
        pytest.param({}, 45366, id="customer without conversation"),
        pytest.param({"properties": {"media_channel_sid": "CH" + "0" * 32}}, 45376, id="no such conversation"),
        pytest.param({"initiated_by": "agent"}, 45366, id="agent without participants"),
        pytest.param({"initiated_by": "agent", "participants": [{"address": "+1"}]}, 45366, id="agent without worker"),
    ],
)
def test_wrong_interaction_is_refused(world: World, channel: dict[str, object], code: int) -> None:
    with pytest.raises(Refused) as told:
        create_interaction(world, new(channel, world))
    assert told.value.code == code


def test_interaction_on_a_closed_conversation_is_refused(world: World) -> None:
    conversation = arrival(world)
    end_conversation(world, conversation)
    with pytest.raises(Refused) as told:
        escalate(world, conversation)
    assert told.value.code == 45354


def test_interaction_without_the_customer_is_refused(world: World) -> None:
    conversation = arrival(world)
    conversation.members.clear()
    with pytest.raises(Refused) as told:
        escalate(world, conversation)
    assert told.value.code == 45355


@pytest.mark.parametrize(("choice", "channels"), [("allow", 2), ("refuse", 1)])
def test_second_interaction_goes_as_switched(choice: str, channels: int) -> None:
    world = standing_world(second_interaction=choice)
    conversation = arrival(world)
    escalate(world, conversation)
    if choice == "refuse":
        with pytest.raises(Refused, match="open interaction"):
            escalate(world, conversation)
    else:
        escalate(world, conversation)
    assert len(conversation.channel_sids) == channels


def test_api_interaction_makes_its_conversation(world: World) -> None:
    people = [{"address": "+15550001111", "proxy_address": "+12125550100"}]
    made = create_interaction(world, new({"initiated_by": "api", "participants": people}, world))
    conversation = world.conversations[world.channels[made.channel_sid].conversation_sid]
    assert [one.address for one in conversation.members] == ["+15550001111"]


def test_agent_interaction_goes_to_that_agent(world: World) -> None:
    bob = worker(world, "bob").sid
    asked = routing(world, queue_sid=queue_sid("everyone"), worker_sid=bob)
    channel = {"type": "sms", "initiated_by": "agent", "participants": [{"address": "+15550001111"}]}
    made = create_interaction(world, NewInteraction(channel, asked))
    task = world.tasks_of(world.channels[made.channel_sid])[0]
    assert (task.routing_target, task.attributes["direction"]) == (bob, "outbound")


def test_channel_is_in_setup_for_a_while() -> None:
    world = standing_world(setup_s=5.0)
    channel = channel_of(world, waiting_task(world))
    seen = []
    for seconds in (4, 1):
        pass_time(world, seconds)
        seen.append(channel.status)
    assert seen == ["setup", "active"]


def test_failed_setup_shows_as_canceled_task() -> None:
    world = standing_world(setup_s=5.0, setup_fails=True)
    task = waiting_task(world)
    pass_time(world, 5)
    assert (channel_of(world, task).status, task.status) == ("failed", "canceled")


@pytest.mark.parametrize(
    ("deed", "channel", "conversation", "task"),
    [
        pytest.param("complete", "closed", "closed", "completed", id="complete"),
        pytest.param("wrapup", "closed", "closed", "wrapping", id="wrapup"),
        pytest.param("leave", "inactive", "active", "completed", id="leave"),
        pytest.param("drop", "active", "active", "completed", id="drop"),
    ],
)
def test_agent_deeds_leave_things_so(world: World, deed: str, channel: str, conversation: str, task: str) -> None:
    held = waiting_task(world)
    does(world, "alice", "accept")
    does(world, "alice", deed)
    now = (channel_of(world, held).status, conversation_of(world, held).state, held.status)
    assert now == (channel, conversation, task)
