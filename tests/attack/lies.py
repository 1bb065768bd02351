"""Ways to make the local Twilio lie, and to see what stands there."""

import json

import requests

from tests.flow.world import Answer, World


def lie(world: World, match: str, body: object, **more: object) -> None:
    """Let Twilio answer such calls with ``body``."""
    world.fault(match, status=200, body=json.dumps(body) if not isinstance(body, str) else body, **more)


def people_now(world: World, first: Answer) -> object:
    """The list of participants as Twilio gives it now."""
    path = f"/v1/Interactions/{first['interaction_sid']}/Channels/{first['channel_sid']}/Participants"
    login = (world.info["account_sid"], world.info["auth_token"])
    return requests.get(f"{world.sandbox.base_url}{path}", auth=login, timeout=10).json()


def hooks(world: World, first: Answer) -> list[str]:
    return [hook["url"] for hook in world.conversation(str(first["conversation_sid"]))["webhooks"]]


def attributes(world: World, first: Answer) -> dict[str, object]:
    found = world.reconciler.parts.conversations.fetch(str(first["conversation_sid"]))
    assert found is not None
    return dict(found.attributes)


def invite_of_others(world: World, thread: dict[str, object], task_channel: str) -> str:
    """An application other than ours asks somebody onto a channel; the task's SID."""
    routing = {
        "workspace_sid": world.info["workspace_sid"],
        "workflow_sid": world.info["workflows"]["everyone"],
        "task_channel_unique_name": task_channel,
        "attributes": "{}",
    }
    path = f"/v1/Interactions/{thread['interaction_sid']}/Channels/{thread['channel_sid']}/Invites"
    login = (world.info["account_sid"], world.info["auth_token"])
    form = {"Routing": json.dumps({"properties": routing})}
    made = requests.post(f"{world.sandbox.base_url}{path}", data=form, auth=login, timeout=10)
    assert made.ok, made.text
    return str(made.json()["routing"]["properties"]["sid"])
