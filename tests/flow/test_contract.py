"""Every request that our own code makes of Twilio, held to Twilio's OpenAPI files."""

from pathlib import Path

import pytest

from tests.flow.acts import errand, park, served
from tests.flow.world import World
from tests.sandbox.contract import Contract

pytestmark = pytest.mark.contract

# every operation that service/flex has
EXPECTED = {
    "DELETE /v1/Conversations/{ConversationSid}/Webhooks/{Sid}",
    "GET /v1/Conversations/{ConversationSid}/Messages",
    "GET /v1/Conversations/{ConversationSid}/Webhooks",
    "GET /v1/Conversations/{Sid}",
    "GET /v1/Interactions/{InteractionSid}/Channels/{ChannelSid}/Invites",
    "GET /v1/Interactions/{InteractionSid}/Channels/{ChannelSid}/Participants",
    "GET /v1/Interactions/{InteractionSid}/Channels/{Sid}",
    "GET /v1/Workspaces/{WorkspaceSid}/Activities",
    "GET /v1/Workspaces/{WorkspaceSid}/Events",
    "GET /v1/Workspaces/{WorkspaceSid}/TaskChannels",
    "GET /v1/Workspaces/{WorkspaceSid}/TaskQueues",
    "GET /v1/Workspaces/{WorkspaceSid}/TaskQueues/{TaskQueueSid}/RealTimeStatistics",
    "GET /v1/Workspaces/{WorkspaceSid}/Tasks",
    "GET /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}",
    "GET /v1/Workspaces/{WorkspaceSid}/Workers",
    "GET /v1/Workspaces/{WorkspaceSid}/Workers/{Sid}",
    "GET /v1/Workspaces/{WorkspaceSid}/Workflows",
    "POST /v1/Conversations/{ConversationSid}/Messages",
    "POST /v1/Conversations/{ConversationSid}/Webhooks",
    "POST /v1/Conversations/{Sid}",
    "POST /v1/Interactions",
    "POST /v1/Interactions/{InteractionSid}/Channels/{ChannelSid}/Invites",
    "POST /v1/Interactions/{InteractionSid}/Channels/{ChannelSid}/Participants/{Sid}",
    "POST /v1/Interactions/{InteractionSid}/Channels/{Sid}",
    "POST /v1/Workspaces/{WorkspaceSid}/Tasks/{Sid}",
}


def test_all_our_requests_are_as_published(world: World, openapi_dir: Path) -> None:
    contract = Contract(openapi_dir)
    _do_everything(world)
    made = world.control("GET", "log?kind=api")["entries"]
    assert made
    faults = [
        f"{entry['method']} {entry['path']}: {fault}"
        for entry in made
        for fault in contract.check_request(entry["method"], "", entry["path"], entry["form"] or entry["query"])
    ]
    assert faults == []
    assert {_named(contract, entry["method"], entry["path"]) for entry in made} == EXPECTED


def _named(contract: Contract, method: str, path: str) -> str:
    template = contract.name_of(method, path).removesuffix(f" {method}")
    return f"{method} {template}"


def _do_everything(world: World) -> None:
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept")
    world.await_state(first["id"], "accepted")
    moved = world.transfer(
        conversation_sid=first["conversation_sid"],
        to={"worker": "bob"},
        **{"from": {"worker_sid": world.info["workers"]["alice"]}},
    )
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    called_off = world.escalate(world.customer()["conversation_sid"])
    world.post(f"invites/{called_off['id']}/cancel", {})
    world.turn()

    _park_and_end(world)
    world.control("POST", "callbacks", {"lost": True})
    world.fault("POST /v1/Interactions", when="before", times=1, status=500)
    lost = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"})
    world.turn_until(lost["id"], "pending")
    world.catch_up()
    world.advance(90_000)
    world.catch_up()
    world.turn_until(lost["id"], "closed")

    world.reconciler.parts.statistics.queue(world.info["queues"]["billing"])

    half_closed = world.escalate(world.customer()["conversation_sid"])
    world.advance(90_000)
    gateway = world.reconciler.parts.gateway
    gateway.close_channel(str(half_closed["interaction_sid"]), str(half_closed["channel_sid"]))
    world.reconciler.parts.taskrouter.names()
    # no switch leaves a conversation open behind its channel: call what would close it
    world.reconciler.parts.conversations.close(world.customer()["conversation_sid"])


def _park_and_end(world: World) -> None:
    first = served(world)
    rests = park(world, first, same_agent_s=60)
    errand(world, "wake", first)
    world.turn_until_errand(rests["id"], "done")
    errand(world, "end", first)
