"""What agents and supervisors do in these stories, by the service's API."""

from typing import Any

import requests

from tests.flow.world import Answer, World


def served(world: World, *workers: str, by: str = "alice", **more: Any) -> Answer:
    """A conversation that alice attends (or ``by``), and whoever else is named."""
    invite = world.escalate(world.customer()["conversation_sid"], **more)
    world.agent(by, "accept")
    first = world.await_state(invite["id"], "accepted")
    for worker in workers:
        joined = transfer(world, first, to={"worker": worker}, mode="warm", idempotency_key=f"join-{worker}")
        world.agent(worker, "accept")
        world.await_state(joined["id"], "accepted")
        world.turn()
    return first


def transfer(world: World, first: Answer, **more: object) -> Answer:
    """Alice transfers."""
    wanted = {"from": {"worker_sid": sid_of(world, "alice")}, **more}
    return world.transfer(conversation_sid=first["conversation_sid"], **wanted)


def errand(world: World, kind: str, first: Answer, **body: object) -> Answer:
    """Ask for an errand on the conversation of ``first``."""
    return world.post(f"conversations/{first['conversation_sid']}/{kind}", body)


def leave(world: World, first: Answer, worker: str, **more: object) -> Answer:
    """An agent leaves by the service."""
    return errand(world, "leave", first, **{"from": {"worker_sid": sid_of(world, worker)}, **more})


def remove(world: World, first: Answer, worker: str, **more: object) -> Answer:
    """A supervisor takes an agent off."""
    return errand(world, "remove", first, participant={"worker_sid": sid_of(world, worker)}, **more)


def park(world: World, first: Answer, worker: str = "alice", **more: object) -> Answer:
    """An agent parks by the service."""
    return errand(world, "park", first, **{"from": {"worker_sid": sid_of(world, worker)}, **more})


def joins(world: World, first: Answer, kind: str = "supervisor", media: str = "{}") -> str:
    """Somebody without a task comes onto the channel of ``first``: their participant SID."""
    channel = f"{world.sandbox.base_url}/v1/Interactions/{first['interaction_sid']}/Channels/{first['channel_sid']}"
    form = {"Type": kind, "MediaProperties": media}
    login = (world.info["account_sid"], world.info["auth_token"])
    answer = requests.post(f"{channel}/Participants", form, auth=login, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["sid"])


def sid_of(world: World, worker: str) -> str:
    return str(world.info["workers"][worker])


def agents(world: World, first: Answer) -> list[str]:
    """Names of the agents on the channel now."""
    people = world.conversation(str(first["conversation_sid"]))["participants"]
    return sorted(person["worker"] for person in people if person["type"] == "agent")


def state(world: World, first: Answer) -> str:
    """The conversation's state at Twilio."""
    return str(world.conversation(str(first["conversation_sid"]))["state"])


def live_tasks(world: World, first: Answer) -> list[str]:
    """SIDs of the conversation's tasks that somebody may still take, or has taken."""
    tasks = world.conversation(str(first["conversation_sid"]))["tasks"]
    return [str(one["sid"]) for one in tasks if one["assignment_status"] not in ("completed", "canceled")]


def write(world: World, first: Answer, body: str = "Are you still there?") -> None:
    """The customer writes again."""
    world.control("POST", f"conversations/{first['conversation_sid']}/messages", {"body": body})


NOTHING_WRONG: dict[str, list[str]] = {"orphaned": [], "double_invited": [], "closed_under_agent": []}
